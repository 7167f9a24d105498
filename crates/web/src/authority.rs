//! `host[:port]` (RFC 3986 3.2), as it stands in a URL, in Host and in our configuration.
#![forbid(unsafe_code)]

use std::net::Ipv6Addr;

/// Host and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// A name or an address; one of IPv6 without its brackets. Which characters a name may hold is the caller's to say.
    pub host: &'a str,
    /// Not 0.
    pub port: Option<u16>,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityError {
    /// The host is missing, or is an address of IPv6 that does not stand in brackets.
    Host,
    /// The port is no number of 1 to 65535.
    Port,
}

impl<'a> Authority<'a> {
    /// Reads it; user and password have been taken off.
    pub fn parse(text: &'a str) -> Result<Self, AuthorityError> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(text) => {
                let (address, rest) = text.split_once(']').ok_or(AuthorityError::Host)?;
                address.parse::<Ipv6Addr>().map_err(|_| AuthorityError::Host)?;
                (address, rest)
            }
            None => {
                let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                if host.is_empty() || host.contains(['[', ']']) {
                    return Err(AuthorityError::Host);
                }
                (host, rest)
            }
        };
        let port = match rest.strip_prefix(':') {
            Some(digits) => Some(port(digits)?),
            None if rest.is_empty() => None,
            None => return Err(AuthorityError::Host),
        };
        Ok(Authority { host, port })
    }
}

fn port(digits: &str) -> Result<u16, AuthorityError> {
    if digits.contains(':') {
        return Err(AuthorityError::Host);
    }
    // `parse` takes a sign.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port > 0).ok_or(AuthorityError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_told_apart() {
        for (text, expected) in [
            ("h", Ok(("h", None))),
            ("h:1", Ok(("h", Some(1)))),
            ("192.0.2.1:65535", Ok(("192.0.2.1", Some(65535)))),
            ("[::1]", Ok(("::1", None))),
            ("[2001:db8::1]:25", Ok(("2001:db8::1", Some(25)))),
            ("", Err(AuthorityError::Host)),
            (":25", Err(AuthorityError::Host)),
            ("::1", Err(AuthorityError::Host)),
            ("::1:25", Err(AuthorityError::Host)),
            ("h:25:25", Err(AuthorityError::Host)),
            ("[::1", Err(AuthorityError::Host)),
            ("[h]:25", Err(AuthorityError::Host)),
            ("[::1]x", Err(AuthorityError::Host)),
            ("h]:25", Err(AuthorityError::Host)),
            ("h:", Err(AuthorityError::Port)),
            ("h:0", Err(AuthorityError::Port)),
            ("h:65536", Err(AuthorityError::Port)),
            ("h:+25", Err(AuthorityError::Port)),
            ("[::1]:", Err(AuthorityError::Port)),
        ] {
            let expected = expected.map(|(host, port)| Authority { host, port });
            assert_eq!(Authority::parse(text), expected, "{text}");
        }
    }
}
