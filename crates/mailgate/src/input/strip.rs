//! Which fields of a request never reach the mail (`SendmailStripHeaders`): those of the connection, the browser, the proxies and the
//! authentication in front, and those that MTAs and filters trust. What is on the list is dropped in silence.
#![forbid(unsafe_code)]

use mail::header::HeaderName;

/// A field name, or a pattern of one with `*` for any run of characters; case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(Box<str>);

impl NamePattern {
    /// The pattern in `text`; the error says what a field name is made of.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, 33..=57 | 59..=126)) {
            return Err(format!(
                "'{text}' is not a field name: use printable ASCII without blank and colon, '*' for any run"
            ));
        }
        Ok(NamePattern(text.to_ascii_lowercase().into()))
    }

    /// Whether the pattern covers `name`.
    pub fn matches(&self, name: &str) -> bool {
        matches(&self.0, name)
    }
}

/// Whether `pattern` covers `name`. Every request asks this some hundred times, so nothing is copied.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let begins = |&b: &u8| b == b'*' || name.first().is_some_and(|first| first.eq_ignore_ascii_case(&b));
    if !pattern.first().is_none_or(begins) {
        return false; // nearly always
    }
    let mut pieces = pattern.split(|&b| b == b'*');
    let prefix = pieces.next().unwrap_or_default();
    let Some((start, mut rest)) = name.split_at_checked(prefix.len()) else { return false };
    if !start.eq_ignore_ascii_case(prefix) {
        return false;
    }
    let Some(suffix) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let at = rest.windows(piece.len()).position(|part| part.eq_ignore_ascii_case(piece));
        let Some(at) = at else { return false };
        rest = &rest[at + piece.len()..];
    }
    let end = rest.len().checked_sub(suffix.len()).map(|at| &rest[at..]);
    end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// The list of section 5 of the manual, with the changes of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StripList {
    changes: Vec<(bool, NamePattern)>,
}

impl StripList {
    /// Changes in the order they stand: `+Name` puts a field on the list, `-Name` takes it off.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut changes = Vec::new();
        for word in words {
            let (strip, name) = match word.split_at_checked(1) {
                Some(("+", name)) => (true, name),
                Some(("-", name)) => (false, name),
                _ => return Err(format!("'{word}' says neither +Name (strip it) nor -Name (let it pass)")),
            };
            if !strip && is_locked(name) {
                return Err(format!("{name} always stays out of the mail; take -{name} away"));
            }
            changes.push((strip, NamePattern::parse(name)?));
        }
        Ok(StripList { changes })
    }

    /// Whether a field of this name stays out of the mail.
    pub fn strips(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        if is_locked(name) {
            return true;
        }
        let changed = self.changes.iter().rev().find(|(_, pattern)| pattern.matches(name)).map(|(strip, _)| *strip);
        changed.unwrap_or_else(|| STRIPPED.iter().any(|pattern| matches(pattern, name)))
    }
}

fn is_locked(name: &str) -> bool {
    LOCKED.iter().any(|pattern| matches(pattern, name))
}

/// Credentials, framing and hop-by-hop fields (RFC 9110 7.6.1), how the request is to be dealt with (RFC 7240), and what SendmailRedirectTo
/// says: no configuration lets them through.
const LOCKED: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie*",
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "content-length",
    "content-encoding",
    "host",
    "expect",
    "prefer",
    "x-original-recipients",
];

/// In lower case, `*` for any run.
#[rustfmt::skip]
const STRIPPED: &[&str] = &[
    // the list of the C module
    "cache-control", "pragma", "warning", "accept", "accept-charset", "accept-encoding", "accept-language", "if-match",
    "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "max-forwards", "range", "referer",
    // what the web has added since
    "content-location", "origin", "user-agent", "proxy-*", "proxy", "sec-*", "dnt", "save-data", "priority", "via", "forwarded",
    "x-forwarded-*", "x-real-ip", "x-request-id", "x-requested-with", "x-http-method*", "cf-*", "traceparent", "tracestate",
    "baggage", "access-control-*", "idempotency-key", "upgrade-insecure-requests", "x-csrf-*", "depth", "destination",
    "overwrite",
    // what authentication in front leaves
    "*_*", "*token*", "*secret*", "*password*", "*session*", "*api-key*", "*apikey*", "oidc*", "shib-*", "ssl-*", "x-ssl-*",
    "x-remote-*", "remote-user",
    // what MTAs and filters trust
    "received", "return-path", "delivered-to", "x-original-to", "apparently-to", "errors-to", "return-receipt-to", "dkim-*", "arc-*",
    "authentication-results", "received-spf", "x-spam-*", "x-virus-*", "x-sieve", "x-failed-recipients", "x-confirm-reading-to",
    "disposition-notification-to", "tls-required", "require-tls-*", "x-ms-exchange-*", "full-name",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> HeaderName {
        HeaderName::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_list_covers_what_it_names_and_no_more() {
        let list = StripList::default();
        for stripped in [
            "Cookie",
            "Cookie2",
            "AUTHORIZATION",
            "Sec-Fetch-Site",
            "X-Api-Key",
            "X-CSRF-Token",
            "x-my-session-id",
            "HTTP_X",
            "ARC-Seal",
            "X-Forwarded-For",
            "X-Spam-Status",
            "Full-Name",
            "Via",
            "X-HTTP-Method-Override",
        ] {
            assert!(list.strips(&name(stripped)), "{stripped}");
        }
        for kept in [
            "From",
            "To",
            "Subject",
            "X-Mailer",
            "References",
            "List-Unsubscribe",
            "Sections",
            "X-Via",
            "Reply-To",
            "Importance",
        ] {
            assert!(!list.strips(&name(kept)), "{kept}");
        }
    }

    #[test]
    fn changes_apply_in_order_and_credentials_stay_locked() {
        let list = StripList::parse(&["-User-Agent", "+X-Internal-*", "-X-Internal-Ok"]).unwrap();
        assert!(!list.strips(&name("User-Agent")));
        assert!(list.strips(&name("X-Internal-Id")) && !list.strips(&name("X-Internal-Ok")));
        for locked in ["Authorization", "Prefer", "X-Original-Recipients"] {
            assert!(StripList::parse(&["-*"]).unwrap().strips(&name(locked)), "{locked}");
        }
        for refused in ["-Authorization", "-cookie", "-TE", "User-Agent", "+", "+a b"] {
            assert!(StripList::parse(&[refused]).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abd", false),
            ("*b*", "abc", true),
            ("*", "", true),
            ("ab", "abc", false),
            ("a*b*c", "aXbYc", true),
            ("a*bc*c", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
