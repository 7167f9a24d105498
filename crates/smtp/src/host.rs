//! What a session asks its host, and what the host says of itself beforehand.
#![forbid(unsafe_code)]

use crate::auth::Credentials;
use crate::envelope::{Envelope, Mail, Recipient};
use crate::refusal::Refusal;
use crate::reply::Reply;

/// A yes, or the refusal that the client is told.
pub type Decision = Result<(), Refusal>;

/// What the host takes over once a message is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How the client may ask for the message later.
    pub id: String,
}

/// Who decides and who stores. Each question has one answer, given at once; a host that blocks in one makes the client wait.
///
/// Order: `hello`, perhaps `authenticate`; for each message `mail`, `recipient` once or more, `begin`, `octets`, `end`. `reset` follows
/// a `mail` that was answered yes and is not ended by `end`.
pub trait Host {
    /// Writes a reply. Replies to commands that came together may be written together (RFC 2920 3.2), and must be before the host
    /// waits for the client again.
    fn reply(&mut self, reply: &Reply);

    /// EHLO, or HELO if not `extended`. The name is what the client says, printable ASCII without a blank.
    fn hello(&mut self, _name: &str, _extended: bool) {}

    /// Whether these credentials are good.
    fn authenticate(&mut self, _credentials: &Credentials) -> Decision {
        Err(crate::Cause::AuthenticationFailed.into())
    }

    /// Whether this sender may send.
    fn mail(&mut self, _mail: &Mail) -> Decision {
        Ok(())
    }

    /// Whether this recipient may be written to. `before` holds those that may.
    fn recipient(&mut self, _recipient: &Recipient, _before: &Envelope) -> Decision {
        Ok(())
    }

    /// A message with this envelope follows.
    fn begin(&mut self, envelope: &Envelope) -> Decision;

    /// A piece of the message. After a refusal the rest is read and dropped, and the refusal is the reply at the end.
    fn octets(&mut self, octets: &[u8]) -> Decision;

    /// The message is complete: what became of it.
    fn end(&mut self, envelope: &Envelope) -> Result<Receipt, Refusal>;

    /// The transaction is over without a message; what is stored of it is void.
    fn reset(&mut self) {}
}

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// CRLF or LF: for a program on the same machine, whose message nobody has read before us.
    Any,
    /// CRLF alone: for the network.
    Crlf,
}

/// Whether AUTH is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not before the connection is encrypted (RFC 4954 4).
    NeedsTls,
    /// PLAIN and LOGIN.
    Offered,
    /// There are no users.
    Off,
}

/// What the host offers and where its limits are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name in the greeting.
    pub name: String,
    /// What ends a line.
    pub line_ends: LineEnds,
    /// Whether AUTH is taken.
    pub auth: Auth,
    /// Whether a sender must have authenticated.
    pub auth_required: bool,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Whether the parameters of RFC 3461 are taken.
    pub dsn: bool,
    /// Whether BDAT is taken (RFC 3030).
    pub chunking: bool,
    /// Most octets of a message.
    pub max_size: Option<u64>,
    /// Most recipients of a message.
    pub max_recipients: usize,
}

impl Settings {
    /// Settings without users and TLS, with everything else offered, 100 recipients (RFC 5321 4.5.3.1.8) and no limit of size.
    pub fn new(name: impl Into<String>, line_ends: LineEnds) -> Settings {
        Settings {
            name: name.into(),
            line_ends,
            auth: Auth::Off,
            auth_required: false,
            starttls: false,
            dsn: true,
            chunking: true,
            max_size: None,
            max_recipients: 100,
        }
    }
}
