//! The octets of one request field -> [`HeaderName`] and [`HeaderValue`], the two halves of a header field (RFC 5322 2.2 and 3.6.8).
//! Neither can hold a line end or any other control character except TAB, not even inside an encoded-word (RFC 2047), so anything made of
//! them stays one field. Which fields may pass is policy; [`crate::encode`] writes them.
#![forbid(unsafe_code)]

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::encoded_word::{self, Fault};
use crate::text::{excerpt, is_forbidden};

#[cfg(test)]
mod tests;

/// Longest name, in octets: with its colon it still fits a line of 78 (RFC 5322 2.1.1).
pub const MAX_NAME: usize = 76;
/// Longest value, in octets of UTF-8: a whole header is at most 32 KiB, so a single value may not be longer.
pub const MAX_VALUE: usize = 32 * 1024;

/// The name of a header field in its canonical spelling. Comparison, order and hash ignore case.
#[derive(Clone, Debug)]
pub struct HeaderName(Box<str>);

impl HeaderName {
    /// Reads a name: 1 to 76 octets of ftext (RFC 5322 3.6.8). A name in the table below gets its spelling from there; a name all in lower
    /// case (HTTP/2) gets a capital after each dash; any other stays as typed.
    pub fn parse(name: &[u8]) -> Result<HeaderName, HeaderError> {
        if name.is_empty() {
            return Err(HeaderError::NameEmpty);
        }
        if name.len() > MAX_NAME {
            return Err(HeaderError::NameLength { octets: name.len() });
        }
        if let Some(&found) = name.iter().find(|&&b| !is_ftext(b)) {
            let text: String = name.iter().map(|&b| char::from(b)).collect();
            return Err(HeaderError::NameByte { found, name: excerpt(&text) });
        }
        let text = String::from_utf8_lossy(name); // lossless: it is ASCII
        let spelling = SPELLINGS.iter().find(|known| known.eq_ignore_ascii_case(&text));
        Ok(HeaderName(match spelling {
            Some(known) => (*known).into(),
            None if text.bytes().any(|b| b.is_ascii_uppercase()) => text.as_ref().into(),
            None => capitalize(&text).into(),
        }))
    }

    /// The canonical spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the field `name`, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }

    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.bytes().map(|b| b.to_ascii_lowercase())
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &HeaderName) -> bool {
        self.is(&other.0)
    }
}

impl Eq for HeaderName {}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|b| state.write_u8(b));
    }
}

