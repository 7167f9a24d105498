//! A [`HeaderValue`] -> the octets of a field: only ASCII, folded at 78, no line over 990 (RFC 5322 2.1.1 and 2.2.3), other text as
//! encoded-words (RFC 2047). The client's encoded-words pass unchanged, and the blanks around them survive decoding. Address fields are
//! written by [`crate::address`], with [`phrase`] for the display names.
#![forbid(unsafe_code)]

use std::fmt;

use super::encoded_word;
use super::fold::{Field, LINE, MAX_BLANK, MAX_WORD};
use crate::header::{HeaderName, HeaderValue};
use crate::text::{excerpt, is_forbidden};

#[cfg(test)]
mod tests;

/// Longest field, in octets: a whole header is at most 32 KiB.
pub const MAX_FIELD: usize = 32 * 1024;

/// Writes a field of free text (RFC 5322 3.2.5, `unstructured`): `Subject: Hello\n`. An empty value gives `Subject:\n`.
pub fn unstructured(name: &HeaderName, value: &HeaderValue) -> Result<String, EncodeError> {
    let mut field = Field::new(name);
    for piece in merge(split(value.as_str(), text_kind)) {
        let blank = if piece.blank.is_empty() { " " } else { piece.blank };
        if !piece.is_raw {
            field.push(blank, &piece.text);
            continue;
        }
        let room = field.room(encoded_word::MAX_LINE).saturating_sub(blank.len());
        for (at, word) in encoded_word::encode(&piece.text, room).iter().enumerate() {
            field.push(if at == 0 { blank } else { " " }, word);
        }
    }
    sized(name, field.finish())
}

/// A free-text value that decodes to `text`, even if that contains something like an encoded-word.
pub fn literal(text: &str) -> String {
    match text.contains("=?") {
        true => encoded_word::encode(text, encoded_word::MAX_LINE).join(" "),
        false => text.to_owned(),
    }
}

/// The text of an unfolded value with its encoded-words decoded; one that cannot be decoded stays unchanged. Blanks between two
/// encoded-words are dropped (RFC 2047 6.2).
pub fn decode(value: &str) -> String {
    let (mut text, mut follows_encoded) = (String::new(), false);
    for (blank, word) in Words(value) {
        let decoded = encoded_word::is_encoded_word(word).then(|| encoded_word::decode(word)).flatten();
        if !(follows_encoded && decoded.is_some()) {
            text.push_str(blank);
        }
        follows_encoded = decoded.is_some();
        text.push_str(decoded.as_deref().unwrap_or(word));
    }
    text
}

/// Writes a field unchanged: ASCII, folded at its blanks.
pub fn structured(name: &HeaderName, value: &HeaderValue) -> Result<String, EncodeError> {
    if !value.as_str().is_ascii() {
        return Err(EncodeError::NotAscii { name: name.clone(), value: excerpt(value.as_str()) });
    }
    let mut field = Field::new(name);
    for (blank, word) in Words(value.as_str()) {
        if blank.len() + word.len() > MAX_WORD {
            return Err(EncodeError::WordLength { name: name.clone(), word: excerpt(word) });
        }
        field.push(if blank.is_empty() { " " } else { blank }, word);
    }
    sized(name, field.finish())
}

pub(super) fn sized(name: &HeaderName, field: String) -> Result<String, EncodeError> {
    match field.len() {
        octets if octets > MAX_FIELD => Err(EncodeError::FieldLength { name: name.clone(), octets }),
        _ => Ok(field),
    }
}

/// Writes a display name on one line (RFC 5322 3.2.5, `phrase = 1*word / obs-phrase`): atoms unchanged, other ASCII as a quoted-string, and
/// text that a quoted-string may not hold as encoded-words. A control character becomes a blank.
pub fn phrase(name: &str) -> String {
    phrase_words(name, encoded_word::MAX_LINE).join(" ")
}

/// The words of [`phrase`], each to be preceded by one blank or a fold. `room` is for the first one.
pub(crate) fn phrase_words(name: &str, room: usize) -> Vec<String> {
    const MAX_QUOTED: usize = 70;
    let clean = name.replace(is_forbidden, " ");
    let clean = clean.trim_matches([' ', '\t']);
    let is_quotable = clean.is_ascii() && !clean.contains(['\t']) && !clean.contains("=?");
    let mut words = Words(clean).peekable();
    if is_quotable && words.peek().is_some() && words.all(|(blank, word)| blank.len() < 2 && is_plain_atom(word)) {
        return clean.split(' ').map(str::to_owned).collect();
    }
    let quoted = format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""));
    if is_quotable && quoted.len() <= MAX_QUOTED {
        return vec![quoted];
    }
    let mut words = split(clean, phrase_kind);
    if words.iter().any(|word| word.kind == Kind::Raw) {
        // mail-parser, for one, loses the blank of a fold between an atom and an encoded-word, so avoid that
        words.iter_mut().filter(|word| word.kind == Kind::Plain).for_each(|word| word.kind = Kind::Raw);
    }
    let mut written = Vec::new();
    for piece in merge(words) {
        if !piece.is_raw {
            written.push(piece.text);
            continue;
        }
        let room = if written.is_empty() { room } else { encoded_word::MAX_WORD };
        written.extend(encoded_word::encode(&piece.text, room));
    }
    written
}

