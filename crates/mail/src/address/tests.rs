use std::time::Duration;

use mail_parser::{HeaderValue as Parsed, MessageParser};

use super::*;
use crate::header::HeaderName;
use crate::stopwatch::Stopwatch;

fn list(text: &str) -> Result<AddressList, AddressError> {
    AddressList::parse(&HeaderValue::parse(text).unwrap())
}

fn write(list: &AddressList) -> String {
    list.write(&HeaderName::parse(b"To").unwrap())
}

#[test]
fn fields_are_read_generously_and_written_strictly() {
    for (read, written) in [
        ("a@example.test", "To: a@example.test\n"),
        ("<a@example.test>", "To: a@example.test\n"),
        ("  < a@EXAMPLE.test >  ", "To: a@example.test\n"),
        ("root", "To: root\n"),
        ("a@b, c@d", "To: a@b, c@d\n"),
        ("a@b,,c@d, ,", "To: a@b, c@d\n"),
        ("<root>, A <a@b>", "To: <root>, A <a@b>\n"),
        ("John Q. Public <a@b>", "To: \"John Q. Public\" <a@b>\n"),
        ("John Smith <a@b>", "To: John Smith <a@b>\n"),
        ("John(comment)Smith <a@b>", "To: John Smith <a@b>\n"),
        ("\"Smith, John\" <a@b>, c@d", "To: \"Smith, John\" <a@b>, c@d\n"),
        ("\"a \\\"b\\\" \\\\\" <a@b>", "To: \"a \\\"b\\\" \\\\\" <a@b>\n"),
        ("\"\" <a@b>", "To: a@b\n"),
        ("root@h (Cron Daemon)", "To: Cron Daemon <root@h>\n"),
        ("<root@h> (Cron Daemon)", "To: Cron Daemon <root@h>\n"),
        ("Name <root@h> (Cron Daemon)", "To: Name <root@h>\n"),
        ("root (Cron Daemon)", "To: Cron Daemon <root>\n"),
        ("=?iso-2022-jp?b?}?= <root@h>", "To: root@h\n"),
        ("root@h ()", "To: root@h\n"),
        ("(a, <b@c>) a@b", "To: a@b\n"),
        ("undisclosed-recipients:;", ""),
        ("undisclosed-recipients: ;, a@b", "To: a@b\n"),
        ("", ""),
        (",", ""),
        ("(nobody)", ""),
        ("G: a@example.test, c@example.test;", "To: a@example.test, c@example.test\n"),
        ("\"G, H\": A <a@b>,, c@d; (x), e@f, I:;", "To: A <a@b>, c@d, e@f\n"),
        ("Bücher <a@b>", "To: =?utf-8?Q?B=C3=BCcher?= <a@b>\n"),
        ("a@b (Bücher)", "To: =?utf-8?Q?B=C3=BCcher?= <a@b>\n"),
        ("=?utf-8?Q?M=C3=BCller?= <a@b>", "To: =?utf-8?Q?M=C3=BCller?= <a@b>\n"),
        ("\"=?utf-8?Q?M=C3=BCller?=\" <a@b>", "To: =?utf-8?Q?M=C3=BCller?= <a@b>\n"),
        ("=?utf-8?q?z@evil.test,?= <a@b>", "To: =?utf-8?B?ekBldmlsLnRlc3Qs?= <a@b>\n"),
        ("=?utf-8?q?M=C3=BCller,_Max?=<a@b>", "To: =?utf-8?B?TcO8bGxlciwgTWF4?= <a@b>\n"),
        ("\"ceo@bank.test\" <f@example.test>", "To: \"ceo@bank.test\" <f@example.test>\n"),
        ("ceo@bank.test <f@example.test>", "To: \"ceo@bank.test\" <f@example.test>\n"),
        ("\"A <z@evil.test>, B\" <a@b>", "To: \"A <z@evil.test>, B\" <a@b>\n"),
        ("a@bücher.example", "To: a@xn--bcher-kva.example\n"),
        ("o'neil+tag=x/y&z#1*?^_~@h", "To: o'neil+tag=x/y&z#1*?^_~@h\n"),
        ("+49123@h", "To: +49123@h\n"),
    ] {
        assert_eq!(list(read).map(|list| write(&list)), Ok(written.to_owned()), "{read}");
    }
}

