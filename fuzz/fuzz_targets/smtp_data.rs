//! What follows DATA -> where we see the message end, and what it is: the same as a reader that has all of it at once and searches for
//! CRLF "." CRLF; and no line end that another server might see instead is passed by.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp::{DataReader, LineEnds, Progress};

fuzz_target!(|octets: &[u8]| {
    let [piece, input @ ..] = octets else { return };
    let piece = usize::from(*piece) + 1;
    for line_ends in [LineEnds::Crlf, LineEnds::Any] {
        let whole = read(input, line_ends, input.len().max(1));
        assert_eq!(whole, read(input, line_ends, piece), "the size of the pieces does not matter");
        match line_ends {
            LineEnds::Crlf => assert_eq!(whole, search(input)),
            LineEnds::Any => assert_eq!(whole, split(input)),
        }
    }
});

/// The message, how many octets were taken, and how that ended.
fn read(input: &[u8], line_ends: LineEnds, piece: usize) -> (Vec<u8>, usize, Progress) {
    let (mut reader, mut message, mut taken) = (DataReader::new(line_ends), Vec::new(), 0);
    for piece in input.chunks(piece) {
        let (octets, progress) = reader.read(piece, |octets| {
            assert!(!octets.is_empty());
            message.extend_from_slice(octets);
        });
        assert!(octets <= piece.len() && (octets == piece.len() || progress != Progress::More));
        taken += octets;
        if progress != Progress::More {
            return (message, taken, progress);
        }
    }
    (message, taken, Progress::More)
}

/// The network: all of it behind the CRLF of DATA, in which the sequences of three octets are looked for.
fn search(input: &[u8]) -> (Vec<u8>, usize, Progress) {
    let all = [b"\r\n", input].concat();
    let (mut message, mut at) = (Vec::new(), 2);
    while at < all.len() {
        let (before, after) = (&all[..at], &all[at + 1..]);
        let line = before.ends_with(b"\r\n");
        if all[at] == b'.' && (line || before.ends_with(b"\r") || before.ends_with(b"\n")) {
            match (line, after) {
                (true, [b'\r', b'\n', ..]) => return (message, at + 1, Progress::End),
                (true, [b'\r', _, ..]) => return (message, at + 1, Progress::Smuggled),
                (true, [b'\n', ..]) => return (message, at, Progress::Smuggled),
                (false, [b'\r' | b'\n', ..]) => return (with(message, b"."), at, Progress::Smuggled),
                // The CR may be the first octet of a line end.
                (true, [b'\r'] | []) => return (message, input.len(), Progress::More),
                (true, _) => {}
                (false, _) => message.push(b'.'),
            }
        } else {
            message.push(all[at]);
        }
        at += 1;
    }
    (message, input.len(), Progress::More)
}

fn with(mut message: Vec<u8>, octets: &[u8]) -> Vec<u8> {
    message.extend_from_slice(octets);
    message
}

/// A program of the same machine: lines that end in LF.
fn split(input: &[u8]) -> (Vec<u8>, usize, Progress) {
    let (mut message, mut taken) = (Vec::new(), 0);
    for line in input.split_inclusive(|octet| *octet == b'\n') {
        taken += line.len();
        match line {
            b".\n" | b".\r\n" => return (message, taken, Progress::End),
            // A CR may be the first octet of a line end.
            b".\r" => {}
            _ => message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line)),
        }
    }
    (message, taken, Progress::More)
}
