//! The message that a report returns -> its Message-ID: from a part of its own, else from the copy that an old MTA wrote below its words.
#![forbid(unsafe_code)]

use super::heuristic::text;
use super::parts::{Header, Part, split_header};
use super::report;

/// With its angle brackets. The words of the report are searched only for a report that is all words.
pub fn message_id(top: &Part<'_>, heuristic: bool) -> Option<String> {
    let part = top.walk().filter(|part| part.depth > 0).find(|part| part.is_message() || part.is_message_header());
    let found = part.and_then(|part| {
        let octets = part.decoded();
        let start = octets.iter().take_while(|b| **b == b'\n').count();
        let octets = octets.get(start..).unwrap_or_default();
        let octets = if octets.starts_with(b"From ") || octets.starts_with(b">From ") {
            octets.splitn(2, |b| *b == b'\n').nth(1).unwrap_or_default()
        } else {
            octets
        };
        identify(split_header(octets).0)
    });
    if found.is_some() || !heuristic {
        return found;
    }
    let copied = text::texts(top).iter().find_map(|text| identify(Header::of(text::split_copy(text).1.as_bytes())));
    copied.or_else(|| referenced(top))
}

/// `msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]`, and what has no brackets as it is
fn identify(header: Header<'_>) -> Option<String> {
    let value = header.value("message-id")?;
    let value = value.trim();
    let id = match (value.find('<'), value.rfind('>')) {
        (Some(open), Some(close)) if open < close => value.get(open..=close).unwrap_or(value),
        _ => value,
    };
    (!id.is_empty()).then(|| report::bounded(id))
}

/// Exim since 4.80 names the message it is about in References.
fn referenced(top: &Part<'_>) -> Option<String> {
    let value = top.header.value("references").or_else(|| top.header.value("in-reply-to"))?;
    let id = value.split_whitespace().next_back()?;
    (id.starts_with('<') && id.ends_with('>')).then(|| report::bounded(id))
}
