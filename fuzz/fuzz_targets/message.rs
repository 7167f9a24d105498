//! The fields and the body of a request -> a message -> what another parser reads in it: what was sent and nothing else.
//!
//! The input is text: an octet that chooses the settings, header lines up to an empty line, the body.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use mail::address::{Domain, HostName};
use mail::message_id::Token;
use mail::transfer_encoding::BodyKind;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Address as Read, Message as Parsed, MessageParser};
use mailgate::input::strip::{NamePattern, StripList};
use mailgate::input::{self, FieldSource, Rules};
use mailgate::message::compose::Trace;
use mailgate::message::draft::Draft;
use mailgate::policy::Recipients;
use mailgate::policy::aliases::Aliases;
use mailgate::policy::arguments::Addressing;
use mailgate::policy::sender::AuthenticatedSender;
use mailgate::submission::Submission;
use std::io::Read as _;

type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;

const LINES: usize = 5_000;

fuzz_target!(|octets: &[u8]| {
    let [choice, text @ ..] = octets else { return };
    let (head, body) = cut(text);
    // Longer than what a draft keeps in memory, so that it begins the message before it has seen the end.
    let (begin, end) = body.split_at(body.len() / 2);
    let long = [begin, &b"a line of text\n".repeat(if choice & 64 != 0 { LINES } else { 0 }), end].concat();
    let body = &long[..];
    let fields: Fields<'_> = head.split(|&byte| byte == b'\n').filter_map(field).collect();
    let authenticated = choice & 4 != 0;
    let (token, server) = (Token::random().unwrap(), Domain::parse("gateway.test").unwrap());
    let pass: Vec<NamePattern> = ["From", "Subject", "To", "X-*"].map(|name| NamePattern::parse(name).unwrap()).into();
    let rules = Rules {
        addressing: [Addressing::Header, Addressing::Appended, Addressing::Arguments, Addressing::Header]
            [usize::from(choice & 3)],
        aliases: &Aliases::default(),
        domain: (choice & 8 != 0).then_some(&server),
        from_required: choice & 16 != 0,
        max_recipients: 50,
        pass: (choice & 32 != 0).then_some(&pass),
        recipients: &Recipients::default(),
        redirect: None,
        sender: authenticated.then_some(AuthenticatedSender {
            source: "X",
            mail: Some(b"alice@example.test"),
            name: Some(b"\"A\" <z@evil.test>, B"),
        }),
        server_name: &server,
        source: FieldSource::Request,
        strip: &StripList::default(),
        token: &token,
    };
    let submission = match input::read(&fields, &rules) {
        Ok(submission) => submission,
        Err(error) => return assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    };
    let Some(message) = compose(&submission, &token, body) else { return };
    check_octets(&message, &submission);
    check_reading(&message, &submission, &fields, &rules);
    check_body(&message, &submission, body);
});

fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    match text.windows(2).position(|window| window == b"\n\n") {
        Some(at) => (&text[..at], &text[at + 2..]),
        None => (text, b""),
    }
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

fn compose(submission: &Submission, token: &Token, body: &[u8]) -> Option<Vec<u8>> {
    let host = HostName::new("gateway.test", [127, 0, 0, 1].into());
    let trace = Trace { client: None, user: Some(b"u\nser"), server_name: &host, protocol: "HTTPS", token };
    let directory = std::env::temp_dir();
    let mut draft = Draft::new(submission, Some(trace), &directory);
    body.chunks(8_000).for_each(|octets| draft.write(octets).unwrap());
    let message = draft.finish().ok()?;
    let mut octets = Vec::new();
    message.reader().read_to_end(&mut octets).unwrap();
    Some(octets)
}

/// The wire rules: promise 6 and what MTAs cut or bounce.
fn check_octets(message: &[u8], submission: &Submission) {
    let end = message.windows(2).position(|window| window == b"\n\n").expect("an empty line ends the header");
    let header = std::str::from_utf8(&message[..=end]).expect("the header is ASCII");
    assert!(header.bytes().all(|byte| matches!(byte, b'\n' | b'\t' | 0x20..=0x7e)), "{header}");
    assert!(!message.contains(&b'\r') && !message.contains(&0));
    assert!(message.split(|&byte| byte == b'\n').all(|line| line.len() <= 990 && line != b"."));
    let mut names = Vec::new();
    for line in header.lines() {
        if line.starts_with([' ', '\t']) {
            assert!(!line.trim().is_empty(), "a folded line of blanks only: {header}");
            continue;
        }
        let (name, _) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line}"));
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()), "{line}");
        names.push(name.to_ascii_lowercase());
    }
    for name in &names {
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name} twice: {header}");
        assert!(!name.starts_with("resent-") && !name.contains('_') && !name.starts_with("cookie"), "{name}");
    }
    for name in ["received", "date", "message-id", "mime-version", "content-type"] {
        assert!(names.iter().any(|found| found == name), "no {name}: {header}");
    }
    assert!(submission.header.len() <= input::MAX_HEADER);
}

