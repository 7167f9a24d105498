//! A body as it was sent -> a body as it travels, with LF as its line end (RFC 2045 6.7 and 6.8). Streams: memory does
//! not grow with the body. Quoted-printable also hides what a mail program on the way could take for something else: a
//! line that is nothing but a dot, and one that begins with `From `.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{ENCODED_LINE, Encoding, Plan};

/// Copies `from` to `to` as `plan` says. What is not empty ends in a line end.
pub fn encode(plan: &Plan, mut from: impl BufRead, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let mut encoder = Encoder::new(plan);
    each_piece(&mut from, |piece| encoder.update(piece, to))?;
    encoder.finish(to)
}

/// The same, of a body that comes in pieces.
#[derive(Debug)]
pub struct Encoder(Way);

#[derive(Debug)]
enum Way {
    Base64(Base64Lines),
    Plain(PlainLines),
    QuotedPrintable(QuotedPrintable),
}

impl Encoder {
    /// Before the first octet.
    pub fn new(plan: &Plan) -> Encoder {
        let as_sent = plan.as_sent;
        Encoder(match plan.encoding {
            Encoding::SevenBit | Encoding::EightBit => Way::Plain(PlainLines::default()),
            Encoding::QuotedPrintable if as_sent => Way::Plain(PlainLines { quoted: true, ..PlainLines::default() }),
            Encoding::QuotedPrintable => Way::QuotedPrintable(QuotedPrintable::new()),
            Encoding::Base64 => Way::Base64(Base64Lines { as_sent, ..Base64Lines::default() }),
        })
    }

    /// Writes what the next octets complete.
    pub fn update(&mut self, piece: &[u8], to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        match &mut self.0 {
            Way::Base64(lines) => lines.update(piece, to),
            Way::Plain(lines) => lines.update(piece, to),
            Way::QuotedPrintable(encoder) => kept_error(to, |sink| encoder.update(piece, sink)),
        }
    }

    /// Writes the rest.
    pub fn finish(self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        match self.0 {
            Way::Base64(lines) => lines.finish(to),
            Way::Plain(mut lines) => lines.finish(to),
            Way::QuotedPrintable(mut encoder) => kept_error(to, |sink| encoder.finish(sink)),
        }
    }
}

/// Lets `write` write into `to` until that fails.
fn kept_error(to: &mut (impl Write + ?Sized), write: impl FnOnce(&mut dyn FnMut(&[u8]))) -> io::Result<()> {
    let mut outcome = Ok(());
    write(&mut |piece| {
        if outcome.is_ok() {
            outcome = to.write_all(piece);
        }
    });
    outcome
}

fn each_piece(from: &mut impl BufRead, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    loop {
        let n = match from.fill_buf() {
            Ok(b"") => return Ok(()),
            Ok(piece) => take(piece).map(|()| piece.len())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        from.consume(n);
    }
}

/// CRLF -> LF; and, of quoted-printable, `.` alone -> `=2E`, `From ` -> `=46rom `.
#[derive(Debug, Default)]
struct PlainLines {
    quoted: bool,
    carry: Vec<u8>,
    in_line: bool,
}

impl PlainLines {
    fn update(&mut self, piece: &[u8], to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        if !self.quoted && self.carry.is_empty() && memchr::memchr(b'\r', piece).is_none() {
            self.in_line = piece.last().map_or(self.in_line, |&b| b != b'\n');
            return to.write_all(piece);
        }
        self.carry.extend_from_slice(piece);
        let octets = std::mem::take(&mut self.carry);
        let rest = self.lines(&octets, false, to)?;
        self.carry = octets[rest..].to_vec();
        Ok(())
    }

    fn finish(&mut self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let octets = std::mem::take(&mut self.carry);
        self.lines(&octets, true, to)?;
        if self.in_line { to.write_all(b"\n") } else { Ok(()) }
    }

    /// Writes what can be judged, gives the place of what cannot: at most five octets.
    fn lines(&mut self, octets: &[u8], last: bool, to: &mut (impl Write + ?Sized)) -> io::Result<usize> {
        let mut at = 0;
        while at < octets.len() {
            let rest = &octets[at..];
            if !self.in_line && self.quoted {
                if !last && rest.len() < 5 && !rest.contains(&b'\n') {
                    break;
                }
                if let Some(escaped) = disguise(rest, last) {
                    to.write_all(escaped)?;
                    (at, self.in_line) = (at + 1, true);
                    continue;
                }
            }
            let end = memchr::memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            match (line.split_last(), end) {
                (Some((b'\r', before)), Some(_)) => to.write_all(before)?,
                (Some((b'\r', before)), None) if !last => {
                    to.write_all(before)?;
                    self.in_line |= !before.is_empty();
                    return Ok(at + before.len());
                }
                _ => to.write_all(line)?,
            }
            at += line.len();
            self.in_line = true;
            if end.is_some() {
                to.write_all(b"\n")?;
                at += 1;
                self.in_line = false;
            }
        }
        Ok(at)
    }
}

/// The escape for the first octet of a line that something on the way could misread.
fn disguise(line: &[u8], last: bool) -> Option<&'static [u8]> {
    match line {
        [b'.', b'\n', ..] | [b'.', b'\r', b'\n', ..] => Some(b"=2E"),
        [b'.'] | [b'.', b'\r'] if last => Some(b"=2E"),
        [b'F', b'r', b'o', b'm', b' ', ..] => Some(b"=46"),
        _ => None,
    }
}