#[test]
fn every_bad_address_is_refused_by_its_fault() {
    let fault = |text: &str| match list(text) {
        Ok(list) => format!("{:?}", write(&list)),
        Err(error) => format!("{error:?}").split(' ').next().unwrap_or_default().to_owned(),
    };
    assert_eq!(fault("user@example.test"), "\"To: user@example.test\\n\"");
    for (text, expected) in [
        ("us(x)er@example.test", "Comment"),
        ("user(x)@example.test", "Comment"),
        ("user@(x)example.test", "Comment"),
        ("<user@example.test(x)>", "Comment"),
        ("<@evil.test:user@example.test>", "SourceRoute"),
        ("@evil.test:user@example.test", "SourceRoute"),
        ("user@[192.0.2.1]", "Literal"),
        ("user@192.0.2.1", "Domain"),
        ("user@127.1", "Domain"),
        ("user@2130706433", "Domain"),
        ("user@0x7f000001", "Domain"),
        ("user@127.0.0.0x1", "Domain"),
        ("user@[IPv6:::1]", "Literal"),
        ("<user@[IPv6:2001:db8::1]>", "Literal"),
        ("\"user\"@example.test", "Quoted"),
        ("\"|/bin/id\"@example.test", "Quoted"),
        ("\"root\"", "Quoted"),
        ("<\"a>b\"@c>", "Unbalanced"),
        ("hé@example.test", "Local"),
        ("`id`@example.test", "Local"),
        ("a$b@example.test", "Local"),
        ("${run{/bin/id}}@example.test", "Local"),
        ("a|b@example.test", "Local"),
        ("{a}@example.test", "Local"),
        ("a%b@example.test", "Local"),
        ("a!b@example.test", "Local"),
        ("a\\b@example.test", "Local"),
        ("=?utf-8?q?a?=@example.test", "Local"),
        ("=?utf-8?q?z@evil.test", "Local"),
        ("`id`;x@example.test", "Semicolon"),
        ("a@b; c@d", "Semicolon"),
        ("a@b;", "Semicolon"),
        ("<a@b;c@d>", "Semicolon"),
        ("G: a@b; c@d", "Semicolon"),
        ("A: a@b; B: c@d;", "Semicolon"),
        ("-oQ/tmp@example.test", "Start"),
        ("-f", "Start"),
        ("<-f@h>", "Start"),
        ("/etc/passwd", "Start"),
        ("/etc/passwd@h", "Start"),
        ("+x", "Start"),
        ("_x", "Start"),
        ("~root", "Start"),
        (".a", "Start"),
        (":include:/etc/passwd", "Group"),
        ("A: B: c@d;;", "Group"),
        ("A: c@d", "Group"),
        ("a@b: c@d;", "Group"),
        ("A <a@b>: c@d;", "Group"),
        ("a..b@example.test", "Dot"),
        (".a@example.test", "Dot"),
        ("a.@example.test", "Dot"),
        ("a@b@c", "At"),
        ("<a@b@c>", "At"),
        ("@", "SourceRoute"),
        ("a@", "Domain"),
        ("a@b.", "Domain"),
        ("a@b..c", "Domain"),
        ("a@-b", "Domain"),
        ("a@b-", "Domain"),
        ("a@b_c", "Domain"),
        ("a@b!c", "Domain"),
        ("a@b/c", "Domain"),
        ("a@é\u{ff20}b", "Domain"),
        ("<>", "Empty"),
        ("Name < >", "Empty"),
        ("a b", "Blank"),
        ("a @b", "Blank"),
        ("a@ b", "Blank"),
        ("John Smith a@b", "Blank"),
        ("<a@b> c@d", "Blank"),
        ("<a@b> <c@d>", "Blank"),
        ("a@b c@d", "Blank"),
        ("<<>>@@,,;:", "Unbalanced"),
        ("a@example.test, <<bad", "Unbalanced"),
        ("<<a@b>>", "Unbalanced"),
        ("<<a@b>", "Local"),
        ("a@b>", "Unbalanced"),
        ("a@b)", "Unbalanced"),
        ("(a@b", "Unbalanced"),
        ("\"a@b", "Unbalanced"),
        ("\"a\\", "Unbalanced"),
    ] {
        assert_eq!(fault(text), expected, "{text}");
        assert!(list(&format!("good@example.test, {text}")).is_err(), "one good address beside {text}");
    }
}

