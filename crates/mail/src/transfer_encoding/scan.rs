//! The octets of a body, in any pieces -> [`Facts`], all that [`super::plan`] needs to choose a transfer encoding (RFC 2045). One pass, a
//! few octets of memory; the body itself is not kept.
#![forbid(unsafe_code)]

use super::MAX_LINE;
use super::declared::{Base64, Escape, Quoted};
use super::encode::{is_literal, is_literal_text};
use super::sniff::{Markup, Sniffer};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

/// The facts of a whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its length in octets.
    pub len: u64,
    /// Whether there is a NUL.
    pub nul: bool,
    /// The number of octets above 127.
    pub eight_bit: u64,
    /// Whether all of it is UTF-8, apart from a last character that was cut off.
    pub valid_utf8: bool,
    /// The charset that it names itself, if the contents agree.
    pub named: Option<&'static Encoding>,
    /// Whether there is a CR without LF.
    pub bare_cr: bool,
    /// Whether a line ends in CRLF.
    pub has_crlf: bool,
    /// Whether a line has more than [`MAX_LINE`] octets, without its end.
    pub has_long_line: bool,
    /// Whether a line is only `.`, which ends a message for a program that runs without `-i`.
    pub lone_dot: bool,
    /// Whether a line begins with `From `, which an mbox turns into `>From `.
    pub from_line: bool,
    /// Whether the last octet is LF.
    pub ends_with_newline: bool,
    /// Whether it is already base64; `false` unless the client declared it.
    pub is_base64: bool,
    /// Whether it is already quoted-printable (RFC 2045 6.7), with lines of any length; `false` unless the client declared it.
    pub is_quoted_printable: bool,
}

impl Facts {
    /// The charset of a text that comes without one, in lower case; `None` for ASCII. ISO-8859-1 fits any octets.
    pub fn charset(&self) -> Option<String> {
        match self.named {
            Some(wide) if wide == UTF_16BE || wide == UTF_16LE => Some("utf-16".to_owned()), // it has a byte order mark
            Some(named) if named == ISO_2022_JP || named != UTF_8 && self.eight_bit > 0 => {
                Some(named.name().to_ascii_lowercase())
            }
            _ if self.eight_bit == 0 => None,
            _ => Some(if self.valid_utf8 { "utf-8" } else { "iso-8859-1" }.to_owned()),
        }
    }
}

/// Gathers [`Facts`].
#[derive(Debug)]
pub struct Scan {
    sniffer: Sniffer,
    lines: Lines,
    utf8: Utf8,
    base64: Base64,
    quoted: Quoted,
}

impl Scan {
    /// Before the first octet. Checks for an existing encoding only if the client has `declared` one, and looks for a charset name as
    /// `markup` says.
    pub fn new(declared: bool, markup: Markup) -> Scan {
        Scan {
            sniffer: Sniffer::new(markup),
            lines: Lines::default(),
            utf8: Utf8::default(),
            base64: Base64::new(declared),
            quoted: Quoted::new(declared),
        }
    }

