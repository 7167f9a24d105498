//! A section's settings for its relay, except the relay's address.
#![forbid(unsafe_code)]

use super::values::{Text, absolute, text};
use super::{DirConfig, Transport};
use httpd::{Command, Set};
use mail::address::Address;
use mailgate::policy::arguments::Piece;
use mailgate::transport::smtp::{self, CaCertificates, ClientCertificate, Credentials, StartTls};
use std::sync::Arc;

pub fn auth(config: &mut DirConfig<'_>, _: &Command<'_>, path: &str) -> Set {
    config.relay_auth = Some(Arc::new(Credentials::read(&absolute(path)?)?));
    check_tls(config)
}

pub fn ca_file(config: &mut DirConfig<'_>, _: &Command<'_>, path: &str) -> Set {
    config.relay_authorities = Some(Arc::new(CaCertificates::read(&absolute(path)?)?));
    check_tls(config)
}

pub fn certificate(config: &mut DirConfig<'_>, _: &Command<'_>, path: &str) -> Set {
    config.relay_identity = Some(Arc::new(ClientCertificate::read(&absolute(path)?)?));
    check_tls(config)
}

pub fn tls(config: &mut DirConfig<'_>, _: &Command<'_>, word: &str) -> Set {
    config.relay_tls = Some(StartTls::parse(word)?);
    check_tls(config)
}

/// The TLS settings of one section must fit together; those of several sections are known only when a message is sent.
pub fn check_tls(config: &DirConfig<'_>) -> Set {
    let server = match config.transport.as_deref() {
        Some(Transport::Relay(server)) => Some(&**server),
        _ => None,
    };
    let parts = [config.relay_auth.is_some(), config.relay_authorities.is_some(), config.relay_identity.is_some()];
    config.relay_tls.unwrap_or_default().check(smtp::needs_tls(server, parts))
}

pub fn from<'c>(command: &Command<'c>, address: &str) -> Result<Text<'c>, String> {
    let text = text(command, address)?;
    if let [Piece::Literal(literal)] = text.pieces.as_slice()
        && literal != "<>"
    {
        Address::parse(literal).map_err(|error| format!("'{literal}': {error}; or write <> for none"))?;
    }
    Ok(text)
}
