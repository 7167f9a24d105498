//! `*(";" attribute "=" value)` (RFC 2045 5.1) -> attributes and their text, and back, one parameter to a word so that a field folds.
//! Read generously: comments, values that lack their quotes, the extended and the split form of RFC 2231, encoded-words as many programs put
//! them into file names. Each value is checked after every decoding. Written strictly: a token, else a quoted-string; beyond ASCII the
//! extended form in UTF-8.
#![forbid(unsafe_code)]

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{map, map_opt, opt, recognize, value, verify};
use nom::multi::many0_count;
use nom::sequence::{preceded, separated_pair, terminated};
use nom::{IResult, Parser};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::charset::{self, Fault};
use super::encoded_word;
use super::fold::MAX_WORD;
use crate::address::parse::{comment, quoted_string};
use crate::header::{HeaderError, HeaderValue};
use crate::text::excerpt;

#[cfg(test)]
mod tests;

/// The parameters of a field, each attribute once and in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<Parameter>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parameter {
    attribute: String,
    value: String,
    /// The client used a form of RFC 2231.
    is_extended: bool,
}

impl Parameters {
    /// Reads all that stands behind the value of a field. Of an attribute in both forms the extended one counts (RFC 6266 4.3).
    pub fn parse(text: &str) -> Result<Parameters, ParameterError> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (after, found) = preceded((char(';'), cfws), opt(terminated(piece, cfws)))
                .parse(rest)
                .map_err(|_| ParameterError::Syntax)?;
            rest = after;
            pieces.extend(found);
            if pieces.len() > MAX_PIECES {
                return Err(ParameterError::Syntax);
            }
        }
        let mut parameters: Vec<Parameter> = Vec::new();
        for Piece { attribute, .. } in &pieces {
            if parameters.iter().all(|parameter| parameter.attribute != *attribute) {
                parameters.push(joined(attribute, &pieces)?);
            }
        }
        Ok(Parameters(parameters))
    }

    /// The value of the attribute, which is in lower case.
    pub fn get(&self, attribute: &str) -> Option<&str> {
        self.0.iter().find(|parameter| parameter.attribute == attribute).map(|parameter| parameter.value.as_str())
    }

    /// Whether the client gave the attribute in a form of RFC 2231.
    pub fn is_extended(&self, attribute: &str) -> bool {
        self.0.iter().any(|parameter| parameter.attribute == attribute && parameter.is_extended)
    }

    /// Puts it behind the others, in the place of the one of that name.
    pub fn set(&mut self, attribute: &str, value: &str) {
        self.0.retain(|parameter| parameter.attribute != attribute);
        self.0.push(Parameter { attribute: attribute.to_owned(), value: value.to_owned(), is_extended: false });
    }

    /// `value` and the parameters as words of a field.
    pub fn words(&self, value: &str) -> Vec<String> {
        let words = std::iter::once(value.to_owned()).chain(self.0.iter().map(Parameter::to_string));
        let last = self.0.len();
        words.enumerate().map(|(at, word)| if at == last { word } else { word + ";" }).collect()
    }
}

/// More than anybody needs; each one is compared with all others.
const MAX_PIECES: usize = 200;

/// One `attribute=value` as it stands there.
#[derive(Debug)]
struct Piece {
    attribute: String,
    /// RFC 2231 3: the place of this piece among those of the value.
    section: Option<usize>,
    /// RFC 2231 4: percent-encoded, the first piece after charset and language.
    is_encoded: bool,
    value: String,
}

/// RFC 2231 7: `attribute [ "*" section ] [ "*" ] "=" value`.
fn piece(input: &str) -> IResult<&str, Piece> {
    let value = alt((quoted_string, map(loose_value, str::to_owned)));
    let named = map_opt(token, |name| {
        let (name, is_encoded) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
        let (attribute, section) = name.split_once('*').map_or((name, None), |(name, digits)| (name, Some(digits)));
        let section = match section {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
            None => None,
        };
        (!attribute.is_empty()).then(|| (attribute.to_ascii_lowercase(), section, is_encoded))
    });
    map(separated_pair(named, (cfws, char('='), cfws), value), |((attribute, section, is_encoded), value)| Piece {
        attribute,
        section,
        is_encoded,
        value,
    })
    .parse(input)
}

