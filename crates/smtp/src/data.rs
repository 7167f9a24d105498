//! The octets after DATA -> the message, up to its end (RFC 5321 4.5.2): a dot at the start of a line is removed, and only CRLF "." CRLF
//! ends the message.
//!
//! What another server might take for the end of the message, and we do not, is an attack (SMTP smuggling, CVE-2023-51764 and its kin): a
//! dot between line ends one of which is a bare CR or LF is neither an end nor content, and ends the session. Elsewhere a bare CR or LF is
//! content like any other octet: many programs send it, and the next server to send the message rewrites its line ends.
#![forbid(unsafe_code)]

use crate::settings::LineEnds;
use memchr::memchr2;

/// The state after a piece of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The message is complete.
    End,
    /// All input was read; more must come.
    More,
    /// A dot is between line ends, one of which is bare.
    Smuggled,
}

/// The position of the next octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At the start of a line.
    Start,
    /// After the dot that starts a line.
    Dot,
    /// After that dot and a CR.
    DotCr,
    /// Inside a line.
    Text,
    /// After a CR.
    Cr,
    /// After an LF that is not a line end.
    BareLf,
    /// After a dot that follows a bare CR or LF.
    BareDot,
}

/// Reads one message.
#[derive(Debug)]
pub struct DataReader {
    line_ends: LineEnds,
    at: At,
}

impl DataReader {
    /// A reader at the first octet of a message.
    pub fn new(line_ends: LineEnds) -> DataReader {
        DataReader { line_ends, at: At::Start }
    }

