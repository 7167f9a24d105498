//! A body as received -> the body to send, with LF as its line end (RFC 2045 6.7 and 6.8). Streams: memory does not grow with the body.
//! Quoted-printable also hides what a mail program on the way could misread: a line with only a dot, and one that begins with `From `.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::requote::Requote;
use super::{ENCODED_LINE, Encoding, HEX, Plan, Source};

/// Copies `from` to `to` as `plan` says. A non-empty result ends with a line end.
pub fn encode(plan: &Plan, mut from: impl BufRead, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let mut encoder = Encoder::new(plan);
    each_piece(&mut from, |piece| encoder.update(piece, to))?;
    encoder.finish(to)
}

/// The same for a body in pieces.
#[derive(Debug)]
pub struct Encoder(Way);

#[derive(Debug)]
enum Way {
    Base64(Base64Lines),
    Plain(PlainLines),
    QuotedPrintable(QuotedPrintable),
    Requote(Requote),
}

impl Encoder {
    /// Before the first octet.
    pub fn new(plan: &Plan) -> Encoder {
        Encoder(match (plan.encoding, plan.source) {
            (Encoding::SevenBit | Encoding::EightBit, _) => Way::Plain(PlainLines::default()),
            (Encoding::QuotedPrintable, Source::Encoded) => Way::Requote(Requote::default()),
            (Encoding::QuotedPrintable, _) => Way::QuotedPrintable(QuotedPrintable::default()),
            (Encoding::Base64, source) => Way::Base64(Base64Lines::new(source)),
        })
    }

    /// Writes what these octets complete.
    pub fn update(&mut self, piece: &[u8], to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        match &mut self.0 {
            Way::Base64(lines) => lines.update(piece, to),
            Way::Plain(lines) => lines.update(piece, to),
            Way::QuotedPrintable(encoder) => kept_error(to, |sink| encoder.update(piece, sink)),
            Way::Requote(encoder) => kept_error(to, |sink| encoder.update(piece, sink)),
        }
    }

    /// Writes the rest.
    pub fn finish(self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        match self.0 {
            Way::Base64(lines) => lines.finish(to),
            Way::Plain(lines) => lines.finish(to),
            Way::QuotedPrintable(mut encoder) => kept_error(to, |sink| encoder.finish(sink)),
            Way::Requote(mut encoder) => kept_error(to, |sink| encoder.finish(sink)),
        }
    }
}

/// Lets `write` write to `to` until that fails; keeps the error.
fn kept_error(to: &mut (impl Write + ?Sized), write: impl FnOnce(&mut dyn FnMut(&[u8]))) -> io::Result<()> {
    let mut outcome = Ok(());
    write(&mut |piece| {
        if outcome.is_ok() {
            outcome = to.write_all(piece);
        }
    });
    outcome
}

pub(super) fn each_piece(from: &mut impl BufRead, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
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

/// CRLF -> LF.
#[derive(Debug, Default)]
struct PlainLines {
    /// The last octet was a CR, which may be part of a line end.
    after_cr: bool,
    in_line: bool,
}

impl PlainLines {
    fn update(&mut self, piece: &[u8], to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let Some(&last) = piece.last() else { return Ok(()) };
        if self.after_cr && piece[0] != b'\n' {
            to.write_all(b"\r")?;
        }
        let mut begin = 0;
        for at in memchr::memchr_iter(b'\r', piece).filter(|at| matches!(piece.get(at + 1), None | Some(b'\n'))) {
            to.write_all(&piece[begin..at])?;
            begin = at + 1;
        }
        to.write_all(&piece[begin..])?;
        self.after_cr = last == b'\r';
        self.in_line = last != b'\n';
        Ok(())
    }

    fn finish(self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        if self.after_cr {
            to.write_all(b"\r")?;
        }
        if self.in_line { to.write_all(b"\n") } else { Ok(()) }
    }
}

/// The escape for the first octet of a line that a program on the way could misread.
fn disguise(line: &[u8], last: bool) -> Option<&'static [u8]> {
    match line {
        [b'.', b'\n', ..] | [b'.', b'\r', b'\n', ..] => Some(b"=2E"),
        [b'.'] | [b'.', b'\r'] if last => Some(b"=2E"),
        [b'F', b'r', b'o', b'm', b' ', ..] => Some(b"=46"),
        [b'-', b'-', ..] => Some(b"=2D"), // in a multipart, a soft line break could make a boundary
        _ => None,
    }
}

