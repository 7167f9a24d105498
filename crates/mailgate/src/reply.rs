//! What came of a request -> the HTTP answer: status, fields, body. The only place that knows which outcome is which status; every
//! failure says what, why, and whether the message may be sent again.
#![forbid(unsafe_code)]

use crate::accept::preferred;
use crate::escape::{escape, escape_tags, harmless_json};
use crate::input::{InputError, fields};
use crate::message::compose::ComposeError;
use crate::message_id::MessageId;
use crate::origin::Foreign;
use crate::policy::PolicyError;
use crate::transport::{Failure, FailureKind};
use serde_json::json;

/// An answer, whole before its first octet leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Fields beside Content-Type and Content-Length.
    pub fields: Vec<(&'static str, String)>,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// Whether the same message may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Once the administrator has acted.
    AfterAdministrator,
    /// Once the request is corrected.
    AfterCorrection,
    /// Yes, though one MTA (OpenSMTPD) may then deliver it twice.
    MayDouble,
    /// It was sent before.
    No,
    /// Nobody knows whether it was queued.
    Unknown,
    /// Yes.
    Yes,
}

impl Again {
    /// The sentence for a person.
    fn sentence(self) -> &'static str {
        match self {
            Again::AfterAdministrator => {
                "Nothing was sent. Sending again helps only after the administrator has acted; the error log says how."
            }
            Again::AfterCorrection => "Nothing was sent. It is safe to send again, corrected.",
            Again::MayDouble => {
                "The mail system asks to try later. Sending again is safe, but some mail systems may then deliver twice."
            }
            Again::No => "A message with this identifier was submitted before. Do not send it again.",
            Again::Unknown => "The message may or may not have been sent. Sending again may deliver it twice.",
            Again::Yes => "Nothing was sent. It is safe to send again later.",
        }
    }

    /// The word for a program.
    fn word(self) -> &'static str {
        match self {
            Again::AfterAdministrator => "after-administrator",
            Again::AfterCorrection => "after-correction",
            Again::MayDouble => "yes-may-double",
            Again::No => "no",
            Again::Unknown => "unknown",
            Again::Yes => "yes",
        }
    }
}

/// A failure as the client and the log see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The tag of the log line.
    pub tag: &'static str,
    /// What happened, for the client; no path, no word of a program.
    pub detail: String,
    /// What happened, for the administrator.
    pub log: String,
    /// Whether to send again.
    pub again: Again,
    /// Seconds after which a further try makes sense.
    pub retry_after: Option<u32>,
    /// Where the delivery status of the message can be asked for.
    pub status_url: Option<String>,
    /// What the program said, shown to the client only where the configuration allows it.
    pub words: Option<String>,
}

impl Problem {
    /// A failure whose cause the client may see as the log does.
    pub fn new(status: u16, tag: &'static str, again: Again, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Problem { status, tag, log: detail.clone(), detail, again, retry_after: None, status_url: None, words: None }
    }

    /// A failure whose cause is for the log alone.
    pub fn hidden(
        status: u16,
        tag: &'static str,
        again: Again,
        detail: impl Into<String>,
        log: impl Into<String>,
    ) -> Self {
        Problem { log: log.into(), ..Problem::new(status, tag, again, detail) }
    }

    /// The answer in the form the client likes best.
    pub fn reply(&self, accept: Option<&str>, message_id: Option<&MessageId>, show_words: bool) -> Reply {
        let reason = reason(self.status);
        let words = self.words.as_deref().filter(|_| show_words);
        let said = words.map(|words| format!("The mail system said: {words}")).unwrap_or_default();
        let offers = ["text/plain", "text/html", "application/json", "application/problem+json"];
        let (content_type, body) = match preferred(accept, &offers) {
            Some("application/json" | "application/problem+json") => {
                let mut problem = json!({
                    "type": "about:blank", "title": reason, "status": self.status, "detail": self.detail,
                    "send_again": self.again.word(), "advice": self.again.sentence(),
                });
                if let Some(id) = message_id {
                    problem["message_id"] = json!(id.as_str());
                }
                if let Some(words) = words {
                    problem["program_said"] = json!(words);
                }
                if let Some(url) = &self.status_url {
                    problem["status_url"] = json!(url);
                }
                ("application/problem+json", harmless_json(&problem))
            }
            Some("text/html") => (
                "text/html; charset=utf-8",
                format!(
                    "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
                     <title>{reason}</title>\n<style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;\
                     margin:3rem auto;padding:0 1rem}}</style>\n<h1>{reason}</h1>\n<p>{}</p>\n{}<p>{}</p>\n",
                    escape(&self.detail),
                    if said.is_empty() { String::new() } else { format!("<p>{}</p>\n", escape(&said)) },
                    self.again.sentence()
                ),
            ),
            _ => {
                let said = if said.is_empty() { said } else { said + "\n" };
                (
                    "text/plain; charset=utf-8",
                    escape_tags(&format!("{reason}: {}\n{said}{}\n", self.detail, self.again.sentence())),
                )
            }
        };
        let mut fields = vec![("X-Content-Type-Options", "nosniff".to_owned())];
        if let Some(seconds) = self.retry_after {
            fields.push(("Retry-After", seconds.to_string()));
        }
        if let Some(url) = &self.status_url {
            fields.push(("Link", monitor(url)));
        }
        if let Some(id) = message_id.filter(|_| matches!(self.again, Again::Unknown | Again::MayDouble)) {
            fields.push(("X-Message-ID", id.as_str().to_owned()));
        }
        Reply { status: self.status, fields, content_type, body: body.into_bytes() }
    }
}

