//! Why a request did not send, or may not have sent -> the HTTP answer, which says what happened, why, and whether to send again.
#![forbid(unsafe_code)]

use super::statuses::reason;
use crate::input::form::Fault;
use crate::tags::{Retry, Tag};
use mail::message_id::MessageId;
use serde_json::{Value, json};
use web::Response;
use web::accept::preferred;
use web::escape::{escape_tags, harmless_json};
use web::markup;
use web::markup::Markup;

/// A failure as the client and the log see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The reason, for the log, the counters and the status.
    pub tag: &'static Tag,
    /// What happened, for the client; names no path and quotes no program.
    pub detail: String,
    /// What happened, for the administrator.
    pub log: String,
    /// Details that few problems have.
    pub details: Option<Box<Details>>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u32>,
    /// The URL of the message's delivery status.
    pub status_url: Option<String>,
    /// The program's output, shown to the client only if the configuration allows it.
    pub words: Option<String>,
}

/// Details that few problems have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The fields of a form to correct, and what is wrong with each.
    pub fields: Vec<(String, Fault)>,
    /// A page for the browser that sent a form, with what was typed.
    pub page: Option<Markup>,
    /// The suppressed recipients, for the client who named them.
    pub suppressed: Vec<String>,
    /// Its place in the request's JSON.
    pub path: Option<String>,
    /// The messages sent before it, by the ids in the answer to a batch.
    pub sent: Vec<String>,
}

impl Problem {
    /// A failure whose cause the client may see.
    pub fn new(tag: &'static Tag, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Problem { tag, log: detail.clone(), detail, details: None, retry_after: None, status_url: None, words: None }
    }

    /// A failure whose cause is only for the log.
    pub fn hidden(tag: &'static Tag, detail: impl Into<String>, log: impl Into<String>) -> Self {
        Problem { log: log.into(), ..Problem::new(tag, detail) }
    }

    /// The recipients that are suppressed.
    pub fn suppressed(&self) -> &[String] {
        self.details.as_deref().map_or(&[], |details| details.suppressed.as_slice())
    }

    /// The same, with its place in the request's JSON.
    pub fn at(mut self, path: String) -> Self {
        self.details.get_or_insert_default().path = Some(path);
        self
    }

    /// Its place in the request's JSON.
    pub fn path(&self) -> Option<&str> {
        self.details.as_ref()?.path.as_deref()
    }

    /// The same, with the messages sent before it, by the ids in the answer to a batch.
    pub fn behind(mut self, sent: Vec<String>) -> Self {
        self.details.get_or_insert_default().sent = sent;
        self
    }

    /// The answer in the form that the client prefers.
    pub fn reply(&self, accept: Option<&str>, message_id: Option<&MessageId>, show_words: bool) -> Response {
        let reason = reason(self.tag.status);
        let words = self.words.as_deref().filter(|_| show_words);
        let said = words.map(|words| format!("The mail system said: {words}")).unwrap_or_default();
        let offers = ["text/plain", "text/html", "application/json", "application/problem+json"];
        let (content_type, body) = match preferred(accept, &offers) {
            Some("application/json" | "application/problem+json") => {
                ("application/problem+json", harmless_json(&self.members(message_id, show_words)))
            }
            Some("text/html") => (
                "text/html; charset=utf-8",
                markup!(
                    "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
                     <title>{}</title>\n<style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;\
                     margin:3rem auto;padding:0 1rem}}</style>\n<h1>{}</h1>\n<p>{}</p>\n{}<p>{}</p>\n",
                    reason,
                    reason,
                    self.detail,
                    (!said.is_empty()).then(|| markup!("<p>{}</p>\n", said)),
                    self.tag.retry.sentence()
                )
                .into_string(),
            ),
            _ => {
                let said = if said.is_empty() { said } else { said + "\n" };
                (
                    "text/plain; charset=utf-8",
                    escape_tags(&format!("{reason}: {}\n{said}{}\n", self.detail, self.tag.retry.sentence())),
                )
            }
        };
        let fields = self.fields(message_id);
        Response { status: self.tag.status, fields, content_type, body: body.into_bytes() }
    }

    /// The members of RFC 9457, and our own.
    pub(super) fn members(&self, message_id: Option<&MessageId>, show_words: bool) -> Value {
        let mut problem = json!({
            "type": "about:blank", "title": reason(self.tag.status), "tag": self.tag.number, "status": self.tag.status, "detail": self.detail,
            "send_again": self.tag.retry.word(), "advice": self.tag.retry.sentence(),
        });
        if let Some(id) = message_id {
            problem["message_id"] = json!(id.as_str());
        }
        if let Some(words) = self.words.as_deref().filter(|_| show_words) {
            problem["program_said"] = json!(words);
        }
        if !self.suppressed().is_empty() {
            problem["suppressed"] = json!(self.suppressed());
        }
        if let Some(url) = &self.status_url {
            problem["status_url"] = json!(url);
        }
        if let Some(details) = self.details.as_ref().filter(|details| !details.sent.is_empty()) {
            problem["sent"] = json!(details.sent);
        }
        problem
    }

    /// The header fields of the answer, for any body.
    pub(super) fn fields(&self, message_id: Option<&MessageId>) -> Vec<(&'static str, String)> {
        let mut fields = vec![("X-Content-Type-Options", "nosniff".to_owned())];
        if let Some(seconds) = self.retry_after {
            fields.push(("Retry-After", seconds.to_string()));
        }
        if let Some(url) = &self.status_url {
            fields.push(("Link", monitor(url)));
        }
        if let Some(id) = message_id.filter(|_| matches!(self.tag.retry, Retry::Unknown | Retry::MayDouble)) {
            fields.push(("X-Message-ID", id.as_str().to_owned()));
        }
        fields
    }
}

/// RFC 8288 3, with the relation from RFC 9110's 202: where progress can be monitored.
pub(super) fn monitor(url: &str) -> String {
    format!("<{url}>; rel=\"monitor\"")
}

#[cfg(test)]
mod tests;
