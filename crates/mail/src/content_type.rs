//! The Content-Type field (RFC 2045 5.1) -> type, subtype and parameters, and back. Read generously, written strictly. What a body of a
//! type becomes is `body`.
#![forbid(unsafe_code)]

use std::fmt;

use nom::Parser;
use nom::character::complete::char;
use nom::sequence::{delimited, separated_pair};

use super::fold::{Field, MAX_WORD};
pub use super::parameters::ParameterError;
use super::parameters::{Parameters, cfws, is_token, token};
use crate::header::{HeaderName, HeaderValue};
use crate::text::excerpt;
use crate::transfer_encoding::BodyKind;

#[cfg(test)]
mod tests;

/// A media type with its parameters; of a multipart type, the boundary is there and legal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    essence: Box<str>,
    parameters: Parameters,
}

impl ContentType {
    /// Reads the one media type of a Content-Type field.
    pub fn parse(field: &HeaderValue) -> Result<ContentType, ContentTypeError> {
        let text = field.as_str();
        let syntax = || ContentTypeError::Syntax { text: excerpt(text) };
        let mut media_type = delimited(cfws, separated_pair(token, char('/'), token), cfws);
        let (rest, (kind, subtype)) =
            media_type.parse(text).map_err(|_: nom::Err<nom::error::Error<&str>>| syntax())?;
        let parameters = Parameters::parse(rest).map_err(|error| match error {
            ParameterError::Syntax => syntax(),
            error => ContentTypeError::Parameter(error),
        })?;
        let essence = [kind, "/", subtype].concat().to_ascii_lowercase();
        let parsed = ContentType { essence: essence.into(), parameters };
        parsed.check()?;
        Ok(parsed)
    }

    /// `text/plain`, the type of a body that came without one (RFC 2045 5.2).
    pub fn text_plain() -> ContentType {
        ContentType { essence: "text/plain".into(), parameters: Parameters::default() }
    }

    /// `application/octet-stream`, the type of octets that cannot be text.
    pub fn octet_stream() -> ContentType {
        ContentType { essence: "application/octet-stream".into(), parameters: Parameters::default() }
    }

    /// Type and subtype in lower case: `text/plain`.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// Whether the type is `text`.
    pub fn is_text(&self) -> bool {
        self.essence.starts_with("text/")
    }

    /// Whether the type is `multipart`.
    pub fn is_multipart(&self) -> bool {
        self.essence.starts_with("multipart/")
    }

    /// Whether the type is `message`.
    pub fn is_message(&self) -> bool {
        self.essence.starts_with("message/")
    }

    /// What the type allows. Text in a charset whose octets are no lines of ASCII (UTF-16, UTF-32) must travel as it is.
    pub fn kind(&self) -> BodyKind {
        let charset = self.charset().unwrap_or_default().to_ascii_lowercase();
        let is_wide =
            ["utf-16", "utf16", "utf-32", "utf32", "ucs-", "iso-10646"].iter().any(|wide| charset.starts_with(wide));
        match self {
            composite if composite.is_multipart() || composite.is_message() => BodyKind::Composite,
            text if text.is_text() && !is_wide => BodyKind::Text,
            _ => BodyKind::Other,
        }
    }

    /// The charset, as it was spelled.
    pub fn charset(&self) -> Option<&str> {
        self.parameter("charset")
    }

    /// The boundary, 1 to 70 characters (RFC 2046 5.1.1).
    pub fn boundary(&self) -> Option<&str> {
        self.parameter("boundary")
    }

    /// The value of a parameter, its name in lower case.
    pub fn parameter(&self, attribute: &str) -> Option<&str> {
        self.parameters.get(attribute)
    }

    /// The same type with this charset instead of the one it has, if any.
    pub fn with_charset(mut self, charset: &str) -> ContentType {
        self.parameters.set("charset", charset);
        self
    }

    /// Writes the whole field, folded between parameters, with its final line end.
    pub fn write(&self, name: &HeaderName) -> String {
        let mut field = Field::new(name);
        self.parameters.words(&self.essence).iter().for_each(|word| field.push(" ", word));
        field.finish()
    }

    fn check(&self) -> Result<(), ContentTypeError> {
        if let Some(attribute) = ["charset", "boundary"].into_iter().find(|name| self.parameters.is_extended(name)) {
            return Err(ContentTypeError::Extended { attribute });
        }
        if self.essence.len() > MAX_WORD {
            return Err(ContentTypeError::Syntax { text: excerpt(&self.essence) });
        }
        if self.charset().is_some_and(|charset| charset.is_empty() || !charset.chars().all(is_token)) {
            return Err(ContentTypeError::Charset { charset: excerpt(self.charset().unwrap_or_default()) });
        }
        match self.boundary() {
            None if self.is_multipart() => Err(ContentTypeError::Boundary { boundary: String::new() }),
            Some(boundary) if !is_boundary(boundary) => Err(ContentTypeError::Boundary { boundary: excerpt(boundary) }),
            _ => Ok(()),
        }
    }
}

/// RFC 2046 5.1.1: `boundary := 0*69<bchars> bcharsnospace`.
fn is_boundary(text: &str) -> bool {
    let is_bchar = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=? ".contains(c);
    (1..=70).contains(&text.len()) && text.chars().all(is_bchar) && !text.ends_with(' ')
}

/// Why a Content-Type is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentTypeError {
    /// The boundary is missing or illegal.
    Boundary {
        /// The boundary, shortened and escaped; empty if there is none.
        boundary: String,
    },
    /// The charset is no token.
    Charset {
        /// The charset, shortened and escaped.
        charset: String,
    },
    /// Charset or boundary is in an extended form of RFC 2231, which few readers know.
    Extended {
        /// Its name.
        attribute: &'static str,
    },
    /// The parameters cannot be read, or not be written.
    Parameter(ParameterError),
    /// The value is no media type, or more than one.
    Syntax {
        /// The value, shortened and escaped.
        text: String,
    },
}

impl fmt::Display for ContentTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boundary { boundary } if boundary.is_empty() => {
                f.write_str("multipart without boundary: add boundary=...")
            }
            Self::Boundary { boundary } => {
                write!(f, "boundary \"{boundary}\": use 1 to 70 letters, digits and '()+_,-./:=? not ending in a blank")
            }
            Self::Charset { charset } => write!(f, "charset \"{charset}\" is no name of a charset: use utf-8"),
            Self::Extended { attribute } => {
                write!(f, "parameter {attribute} is in extended form: give it without the *")
            }
            Self::Parameter(error) => error.fmt(f),
            Self::Syntax { text } => {
                write!(f, "\"{text}\" is no media type: write it like \"text/plain; charset=utf-8\"")
            }
        }
    }
}

impl std::error::Error for ContentTypeError {}
