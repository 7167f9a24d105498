//! The Content-Type field (RFC 2045 5.1) -> type, subtype and parameters, and back, one parameter to a word so that it
//! folds. Read generously (comments, unquoted values that should be quoted, a `;` at the end), written strictly. What a
//! body of a type becomes is `body`.
#![forbid(unsafe_code)]

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{map, opt, value};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, separated_pair, terminated};
use nom::{IResult, Parser};

use super::fold::{Field, MAX_WORD};
use crate::address::parse::{comment, quoted_string};
use crate::header::{HeaderName, HeaderValue};
use crate::text::excerpt;

#[cfg(test)]
mod tests;

/// A media type with its parameters; of a multipart type, the boundary is there and legal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    essence: Box<str>,
    parameters: Vec<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parameter {
    /// In lower case.
    attribute: String,
    value: String,
}

impl ContentType {
    /// Reads the one media type of a Content-Type field.
    pub fn parse(field: &HeaderValue) -> Result<ContentType, ContentTypeError> {
        let text = field.as_str();
        let syntax = || ContentTypeError::Syntax { text: excerpt(text) };
        let (mut rest, (kind, subtype)) = media_type(text).map_err(|_| syntax())?;
        let mut parameters: Vec<Parameter> = Vec::new();
        while !rest.is_empty() {
            let (after, found) =
                preceded((char(';'), cfws), opt(terminated(parameter, cfws))).parse(rest).map_err(|_| syntax())?;
            rest = after;
            parameters.extend(found);
        }
        let essence = format!("{kind}/{subtype}").to_ascii_lowercase().into();
        let parsed = ContentType { essence, parameters };
        parsed.check()?;
        Ok(parsed)
    }

    /// `text/plain`, the type of a body that came without one (RFC 2045 5.2).
    pub fn text_plain() -> ContentType {
        ContentType { essence: "text/plain".into(), parameters: Vec::new() }
    }

    /// `application/octet-stream`, the type of octets that cannot be text.
    pub fn octet_stream() -> ContentType {
        ContentType { essence: "application/octet-stream".into(), parameters: Vec::new() }
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

    /// The charset, as it was spelled.
    pub fn charset(&self) -> Option<&str> {
        self.parameter("charset")
    }

    /// The boundary, 1 to 70 characters (RFC 2046 5.1.1).
    pub fn boundary(&self) -> Option<&str> {
        self.parameter("boundary")
    }

    /// The value of the first parameter of that name, in any case.
    pub fn parameter(&self, attribute: &str) -> Option<&str> {
        self.parameters.iter().find(|p| p.attribute.eq_ignore_ascii_case(attribute)).map(|p| p.value.as_str())
    }

    /// The same type with this charset, a constant of ours, instead of the one it has, if any.
    pub fn with_charset(mut self, charset: &'static str) -> ContentType {
        self.parameters.retain(|p| p.attribute != "charset");
        self.parameters.push(Parameter { attribute: "charset".to_owned(), value: charset.to_owned() });
        self
    }

    /// Writes the whole field, folded between parameters, with its final line end.
    pub fn write(&self, name: &HeaderName) -> String {
        let mut field = Field::new(name);
        let semicolon = |is_last: bool| if is_last { "" } else { ";" };
        let count = self.parameters.len();
        field.push(" ", &format!("{}{}", self.essence, semicolon(count == 0)));
        for (at, parameter) in self.parameters.iter().enumerate() {
            field.push(" ", &format!("{parameter}{}", semicolon(at + 1 == count)));
        }
        field.finish()
    }

    fn check(&self) -> Result<(), ContentTypeError> {
        for Parameter { attribute, .. } in &self.parameters {
            let base = attribute.split('*').next().unwrap_or_default();
            let is_ours = base == "charset" || base == "boundary";
            if is_ours && base != attribute {
                return Err(ContentTypeError::Extended { attribute: excerpt(attribute) });
            }
            if is_ours && self.parameters.iter().filter(|p| p.attribute == base).count() > 1 {
                return Err(ContentTypeError::Duplicate { attribute: excerpt(attribute) });
            }
        }
        let is_long = |p: &&Parameter| self.essence.len() > MAX_WORD || p.to_string().len() > MAX_WORD;
        if let Some(long) = self.parameters.iter().find(is_long) {
            return Err(ContentTypeError::Length { attribute: excerpt(&long.attribute) });
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

/// A parameter as it is written: a token, else a quoted-string; beyond ASCII the extended form of RFC 2231 4.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parameter { attribute, value } = self;
        if !value.is_empty() && value.chars().all(is_token) {
            return write!(f, "{attribute}={value}");
        }
        if value.is_ascii() {
            return write!(f, "{attribute}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        }
        write!(f, "{}*=utf-8''", attribute.trim_end_matches('*'))?;
        value.bytes().try_for_each(|b| match b {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => write!(f, "{}", char::from(b)),
            b => write!(f, "%{b:02X}"),
        })
    }
}

/// RFC 2045 5.1: `content := "Content-Type" ":" type "/" subtype *(";" parameter)`.
fn media_type(input: &str) -> IResult<&str, (&str, &str)> {
    delimited(cfws, separated_pair(token, char('/'), token), cfws).parse(input)
}

/// `parameter := attribute "=" value`, `value := token / quoted-string`.
fn parameter(input: &str) -> IResult<&str, Parameter> {
    let pair = separated_pair(token, (cfws, char('='), cfws), alt((quoted_string, map(loose_value, str::to_owned))));
    map(pair, |(attribute, value)| Parameter { attribute: attribute.to_ascii_lowercase(), value }).parse(input)
}

/// `token := 1*<any (US-ASCII) CHAR except SPACE, CTLs, or tspecials>`.
fn token(input: &str) -> IResult<&str, &str> {
    take_while1(is_token).parse(input)
}

fn is_token(c: char) -> bool {
    c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c)
}

/// A value that lacks its quotes, as `boundary==_1` or `name=a/b`; never a comma, with which httpd joins two fields.
fn loose_value(input: &str) -> IResult<&str, &str> {
    take_while1(|c: char| !c.is_whitespace() && !"()<>,;\\\"".contains(c)).parse(input)
}

/// Blanks and comments.
fn cfws(input: &str) -> IResult<&str, ()> {
    let blanks = || take_while(|c| c == ' ' || c == '\t');
    value((), (blanks(), many0_count(terminated(comment, blanks())))).parse(input)
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
    /// A parameter is there twice, and readers differ on which one counts.
    Duplicate {
        /// Its name.
        attribute: String,
    },
    /// Charset or boundary is in the extended form of RFC 2231, which few readers know.
    Extended {
        /// Its name.
        attribute: String,
    },
    /// A parameter does not fit on a line.
    Length {
        /// Its name.
        attribute: String,
    },
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
            Self::Duplicate { attribute } => write!(f, "parameter {attribute} is there twice: give it once"),
            Self::Extended { attribute } => {
                write!(f, "parameter {attribute} is in extended form: give it without the *")
            }
            Self::Length { attribute } => write!(f, "parameter {attribute} is too long for a line: shorten it"),
            Self::Syntax { text } => {
                write!(f, "\"{text}\" is no media type: write it like \"text/plain; charset=utf-8\"")
            }
        }
    }
}

impl std::error::Error for ContentTypeError {}