#[test]
fn lengths_have_limits() {
    let label = "d".repeat(63);
    let local = "l".repeat(64);
    assert!(Address::parse(&format!("{local}@{label}")).is_ok());
    let error = Address::parse(&format!("{local}l@{label}")).unwrap_err();
    assert!(matches!(error, AddressError::LocalLength { octets: 65, .. }));
    assert!(Domain::parse(&format!("{label}d")).is_err());
    let longest = format!("{label}.{label}.{label}.{}", "d".repeat(61));
    assert_eq!(Domain::parse(&longest).map(|domain| domain.as_str().len()), Ok(253));
    assert!(Domain::parse(&format!("{longest}d")).is_err());
    let message = Address::parse(&"a b".repeat(2000)).unwrap_err().to_string();
    assert!(message.len() < 250 && message.contains("a ba b"), "{message}");
}

#[test]
fn an_error_names_the_address_and_the_remedy() {
    let message = list("a@example.test, b c@example.test").unwrap_err().to_string();
    assert_eq!(message, "address \"b c@example.test\" has a blank inside: write it as Name <user@domain>");
    let message = Address::parse("a\nb@c").unwrap_err().to_string();
    assert_eq!(message, "address \"a\\nb@c\" has '\\n' before the @: use letters, digits and any of .+-_=&#*?^~'/");
}

