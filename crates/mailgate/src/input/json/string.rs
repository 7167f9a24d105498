//! A string of JSON (RFC 8259 7) behind its first quote -> its text, piece by piece.
#![forbid(unsafe_code)]

use super::JsonError;
use std::borrow::Cow;
use std::io::{self, BufRead};

/// What is wrong with a value; where it stands is not known yet.
pub enum Fault {
    /// It cannot be read or stored.
    Io(io::Error),
    /// The JSON is fine, what it says is not.
    Member(Cow<'static, str>),
    /// It is no JSON.
    Syntax(Cow<'static, str>),
}

impl Fault {
    /// The same, with the place.
    pub fn at(self, path: &str) -> JsonError {
        match self {
            Fault::Io(error) => JsonError::Io(error),
            Fault::Member(what) => JsonError::member(path, what),
            Fault::Syntax(what) => JsonError::syntax(path, what),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Io(error)
    }
}

/// Given to the taker at a time, and a little more.
const PIECE: usize = 8 * 1024;

/// Reads behind the quote that ends the string.
pub fn read(input: &mut impl BufRead, take: &mut dyn FnMut(&str) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut piece = Vec::new();
    loop {
        let octets = input.fill_buf()?;
        if octets.is_empty() {
            return Err(Fault::Syntax("the JSON ends inside a string".into()));
        }
        let octets = &octets[..octets.len().min(PIECE)];
        let end = memchr::memchr2(b'"', b'\\', octets);
        let plain = &octets[..end.unwrap_or(octets.len())];
        // All are looked at without a stop at the first: so the compiler takes many at a time.
        if plain.iter().fold(false, |found, octet| found | (*octet < b' ')) {
            return Err(Fault::Syntax("a control character stands in a string; write it as an escape".into()));
        }
        piece.extend_from_slice(plain);
        let special = end.map(|end| octets[end]);
        let read = plain.len();
        input.consume(read);
        match special {
            Some(b'"') => {
                input.consume(1);
                return flush(&mut piece, true, take);
            }
            Some(_) => {
                input.consume(1);
                let character = escape(input)?;
                piece.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            None => {}
        }
        if piece.len() >= PIECE {
            flush(&mut piece, false, take)?;
        }
    }
}

/// Gives away what is whole; the beginning of a character stays, unless this is the end.
fn flush(piece: &mut Vec<u8>, is_last: bool, take: &mut dyn FnMut(&str) -> Result<(), Fault>) -> Result<(), Fault> {
    let whole = match std::str::from_utf8(piece) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && !is_last => {
            std::str::from_utf8(&piece[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Err(Fault::Syntax("is not in UTF-8".into())),
    };
    take(whole)?;
    let given = whole.len();
    piece.drain(..given);
    Ok(())
}

/// The character behind a backslash.
fn escape(input: &mut impl BufRead) -> Result<char, Fault> {
    Ok(match octet(input)? {
        plain @ (b'"' | b'\\' | b'/') => char::from(plain),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = unit(input)?;
            let mut units = vec![first];
            if matches!(first, 0xD800..=0xDBFF) && octet(input)? == b'\\' && octet(input)? == b'u' {
                units.push(unit(input)?);
            }
            let character = char::decode_utf16(units).next().and_then(Result::ok);
            character.ok_or(Fault::Syntax("half a surrogate pair is no character".into()))?
        }
        _ => return Err(Fault::Syntax("an escape that JSON does not have".into())),
    })
}

/// Four hexadecimal digits.
fn unit(input: &mut impl BufRead) -> Result<u16, Fault> {
    (0..4).try_fold(0, |unit: u16, _| {
        let digit = char::from(octet(input)?).to_digit(16);
        let digit = digit.ok_or(Fault::Syntax("four hexadecimal digits are expected behind \\u".into()))?;
        Ok(unit << 4 | digit as u16)
    })
}

fn octet(input: &mut impl BufRead) -> Result<u8, Fault> {
    let octet = input.fill_buf()?.first().copied();
    input.consume(octet.map_or(0, |_| 1));
    octet.ok_or(Fault::Syntax("the JSON ends inside a string".into()))
}
