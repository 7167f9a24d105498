//! xtext (RFC 3461 4): the form of ENVID, ORCPT and AUTH in SMTP commands, and of certificate names as Postfix reports them.
#![forbid(unsafe_code)]

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n};
use nom::character::complete::satisfy;
use nom::combinator::{all_consuming, map, map_opt};
use nom::multi::many0;
use nom::sequence::preceded;
use nom::{IResult, Parser};
use std::fmt::Write;

/// Encodes octet by octet.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => encoded.push(byte as char),
            _ => write!(encoded, "+{byte:02X}").expect("a String takes everything"),
        }
    }
    encoded
}

/// Decodes xtext of printable ASCII and blanks; RFC 3461 4.2 and 4.4 allow nothing else.
pub fn decode(text: &str) -> Option<String> {
    let (_, octets) = all_consuming(xtext).parse(text).ok()?;
    octets.iter().all(|c| matches!(c, ' '..='~')).then(|| octets.into_iter().collect())
}

/// `xtext = *( xchar / hexchar )`.
fn xtext(input: &str) -> IResult<&str, Vec<char>> {
    many0(alt((xchar, hexchar))).parse(input)
}

/// `xchar = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="`.
fn xchar(input: &str) -> IResult<&str, char> {
    satisfy(|c| matches!(c, '!'..='~') && !matches!(c, '+' | '=')).parse(input)
}

/// `hexchar = "+" 2(%x30-39 / %x41-46)`: upper case alone.
fn hexchar(input: &str) -> IResult<&str, char> {
    let digits = take_while_m_n(2, 2, |c| matches!(c, '0'..='9' | 'A'..='F'));
    map(map_opt(preceded(tag("+"), digits), |digits| u8::from_str_radix(digits, 16).ok()), char::from).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_is_decoded_or_refused() {
        for (text, decoded) in [
            ("", Some("")),
            ("a+2Bb+3Dc/d;e<f>@g", Some("a+b=c/d;e<f>@g")),
            ("+20", Some(" ")),
            ("a+2b", None),
            ("a+2", None),
            ("a=b", None),
            ("a b", None),
            ("+0D+0A", None),
            ("+00", None),
            ("+7F", None),
            ("+FC", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text}");
            decoded.iter().for_each(|plain| assert_eq!(decode(&encode(plain)).as_deref(), Some(*plain)));
        }
    }
}
