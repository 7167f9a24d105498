//! AUTH PLAIN and LOGIN (RFC 4954, RFC 4616, draft-murchison-sasl-login) -> [`Credentials`].
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// A client's user and password. Neither holds a NUL; the user is not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub user: Vec<u8>,
    /// The password, which `Debug` does not show.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user.escape_ascii().to_string()).finish_non_exhaustive()
    }
}

/// What the next response must be.
#[derive(PartialEq, Eq)]
pub(crate) enum Exchange {
    Plain,
    LoginUser,
    LoginPassword { user: Vec<u8> },
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

/// What follows a client's response.
pub(crate) enum Step {
    /// The client gave up (RFC 4954 4: a line of `*`).
    Cancelled,
    Credentials(Credentials),
    /// A challenge, already in base64.
    Continue(&'static str, Exchange),
    /// The mechanism is not offered.
    NotOffered,
    /// Not base64, or not what the mechanism requires.
    Syntax,
}

/// "Username:" and "Password:" in base64.
const USERNAME: &str = "VXNlcm5hbWU6";
const PASSWORD: &str = "UGFzc3dvcmQ6";

/// Starts an exchange. `initial` is base64, or `=` if it is empty.
pub(crate) fn start(mechanism: Option<&str>, initial: Option<&str>) -> Step {
    let (challenge, exchange) = match mechanism {
        Some("PLAIN") => ("", Exchange::Plain),
        Some("LOGIN") => (USERNAME, Exchange::LoginUser),
        _ => return Step::NotOffered,
    };
    match initial {
        None => Step::Continue(challenge, exchange),
        Some("=") => exchange.respond(b""),
        Some(initial) => exchange.respond(initial.as_bytes()),
    }
}

impl Exchange {
    /// Reads a line of the client.
    pub(crate) fn respond(self, line: &[u8]) -> Step {
        if line == b"*" {
            return Step::Cancelled;
        }
        let Ok(response) = STANDARD.decode(line) else { return Step::Syntax };
        match self {
            Exchange::Plain => plain(&response),
            Exchange::LoginUser if is_name(&response) => {
                Step::Continue(PASSWORD, Exchange::LoginPassword { user: response })
            }
            Exchange::LoginPassword { user } if !response.contains(&0) => {
                Step::Credentials(Credentials { user, password: response })
            }
            _ => Step::Syntax,
        }
    }
}

fn is_name(octets: &[u8]) -> bool {
    !octets.is_empty() && !octets.contains(&0)
}

/// `message = [authzid] UTF8NUL authcid UTF8NUL passwd` (RFC 4616 2). A user cannot act for another: authzid must equal authcid.
fn plain(response: &[u8]) -> Step {
    let parts: Vec<&[u8]> = response.split(|octet| *octet == 0).collect();
    match parts[..] {
        [authzid, user, password] if is_name(user) && (authzid.is_empty() || authzid == user) => {
            Step::Credentials(Credentials { user: user.to_vec(), password: password.to_vec() })
        }
        _ => Step::Syntax,
    }
}