/// Any octets -> quoted-printable. LF and CRLF are line ends; everything else comes back exactly.
#[derive(Clone, Debug)]
pub(super) struct QuotedPrintable {
    carry: Vec<u8>,
    line: Vec<u8>,
}

/// Whether quoted-printable may write all of it as it is, blanks at the end of a line apart. No early exit: that is what lets the compiler
/// look at many octets at once.
pub(super) fn is_literal(text: &[u8]) -> bool {
    text.iter().fold(true, |all, &b| all & stands_for_itself(b))
}

/// The same of several lines.
pub(super) fn is_literal_text(lines: &[u8]) -> bool {
    lines.iter().fold(true, |all, &b| all & (stands_for_itself(b) | (b == b'\n')))
}

#[inline(always)]
fn stands_for_itself(b: u8) -> bool {
    (b.wrapping_sub(b' ') < 95) & (b != b'=') | (b == b'\t')
}

/// What may follow an octet and change how it is written: `rom ` after F.
const LOOKAHEAD: usize = 4;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

impl QuotedPrintable {
    pub fn new() -> QuotedPrintable {
        QuotedPrintable { carry: Vec::new(), line: Vec::with_capacity(ENCODED_LINE + 1) }
    }

    pub fn update(&mut self, piece: &[u8], sink: &mut dyn FnMut(&[u8])) {
        let mut octets = std::mem::take(&mut self.carry);
        octets.extend_from_slice(piece);
        let ready = self.encode(&octets, piece.ends_with(b"\n"), sink); // beyond a line end nothing matters
        octets.drain(..ready);
        self.carry = octets;
    }