/// The value that all pieces of that name make together.
fn joined(attribute: &str, pieces: &[Piece]) -> Result<Parameter, ParameterError> {
    let of_name = || pieces.iter().filter(|piece| piece.attribute == attribute);
    let mut split: Vec<&Piece> = of_name().filter(|piece| piece.section.is_some()).collect();
    split.sort_by_key(|piece| piece.section);
    let whole: Vec<&Piece> = of_name().filter(|piece| piece.section.is_none() && piece.is_encoded).collect();
    let plain: Vec<&Piece> = of_name().filter(|piece| piece.section.is_none() && !piece.is_encoded).collect();
    let (chosen, is_extended) = match (whole.is_empty(), split.is_empty()) {
        (false, _) => (once(attribute, &whole)?, true),
        (true, false) => (split, true),
        (true, true) => (once(attribute, &plain)?, false),
    };
    if is_extended && chosen.iter().enumerate().any(|(at, piece)| piece.section.is_some_and(|section| section != at)) {
        return Err(ParameterError::Syntax);
    }
    let text = match chosen.as_slice() {
        // As most are: nothing is encoded in a token, and no control character stands there.
        [only] if !is_extended && is_token_text(&only.value) => only.value.clone(),
        _ => text_of(attribute, &chosen)?,
    };
    let at_most = attribute.len() + EXTENDED.len() + 3 * text.len();
    let parameter = Parameter { attribute: attribute.to_owned(), value: text, is_extended };
    if at_most > MAX_WORD && parameter.to_string().len() > MAX_WORD {
        return Err(ParameterError::Length { attribute: excerpt(attribute) });
    }
    Ok(parameter)
}

/// The text that the pieces stand for, which can stand in a header.
fn text_of(attribute: &str, pieces: &[&Piece]) -> Result<String, ParameterError> {
    let text = decode(attribute, pieces)?;
    let text = words(&text).unwrap_or(text);
    HeaderValue::parse(&text).map_err(|error| ParameterError::Value { attribute: excerpt(attribute), error })?;
    Ok(text)
}

/// The one piece, if all of them say the same: readers differ on which of two counts.
fn once<'a>(attribute: &str, pieces: &[&'a Piece]) -> Result<Vec<&'a Piece>, ParameterError> {
    match pieces {
        [first, rest @ ..] if rest.iter().all(|piece| piece.value == first.value) => Ok(vec![first]),
        _ => Err(ParameterError::Duplicate { attribute: excerpt(attribute) }),
    }
}

/// RFC 2231 4 and 4.1: `charset'language'text` in the first piece, where it is encoded.
fn decode(attribute: &str, pieces: &[&Piece]) -> Result<String, ParameterError> {
    let is_encoded = pieces.first().is_some_and(|piece| piece.is_encoded);
    let (mut charset, mut octets) = ("", Vec::new());
    for (at, piece) in pieces.iter().enumerate() {
        let mut text = piece.value.as_str();
        if at == 0 && is_encoded {
            let mut parts = text.splitn(3, '\'');
            let (Some(first), Some(_), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(ParameterError::Syntax);
            };
            (charset, text) = (first, rest);
        }
        if piece.is_encoded {
            octets.extend(percent_decode_str(text))
        } else {
            octets.extend_from_slice(text.as_bytes())
        }
    }
    if charset.is_empty() {
        charset = "utf-8";
    }
    match charset::read(charset, &octets) {
        Ok(Some(text)) => Ok(text),
        Err(Fault::Control) => Err(ParameterError::Control { attribute: excerpt(attribute) }),
        Ok(None) | Err(Fault::Unknown) => {
            Err(ParameterError::Charset { attribute: excerpt(attribute), charset: excerpt(charset) })
        }
    }
}