/// Any octets -> quoted-printable. LF and CRLF are line ends; everything else is restored exactly.
#[derive(Debug, Default)]
pub(super) struct QuotedPrintable {
    carry: Vec<u8>,
    line: Vec<u8>,
}

/// Whether quoted-printable may write all of it unchanged, except blanks at the end of a line. No early exit: this lets the compiler check
/// many octets at once.
pub(super) fn is_literal(text: &[u8]) -> bool {
    text.iter().fold(true, |all, &b| all & stands_for_itself(b))
}

/// The same for several lines.
pub(super) fn is_literal_text(lines: &[u8]) -> bool {
    lines.iter().fold(true, |all, &b| all & (stands_for_itself(b) | (b == b'\n')))
}

#[inline(always)]
fn stands_for_itself(b: u8) -> bool {
    (b.wrapping_sub(b' ') < 95) & (b != b'=') | (b == b'\t')
}

/// How many following octets can change how an octet is written: `rom ` after F.
const LOOKAHEAD: usize = 4;

impl QuotedPrintable {
    pub fn update(&mut self, piece: &[u8], sink: &mut dyn FnMut(&[u8])) {
        let mut octets = std::mem::take(&mut self.carry);
        octets.extend_from_slice(piece);
        let ready = self.encode(&octets, piece.ends_with(b"\n"), sink); // what follows a line end changes nothing
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

    /// Writes a line that fits and needs no escape, the usual case; returns its length.
    fn whole_line(&self, rest: &[u8], sink: &mut dyn FnMut(&[u8])) -> Option<usize> {
        let end = memchr::memchr(b'\n', &rest[..rest.len().min(ENCODED_LINE + 1)]).filter(|_| self.line.is_empty())?;
        let text = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        let misread = text == b"." || text.starts_with(b"From ") || text.starts_with(b"--");
        let ends_well = !matches!(text.last(), Some(b' ' | b'\t'));
        if text.len() >= ENCODED_LINE || !ends_well || misread || !is_literal(text) {
            return None;
        }
        sink(text);
        sink(b"\n");
        Some(end + 1)
    }

    /// How many of the next octets are written unchanged, up to the end of this output line.
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
        // After that, since after a soft break an octet is at the start of a line.
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

/// Octets, text, or foreign base64 digits -> base64 in lines of 76.
#[derive(Debug)]
struct Base64Lines {
    source: Source,
    /// Less than a line: up to 57 octets, or 76 digits.
    carry: Vec<u8>,
    line: String,
    /// Whether the last octet was a CR.
    after_cr: bool,
}

impl Base64Lines {
    fn new(source: Source) -> Base64Lines {
        Base64Lines { source, carry: Vec::new(), line: String::new(), after_cr: false }
    }

    fn update(&mut self, piece: &[u8], to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let mut octets = std::mem::take(&mut self.carry);
        match self.source {
            // RFC 2045 6.8: characters outside the alphabet are ignored.
            Source::Encoded => octets.extend(piece.iter().filter(|b| is_digit(**b))),
            Source::Octets | Source::Parts => octets.extend_from_slice(piece),
            Source::Text => self.extend_text(&mut octets, piece),
        }
        let lines = octets.chunks_exact(self.width());
        self.carry = lines.remainder().to_vec();
        for line in lines {
            self.line(line, to)?;
        }
        Ok(())
    }

    /// Appends with every line end as CRLF.
    fn extend_text(&mut self, octets: &mut Vec<u8>, piece: &[u8]) {
        let mut begin = 0;
        for at in memchr::memchr_iter(b'\n', piece) {
            let after_cr = if at == 0 { self.after_cr } else { piece[at - 1] == b'\r' };
            octets.extend_from_slice(&piece[begin..at]);
            octets.extend_from_slice(if after_cr { b"\n" } else { b"\r\n" });
            begin = at + 1;
        }
        octets.extend_from_slice(&piece[begin..]);
        self.after_cr = piece.last().map_or(self.after_cr, |b| *b == b'\r');
    }

    fn finish(mut self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let rest = std::mem::take(&mut self.carry);
        if rest.is_empty() { Ok(()) } else { self.line(&rest, to) }
    }

    fn width(&self) -> usize {
        if self.source == Source::Encoded { ENCODED_LINE } else { ENCODED_LINE / 4 * 3 }
    }

    fn line(&mut self, octets: &[u8], to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        if self.source == Source::Encoded {
            to.write_all(octets)?;
        } else {
            self.line.clear();
            STANDARD.encode_string(octets, &mut self.line);
            to.write_all(self.line.as_bytes())?;
        }
        to.write_all(b"\n")
    }
}

fn is_digit(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}
