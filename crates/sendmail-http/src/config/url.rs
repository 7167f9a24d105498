//! The URL of a gateway: https, or http where nobody can eavesdrop.
#![forbid(unsafe_code)]

use std::fmt;
use std::net::IpAddr;

use mail::text::excerpt;
use ureq::http::Uri;

/// `https://host[:port]/path`, without user, password and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
    is_tls: bool,
}

impl Url {
    /// Reads a URL. The error does not quote it if it may hold a password.
    pub fn parse(text: &str) -> Result<Url, String> {
        let shown = || excerpt(text);
        let uri: Uri = text.parse().map_err(|_| format!("'{}' is not a url: write https://host/path", shown()))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("'{}' is not a url: write https://host/path", shown())),
        };
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        if authority.contains('@') {
            return Err("the url holds a user or a password: use the keys user and password".into());
        }
        if uri.host().is_none_or(str::is_empty) || text.contains('#') {
            return Err(format!("'{}' is not a url: write https://host/path", shown()));
        }
        Ok(Url { uri, is_tls })
    }

    /// For a request.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether it is https.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Whether it names this machine by a loopback address, so that a password is not seen on the network.
    pub fn is_loopback(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}
