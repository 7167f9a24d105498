//! The answers that the SDKs of mail services read: their members, and beside them those of every other answer of ours.
#![forbid(unsafe_code)]

use super::problem::{Problem, monitor};
use crate::input::json::{Call, Dialect};
use crate::tags;
use jiff::Timestamp;
use mail::message_id::MessageId;
use serde_json::{Value, json};
use web::Response;
use web::escape::harmless_json;

/// A message that was accepted.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Whom it is to, as the client wrote it.
    pub to: Option<String>,
    /// Its identifier.
    pub message_id: MessageId,
    /// Where its delivery status can be asked for.
    pub status_url: Option<String>,
    /// The recipients that were left out.
    pub suppressed: Vec<String>,
}

/// What came of one message of a body.
#[derive(Clone, Debug)]
pub enum Item {
    /// It was not sent, and the others do not mind.
    Refused(Box<Problem>),
    /// It was a dry run, which is shown as this JSON.
    Rehearsed(Vec<u8>),
    /// It was accepted.
    Sent(Sent),
}

/// The answer to a request of which nothing stopped.
pub fn answer(call: Call, items: &[Item]) -> Response {
    let mut fields = vec![("X-Content-Type-Options", "nosniff".to_owned())];
    let sent = || items.iter().filter_map(|item| if let Item::Sent(sent) = item { Some(sent) } else { None });
    if let [Item::Sent(only)] = items {
        fields.extend(only.status_url.as_deref().map(|url| ("Link", monitor(url))));
        if call.dialect != Dialect::Sendgrid {
            fields.push(("X-Message-ID", only.message_id.as_str().to_owned()));
        }
    }
    if call.dialect == Dialect::Sendgrid && sent().next().is_some() {
        // As many as clients take in a header; Node takes 16 KiB of it.
        let ids: Vec<&str> = sent().take(100).map(|sent| id(&sent.message_id)).collect();
        fields.push(("X-Message-Id", ids.join(", ")));
        return Response { status: 202, fields, content_type: "text/plain; charset=utf-8", body: Vec::new() };
    }
    let body = match (call.dialect, items) {
        (_, [only]) if !call.is_batch => text(call.dialect, only),
        (Dialect::Postmark, _) => list(items.iter().map(|item| text(call.dialect, item))),
        (Dialect::Resend | Dialect::Sendgrid, _) => {
            let sent = items.iter().filter(|item| !matches!(item, Item::Refused(_)));
            let data = list(sent.map(|item| text(call.dialect, item)));
            format!("{{\"data\":{data}{}}}", errors(items))
        }
    };
    Response { status: 200, fields, content_type: JSON, body: (body + "\n").into_bytes() }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// Resend's, where the client takes a batch without some of its messages.
fn errors(items: &[Item]) -> String {
    let error = |(index, item): (usize, &Item)| match item {
        Item::Refused(problem) => Some(json!({"index": index, "message": sentence(problem)})),
        Item::Rehearsed(_) | Item::Sent(_) => None,
    };
    let errors: Vec<Value> = items.iter().enumerate().filter_map(error).collect();
    if errors.is_empty() { String::new() } else { format!(",\"errors\":{}", harmless_json(&json!(errors)).trim_end()) }
}

fn text(dialect: Dialect, item: &Item) -> String {
    let value = match item {
        Item::Rehearsed(text) => return String::from_utf8_lossy(text).trim_end().to_owned(),
        Item::Sent(sent) => {
            let word = match sent.suppressed.as_slice() {
                [] => "OK".to_owned(),
                some => inactive("Message OK, but will not deliver to these", some),
            };
            accepted(dialect, sent.to.as_deref(), &sent.message_id, &word)
        }
        Item::Refused(problem) => members(dialect, problem, None, false).1,
    };
    harmless_json(&value).trim_end().to_owned()
}

/// What stands in the answer to a dry run beside the report.
pub fn rehearsed(dialect: Dialect, message_id: &MessageId) -> Value {
    accepted(dialect, None, message_id, "Dry run: nothing was sent.")
}

fn accepted(dialect: Dialect, to: Option<&str>, message_id: &MessageId, word: &str) -> Value {
    let id = id(message_id);
    match dialect {
        Dialect::Postmark => {
            let mut body = json!({
                "SubmittedAt": Timestamp::now().to_string(), "MessageID": id, "ErrorCode": 0, "Message": word,
            });
            if let Some(to) = to {
                body["To"] = json!(to);
            }
            body
        }
        Dialect::Resend => json!({"id": id}),
        Dialect::Sendgrid => json!({}),
    }
}

/// What an SDK knows a message by: of one of our identifiers the left part, of a client's own all of it.
pub fn id(message_id: &MessageId) -> &str {
    let id = message_id.without_brackets();
    match id.split_once('@') {
        Some((left, _)) if is_token(left) => left,
        _ => id,
    }
}

/// The identifier that [`id`] stands for, on a server of this name; no angle brackets.
pub fn message_id(id: &str, server_name: &str) -> String {
    if is_token(id) { format!("{id}@{server_name}") } else { id.to_owned() }
}

fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit())
}