/// The text of a value that is nothing but encoded-words, which RFC 2047 5 (3) forbids and programs write.
fn words(value: &str) -> Option<String> {
    let words = value.split([' ', '\t']).filter(|word| !word.is_empty());
    words.map(|word| encoded_word::check(word).ok().and_then(|()| encoded_word::decode(word))).collect()
}

/// RFC 2231 7: `attribute-char`, of which some programs know these alone.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Between the attribute and a value beyond ASCII, each octet of which takes up to three (RFC 2231 4).
const EXTENDED: &str = "*=utf-8''";

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parameter { attribute, value, .. } = self;
        if is_token_text(value) {
            return [attribute, "=", value].into_iter().try_for_each(|text| f.write_str(text));
        }
        if value.is_ascii() {
            return write!(f, "{attribute}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        }
        write!(f, "{attribute}{EXTENDED}{}", utf8_percent_encode(value, ESCAPED))
    }
}

/// RFC 2045 5.1: `token := 1*<any (US-ASCII) CHAR except SPACE, CTLs, or tspecials>`.
pub(super) fn token(input: &str) -> IResult<&str, &str> {
    take_while1(is_token).parse(input)
}

pub(super) fn is_token(c: char) -> bool {
    let is_special =
        matches!(c, '(' | ')' | '<' | '>' | '@' | ',' | ';' | ':' | '\\' | '"' | '/' | '[' | ']' | '?' | '=');
    c.is_ascii_graphic() && !is_special
}

fn is_token_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_token)
}

/// A value that lacks its quotes, as `boundary==_1`, `name=a/b` or `filename=My Letter.pdf`; never a comma, with which httpd joins two
/// fields, nor a `=` behind a blank, where a `;` may be missing.
fn loose_value(input: &str) -> IResult<&str, &str> {
    let word =
        || take_while1(|c: char| !c.is_whitespace() && !matches!(c, '(' | ')' | '<' | '>' | ',' | ';' | '\\' | '"'));
    let blanks = take_while1(|c| c == ' ' || c == '\t');
    recognize((word(), many0_count((blanks, verify(word(), |word: &str| !word.contains('=')))))).parse(input)
}

/// Blanks and comments.
pub(super) fn cfws(input: &str) -> IResult<&str, ()> {
    let blanks = || take_while(|c| c == ' ' || c == '\t');
    value((), (blanks(), many0_count(terminated(comment, blanks())))).parse(input)
}

/// Why parameters are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterError {
    /// The extended form names a charset that cannot be checked.
    Charset {
        /// The name of the parameter.
        attribute: String,
        /// The charset, shortened and escaped.
        charset: String,
    },
    /// The extended form hides a control character.
    Control {
        /// The name of the parameter.
        attribute: String,
    },
    /// A parameter is there twice, and readers differ on which one counts.
    Duplicate {
        /// Its name.
        attribute: String,
    },
    /// A parameter does not fit on a line.
    Length {
        /// Its name.
        attribute: String,
    },
    /// What is there are no parameters.
    Syntax,
    /// The text of a parameter cannot stand in a header.
    Value {
        /// Its name.
        attribute: String,
        /// Why not.
        error: HeaderError,
    },
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charset { attribute, charset } => {
                write!(
                    f,
                    "parameter {attribute} is in charset \"{charset}\", which cannot be checked: send it in utf-8"
                )
            }
            Self::Control { attribute } => write!(f, "parameter {attribute} hides a control character: take it out"),
            Self::Duplicate { attribute } => write!(f, "parameter {attribute} is there twice: give it once"),
            Self::Length { attribute } => write!(f, "parameter {attribute} is too long for a line: shorten it"),
            Self::Syntax => f.write_str("write parameters like ; name=\"a b.pdf\""),
            Self::Value { attribute, error } => write!(f, "parameter {attribute}: {error}"),
        }
    }
}

impl std::error::Error for ParameterError {}