/// A message that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    /// Its identifier.
    pub message_id: &'a MessageId,
    /// Where its delivery status can be asked for.
    pub status_url: Option<&'a str>,
    /// Whether the answer sends the client there.
    pub redirect: bool,
}

impl Accepted<'_> {
    /// 303 to the delivery status, or 202.
    pub fn reply(&self, accept: Option<&str>) -> Reply {
        let id = self.message_id.as_str();
        let mut fields = vec![("X-Message-ID", id.to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
        let status = match self.status_url {
            Some(url) if self.redirect => {
                fields.push(("Location", url.to_owned()));
                303
            }
            Some(url) => {
                fields.push(("Link", monitor(url)));
                202
            }
            None => 202,
        };
        let (content_type, body) = match preferred(accept, &["text/plain", "application/json"]) {
            Some("application/json") => {
                ("application/json", format!("{}\n", json!({"message_id": id, "status_url": self.status_url})))
            }
            _ => {
                let status = self.status_url.map(|url| format!("Delivery status: {url}\n")).unwrap_or_default();
                ("text/plain; charset=utf-8", format!("Accepted: {id}\n{status}"))
            }
        };
        Reply { status, fields, content_type, body: body.into_bytes() }
    }
}

/// RFC 8288 3, with the relation of RFC 9110's 202: where the progress can be watched.
fn monitor(url: &str) -> String {
    format!("<{url}>; rel=\"monitor\"")
}

impl From<&InputError> for Problem {
    fn from(error: &InputError) -> Self {
        let (status, tag) = match error {
            InputError::ContentEncoding | InputError::TransferCoding => (415, "SM0102"),
            InputError::Form { .. } | InputError::Partial | InputError::RawMessage => (415, "SM0103"),
            InputError::LengthRequired => (411, "SM0102"),
            InputError::TooLarge { .. } => (413, "SM0104"),
            InputError::Policy(error) => return error.into(),
            InputError::Random(_) => {
                return Problem { retry_after: Some(60), ..Problem::new(503, "SM0303", Again::Yes, error.to_string()) };
            }
            // Which address it was is for the client: it may come from Bcc, and Bcc never reaches a log.
            InputError::Address { field, .. } => {
                let log = format!("{} holds what is no address; the answer names it", field.as_str());
                return Problem::hidden(400, "SM0105", Again::AfterCorrection, error.to_string(), log);
            }
            InputError::NoRecipient | InputError::TooManyRecipients { .. } => (400, "SM0105"),
            _ => (400, "SM0101"),
        };
        // An error quotes the value, which holds addresses.
        let quoted = match error {
            InputError::Field { field, .. } => Some(field.as_str()),
            InputError::Header { field, .. } => Some(field.as_str()),
            _ => None,
        };
        if let Some(field) = quoted.filter(|field| fields::holds_addresses(field)) {
            let log = format!("{field} cannot stand in a mail; the answer says why");
            return Problem::hidden(status, tag, Again::AfterCorrection, error.to_string(), log);
        }
        Problem::new(status, tag, Again::AfterCorrection, error.to_string())
    }
}

impl From<&PolicyError> for Problem {
    fn from(error: &PolicyError) -> Self {
        let log = error.to_string();
        match error {
            PolicyError::Argument { .. } => Problem::hidden(
                403,
                "SM0203",
                Again::AfterCorrection,
                "a value of this request does not fit the way mail is sent from here",
                log,
            ),
            PolicyError::Recipient(_) => Problem::hidden(
                403,
                "SM0201",
                Again::AfterCorrection,
                log,
                "SendmailRecipients does not cover a recipient; the answer names it",
            ),
            PolicyError::Sender { .. } => Problem::hidden(
                403,
                "SM0202",
                Again::AfterAdministrator,
                "you have no e-mail address to send from here",
                log,
            ),
        }
    }
}

impl From<&Foreign> for Problem {
    fn from(foreign: &Foreign) -> Self {
        match foreign {
            Foreign::Host { host } => {
                let log = format!(
                    "Host {host} is no name of this virtual host; if it should be one: ServerName, or ServerAlias in a <VirtualHost>"
                );
                let detail = "this server does not answer to the name that it was asked by";
                Problem::hidden(403, "SM0211", Again::AfterAdministrator, detail, log)
            }
            Foreign::Origin { origin, host } => {
                let log = format!(
                    "Origin {origin} is not the host of the request, {host}; SendmailAllowOrigin lists others that may send"
                );
                let detail = "pages of another origin may not send mail from here";
                Problem::hidden(403, "SM0205", Again::AfterAdministrator, detail, log)
            }
        }
    }
}

impl From<&ComposeError> for Problem {
    fn from(error: &ComposeError) -> Self {
        match error {
            ComposeError::Body(error) => Problem::new(400, "SM0106", Again::AfterCorrection, error.to_string()),
            ComposeError::Io(_) => spool_full(error),
        }
    }
}

/// The server could not store a body or a message; no program was started.
pub fn spool_full(error: &dyn std::fmt::Display) -> Problem {
    let problem = Problem::hidden(
        503,
        "SM0301",
        Again::Yes,
        "the server has no room to store the message now",
        error.to_string(),
    );
    Problem { retry_after: Some(60), ..problem }
}

impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Self {
        let (status, tag, again, detail) = match failure.kind {
            FailureKind::BadMessage => {
                (400, "SM0401", Again::AfterCorrection, "the mail program refused the message or its addresses")
            }
            FailureKind::DeadlinePassed => (504, "SM0404", Again::Unknown, "the mail system took too long"),
            FailureKind::Misconfigured => {
                (500, "SM0402", Again::AfterAdministrator, "the mail system cannot be used as it is set up")
            }
            FailureKind::NoResources => {
                (503, "SM0302", Again::Yes, "the server has no room to send another message now")
            }
            FailureKind::RelayRefused => (
                400,
                "SM0408",
                Again::AfterCorrection,
                "the mail system refused the message, its sender or a recipient",
            ),
            FailureKind::Tempfail => (503, "SM0403", Again::MayDouble, "the mail program failed for now"),
            FailureKind::TooLarge => {
                (413, "SM0405", Again::AfterCorrection, "the message is larger than the mail system takes")
            }
            FailureKind::Unavailable => (503, "SM0406", Again::Yes, "the mail system is not available now"),
            FailureKind::Unknown => {
                (502, "SM0407", Again::Unknown, "the mail system did not say what became of the message")
            }
        };
        let detail = match &failure.recipient {
            Some(recipient) => format!("{detail}: {recipient}"),
            None => detail.to_owned(),
        };
        let problem = Problem::hidden(status, tag, again, detail, failure.to_string());
        let retry_after = (failure.kind == FailureKind::NoResources).then_some(60);
        Problem { retry_after, words: failure.words.clone(), ..problem }
    }
}

