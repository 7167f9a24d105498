//! A whole message -> a mail server, by SMTP (RFC 5321): [`deliver`]. Connections are kept for the next message of this process (`pool`); a
//! stale one is replaced as long as the message has not been sent. [`Relay`] says where the server listens and who may use it. The
//! message's deadline limits every wait; there is no thread.
#![forbid(unsafe_code)]

mod ask;
mod auth;
mod connection;
mod connection_error;
mod credentials;
mod data;
mod dsn;
mod error;
mod extensions;
mod memory;
mod pool;
mod reply;
mod session;
mod tls;
mod url;

pub use credentials::Credentials;
pub use dsn::Notify;
pub use tls::{CaCertificates, ClientCertificate, StartTls};
pub use url::Server;

use super::{Accepted, Commit, Failure, FailureKind};
use crate::message::{Message, seven_bit};
use crate::tags;
use error::SmtpError;
use mail::dsn::Reports;
use mail::mime::MimeError;
use mail::redact::redact;
use reply::Reply;
use session::Session;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A relay as configured in a section. Equal relays share their connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Its address.
    pub server: Arc<Server>,
    /// From SendmailRelayAuth; those of the URL take precedence.
    pub credentials: Option<Arc<Credentials>>,
    /// The CAs accepted for it; `None`: the system's.
    pub authorities: Option<Arc<CaCertificates>>,
    /// Our own certificate.
    pub identity: Option<Arc<ClientCertificate>>,
    /// The value of SendmailRelayTLS.
    pub starttls: StartTls,
    /// ServerName; EHLO names it in a form that a relay accepts.
    pub name: String,
}

impl Relay {
    /// Whether nothing is sent without TLS and a valid certificate.
    pub fn requires_tls(&self) -> bool {
        self.starttls == StartTls::Must || self.needs_tls().is_some()
    }

    fn needs_tls(&self) -> Option<&'static str> {
        let parts = [self.credentials.is_some(), self.authorities.is_some(), self.identity.is_some()];
        needs_tls(Some(&self.server), parts)
    }

    fn credentials(&self) -> Option<&Credentials> {
        self.server.credentials.as_ref().or(self.credentials.as_deref())
    }
}

/// What of these settings is not used without TLS, as the configuration calls it; `parts` says whether there are credentials,
/// certificates of authorities and one of our own.
pub fn needs_tls(server: Option<&Server>, parts: [bool; 3]) -> Option<&'static str> {
    let [credentials, authorities, identity] = parts;
    [
        (server.is_some_and(|server| server.implicit_tls), "smtps://"),
        (credentials || server.is_some_and(|server| server.credentials.is_some()), "a password"),
        (authorities, "SendmailRelayCAFile"),
        (identity, "SendmailRelayCertificate"),
    ]
    .into_iter()
    .find_map(|(is_set, name)| is_set.then_some(name))
}

/// Sender and recipients; every address was checked before.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The address for reports; `None`: `<>`.
    pub sender: Option<&'a str>,
    /// One or more, none twice.
    pub recipients: &'a [String],
    /// The reports to request, if the relay offers DSN.
    pub reports: &'a Reports,
    /// Whether the relay must offer DSN if the reports need it.
    pub needs_reports: bool,
}

/// Sends `message` to the relay. Everything from the first octet to the last reply must happen within `timeout`. For a relay without
/// 8BITMIME the message's parts are encoded; if a part must not be changed, the message is not sent.
pub fn deliver(
    relay: &Relay,
    envelope: &Envelope<'_>,
    message: &Message,
    timeout: Duration,
    commit: &mut Commit<'_>,
) -> Result<Accepted, Failure> {
    let began = Instant::now();
    let deadline = super::deadline(began, timeout);
    let outcome = attempt(relay, envelope, message, deadline, commit);
    let outcome = match outcome {
        Err(failed) if failed.kind == FailureKind::EightBit => match seven_bit(message) {
            Ok(encoded) => attempt(relay, envelope, &encoded, deadline, commit),
            Err(MimeError::Io(error)) => return Err(Failure::storing(&error)),
            Err(sealed) => Err(failed.because(&sealed)),
        },
        outcome => outcome,
    };
    let reply = outcome.map_err(|failed| failed.into_failure(&relay.server, envelope.recipients))?;
    let reply = redact(&reply.text(), envelope.recipients);
    Ok(Accepted { exit: None, warning: None, reply: Some(reply), elapsed: began.elapsed() })
}

/// Whether this relay is known to offer DSN; `None`: not known yet.
pub fn offers_dsn(relay: &Relay) -> Option<bool> {
    memory::offers_dsn(relay)
}

/// Sends one message over one connection; over a second one if the first was a kept one that has gone stale.
fn attempt(
    relay: &Relay,
    envelope: &Envelope<'_>,
    message: &Message,
    deadline: Instant,
    commit: &mut Commit<'_>,
) -> Result<Reply, SmtpError> {
    loop {
        let waited = pool::take(relay, Instant::now());
        let is_fresh = waited.is_none();
        let mut session = match waited {
            Some(mut session) => {
                session.set_deadline(deadline);
                session
            }
            None => Session::open(relay, deadline)?,
        };
        match session.send(envelope, message, commit) {
            Ok(reply) => {
                pool::give_back(relay, session, Instant::now());
                return Ok(reply);
            }
            Err(failed) if failed.stale && !is_fresh => {
                tracing::debug!(
                    "{}: a kept connection to the relay {} is of no use any more",
                    tags::STALE,
                    relay.server
                );
            }
            Err(failed) => {
                if failed.in_step {
                    pool::give_back(relay, session, Instant::now());
                }
                return Err(failed);
            }
        }
    }
}

/// Everything before a message, on a connection of its own: the relay answers, TLS and password are valid.
pub fn hello(relay: &Relay, timeout: Duration) -> Result<(), Failure> {
    let session = Session::open(relay, Instant::now() + timeout);
    session.map(Session::quit).map_err(|failed| failed.into_failure(&relay.server, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_named_certificates_require_tls() {
        let relay = |url: &str| Relay {
            server: Arc::new(Server::parse(url).unwrap()),
            credentials: None,
            authorities: None,
            identity: None,
            starttls: StartTls::May,
            name: "gateway.test".into(),
        };
        assert!(!relay("smtp://mx").requires_tls());
        assert!(Relay { starttls: StartTls::Must, ..relay("smtp://mx") }.requires_tls());
        assert!(relay("smtps://mx").requires_tls() && relay("smtp://u:p@mx").requires_tls());
        let file = Some(Arc::new(Credentials::new(b"u", b"p").unwrap()));
        assert!(Relay { credentials: file, ..relay("mx:25") }.requires_tls());
    }
}
