//! The word of a directive that names a server -> [`Endpoint`], in Postfix's notation: `inet:host:port` or `unix:/path`.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Instant;
use sys::lookup;
use sys::socket::{FirstWord, Timed};
use web::authority::{Authority, AuthorityError};

/// Where a checking server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// TCP.
    Inet {
        /// A name, or an address without brackets.
        host: Box<str>,
        /// Not 0.
        port: u16,
    },
    /// A socket in the file system; an absolute path.
    Unix(PathBuf),
}

impl Endpoint {
    /// Reads the word; the complaint quotes it.
    pub fn parse(word: &str) -> Result<Endpoint, String> {
        let complain = |why: &str| format!("'{word}' {why}; write inet:127.0.0.1:8891 or unix:/run/milter/socket");
        let (kind, place) = word.split_once(':').ok_or_else(|| complain("is neither inet: nor unix:"))?;
        match kind.to_ascii_lowercase().as_str() {
            "unix" | "local" if place.starts_with('/') && place.len() < LONGEST_PATH && !place.contains('\0') => {
                Ok(Endpoint::Unix(place.into()))
            }
            "unix" | "local" if place.starts_with('/') => Err(complain("is a path of more than 107 octets")),
            "unix" | "local" => Err(complain("is not an absolute path")),
            "inet" if place.contains('@') => Err(complain("is in the order of Sendmail; the host comes first here")),
            "inet" => {
                let Authority { host, port } = Authority::parse(place).map_err(|error| match error {
                    AuthorityError::Host => complain("has no host, or an IPv6 address without []"),
                    AuthorityError::Port => complain("has no port of 1 to 65535"),
                })?;
                let port = port.ok_or_else(|| complain("has no port"))?;
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
                let is_name = !host.starts_with('-') && host.bytes().all(plain);
                if !is_name && host.parse::<Ipv6Addr>().is_err() {
                    return Err(complain("has a host that is neither a name nor an address"));
                }
                Ok(Endpoint::Inet { host: host.into(), port })
            }
            _ => Err(complain("is neither inet: nor unix:")),
        }
    }

    /// A new connection, to a server that waits for our first word, as all of them do.
    pub fn connect(&self, deadline: Instant) -> io::Result<Timed> {
        match self {
            Endpoint::Inet { host, port } => {
                Timed::tcp(&lookup::addresses(host, *port, deadline)?, FirstWord::Ours, deadline)
            }
            Endpoint::Unix(path) => Timed::unix(path, deadline),
        }
    }
}

/// sun_path (unix(7)), with its NUL.
const LONGEST_PATH: usize = 108;

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Inet { host, port } if host.contains(':') => write!(f, "inet:[{host}]:{port}"),
            Endpoint::Inet { host, port } => write!(f, "inet:{host}:{port}"),
            Endpoint::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_server() {
        for (word, shown) in [
            ("inet:127.0.0.1:8891", "inet:127.0.0.1:8891"),
            ("INET:localhost:1", "inet:localhost:1"),
            ("inet:rspamd_1:11332", "inet:rspamd_1:11332"),
            ("inet:[::1]:8891", "inet:[::1]:8891"),
            ("unix:/run/clamav/clamav-milter.ctl", "unix:/run/clamav/clamav-milter.ctl"),
            ("local:/a b", "unix:/a b"),
        ] {
            let endpoint = Endpoint::parse(word).unwrap();
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(Endpoint::parse(shown).unwrap(), endpoint);
        }
    }

    #[test]
    fn what_names_none_is_refused_with_the_word_and_the_remedy() {
        let long = format!("unix:/{}", "x".repeat(107));
        for word in [
            "",
            "8891",
            "inet:8891",
            "inet:8891@localhost",
            "inet:localhost",
            "inet::8891",
            "inet:localhost:",
            "inet:localhost:0",
            "inet:localhost:65536",
            "inet:localhost:+25",
            "inet:a b:25",
            "inet:::1:8891",
            "inet:-x:25",
            "unix:relative",
            "unix:",
            "tcp:localhost:25",
            &long,
        ] {
            let complaint = Endpoint::parse(word).unwrap_err();
            assert!(complaint.contains(&format!("'{word}'")) && complaint.contains("write inet:"), "{complaint}");
        }
    }
}