/// The answer to a request that sent nothing, or not all, or nobody knows. Python's SDK of Resend takes no other type for JSON.
pub fn refused(dialect: Dialect, problem: &Problem, message_id: Option<&MessageId>, show_words: bool) -> Response {
    let (status, body) = members(dialect, problem, message_id, show_words);
    let fields = problem.fields(message_id);
    Response { status, fields, content_type: JSON, body: harmless_json(&body).into_bytes() }
}

/// The body of an answer that httpd gives itself: who is not known, what is too large, what timed out.
pub fn of_httpd(dialect: Dialect, status: u16) -> String {
    let message = OF_HTTPD.iter().find(|row| row.0 == status).map_or("httpd refuses the request", |row| row.1);
    let name = match status {
        401 => "missing_api_key",
        403 => "invalid_api_key",
        _ => resend_name(status),
    };
    let mut body = json!({"type": "about:blank", "title": message, "status": status});
    let code = if status == 401 { 10 } else { status };
    speak(dialect, &mut body, Complaint { status, code, name, message, path: None });
    harmless_json(&body)
}

/// The statuses that httpd may answer with by itself, and what each says.
pub const OF_HTTPD: &[(u16, &str)] = &[
    (400, "httpd does not understand the request"),
    (401, "the key is missing or wrong"),
    (403, "who sends may not send from here"),
    (404, "there is nothing here"),
    (405, "this method is not taken here"),
    (408, "the request came too slowly"),
    (411, "the request needs Content-Length"),
    (413, "the request is larger than this server takes"),
    (415, "the media type or coding is not taken here"),
    (417, "the expectation of the request is not understood"),
    (429, "more requests than may come in this time"),
    (500, "the server cannot answer; its error log says why"),
    (501, "this method is not known"),
    (502, "nobody knows what became of the request"),
    (503, "the server is not available now"),
    (504, "the server took too long"),
];

/// Their media type.
pub const JSON: &str = "application/json";

fn members(dialect: Dialect, problem: &Problem, id: Option<&MessageId>, show_words: bool) -> (u16, Value) {
    let mut body = problem.members(id, show_words);
    let is_inactive = !problem.suppressed().is_empty();
    let message = match dialect {
        Dialect::Postmark if is_inactive => {
            inactive("You tried to send to recipients that have been marked as inactive. Found", problem.suppressed())
        }
        _ => sentence(problem),
    };
    let status = match dialect {
        Dialect::Resend if problem.tag == &tags::KEY_REUSED => 409,
        Dialect::Resend if is_inactive => 422,
        dialect => self::status(dialect, problem.tag.status),
    };
    body["status"] = json!(status);
    let code = match status {
        422 if is_inactive => 406,
        422 => 300,
        other => other,
    };
    let name = if problem.tag == &tags::KEY_IN_USE { "concurrent_idempotent_requests" } else { resend_name(status) };
    speak(dialect, &mut body, Complaint { status, code, name, message: &message, path: problem.path() });
    (status, body)
}

/// As Postmark says it: its SDKs and Anymail read the addresses out of the words around them.
fn inactive(before: &str, addresses: &[String]) -> String {
    let addresses = addresses.join(", ");
    format!(
        "{before} inactive addresses: {addresses}. Inactive recipients are ones that have generated a hard bounce or a spam complaint."
    )
}

/// The status that a dialect has for one of ours.
pub fn status(dialect: Dialect, status: u16) -> u16 {
    match (dialect, status) {
        // The only one for what is wrong with a message that the SDKs know.
        (Dialect::Postmark, 400 | 403 | 411 | 413 | 415) => 422,
        (Dialect::Sendgrid, 411 | 422) => 400,
        (_, status) => status,
    }
}

fn sentence(problem: &Problem) -> String {
    format!("{}. {}", problem.detail, problem.tag.retry.sentence())
}

/// What all dialects say, each in its words.
struct Complaint<'a> {
    status: u16,
    /// Postmark's.
    code: u16,
    /// Resend's.
    name: &'a str,
    message: &'a str,
    path: Option<&'a str>,
}

fn speak(dialect: Dialect, body: &mut Value, complaint: Complaint<'_>) {
    let Complaint { status, code, name, message, path } = complaint;
    match dialect {
        Dialect::Postmark => {
            body["ErrorCode"] = json!(code);
            body["Message"] = json!(message);
        }
        Dialect::Resend => {
            body["statusCode"] = json!(status);
            body["name"] = json!(name);
            body["message"] = json!(message);
        }
        Dialect::Sendgrid => body["errors"] = json!([{"message": message, "field": path, "help": null}]),
    }
}

/// <https://resend.com/docs/api-reference/errors>.
fn resend_name(status: u16) -> &'static str {
    match status {
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "invalid_idempotent_request",
        429 => "rate_limit_exceeded",
        500.. => "application_error",
        _ => "validation_error",
    }
}

#[cfg(test)]
mod tests;
