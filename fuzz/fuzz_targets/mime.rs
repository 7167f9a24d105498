//! A message, or a body of parts -> the same with every part that needs it encoded anew: lines that every MTA carries, the boundaries of the
//! client, and nothing left to do a second time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::content_type::ContentType;
use mail::header::HeaderValue;
use mail::mime::{Rewriting, Whole};
use mail::transfer_encoding::MAX_LINE;
use std::io::BufReader;

// The first octet chooses; the rest is the message, or the parts between the boundaries `--b`.
fuzz_target!(|octets: &[u8]| {
    let [choice, octets @ ..] = octets else { return };
    let seven_bit = choice & 1 != 0;
    let content_type =
        ["multipart/mixed; boundary=b", "multipart/digest; boundary=b", "message/rfc822"][usize::from(choice / 4 % 3)];
    let content_type = ContentType::parse(&HeaderValue::parse(content_type).unwrap()).unwrap();
    let whole = if choice & 2 != 0 { Whole::Message } else { Whole::Body(&content_type) };
    let rewriting = match Rewriting::plan(whole, octets, seven_bit) {
        Ok(rewriting) => rewriting,
        Err(error) => return assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    };
    let written = write(&rewriting, whole, octets, octets.len().max(1));
    let slowly = BufReader::with_capacity(usize::from(*choice) + 1, octets);
    let again = Rewriting::plan(whole, slowly, seven_bit).expect("it was read before");
    assert_eq!(
        written,
        write(&again, whole, octets, usize::from(*choice) + 1),
        "the size of the pieces does not matter"
    );

    assert!(written.is_empty() || written.ends_with(b"\n"));
    assert!(!written.contains(&0) && !written.contains(&b'\r'));
    assert!(written.split(|&b| b == b'\n').all(|line| line.len() <= MAX_LINE && line != b"."));
    assert_eq!(rewriting.is_eight_bit(), !written.is_ascii());
    assert!(!seven_bit || written.is_ascii());
    if let (Whole::Body(_), false) = (whole, content_type.essence() == "message/rfc822") {
        assert_eq!(boundaries(&written), boundaries(octets));
    }
    let twice = Rewriting::plan(whole, &written[..], seven_bit).expect("what was written can be read");
    assert_eq!(write(&twice, whole, &written, written.len().max(1)), written, "twice is once");
});

fn write(rewriting: &Rewriting, whole: Whole<'_>, octets: &[u8], piece: usize) -> Vec<u8> {
    let mut written = Vec::new();
    rewriting.write(whole, BufReader::with_capacity(piece, octets), &mut written).expect("memory takes everything");
    written
}

/// The lines that end a part of the outermost multipart, up to the last.
fn boundaries(octets: &[u8]) -> Vec<bool> {
    let mut found = Vec::new();
    for line in octets.split(|&b| b == b'\n').filter(|line| line.len() < 4_000) {
        match line.trim_ascii_end() {
            b"--b" => found.push(false),
            b"--b--" => {
                found.push(true);
                break;
            }
            _ => {}
        }
    }
    found
}
