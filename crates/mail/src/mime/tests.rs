use std::io::BufReader;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::*;
use crate::header::HeaderValue;
use crate::transfer_encoding::{self as body, Encoder, MAX_LINE, Plan};

/// xorshift64*: the same messages in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn octets(&mut self) -> Vec<u8> {
        let words: &[&[u8]] = &[
            b"plain words ",
            b"\n",
            b"\r\n",
            b"\n\n",
            b".\n",
            b"\n.\n",
            b"From ",
            b"--",
            b"--=_1x\n",
            b"=",
            b"=3D",
            b" \n",
            b"\t",
            "gr\u{fc}n ".as_bytes(),
            b"\xff",
            b"\0",
            b"\r",
            b"a\rb",
        ];
        let kinds = 1 + self.below(words.len()); // not every content has every trouble
        (0..self.below(30))
            .flat_map(|_| match self.below(14) {
                0 => vec![b'x'; self.below(1200)],
                _ => words[self.below(kinds)].to_vec(),
            })
            .collect()
    }

    /// A header and a body; `signed` collects what may not be changed.
    fn entity(&mut self, depth: usize, count: &mut usize, signed: &mut Vec<Vec<u8>>) -> Vec<u8> {
        let mut octets = Vec::new();
        for _ in 0..self.below(3) {
            octets.extend_from_slice(match self.below(4) {
                0 => "Subject: Gr\u{fc}\u{df}e\n".as_bytes(),
                1 => b"X-Own:  kept\n\tas it is\n",
                2 => b"Content-Disposition: attachment; filename=\"a b.pdf\"\n",
                _ => b"To: someone@example.test\n",
            });
        }
        if self.below(12) == 0 {
            octets.extend_from_slice(format!("X-Long: {}\n", "word ".repeat(250)).as_bytes());
        }
        *count += 1;
        let boundary = format!("=_{count}");
        match self.below(if depth < 4 { 8 } else { 4 }) {
            4 | 5 => {
                let kind = self.one(&["mixed", "alternative", "related", "digest"]);
                let label = self.one(&["", "Content-Transfer-Encoding: 8bit\n", "Content-Transfer-Encoding: binary\n"]);
                octets.extend_from_slice(
                    format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\n{label}\n").as_bytes(),
                );
                octets.extend_from_slice(self.one(&["", "preamble\n", "pre\u{e4}mble\n", "\n"]).as_bytes());
                for _ in 0..self.below(4) {
                    octets.extend_from_slice(format!("--{boundary}\n").as_bytes());
                    octets.extend(self.entity(depth + 1, count, signed));
                    octets.push(b'\n');
                }
                if self.below(8) > 0 {
                    octets.extend_from_slice(format!("--{boundary}--\n").as_bytes());
                    octets.extend_from_slice(self.one(&["", "", "epilogue\n", "epil\u{f6}gue\n"]).as_bytes());
                }
            }
            6 => {
                octets.extend_from_slice(b"Content-Type: message/rfc822\n\n");
                octets.extend(self.entity(depth + 1, count, signed));
            }
            7 => {
                let inside = format!(
                    "--{boundary}\n\nsigned text\n--{boundary}\nContent-Type: a/b\n\nsignature\n--{boundary}--\n"
                );
                octets.extend_from_slice(
                    format!("Content-Type: multipart/signed; boundary=\"{boundary}\"; protocol=\"a/b\"\n\n{inside}")
                        .as_bytes(),
                );
                signed.push(inside.into_bytes());
            }
            _ => octets.extend(self.leaf()),
        }
        octets
    }

    fn leaf(&mut self) -> Vec<u8> {
        let content_type = self.one(&[
            "",
            "Content-Type: text/plain\n",
            "Content-Type: text/html; charset=utf-8\n",
            "Content-Type: text/plain; charset=utf-16\n",
            "Content-Type: application/octet-stream\n",
            "content-type:image/png; name=a\n",
            "Content-Type: broken\n",
        ]);
        let octets = self.octets();
        let encoded = |plan: Plan| {
            let (mut written, mut encoder) = (Vec::new(), Encoder::new(&plan));
            encoder.update(&octets, &mut written).unwrap();
            encoder.finish(&mut written).unwrap();
            String::from_utf8(written).unwrap()
        };
        let (label, body) = match self.below(6) {
            0 => ("base64", STANDARD.encode(&octets).into_bytes()),
            1 => ("BASE64", encoded(Plan::unchanged(body::Encoding::Base64)).into_bytes()),
            2 => {
                let quoted = encoded(Plan::unchanged(body::Encoding::QuotedPrintable));
                ("Quoted-Printable", if self.below(2) == 0 { quoted } else { quoted.replace("=\n", "") }.into_bytes())
            }
            3 => ("8bit", octets.clone()),
            4 => ("binary (really)", octets.clone()),
            _ => ("", octets.clone()),
        };
        let label = if label.is_empty() { String::new() } else { format!("Content-Transfer-Encoding: {label}\n") };
        [content_type.as_bytes(), label.as_bytes(), b"\n", &body].concat()
    }
}

