//! What a session asks of its host.
#![forbid(unsafe_code)]

use crate::auth::Credentials;
use crate::envelope::{Envelope, Mail, Recipient};
use crate::refusal::Refusal;
use crate::reply::Reply;

/// Accepted, or the refusal that the client is told.
pub type Decision = Result<(), Refusal>;

/// The host's answer once a message is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The id by which the client can ask for the message later.
    pub id: String,
}

/// Decides and stores. Each question is answered at once; a host that blocks in one makes the client wait.
///
/// Order: `hello`, perhaps `authenticate`; for each message `mail`, `recipient` once or more, `begin`, `octets`, `end`. `reset` follows
/// every accepted `mail` that does not come to its `end`.
pub trait Host {
    /// Writes a reply. Replies to commands that arrived together may be written together (RFC 2920 3.2), and must be written before the
    /// host waits for the client again.
    fn reply(&mut self, reply: &Reply);

    /// EHLO, or HELO if not `extended`. The client's name is printable ASCII without blanks.
    fn hello(&mut self, _name: &str, _extended: bool) {}

    /// Whether these credentials are valid.
    fn authenticate(&mut self, _credentials: &Credentials) -> Decision {
        Err(crate::Cause::AuthenticationFailed.into())
    }

    /// Whether this sender may send.
    fn mail(&mut self, _mail: &Mail) -> Decision {
        Ok(())
    }

    /// Whether this recipient is allowed. `before` holds the recipients already accepted.
    fn recipient(&mut self, _recipient: &Recipient, _before: &Envelope) -> Decision {
        Ok(())
    }

    /// A message with this envelope follows.
    fn begin(&mut self, envelope: &Envelope) -> Decision;

    /// A piece of the message. After a refusal the rest is read and dropped, and the final reply is the refusal.
    fn octets(&mut self, octets: &[u8]) -> Decision;

    /// The message is complete; returns its outcome.
    fn end(&mut self, envelope: &Envelope) -> Result<Receipt, Refusal>;

    /// The transaction ends without a message; drop what is stored of it.
    fn reset(&mut self) {}
}
