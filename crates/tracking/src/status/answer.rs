//! A page, or why there is none -> the whole HTTP answer. Unknown and somebody else's are one answer, byte for byte; nothing is cached,
//! framed, sniffed or told to the next site.
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

/// Seconds after which it is worth asking a database again that was down.
const RETRY_AFTER: u32 = 30;

/// The answer to GET and HEAD: what `target` names in `found`, which is the message that this client may see, if there is one. A client
/// that accepts no form of it learns so (406) whether there is one or not.
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

/// The answer to GET and HEAD of the overview; 304 (RFC 9110 15.4.5) where the client has it already.
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

/// The answer to GET and HEAD of suppressed addresses.
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

/// 204: it is as it was asked to be.
pub fn done() -> Response {
    reply(204, Format::Text.content_type(), Vec::new())
}

/// 400: a parameter of the query is not understood.
pub fn bad_request(bad: &BadParameter, accept: Option<&str>) -> Response {
    problem_with(400, accept, &bad.to_string())
}

/// 403: asked by a name that is none of this server's.
pub fn forbidden(accept: Option<&str>) -> Response {
    problem(403, accept)
}

/// 404: there is none, or it is somebody else's.
pub fn not_found(accept: Option<&str>) -> Response {
    problem(404, accept)
}

/// 405.
pub fn method_not_allowed(allow: &str, accept: Option<&str>) -> Response {
    with(problem(405, accept), "Allow", allow.to_owned())
}

/// 406, in plain text: the client has ruled out all the rest.
pub fn not_acceptable() -> Response {
    problem(406, None)
}

/// 503: the database is down.
pub fn unavailable(accept: Option<&str>) -> Response {
    with(problem(503, accept), "Retry-After", RETRY_AFTER.to_string())
}

/// The answer to OPTIONS: the description of the service at `base`.
pub fn description(base: &str) -> Response {
    with(
        reply(200, "application/vnd.sun.wadl+xml", wadl::document(base).into_string().into_bytes()),
        "Allow",
        ALLOW.to_owned(),
    )
}

/// RFC 9457 for programs, a small page or a line for people; plain text where the client accepts none of them.
fn problem(status: u16, accept: Option<&str>) -> Response {
    let row = STATUSES.iter().find(|row| row.0 == status);
    problem_with(status, accept, row.map_or("The service failed.", |row| row.2))
}

/// The same with a sentence that may hold words of the client.
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

/// Nothing but, for HTML, its own style sheet (CSP 3, 6.7.3.3). No `sandbox`, which would also forbid the refresh.
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
