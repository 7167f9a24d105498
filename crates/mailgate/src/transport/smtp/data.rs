//! A message with LF -> the octets after DATA (RFC 5321 4.5.2): lines end in CRLF, a dot at the start of a line is doubled. A CR in the
//! message itself is dropped: composed messages have none, and a stray one would be a line end to some servers and not to others.
#![forbid(unsafe_code)]

use std::io::{self, BufRead};

/// What must be known about a message before MAIL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Octets of the message with CRLF; neither the final dot nor doubled ones count (RFC 1870 5).
    pub size: u64,
    /// Whether it needs 8BITMIME (RFC 6152).
    pub eight_bit: bool,
}

/// Octets read at a time.
const PIECE: usize = 32 * 1024;

/// What most messages have room in: more is asked of the allocator where it is needed.
const SMALL: usize = 4 * 1024;

/// Reads the whole message once.
pub fn measure(message: impl BufRead) -> io::Result<Facts> {
    let (mut facts, mut last) = (Facts::default(), b'\n');
    pieces::<io::Error>(message, |piece| {
        let count = |octet| memchr::memchr_iter(octet, piece).count();
        facts.eight_bit |= !piece.is_ascii();
        facts.size += (piece.len() - count(b'\r') + count(b'\n')) as u64; // only the CR of CRLF is sent
        last = piece.iter().rfind(|octet| **octet != b'\r').copied().unwrap_or(last);
        Ok(())
    })?;
    facts.size += if last == b'\n' { 0 } else { 2 };
    Ok(facts)
}

/// Passes the message to `send` piece by piece. The last piece, marked by `true`, ends with the final dot.
pub fn send<E: From<io::Error>>(
    message: impl BufRead,
    mut send: impl FnMut(&[u8], bool) -> Result<(), E>,
) -> Result<(), E> {
    let (mut stuffed, mut wire) = (Stuffed::default(), Vec::with_capacity(SMALL));
    pieces::<E>(message, |piece| {
        if wire.len() >= PIECE {
            send(&wire, false)?;
            wire.clear();
        }
        stuffed.extend(piece, &mut wire);
        Ok(())
    })?;
    wire.extend_from_slice(stuffed.missing_end());
    wire.extend_from_slice(b".\r\n");
    send(&wire, true)
}

/// Where they stand: a copy would be most of the work of a short message.
fn pieces<E: From<io::Error>>(mut from: impl BufRead, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    loop {
        let octets = from.fill_buf()?;
        let piece = &octets[..octets.len().min(PIECE)];
        if piece.is_empty() {
            return Ok(());
        }
        take(piece)?;
        let taken = piece.len();
        from.consume(taken);
    }
}

/// The position in a line of the last octet.
#[derive(Default)]
struct Stuffed {
    inside: bool,
}

impl Stuffed {
    fn extend(&mut self, piece: &[u8], wire: &mut Vec<u8>) {
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = line.strip_suffix(b"\n").map_or((line, false), |text| (text, true));
            if !self.inside && text.iter().find(|byte| **byte != b'\r') == Some(&b'.') {
                wire.push(b'.');
            }
            match memchr::memchr(b'\r', text) {
                None => wire.extend_from_slice(text),
                Some(_) => wire.extend(text.iter().filter(|byte| **byte != b'\r')),
            }
            self.inside |= text.iter().any(|byte| *byte != b'\r');
            if ends {
                wire.extend_from_slice(b"\r\n");
                self.inside = false;
            }
        }
    }

    fn missing_end(&self) -> &'static [u8] {
        if self.inside { b"\r\n" } else { b"" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn wire(message: &[u8], step: usize) -> Vec<u8> {
        let (mut wire, mut ended) = (Vec::new(), 0);
        let few = || BufReader::with_capacity(step, message);
        send::<io::Error>(few(), |piece, last| {
            wire.extend_from_slice(piece);
            ended += usize::from(last);
            Ok(())
        })
        .unwrap();
        assert_eq!(ended, 1);
        let facts = measure(few()).unwrap();
        let lines = wire.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_prefix(b".").unwrap_or(line));
        let size = lines.map(<[u8]>::len).sum::<usize>() - b"\r\n".len(); // that of the final dot
        assert_eq!((facts.size, facts.eight_bit), (size as u64, !message.is_ascii()));
        wire
    }

    #[test]
    fn lines_and_dots() {
        for (message, expected) in [
            (&b"a\nb\n"[..], &b"a\r\nb\r\n.\r\n"[..]),
            (b"a", b"a\r\n.\r\n"),
            (b"", b".\r\n"),
            (b"\n", b"\r\n.\r\n"),
            (b".\n", b"..\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b"..a\n.b\na.\n", b"...a\r\n..b\r\na.\r\n.\r\n"),
            (b"a\r\n.\r\nb\n", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"a\n\r.\nb\n", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"a\r.\r\nb\n", b"a.\r\nb\r\n.\r\n"),
            (b"a\n\r", b"a\r\n.\r\n"),
            (b"gr\xc3\xbcn\n", b"gr\xc3\xbcn\r\n.\r\n"),
        ] {
            for step in [1, 2, 3, 100] {
                assert_eq!(
                    wire(message, step).escape_ascii().to_string(),
                    expected.escape_ascii().to_string(),
                    "{step}"
                );
            }
        }
    }

    #[test]
    fn whatever_the_pieces_what_is_unstuffed_is_what_was_sent() {
        for size in [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 200_000] {
            let message: Vec<u8> = b".x\n..\n\nabc.\n".iter().copied().cycle().take(size).chain([b'\n']).collect();
            let at_once = wire(&message, size + 1);
            let wire = wire(&message, 10_007);
            assert!(wire == at_once);
            let body = wire.strip_suffix(b".\r\n").unwrap();
            let lines = body.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_prefix(b".").unwrap_or(line));
            let read: Vec<u8> = lines.flatten().copied().filter(|byte| *byte != b'\r').collect();
            assert_eq!(read, message);
            assert!(!body.windows(5).any(|five| five == b"\r\n.\r\n"));
        }
    }
}
