//! What the database holds of a message -> the answer that shows it: the request is read by [`url`], the message becomes a [`Page`], and
//! that is written as HTML, text, XML or JSON. Words of strangers go through `clean` before anybody sees them. Who may see what is the
//! business of [`crate::store::find`].
#![forbid(unsafe_code)]

pub mod answer;
mod clean;
mod codes;
mod html;
mod json;
pub(crate) mod moment;
pub mod overview;
pub mod resend;
mod statuses;
pub mod suppressions;
mod text;
pub mod url;
pub mod wadl;
mod words;
mod xml;

pub use clean::clean;

use crate::dsn::reason::Reason;
use crate::store::{Event, Message, RecipientStatus, State};
use web::accept::preferred;

/// What is shown: a message with all of its recipients, or with one of them.
#[derive(Clone, Debug)]
pub struct Page<'m> {
    /// The message, whose list of recipients is not the one to show: `recipients` is.
    pub message: &'m Message,
    /// Its recipients, in the order of the message.
    pub recipients: Vec<&'m RecipientStatus>,
    /// Whether this page is about one recipient alone.
    pub single: bool,
    /// The base URL of the service.
    pub base: &'m str,
    /// When it is shown, in seconds since 1970.
    pub now: i64,
}

impl<'m> Page<'m> {
    /// The whole message. `base` is the URL of the status service, for links.
    pub fn message(message: &'m Message, base: &'m str, now: i64) -> Self {
        Page { message, recipients: message.recipients.iter().collect(), single: false, base, now }
    }

    /// One recipient of `message`.
    pub fn recipient(message: &'m Message, recipient: &'m RecipientStatus, base: &'m str, now: i64) -> Self {
        Page { message, recipients: vec![recipient], single: true, base, now }
    }

    /// Whether a further report may be expected.
    pub fn is_pending(&self) -> bool {
        self.recipients.iter().any(|recipient| recipient.state.is_pending())
    }

    /// Seconds after which it is worth looking again, while something is pending: reports come early or late.
    pub fn refresh(&self) -> Option<u32> {
        self.is_pending().then(|| match self.now.saturating_sub(self.message.submitted) {
            ..300 => 10,
            300..3600 => 60,
            _ => 300,
        })
    }

    /// The URL of the whole message.
    fn message_url(&self) -> String {
        url::message(self.base, &self.message.message_id)
    }

    fn recipient_url(&self, recipient: &RecipientStatus) -> String {
        url::recipient(self.base, &self.message.message_id, &recipient.address)
    }

    /// The URL of this page.
    fn url(&self) -> String {
        match self.recipients.first() {
            Some(recipient) if self.single => self.recipient_url(recipient),
            _ => self.message_url(),
        }
    }

    /// What needs attention first: for people; programs get the order of the message.
    fn by_concern(&self) -> Vec<&'m RecipientStatus> {
        let mut recipients = self.recipients.clone();
        recipients.sort_by_key(|recipient| (concern(recipient.state), is_guess(recipient)));
        recipients
    }

    /// How many recipients are in which state, what needs attention first.
    fn counts(&self) -> Vec<(&'static words::Word, usize)> {
        let mut counts: Vec<(&words::Word, usize)> = Vec::new();
        for recipient in self.by_concern() {
            let word = words::of(recipient, self.now);
            match counts.last_mut() {
                Some((last, count)) if last.title == word.title => *count += 1,
                _ => counts.push((word, 1)),
            }
        }
        counts
    }
}

/// A form of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// text/html
    Html,
    /// application/json
    Json,
    /// text/plain
    Text,
    /// text/xml
    TextXml,
    /// application/xml
    Xml,
}

/// What a form is called, and what writes a page in it.
struct Row {
    format: Format,
    media_type: &'static str,
    content_type: &'static str,
    write: fn(&Page<'_>) -> String,
}

/// Best first, where the client does not mind.
#[rustfmt::skip]
const FORMATS: &[Row] = &[
    Row { format: Format::Text, media_type: "text/plain", content_type: "text/plain; charset=utf-8", write: text::page },
    Row { format: Format::Html, media_type: "text/html", content_type: "text/html; charset=utf-8", write: |page| html::page(page).into_string() },
    Row { format: Format::TextXml, media_type: "text/xml", content_type: "text/xml; charset=utf-8", write: |page| xml::page(page).into_string() },
    Row { format: Format::Xml, media_type: "application/xml", content_type: "application/xml", write: |page| xml::page(page).into_string() },
    Row { format: Format::Json, media_type: "application/json", content_type: "application/json", write: json::page },
];

impl Format {
    /// Every form, the default first.
    pub fn all() -> impl Iterator<Item = Format> {
        FORMATS.iter().map(|row| row.format)
    }

    fn row(self) -> &'static Row {
        FORMATS.iter().find(|row| row.format == self).unwrap_or(&FORMATS[0])
    }

    /// The value of Content-Type.
    pub fn content_type(self) -> &'static str {
        self.row().content_type
    }

    /// The media type without parameters.
    pub fn media_type(self) -> &'static str {
        self.row().media_type
    }
}

/// The form `accept` likes best; `None` where it accepts none of them (406).
pub fn choose(accept: Option<&str>) -> Option<Format> {
    let offers: Vec<&str> = FORMATS.iter().map(|row| row.media_type).collect();
    let offer = preferred(accept, &offers)?;
    FORMATS.iter().find(|row| row.media_type == offer).map(|row| row.format)
}

/// `page` as the octets of a body.
pub fn render(page: &Page<'_>, format: Format) -> Vec<u8> {
    (format.row().write)(page).into_bytes()
}

fn concern(state: State) -> u8 {
    match state {
        State::Failed => 0,
        State::Complained => 1,
        State::Suppressed => 2,
        State::Unknown => 3,
        State::Delayed => 4,
        State::Queued => 5,
        State::Relayed => 6,
        State::Expanded => 7,
        State::Delivered => 8,
    }
}

/// The report that the state of a recipient comes from: the newest that says so and is as sure of it, one with fields before one that was
/// read from words; the newest of all where the state is that nothing more was heard.
fn decisive(recipient: &RecipientStatus) -> Option<&Event> {
    match recipient.state {
        State::Unknown => recipient.events.last(),
        state => recipient
            .events
            .iter()
            .rev()
            .filter(|event| event.action == state && event.verified == recipient.verified)
            .min_by_key(|event| event.heuristic),
    }
}

/// Why a recipient is in its state.
fn why(recipient: &RecipientStatus) -> Option<Reason> {
    decisive(recipient).and_then(|event| event.reason).or(recipient.reason)
}

/// Whether a state was read from the words of a bounce alone: a report with fields may still say otherwise.
fn is_guess(recipient: &RecipientStatus) -> bool {
    decisive(recipient).is_some_and(|event| event.heuristic)
}

/// Whether the state of a recipient is vouched for by the secret of its message; `None` while nobody claims anything.
fn vouched(recipient: &RecipientStatus) -> Option<bool> {
    let silent = recipient.events.is_empty() && matches!(recipient.state, State::Queued | State::Unknown);
    (!silent).then_some(recipient.verified)
}

/// The name in `dns; mx.example.org` (RFC 3464 2.1.2), cleaned.
fn mta(name: Option<&String>) -> Option<String> {
    let name = name?;
    let name = match name.split_once(';') {
        Some((kind, name)) if kind.trim().eq_ignore_ascii_case("dns") => name,
        _ => name,
    };
    Some(clean::clean(name.trim())).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