/// What another reader finds: it reads from the outermost boundary inwards, not line by line.
#[derive(Debug, PartialEq)]
enum Read {
    Leaf { content_type: String, octets: Vec<u8> },
    Message(Box<Read>),
    Parts(Vec<Read>),
}

fn read(octets: &[u8], in_digest: bool) -> Read {
    let (fields, body) = header(octets);
    let field = |name: &str| {
        fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let content_type =
        field("Content-Type").unwrap_or_else(|| if in_digest { "message/rfc822" } else { "text/plain" }.to_owned());
    let encoding = field("Content-Transfer-Encoding").unwrap_or_default().to_ascii_lowercase();
    let is_plain = !["base64", "quoted-printable"].contains(&encoding.as_str());
    if let Some((_, rest)) =
        content_type.split_once("boundary=\"").filter(|_| content_type.starts_with("multipart/") && is_plain)
    {
        let parts = parts(body, rest.split('"').next().unwrap());
        return Read::Parts(parts.iter().map(|part| read(part, content_type.contains("digest"))).collect());
    }
    if content_type == "message/rfc822" && is_plain {
        return Read::Message(Box::new(read(body, false)));
    }
    let octets = match encoding.as_str() {
        "base64" => {
            STANDARD.decode(body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>()).unwrap()
        }
        "quoted-printable" => quoted_printable_decode(body).unwrap(),
        _ => body.to_vec(),
    };
    Read::Leaf { content_type, octets: lf(&octets) }
}

fn header(octets: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let (mut fields, mut rest): (Vec<(String, String)>, &[u8]) = (Vec::new(), octets);
    if let (true, Some(end)) = (octets.starts_with(b"From "), octets.iter().position(|b| *b == b'\n')) {
        rest = &octets[end + 1..]; // of an mbox
    }
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let line = String::from_utf8_lossy(&rest[..end]).trim_end_matches('\r').to_owned();
        if line.is_empty() {
            return (fields, &rest[end + 1..]);
        }
        match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => value.push_str(&line),
            (_, _, Some((name, value))) => fields.push((name.to_owned(), value.to_owned())),
            _ => return (fields, rest),
        }
        rest = &rest[end + 1..];
    }
    (fields, rest)
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let (mut parts, mut begin, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive(|b| *b == b'\n') {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let closes = text == format!("--{boundary}--");
        if closes || text == format!("--{boundary}") {
            // The line end before a boundary belongs to the boundary.
            let cut = |end: usize| {
                body[..end].strip_suffix(b"\n").map_or(end, |text| text.strip_suffix(b"\r").unwrap_or(text).len())
            };
            parts.extend(begin.map(|begin: usize| &body[begin..cut(at).max(begin)]));
            begin = (!closes).then_some(at + line.len());
            if closes {
                break;
            }
        }
        at += line.len();
    }
    parts.extend(begin.map(|begin| &body[begin..]));
    parts
}

