//! The JSON that the SDKs of mail services send -> fields of a mail and its parts. What JSON is stands in [`read`], what a mail is in
//! `assembly`, and each dialect is one file. A member that would change the mail and is not done here is refused by name.
#![forbid(unsafe_code)]

mod assembly;
mod decode;
mod file;
mod postmark;
mod read;
mod resend;
mod string;
mod tree;

use std::borrow::Cow;
use std::fmt;
use std::io;
use sys::spool::Spool;

pub use assembly::JsonMail;

/// Whose JSON it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// <https://postmarkapp.com/developer/api/email-api>.
    Postmark,
    /// <https://resend.com/docs/api-reference/emails/send-email>.
    Resend,
}

/// Why the JSON cannot become a mail.
#[derive(Debug)]
pub enum JsonError {
    /// It cannot be read, or its contents not be stored.
    Io(io::Error),
    /// A member that says what cannot be.
    Member {
        /// Where it is.
        path: String,
        /// What is wrong.
        what: Cow<'static, str>,
    },
    /// It is no JSON, or no JSON that all readers read alike.
    Syntax {
        /// Where.
        path: String,
        /// What is wrong.
        what: Cow<'static, str>,
    },
}

impl JsonError {
    fn member(path: &str, what: impl Into<Cow<'static, str>>) -> Self {
        JsonError::Member { path: path.to_owned(), what: what.into() }
    }

    fn syntax(path: &str, what: impl Into<Cow<'static, str>>) -> Self {
        JsonError::Syntax { path: path.to_owned(), what: what.into() }
    }

    /// Where in the JSON.
    pub fn path(&self) -> &str {
        match self {
            JsonError::Member { path, .. } | JsonError::Syntax { path, .. } if !path.is_empty() => path,
            _ => "the body",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonError::Io(error) => error.fmt(f),
            JsonError::Member { what, .. } | JsonError::Syntax { what, .. } => write!(f, "{}: {what}", self.path()),
        }
    }
}

impl std::error::Error for JsonError {}

impl From<io::Error> for JsonError {
    fn from(error: io::Error) -> Self {
        JsonError::Io(error)
    }
}

/// The mail in `source`, its texts and files in `contents`.
pub fn read(dialect: Dialect, source: &Spool, contents: &mut Spool) -> Result<JsonMail, JsonError> {
    match dialect {
        Dialect::Postmark => postmark::mail(read::read(source, contents, postmark::places)?),
        Dialect::Resend => resend::mail(read::read(source, contents, resend::places)?),
    }
}

#[cfg(test)]
mod tests;
