//! The fields of an HTTP request -> a [`Submission`]: a mail header that is checked, written anew and complete but for the lines that
//! depend on the body. Whatever can be refused without the body is refused here; HTTP itself is looked at in [`framing`].
#![forbid(unsafe_code)]

pub mod fields;
pub mod framing;
mod read;
pub mod strip;

pub use read::{Rules, reaches_mail, read};

use crate::address::{Address, AddressError, Mailbox};
use crate::header::{HeaderError, HeaderName};
use crate::message::content_type::ContentType;
use crate::message_id::MessageId;
use crate::policy::PolicyError;
use std::fmt;

/// A mail that lacks only its body.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The addresses of Bcc, which are among the recipients.
    pub bcc: Vec<Address>,
    /// Whether the client chose the identifier.
    pub client_chose_id: bool,
    /// The media type the client gave.
    pub content_type: Option<ContentType>,
    /// The content transfer encoding the client gave.
    pub transfer_encoding: Option<String>,
    /// The author.
    pub from: Option<Mailbox>,
    /// The addresses of Bcc as the client and as the mail write them, which no log may name.
    pub hidden: Vec<String>,
    /// Finished header lines, each ended by LF; Received, Content-Type and Content-Transfer-Encoding are not among them.
    pub header: String,
    /// Its identifier, the client's or ours.
    pub message_id: MessageId,
    /// Every address of To, Cc and Bcc; those of a redirection in their place.
    pub recipients: Vec<Address>,
    /// Of how many other recipients a redirection has taken the message away; none: it goes to whom it is meant for.
    pub redirected: Option<usize>,
    /// The names of the fields that were dropped.
    pub stripped: Vec<String>,
}

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
    /// No From, and the message does not go to a program that adds one.
    MissingFrom,
    /// Nobody to send to.
    NoRecipient,
    /// `message/partial`.
    Partial,
    /// The configuration does not allow it.
    Policy(PolicyError),
    /// `message/rfc822` without fields of its own.
    RawMessage,
    /// No random numbers to be had.
    Random(String),
    /// `Resent-*`, which takes the envelope over on some MTAs.
    Resent(HeaderName),
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
                "{essence} is not supported; send the text itself, as in curl -H 'Content-Type: text/plain' --data-binary @file"
            ),
            InputError::Header { field, error } => write!(f, "{field}: {error}"),
            InputError::HeaderTooLong => write!(f, "the header of the mail would exceed {MAX_HEADER} octets; send fewer or shorter fields"),
            InputError::LengthRequired => f.write_str("over HTTP/1.0 and HTTP/2 a body needs Content-Length"),
            InputError::MissingFrom => f.write_str("From is missing; send a From field with one address"),
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
            InputError::TooLarge { max } => write!(f, "the body is larger than the {max} octets taken here"),
            InputError::TooManyRecipients { count, max } => {
                write!(f, "{count} recipients are more than the {max} taken here; split the message")
            }
            InputError::TransferCoding => f.write_str("Transfer-Encoding other than chunked is not understood"),
        }
    }
}

impl std::error::Error for InputError {}

impl From<PolicyError> for InputError {
    fn from(error: PolicyError) -> Self {
        InputError::Policy(error)
    }
}

/// The value of a field of HTTP, repeats joined as HTTP says (RFC 9110 5.3).
pub fn value_of(fields: &[(&[u8], &[u8])], name: &str) -> Option<String> {
    let mut values =
        fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value);
    let first = String::from_utf8_lossy(values.next()?).into_owned();
    Some(values.fold(first, |joined, value| joined + ", " + &String::from_utf8_lossy(value)))
}