/// CRLF as LF, after any number of CR; no line end at the end, since text may gain one.
fn lf(octets: &[u8]) -> Vec<u8> {
    let followed = |at: usize| octets[at..].iter().find(|b| **b != b'\r') == Some(&b'\n');
    let lines: Vec<u8> =
        (0..octets.len()).filter(|at| octets[*at] != b'\r' || !followed(*at)).map(|at| octets[at]).collect();
    lines.strip_suffix(b"\n").map(<[u8]>::to_vec).unwrap_or(lines)
}

fn boundaries(octets: &[u8]) -> Vec<String> {
    let lines = octets.split(|b| *b == b'\n').map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
    lines.filter(|line| line.starts_with("--=_") && !line.ends_with('x')).collect()
}

fn rewritten(whole: Whole<'_>, octets: &[u8], seven_bit: bool) -> Result<(bool, Vec<u8>), MimeError> {
    let rewriting = Rewriting::plan(whole, octets, seven_bit)?;
    let mut written = Vec::new();
    rewriting.write(whole, octets, &mut written)?;
    let slowly = || BufReader::with_capacity([1, 7, 4097][octets.len() % 3], octets);
    let mut again = Vec::new();
    Rewriting::plan(whole, slowly(), seven_bit)?.write(whole, slowly(), &mut again)?;
    assert!(again == written, "whatever the pieces: {}", octets.escape_ascii());
    Ok((rewriting.is_eight_bit(), written))
}

#[test]
fn every_part_reads_back_and_every_boundary_stays() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut changed, mut with_parts, mut kept_signed) = (0, 0, 0);
    for _ in 0..1_000 {
        let mut signed = Vec::new();
        let lines = random.entity(0, &mut 0, &mut signed);
        let sent = match random.below(3) {
            0 => String::from_utf8_lossy(&lines).replace('\n', "\r\n").replace("\r\r\n", "\r\n").into_bytes(),
            _ => lines,
        };
        let meant = read(&sent, false);
        with_parts += usize::from(matches!(meant, Read::Parts(_)));
        for seven_bit in [false, true] {
            let (is_eight_bit, written) = rewritten(Whole::Message, &sent, seven_bit).unwrap();
            let context = || format!("{seven_bit}: {}\n-> {}", sent.escape_ascii(), written.escape_ascii());
            assert!(written.split(|b| *b == b'\n').all(|line| line.len() <= MAX_LINE && line != b"."), "{}", context());
            assert!(!written.contains(&0) && !written.contains(&b'\r'), "{}", context());
            assert_eq!(is_eight_bit, !written.is_ascii(), "{}", context());
            assert!(!(seven_bit && is_eight_bit) && written.ends_with(b"\n"), "{}", context());
            assert_eq!(boundaries(&written), boundaries(&sent), "{}", context());
            assert!(read(&written, false) == meant, "{}", context());
            for part in &signed {
                assert!(written.windows(part.len()).any(|window| window == part), "{}", context());
                kept_signed += 1;
            }
            assert!(
                rewritten(Whole::Message, &written, seven_bit).unwrap().1 == written,
                "twice is once: {}",
                context()
            );
            changed += usize::from(lf(&sent) != lf(&written));
        }
    }
    assert!(changed > 300 && with_parts > 100 && kept_signed > 100, "{changed} {with_parts} {kept_signed}");
}

fn body_of(content_type: &str, octets: &[u8], seven_bit: bool) -> Result<String, String> {
    let content_type = ContentType::parse(&HeaderValue::parse(content_type).unwrap()).unwrap();
    let written = rewritten(Whole::Body(&content_type), octets, seven_bit).map_err(|error| error.to_string())?.1;
    Ok(String::from_utf8(written).unwrap())
}

const MIXED: &str = "multipart/mixed; boundary=b";

