//! A whole message -> a mail server, by SMTP (RFC 5321): [`deliver`]. Connections are kept for the next message of this process
//! (`pool`); one that has gone stale is replaced by another while the message has not been given away. Where the server listens and who
//! may use it is said by [`Relay`]. Everything waits with the deadline of the message; there is no thread.
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
use mail::mime::MimeError;
use mail::redact::redact;
use reply::Reply;
use session::Session;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A relay as a section of the configuration says it. Two that are equal share their connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Where it is.
    pub server: Arc<Server>,
    /// Of SendmailRelayAuth; those of the URL count before them.
    pub credentials: Option<Arc<Credentials>>,
    /// Who may vouch for it; none: the certificates of the system.
    pub authorities: Option<Arc<CaCertificates>>,
    /// How we show who we are.
    pub identity: Option<Arc<ClientCertificate>>,
    /// What SendmailRelayTLS says.
    pub starttls: StartTls,
    /// ServerName, of which EHLO says what a relay can take.
    pub name: String,
}

impl Relay {
    /// Whether nothing is said without TLS and a certificate that holds.
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

/// Who sends to whom; every address was checked before.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Where reports go; none: nowhere (`<>`).
    pub sender: Option<&'a str>,
    /// One or more, none twice.
    pub recipients: &'a [String],
    /// The reports that are asked for.
    pub notify: Option<&'a Notify>,
    /// By which they are known.
    pub envid: &'a str,
}

/// Gives `message` to the relay. Everything from the first octet to the last answer must happen within `timeout`. For a relay without
/// 8BITMIME its parts are encoded; what may not be touched is not sent.
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

/// One message over one connection; over a second one if the first was kept and has gone stale meanwhile.
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

/// All that comes before a message, on a connection of its own: the relay answers, TLS and the password hold.
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
