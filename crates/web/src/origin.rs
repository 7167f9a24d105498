//! Web origins (RFC 6454, the Fetch standard): whether the page behind a request may send mail from here, and what the answer tells its
//! browser. A request that no browser made has neither `Origin` nor `Sec-Fetch-Site` and is none of this file's business.
#![forbid(unsafe_code)]

use crate::fields::value_of;

/// The origins whose pages may send (`SendmailAllowOrigin`); none but the server's own by default.
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
                origins.listed.push(Origin::parse(word).map_err(|remedy| format!("'{word}' is no origin: {remedy}"))?);
            }
        }
        Ok(origins)
    }
}

/// Scheme, host and port in the form browsers send (RFC 6454 6.1).
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
        let (host, port) = split_port(authority).ok_or("a port is a number from 1 to 65535")?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.filter(|port| Some(*port) != default_port(&scheme));
        Ok(Origin { host: host_name(host).ok_or("the host is no host name")?.into(), port, scheme: scheme.into() })
    }

    /// The text a browser sends.
    fn write(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.scheme, self.host)
    }

    /// Whether it is the host of the request, whatever the scheme: TLS may end before this server. A `Host` without a port has the one
    /// of the page's scheme.
    fn is_host(&self, host: &str) -> bool {
        let Some((name, port)) = split_port(host) else { return false };
        let default = default_port(&self.scheme);
        host_name(name).is_some_and(|name| *name == *self.host) && port.or(default) == self.port.or(default)
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|port| digits && *port > 0)?;
            Some((host, Some(port)))
        }
        _ => Some((authority, None)),
    }
}

/// The host in lower case, U-labels as A-labels.
fn host_name(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    // Not every host name is the domain of an address: `_` stands in some.
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

/// What a request is for its browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// From a page of another origin that may send.
    Allowed(Grant),
    /// From a page of another origin.
    Foreign(Foreign),
    /// From a page of this server, or from no page at all.
    Own,
}

/// Another origin that may not send; the values as the client sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// `Origin`.
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`.
    pub site: Option<String>,
    /// `Host`.
    pub host: String,
}

/// What the fields of a request say of the page behind it.
pub fn judge(fields: &[(&[u8], &[u8])], origins: &Origins) -> Standing {
    let value = |name| value_of(fields, name);
    let (given, site, host) = (value("origin"), value("sec-fetch-site"), value("host").unwrap_or_default());
    let origin = given.as_deref().and_then(|given| Origin::parse(given).ok());
    if let Some(listed) = origin.as_ref().and_then(|origin| origins.listed.iter().find(|listed| *listed == origin)) {
        return Standing::Allowed(Grant { origin: Some(listed.write()) });
    }
    let site = site.as_deref().map(str::trim);
    if matches!(site, Some("same-origin" | "none")) {
        return Standing::Own;
    }
    match (&given, &origin) {
        (_, Some(_)) if origins.any => Standing::Allowed(Grant { origin: None }),
        (_, Some(origin)) if origin.is_host(&host) => Standing::Own,
        (None, _) if site.is_none() => Standing::Own,
        _ => Standing::Foreign(Foreign { origin: given, site: site.map(str::to_owned), host }),
    }
}

/// The leave that an answer gives to a browser. `None`: any origin, without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    origin: Option<String>,
}

impl Grant {
    /// The fields of every answer, failures included, so that the page can read it.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("Access-Control-Allow-Origin", self.origin.clone().unwrap_or_else(|| "*".into()))];
        if self.origin.is_some() {
            fields.push(("Access-Control-Allow-Credentials", "true".into()));
            fields.push(("Vary", "Origin".into()));
        }
        fields.push(("Access-Control-Expose-Headers", EXPOSED.into()));
        fields
    }

    /// The further fields of the answer to a preflight; `of_use` knows which names mean something here.
    pub fn preflight(&self, asked: &str, of_use: impl Fn(&str) -> bool) -> Vec<(&'static str, String)> {
        let names: Vec<&str> = asked.split(',').map(str::trim).filter(|name| of_use(name)).collect();
        let mut fields =
            vec![("Access-Control-Allow-Methods", "POST".into()), ("Access-Control-Max-Age", MAX_AGE.to_string())];
        if !names.is_empty() {
            fields.push(("Access-Control-Allow-Headers", names.join(", ")));
        }
        fields
    }
}

/// What a page may read of an answer beside the few fields it always may.
const EXPOSED: &str = "X-Message-ID, Location, Link, Retry-After, Preference-Applied";

/// Seconds a browser remembers a preflight: short enough for a changed configuration to be noticed.
const MAX_AGE: u32 = 600;

/// The names that a preflight asks for; `None` where the fields are those of no preflight.
pub fn preflight(fields: &[(&[u8], &[u8])]) -> Option<String> {
    value_of(fields, "origin")?;
    value_of(fields, "access-control-request-method")?;
    Some(value_of(fields, "access-control-request-headers").unwrap_or_default())
}

#[cfg(test)]
mod tests;