/// The reason phrase of a status of [`STATUSES`].
pub fn reason(status: u16) -> &'static str {
    STATUSES.iter().find(|row| row.0 == status).map_or("Error", |row| row.1)
}

/// Every status the module answers with: its number, its reason phrase, what it means here.
#[rustfmt::skip]
pub const STATUSES: &[(u16, &str, &str)] = &[
    (200, "OK", "A dry run: what would have been sent, and to whom. Nothing was sent."),
    (202, "Accepted", "The mail system took the whole message."),
    (303, "See Other", "The mail system took the whole message; Location is its delivery status."),
    (400, "Bad Request", "A field, an address or the body cannot become a mail, or the mail system refused it. Nothing was sent."),
    (403, "Forbidden", "The sender, a recipient or the origin is not allowed. Nothing was sent."),
    (405, "Method Not Allowed", "Only POST sends, and OPTIONS describes."),
    (408, "Request Timeout", "The body came too slowly. Nothing was sent."),
    (409, "Conflict", "A message with this Message-ID was submitted before; Link is its delivery status."),
    (411, "Length Required", "Over HTTP/1.0 and HTTP/2 a body needs Content-Length. Nothing was sent."),
    (413, "Content Too Large", "The body or the message is too large. Nothing was sent."),
    (415, "Unsupported Media Type", "The type or coding of the body cannot become a mail. Nothing was sent."),
    (500, "Internal Server Error", "The server is not set up to send. Nothing was sent."),
    (502, "Bad Gateway", "Nobody knows whether the message was queued."),
    (503, "Service Unavailable", "The mail system is not available now. Send again later."),
    (504, "Gateway Timeout", "The mail system took too long. Nobody knows whether the message was queued."),
];

#[cfg(test)]
mod tests;
