//! How a message is changed before it leaves the machine.

use std::io::{BufRead, BufReader, Read};

use mail::address::{Address, Domain};

use super::header::Header;
use super::input::Canonical;
use super::prepare::{Envelope, Prepared, prepare};
use super::site::{Site, Submission};
use crate::account::{Account, Host};
use crate::aliases::Aliases;
use crate::exit::Status;
use crate::id::Id;
use crate::options::Dsn;

fn canonical(input: &[u8], keep_dot: bool) -> Vec<u8> {
    let mut whole = Vec::new();
    Canonical::new(input, keep_dot).read_to_end(&mut whole).unwrap();
    for size in [1, 2, 3] {
        let mut octets = Vec::new();
        Canonical::new(BufReader::with_capacity(size, input), keep_dot).read_to_end(&mut octets).unwrap();
        assert_eq!(octets, whole, "pieces of {size}: {}", input.escape_ascii());
    }
    whole
}

#[test]
fn any_mix_of_line_ends_is_read() {
    #[rustfmt::skip]
    let rows: &[(&[u8], &[u8])] = &[
        (b"a\nb\n", b"a\nb\n"),
        (b"a\r\nb\nc\r\n", b"a\nb\nc\n"),
        (b"a\r\r\nb", b"a\nb"),
        (b"a\rb\r", b"a\rb\r"),
        (b"\r\n\r\nx", b"\n\nx"),
        (b"", b""),
        (b"a\0b\n\xff", b"a\0b\n\xff"),
    ];
    for (input, expected) in rows {
        assert_eq!(canonical(input, true), *expected, "{}", input.escape_ascii());
        assert_eq!(canonical(input, false), *expected, "{}", input.escape_ascii());
    }
}

#[test]
fn a_lone_dot_is_the_end_unless_it_is_to_be_kept() {
    #[rustfmt::skip]
    let rows: &[(&[u8], &[u8])] = &[
        (b"a\n.\nb\n", b"a\n"),
        (b"a\r\n.\r\nb\n", b"a\n"),
        (b"a\n.", b"a\n"),
        (b".\nb", b""),
        (b"a\n..\nb\n", b"a\n..\nb\n"),
        (b"a\n.b\n", b"a\n.b\n"),
        (b"a.\n.\r.\n", b"a.\n.\r.\n"),
        (b"a .\n\r.\n", b"a .\n\r.\n"),
    ];
    for (input, expected) in rows {
        assert_eq!(canonical(input, false), *expected, "{}", input.escape_ascii());
        let kept: Vec<u8> = String::from_utf8_lossy(input).replace("\r\n", "\n").into_bytes();
        assert_eq!(canonical(input, true), kept, "{}", input.escape_ascii());
    }
}

fn read(text: &str) -> (Header, String) {
    let mut input = text.as_bytes();
    let (header, mut body) = Header::read(&mut input).unwrap();
    input.read_to_end(&mut body).unwrap();
    (header, String::from_utf8(body).unwrap())
}

#[test]
fn a_header_ends_where_no_field_is() {
    for (text, names, body) in [
        ("To: a\nSubject: b\n\nbody\n", &["To", "Subject"][..], "body\n"),
        ("From peter Mon Jan  1 00:00:00 2024\nTo: a\n\nbody\n", &["To"], "body\n"),
        (">From peter Mon Jan  1 00:00:00 2024\nTo: a\n\nbody\n", &["To"], "body\n"),
        ("To: a\nhello there\nworld\n", &["To"], "hello there\nworld\n"),
        ("Hello: there\n", &["Hello"], ""),
        ("hello there: x\n", &[], "hello there: x\n"),
        ("\nTo: a\n", &[], "To: a\n"),
        (" continued\n\nbody", &[], " continued\n\nbody"),
        ("", &[], ""),
        ("To : a\nSubject: b", &["To", "Subject"], ""),
    ] {
        let (header, rest) = read(text);
        let found: Vec<_> = header.fields().map(|field| field.name().as_str()).collect();
        assert_eq!((found.as_slice(), rest.as_str()), (names, body), "{text}");
    }
    let mut endless = "X: y\n".repeat(300_000).into_bytes();
    endless.push(b'\n');
    assert!(Header::read(&mut endless.as_slice()).is_err());
    let mut line: &[u8] = &vec![b'a'; 3 << 20];
    assert!(Header::read(&mut line).is_err() && line.fill_buf().is_ok());
}

