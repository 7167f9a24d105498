//! Authenticates by a mechanism that the server offers (RFC 4954, PLAIN: RFC 4616, LOGIN: draft-murchison-sasl-login).
#![forbid(unsafe_code)]

use super::ask::ask;
use super::connection::Connection;
use super::error::{SmtpError, Step};
use super::extensions::Extensions;
use super::reply::Reply;
use super::{Credentials, Relay};

/// Longest line of a command (RFC 5321 4.5.3.1.4).
const LONGEST_COMMAND: usize = 510;

/// Returns the name of the mechanism, or `off`. Never without TLS: with credentials, [`Relay::requires_tls`] is true.
pub(super) fn authenticate(
    connection: &mut Connection,
    relay: &Relay,
    extensions: &Extensions,
) -> Result<&'static str, SmtpError> {
    let Some(credentials) = relay.credentials() else { return Ok("off") };
    let mut failed = SmtpError::misconfigured(Step::Auth, "it offers neither AUTH PLAIN nor AUTH LOGIN".into());
    for (mechanism, is_offered) in [("PLAIN", extensions.plain), ("LOGIN", extensions.login)] {
        if !is_offered {
            continue;
        }
        let answer = match mechanism {
            "PLAIN" => auth_plain(connection, credentials)?,
            _ => auth_login(connection, credentials)?,
        };
        if answer.code == 235 {
            return Ok(mechanism);
        }
        failed = SmtpError::refused(Step::Auth, &answer);
        // RFC 4954 6: the server does not know the mechanism, or requires a stronger one. Any other refusal is about user or password.
        if !matches!(answer.code, 504 | 534) {
            break;
        }
    }
    Err(failed)
}

fn auth_plain(connection: &mut Connection, credentials: &Credentials) -> Result<Reply, SmtpError> {
    let (command, response) = ("AUTH PLAIN", credentials.plain());
    if command.len() + 1 + response.len() <= LONGEST_COMMAND {
        return ask(connection, Step::Auth, &format!("{command} {response}"));
    }
    let answer = ask(connection, Step::Auth, command)?;
    if answer.code == 334 { ask(connection, Step::Auth, &response) } else { Ok(answer) }
}

fn auth_login(connection: &mut Connection, credentials: &Credentials) -> Result<Reply, SmtpError> {
    let mut answer = ask(connection, Step::Auth, "AUTH LOGIN")?;
    for word in credentials.login() {
        if answer.code == 334 {
            answer = ask(connection, Step::Auth, &word)?;
        }
    }
    Ok(answer)
}
