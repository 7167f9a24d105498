//! A whole message -> a mail server, by SMTP (RFC 5321): [`deliver`]. Connections are kept for the next message of this process
//! (`pool`); one that has gone stale is replaced by another while the message has not been given away. Where the server listens and who
//! may use it is said by [`Relay`]. Everything waits with the deadline of the message; there is no thread.
#![forbid(unsafe_code)]

mod connection;
mod credentials;
mod data;
mod dsn;
mod failed;
mod lookup;
mod pool;
mod reply;
mod session;
mod tls;
mod url;

pub use credentials::Credentials;
pub use dsn::Notify;
pub use tls::{Authorities, Identity};
pub use url::Server;

use super::{Accepted, Failure, Message};
use crate::redact::redact;
use failed::Failed;
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
    pub authorities: Option<Arc<Authorities>>,
    /// How we show who we are.
    pub identity: Option<Arc<Identity>>,
    /// What we call ourselves in EHLO.
    pub name: String,
}

impl Relay {
    /// Whether nothing is said without TLS and a certificate that holds.
    pub fn requires_tls(&self) -> bool {
        self.server.implicit_tls
            || self.credentials().is_some()
            || self.authorities.is_some()
            || self.identity.is_some()
    }

    fn credentials(&self) -> Option<&Credentials> {
        self.server.credentials.as_ref().or(self.credentials.as_deref())
    }
}

/// What EHLO may say of a server that is called so (RFC 5321 4.1.3): a domain, or an address in brackets.
pub fn hello_name(server_name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    match server_name.trim_matches(['[', ']']).parse() {
        Ok(std::net::IpAddr::V4(address)) => format!("[{address}]"),
        Ok(std::net::IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Err(_) if !server_name.is_empty() && server_name.bytes().all(plain) => server_name.to_owned(),
        Err(_) => "localhost".to_owned(),
    }
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

/// Gives `message` to the relay. Everything from the first octet to the last answer must happen within `timeout`.
pub fn deliver(
    relay: &Relay,
    envelope: &Envelope<'_>,
    message: &Message,
    timeout: Duration,
) -> Result<Accepted, Failure> {
    let began = Instant::now();
    let deadline = super::deadline(began, timeout);
    let fail = |failed: Failed| failed.into_failure(&relay.server, envelope.recipients);
    loop {
        let waited = pool::take(relay, Instant::now());
        let is_fresh = waited.is_none();
        let mut session = match waited {
            Some(mut session) => {
                session.set_deadline(deadline);
                session
            }
            None => Session::open(relay, deadline).map_err(fail)?,
        };
        match session.send(envelope, message) {
            Ok(reply) => {
                pool::give_back(relay, session, Instant::now());
                let reply = redact(&reply.text(), envelope.recipients);
                return Ok(Accepted { exit: None, warning: None, reply: Some(reply), elapsed: began.elapsed() });
            }
            Err(failed) if failed.stale && !is_fresh => {
                tracing::debug!("SM0006: a kept connection to the relay {} is of no use any more", relay.server);
            }
            Err(failed) => {
                if failed.in_step {
                    pool::give_back(relay, session, Instant::now());
                }
                return Err(fail(failed));
            }
        }
    }
}

/// All that comes before a message, on a connection of its own: the relay answers, TLS and the password hold.
pub fn greet(relay: &Relay, timeout: Duration) -> Result<(), Failure> {
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
            name: "gateway.test".into(),
        };
        assert!(!relay("smtp://mx").requires_tls());
        assert!(relay("smtps://mx").requires_tls() && relay("smtp://u:p@mx").requires_tls());
        let file = Some(Arc::new(Credentials::new(b"u", b"p").unwrap()));
        assert!(Relay { credentials: file, ..relay("mx:25") }.requires_tls());
    }

    #[test]
    fn we_are_called_by_a_domain_or_an_address() {
        for (name, expected) in [
            ("gateway.test", "gateway.test"),
            ("192.0.2.1", "[192.0.2.1]"),
            ("2001:db8::1", "[IPv6:2001:db8::1]"),
            ("[2001:db8::1]", "[IPv6:2001:db8::1]"),
            ("a b\r\nMAIL", "localhost"),
            ("", "localhost"),
        ] {
            assert_eq!(hello_name(name), expected);
        }
    }
}
