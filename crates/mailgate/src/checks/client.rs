//! The client of a request, as checks are told.
#![forbid(unsafe_code)]

use std::net::IpAddr;

/// The client of a request.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// From mod_remoteip, if that is loaded.
    pub address: Option<IpAddr>,
    /// The user that httpd has authenticated.
    pub user: Option<Text>,
    /// How it was authenticated.
    pub auth_type: Option<Text>,
    /// Its TLS.
    pub tls: Option<Tls>,
    /// Its certificate, if valid.
    pub certificate: Option<Certificate>,
    /// ServerName.
    pub server_name: String,
    /// The id of this message.
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

/// Text from somebody else, without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// UTF-8, otherwise ISO-8859-1; control characters become `?`.
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