#[test]
fn what_is_not_rewritten_keeps_its_octets() {
    let text = "Subject:  two\n\tlines \nX-Odd: \u{fc}\n\n";
    assert_eq!(String::from_utf8(read(text).0.write()).unwrap(), text);
    // A bare CR must not begin a line anywhere.
    assert_eq!(String::from_utf8(read("X: a\rBcc: b\n\n").0.write()).unwrap(), "X: a Bcc: b\n\n");
}

/// A machine and a caller to vary.
struct Setup {
    aliases: Aliases,
    from: Option<Address>,
    allow_from: bool,
    postmaster: Option<Address>,
    host: Host,
    submission: Submission,
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

impl Setup {
    fn new(words: &str) -> Setup {
        let account = Account { uid: 1000, name: "peter".into(), full_name: Some("Peter Example".into()), home: None };
        Setup {
            aliases: Aliases::parse("ops: a@ops.example, b@ops.example\nloop: pool\npool: loop\n"),
            from: None,
            allow_from: false,
            postmaster: Some(address("post@example.org")),
            host: Host { short: "web1".into(), full: Domain::parse("web1.example.org").ok(), mail_name: None },
            submission: Submission {
                id: Id::parse("69258d50abcdefghijklmnopqrstuvwx").unwrap(),
                time: 1_764_061_200,
                account,
                sender: None,
                full_name: None,
                words: words.split_whitespace().map(str::to_owned).collect(),
                extract: false,
                no_aliases: false,
                dsn: Dsn::default(),
            },
        }
    }

    fn site(&self) -> Site<'_> {
        Site {
            domain: Domain::parse("example.org").ok(),
            host: &self.host,
            aliases: &self.aliases,
            from: self.from.as_ref(),
            allow_from: self.allow_from,
            postmaster: self.postmaster.as_ref(),
        }
    }

    fn prepare(&self, header: &str) -> Result<Prepared, Status> {
        let header = read(&format!("{header}\n")).0;
        prepare(&self.submission, header, &self.site()).map_err(|failure| failure.status)
    }

    /// The envelope, `sender > recipient recipient`, and the header.
    fn sent(&self, header: &str) -> (String, String) {
        let prepared = self.prepare(header).unwrap();
        let sender = prepared.envelope.sender.map_or("<>".into(), |sender| sender.to_string());
        let recipients: Vec<_> = prepared.envelope.recipients.iter().map(Address::to_string).collect();
        (format!("{sender} > {}", recipients.join(" ")), String::from_utf8(prepared.header).unwrap())
    }
}

#[test]
fn names_without_a_domain_get_one_and_aliases_lead_on() {
    for (words, envelope) in [
        ("wendy@example.net", "wendy@example.net"),
        ("wendy", "wendy@example.org"),
        ("wendy@localhost wendy@web1 wendy", "wendy@example.org"),
        ("wendy@web1.example.org", "wendy@web1.example.org"),
        ("ops", "a@ops.example b@ops.example"),
        ("OPS@localhost", "a@ops.example b@ops.example"),
        ("ops@web1.example.org", "a@ops.example b@ops.example"),
        ("ops@example.org", "ops@example.org"),
        ("root", "post@example.org"),
        ("a@x.example, b@x.example,", "a@x.example b@x.example"),
        ("Wendy <wendy@example.net>", "wendy@example.net"),
    ] {
        let mut setup = Setup::new("");
        setup.submission.words = vec![words.replace(" w", ",w")];
        assert_eq!(setup.sent("Subject: x\n").0, format!("peter@example.org > {envelope}"), "{words}");
    }
    assert_eq!(Setup::new("loop").prepare(""), Err(Status::NoUser));
    let mut setup = Setup::new("ops root");
    setup.submission.no_aliases = true;
    assert_eq!(setup.sent("").0, "peter@example.org > ops@example.org root@example.org");
    let mut setup = Setup::new("root");
    assert_eq!(setup.prepare("").unwrap().warnings.len(), 0);
    setup.postmaster = None;
    assert_eq!(setup.prepare("").unwrap().warnings.len(), 1, "perhaps nobody reads it");
}

#[test]
fn a_field_that_stands_twice_is_completed_twice() {
    let (_, sent) = Setup::new("a@x.example").sent("To: peter\nTo: wendy\nReply-To: peter\n");
    for field in ["To: peter@example.org\n", "To: wendy@example.org\n", "Reply-To: peter@example.org\n"] {
        assert!(sent.contains(field), "{sent}");
    }
}

