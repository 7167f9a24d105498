//! A message with parts (RFC 2045, RFC 2046) that not every mail server carries -> the same message, with each part that needs it
//! re-encoded under its own type. Boundaries, their order and every other octet stay, except line ends; signed or encrypted parts are never
//! touched. The message is read twice, once to plan and once to write, and memory does not grow with it: `walk` reads, `plan` and `write`
//! are its listeners.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::{self, BufRead, Write};

use crate::content_type::ContentType;

mod entity;
mod field;
mod plan;
#[cfg(test)]
mod tests;
mod walk;
mod write;

/// What is being read.
#[derive(Clone, Copy, Debug)]
pub enum Whole<'a> {
    /// A body of this type, `multipart` or `message`.
    Body(&'a ContentType),
    /// A header and a body.
    Message,
}

/// The changes that a message needs so that it can be carried.
#[derive(Debug)]
pub struct Rewriting(plan::Plan);

impl Rewriting {
    /// Reads the whole message. `seven_bit`: for a server without 8BITMIME (RFC 6152).
    pub fn plan(whole: Whole<'_>, from: impl BufRead, seven_bit: bool) -> Result<Rewriting, MimeError> {
        plan::plan(whole, from, seven_bit).map(Rewriting)
    }

    /// Whether octets above 127 remain.
    pub fn is_eight_bit(&self) -> bool {
        self.0.is_eight_bit
    }

    /// Writes it with LF; `from` must return the octets that were planned for.
    pub fn write(&self, whole: Whole<'_>, from: impl BufRead, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        write::write(whole, from, &self.0, to).map_err(|error| match error {
            MimeError::Io(error) => error,
            changed => io::Error::other(changed.to_string()),
        })
    }
}

/// Why a message with parts cannot be carried.
#[derive(Debug)]
pub enum MimeError {
    /// The header of a part has a field that is not allowed in mail; what is wrong with it.
    Field(&'static str),
    /// It could not be read or stored.
    Io(io::Error),
    /// More parts, deeper nesting or longer fields than any mail program writes; which of these.
    Limit(&'static str),
    /// A part that may not be changed would have to be.
    Sealed {
        /// The type that forbids it.
        what: &'static str,
        /// The content that not every mail server carries.
        trouble: &'static str,
    },
    /// A part that must be re-encoded has a transfer encoding unknown to RFC 2045; the content that not every mail server carries.
    UnknownEncoding(&'static str),
}

impl From<io::Error> for MimeError {
    fn from(error: io::Error) -> Self {
        MimeError::Io(error)
    }
}

impl fmt::Display for MimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MimeError::Field(fault) => {
                write!(f, "the header of a part has a field with {fault}; write it as RFC 5322 says")
            }
            MimeError::Io(error) => write!(f, "the message could not be read or stored: {error}"),
            MimeError::Limit(which) => write!(f, "the body has {which}; send it as an attachment in base64"),
            MimeError::Sealed { what, trouble } => write!(
                f,
                "{what} with {trouble} cannot be mailed, and may not be changed; encode its parts as base64 or quoted-printable before"
            ),
            MimeError::UnknownEncoding(trouble) => write!(
                f,
                "a part with {trouble} has a Content-Transfer-Encoding that is not one of 7bit, 8bit, binary, quoted-printable, base64; \
                 leave the field out"
            ),
        }
    }
}

impl std::error::Error for MimeError {}