/// RFC 5322 3.2.3: `atext = ALPHA / DIGIT / "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "/" / "=" / "?" / "^"
/// / "_" / "`" / "{" / "|" / "}" / "~"`.
pub(crate) fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn is_plain_atom(word: &str) -> bool {
    word.len() < LINE && word.chars().all(is_atext)
}

/// Text split at its blanks: each word with the SP and TAB before it.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let word_at = self.0.find(|c| !matches!(c, ' ' | '\t'))?;
        let (blank, rest) = self.0.split_at(word_at);
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.0 = rest;
        Some((blank, word))
    }
}

/// How a word is written.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Written unchanged.
    Plain,
    /// Already an encoded-word: written unchanged, but a reader drops the blanks between it and the next one.
    Ready,
    /// To be encoded.
    Raw,
}

struct Word<'a> {
    blank: &'a str,
    text: String,
    kind: Kind,
}

fn text_kind(blank: &str, word: &str) -> (Kind, Option<String>) {
    let kind = match word {
        _ if !word.is_ascii() || blank.len() + word.len() > MAX_WORD => Kind::Raw,
        _ if encoded_word::is_encoded_word(word) => Kind::Ready,
        _ => Kind::Plain,
    };
    (kind, None)
}

/// If an encoded-word holds a character that is special to an address parser, it is decoded and encoded again.
fn phrase_kind(blank: &str, word: &str) -> (Kind, Option<String>) {
    if encoded_word::is_phrase_word(word) {
        return (Kind::Ready, None);
    }
    if encoded_word::is_encoded_word(word) && encoded_word::check(word).is_ok() {
        return (Kind::Raw, encoded_word::decode(word));
    }
    let is_plain = blank.len() < 2 && blank != "\t" && is_plain_atom(word) && !word.contains("=?");
    (if is_plain { Kind::Plain } else { Kind::Raw }, None)
}

/// The words of a text, each with the way it is written. A run of blanks too long for a line becomes an encoded-word of its own.
fn split(text: &str, kind: impl Fn(&str, &str) -> (Kind, Option<String>)) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let (mut after_ready, mut after_decoded) = (false, false);
    for (mut blank, word) in Words(text) {
        if blank.len() > MAX_BLANK {
            let (first, rest) = blank.split_at(1);
            let (middle, last) = rest.split_at(rest.len() - 1);
            words.push(Word { blank: first, text: middle.to_owned(), kind: Kind::Raw });
            blank = last;
        }
        let (kind, decoded) = kind(blank, word);
        let (is_ready, is_decoded) = (kind == Kind::Ready, decoded.is_some());
        if is_decoded && (after_ready || after_decoded) || is_ready && after_decoded {
            blank = ""; // two encoded-words of the client: a reader drops the blank between them
        }
        (after_ready, after_decoded) = (is_ready, is_decoded);
        words.push(Word { blank, text: decoded.unwrap_or_else(|| word.to_owned()), kind });
    }
    words
}

struct Piece<'a> {
    blank: &'a str,
    text: String,
    is_raw: bool,
}

/// Joins neighbours that are both to be encoded, with the blanks between them. RFC 2047 6.2: a reader drops the blanks between two
/// encoded-words, so blanks next to a ready one are encoded too; of a longer run next to plain text, all but the first are.
fn merge(words: Vec<Word<'_>>) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut before = Kind::Plain;
    for word in words {
        match (before, word.kind, pieces.last_mut()) {
            (Kind::Raw, Kind::Raw, Some(last)) => {
                last.text.push_str(word.blank);
                last.text.push_str(&word.text);
            }
            (Kind::Raw, Kind::Ready, Some(last)) => {
                last.text.push_str(word.blank);
                pieces.push(Piece { blank: " ", text: word.text, is_raw: false });
            }
            (Kind::Ready, Kind::Raw, _) => {
                pieces.push(Piece { blank: " ", text: format!("{}{}", word.blank, word.text), is_raw: true });
            }
            (_, Kind::Raw, _) => {
                let (outside, inside) = word.blank.split_at(word.blank.len().min(1));
                pieces.push(Piece { blank: outside, text: format!("{inside}{}", word.text), is_raw: true });
            }
            _ => pieces.push(Piece { blank: word.blank, text: word.text, is_raw: false }),
        }
        before = word.kind;
    }
    pieces
}

/// Why a field cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The field would be longer than [`MAX_FIELD`].
    FieldLength {
        /// The field.
        name: HeaderName,
        /// Its length as written.
        octets: usize,
    },
    /// The field may hold only ASCII.
    NotAscii {
        /// The field.
        name: HeaderName,
        /// Its value, shortened and escaped.
        value: String,
    },
    /// A word does not fit on any line.
    WordLength {
        /// The field.
        name: HeaderName,
        /// The word, shortened and escaped.
        word: String,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FieldLength { name, octets } => {
                write!(f, "field {name} takes {octets} octets: shorten it to at most {MAX_FIELD}")
            }
            Self::NotAscii { name, value } => write!(f, "field {name} is \"{value}\": use ASCII only"),
            Self::WordLength { name, word } => {
                write!(
                    f,
                    "field {name} holds \"{word}\", too long for a line: put a blank after at most {MAX_WORD} octets"
                )
            }
        }
    }
}

impl std::error::Error for EncodeError {}