    /// Octets so far.
    pub fn len(&self) -> u64 {
        self.lines.len
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.sniffer.update(octets);
        if self.is_plain() && is_plain(octets) {
            return self.lines.plain(octets);
        }
        let literal = is_literal_text(octets);
        if literal || octets.is_ascii() {
            self.utf8.ascii(octets);
        } else {
            self.lines.eight_bit += octets.iter().map(|b| u64::from(b >> 7)).sum::<u64>();
            self.utf8.update(octets);
        }
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', octets).map(|at| at + 1) {
            self.line(&octets[begin..end], literal);
            begin = end;
        }
        self.line(&octets[begin..], literal);
    }

    /// Whether all state machines are in the state that plain text leaves them in, so that more of it changes only [`Lines`].
    fn is_plain(&self) -> bool {
        self.base64.illegal && !self.quoted.legal && !self.lines.after_cr && self.utf8.carry.is_empty()
    }

    /// A line with its end, or part of one. Plain text (only ASCII, no CR and no `=`; the caller may have `known` it to be plain) moves
    /// each state machine by one step.
    fn line(&mut self, line: &[u8], known: bool) {
        let text = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let end = &line[text.len()..];
        let literal = known || is_literal(text);
        self.lines.nul |= !literal && !self.lines.nul && memchr::memchr(0, text).is_some();
        if !self.lines.after_cr && (literal || memchr::memchr(b'\r', text).is_none()) {
            self.lines.text(text);
        } else {
            text.iter().for_each(|&b| self.lines.octet(b));
        }
        end.iter().for_each(|&b| self.lines.octet(b));
        if self.quoted.legal {
            if !literal || self.quoted.state != Escape::None {
                text.iter().for_each(|&b| self.quoted.octet(b));
            }
            end.iter().for_each(|&b| self.quoted.octet(b));
        }
        if !self.base64.illegal {
            line.iter().for_each(|&b| self.base64.octet(b));
        }
    }

    /// The facts, if this is the whole body.
    pub fn facts(&self) -> Facts {
        let mut lines = self.lines.clone();
        lines.end_of_line();
        Facts {
            len: lines.len,
            nul: lines.nul,
            eight_bit: lines.eight_bit,
            valid_utf8: self.utf8.finish(),
            named: self.sniffer.charset(),
            bare_cr: lines.bare_cr || lines.after_cr,
            has_crlf: lines.has_crlf,
            has_long_line: lines.has_long_line,
            lone_dot: lines.lone_dot,
            from_line: lines.from_line,
            ends_with_newline: lines.ends_with_newline,
            is_base64: self.base64.finish(),
            is_quoted_printable: self.quoted.finish(),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Lines {
    len: u64,
    nul: bool,
    eight_bit: u64,
    bare_cr: bool,
    has_crlf: bool,
    has_long_line: bool,
    lone_dot: bool,
    from_line: bool,
    ends_with_newline: bool,
    /// The column in this line, without a CR that may be part of its end.
    column: u64,
    start: [u8; 5],
    after_cr: bool,
}

/// Whether it is ASCII without NUL and CR, the usual case.
fn is_plain(octets: &[u8]) -> bool {
    octets.is_ascii() && memchr::memchr2(0, b'\r', octets).is_none()
}

impl Lines {
    /// Octets that are [`is_plain`], not after a CR.
    fn plain(&mut self, octets: &[u8]) {
        let Some(first) = memchr::memchr(b'\n', octets) else { return self.text(octets) };
        let last = memchr::memrchr(b'\n', octets).unwrap_or(first);
        self.text(&octets[..first]);
        self.octet(b'\n');
        self.plain_lines(&octets[first..=last]);
        self.text(&octets[last + 1..]);
    }

    /// The end of a line and whole lines after it: each check is done for all lines at once.
    fn plain_lines(&mut self, lines: &[u8]) {
        self.len += lines.len() as u64 - 1;
        self.has_long_line |= has_long_line(lines);
        self.lone_dot |= memchr::memmem::find(lines, b"\n.\n").is_some();
        self.from_line |= memchr::memmem::find(lines, b"\nFrom ").is_some();
    }

    /// Part of a line without CR and LF, not after a CR.
    fn text(&mut self, text: &[u8]) {
        let began = keep_start(&mut self.start, self.column, text);
        self.column += text.len() as u64;
        self.from_line |= began && self.column >= 5 && self.start == *b"From ";
        self.len += text.len() as u64;
        self.ends_with_newline &= text.is_empty();
    }

    fn octet(&mut self, b: u8) {
        self.len += 1;
        self.ends_with_newline = b == b'\n';
        if b == b'\n' {
            self.has_crlf |= self.after_cr;
            self.after_cr = false;
            self.end_of_line();
            return;
        }
        if self.after_cr {
            self.bare_cr = true;
            self.on_line(b'\r');
        }
        self.after_cr = b == b'\r';
        if !self.after_cr {
            self.on_line(b);
        }
    }

    fn on_line(&mut self, b: u8) {
        if let Some(place) = self.start.get_mut(self.column as usize) {
            *place = b;
        }
        self.column += 1;
        self.from_line |= self.column == 5 && self.start == *b"From ";
    }

    fn end_of_line(&mut self) {
        let column = self.column + u64::from(self.after_cr); // this adds 1 only at the end of the body: a bare CR
        self.lone_dot |= self.column == 1 && self.start[0] == b'.';
        self.has_long_line |= column > MAX_LINE as u64;
        self.column = 0;
    }
}

/// Whether one of these lines is longer than [`MAX_LINE`] octets; they begin and end at line ends. It is enough to jump to the last line
/// end within reach, again and again.
fn has_long_line(lines: &[u8]) -> bool {
    let mut rest = lines;
    while let Some(near) = rest.get(1..MAX_LINE + 2) {
        match memchr::memrchr(b'\n', near) {
            Some(end) => rest = &rest[1 + end..],
            None => return true,
        }
    }
    false
}

/// Stores the first octets of a line; returns whether `text` has some of them.
fn keep_start(start: &mut [u8; 5], column: u64, text: &[u8]) -> bool {
    let Some(place) = start.get_mut(column as usize..) else { return false };
    let n = place.len().min(text.len());
    place[..n].copy_from_slice(&text[..n]);
    n > 0
}

/// UTF-8 in pieces that may split a character.
#[derive(Clone, Debug, Default)]
struct Utf8 {
    /// The start of an incomplete character.
    carry: Vec<u8>,
    invalid: bool,
    /// Whether a whole character beyond ASCII was seen.
    whole: bool,
}

impl Utf8 {
    /// ASCII cannot complete a character that has begun.
    fn ascii(&mut self, octets: &[u8]) {
        self.invalid |= !octets.is_empty() && !self.carry.is_empty();
    }

    fn update(&mut self, mut octets: &[u8]) {
        while !self.invalid && !self.carry.is_empty() {
            let Some((&b, rest)) = octets.split_first() else { return };
            octets = rest;
            self.carry.push(b);
            match std::str::from_utf8(&self.carry) {
                Ok(_) => {
                    self.carry.clear();
                    self.whole = true;
                }
                Err(error) => self.invalid = error.error_len().is_some(),
            }
        }
        if self.invalid {
            return;
        }
        let valid = match std::str::from_utf8(octets) {
            Ok(valid) => valid.len(),
            Err(error) => {
                self.invalid = error.error_len().is_some();
                if !self.invalid {
                    self.carry.extend_from_slice(&octets[error.valid_up_to()..]);
                }
                error.valid_up_to()
            }
        };
        self.whole |= !octets[..valid].is_ascii();
    }

    /// The last character may be cut off, unless it is the only non-ASCII one: `caf\xe9` is ISO-8859-1.
    fn finish(&self) -> bool {
        !self.invalid && (self.carry.is_empty() || self.whole)
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
