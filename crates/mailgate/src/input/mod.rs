//! The fields of an HTTP request -> a [`Submission`](crate::submission::Submission): a mail header that is checked, written anew and complete but for the lines that
//! depend on the body. Whatever can be refused without the body is refused here; HTTP itself is looked at in [`framing`].
#![forbid(unsafe_code)]

pub mod fields;
pub mod form;
pub mod framing;
pub mod json;
pub mod mime;
mod read;
pub mod strip;
pub mod ways;

pub use read::{FieldSource, Rules, given_type, reaches_mail, read};

use crate::policy::PolicyError;
use mail::address::AddressError;
use mail::header::{HeaderError, HeaderName};
use std::borrow::Cow;
use std::fmt;
use web::fields::value_of;

/// The largest header, in octets: several MTAs cut or bounce what is longer.
pub const MAX_HEADER: usize = 32 * 1024;

/// Why a request cannot become a mail.
#[derive(Debug)]
pub enum InputError {
    /// A field that holds addresses.
    Address {
        /// The field.
        field: HeaderName,
        /// What is wrong.
        error: AddressError,
    },
    /// `Connection` names a field of the mail, which a proxy would have taken away.
    ConnectionNames(HeaderName),
    /// The body is compressed and no filter undid it.
    ContentEncoding,
    /// A part of something is no message.
    ContentRange,
    /// A field whose value does not parse.
    Field {
        /// The field.
        field: HeaderName,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A type of HTML forms.
    Form {
        /// Which one.
        essence: String,
    },
    /// A field name or value with octets that cannot stand in a header.
    Header {
        /// The name, printable.
        field: String,
        /// What is wrong.
        error: HeaderError,
    },
    /// The header would be longer than [`MAX_HEADER`].
    HeaderTooLong,
    /// A request over HTTP/1.0 or HTTP/2 that does not say how long its body is.
    LengthRequired,
    /// The whole message that the body should be; what is wrong with it.
    Message(Cow<'static, str>),
    /// No From, and the message does not go to a program that adds one.
    MissingFrom,
    /// Nobody to send to.
    NoRecipient,
    /// A path that takes JSON alone.
    NotJson,
    /// `message/partial`.
    Partial,
    /// A body of a type that is not taken here.
    NotOffered {
        /// The ways in that are.
        offered: String,
    },
    /// The configuration does not allow it.
    Policy(PolicyError),
    /// `message/rfc822` without fields of its own.
    RawMessage,
    /// No random numbers to be had.
    Random(String),
    /// `Resent-*`, which takes the envelope over on some MTAs.
    Resent(HeaderName),
    /// A field of the request that has no meaning beside a body that has its own.
    SecondSource(&'static str),
    /// The body is larger than the server takes.
    TooLarge {
        /// The limit in octets.
        max: u64,
    },
    /// More addresses than the server takes.
    TooManyRecipients {
        /// How many there were.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A transfer coding other than chunked.
    TransferCoding,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputError::Address { field, error } => write!(f, "{}: {error}", field.as_str()),
            InputError::ConnectionNames(field) => {
                write!(f, "Connection names {}, which is a field of the mail; take it out of Connection", field.as_str())
            }
            InputError::ContentEncoding => f.write_str("Content-Encoding is not understood here; send the body uncompressed"),
            InputError::ContentRange => f.write_str("Content-Range has no meaning for a mail; send the whole body without it"),
            InputError::Field { field, reason } => write!(f, "{}: {reason}", field.as_str()),
            InputError::Form { essence } => write!(
                f,
                "{essence} is not taken here, where SendmailInputs does not offer form; send the text itself, as in curl -H 'Content-Type: text/plain' --data-binary @file"
            ),
            InputError::Header { field, error } => write!(f, "{field}: {error}"),
            InputError::HeaderTooLong => write!(f, "the header of the mail would exceed {MAX_HEADER} octets; send fewer or shorter fields"),
            InputError::LengthRequired => f.write_str("over HTTP/1.0 and HTTP/2 a body needs Content-Length"),
            InputError::Message(what) => write!(f, "the body is no message that can be mailed: {what}"),
            InputError::MissingFrom => f.write_str("From is missing; send a From field with one address"),
            InputError::NotOffered { offered } => {
                write!(f, "a body of this type is not taken here; SendmailInputs offers {offered}")
            }
            InputError::NotJson => f.write_str("JSON is expected here; send Content-Type: application/json"),
            InputError::NoRecipient => f.write_str("no recipient; send To, Cc or Bcc with at least one address"),
            InputError::Partial => f.write_str("message/partial is not supported; send the whole message in one request"),
            InputError::Policy(error) => error.fmt(f),
            InputError::RawMessage => f.write_str(
                "message/rfc822 without a field of the mail in the request; send To, From and Subject as request fields, or another type",
            ),
            InputError::Random(error) => write!(f, "no random numbers: {error}"),
            InputError::Resent(field) => {
                write!(f, "{} is refused, since it changes who receives the mail; use To, Cc or Bcc", field.as_str())
            }
            InputError::SecondSource(field) => write!(
                f,
                "{field} stands in the request beside a body that names its own; leave it out (beside message/rfc822 there are Envelope-To and Envelope-From, and application/batch-SMTP has an envelope)"
            ),
            InputError::TooLarge { max } => write!(f, "the body is larger than the {max} octets taken here"),
            InputError::TooManyRecipients { count, max } => {
                write!(f, "{count} recipients are more than the {max} taken here; split the message")
            }
            InputError::TransferCoding => f.write_str("Transfer-Encoding other than chunked is not understood"),
        }
    }
}

impl std::error::Error for InputError {}

/// The fields of a request that have no meaning beside a body that has its own: a second source of recipients or authors.
pub(crate) const SECOND_SOURCES: &[&str] = &["To", "Cc", "Bcc", "From", "Sender", "Reply-To"];

/// None of them may be there.
pub fn no_second_source(request: &[(&[u8], &[u8])]) -> Result<(), InputError> {
    let says = |name: &&&str| value_of(request, name).is_some_and(|value| !value.trim().is_empty());
    SECOND_SOURCES.iter().find(says).map_or(Ok(()), |name| Err(InputError::SecondSource(name)))
}

impl From<PolicyError> for InputError {
    fn from(error: PolicyError) -> Self {
        InputError::Policy(error)
    }
}
