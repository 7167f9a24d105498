//! One encoded-word of RFC 2047 (`=?utf-8?Q?Gr=C3=BC=C3=9Fe?=`): text -> encoded-words, and back for checking what a
//! client hid in one. Reading is as lenient as the most lenient mail program, so that nothing passes here that another
//! one decodes to a control character; writing is strict. Where encoded-words may stand in a field is
//! [`super::encode`].
#![forbid(unsafe_code)]

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{self, GeneralPurpose, GeneralPurposeConfig};

use super::charset;

#[cfg(test)]
mod tests;

/// RFC 2047 2: an encoded-word may not be more than 75 characters long.
pub(crate) const MAX_WORD: usize = 75;
/// RFC 2047 2: a line that holds one is at most 76 characters long.
pub(crate) const MAX_LINE: usize = 76;
/// `=?utf-8?Q?` and `?=`.
const OVERHEAD: usize = 12;
/// Openings that may share one `?=`; bounds the work of [`check`].
const MAX_OVERLAP: usize = 8;

/// Why a text that holds encoded-words is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault<'a> {
    /// The charset is unknown, or shifts or widens ASCII, so that control characters cannot be told.
    Charset(&'a str),
    /// This encoded-word decodes to a control character.
    Control(&'a str),
    /// Too many openings before one end.
    Overlap,
}

/// Looks into everything that some mail program could take for an encoded-word: in the middle of a word, longer than
/// 75, holding blanks or question marks. Linear in the length of `text`.
pub(crate) fn check(text: &str) -> Result<(), Fault<'_>> {
    if memchr::memchr(b'?', text.as_bytes()).is_none() {
        return Ok(()); // as most
    }
    let (mut last_end, mut sharing) = (0, 0);
    let mut next_end = 0;
    for (start, _) in text.match_indices("=?") {
        let Some((charset, encoding, at)) = opening(&text[start..]) else { continue };
        let at = start + at;
        if next_end < at {
            let Some(found) = text[at..].find("?=") else { break };
            next_end = at + found;
        }
        sharing = if next_end == last_end { sharing + 1 } else { 1 };
        last_end = next_end;
        if sharing > MAX_OVERLAP {
            return Err(Fault::Overlap);
        }
        // Some readers end it at the first `?=`, some only at one before a blank.
        let word_end = match start == 0 || text[..start].ends_with([' ', '\t']) {
            true => text[start..].find([' ', '\t']).map_or(text.len(), |length| start + length),
            false => 0,
        };
        for end in [next_end + 2, word_end] {
            let Some(content) = text.get(at..end).and_then(|content| content.strip_suffix("?=")) else { continue };
            match charset::read(charset, &to_octets(encoding, content)) {
                Ok(_) => {}
                Err(charset::Fault::Control) => return Err(Fault::Control(&text[start..end])),
                Err(charset::Fault::Unknown) => return Err(Fault::Charset(charset)),
            }
        }
    }
    Ok(())
}

/// Whether `word` is one whole encoded-word by the grammar, apart from its length.
pub(crate) fn is_encoded_word(word: &str) -> bool {
    split(word).is_some_and(|(charset, _, text)| {
        charset.bytes().all(is_token) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'?')
    })
}

/// Whether `word` is an encoded-word that may stand in a phrase (RFC 2047 5 (3)): no character in it is special to an
/// address parser.
pub(crate) fn is_phrase_word(word: &str) -> bool {
    is_encoded_word(word)
        && word.len() <= MAX_WORD
        && check(word).is_ok()
        && split(word).is_some_and(|(_, _, text)| text.bytes().all(|b| is_literal(b) || b == b'=' || b == b'_'))
}

/// The text of one whole encoded-word; none if it is not one, or cannot be read here.
pub(crate) fn decode(word: &str) -> Option<String> {
    let (charset, encoding, text) = split(word)?;
    charset::read(charset, &to_octets(encoding, text)).ok().flatten()
}

