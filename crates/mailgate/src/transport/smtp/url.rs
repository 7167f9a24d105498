//! The argument of SendmailRelay -> [`Server`]: `host:port`, `smtp://[user:password@]host[:port]`, `smtps://...` (RFC 3986 3.2, as far as a
//! mail server needs it). Nothing here repeats a password, not even a complaint about one.
#![forbid(unsafe_code)]

use super::credentials::Credentials;
use rustls::pki_types::ServerName;
use web::authority::{Authority, AuthorityError};
use web::escape::percent_decode;

/// Where the relay listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// A name, or an address without brackets.
    pub host: Box<str>,
    /// The TCP port.
    pub port: u16,
    /// `smtps`: TLS from the first octet on (RFC 8314 3.3).
    pub implicit_tls: bool,
    /// The user and password in the URL.
    pub credentials: Option<Credentials>,
}

impl Server {
    /// Reads the argument; the complaint quotes it without user and password.
    pub fn parse(text: &str) -> Result<Server, String> {
        let shown = match text.rsplit_once('@') {
            Some((before, host)) => {
                format!("{}...@{host}", before.find("://").map_or("", |end| before.get(..end + 3).unwrap_or_default()))
            }
            None => text.to_owned(),
        };
        let complain = |why: &str| {
            format!("'{shown}' {why}; write host:port, smtp://host, smtps://host or smtp://user:password@host:port")
        };
        let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
        let (implicit_tls, default) = match scheme.map(str::to_ascii_lowercase).as_deref() {
            None => (false, None),
            Some("smtp") => (false, Some(25)),
            Some("smtps") => (true, Some(465)),
            Some(_) => return Err(complain("is of another scheme than smtp and smtps")),
        };
        let rest = if scheme.is_some() { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
        let (userinfo, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        if place.contains(['/', '?', '#', ' ', '\\', '%']) {
            return Err(complain("has more in it than host and port"));
        }
        if scheme.is_none() && userinfo.is_some() {
            return Err(complain("has a user and no scheme"));
        }
        let Authority { host, port } = Authority::parse(place).map_err(|error| match error {
            AuthorityError::Host => complain("has no host, or an IPv6 address without []"),
            AuthorityError::Port => complain("has no port of 1 to 65535"),
        })?;
        let port = port.or(default).ok_or_else(|| complain("has no port"))?;
        ServerName::try_from(host).map_err(|_| complain("has a host that is neither a name nor an address"))?;
        let credentials = userinfo
            .map(|userinfo| {
                let (user, password) =
                    userinfo.split_once(':').ok_or_else(|| complain("has a user without password"))?;
                let decoded = percent_decode(user.as_bytes()).zip(percent_decode(password.as_bytes()));
                let (user, password) =
                    decoded.ok_or_else(|| complain("has a '%' that two hexadecimal digits do not follow"))?;
                Credentials::new(&user, &password)
                    .map_err(|why| complain(&format!("has a user or password that {why}")))
            })
            .transpose()?;
        Ok(Server { host: host.into(), port, implicit_tls, credentials })
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_relay() {
        for (text, host, port, tls, user) in [
            ("mx.example.org:25", "mx.example.org", 25, false, None),
            ("127.0.0.1:2525", "127.0.0.1", 2525, false, None),
            ("[::1]:25", "::1", 25, false, None),
            ("smtp://mx.example.org", "mx.example.org", 25, false, None),
            ("SMTP://mx.example.org:587/", "mx.example.org", 587, false, None),
            ("smtps://[2001:db8::1]", "2001:db8::1", 465, true, None),
            ("smtps://u%40x:p%3Aw%2F@mx.example.org", "mx.example.org", 465, true, Some(("u@x", "p:w/"))),
            ("smtp://u:a:b@mx:25", "mx", 25, false, Some(("u", "a:b"))),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!((&*server.host, server.port, server.implicit_tls), (host, port, tls), "{text}");
            let credentials =
                user.map(|(user, password)| Credentials::new(user.as_bytes(), password.as_bytes()).unwrap());
            assert_eq!(server.credentials, credentials, "{text}");
        }
        assert_eq!(Server::parse("smtps://[::1]").unwrap().to_string(), "[::1]:465");
    }

    #[test]
    fn what_names_none_is_refused_without_showing_the_password() {
        for text in [
            "",
            "mx.example.org",
            ":25",
            "mx:0",
            "mx:65536",
            "mx:+25",
            "mx:25:25",
            "::1",
            "[::1",
            "[mx]:25",
            "m x:25",
            "mx:25/path",
            "smtp://",
            "smtp://mx/x",
            "smtp://mx?x",
            "http://mx",
            "u:geheim@mx:25",
            "smtp://u:geheim@mx:x",
            "smtp://u:geheim%4@mx",
            "smtp://u:geheim%0a@mx",
            "smtp://ugeheim@mx",
            "smtp://:geheim@mx",
            "smtp://u:geheim@",
            "smtp://u:geheim@m x",
            "lmtp://u:geheim@mx",
        ] {
            let complaint = Server::parse(text).unwrap_err();
            assert!(complaint.contains("smtps://host") && !complaint.contains("geheim"), "{text}: {complaint}");
        }
    }
}
