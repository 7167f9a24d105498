//! Octets -> command lines (RFC 5321 2.3.8, 4.5.3.1.4) of bounded length.
#![forbid(unsafe_code)]

use crate::settings::LineEnds;

/// RFC 4954 4: the longest line there is, the response of a client to a challenge, with its CRLF.
pub(crate) const MAX_LINE: usize = 12_288;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its end.
    Complete(Vec<u8>),
    /// More than [`MAX_LINE`] octets without a line end. Neither the command nor what follows it can be read.
    TooLong,
    /// A bare CR or LF where only CRLF is a line end.
    Bare,
    /// The first octet of a TLS handshake record (RFC 8446 5.1) where a command starts.
    Handshake,
}

/// Reads one line after the other, until one that is not [`Line::Complete`].
#[derive(Debug)]
pub(crate) struct LineReader {
    line_ends: LineEnds,
    line: Vec<u8>,
}

impl LineReader {
    pub(crate) fn new(line_ends: LineEnds) -> LineReader {
        LineReader { line_ends, line: Vec::new() }
    }

    /// Whether part of a line has been read.
    pub(crate) fn is_inside(&self) -> bool {
        !self.line.is_empty()
    }

    /// Reads up to the end of a line; returns how many octets that took, and the line if it is complete.
    pub(crate) fn read(&mut self, input: &[u8]) -> (usize, Option<Line>) {
        for (i, octet) in input.iter().copied().enumerate() {
            if let Some(line) = self.push(octet) {
                return (i + 1, Some(line));
            }
        }
        (input.len(), None)
    }

    fn push(&mut self, octet: u8) -> Option<Line> {
        let after_cr = self.line.last() == Some(&b'\r');
        match (octet, self.line_ends) {
            (b'\n', LineEnds::Crlf) if !after_cr => return Some(Line::Bare),
            (b'\n', _) => {
                let mut line = std::mem::take(&mut self.line);
                line.truncate(line.len() - usize::from(after_cr));
                return Some(Line::Complete(line));
            }
            (_, LineEnds::Crlf) if after_cr => return Some(Line::Bare),
            (0x16, _) if self.line.is_empty() => return Some(Line::Handshake),
            _ => {}
        }
        self.line.push(octet);
        (self.line.len() >= MAX_LINE).then_some(Line::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], line_ends: LineEnds) -> Vec<Line> {
        let (mut reader, mut rest, mut lines) = (LineReader::new(line_ends), input, Vec::new());
        while !rest.is_empty() {
            let (taken, line) = reader.read(rest);
            rest = &rest[taken..];
            lines.extend(line);
            if lines.last().is_some_and(|line| !matches!(line, Line::Complete(_))) {
                break;
            }
        }
        lines
    }

    fn complete(text: &str) -> Line {
        Line::Complete(text.as_bytes().to_vec())
    }

    #[test]
    fn only_crlf_ends_a_line_of_the_network() {
        for (input, read) in [
            ("NOOP\r\nQUIT\r\n", vec![complete("NOOP"), complete("QUIT")]),
            ("\r\n", vec![complete("")]),
            ("NOOP", vec![]),
            ("NOOP\nQUIT\r\n", vec![Line::Bare]),
            ("NOOP\rQUIT\r\n", vec![Line::Bare]),
            ("NOOP\r\r\n", vec![Line::Bare]),
            ("\n", vec![Line::Bare]),
            ("NOOP\r\n\x16\x03\x01", vec![complete("NOOP"), Line::Handshake]),
        ] {
            assert_eq!(lines(input.as_bytes(), LineEnds::Crlf), read, "{input:?}");
        }
    }

    #[test]
    fn a_local_program_may_end_lines_with_lf() {
        let read = lines(b"NOOP\nQUIT\r\na\rb\n\n", LineEnds::Any);
        assert_eq!(read, [complete("NOOP"), complete("QUIT"), complete("a\rb"), complete("")]);
    }

    #[test]
    fn a_line_has_a_length() {
        let longest = "x".repeat(MAX_LINE - 2);
        let read = |text: String| lines(text.as_bytes(), LineEnds::Crlf);
        assert_eq!(read(format!("{longest}\r\nNOOP\r\n")), [complete(&longest), complete("NOOP")]);
        assert_eq!(read(format!("{longest}x\r\nNOOP\r\n")), [Line::TooLong]);
    }
}
