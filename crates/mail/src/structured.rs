//! The structured fields of a mail other than addresses, dates and the body's type. Each is read by its grammar and rewritten from the
//! parsed form, so that no reader takes it for something else. Comments are dropped; an empty field is left out.
#![forbid(unsafe_code)]

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nom::Parser;
use nom::sequence::delimited;

use super::encode::{self, EncodeError, is_atext, phrase_words};
use super::encoded_word::MAX_LINE;
use super::fold::{Field, MAX_WORD};
use super::parameters::{ParameterError, Parameters, cfws, is_token, token};
use crate::address::parse::{comment, encoded_word, quoted_string};
use crate::header::{HeaderName, HeaderValue};
use crate::text::excerpt;

#[cfg(test)]
mod tests;

/// The grammar of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Auto-Submitted (RFC 3834 5): a keyword, perhaps with parameters.
    AutoSubmitted,
    /// Content-Disposition (RFC 2183).
    Disposition,
    /// Importance, Precedence, Priority, Sensitivity (RFC 2156): one keyword.
    Keyword,
    /// Content-Language (RFC 3282): language tags by commas.
    Languages,
    /// List-ID (RFC 2919): perhaps a phrase, and an identifier in angle brackets.
    ListId,
    /// Content-MD5 (RFC 1864): 16 octets in base64.
    Md5,
    /// Content-ID (RFC 2045 7): one identifier.
    MessageId,
    /// In-Reply-To, References and the like (RFC 5322 3.6.4): identifiers.
    MessageIds,
    /// Keywords (RFC 5322 3.6.5): phrases by commas.
    Phrases,
    /// Content-Location (RFC 2557 4.2): a URI.
    Uri,
    /// List-Help, List-Post and the like (RFC 2369): URIs in angle brackets by commas, or NO.
    Uris,
    /// List-Unsubscribe and List-Unsubscribe-Post (RFC 8058): octet for octet, since mail providers call the URL that the sender signed.
    Verbatim,
}

/// Writes the whole field with its final line end; an empty value gives an empty string.
pub fn write(form: Form, name: &HeaderName, value: &HeaderValue) -> Result<String, StructuredError> {
    let text = value.as_str();
    if text.is_empty() {
        return Ok(String::new());
    }
    if form == Form::Verbatim {
        return Ok(encode::structured(name, value)?);
    }
    let mut field = Field::new(name);
    let words = match form {
        Form::AutoSubmitted | Form::Disposition => with_parameters(text),
        Form::ListId => list_id(text, field.room(MAX_LINE)).ok_or(ParameterError::Syntax),
        Form::Phrases => phrases(text).ok_or(ParameterError::Syntax),
        form => plain(form, text).ok_or(ParameterError::Syntax),
    };
    let words = words.map_err(|error| match error {
        ParameterError::Syntax => StructuredError::Syntax { form, text: excerpt(text) },
        error => StructuredError::Parameter(error),
    })?;
    if let Some(long) = words.iter().find(|word| word.len() > MAX_WORD) {
        return Err(EncodeError::WordLength { name: name.clone(), word: excerpt(long) }.into());
    }
    if words.is_empty() {
        return Ok(String::new());
    }
    words.iter().for_each(|word| field.push(" ", word));
    Ok(encode::sized(name, field.finish())?)
}

/// Whether a MIME-Version is 1.0, the only version (RFC 2045 4), ignoring comments.
pub fn is_version_1(value: &HeaderValue) -> bool {
    without_comments(value.as_str()).is_some_and(|text| text.trim_matches(BLANKS) == "1.0")
}

/// RFC 2183 2 and RFC 3834 5: `token *(";" parameter)`.
fn with_parameters(text: &str) -> Result<Vec<String>, ParameterError> {
    let keyword = delimited(cfws, token, cfws).parse(text);
    let (rest, keyword) = keyword.map_err(|_: nom::Err<nom::error::Error<&str>>| ParameterError::Syntax)?;
    Ok(Parameters::parse(rest)?.words(&keyword.to_ascii_lowercase()))
}

/// RFC 2919 3: `"List-ID:" [phrase] "<" list-id ">"`; a bare identifier gets brackets.
fn list_id(text: &str, room: usize) -> Option<Vec<String>> {
    let (name, id) = match text.rsplit_once('<') {
        Some((name, id)) => (name.trim_matches(BLANKS), id.strip_suffix('>')?),
        None => ("", text),
    };
    let is_id = !id.is_empty() && id.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext));
    let name = match quoted_string(name) {
        Ok(("", inside)) => inside,
        _ => name.to_owned(),
    };
    let words = if name.is_empty() { Vec::new() } else { phrase_words(&name, room) };
    is_id.then(|| words.into_iter().chain([format!("<{id}>")]).collect())
}