#[test]
fn the_header_names_recipients_only_when_asked() {
    let header = "To: a@x.example, ops\nCc: \"C\" <c@x.example>\nBcc: d@x.example\n";
    assert_eq!(Setup::new("e@x.example").sent(header).0, "peter@example.org > e@x.example");
    assert_eq!(Setup::new("").prepare(header), Err(Status::Usage));
    let mut setup = Setup::new("e@x.example a@x.example");
    setup.submission.extract = true;
    let (envelope, sent) = setup.sent(header);
    assert_eq!(
        envelope,
        "peter@example.org > e@x.example a@x.example a@ops.example b@ops.example c@x.example d@x.example"
    );
    assert!(!sent.contains("d@x.example") && sent.contains("Cc: \"C\" <c@x.example>\n"), "{sent}");
    assert!(sent.contains("To: a@x.example, ops <a@ops.example>, ops <b@ops.example>\n"), "{sent}");
    let resent = format!("{header}Resent-To: z@x.example\nResent-Bcc: y@x.example\n");
    let mut setup = Setup::new("");
    setup.submission.extract = true;
    let (envelope, sent) = setup.sent(&resent);
    assert_eq!(envelope, "peter@example.org > z@x.example y@x.example");
    assert!(!sent.contains("y@x.example") && sent.contains("Resent-To: z@x.example"), "{sent}");
    assert_eq!(setup.prepare("To: undisclosed-recipients:;\n"), Err(Status::Usage));
    assert_eq!(setup.prepare("To: a@b@c\n"), Err(Status::NoUser));
    assert_eq!(setup.prepare("Resent-To:\nTo: a@x.example\n"), Err(Status::Usage));
}

#[test]
fn what_is_missing_is_added_and_what_is_there_stays() {
    let (_, sent) = Setup::new("a@x.example").sent("Subject: x\n");
    let expected = "Received: by web1.example.org (sendmail-http, from uid 1000 peter)\n\
                    \tid 69258d50abcdefghijklmnopqrstuvwx; Tue, 25 Nov 2025 09:00:00 +0000\n\
                    Subject: x\n\
                    From: Peter Example <peter@example.org>\n\
                    Date: Tue, 25 Nov 2025 09:00:00 +0000\n\
                    Message-ID: <69258d50abcdefghijklmnopqrstuvwx.1000@web1.example.org>\n\n";
    assert_eq!(sent, expected);
    let own = "From: P <p@x.example>\nDate: Mon, 01 Jan 2024 00:00:00 +0000\nMessage-ID: <a@b>\n";
    let (_, sent) = Setup::new("a@x.example").sent(own);
    assert!(sent.ends_with(&format!("{own}\n")), "{sent}");
}

#[test]
fn what_cron_writes_says_that_a_program_wrote_it() {
    let mut setup = Setup::new("a@x.example");
    setup.submission.full_name = Some("CronDaemon".into());
    assert!(setup.sent("From: root (Cron Daemon)\nTo: root\n").1.contains("Auto-Submitted: auto-generated\n"));
    assert_eq!(setup.sent("Auto-Submitted: auto-replied\n").1.matches("Auto-Submitted").count(), 1);
    setup.submission.full_name = None;
    assert!(!setup.sent("Subject: x\n").1.contains("Auto-Submitted"));
    assert!(setup.sent("X-Cron-Env: <SHELL=/bin/sh>\n").1.contains("Auto-Submitted: auto-generated\n"));
}

#[test]
fn the_sender_is_the_user_unless_asked_otherwise() {
    let mut setup = Setup::new("a@x.example");
    for (asked, envelope, from) in [
        (None, "peter@example.org", "From: Peter Example <peter@example.org>\n"),
        (Some("me@x.example"), "me@x.example", "From: me@x.example\n"),
        (Some("<me@x.example>"), "me@x.example", "From: me@x.example\n"),
        (Some("root"), "root@example.org", "From: root@example.org\n"),
        (Some("<>"), "<>", "From: peter@example.org\n"),
        (Some(""), "<>", "From: peter@example.org\n"),
        (Some("not an address"), "peter@example.org", "From: Peter Example <peter@example.org>\n"),
    ] {
        setup.submission.sender = asked.map(str::to_owned);
        let (sent, header) = setup.sent("Subject: x\n");
        assert_eq!(sent, format!("{envelope} > a@x.example"), "{asked:?}");
        assert!(header.contains(from), "{asked:?}: {header}");
    }
    setup.submission.sender = Some("me@x.example".into());
    setup.submission.full_name = Some("Me, Myself".into());
    assert!(setup.sent("").1.contains("From: \"Me, Myself\" <me@x.example>\n"));
    assert!(setup.sent("From: root (Cron Daemon)\n").1.contains("From: Cron Daemon <root@example.org>\n"));
}