/// Writes `text` as encoded-words in utf-8, as B or Q, whichever is shorter, none of them splitting a character. `room`
/// is what the line still holds; if that is too little to be useful, the first word is written for a line of its own,
/// as all others are.
pub(crate) fn encode(text: &str, room: usize) -> Vec<String> {
    let q_length: usize = text.chars().map(q_cost).sum();
    let is_q = q_length <= text.len().div_ceil(3) * 4;
    let mut words = Vec::new();
    let mut limit = if room < 2 * OVERHEAD + 4 { MAX_WORD } else { room.min(MAX_WORD) };
    let mut rest = text;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest, is_q, limit - OVERHEAD));
        words.push(if is_q { q_word(now) } else { format!("=?utf-8?B?{}?=", general_purpose::STANDARD.encode(now)) });
        rest = later;
        limit = MAX_WORD;
    }
    words
}

/// How many octets of `text`, in whole characters, `payload` columns can carry. At least 16 columns, so at least one
/// character.
fn fitting(text: &str, is_q: bool, payload: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += if is_q { q_cost(c) } else { c.len_utf8() };
        let columns = if is_q { used } else { used.div_ceil(3) * 4 };
        if columns > payload {
            return at;
        }
    }
    text.len()
}

fn q_cost(c: char) -> usize {
    if c == ' ' || c.is_ascii() && is_literal(c as u8) { 1 } else { 3 * c.len_utf8() }
}

fn q_word(text: &str) -> String {
    let mut word = String::from("=?utf-8?Q?");
    for b in text.bytes() {
        match b {
            b' ' => word.push('_'),
            _ if is_literal(b) => word.push(b.into()),
            _ => word.push_str(&format!("={b:02X}")),
        }
    }
    word + "?="
}

/// RFC 2047 5 (3): what Q may leave as it is wherever encoded-words are allowed.
fn is_literal(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'!' | b'*' | b'+' | b'-' | b'/')
}

/// RFC 2047 2: `token = 1*<Any CHAR except SPACE, CTLs, and especials>`.
fn is_token(b: u8) -> bool {
    b.is_ascii_graphic() && !b"()<>@,;:\"/[]?.=".contains(&b)
}

#[derive(Clone, Copy)]
enum Coding {
    B,
    Q,
}

/// Charset, encoding and where the text begins, of what starts with `=?`.
fn opening(text: &str) -> Option<(&str, Coding, usize)> {
    let (charset, rest) = text.get(2..)?.split_once('?')?;
    let coding = match rest.as_bytes() {
        [b'B' | b'b', b'?', ..] => Coding::B,
        [b'Q' | b'q', b'?', ..] => Coding::Q,
        _ => return None,
    };
    (!charset.is_empty()).then_some((charset, coding, charset.len() + 5))
}

/// RFC 2047 2: `encoded-word = "=?" charset "?" encoding "?" encoded-text "?="`.
fn split(word: &str) -> Option<(&str, Coding, &str)> {
    if !word.starts_with("=?") {
        return None;
    }
    let (charset, coding, at) = opening(word)?;
    let text = word.get(at..)?.strip_suffix("?=")?;
    (!text.is_empty()).then_some((charset, coding, text))
}

fn to_octets(coding: Coding, text: &str) -> Vec<u8> {
    match coding {
        Coding::B => from_base64(text),
        Coding::Q => from_q(text),
    }
}

/// What is not of the alphabet is skipped, and padding may stand in the middle: some readers do so.
fn from_base64(text: &str) -> Vec<u8> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let mut octets = Vec::new();
    for part in text.split('=') {
        let mut digits: Vec<u8> =
            part.bytes().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).collect();
        if digits.len() % 4 == 1 {
            digits.pop();
        }
        octets.extend(LENIENT.decode(digits).unwrap_or_default());
    }
    octets
}

fn from_q(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'_', _) => octets.push(b' '),
            (b'=', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                octets.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => octets.push(*first),
        }
    }
    octets
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