    /// Reads a piece; returns how many octets were read, and the state. `sink` gets the octets of the message.
    pub fn read(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> (usize, Progress) {
        // Octets from here to `i` are for the sink.
        let (mut from, mut i) = (0, 0);
        while i < input.len() {
            if self.at == At::Text {
                i += memchr2(b'\r', b'\n', &input[i..]).unwrap_or(input.len() - i);
                if i == input.len() {
                    break;
                }
            }
            let (before, octet) = (self.at, input[i]);
            self.at = self.next(octet);
            let progress = match (before, self.at, octet) {
                (At::DotCr, At::Start, b'\n') | (At::Dot, At::Start, b'\n') => Some(Progress::End),
                (At::DotCr, _, _) if self.line_ends == LineEnds::Crlf => Some(Progress::Smuggled),
                (At::BareDot, _, b'\r' | b'\n') | (At::Dot, _, b'\n') => Some(Progress::Smuggled),
                _ => None,
            };
            if progress.is_some() || self.at == At::Dot || self.at == At::DotCr {
                if from < i {
                    sink(&input[from..i]);
                }
                from = i + 1;
            } else if before == At::DotCr {
                // The CR was held back; it may be in another piece.
                sink(b"\r");
            }
            i += 1;
            if let Some(progress) = progress {
                return (i, progress);
            }
        }
        if from < i {
            sink(&input[from..i]);
        }
        (i, Progress::More)
    }

    fn next(&self, octet: u8) -> At {
        let any = self.line_ends == LineEnds::Any;
        match (self.at, octet) {
            (At::Start, b'.') => At::Dot,
            (At::Dot, b'\r') => At::DotCr,
            (At::Dot, b'\n') if !any => At::BareLf,
            (At::Cr | At::DotCr, b'\n') => At::Start,
            (_, b'\n') if any => At::Start,
            (At::Cr | At::BareLf, b'.') if !any => At::BareDot,
            (_, b'\r') => At::Cr,
            (_, b'\n') => At::BareLf,
            _ => At::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was read, what is left, and how it ended, for input in pieces of `size`.
    fn read(input: &[u8], line_ends: LineEnds, size: usize) -> (String, String, Progress) {
        let (mut reader, mut message, mut taken) = (DataReader::new(line_ends), Vec::new(), 0);
        for piece in input.chunks(size) {
            let (octets, progress) = reader.read(piece, |octets| message.extend_from_slice(octets));
            taken += octets;
            if progress != Progress::More {
                return (text(&message), text(&input[taken..]), progress);
            }
        }
        (text(&message), text(&input[taken..]), Progress::More)
    }

    fn text(octets: &[u8]) -> String {
        octets.escape_ascii().to_string()
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_message_of_the_network() {
        use Progress::{End, More};
        for (input, message, rest, progress) in [
            (".\r\nQUIT", "", "QUIT", End),
            ("a\r\n.\r\n", "a\r\n", "", End),
            ("a\r\n..\r\n.b\r\n...\r\n.\r\nQ", "a\r\n.\r\nb\r\n..\r\n", "Q", End),
            ("a.\r\n.\r\n", "a.\r\n", "", End),
            ("a", "a", "", More),
            ("a\r\n.", "a\r\n", "", More),
            ("a\r\n.\r", "a\r\n", "", More),
            ("a\r\r\n.\r\n", "a\r\r\n", "", End),
            ("a\n\r\n.\r\n", "a\n\r\n", "", End),
            ("a\nb\rc\r\n.\r\n", "a\nb\rc\r\n", "", End),
            ("a\n.b\r.c\r\n.\r\n", "a\n.b\r.c\r\n", "", End),
            ("a\n..\r\n.\r\n", "a\n..\r\n", "", End),
            ("\0\r\n.\0\r\n.\r\n", "\0\r\n\0\r\n", "", End),
            ("a\r\n .\r\n.\r\n", "a\r\n .\r\n", "", End),
            ("a\r\n. \r\n.\r\n", "a\r\n \r\n", "", End),
        ] {
            for size in 1..=input.len() {
                let expected = (text(message.as_bytes()), text(rest.as_bytes()), progress);
                assert_eq!(read(input.as_bytes(), LineEnds::Crlf, size), expected, "{input:?} by {size}");
            }
        }
    }

    #[test]
    fn a_dot_between_bare_line_ends_is_no_end_and_no_content() {
        let ends = ["\r\n", "\n", "\r"];
        for before in ends {
            for after in ends {
                let input = format!("a{before}.{after}MAIL FROM:<x@y>\r\n");
                for size in 1..=input.len() {
                    let (_, _, progress) = read(input.as_bytes(), LineEnds::Crlf, size);
                    let good = before == "\r\n" && after == "\r\n";
                    let expected = if good { Progress::End } else { Progress::Smuggled };
                    assert_eq!(progress, expected, "{input:?} by {size}");
                }
            }
        }
        for input in
            [".\n", ".\rx", "\n.\n", "\r.\r", "a\r\n\n.\r\n", "a\r\n\r.\r\n", "a\r\r.\r\n", "a\n\n.\n", "a\r\n.\r\r\n"]
        {
            for size in 1..=input.len() {
                assert_eq!(read(input.as_bytes(), LineEnds::Crlf, size).2, Progress::Smuggled, "{input:?} by {size}");
            }
        }
    }

    #[test]
    fn a_local_program_may_end_it_with_lf() {
        for (input, message, rest) in [
            (".\nQUIT", "", "QUIT"),
            ("a\n.\n", "a\n", ""),
            ("a\r\n.\nQ", "a\r\n", "Q"),
            ("a\n.\r\nQ", "a\n", "Q"),
            ("a\n..\n.b\n.\n", "a\n.\nb\n", ""),
            ("a\n.\rb\n.\n", "a\n\rb\n", ""),
            ("a\n.\r.\n.\n", "a\n\r.\n", ""),
            ("a\r.\r\n.\n", "a\r.\r\n", ""),
            ("a\n.\r\r\n.\n", "a\n\r\r\n", ""),
        ] {
            for size in 1..=input.len() {
                let expected = (text(message.as_bytes()), text(rest.as_bytes()), Progress::End);
                assert_eq!(read(input.as_bytes(), LineEnds::Any, size), expected, "{input:?} by {size}");
            }
        }
    }
}
