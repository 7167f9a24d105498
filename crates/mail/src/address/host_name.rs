//! A host's name, as its administrator writes it -> the form that is valid in a mail and in SMTP: `Received ... by`, `EHLO` (RFC 5321
//! 2.3.5, 4.1.3, 4.4).
#![forbid(unsafe_code)]

use super::Domain;
use std::fmt;
use std::net::IpAddr;

/// A domain in ASCII and lower case without a final dot, or an address literal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName(Box<str>);

impl HostName {
    /// The name `given`, with A-labels for labels in other scripts; an address literal if it is an address. If it is neither (it has a `_`,
    /// or is empty): the literal of `address`, the host's own address.
    pub fn new(given: &str, address: IpAddr) -> HostName {
        let given = given.trim_matches(['[', ']']);
        match (given.parse().ok(), HostName::domain(given)) {
            (Some(address), _) => HostName::literal(address),
            (None, Some(domain)) => HostName(domain.as_str().into()),
            (None, None) => HostName::literal(address),
        }
    }

    /// As [`HostName::new`], for EHLO: a name that others cannot look up (without a dot, or ending in a number) does not count.
    pub fn qualified(given: &str, address: IpAddr) -> HostName {
        let name = HostName::new(given, address);
        let last = name.0.rsplit_once('.').map(|(_, last)| last);
        let is_qualified =
            name.0.starts_with('[') || last.is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
        if is_qualified { name } else { HostName::literal(address) }
    }

    /// RFC 5321 4.1.3: `address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]"`.
    pub fn literal(address: IpAddr) -> HostName {
        let literal = match address.to_canonical() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        };
        HostName(literal.into())
    }

    /// The host's domain name, if it has one; in mail the final dot of a full name is left out.
    pub fn domain(given: &str) -> Option<Domain> {
        Domain::parse(given.strip_suffix('.').unwrap_or(given)).ok().filter(|_| given.parse::<IpAddr>().is_err())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_called_by_a_domain_or_by_an_address() {
        let label = "a".repeat(64);
        for (given, expected) in [
            ("gateway.test", "gateway.test"),
            ("Gateway.TEST.", "gateway.test"),
            ("localhost", "localhost"),
            ("m\u{fc}ller.example", "xn--mller-kva.example"),
            ("M\u{dc}LLER.example.", "xn--mller-kva.example"),
            ("192.0.2.1", "[192.0.2.1]"),
            ("[2001:db8::1]", "[IPv6:2001:db8::1]"),
            ("2001:db8::1", "[IPv6:2001:db8::1]"),
            ("::ffff:192.0.2.1", "[192.0.2.1]"),
            ("under_score.example", "[127.0.0.1]"),
            ("gateway.test..", "[127.0.0.1]"),
            ("-gateway.test", "[127.0.0.1]"),
            ("a b\r\nMAIL", "[127.0.0.1]"),
            (&*label, "[127.0.0.1]"),
            (".", "[127.0.0.1]"),
            ("", "[127.0.0.1]"),
        ] {
            let name = HostName::new(given, [127, 0, 0, 1].into());
            assert_eq!(name.as_str(), expected, "{given}");
        }
        assert_eq!(HostName::domain("192.0.2.1"), None);
    }

    #[test]
    fn a_qualified_name_is_one_that_others_can_look_up() {
        for (name, local, expected) in [
            ("gateway.example.test", "192.0.2.9", "gateway.example.test"),
            ("Gateway.Example.Test.", "192.0.2.9", "gateway.example.test"),
            ("m\u{fc}ller.example", "192.0.2.9", "xn--mller-kva.example"),
            ("192.0.2.1", "192.0.2.9", "[192.0.2.1]"),
            ("2001:db8::1", "192.0.2.9", "[IPv6:2001:db8::1]"),
            ("[2001:db8::1]", "192.0.2.9", "[IPv6:2001:db8::1]"),
            ("under_score.example.test", "192.0.2.9", "[192.0.2.9]"),
            ("under_score.example.test", "2001:db8::9", "[IPv6:2001:db8::9]"),
            ("-a.example.test", "192.0.2.9", "[192.0.2.9]"),
            ("a..test", "192.0.2.9", "[192.0.2.9]"),
            ("a.test..", "192.0.2.9", "[192.0.2.9]"),
            ("a b.test\r\nMAIL", "192.0.2.9", "[192.0.2.9]"),
            ("gateway", "192.0.2.9", "[192.0.2.9]"),
            ("localhost", "192.0.2.9", "[192.0.2.9]"),
            ("127.1", "192.0.2.9", "[192.0.2.9]"),
            ("", "192.0.2.9", "[192.0.2.9]"),
        ] {
            assert_eq!(HostName::qualified(name, local.parse().unwrap()).as_str(), expected, "{name}");
        }
    }
}
