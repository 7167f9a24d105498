//! Web origins (RFC 6454, the Fetch standard): whether the page behind a request may send mail from here, and what the response tells its
//! browser. A POST that no browser made has neither `Origin` nor `Sec-Fetch-Site`, and is not checked here.
//!
//! What a browser says of a page is true of names, not of servers: the owner of any name can point it here (DNS rebinding), and his page is
//! then of "the same origin". So the Host of a request counts only if it is a name of this server.
#![forbid(unsafe_code)]

use crate::authority::{Authority, AuthorityError};
use crate::fields::value_of;

/// The origins whose pages may send (`SendmailAllowOrigin`); only the server's own by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    listed: Vec<Origin>,
}

impl Origins {
    /// `https://www.example.org`, `http://localhost:8080`, `*`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut origins = Origins::default();
        for word in words {
            if *word == "*" {
                origins.any = true;
            } else {
                origins
                    .listed
                    .push(Origin::parse(word).map_err(|remedy| format!("'{word}' is not an origin: {remedy}"))?);
            }
        }
        Ok(origins)
    }
}

/// Scheme, host and port in the form that browsers send (RFC 6454 6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: Box<str>,
    host: Box<str>,
    port: Option<u16>,
}

impl Origin {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, authority) = match text.split_once("://") {
            Some(parts) => parts,
            None if text == "null" => return Err("null stands for any sandboxed page; name the page's own origin"),
            None => return Err("write scheme and host, as in https://www.example.org"),
        };
        let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(in_scheme) {
            return Err("a scheme is made of letters, as in https://www.example.org");
        }
        if authority.contains(['/', '?', '#', '@']) {
            return Err("an origin ends behind host and port; leave out path, slash and user");
        }
        if authority.contains('*') {
            return Err("'*' stands alone; list each host");
        }
        let Authority { host, port } = Authority::parse(authority).map_err(|error| match error {
            AuthorityError::Host => "the host is no host name",
            AuthorityError::Port => "a port is a number from 1 to 65535",
        })?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.filter(|port| Some(*port) != default_port(&scheme));
        Ok(Origin { host: host_name(host).ok_or("the host is not a host name")?.into(), port, scheme: scheme.into() })
    }

    /// The text that a browser sends.
    fn write(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.scheme, self.host)
    }

    /// Whether it is the host of the request, with any scheme: TLS may end before this server. A `Host` without a port has the default port
    /// of the page's scheme.
    fn is_host(&self, host: &str) -> bool {
        let Ok(Authority { host: name, port }) = Authority::parse(host) else { return false };
        let default = default_port(&self.scheme);
        host_name(name).is_some_and(|name| *name == *self.host) && port.or(default) == self.port.or(default)
    }
}

/// The names of the virtual host that a request came to.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Its ServerName.
    pub server_name: &'a str,
    /// Whether httpd knows a name (lower case, no port) as its own (ServerName, ServerAlias).
    pub answers_to: &'a dyn Fn(&str) -> bool,
}

impl Names<'_> {
    /// Whether the Host of a request is a name of this server. An address always is, and so is `localhost`, which no stranger can point
    /// here (RFC 6761 6.3): a browser that shows it is connected to that address, perhaps through a forwarded port.
    fn has(&self, host: &str) -> bool {
        let Some(name) = Authority::parse(host).ok().and_then(|authority| host_name(authority.host)) else {
            return false;
        };
        let name = name.trim_end_matches('.');
        let is_address = name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
        // Browsers do not send a ServerName in another script.
        is_address
            || name == "localhost"
            || (self.answers_to)(name)
            || host_name(self.server_name.trim_end_matches('.')).is_some_and(|own| own == name)
    }
}

/// The host in lower case, U-labels as A-labels, an address of IPv6 in brackets.
fn host_name(host: &str) -> Option<String> {
    if let Ok(address) = host.parse::<std::net::Ipv6Addr>() {
        return Some(format!("[{address}]"));
    }
    // A host name may hold characters that a mail domain may not: `_`.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !host.is_empty() && host.bytes().all(plain) {
        return Some(host.to_ascii_lowercase());
    }
    (!host.is_ascii()).then(|| idna::domain_to_ascii_strict(host).ok()).flatten()
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// How a request relates to the page that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsDecision {
    /// From a page of another origin that may send.
    Allowed(CorsHeaders),
    /// From a page of another origin that may not send.
    Foreign(Foreign),
    /// From a page of this server, or from no page at all.
    Own,
}

