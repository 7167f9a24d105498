//! Who hands a message in, as checks are told.
#![forbid(unsafe_code)]

use std::net::IpAddr;

/// The client of a request.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// By mod_remoteip, where that is loaded.
    pub address: Option<IpAddr>,
    /// Who it is, as httpd has authenticated.
    pub user: Option<Text>,
    /// How.
    pub auth_type: Option<Text>,
    /// Its TLS.
    pub tls: Option<Tls>,
    /// Its certificate, if that holds.
    pub certificate: Option<Certificate>,
    /// ServerName.
    pub server_name: String,
    /// By which this message is known.
    pub queue_id: String,
}

/// How a connection is encrypted.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// `TLSv1.3`.
    pub version: Text,
    /// Its name.
    pub cipher: Text,
    /// Of its key.
    pub bits: Text,
}

/// The certificate of a client.
#[derive(Clone, Debug, Default)]
pub struct Certificate {
    /// Its distinguished name.
    pub subject: Text,
    /// That of its authority.
    pub issuer: Text,
}

/// What somebody else says of himself, without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// UTF-8, or ISO-8859-1 where it is none; control characters become `?`.
    pub fn of(octets: &[u8]) -> Text {
        let text = match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => octets.iter().map(|byte| char::from(*byte)).collect(),
        };
        Text(text.replace(|c: char| c.is_control(), "?"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