#[test]
fn nothing_but_what_must_be_changes() {
    let long = "a".repeat(991);
    for (sent, expected) in [
        ("--b\n\nplain\n--b--\n", "--b\n\nplain\n--b--\n"),
        ("--b  \r\nX: y\r\n\r\nplain\r\n\r\n--b--", "--b  \nX: y\n\nplain\n\n--b--\n"),
        ("pre\n--b\n--b\n\n--b\n\n\n--b--\nepi", "pre\n--b\n--b\n\n--b\n\n\n--b--\nepi\n"),
        ("p\u{e4}\n--b\n\n\u{fc}\n--b--\n\u{f6}\n", "--b\nContent-Transfer-Encoding: base64\n\nw7w=\n--b--\n"),
        ("--b\n\n.\n--b--\n", "--b\nContent-Transfer-Encoding: quoted-printable\n\n=2E\n--b--\n"),
        ("--b\n\n.\n\n--b--\n", "--b\nContent-Transfer-Encoding: quoted-printable\n\n=2E\n\n--b--\n"),
        (
            "--b\nno header, K\u{f6}ln\n--b\n",
            "--b\nContent-Transfer-Encoding: quoted-printable\n\nno header, K=C3=B6ln\n--b\n",
        ),
        (
            "--b\nContent-Type: a/b\nContent-Transfer-Encoding: 8bit\nX: y\n\n\u{fc}\n--b--\n",
            "--b\nContent-Type: a/b\nX: y\nContent-Transfer-Encoding: base64\n\nw7w=\n--b--\n",
        ),
        (
            "--b\nContent-Disposition: attachment; filename=\"\u{fc}.pdf\"\nSubject: \u{fc}\nTo: \u{fc} <a@b>\nFrom: \u{fc}\n\nx\n--b--\n",
            "--b\nContent-Disposition: attachment; filename*=utf-8''%C3%BC.pdf\nSubject: =?utf-8?B?w7w=?=\nTo: =?utf-8?B?w7w=?= <a@b>\n\
             From: =?utf-8?B?w7w=?=\n\nx\n--b--\n",
        ),
        (
            "--b\nContent-Transfer-Encoding: base64\n\nw7w=\n\u{fc}\n--b--\n",
            "--b\nContent-Transfer-Encoding: base64\n\nw7w=\n--b--\n",
        ),
        (
            "--b\nContent-Transfer-Encoding: quoted-printable\n\n=c3=bc \u{fc}\n--b--\n",
            "--b\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BC =C3=BC\n--b--\n",
        ),
        (
            "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nFrom x Mon Jan 1\nSubject: a\n\n\u{fc}\n--b--\n",
            "--b\nContent-Type: message/rfc822\n\nFrom x Mon Jan 1\nSubject: a\nContent-Transfer-Encoding: base64\n\nw7w=\n--b--\n",
        ),
        (
            "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nthe outer one\n--b--\n",
            "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nthe outer one\n--b--\n",
        ),
        (
            "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n\u{fc}\n--b\n\nnever closed\n--b--\n",
            "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Transfer-Encoding: base64\n\nw7w=\n--b\n\nnever closed\n--b--\n",
        ),
    ] {
        assert_eq!(body_of(MIXED, sent.as_bytes(), true).as_deref(), Ok(expected), "{sent}");
    }
    let html = body_of(MIXED, format!("--b\nContent-Type: text/html\n\n{long}\n--b--\n").as_bytes(), false).unwrap();
    assert!(
        html.starts_with("--b\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\naaa"),
        "{html}"
    );
    let kept = "--b\nSubject: \u{fc}\nContent-Transfer-Encoding: binary\n\n\u{fc}\n--b--\n";
    assert_eq!(
        body_of(MIXED, kept.as_bytes(), false).as_deref(),
        Ok("--b\nSubject: \u{fc}\nContent-Transfer-Encoding: 8bit\n\n\u{fc}\n--b--\n"),
        "8 bits pass where they may"
    );
}