/// Why a page may not send or read; the values as the client sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// The Host of the request is not a name of this server.
    Host {
        /// `Host`.
        host: String,
    },
    /// The page has another origin.
    Origin {
        /// `Origin`.
        origin: Option<String>,
        /// `Sec-Fetch-Site`.
        site: Option<String>,
        /// `Host`.
        host: String,
    },
}

/// Checks what the fields of a request say of the page behind it.
pub fn check(fields: &[(&[u8], &[u8])], origins: &Origins, names: Names<'_>) -> CorsDecision {
    let value = |name| value_of(fields, name);
    let (given, site, host) = (value("origin"), value("sec-fetch-site"), value("host").unwrap_or_default());
    let origin = given.as_deref().and_then(|given| Origin::parse(given).ok());
    if let Some(listed) = origin.as_ref().and_then(|origin| origins.listed.iter().find(|listed| *listed == origin)) {
        return CorsDecision::Allowed(CorsHeaders { origin: Some(listed.write()) });
    }
    // The browser knows best: it compares schemes too (cross-site), and notices that a proxy has changed Host (same-origin).
    let same = match (site.as_deref().map(str::trim), &given, &origin) {
        (Some("same-origin" | "none"), ..) => true,
        (_, _, Some(_)) if origins.any => return CorsDecision::Allowed(CorsHeaders { origin: None }),
        (Some(_), ..) => false,
        (None, None, _) => return CorsDecision::Own,
        (None, Some(_), origin) => origin.as_ref().is_some_and(|origin| origin.is_host(&host)),
    };
    if same {
        return match names.has(&host) {
            true => CorsDecision::Own,
            false if origins.any && origin.is_some() => CorsDecision::Allowed(CorsHeaders { origin: None }),
            false => CorsDecision::Foreign(Foreign::Host { host }),
        };
    }
    CorsDecision::Foreign(Foreign::Origin { origin: given, site, host })
}

/// Whether a page may read the response to a request that changes nothing. A browser lets a page read what comes from the page's own host,
/// so the host must be one of ours. A browser's GET need not say that it is one, so all GETs are checked alike; one without Host is from no
/// browser.
pub fn check_host(fields: &[(&[u8], &[u8])], names: Names<'_>) -> Result<(), Foreign> {
    match value_of(fields, "host").filter(|host| !host.is_empty()) {
        Some(host) if !names.has(&host) => Err(Foreign::Host { host }),
        _ => Ok(()),
    }
}

/// What a response permits a browser. `None`: any origin, without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsHeaders {
    origin: Option<String>,
}

impl CorsHeaders {
    /// The fields of every response, errors included, so that the page can read it.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("Access-Control-Allow-Origin", self.origin.clone().unwrap_or_else(|| "*".into()))];
        if self.origin.is_some() {
            fields.push(("Access-Control-Allow-Credentials", "true".into()));
            fields.push(("Vary", "Origin".into()));
        }
        fields.push(("Access-Control-Expose-Headers", EXPOSED.into()));
        fields
    }

    /// The further fields of the answer to a preflight: the methods, and of the names that it asks for those that are of use.
    pub fn preflight(&self, methods: &str, asked: &str, of_use: impl Fn(&str) -> bool) -> Vec<(&'static str, String)> {
        let names: Vec<&str> = asked.split(',').map(str::trim).filter(|name| of_use(name)).collect();
        let mut fields =
            vec![("Access-Control-Allow-Methods", methods.to_owned()), ("Access-Control-Max-Age", MAX_AGE.to_string())];
        if !names.is_empty() {
            fields.push(("Access-Control-Allow-Headers", names.join(", ")));
        }
        fields
    }
}

/// What a page may read of a response, besides the few fields that it always may.
const EXPOSED: &str = "X-Message-ID, Location, Link, Retry-After, Preference-Applied, Idempotency-Key-Lifetime, Idempotency-Replayed, RateLimit, RateLimit-Policy";

/// Seconds that a browser remembers a preflight: short, so that a changed configuration is noticed.
const MAX_AGE: u32 = 600;

/// The names that a preflight asks for; `None` if the request is not a preflight.
pub fn preflight(fields: &[(&[u8], &[u8])]) -> Option<String> {
    value_of(fields, "origin")?;
    value_of(fields, "access-control-request-method")?;
    Some(value_of(fields, "access-control-request-headers").unwrap_or_default())
}

#[cfg(test)]
mod tests;
