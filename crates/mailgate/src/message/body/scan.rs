//! The octets of a body, in any pieces -> [`Facts`], all that [`super::plan`] has to know to choose a transfer encoding
//! (RFC 2045). One pass, a few octets of memory; nothing is kept of the body itself.
#![forbid(unsafe_code)]

use super::encode::{QuotedPrintable, is_literal};

/// What is known of a whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Octets.
    pub len: u64,
    /// Whether there is a NUL.
    pub nul: bool,
    /// Octets above 127.
    pub eight_bit: u64,
    /// Whether all of it is UTF-8.
    pub valid_utf8: bool,
    /// Whether there is a CR without LF.
    pub bare_cr: bool,
    /// Whether a line ends in CRLF.
    pub has_crlf: bool,
    /// Octets of the longest line, without its end.
    pub longest_line: u64,
    /// Whether a line is nothing but `.`, which ends a message for a program that runs without `-i`.
    pub lone_dot: bool,
    /// Whether a line begins with `From `, which an mbox turns into `>From `.
    pub from_line: bool,
    /// Whether the last octet is LF.
    pub ends_with_newline: bool,
    /// Octets of it as quoted-printable, exactly; not counted where there is a NUL, which no text has.
    pub quoted_printable_len: u64,
    /// Octets of it as base64, exactly.
    pub base64_len: u64,
    /// Whether it is base64 already.
    pub is_base64: bool,
    /// Whether it is quoted-printable already (RFC 2045 6.7), with lines of up to [`super::MAX_LINE`].
    pub is_quoted_printable: bool,
}

/// Gathers [`Facts`].
#[derive(Clone, Debug)]
pub struct Scan {
    lines: Lines,
    utf8: Utf8,
    base64: Base64,
    quoted: Quoted,
    printable: QuotedPrintable,
    printable_len: u64,
}

impl Scan {
    /// Before the first octet.
    #[expect(clippy::new_without_default, reason = "a scan is begun, not defaulted")]
    pub fn new() -> Scan {
        Scan {
            lines: Lines::default(),
            utf8: Utf8::default(),
            base64: Base64::default(),
            quoted: Quoted { legal: true, ..Quoted::default() },
            printable: QuotedPrintable::new(),
            printable_len: 0,
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
        if octets.is_ascii() {
            self.utf8.ascii(octets);
        } else {
            self.lines.eight_bit += octets.iter().map(|b| u64::from(b >> 7)).sum::<u64>();
            self.utf8.update(octets);
        }
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', octets).map(|at| at + 1) {
            self.line(&octets[begin..end]);
            begin = end;
        }
        self.line(&octets[begin..]);
    }

    /// A line with its end, or a part of one. Text without CR, `=` and octets that are not ASCII moves each machine on by one step.
    fn line(&mut self, line: &[u8]) {
        let text = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let end = &line[text.len()..];
        let literal = is_literal(text);
        self.lines.nul |= !literal && !self.lines.nul && memchr::memchr(0, text).is_some();
        if !self.lines.after_cr && (literal || memchr::memchr(b'\r', text).is_none()) {
            self.lines.text(text);
        } else {
            text.iter().for_each(|&b| self.lines.octet(b));
        }
        end.iter().for_each(|&b| self.lines.octet(b));
        if self.quoted.legal {
            if literal && self.quoted.state == Escape::None {
                self.quoted.text(text);
            } else {
                text.iter().for_each(|&b| self.quoted.octet(b));
            }
            end.iter().for_each(|&b| self.quoted.octet(b));
        }
        if !self.base64.illegal {
            line.iter().for_each(|&b| self.base64.octet(b));
        }
        if literal && !end.is_empty() && self.printable.fits(text) {
            self.printable_len += text.len() as u64 + 1;
        } else if !self.lines.nul {
            let counted = &mut self.printable_len;
            self.printable.update(line, &mut |piece: &[u8]| *counted += piece.len() as u64);
        }
    }