/// RFC 5322 3.6.5: `keywords = "Keywords:" phrase *("," phrase)`.
fn phrases(text: &str) -> Option<Vec<String>> {
    let (mut names, mut rest) = (vec![String::new()], text);
    while let Some(first) = rest.chars().next() {
        let name = names.last_mut()?;
        rest = match (first, encoded_word(rest)) {
            (_, Ok((after, word))) => {
                name.push_str(word);
                after
            }
            ('"', _) => {
                let (after, inside) = quoted_string(rest).ok()?;
                name.push_str(&inside);
                after
            }
            ('(', _) => comment(rest).ok()?.0,
            (',', _) => {
                names.push(String::new());
                &rest[1..]
            }
            (c, _) => {
                name.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    let phrases = names.iter().map(|name| name.trim_matches(BLANKS)).filter(|name| !name.is_empty());
    Some(by_commas(phrases.map(|name| phrase_words(name, MAX_LINE)).collect()))
}

/// The words of a field that is all ASCII.
fn plain(form: Form, text: &str) -> Option<Vec<String>> {
    let without = without_comments(text)?;
    let word = without.trim_matches(BLANKS);
    if word.is_empty() {
        return Some(Vec::new());
    }
    let only = |is: bool| is.then(|| vec![word.to_owned()]);
    match form {
        Form::Keyword => only(word.chars().all(is_token)),
        Form::Languages => {
            let tags = word.split(',').map(|tag| tag.trim_matches(BLANKS)).filter(|tag| !tag.is_empty());
            let tags: Vec<&str> = tags.collect();
            tags.iter()
                .all(|tag| is_language(tag))
                .then(|| by_commas(tags.iter().map(|tag| vec![tag.to_string()]).collect()))
        }
        Form::Md5 => only(STANDARD.decode(word).is_ok_and(|digest| digest.len() == 16)),
        Form::MessageId => message_ids(word).filter(|ids| ids.len() == 1),
        Form::MessageIds => message_ids(word),
        Form::Uri => text.chars().all(is_uri).then(|| vec![text.to_owned()]),
        Form::Uris => uris(word),
        _ => None,
    }
}

/// Replaces comments by blanks; inside angle brackets there are none.
fn without_comments(text: &str) -> Option<String> {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['(', '<']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let (kept, after) = match rest.starts_with('(') {
            true => (" ", comment(rest).ok()?.0),
            false => rest.split_at(rest.find('>')? + 1),
        };
        plain.push_str(kept);
        rest = after;
    }
    Some(plain + rest)
}

/// Identifiers separated by blanks, and by the commas with which httpd joins two fields; a single one gets brackets.
fn message_ids(text: &str) -> Option<Vec<String>> {
    if !text.contains(['<', '>']) {
        return is_message_id(text).then(|| vec![format!("<{text}>")]);
    }
    let mut ids = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (id, after) = rest.strip_prefix('<')?.split_once('>')?;
        ids.push(format!("<{}>", Some(id).filter(|id| is_message_id(id))?));
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Some(ids)
}

/// More than RFC 5322 3.6.4 allows, since a reply must name the ids that others sent: printable ASCII on both sides of an `@`, without
/// delimiters.
fn is_message_id(text: &str) -> bool {
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !"<>()\"\\,;".contains(c));
    is_plain && text.split_once('@').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty())
}

/// RFC 2369 2: URIs in angle brackets, separated by commas; List-Post may say NO. Missing brackets are added.
fn uris(text: &str) -> Option<Vec<String>> {
    let mut uris = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (uri, after) = match rest.strip_prefix('<') {
            Some(inside) => inside.split_once('>')?,
            None => rest.split_at(rest.find([' ', '\t', ',']).unwrap_or(rest.len())),
        };
        let after = after.trim_start_matches(BLANKS);
        let is_separate = after.is_empty() || after.starts_with(',');
        uris.push(match uri {
            no if no.eq_ignore_ascii_case("NO") && is_separate => vec!["NO".to_owned()],
            uri if uri.chars().all(is_uri) && uri.contains(':') && is_separate => vec![format!("<{uri}>")],
            _ => return None,
        });
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Some(by_commas(uris))
}

/// Puts a comma after each of them except the last.
fn by_commas(mut elements: Vec<Vec<String>>) -> Vec<String> {
    let last = elements.len().saturating_sub(1);
    elements[..last].iter_mut().filter_map(|words| words.last_mut()).for_each(|word| word.push(','));
    elements.into_iter().flatten().collect()
}

const BLANKS: [char; 2] = [' ', '\t'];

/// RFC 3282: `Language-Tag = Primary-tag *( "-" Subtag )`, each of 1 to 8 letters and digits.
fn is_language(tag: &str) -> bool {
    tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// RFC 3986 2: reserved, unreserved, and the `%` of an escape.
fn is_uri(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

/// Why a structured field is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StructuredError {
    /// The parsed value cannot be written.
    Encode(EncodeError),
    /// The parameters cannot be read, or cannot be written.
    Parameter(ParameterError),
    /// The value does not fit its field.
    Syntax {
        /// The grammar it was read by.
        form: Form,
        /// The value, shortened and escaped.
        text: String,
    },
}

impl From<EncodeError> for StructuredError {
    fn from(error: EncodeError) -> Self {
        StructuredError::Encode(error)
    }
}

impl fmt::Display for StructuredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::Parameter(error) => error.fmt(f),
            Self::Syntax { form, text } => write!(f, "\"{text}\" cannot be read: {}", remedy(*form)),
        }
    }
}

impl std::error::Error for StructuredError {}

fn remedy(form: Form) -> &'static str {
    match form {
        Form::AutoSubmitted => "write it like auto-generated",
        Form::Disposition => "write it like attachment; filename=\"a b.pdf\"",
        Form::Keyword => "use one word, like high or bulk",
        Form::Languages => "write languages like de, en-GB",
        Form::ListId => "write it like Name <list.example.org>",
        Form::Md5 => "use 16 octets in base64",
        Form::MessageId => "it is not a message id; write it like <left@right>",
        Form::MessageIds => "that is not a message id; write each like <left@right>",
        Form::Phrases => "close each quote and comment",
        Form::Uri => "use a URI in ASCII",
        Form::Uris => "write it like <https://example.org/list>, <mailto:list@example.org>",
        Form::Verbatim => "use ASCII only",
    }
}
