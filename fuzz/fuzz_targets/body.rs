//! A body in pieces of any size -> the plan -> the encoded body -> what other decoders make of it: what was sent, in lines that every
//! MTA carries.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use mail::transfer_encoding::{BodyError, Encoder, Encoding, Facts, BodyKind, Lengths, MAX_LINE, Markup, Plan, Scan, plan};
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

fuzz_target!(|octets: &[u8]| {
    let [choice, piece, body @ ..] = octets else { return };
    let piece = usize::from(*piece) + 1;
    let kind = [BodyKind::Text, BodyKind::Other, BodyKind::Composite][usize::from(choice % 3)];
    let declared = [None, Some("base64"), Some("quoted-printable"), Some("8BIT "), Some("7bit"), Some("x")]
        [usize::from(choice / 3 % 6)];
    let markup = [Markup::None, Markup::Plain, Markup::Html, Markup::Xml, Markup::Css][usize::from(choice / 18 % 5)];
    let facts = scan(body, body.len().max(1), markup);
    assert_eq!(facts, scan(body, piece, markup), "the size of the pieces does not matter");
    if let Some(charset) = facts.charset() {
        assert!(charset != "utf-8" || facts.valid_utf8, "{charset} contradicts the text");
    }
    let lengths = || Ok::<_, BodyError>(Lengths::of(body).expect("memory can be read"));
    let Ok(plan) = plan(kind, declared, &facts, lengths) else { return };
    if plan.opens_parts() {
        return; // the target `mime` has these
    }
    let written = write(&plan, body, body.len().max(1));
    assert_eq!(written, write(&plan, body, piece), "the size of the pieces does not matter");
    check(kind, declared, &plan, body, facts.nul, &written);
});

fn scan(body: &[u8], piece: usize, markup: Markup) -> Facts {
    let mut scan = Scan::new(true, markup);
    body.chunks(piece).for_each(|piece| scan.update(piece));
    scan.facts()
}

fn write(plan: &Plan, body: &[u8], piece: usize) -> Vec<u8> {
    let mut written = Vec::new();
    let mut encoder = Encoder::new(plan);
    body.chunks(piece).for_each(|octets| encoder.update(octets, &mut written).expect("memory takes everything"));
    encoder.finish(&mut written).expect("memory takes everything");
    written
}

fn check(kind: BodyKind, declared: Option<&str>, plan: &Plan, body: &[u8], nul: bool, written: &[u8]) {
    assert!(written.is_empty() || written.ends_with(b"\n"));
    assert!(!written.contains(&0) && !written.contains(&b'\r'));
    assert!(written.split(|&b| b == b'\n').all(|line| line.len() <= MAX_LINE && line != b"."));
    assert!(plan.encoding == Encoding::EightBit || written.is_ascii());
    if kind == BodyKind::Text {
        assert!(!written.starts_with(b"From ") && !written.windows(6).any(|window| window == b"\nFrom "));
    }
    if plan.encoding == Encoding::QuotedPrintable {
        assert!(written.split(|&b| b == b'\n').all(|line| line.len() <= 76 && !line.starts_with(b"--")));
        assert!(!written.windows(2).any(|two| two[0] == b'=' && two[1].is_ascii_lowercase()));
    }
    let client = matches!(declared, Some("base64" | "quoted-printable"));
    let read = match plan.encoding {
        Encoding::Base64 => decode_base64(written),
        Encoding::QuotedPrintable => quoted_printable_decode(written).expect("quoted-printable"),
        Encoding::SevenBit | Encoding::EightBit => written.to_vec(),
    };
    match (plan.encoding, client) {
        (Encoding::Base64, true) => assert_eq!(read, decode_base64(body)),
        (Encoding::QuotedPrintable, true) => {
            // Blanks before a line end are none (RFC 2045 6.7 (3)), so a last line of blanks without one may be no line.
            let meant = lines(&quoted_printable_decode(&lines(body)).expect("the plan said it is"));
            assert!(lines(&read) == meant || meant.strip_suffix(b"\n") == Some(&read), "{read:?} {meant:?}");
        }
        (Encoding::Base64, false) if kind == BodyKind::Text && !nul => assert_eq!(read, crlf(body)),
        (Encoding::Base64, false) => assert_eq!(read, body),
        _ => assert_eq!(read, lines(body)),
    }
}

fn decode_base64(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).expect("base64")
}

/// Every line end as CRLF.
fn crlf(body: &[u8]) -> Vec<u8> {
    let bare = |at: usize| body[at] == b'\n' && (at == 0 || body[at - 1] != b'\r');
    (0..body.len()).flat_map(|at| if bare(at) { vec![b'\r', b'\n'] } else { vec![body[at]] }).collect()
}

fn lf(body: &[u8]) -> Vec<u8> {
    let followed = |at: usize| body[at] == b'\r' && body.get(at + 1) == Some(&b'\n');
    (0..body.len()).filter(|&at| !followed(at)).map(|at| body[at]).collect()
}

/// CRLF as LF, and a line end at the end.
fn lines(body: &[u8]) -> Vec<u8> {
    let mut lines = lf(body);
    if !lines.is_empty() && !lines.ends_with(b"\n") {
        lines.push(b'\n');
    }
    lines
}