    /// After the last one.
    pub fn finish(mut self) -> Facts {
        let Scan { ref mut lines, ref mut printable_len, .. } = self;
        lines.end_of_line();
        self.printable.finish(&mut |piece: &[u8]| *printable_len += piece.len() as u64);
        let digits = lines.len.div_ceil(3) * 4;
        Facts {
            len: lines.len,
            nul: lines.nul,
            eight_bit: lines.eight_bit,
            valid_utf8: self.utf8.finish(),
            bare_cr: lines.bare_cr || lines.after_cr,
            has_crlf: lines.has_crlf,
            longest_line: lines.longest,
            lone_dot: lines.lone_dot,
            from_line: lines.from_line,
            ends_with_newline: lines.ends_with_newline,
            quoted_printable_len: if lines.nul { 0 } else { *printable_len },
            base64_len: digits + digits.div_ceil(super::ENCODED_LINE as u64),
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
    longest: u64,
    lone_dot: bool,
    from_line: bool,
    ends_with_newline: bool,
    /// Of this line, without a CR that may belong to its end.
    column: u64,
    start: [u8; 5],
    after_cr: bool,
}

impl Lines {
    /// The part of a line without CR and LF, after no CR.
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
        let column = self.column + u64::from(self.after_cr); // only at the end of the body: a bare CR there
        self.lone_dot |= self.column == 1 && self.start[0] == b'.';
        self.longest = self.longest.max(column);
        self.column = 0;
    }
}

/// Keeps the octets of a line's beginning; whether `text` holds some of them.
fn keep_start(start: &mut [u8; 5], column: u64, text: &[u8]) -> bool {
    let Some(place) = start.get_mut(column as usize..) else { return false };
    let n = place.len().min(text.len());
    place[..n].copy_from_slice(&text[..n]);
    n > 0
}

/// UTF-8 in pieces that may split a character.
#[derive(Clone, Debug, Default)]
struct Utf8 {
    /// The beginning of a character.
    carry: Vec<u8>,
    invalid: bool,
}

impl Utf8 {
    /// What is ASCII ends no character that has begun.
    fn ascii(&mut self, octets: &[u8]) {
        self.invalid |= !octets.is_empty() && !self.carry.is_empty();
    }

    fn update(&mut self, mut octets: &[u8]) {
        while !self.invalid && !self.carry.is_empty() {
            let Some((&b, rest)) = octets.split_first() else { return };
            octets = rest;
            self.carry.push(b);
            match std::str::from_utf8(&self.carry) {
                Ok(_) => self.carry.clear(),
                Err(error) => self.invalid = error.error_len().is_some(),
            }
        }
        if let (false, Err(error)) = (self.invalid, std::str::from_utf8(octets)) {
            match error.error_len() {
                None => self.carry.extend_from_slice(&octets[error.valid_up_to()..]),
                Some(_) => self.invalid = true,
            }
        }
    }

    fn finish(&self) -> bool {
        !self.invalid && self.carry.is_empty()
    }
}

/// RFC 2045 6.8, stricter in one thing: bits that no octet needs are 0, since some decoders insist.
#[derive(Clone, Debug, Default)]
struct Base64 {
    digits: u64,
    last: u8,
    padding: u64,
    illegal: bool,
}

impl Base64 {
    fn octet(&mut self, b: u8) {
        let digit = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                self.padding += 1;
                return;
            }
            b' ' | b'\t' | b'\r' | b'\n' => return,
            _ => {
                self.illegal = true;
                return;
            }
        };
        self.illegal |= self.padding > 0;
        self.digits += 1;
        self.last = digit;
    }

    fn finish(&self) -> bool {
        let ends_well = match (self.digits % 4, self.padding) {
            (0, 0) => true,
            (2, 2) => self.last & 0x0f == 0,
            (3, 1) => self.last & 0x03 == 0,
            _ => false,
        };
        !self.illegal && ends_well
    }
}

