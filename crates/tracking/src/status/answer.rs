//! A page, or the reason for none -> the whole HTTP response. An unknown message and another user's get the same response, byte for byte.
//! Nothing is cached, framed, sniffed or revealed by a referrer.
#![forbid(unsafe_code)]

use super::clean::clean;
use super::html::STYLE;
use super::overview::{self, BadParameter, Form, Overview};
use super::statuses::STATUSES;
use super::{Format, Page, choose, html, render, suppressions, url::Target, wadl, xml};
use crate::store::Message;
use base64::Engine;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use web::Response;
use web::accept::preferred;
use web::markup;
use web::markup::Markup;

/// The value of Allow.
pub const ALLOW: &str = "GET, HEAD, OPTIONS";
/// The value of Allow for one suppressed address.
pub const ALLOW_SUPPRESSION: &str = "GET, HEAD, PUT, DELETE, OPTIONS";

/// Seconds after which to try again if the database is down.
const RETRY_AFTER: u32 = 30;

/// The response to GET and HEAD: the part of `found` that `target` names; `found` is the message, if this client may see it. A client that
/// accepts none of the formats gets 406 whether the message exists or not.
pub fn show(found: Option<&Message>, target: &Target, base: &str, accept: Option<&str>, now: i64) -> Response {
    let Some(format) = choose(accept) else { return not_acceptable() };
    let page = match (found, target) {
        (Some(message), Target::Message { .. }) => Some(Page::message(message, base, now)),
        (Some(message), Target::Recipient { address, .. }) => message
            .recipients
            .iter()
            .find(|recipient| recipient.address == *address)
            .map(|recipient| Page::recipient(message, recipient, base, now)),
        _ => None,
    };
    match page {
        Some(page) => reply(200, format.content_type(), render(&page, format)),
        None => not_found(accept),
    }
}

/// The response to GET and HEAD of the overview; 304 (RFC 9110 15.4.5) if the client has it already.
pub fn show_overview(page: &Overview<'_>, accept: Option<&str>, if_none_match: Option<&str>) -> Response {
    let Some(form) = page.query.form(accept) else { return not_acceptable() };
    let tag = page.tag(form);
    let is_known = if_none_match.is_some_and(|known| overview::matches(known, &tag));
    let (status, body) = if is_known { (304, Vec::new()) } else { (200, page.render(form)) };
    let mut answer = with(reply(status, form.content_type(), body), "ETag", tag);
    if let Some(next) = page.next() {
        answer = with(answer, "Link", format!("<{next}>; rel=\"next\""));
    }
    for (_, value) in
        answer.fields.iter_mut().filter(|field| field.0 == "Content-Security-Policy" && form == Form::Html)
    {
        *value = value.replace("form-action 'none'", "form-action 'self'");
    }
    if form == Form::Csv {
        answer = with(answer, "Content-Disposition", "attachment; filename=\"messages.csv\"".to_owned());
    }
    answer
}

/// The response to GET and HEAD of the suppressed addresses.
pub fn show_suppressions(page: &suppressions::Page<'_>, accept: Option<&str>) -> Response {
    match suppressions::render(page, accept) {
        Some((content_type, body)) => {
            let answer = reply(200, content_type, body);
            match page.next() {
                Some(next) => with(answer, "Link", format!("<{next}>; rel=\"next\"")),
                None => answer,
            }
        }
        None => not_acceptable(),
    }
}

/// 204: done.
pub fn done() -> Response {
    reply(204, Format::Text.content_type(), Vec::new())
}

/// 400: a parameter of the query is invalid.
pub fn bad_request(bad: &BadParameter, accept: Option<&str>) -> Response {
    problem_with(400, accept, &bad.to_string())
}

/// 403: the Host is not a name of this server.
pub fn forbidden(accept: Option<&str>) -> Response {
    problem(403, accept)
}

/// 404: it does not exist, or belongs to another user.
pub fn not_found(accept: Option<&str>) -> Response {
    problem(404, accept)
}

/// 405.
pub fn method_not_allowed(allow: &str, accept: Option<&str>) -> Response {
    with(problem(405, accept), "Allow", allow.to_owned())
}

/// 406, in plain text: the client accepts nothing else.
pub fn not_acceptable() -> Response {
    problem(406, None)
}

/// 503: the database is down.
pub fn unavailable(accept: Option<&str>) -> Response {
    with(problem(503, accept), "Retry-After", RETRY_AFTER.to_string())
}

/// The response to OPTIONS: the description of the service at `base`.
pub fn description(base: &str) -> Response {
    with(
        reply(200, "application/vnd.sun.wadl+xml", wadl::document(base).into_string().into_bytes()),
        "Allow",
        ALLOW.to_owned(),
    )
}

/// RFC 9457 for programs, a small page or a line for people; plain text if the client accepts none of them.
fn problem(status: u16, accept: Option<&str>) -> Response {
    let row = STATUSES.iter().find(|row| row.0 == status);
    problem_with(status, accept, row.map_or("The service failed.", |row| row.2))
}

/// The same with a sentence that may quote the client.
fn problem_with(status: u16, accept: Option<&str>, sentence: &str) -> Response {
    let title = STATUSES.iter().find(|row| row.0 == status).map_or("Error", |row| row.1);
    let sentence = clean(sentence);
    let format =
        choose(accept).or_else(|| match preferred(accept, &["application/problem+json", "application/problem+xml"]) {
            Some("application/problem+json") => Some(Format::Json),
            Some(_) => Some(Format::Xml),
            None => None,
        });
    let (content_type, body) = match format.unwrap_or(Format::Text) {
        Format::Html => (Format::Html.content_type(), html::problem(title, &sentence).into_string()),
        Format::Json => {
            let problem = json!({"type": "about:blank", "title": title, "status": status, "detail": sentence});
            ("application/problem+json", format!("{problem}\n"))
        }
        Format::TextXml | Format::Xml => (
            "application/problem+xml",
            markup!(
                "{}<problem xmlns=\"urn:ietf:rfc:7807\">\n  <type>about:blank</type>\n  <title>{}</title>\n  \
                 <detail>{}</detail>\n  <status>{}</status>\n</problem>\n",
                Markup::literal(xml::DECLARATION),
                title,
                sentence,
                status
            )
            .into_string(),
        ),
        // Text, and every form that has no words of its own for a problem.
        _ => (Format::Text.content_type(), format!("{title}: {sentence}\n")),
    };
    reply(status, content_type, body.into_bytes())
}

fn reply(status: u16, content_type: &'static str, body: Vec<u8>) -> Response {
    let fields = vec![
        ("Vary", "Accept".to_owned()),
        ("Cache-Control", "no-store".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        ("Content-Security-Policy", policy(content_type)),
        ("Referrer-Policy", "no-referrer".to_owned()),
    ];
    Response { status, fields, content_type, body }
}

fn with(mut reply: Response, name: &'static str, value: String) -> Response {
    reply.fields.push((name, value));
    reply
}

/// Allows nothing except, for HTML, its own style sheet (CSP 3, 6.7.3.3). No `sandbox`, which would also forbid the refresh.
fn policy(content_type: &str) -> String {
    const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    // Without a heap or a destructor: httpd unloads the module and loads it again.
    static DIGEST: OnceLock<[u8; 32]> = OnceLock::new();
    if !content_type.starts_with("text/html") {
        return NOTHING.to_owned();
    }
    let digest = DIGEST.get_or_init(|| Sha256::digest(STYLE).into());
    format!("{NOTHING}; style-src 'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(digest))
}

#[cfg(test)]
mod tests;
