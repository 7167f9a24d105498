//! Checks a body that its sender declares as encoded: base64, quoted-printable, or neither (RFC 2045 6.7 and 6.8).
#![forbid(unsafe_code)]

/// RFC 2045 6.8, stricter in one thing: unused bits must be 0, since some decoders insist.
#[derive(Clone, Debug, Default)]
pub(super) struct Base64 {
    digits: u64,
    last: u8,
    padding: u64,
    pub illegal: bool,
}

impl Base64 {
    /// Checks nothing unless `declared`.
    pub fn new(declared: bool) -> Base64 {
        Base64 { illegal: !declared, ..Base64::default() }
    }

    pub fn octet(&mut self, b: u8) {
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

    pub fn finish(&self) -> bool {
        let ends_well = match (self.digits % 4, self.padding) {
            (0, 0) => true,
            (2, 2) => self.last & 0x0f == 0,
            (3, 1) => self.last & 0x03 == 0,
            _ => false,
        };
        !self.illegal && ends_well
    }
}

/// RFC 2045 6.7, more lenient in three things: lower-case hexadecimal digits, LF for CRLF, lines over 76.
#[derive(Clone, Debug, Default)]
pub(super) struct Quoted {
    pub legal: bool,
    pub state: Escape,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Escape {
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
    /// Checks nothing unless `declared`.
    pub fn new(declared: bool) -> Quoted {
        Quoted { legal: declared, ..Quoted::default() }
    }

    pub fn octet(&mut self, b: u8) {
        use Escape::*;
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
    }

    pub fn finish(&self) -> bool {
        self.legal && self.state == Escape::None
    }
}