/// RFC 2045 6.7, more generous in three things: hexadecimal digits in lower case, LF for CRLF, lines over 76.
#[derive(Clone, Debug, Default)]
struct Quoted {
    legal: bool,
    state: Escape,
    column: u64,
    start: [u8; 5],
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Escape {
    #[default]
    None,
    /// After `=`.
    Begun,
    /// After `=` and one digit.
    Digit,
    /// After `=` and a blank: only blanks and the line end may follow (transport padding).
    Padding,
    /// After a CR that is not the end of a soft line break.
    Cr,
    /// After a CR that ends one.
    SoftCr,
}

impl Quoted {
    /// Octets that stand for themselves, in no escape.
    fn text(&mut self, text: &[u8]) {
        keep_start(&mut self.start, self.column, text);
        self.column += text.len() as u64;
        self.judge_length(0);
    }

    fn octet(&mut self, b: u8) {
        use Escape::*;
        if let Some(place) = self.start.get_mut(self.column as usize) {
            *place = b;
        }
        self.column += 1;
        self.state = match (self.state, b) {
            (Cr | SoftCr | None | Begun | Padding, b'\n') => None,
            (None, b'\r') => Cr,
            (Begun | Padding, b'\r') => SoftCr,
            (None, b'=') => Begun,
            (None, b' '..=b'~' | b'\t') => None,
            (Begun, b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f') => Digit,
            (Digit, b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f') => None,
            (Begun | Padding, b' ' | b'\t') => Padding,
            _ => {
                self.legal = false;
                None
            }
        };
        if b == b'\n' {
            self.column = 0;
        } else {
            self.judge_length(u64::from(b == b'\r'));
        }
    }

    fn judge_length(&mut self, line_end: u64) {
        let grows = if self.start == *b"From " && self.column >= 5 { 2 } else { 0 }; // =46rom
        self.legal &= self.column + grows <= super::MAX_LINE as u64 + line_end;
    }

    fn finish(&self) -> bool {
        self.legal && self.state == Escape::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(octets: &[u8]) -> Facts {
        let mut scan = Scan::new();
        scan.update(octets);
        let whole = scan.finish();
        for size in [1, 2, 3, 7] {
            let mut scan = Scan::new();
            octets.chunks(size).for_each(|piece| scan.update(piece));
            assert_eq!(scan.finish(), whole, "in pieces of {size}: {:?}", octets.escape_ascii().to_string());
        }
        assert_eq!(octet_by_octet(octets), whole, "{:?}", octets.escape_ascii().to_string());
        whole
    }

    /// The machines alone, without what makes them fast.
    fn octet_by_octet(octets: &[u8]) -> Facts {
        let mut scan = Scan::new();
        for &b in octets {
            scan.lines.octet(b);
            scan.lines.nul |= b == 0;
            scan.lines.eight_bit += u64::from(b > 127);
            scan.quoted.octet(b);
            scan.base64.octet(b);
            scan.utf8.update(&[b]);
            if !scan.lines.nul {
                scan.printable.update(&[b], &mut |piece: &[u8]| scan.printable_len += piece.len() as u64);
            }
        }
        if scan.lines.nul { Facts { quoted_printable_len: 0, ..scan.finish() } } else { scan.finish() }
    }

    #[test]
    fn what_is_fast_says_what_is_slow() {
        const WORDS: &[&[u8]] = &[
            b"The quick brown fox ",
            b"From ",
            b"Fro",
            b"m ",
            b".",
            b"\n",
            b"\r\n",
            b"\r",
            b" ",
            b"\t",
            b"=",
            b"=3D",
            b"=\n",
            b"QUJD",
            b"QQ==",
            b"\xc3\xbc",
            b"\xc3",
            b"\xff",
            b"\x7f",
            b"\0",
            &[b'a'; 74],
            &[b'b'; 76],
            &[b'/'; 985],
        ];
        let mut state = 1_u64;
        let mut throw = |sides: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % sides
        };
        for round in 0..1_500 {
            let kinds = 1 + throw(WORDS.len()); // not every body has every trouble
            let body: Vec<u8> =
                (0..throw(24)).flat_map(|_| WORDS[(throw(kinds) * 7 + round) % WORDS.len()]).copied().collect();
            facts(&body);
        }
    }

    #[test]
    fn lines() {
        for (octets, longest, lone_dot, from_line, bare_cr, has_crlf) in [
            (&b""[..], 0, false, false, false, false),
            (b"ab\nabc\r\na", 3, false, false, false, true),
            (b".", 1, true, false, false, false),
            (b"a\n.\r\nb", 1, true, false, false, true),
            (b"a\n.\rb\n", 3, false, false, true, false),
            (b"..\n. \n a.\n", 3, false, false, false, false),
            (b"From me", 7, false, true, false, false),
            (b"a\nFrom \n", 5, false, true, false, false),
            (b"a From b\nFrom\nfrom x\n", 8, false, false, false, false),
            (b"F\rrom \n", 6, false, false, true, false),
            (b"ab\r", 3, false, false, true, false),
            (b".\r", 2, true, false, true, false),
            (b"\r\r\n", 1, false, false, true, true),
            (b"x\rFrom y\n", 8, false, false, true, false),
        ] {
            let f = facts(octets);
            let got = (f.longest_line, f.lone_dot, f.from_line, f.bare_cr, f.has_crlf);
            assert_eq!(
                got,
                (longest, lone_dot, from_line, bare_cr, has_crlf),
                "{:?}",
                octets.escape_ascii().to_string()
            );
        }
        assert!(facts(b"a\n").ends_with_newline && !facts(b"a").ends_with_newline && facts(b"\0").nul);
    }

    #[test]
    fn utf_8_in_pieces() {
        for (octets, valid) in [
            ("gr\u{fc}n \u{20ac} \u{1f600}".as_bytes(), true),
            (b"", true),
            (b"\xc3", false),
            (b"\xc3\xc3\xbc", false),
            (b"a\xff", false),
            (b"\xed\xa0\x80", false),
            (b"\xf0\x9f\x98", false),
        ] {
            assert_eq!(facts(octets).valid_utf8, valid, "{octets:x?}");
        }
        assert_eq!(facts("\u{20ac}a".as_bytes()).eight_bit, 3);
    }

    #[test]
    fn what_bears_out_base64() {
        for (octets, is) in [
            (&b""[..], true),
            (b"QUJD", true),
            (b"QU\r\nJD \n", true),
            (b"QQ==\n", true),
            (b"QUI=", true),
            (b"QUI", false),
            (b"QQ=", false),
            (b"QQ===", false),
            (b"QR==", false),
            (b"QQ==QUJD", false),
            (b"QU_-", false),
            (b"A===", false),
            (b"====", false),
            (b"hello", false),
        ] {
            assert_eq!(facts(octets).is_base64, is, "{:?}", octets.escape_ascii().to_string());
        }
    }

    #[test]
    fn what_bears_out_quoted_printable() {
        let long = [&b"a"[..]; 990].concat();
        let (longer, from) = ([&long[..], b"a"].concat(), [b"From ", &long[..985]].concat());
        for (octets, is) in [
            (&b""[..], true),
            (b"plain\r\ntext\n", true),
            (b"=C3=bc=\nsoft= \t\r\nend", true),
            (b"a=3D", true),
            (b"a=3", false),
            (b"a=", false),
            (b"a=\r", false),
            (b"a=G0", false),
            (b"a= b\n", false),
            (b"bare\rCR", false),
            (b"\xc3\xbc", false),
            (b"\0", false),
            (&long, true),
            (&longer, false),
            (&from, false),
            (&from[..988], true),
        ] {
            assert_eq!(facts(octets).is_quoted_printable, is, "{:?}", octets.escape_ascii().to_string());
        }
    }
}
