//! Foreign quoted-printable -> quoted-printable as RFC 2045 6.7 requires: upper-case digits, lines of at most 76, no start of a line that a
//! mail program on the way could misread. The decoded text stays the same. An invalid escape is read as literal octets, as readers do.
#![forbid(unsafe_code)]

use super::{ENCODED_LINE, HEX};

/// Leaves room for the `=` of a soft line break, and for the escapes of the first and the last octet of the line.
const FULL: usize = ENCODED_LINE - 5;

/// Blanks that are held back, since those at the end of a line are dropped (RFC 2045 6.7 (3)).
const MOST_BLANKS: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Requote {
    state: State,
    /// Blanks that may have to be dropped.
    blanks: Vec<u8>,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// After a CR.
    Cr,
    /// After `=` and any blanks.
    Equals,
    /// After `=` and one digit.
    Digit(u8),
    /// After `=` and a CR.
    SoftCr,
}

impl Requote {
    pub fn update(&mut self, piece: &[u8], sink: &mut dyn FnMut(&[u8])) {
        piece.iter().for_each(|&b| self.octet(b, sink));
    }

    /// Ends the last line, if one is open.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) {
        match self.state {
            State::Text | State::Equals => {}
            State::Cr => self.escape(b'\r', sink),
            state @ (State::Digit(_) | State::SoftCr) => self.give_up(state, sink),
        }
        if !self.line.is_empty() {
            self.end_line(sink);
        }
    }

    fn octet(&mut self, b: u8, sink: &mut dyn FnMut(&[u8])) {
        let state = std::mem::take(&mut self.state);
        match (state, b) {
            (State::Text | State::Cr, b'\n') => {
                self.blanks.clear();
                self.end_line(sink);
            }
            (State::Equals | State::SoftCr, b'\n') => self.blanks.clear(),
            (State::Text, b'\r') => self.state = State::Cr,
            (State::Equals, b'\r') => self.state = State::SoftCr,
            (State::Text, b'=') => {
                self.keep_blanks(sink);
                self.state = State::Equals;
            }
            (State::Text, b' ' | b'\t') => self.blank(b, sink),
            (State::Text, b'!'..=b'~') => self.literal(b, sink),
            (State::Text, _) => self.escape(b, sink),
            (State::Equals, b' ' | b'\t') => {
                self.state = State::Equals;
                self.blank(b, sink);
            }
            (State::Equals, b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f') if self.blanks.is_empty() => {
                self.state = State::Digit(b);
            }
            (State::Digit(first), b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f') => {
                self.push(&[b'=', first.to_ascii_uppercase(), b.to_ascii_uppercase()], sink);
            }
            (State::Cr, _) => {
                self.escape(b'\r', sink);
                self.octet(b, sink);
            }
            (state, _) => {
                self.give_up(state, sink);
                self.octet(b, sink);
            }
        }
    }

    /// What began as an escape is not one.
    fn give_up(&mut self, state: State, sink: &mut dyn FnMut(&[u8])) {
        let blanks = std::mem::take(&mut self.blanks);
        self.escape(b'=', sink);
        self.blanks = blanks;
        match state {
            State::Digit(first) => self.literal(first, sink),
            State::SoftCr => self.escape(b'\r', sink),
            State::Text | State::Cr | State::Equals => {}
        }
    }

    fn blank(&mut self, b: u8, sink: &mut dyn FnMut(&[u8])) {
        if self.blanks.len() == MOST_BLANKS {
            self.keep_blanks(sink);
        }
        self.blanks.push(b);
    }

    fn keep_blanks(&mut self, sink: &mut dyn FnMut(&[u8])) {
        for b in std::mem::take(&mut self.blanks) {
            self.push(&[b], sink);
        }
    }

    fn literal(&mut self, b: u8, sink: &mut dyn FnMut(&[u8])) {
        self.keep_blanks(sink);
        self.push(&[b], sink);
    }

    fn escape(&mut self, b: u8, sink: &mut dyn FnMut(&[u8])) {
        self.keep_blanks(sink);
        self.push(&[b'=', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]], sink);
    }

    fn push(&mut self, octets: &[u8], sink: &mut dyn FnMut(&[u8])) {
        if self.line.len() + octets.len() > FULL {
            self.line.push(b'=');
            self.end_line(sink);
        }
        self.line.extend_from_slice(octets);
    }

    fn end_line(&mut self, sink: &mut dyn FnMut(&[u8])) {
        // Blanks that were before a soft line break, and are now at the end of a line.
        match self.line.last() {
            Some(b' ') => self.line.splice(self.line.len() - 1.., *b"=20").for_each(drop),
            Some(b'\t') => self.line.splice(self.line.len() - 1.., *b"=09").for_each(drop),
            _ => {}
        }
        self.line.push(b'\n');
        match self.line.as_slice() {
            [b'.', b'\n'] => sink(b"=2E\n"),
            [b'F', b'r', b'o', b'm', b' ', ..] => {
                sink(b"=46");
                sink(&self.line[1..]);
            }
            [b'-', b'-', ..] => {
                sink(b"=2D");
                sink(&self.line[1..]);
            }
            line => sink(line),
        }
        self.line.clear();
    }
}