#[test]
fn from_rewrites_header_and_envelope_alike() {
    let mut setup = Setup::new("a@x.example");
    setup.from = Some(address("alerts@example.org"));
    let (sent, header) = setup.sent("From: root\nSender: x@y.example\n");
    assert_eq!(sent, "alerts@example.org > a@x.example");
    assert!(header.contains("From: root on web1 <alerts@example.org>\n"), "{header}");
    assert!(header.contains("X-Original-From: root\n") && !header.contains("Reply-To"), "{header}");
    assert!(!header.contains("Sender:"), "{header}");
    // A chosen name stays, and a reply reaches the author.
    let (_, header) = setup.sent("From: \"V, Isitor\" <v@gmail.example>\n");
    assert!(header.contains("From: \"V, Isitor\" <alerts@example.org>\n"), "{header}");
    assert!(header.contains("Reply-To: \"V, Isitor\" <v@gmail.example>\n"), "{header}");
    let (_, header) = setup.sent("From: v@gmail.example\nReply-To: w@gmail.example\n");
    assert!(header.contains("Reply-To: w@gmail.example\n") && !header.contains("Reply-To: v@"), "{header}");
    let (_, header) = setup.sent("Subject: no author\n");
    assert!(
        header.contains("From: peter on web1 <alerts@example.org>\n") && !header.contains("X-Original"),
        "{header}"
    );
    // It overrides -f, but not the null sender.
    setup.submission.sender = Some("app@example.org".into());
    assert_eq!(setup.sent("From: app@example.org\n").0, "alerts@example.org > a@x.example");
    setup.submission.sender = Some("<>".into());
    assert_eq!(setup.sent("").0, "<> > a@x.example");
    // allow_from: our senders stay, others do not.
    setup.allow_from = true;
    for (asked, expected) in [
        ("app@example.org", "app@example.org"),
        ("app@sub.example.org", "app@sub.example.org"),
        ("app", "app@example.org"),
        ("v@gmail.example", "alerts@example.org"),
        ("v@notexample.org", "alerts@example.org"),
    ] {
        setup.submission.sender = Some(asked.into());
        let (sent, header) = setup.sent(&format!("From: {asked}\n"));
        assert_eq!(sent, format!("{expected} > a@x.example"), "{asked}");
        assert!(header.contains(&format!("{expected}\n")) || header.contains(&format!("<{expected}>\n")), "{header}");
    }
}

#[test]
fn a_message_that_goes_in_a_circle_is_refused() {
    let trace = |n: usize| "Received: by a; Mon, 01 Jan 2024 00:00:00 +0000\n".repeat(n);
    assert!(Setup::new("a@x.example").prepare(&trace(50)).is_ok());
    assert_eq!(Setup::new("a@x.example").prepare(&trace(51)), Err(Status::DataError));
}

#[test]
fn many_recipients_go_in_several_requests() {
    let parts = |count: usize, domain: &str| {
        let recipients: Vec<_> = (0..count).map(|n| address(&format!("u{n}@{domain}"))).collect();
        let envelope = Envelope { recipients: recipients.clone(), ..Envelope::default() };
        let parts = envelope.split();
        let all: Vec<_> = parts.iter().flat_map(|part| part.recipients.clone()).collect();
        assert_eq!(all, recipients);
        for part in &parts {
            let field: Vec<_> = part.recipients.iter().map(Address::to_string).collect();
            assert!(part.recipients.len() <= 100 && field.join(", ").len() < 8000);
        }
        parts.len()
    };
    assert_eq!(
        (parts(1, "x.example"), parts(100, "x.example"), parts(101, "x.example"), parts(250, "x.example")),
        (1, 1, 2, 3)
    );
    let long = [["d"; 60].concat(), ["e"; 60].concat(), ["f"; 60].concat()].join(".");
    assert_eq!(parts(100, &long), 3);
}

#[test]
fn what_is_prepared_twice_is_the_same() {
    let setup = Setup::new("ops root wendy");
    assert_eq!(setup.prepare("To: ops\nSubject: x\n"), setup.prepare("To: ops\nSubject: x\n"));
}
