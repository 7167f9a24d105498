//! The posts, by what is unusual about them: subjects, addresses, other fields, text, other bodies, sizes, ways of sending.

use super::lines;
use super::row::Post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub fn rows() -> Vec<Post> {
    [subjects(), addresses(), fields(), text(), types(), encodings(), multiparts(), sizes(), sendings()]
        .into_iter()
        .flatten()
        .collect()
}

fn post(name: &'static str) -> Post {
    Post::new(name)
}

fn subjects() -> Vec<Post> {
    let words = "a subject of many words ".repeat(14);
    let greek = "Καλημέρα κόσμε ".repeat(20);
    vec![
        post("the curl example").same_subject("test").mailboxes("From", "f@example.test", &[("", "f@example.test")]),
        post("no subject").without("Subject").absent("Subject"),
        post("an empty subject").same_subject(""),
        post("a UTF-8 subject").same_subject("Grüße aus Köln"),
        post("a Latin-1 subject").subject(b"Gr\xfc\xdfe aus K\xf6ln", "Grüße aus Köln"),
        post("an emoji in the subject").same_subject("Done 🎉 at last"),
        post("a long CJK subject").same_subject(&"日本語の件名".repeat(30)),
        post("a long Greek subject with spaces").same_subject(greek.trim_end()),
        post("a long subject").same_subject(words.trim_end()),
        post("an unbreakable subject of 300").same_subject(&"x".repeat(300)),
        post("an unbreakable subject of 2000").same_subject(&"x".repeat(2000)),
        post("an unbreakable subject of 989, near the limit").same_subject(&"y".repeat(989)),
        post("an unbreakable UTF-8 subject of 1000").same_subject(&"é".repeat(1000)),
        post("a quoted-printable encoded word").subject("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        post("a base64 encoded word in Latin-1").subject("=?iso-8859-1?b?R3L832U=?=", "Grüße"),
        post("two encoded words").subject("=?utf-8?q?one?= =?utf-8?q?_two?=", "one two"),
        post("an encoded word beside UTF-8").subject("=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Köln", "Grüße aus Köln"),
        post("text that looks like an encoded word").same_subject("=?not an encoded word?= at all"),
        post("quotes and backslashes").same_subject(r#"He said "no" \ maybe (or not) <here>, there; @all"#),
        post("runs of spaces").same_subject("one  two   three    four"),
        post("long with runs of spaces").same_subject(&["word"; 60].join("   ")),
        post("a UTF-8 subject cut inside its last letter").subject(b"Gr\xc3\xbc\xc3\x9fe aus K\xc3", "Grüße aus K"),
        post("a Latin-1 subject that ends like cut UTF-8").subject(b"un caf\xe9", "un café"),
        post("a Korean encoded word in ISO-2022").written(
            "Subject",
            "=?ISO-2022-KR?B?GyQpQw4wISMsMyoPIQ==?=",
            "=?ISO-2022-KR?B?GyQpQw4wISMsMyoPIQ==?=",
        ),
        post("a TAB in the subject").same_subject("one\ttwo"),
        post("two subjects, joined by httpd").subject("one", "one, two").sends_also("Subject", "two"),
    ]
}

fn addresses() -> Vec<Post> {
    let hundred: Vec<String> = (1..=100).map(|number| format!("user{number}@example.test")).collect();
    let pairs: Vec<(&str, &str)> = hundred.iter().map(|address| ("", address.as_str())).collect();
    let (a, b) = ("a@example.test", "b@example.test");
    let long_name = "Bürgermeisterin ".repeat(12);
    vec![
        post("a name").mailboxes(
            "From",
            "Alice Example <alice@example.test>",
            &[("Alice Example", "alice@example.test")],
        ),
        post("a name with a comma").mailboxes(
            "To",
            r#""Doe, John" <john@example.test>"#,
            &[("Doe, John", "john@example.test")],
        ),
        post("a name with quotes").mailboxes("To", r#""The \"Boss\"" <b@example.test>"#, &[("The \"Boss\"", b)]),
        post("a UTF-8 name").mailboxes(
            "From",
            "Jürgen Müller <j@example.test>",
            &[("Jürgen Müller", "j@example.test")],
        ),
        post("a Latin-1 name").mailboxes(
            "From",
            b"J\xfcrgen M\xfcller <j@example.test>",
            &[("Jürgen Müller", "j@example.test")],
        ),
        post("a quoted UTF-8 name with a comma").mailboxes(
            "To",
            "\"Müller, Jürgen\" <j@example.test>",
            &[("Müller, Jürgen", "j@example.test")],
        ),
        post("an encoded word as a name").mailboxes(
            "To",
            "=?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <j@example.test>",
            &[("Jürgen Müller", "j@example.test")],
        ),
        post("a long UTF-8 name").mailboxes("To", format!("{}<{a}>", long_name), &[(long_name.trim_end(), a)]),
        post("a name with unquoted dots").mailboxes(
            "From",
            "John Q. Public <john@example.test>",
            &[("John Q. Public", "john@example.test")],
        ),
        post("a name as a trailing comment").mailboxes(
            "From",
            "root@example.test (Cron Daemon)",
            &[("Cron Daemon", "root@example.test")],
        ),
        post("angle brackets without a name").mailboxes("To", "<a@example.test>", &[("", a)]),
        post("several recipients").mailboxes(
            "To",
            "a@example.test, Bob <b@example.test>,\"C, D\" <c@example.test>",
            &[("", a), ("Bob", b), ("C, D", "c@example.test")],
        ),
        post("empty list elements").mailboxes("To", "a@example.test,, b@example.test,", &[("", a), ("", b)]),
        post("two To fields, joined by httpd").mailboxes("To", a, &[("", a), ("", b)]).sends_also("To", b),
        post("a hundred recipients").mailboxes("To", hundred.join(", "), &pairs),
        post("Cc and Bcc").mailboxes("Cc", "Bob <b@example.test>", &[("Bob", b)]).mailboxes(
            "Bcc",
            "z@example.test",
            &[("", "z@example.test")],
        ),
        post("only Bcc").without("To").mailboxes("Bcc", "z@example.test", &[("", "z@example.test")]),
        post("an empty Cc").sends("Cc", "").absent("Cc"),
        post("a group").mailboxes("To", "Team: a@example.test, Bob <b@example.test>;", &[("", a), ("Bob", b)]),
        post("a group with a UTF-8 name").mailboxes("To", "Küche: a@example.test;", &[("", a)]),
        post("an empty group and Bcc").sends("To", "undisclosed-recipients:;").absent("To").mailboxes(
            "Bcc",
            b,
            &[("", b)],
        ),
        post("a group among others").mailboxes("To", "a@example.test, Team: b@example.test;", &[("", a), ("", b)]),
        post("an international domain").mailboxes(
            "To",
            "Jürgen <j@münchen.example>",
            &[("Jürgen", "j@xn--mnchen-3ya.example")],
        ),
        post("a domain in A-labels").mailboxes("To", "j@xn--mnchen-3ya.example", &[("", "j@xn--mnchen-3ya.example")]),
        post("a bare name, completed by SendmailDomain").mailboxes("To", "root", &[("", "root@example.test")]),
        post("odd atoms in a local part").mailboxes(
            "To",
            "o'brien+tag=x_y-z@example.test",
            &[("", "o'brien+tag=x_y-z@example.test")],
        ),
        post("capitals").mailboxes("To", "John.Doe@EXAMPLE.Test", &[("", "John.Doe@example.test")]),
        post("Sender and Reply-To")
            .mailboxes("Sender", "Desk <desk@example.test>", &[("Desk", "desk@example.test")])
            .mailboxes(
                "Reply-To",
                "r@example.test, Zoë <z@example.test>",
                &[("", "r@example.test"), ("Zoë", "z@example.test")],
            ),
    ]
}

fn fields() -> Vec<Post> {
    let references: Vec<String> = (1..=30).map(|number| format!("<message.{number}@list.example.test>")).collect();
    let references = references.join(" ");
    vec![
        post("a thread").field("In-Reply-To", "<1@example.test>", "<1@example.test>").field(
            "References",
            "<0@example.test> <1@example.test>",
            "<0@example.test> <1@example.test>",
        ),
        post("a long thread").field("References", &references, &references),
        post("an own Message-ID").message_id("own.1-2+3@client.example.test"),
        post("an own Date").date("Tue, 01 Jul 2003 10:52:37 +0200", "2003-07-01T10:52:37+02:00"),
        post("an own MIME-Version").field("MIME-Version", "1.0", "1.0"),
        post("marks of mailing lists and machines")
            .field("List-Unsubscribe", "<https://example.test/u?x=1>", "<https://example.test/u?x=1>")
            .field("Auto-Submitted", "auto-generated", "auto-generated")
            .field("X-Priority", "1", "1"),
        post("a Date as HTTP libraries write it").written(
            "Date",
            "Tue, 01 Jul 2003 10:52:37 GMT",
            "Tue, 01 Jul 2003 10:52:37 +0000",
        ),
        post("a Date of RFC 850").written("Date", "Tuesday, 01-Jul-03 10:52:37 GMT", "Tue, 01 Jul 2003 10:52:37 +0000"),
        post("a Date of asctime").written("Date", "Tue Jul  1 10:52:37 2003", "Tue, 01 Jul 2003 10:52:37 +0000"),
        post("an obsolete Date").written("Date", "Tue, 1 Jul 03 10:52 PDT (summer)", "Tue, 01 Jul 2003 10:52:00 -0700"),
        post("threads as programs write them").written("In-Reply-To", "1@example.org", "<1@example.org>").written(
            "References",
            "<0@example.org>, <1@example.org>",
            "<0@example.org> <1@example.org>",
        ),
        post("two References, joined by httpd")
            .written("References", "<0@example.org>", "<0@example.org> <1@example.org>")
            .sends_also("References", "<1@example.org>"),
        post("other structured fields, written anew")
            .written("Auto-Submitted", "auto-replied ; owner=me (a comment)", "auto-replied; owner=me")
            .written("Content-Language", "de , en-GB", "de, en-GB")
            .written("Content-ID", "part1@example.org", "<part1@example.org>")
            .written("Importance", "High (at last)", "High")
            .written("MIME-Version", "1.0 (a mail program)", "1.0")
            .written("List-ID", "Küche <kitchen.example.org>", "=?utf-8?B?S8O8Y2hl?= <kitchen.example.org>")
            .written(
                "List-Post",
                "<mailto:l@example.org> (the list),<https://example.org/l>",
                "<mailto:l@example.org>, <https://example.org/l>",
            )
            .written(
                "List-Unsubscribe",
                "<https://example.org/u?a=%20b>,  <mailto:u@example.org>",
                "<https://example.org/u?a=%20b>, <mailto:u@example.org>",
            )
            .written("Keywords", "Küche,  \"a, b\"", "=?utf-8?B?S8O8Y2hl?=, \"a, b\""),
        post("a UTF-8 field of one's own").field("X-Department", "Küche und Garten", "Küche und Garten"),
        post("Keywords and Comments").field("Keywords", "one, two", "one, two").field(
            "Comments",
            "über alles",
            "über alles",
        ),
    ]
}

fn text() -> Vec<Post> {
    let every: Vec<u8> = (0..=255).collect();
    vec![
        post("UTF-8 text").text("Grüße aus Köln\n").charset("utf-8"),
        post("Latin-1 text").text(b"Gr\xfc\xdfe aus K\xf6ln\n").charset("iso-8859-1"),
        post("text in a named charset").text_of("text/plain; charset=iso-8859-15", b"10 \xa4\n").charset("iso-8859-15"),
        post("UTF-16 text").text_of("text/plain; charset=utf-16", utf16("Grüße\r\naus Köln\r\n")).charset("utf-16"),
        post("mostly not ASCII").text("Καλημέρα κόσμε\n".repeat(40)).charset("utf-8"),
        post("CRLF").text("one\r\ntwo\r\n\r\nthree\r\n"),
        post("mixed line ends").text("one\r\ntwo\nthree\r\n"),
        post("a bare CR").text("one\rtwo\nthree\n"),
        post("a lone dot").text("one\n.\ntwo\n"),
        post("a lone dot with CRLF").text("one\r\n.\r\ntwo\r\n"),
        post("a dot first and last").text(".\nmiddle\n."),
        post("lines that begin with dots").text("..\n.x\n...\n"),
        post("From at the start").text("From here to there\nFrom evil Mon Jan  1 00:00:00 2024\n>From quoted\n"),
        post("NUL in text").text(b"one\0two\n"),
        post("every octet").text(every.repeat(3)),
        post("control characters").text(b"bell\x07 esc\x1b[2J del\x7f vt\x0b ff\x0c\n"),
        post("no final newline").text("the end"),
        post("no final newline after UTF-8").text("the énd").charset("utf-8"),
        post("nothing but a newline").text("\n"),
        post("blank lines around").text("\n\n\nmiddle\n\n\n"),
        post("what looks like a header").text("Bcc: z@evil.test\r\nSubject: other\r\n\r\nx\n"),
        post("white space at line ends").text("space \ntab\t\n \n\t\nend \t"),
        post("equal signs").text("a=3D b=\nc==\n=20\n"),
        post("a byte order mark").text("\u{feff}text\n").charset("utf-8"),
        post("a line of 990").text("x".repeat(990) + "\n"),
        post("a line of 991").text("x".repeat(991) + "\n"),
        post("a line of 998").text("x".repeat(998) + "\n"),
        post("a line of 100 000").text("long ".repeat(20_000) + "\nshort\n"),
        post("a long UTF-8 line").text("é".repeat(5_000)).charset("utf-8"),
        post("format=flowed").text_of("text/plain; charset=utf-8; format=flowed", "soft \nbreak\n-- \nme\n"),
    ]
}

fn types() -> Vec<Post> {
    let every: Vec<u8> = (0..=255).collect();
    vec![
        post("no type").without("Content-Type").text("plain\n").content_type("text/plain"),
        post("no type, 8-bit").without("Content-Type").text("Grüße\n").charset("utf-8"),
        post("no type, NUL").without("Content-Type").body(b"a\0b").reads_exactly("application/octet-stream", b"a\0b"),
        post("HTML").text_of("text/html; charset=utf-8", "<p>Grüße &amp; Küsse</p>\n"),
        post("JSON").binary_of("application/json", "{\"name\": \"Jürgen\"}"),
        post("an attachment alone")
            .binary_of("application/pdf", every.repeat(7))
            .field("Content-Disposition", "attachment; filename=\"a b.pdf\"", "attachment; filename=\"a b.pdf\"")
            .filename(0, "a b.pdf"),
        post("a file name with blanks and no quotes")
            .binary_of("application/pdf", b"%PDF")
            .written(
                "Content-Disposition",
                "attachment; filename=Incoming Email Flow.pdf",
                "attachment; filename=\"Incoming Email Flow.pdf\"",
            )
            .filename(0, "Incoming Email Flow.pdf"),
        post("a file name in UTF-8")
            .binary_of("application/pdf", b"%PDF")
            .written(
                "Content-Disposition",
                "attachment; filename=\"Prüfbericht.pdf\"",
                "attachment; filename*=utf-8''Pr%C3%BCfbericht.pdf",
            )
            .filename(0, "Prüfbericht.pdf"),
        post("a file name in Latin-1, as a browser and as an encoded word")
            .binary_of("application/pdf; name=\"=?iso-8859-1?Q?Pr=FCfbericht.pdf?=\"", b"%PDF")
            .written(
                "Content-Disposition",
                "attachment; filename=\"Pruefbericht.pdf\"; filename*=iso-8859-1'de'Pr%FCfbericht.pdf",
                "attachment; filename*=utf-8''Pr%C3%BCfbericht.pdf",
            )
            .filename(0, "Prüfbericht.pdf"),
        post("HTML in the charset that it names")
            .text_of(
                "text/html",
                b"<!DOCTYPE html><html><head><meta charset=\"windows-1251\"></head>\xcf\xf0\xe8\xe2\xe5\xf2",
            )
            .charset("windows-1251"),
        post("HTML whose charset contradicts it")
            .text_of("text/html", b"<meta charset=utf-8><p>Gr\xfc\xdfe")
            .charset("iso-8859-1"),
        post("XML in the charset that it names")
            .text_of("text/xml", b"<?xml version=\"1.0\" encoding=\"koi8-r\"?>\n<a>\xf0\xd2\xc9</a>\n")
            .charset("koi8-r"),
        post("UTF-16 text that says so by its first octets")
            .sends("Content-Type", "text/plain")
            .body(utf16("Grüße\r\naus Köln\n"))
            .reads_exactly("text/plain", utf16("Grüße\r\naus Köln\n"))
            .charset("utf-16"),
        post("UTF-8 text cut inside its last letter").text(b"Gr\xc3\xbc\xc3\x9fe aus K\xc3").charset("utf-8"),
        post("a calendar in base64, whose lines end as RFC 5545 says")
            .sends("Content-Type", "text/calendar; method=REQUEST; charset=utf-8")
            .body(format!("BEGIN:VCALENDAR\nSUMMARY:{}\nEND:VCALENDAR\n", "Καλημέρα κόσμε ".repeat(9)))
            .reads_exactly(
                "text/calendar",
                format!("BEGIN:VCALENDAR\r\nSUMMARY:{}\r\nEND:VCALENDAR\r\n", "Καλημέρα κόσμε ".repeat(9)),
            ),
        post("an image").binary_of("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        post("binary with CRLF, LF and CR").binary_of("application/octet-stream", b"a\r\nb\nc\rd\r\n"),
        post("binary, empty").binary_of("application/octet-stream", b""),
        post("a message")
            .sends("Content-Type", "message/rfc822")
            .body("Subject: inner\nFrom: i@example.test\n\ninside\n")
            .reads_text("text/plain", "inside\n"),
    ]
}

fn encodings() -> Vec<Post> {
    let every: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let line = STANDARD.encode(&every);
    let folded: String =
        line.as_bytes().chunks(76).map(|chunk| String::from_utf8_lossy(chunk).into_owned() + "\r\n").collect();
    let own = |name, coding: &str| post(name).sends("Content-Transfer-Encoding", coding);
    let pdf = |post: Post| post.sends("Content-Type", "application/pdf");
    vec![
        pdf(own("own base64", "base64")).body(folded.clone()).reads_exactly("application/pdf", every.clone()),
        pdf(own("own base64 in capitals", "BASE64")).body(folded).reads_exactly("application/pdf", every.clone()),
        pdf(own("own base64 in one line", "base64")).body(line).reads_exactly("application/pdf", every),
        own("own quoted-printable", "quoted-printable")
            .sends("Content-Type", "text/plain; charset=utf-8")
            .body("Gr=C3=BC=C3=9Fe=20\r\nsoft=\r\n line\r\n")
            .reads_text("text/plain", "Grüße \r\nsoft line\r\n"),
        own("own quoted-printable with small digits", "quoted-printable")
            .sends("Content-Type", "text/plain; charset=utf-8")
            .body("Gr=c3=bc=c3=9fe\n.\nFrom me\n")
            .reads_text("text/plain", "Grüße\n.\nFrom me\n")
            .contains("Gr=C3=BC=C3=9Fe\n=2E\n=46rom me\n"),
        own("8bit, which is ignored", "8bit").text("Grüße\n").charset("utf-8"),
        own("binary, which is ignored", "binary").text("Grüße\r\n\0"),
        own("7bit over 7-bit", "7bit").text("plain\n"),
    ]
}

const MIXED: &str = "multipart/mixed; boundary=\"frontier\"";

fn multiparts() -> Vec<Post> {
    let attachment: Vec<u8> = (0..=255).cycle().take(2000).collect();
    let coded: String = STANDARD
        .encode(&attachment)
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
        .collect();
    let mixed = format!(
        "preamble\n--frontier\nContent-Type: text/plain\n\nHello there\n--frontier\nContent-Type: application/zip\n\
         Content-Disposition: attachment; filename=\"a.zip\"\nContent-Transfer-Encoding: base64\n\n{coded}--frontier--\nepilogue\n"
    );
    let eight =
        "--frontier\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n--frontier--\n";
    let alternative = "--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--b--\r\n";
    let nested = format!(
        "--frontier\nContent-Type: multipart/alternative; boundary=b\n\n{alternative}\n--frontier\nContent-Type: image/gif\n\
         Content-Transfer-Encoding: base64\n\nR0lG\n--frontier--\n"
    );
    let sends = |name, content_type: &str, body: String| post(name).sends("Content-Type", content_type).body(body);
    let html = format!("<p>{}</p>", "Lange Zeile, wie PHP sie schreibt: Grüße. ".repeat(120));
    let long = format!(
        "--frontier\r\nContent-Type: text/plain\r\n\r\nplain\r\n--frontier\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\nX-Own: kept\r\n\r\n{html}\r\n--frontier\r\nContent-Type: application/zip\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--frontier--\r\n",
        coded.replace('\n', "")
    );
    let forwarded = format!(
        "--frontier\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Type: text/plain; charset=iso-8859-1\n\n\
         {}\n.\n--frontier--\n",
        "x".repeat(5000)
    );
    vec![
        sends("multipart with lines of 5000 octets", "multipart/alternative; boundary=frontier", long)
            .reads_text("text/plain", "plain")
            .reads_exactly("text/html", html)
            .reads_exactly("application/zip", attachment.clone())
            .contains("\nX-Own: kept\n"),
        sends("a message in a multipart with a long line and a dot", MIXED, forwarded)
            .reads_text("text/plain", "x".repeat(5000) + "\n.")
            .contains("\nContent-Type: message/rfc822\n\nSubject: inner\n"),
        sends("multipart with an attachment", MIXED, mixed.clone())
            .reads_text("text/plain", "Hello there")
            .reads_exactly("application/zip", attachment.clone())
            .filename(1, "a.zip"),
        sends("multipart with CRLF", MIXED, mixed.replace('\n', "\r\n"))
            .reads_text("text/plain", "Hello there")
            .reads_exactly("application/zip", attachment),
        sends("multipart with 8-bit text", MIXED, eight.to_owned()).reads_text("text/plain", "Grüße"),
        sends("multipart/alternative", "multipart/alternative; boundary=b", alternative.to_owned())
            .reads_text("text/plain", "plain")
            .reads_text("text/html", "<p>html</p>"),
        sends("multipart in multipart", MIXED, nested)
            .reads_text("text/plain", "plain")
            .reads_text("text/html", "<p>html</p>")
            .reads_exactly("image/gif", "GIF"),
    ]
}

fn sizes() -> Vec<Post> {
    const K: usize = 1024;
    const M: usize = 1024 * K;
    let binary = |octets: usize| (0..octets).map(|at| (at * 31 % 251) as u8).collect::<Vec<u8>>();
    let octets = "application/octet-stream";
    vec![
        post("64 KiB less one").text(lines(64 * K - 1)),
        post("64 KiB").text(lines(64 * K)),
        post("64 KiB and one").text(lines(64 * K + 1)),
        post("binary of 64 KiB less one").binary_of(octets, binary(64 * K - 1)),
        post("binary of 64 KiB").binary_of(octets, binary(64 * K)),
        post("binary of 64 KiB and one").binary_of(octets, binary(64 * K + 1)),
        // About 48 KiB of octets are about 64 KiB of base64.
        post("binary whose base64 is near 64 KiB").binary_of(octets, binary(47 * K)),
        post("binary whose base64 is over 64 KiB").binary_of(octets, binary(48 * K)),
        post("UTF-8 text that grows over 64 KiB").text("Grüße\n".repeat(9 * K)).charset("utf-8"),
        post("1 MB of text").text(lines(M)),
        post("1 MB of binary").binary_of(octets, binary(M)),
        post("1 MB of UTF-8").text("Καλημέρα κόσμε\n".repeat(36 * K)),
        post("25 MB, the most there may be").text(lines(25 * M)),
    ]
}

fn sendings() -> Vec<Post> {
    vec![
        post("an empty body").text(""),
        post("no length at all").without_length().text(""),
        post("chunked").chunked(7).text("Hello there, in pieces\n"),
        post("chunked by the octet").chunked(1).text("Grüße\n".repeat(20)),
        post("chunked and empty").chunked(100).text(""),
        post("chunked over the spool border").chunked(4000).text(lines(200_000)),
        post("100-continue").expect_continue().text("Hello there\n"),
        post("100-continue, large").expect_continue().text(lines(300_000)),
        post("100-continue, chunked").expect_continue().chunked(1000).text(lines(100_000)),
    ]
}

/// UTF-16 with a byte order mark, as `iconv -t utf-16` writes it.
fn utf16(text: &str) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}
