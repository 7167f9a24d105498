//! The URLs of the status service, read and written: `<base>/<id>/`, `<base>/<id>/<recipient>/`, `<base>/?message-id=...&recipient=...`. A
//! value that is not possible in a path goes into the query: httpd answers `%2F` with 404, and a browser resolves `.` and `..`.
#![forbid(unsafe_code)]

use web::escape::{percent_decode, percent_encode};

/// Longest id and longest address that are looked up, in octets.
pub const MAX_VALUE: usize = 1000;

/// A name below the base that cannot be a message id.
const SUPPRESSIONS: &[u8] = b"suppressions";

/// Checks a base that an administrator wrote: an http or https URL without blanks.
pub fn check_base(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("'{url}' is not an http or https URL"));
    }
    Ok(())
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing that can exist: 404.
    Bad,
    /// The list of messages; the query filters it.
    Overview,
    /// The client's suppressed addresses.
    Suppressions,
    /// Whether this address, in lower case, is suppressed.
    Suppression {
        /// The address.
        address: String,
    },
    /// A message, by its id without angle brackets.
    Message {
        /// The id.
        id: String,
    },
    /// One recipient of a message.
    Recipient {
        /// The id of the message.
        id: String,
        /// The address, in lower case as in the database.
        address: String,
    },
}

impl Target {
    /// The message that is asked for.
    pub fn id(&self) -> Option<&str> {
        match self {
            Target::Bad | Target::Overview | Target::Suppressions | Target::Suppression { .. } => None,
            Target::Message { id } | Target::Recipient { id, .. } => Some(id),
        }
    }

    fn new(id: &[u8], address: Option<&[u8]>) -> Option<Self> {
        let id = value(id)?;
        Some(match address {
            Some(address) => Target::Recipient { id, address: value(address)?.to_ascii_lowercase() },
            None => Target::Message { id },
        })
    }
}

/// `path` is what follows the base, decoded by httpd; `query` is as the client wrote it, and is used only if the path names nothing.
pub fn parse(path: &[u8], query: Option<&[u8]>) -> Target {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let mut segments = path.split(|&byte| byte == b'/');
    let target = match (segments.next(), segments.next(), segments.next()) {
        (Some(b"") | None, None, _) => from_query(query.unwrap_or_default()),
        (Some(SUPPRESSIONS), None, _) => Some(Target::Suppressions),
        (Some(SUPPRESSIONS), Some(address), None) => {
            value(address).map(|address| Target::Suppression { address: address.to_ascii_lowercase() })
        }
        (Some(id), address, None) => Target::new(id, address),
        _ => None,
    };
    target.unwrap_or(Target::Bad)
}

fn from_query(query: &[u8]) -> Option<Target> {
    let (mut id, mut address) = (None, None);
    for pair in query.split(|&byte| byte == b'&') {
        let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
        let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
        let place = match name {
            b"message-id" => &mut id,
            b"recipient" => &mut address,
            _ => continue,
        };
        // A repeated parameter is ambiguous.
        if place.replace(percent_decode(value)?).is_some() {
            return None;
        }
    }
    // An empty form field counts as absent.
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Some(Target::Overview) };
    Target::new(&id, address.as_deref().filter(|address| !address.is_empty()))
}

/// A value of a query: UTF-8 without control characters, at most `most` octets.
pub(super) fn form_value(bytes: &[u8], most: usize) -> Option<String> {
    let text = String::from_utf8(percent_decode(bytes)?).ok()?;
    (text.len() <= most && !text.contains(char::is_control)).then(|| text.trim().to_owned())
}

/// UTF-8 without control characters; angle brackets are removed.
fn value(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_VALUE)?;
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// The URL of a message below `base`. A base that ends in `=` gets the bare encoded id.
pub fn message(base: &str, id: &str) -> String {
    let (slash, encoded) = (slash(base), percent_encode(id));
    match base {
        _ if base.ends_with('=') => format!("{base}{encoded}"),
        _ if !is_segment(id) => format!("{base}{slash}?message-id={encoded}"),
        _ => format!("{base}{slash}{encoded}/"),
    }
}

/// The URL of one recipient of a message below `base`.
pub fn recipient(base: &str, id: &str, address: &str) -> String {
    let (slash, encoded, address_encoded) = (slash(base), percent_encode(id), percent_encode(address));
    match base {
        _ if base.ends_with('=') => format!("{base}{encoded}&recipient={address_encoded}"),
        _ if !is_segment(id) || !is_segment(address) => {
            format!("{base}{slash}?message-id={encoded}&recipient={address_encoded}")
        }
        _ => format!("{base}{slash}{encoded}/{address_encoded}/"),
    }
}

fn slash(base: &str) -> &'static str {
    if base.ends_with('/') { "" } else { "/" }
}

/// Whether `text` survives as part of a path. httpd maps the path to a file before it calls a handler, and answers 403 for an impossible
/// file name.
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['/', '\\']) && text.len() <= 255
}

#[cfg(test)]
mod tests;
