//! The JSON that the SDKs of mail services send -> fields of a mail and its parts. What JSON is stands in [`read`], what a mail is in
//! `assembly`, and each dialect is one file. A member that would change the mail and is not done here is refused by name.
#![forbid(unsafe_code)]

mod assembly;
mod decode;
mod file;
mod labels;
pub mod members;
mod postmark;
mod read;
mod resend;
mod sendgrid;
mod string;
mod tree;

use std::borrow::Cow;
use std::fmt;
use std::io;
use sys::spool::Spool;
use tree::Located;

pub use assembly::JsonMail;

/// Whose JSON it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// <https://postmarkapp.com/developer/api/email-api>.
    Postmark,
    /// <https://resend.com/docs/api-reference/emails/send-email>.
    Resend,
    /// <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>.
    Sendgrid,
}

/// What a path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose JSON.
    pub dialect: Dialect,
    /// An array of mails, and not one.
    pub is_batch: bool,
}

/// The mails of one body.
#[derive(Debug)]
pub struct Mails {
    /// In their order; of a batch each may be wrong by itself.
    pub items: Vec<Result<JsonMail, JsonError>>,
    /// The body says that nothing is to be sent.
    pub is_trial: bool,
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

    /// A field of the request beside the JSON.
    pub fn header(name: &str, what: &'static str) -> Self {
        JsonError::member(name, what)
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

/// The mails in `source`, their texts and files in `contents`.
pub fn read(call: Call, source: &Spool, contents: &mut Spool) -> Result<Mails, JsonError> {
    let (places, mail): (read::Places, ReadMail) = match call.dialect {
        Dialect::Postmark => (postmark::places, postmark::mail),
        Dialect::Resend => (resend::places, resend::mail),
        Dialect::Sendgrid => return sendgrid::mails(Located::root(read::read(source, contents, sendgrid::places)?)),
    };
    let body = Located::root(read::read(source, contents, places)?);
    let items = if call.is_batch {
        batch(body, call.dialect.most())?.into_iter().map(mail).collect()
    } else {
        vec![Ok(mail(body)?)]
    };
    Ok(Mails { items, is_trial: false })
}

type ReadMail = fn(Located) -> Result<JsonMail, JsonError>;

impl Dialect {
    /// Most mails in one body.
    pub const fn most(self) -> usize {
        match self {
            Dialect::Postmark => 500,
            Dialect::Resend => 100,
            Dialect::Sendgrid => 1000,
        }
    }
}

/// The items of a batch.
fn batch(found: Located, most: usize) -> Result<Vec<Located>, JsonError> {
    let path = found.path().to_owned();
    let items = found.items()?;
    match items.len() {
        0 => Err(JsonError::member(&path, "holds no message")),
        number if number > most => {
            Err(JsonError::member(&path, format!("holds {number} messages, more than the {most} taken at once")))
        }
        _ => Ok(items),
    }
}

#[cfg(test)]
mod tests;