#[test]
fn domains_are_ascii_and_lower_case() {
    for (text, ascii) in [
        ("Example.ORG", "example.org"),
        ("localhost", "localhost"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("日本。jp", "xn--wgv71a.jp"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a--b.1.c", "a--b.1.c"),
    ] {
        assert_eq!(Domain::parse(text).map(|domain| domain.to_string()), Ok(ascii.to_owned()));
    }
    for text in ["", ".", "a.", ".a", "a..b", "a b", "a\n", "a\0", "é_", "é b", "é.", "é..a", "a@b", "[1.2.3.4]", "é/"]
    {
        assert!(Domain::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn bare_names_are_completed() {
    let domain = Domain::parse("example.org").unwrap();
    let list = list("root, <admin>, a@b").unwrap().complete(&domain);
    assert_eq!(write(&list), "To: root@example.org, admin@example.org, a@b\n");
    assert_eq!(list.len(), 3);
    assert_eq!(list.addresses().map(Address::local).collect::<Vec<_>>(), ["root", "admin", "a"]);
}

#[test]
fn half_a_name_is_no_address() {
    for (text, half) in [
        ("Doe, Jane <jane@example.org>", "Doe"),
        ("Jane <jane@example.org>, root", "root"),
        ("John Doe, Jane <jane@example.org>", "John Doe"),
        ("M\u{fc}ller, J\u{fc}rgen <j@example.org>", "M\u{fc}ller"),
        ("\"Doe\", Jane <jane@example.org>", "\"Doe\""),
        ("a@b, Team: Doe, Jane <jane@example.org>;", "Doe"),
        ("Doe (x), Jane <jane@example.org>", "Doe (x)"),
    ] {
        assert_eq!(list(text), Err(AddressError::BareName { text: half.to_owned() }), "{text}");
    }
    for text in [
        "\"Doe, Jane\" <jane@example.org>",
        "<root>, Jane <jane@example.org>",
        "root, jane@example.org (Jane)",
        "root, <jane@example.org>",
        "a@b, Jane <jane@example.org>",
        "Team: Jane <jane@example.org>;, (nobody), x@y",
    ] {
        assert!(list(text).is_ok(), "{text}: {:?}", list(text));
    }
    let message = list("Doe, Jane <jane@example.org>").unwrap_err().to_string();
    assert!(message.starts_with("\"Doe\" stands beside named addresses: quote the name"), "{message}");
}

#[test]
fn a_mailbox_is_exactly_one() {
    let parse = |text: &str| Mailbox::parse(&HeaderValue::parse(text).unwrap());
    let one = parse("Name <a@b>").unwrap();
    assert_eq!((one.name(), one.address().to_string().as_str()), (Some("Name"), "a@b"));
    for (text, found) in [("", 0), ("x:;", 0), ("a@b, c@d", 2), ("f@example.test, g@evil.test, h@i", 3)] {
        assert!(matches!(parse(text), Err(AddressError::Count { found: n, .. }) if n == found), "{text}");
    }
    assert_eq!(parse("a@b, c@d").unwrap_err().to_string(), "\"a@b, c@d\" holds 2 addresses: give exactly one");
}

#[test]
fn a_name_from_elsewhere_stays_a_name() {
    let address = || Address::parse("f@example.test").unwrap();
    for (name, written) in [
        (None, "f@example.test"),
        (Some(""), "f@example.test"),
        (Some(" \r\n"), "f@example.test"),
        (Some("Fred"), "Fred <f@example.test>"),
        (Some("\"A\" <z@evil.test>, B"), "\"\\\"A\\\" <z@evil.test>, B\" <f@example.test>"),
        (Some("A\nBcc: z@evil.test"), "\"A Bcc: z@evil.test\" <f@example.test>"),
        (Some("Jörg"), "=?utf-8?B?SsO2cmc=?= <f@example.test>"),
    ] {
        assert_eq!(Mailbox::new(name, address()).to_string(), written);
    }
}

#[test]
fn long_lists_fold_between_addresses_and_read_back() {
    let names =
        ["", "Name ", "\"Smith, John\" ", "Jörg Müller aus dem schönen Köln am Rhein Straße der Bücher ", "A. "];
    let entries: Vec<String> = (0..200).map(|n| format!("{}<user{n}@example.test>", names[n % names.len()])).collect();
    let parsed = list(&entries.join(", ")).unwrap();
    let field = write(&parsed);
    assert!(field.is_ascii());
    for line in field.lines() {
        assert!(line.len() <= 78 && !line.trim().is_empty(), "{line}");
    }
    let message = format!("{field}\n");
    let read = MessageParser::default().parse(message.as_bytes()).unwrap();
    let Some(Parsed::Address(all)) = read.header("To") else { panic!("{field}") };
    let found: Vec<_> =
        all.iter().map(|one| (one.name().map(str::to_owned), one.address().unwrap().to_owned())).collect();
    let given: Vec<_> =
        parsed.mailboxes().map(|one| (one.name().map(str::to_owned), one.address().to_string())).collect();
    assert!(found == given, "{field}");
    let again = field["To:".len()..].replace('\n', "");
    assert_eq!(write(&list(&again).unwrap()), field);
}

#[test]
fn hostile_nesting_takes_no_time_and_no_stack() {
    let start = Stopwatch::start();
    for text in [
        format!("{}{} a@example.test", "(".repeat(10_000), ")".repeat(10_000)),
        format!("a@example.test {}{}", "(".repeat(10_000), ")".repeat(10_000)),
        "(".repeat(30_000),
        "<".repeat(30_000),
        "\"".repeat(30_001),
        "\"\" ".repeat(10_000),
        "()".repeat(15_000),
        "a:".repeat(15_000),
        "a:;,".repeat(8_000),
        "a,".repeat(15_000),
        "@".repeat(30_000),
        "\\".repeat(30_000),
        format!("a@{}", "é.".repeat(9_000)),
    ] {
        let _ = list(&text).map(|list| write(&list));
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(write(&list(&format!("{}{} a@b", "(".repeat(3000), ")".repeat(3000))).unwrap()), "To: a@b\n");
}

#[test]
fn whatever_is_accepted_is_read_back_as_the_same_by_another_parser() {
    let alphabet = [
        "a",
        "b@c",
        "x@y.z",
        " ",
        " ",
        ",",
        "<",
        ">",
        "<d@e>",
        "\"",
        "\"n, m\"",
        "(",
        ")",
        "(r)",
        ":",
        ";",
        ".",
        "é",
        "=?utf-8?q?x?=",
        "\\",
        "@",
        "[",
        "-",
    ];
    let mut seed = 7_u32;
    let mut accepted = 0;
    for round in 0..60_000 {
        let text: String = (0..round % 9 + 1)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                alphabet[(seed >> 16) as usize % alphabet.len()]
            })
            .collect();
        let Ok(parsed) = list(&text) else { continue };
        let field = write(&parsed);
        if field.is_empty() {
            continue;
        }
        accepted += 1;
        let message = format!("{field}\n");
        let read = MessageParser::default().parse(message.as_bytes()).unwrap();
        let Some(Parsed::Address(all)) = read.header("To") else { panic!("{field}") };
        let found: Vec<_> = all.iter().map(|one| one.address().or(one.name()).unwrap_or_default().to_owned()).collect();
        let given: Vec<_> = parsed.addresses().map(Address::to_string).collect();
        assert_eq!(found, given, "{text} -> {field}");
        assert_eq!(write(&list(field["To:".len()..].trim()).unwrap()), field, "{text}");
    }
    assert!(accepted > 1000, "{accepted}");
}
