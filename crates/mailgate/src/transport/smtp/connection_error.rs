//! What ends a connection to a relay.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use sys::socket::is_past_deadline;

/// What ends a connection.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// The certificate is not valid.
    Certificate(String),
    /// The server closed it.
    Closed,
    /// Another failure of the network or of TLS.
    Io(io::Error),
    /// The deadline passed.
    Late,
    /// The data is not SMTP.
    Nonsense(&'static str),
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            _ if is_past_deadline(&error) => ConnectionError::Late,
            io::ErrorKind::UnexpectedEof => ConnectionError::Closed,
            _ => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidCertificate(why)) => ConnectionError::Certificate(why.to_string()),
                _ => ConnectionError::Io(error),
            },
        }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionError::Certificate(why) => write!(f, "its certificate does not hold: {why}"),
            ConnectionError::Closed => f.write_str("it closed the connection"),
            ConnectionError::Io(error) => error.fmt(f),
            ConnectionError::Late => f.write_str("no answer within SendmailTimeout"),
            ConnectionError::Nonsense(what) => write!(f, "it sent {what}"),
        }
    }
}