#[test]
fn a_soft_line_break_makes_no_boundary() {
    let text = format!("{}--b{}", "x".repeat(72), " ".repeat(2) + &"\u{fc}".repeat(3));
    for shift in 0..6 {
        let sent = format!("--b\n\n{}{text}\n--b--\n", "y".repeat(shift));
        let written = body_of(MIXED, sent.as_bytes(), true).unwrap();
        assert_eq!(written.lines().filter(|line| line.starts_with("--")).count(), 2, "{written}");
    }
}

#[test]
fn what_is_signed_or_unknown_is_refused_where_it_cannot_pass() {
    let long = "a".repeat(991);
    let part = |header: &str, text: &str| format!("--b\n{header}\n\n{text}\n--b--\n");
    for (content_type, header, what) in [
        (MIXED, "Content-Type: multipart/signed; boundary=c", "multipart/signed"),
        (MIXED, "Content-Type: multipart/encrypted; boundary=c", "multipart/encrypted"),
        (MIXED, "Content-Type: message/partial; id=x", "message/partial"),
        (MIXED, "Content-Type: message/delivery-status", "a part of a message type"),
        (MIXED, "Content-Type: multipart/mixed", "a composite part whose Content-Type cannot be read"),
        (MIXED, "Content-Transfer-Encoding: x-uuencode", "Content-Transfer-Encoding that is not one of"),
        ("multipart/signed; boundary=b", "", "multipart/signed"),
        ("multipart/encrypted; boundary=b", "", "multipart/encrypted"),
    ] {
        assert!(body_of(content_type, part(header, "fine").as_bytes(), true).is_ok(), "{header}");
        let error = body_of(content_type, part(header, &long).as_bytes(), false).unwrap_err();
        assert!(error.contains(what) && error.contains("a line of more than 990 octets"), "{header}: {error}");
        assert!(body_of(content_type, part(header, "\u{fc}").as_bytes(), false).is_ok(), "{header}");
        let error = body_of(content_type, part(header, "\u{fc}").as_bytes(), true).unwrap_err();
        assert!(error.contains(what) && error.contains("an octet above 127"), "{header}: {error}");
    }
}

#[test]
fn limits_hold_and_memory_does_not_grow() {
    let nested = |depth: usize| -> String {
        let open = |at: usize| format!("Content-Type: multipart/mixed; boundary=c{at}\n\n--c{at}\n");
        format!("--b\n{}\n\u{fc}\n", (0..depth).map(open).collect::<String>())
    };
    assert!(body_of(MIXED, nested(99).as_bytes(), true).is_ok());
    assert!(body_of(MIXED, nested(100).as_bytes(), true).unwrap_err().contains("more than 100 deep"));
    let parts = "--b\n\n";
    assert!(body_of(MIXED, parts.repeat(10_000).as_bytes(), true).is_ok());
    assert!(body_of(MIXED, parts.repeat(10_001).as_bytes(), true).unwrap_err().contains("more than 10000 parts"));
    let field = |length: usize| format!("--b\nX: {}\n\nx\n--b--\n", "y ".repeat(length / 2));
    assert!(body_of(MIXED, field(30_000).as_bytes(), true).is_ok());
    assert!(body_of(MIXED, field(33_000).as_bytes(), true).unwrap_err().contains("32 KiB"));
    for control in ["\0", "a\rb"] {
        let error = body_of(MIXED, format!("--b\nX: {control}\n\nx\n--b--\n").as_bytes(), true).unwrap_err();
        assert!(error.contains("a control character"), "{error}");
    }
    let messages = format!("--b\n{}\n\u{fc}", "Content-Type: message/rfc822\n\n".repeat(9_000));
    assert!(body_of(MIXED, messages.as_bytes(), true).unwrap().ends_with("base64\n\nw7w=\n"));
    for line in
        ["x".repeat(1 << 20), "\r".repeat(1 << 16), "--b ".repeat(1 << 16), "--b".to_owned() + &" ".repeat(1 << 16)]
    {
        let written = body_of(MIXED, format!("--b\n\n{line}\n--b--\n").as_bytes(), true).unwrap();
        assert!(written.lines().all(|line| line.len() <= MAX_LINE), "{}", &line[..9]);
    }
}