    /// Ends the last line, if one is open.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let octets = std::mem::take(&mut self.carry);
        self.encode(&octets, true, sink);
        if !self.line.is_empty() {
            self.end_line(sink);
        }
    }

    fn encode(&mut self, octets: &[u8], last: bool, sink: &mut dyn FnMut(&[u8])) -> usize {
        let mut at = 0;
        while at < octets.len() {
            let rest = &octets[at..];
            if let Some(n) = self.whole_line(rest, sink) {
                at += n;
                continue;
            }
            if !last && rest.len() <= LOOKAHEAD {
                break;
            }
            let run = self.run(rest, last);
            if run > 0 {
                self.line.extend_from_slice(&rest[..run]);
                at += run;
                continue;
            }
            at += match rest {
                [b'\n', ..] => {
                    self.end_line(sink);
                    1
                }
                [b'\r', b'\n', ..] => {
                    self.end_line(sink);
                    2
                }
                [b, after @ ..] => {
                    let ends_line = matches!(after, [] | [b'\n', ..] | [b'\r', b'\n', ..]);
                    self.octet(*b, rest, ends_line, last, sink);
                    1
                }
                [] => break,
            };
        }
        at
    }

    /// The length of a line that fits and needs no escape, written; what most lines of most texts are.
    fn whole_line(&self, rest: &[u8], sink: &mut dyn FnMut(&[u8])) -> Option<usize> {
        let end = memchr::memchr(b'\n', &rest[..rest.len().min(ENCODED_LINE + 1)]).filter(|_| self.line.is_empty())?;
        let text = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if !is_literal(text) || !self.fits(text) {
            return None;
        }
        sink(text);
        sink(b"\n");
        Some(end + 1)
    }

    /// Whether literal text, with its line end behind it, is a line of output as it is: nothing stands before it on the line, and nothing
    /// could misread it.
    pub fn fits(&self, text: &[u8]) -> bool {
        let misread = text == b"." || text.starts_with(b"From ");
        let ends_well = !matches!(text.last(), Some(b' ' | b'\t'));
        self.carry.is_empty() && self.line.is_empty() && text.len() < ENCODED_LINE && ends_well && !misread
    }

    /// How many of the next octets stand for themselves, up to the end of this line of output.
    fn run(&self, rest: &[u8], last: bool) -> usize {
        let room = (ENCODED_LINE - 1).saturating_sub(self.line.len());
        let known = if last { rest.len() } else { rest.len() - LOOKAHEAD };
        let near = &rest[..room.min(known)];
        let mut run = near.chunks(16).take_while(|octets| is_literal(octets)).map(<[u8]>::len).sum::<usize>();
        run += near[run..].iter().take_while(|&&b| is_literal(&[b])).count();
        if matches!(rest.get(run), None | Some(b'\n' | b'\r')) {
            while run > 0 && matches!(rest[run - 1], b' ' | b'\t') {
                run -= 1;
            }
        }
        if self.line.is_empty() && disguise(rest, last).is_some() { 0 } else { run }
    }

    fn octet(&mut self, b: u8, rest: &[u8], ends_line: bool, last: bool, sink: &mut dyn FnMut(&[u8])) {
        let plain = match b {
            b' ' | b'\t' => !ends_line,
            b'=' => false,
            _ => matches!(b, b'!'..=b'~'),
        };
        // RFC 2045 6.7 (5): no line over 76, with the `=` of a soft line break.
        if self.line.len() + if plain { 1 } else { 3 } >= ENCODED_LINE {
            self.line.push(b'=');
            self.end_line(sink);
        }
        // After that: what a soft break has put at the beginning of a line is at the beginning of a line.
        match disguise(rest, last).filter(|_| self.line.is_empty()) {
            Some(escaped) => self.line.extend_from_slice(escaped),
            None if plain => self.line.push(b),
            None => self.line.extend_from_slice(&[b'=', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]),
        }
    }

    fn end_line(&mut self, sink: &mut dyn FnMut(&[u8])) {
        self.line.push(b'\n');
        sink(&self.line);
        self.line.clear();
    }
}

/// Octets, or the digits of somebody else's base64, -> base64 in lines of 76.
#[derive(Debug, Default)]
struct Base64Lines {
    as_sent: bool,
    /// Less than a line: 57 octets, or 76 digits.
    carry: Vec<u8>,
    line: String,
}

impl Base64Lines {
    fn update(&mut self, piece: &[u8], to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        if self.as_sent {
            self.carry.extend(piece.iter().filter(|b| !b.is_ascii_whitespace()));
        } else {
            self.carry.extend_from_slice(piece);
        }
        let octets = std::mem::take(&mut self.carry);
        let lines = octets.chunks_exact(self.width());
        self.carry = lines.remainder().to_vec();
        for line in lines {
            self.line(line, to)?;
        }
        Ok(())
    }

    fn finish(mut self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let rest = std::mem::take(&mut self.carry);
        if rest.is_empty() { Ok(()) } else { self.line(&rest, to) }
    }

    fn width(&self) -> usize {
        if self.as_sent { ENCODED_LINE } else { ENCODED_LINE / 4 * 3 }
    }

    fn line(&mut self, octets: &[u8], to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        if self.as_sent {
            to.write_all(octets)?;
        } else {
            self.line.clear();
            STANDARD.encode_string(octets, &mut self.line);
            to.write_all(self.line.as_bytes())?;
        }
        to.write_all(b"\n")
    }
}
