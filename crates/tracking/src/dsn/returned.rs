//! Which message a report is about, if there is no envelope id: the Message-ID of the returned message, in its own part or in the copy that
//! an old MTA wrote after its text; otherwise the one that the report names, otherwise the one it replies to.
#![forbid(unsafe_code)]

use super::heuristic::text;
use super::parts::{Header, Part, split_header};
use super::report::{self, Report};

/// With its angle brackets. The text is searched only if the report has no fields.
pub fn message_id(top: &Part<'_>, report: &Report) -> Option<String> {
    returned(top)
        .or_else(|| report.heuristic.then(|| copied(top)).flatten())
        .or_else(|| report.original_message_id.as_deref().and_then(identify))
        .or_else(|| answered(top))
}

fn returned(top: &Part<'_>) -> Option<String> {
    let part = top.walk().filter(|part| part.depth > 0).find(|part| part.is_message() || part.is_message_header())?;
    let octets = part.decoded();
    let start = octets.iter().take_while(|b| **b == b'\n').count();
    let octets = octets.get(start..).unwrap_or_default();
    let octets = if octets.starts_with(b"From ") || octets.starts_with(b">From ") {
        octets.splitn(2, |b| *b == b'\n').nth(1).unwrap_or_default()
    } else {
        octets
    };
    identify(&split_header(octets).0.value("message-id")?)
}

fn copied(top: &Part<'_>) -> Option<String> {
    let of = |text: &String| identify(&Header::of(text::split_copy(text).1.as_bytes()).value("message-id")?);
    text::texts(top).iter().find_map(of)
}

/// `msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]`; a value without brackets is used unchanged
fn identify(value: &str) -> Option<String> {
    let value = value.trim();
    let id = match (value.find('<'), value.rfind('>')) {
        (Some(open), Some(close)) if open < close => value.get(open..=close).unwrap_or(value),
        _ => value,
    };
    (!id.is_empty()).then(|| report::bounded(id))
}

/// The message in In-Reply-To, if there is exactly one, otherwise the last of References: Exim since 4.80 and Gmail name the message there.
fn answered(top: &Part<'_>) -> Option<String> {
    let ids = |name: &str| -> Vec<String> {
        let value = top.header.value(name).unwrap_or_default();
        let inside = value.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(id, _)| id);
        inside
            .filter(|id| id.contains('@') && !id.contains(char::is_whitespace))
            .map(|id| report::bounded(&format!("<{id}>")))
            .collect()
    };
    match ids("in-reply-to").as_slice() {
        [one] => Some(one.clone()),
        _ => ids("references").pop(),
    }
}
