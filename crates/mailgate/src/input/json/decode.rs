//! Base64 (RFC 4648 4) in pieces -> octets in a spool. Padding must be there, so that a string that was cut is noticed; line ends may be.
#![forbid(unsafe_code)]

use super::string::Fault;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sys::spool::Spool;

/// What was read and not yet decoded.
pub struct Decoder {
    held: Vec<u8>,
    /// Padding was there: nothing may follow.
    is_over: bool,
}

/// Decoded at a time; a multiple of four.
const PIECE: usize = 8 * 1024;

impl Decoder {
    /// For the next value.
    pub fn new() -> Self {
        Decoder { held: Vec::with_capacity(PIECE), is_over: false }
    }

    /// The next piece.
    pub fn write(&mut self, text: &str, to: &mut Spool) -> Result<(), Fault> {
        for character in text.chars().filter(|character| !matches!(character, '\r' | '\n')) {
            match u8::try_from(character) {
                Ok(octet) if octet.is_ascii_alphanumeric() || b"+/=".contains(&octet) => self.held.push(octet),
                _ => {
                    let shown = character.escape_default();
                    return Err(Fault::Member(format!("is no base64: it holds '{shown}'").into()));
                }
            }
            if self.held.len() == PIECE {
                self.decode(to)?;
            }
        }
        Ok(())
    }

    /// The rest.
    pub fn finish(mut self, to: &mut Spool) -> Result<(), Fault> {
        if self.held.is_empty() { Ok(()) } else { self.decode(to) }
    }

    fn decode(&mut self, to: &mut Spool) -> Result<(), Fault> {
        let bad = || Fault::Member("is no whole base64: its end is missing, or something follows it".into());
        if self.is_over {
            return Err(bad());
        }
        self.is_over = self.held.ends_with(b"=");
        to.write(&STANDARD.decode(&self.held).map_err(|_| bad())?)?;
        self.held.clear();
        Ok(())
    }
}
