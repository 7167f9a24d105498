//! What a session asks its host.
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