/// Another parser reads the same sender, recipients, subject and identifier.
fn check_reading(message: &[u8], submission: &Submission, fields: &Fields<'_>, rules: &Rules<'_>) {
    let parsed = MessageParser::default().parse(message).expect("a message");
    let from = addresses(parsed.from());
    let expected = submission.from.as_ref().map(|from| from.address().to_string());
    assert_eq!(from, expected.clone().into_iter().collect::<Vec<_>>());
    if rules.sender.is_some() {
        assert_eq!((expected.as_deref(), addresses(parsed.sender()).len()), (Some("alice@example.test"), 0));
    }
    let bcc = addresses(parsed.bcc());
    assert!(bcc.is_empty() || rules.addressing == Addressing::Header, "{bcc:?}");
    let mut read = [addresses(parsed.to()), addresses(parsed.cc()), bcc].concat();
    let mut wanted: Vec<String> = submission.recipients.iter().map(ToString::to_string).collect();
    read.sort();
    wanted.sort();
    if rules.addressing == Addressing::Header {
        assert_eq!(read, wanted);
    }
    assert!(read.iter().all(|address| wanted.contains(address)), "{read:?} {wanted:?}");
    assert_eq!(parsed.message_id(), Some(submission.message_id.without_brackets()));
    check_subject(&parsed, fields);
}

/// A plain subject is read as it was sent, but for the width of white space.
fn check_subject(parsed: &Parsed<'_>, fields: &Fields<'_>) {
    let sent: Vec<&[u8]> =
        fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"subject")).map(|(_, value)| *value).collect();
    let connection = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"connection"));
    let [Ok(sent)] = sent.iter().map(|sent| std::str::from_utf8(sent)).collect::<Vec<_>>()[..] else { return };
    if sent.contains("=?") || connection {
        return;
    }
    let words = |text: &str| text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(parsed.subject().unwrap_or_default()), words(sent));
}

/// A bare name (`root`) is a name to it.
fn addresses(field: Option<&Read<'_>>) -> Vec<String> {
    match field {
        None => Vec::new(),
        Some(Read::List(list)) => {
            list.iter().map(|one| one.address().or(one.name()).unwrap_or_default().to_owned()).collect()
        }
        Some(Read::Group(groups)) => panic!("a group: {groups:?}"),
    }
}

/// What the encoding stands for is what was sent; text but for line ends.
fn check_body(message: &[u8], submission: &Submission, body: &[u8]) {
    if submission.transfer_encoding.is_some()
        || submission.content_type.as_ref().is_some_and(|it| it.kind() == BodyKind::Composite)
    {
        return; // the targets `body` and `mime` have these
    }
    let (head, written) = cut(message);
    let head = String::from_utf8_lossy(head);
    let encoding = head.lines().find_map(|line| line.strip_prefix("Content-Transfer-Encoding: ")).unwrap_or("7bit");
    let read = match encoding {
        "base64" => {
            STANDARD.decode(written.iter().copied().filter(|&byte| byte != b'\n').collect::<Vec<_>>()).expect("base64")
        }
        "quoted-printable" => quoted_printable_decode(written).expect("quoted-printable"),
        _ => written.to_vec(),
    };
    if read != body {
        assert_eq!(lines(&read), lines(body), "{encoding}");
    }
}

fn lines(body: &[u8]) -> Vec<u8> {
    let followed = |at: usize| body[at] == b'\r' && body.get(at + 1) == Some(&b'\n');
    let mut lines: Vec<u8> = (0..body.len()).filter(|&at| !followed(at)).map(|at| body[at]).collect();
    if !lines.is_empty() && !lines.ends_with(b"\n") {
        lines.push(b'\n');
    }
    lines
}