impl Ord for HeaderName {
    fn cmp(&self, other: &HeaderName) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl PartialOrd for HeaderName {
    fn partial_cmp(&self, other: &HeaderName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 5322 3.6.8: `ftext = %d33-57 / %d59-126`; 58 is ':'.
fn is_ftext(b: u8) -> bool {
    matches!(b, 33..=57 | 59..=126)
}

fn capitalize(name: &str) -> String {
    let mut at_start = true;
    name.chars()
        .map(|c| {
            let written = if at_start { c.to_ascii_uppercase() } else { c };
            at_start = c == '-';
            written
        })
        .collect()
}

/// Names that a capital after each dash would misspell, in the spelling of IANA's registry of message header fields.
const SPELLINGS: &[&str] = &[
    "Content-ID",
    "Content-MD5",
    "DKIM-Signature",
    "DL-Expansion-History",
    "EDIINT-Features",
    "Jabber-ID",
    "List-ID",
    "Message-ID",
    "MIME-Version",
    "NNTP-Posting-Host",
    "Original-Message-ID",
    "PICS-Label",
    "SIO-Label",
    "TLS-Required",
    "VBR-Info",
    "X-MimeOLE",
    "X-MSMail-Priority",
    "X-UIDL",
    "X-URL",
];

/// The text of a header field, decoded and checked: no control character except TAB, none hidden in an encoded-word, no blanks at either
/// end, at most [`MAX_VALUE`] octets. It may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderValue(Box<str>);

impl HeaderValue {
    /// Reads the octets of a request field: UTF-8 if they are valid UTF-8, otherwise ISO-8859-1 (RFC 9110 5.5 knows no third reading).
    /// UTF-8 that was cut inside its last character loses that character.
    pub fn from_field(octets: &[u8]) -> Result<HeaderValue, HeaderError> {
        match std::str::from_utf8(octets) {
            Ok(text) => HeaderValue::parse(text),
            Err(error) => match std::str::from_utf8(&octets[..error.valid_up_to()]) {
                Ok(text) if error.error_len().is_none() && !text.is_ascii() => HeaderValue::parse(text),
                _ => HeaderValue::parse(&octets.iter().map(|&b| char::from(b)).collect::<String>()),
            },
        }
    }

    /// Reads Unicode text. Blanks at either end are dropped.
    pub fn parse(text: &str) -> Result<HeaderValue, HeaderError> {
        let text = text.trim_matches([' ', '\t']);
        if text.len() > MAX_VALUE {
            return Err(HeaderError::ValueLength { octets: text.len() });
        }
        if let Some(found) = text.chars().find(|&c| is_forbidden(c)) {
            return Err(HeaderError::ControlCharacter { found, text: excerpt(text) });
        }
        encoded_word::check(text)?;
        Ok(HeaderValue(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a request field cannot become a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// The value holds a control character.
    ControlCharacter {
        /// The first one.
        found: char,
        /// The value, shortened and escaped.
        text: String,
    },
    /// An encoded-word names a charset that could hide control characters.
    EncodedCharset {
        /// The charset, shortened and escaped.
        charset: String,
    },
    /// An encoded-word decodes to a control character.
    EncodedControl {
        /// The encoded-word, shortened and escaped.
        word: String,
    },
    /// So many encoded-words begin inside one another that mail programs will disagree on their meaning.
    EncodedOverlap,
    /// The name holds an octet that RFC 5322 does not allow there.
    NameByte {
        /// The first one.
        found: u8,
        /// The name, shortened and escaped.
        name: String,
    },
    /// The name is empty.
    NameEmpty,
    /// The name is longer than [`MAX_NAME`].
    NameLength {
        /// Its length.
        octets: usize,
    },
    /// The value is longer than [`MAX_VALUE`].
    ValueLength {
        /// Its length.
        octets: usize,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlCharacter { found, text } => {
                write!(
                    f,
                    "control character U+{:04X} in \"{text}\": take it out, or encode the text as utf-8",
                    u32::from(*found)
                )
            }
            Self::EncodedCharset { charset } => {
                write!(f, "encoded-word in charset \"{charset}\", which cannot be checked: send the text as utf-8")
            }
            Self::EncodedControl { word } => {
                write!(f, "encoded-word \"{word}\" hides a control character: take it out")
            }
            Self::EncodedOverlap => {
                f.write_str("encoded-words begin inside one another: close each with ?= before the next")
            }
            Self::NameByte { found, name } => {
                write!(
                    f,
                    "octet 0x{found:02X} in the field name \"{name}\": use printable ASCII without blanks and colons"
                )
            }
            Self::NameEmpty => f.write_str("field without a name: put one before the colon"),
            Self::NameLength { octets } => write!(f, "field name of {octets} octets: use at most {MAX_NAME}"),
            Self::ValueLength { octets } => write!(f, "value of {octets} octets: use at most {MAX_VALUE}"),
        }
    }
}

impl std::error::Error for HeaderError {}

impl From<Fault<'_>> for HeaderError {
    fn from(fault: Fault<'_>) -> HeaderError {
        match fault {
            Fault::Charset(charset) => HeaderError::EncodedCharset { charset: excerpt(charset) },
            Fault::Control(word) => HeaderError::EncodedControl { word: excerpt(word) },
            Fault::Overlap => HeaderError::EncodedOverlap,
        }
    }
}
