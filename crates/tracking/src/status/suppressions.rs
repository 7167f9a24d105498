//! The suppressed addresses of a user (`<base>/suppressions/`), as JSON, HTML or text.
#![forbid(unsafe_code)]

use super::clean::clean;
use super::{html, moment};
use crate::dsn::reason::Reason;
use crate::store::suppression::Suppression;
use serde_json::{Value, json};
use std::fmt::Write;
use web::accept::preferred;
use web::escape::percent_encode;
use web::markup;
use web::markup::Markup;

/// The most entries on a page.
pub const LINES: usize = 500;

const OFFERS: [(&str, &str); 3] = [
    ("text/plain", "text/plain; charset=utf-8"),
    ("text/html", "text/html; charset=utf-8"),
    ("application/json", "application/json"),
];

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Ordered by address.
    pub entries: &'a [Suppression],
    /// The base URL of the service.
    pub base: &'a str,
    /// Whether everybody's are shown.
    pub is_all: bool,
    /// The current time, in seconds since 1970.
    pub now: i64,
}

/// The Content-Type and the body in the format that `accept` prefers; `None` if it accepts none.
pub fn render(page: &Page<'_>, accept: Option<&str>) -> Option<(&'static str, Vec<u8>)> {
    let offer = preferred(accept, &OFFERS.map(|row| row.0))?;
    let body = match offer {
        "text/html" => in_html(page).into_string(),
        "application/json" => in_json(page),
        _ => in_text(page),
    };
    OFFERS.iter().find(|row| row.0 == offer).map(|row| (row.1, body.into_bytes()))
}

impl Page<'_> {
    /// The URL of the next page, if this one is full.
    pub fn next(&self) -> Option<String> {
        let last = self.entries.last().filter(|_| self.entries.len() >= LINES)?;
        Some(format!("{}?after={}", self.list(), percent_encode(&last.address)))
    }

    fn list(&self) -> String {
        format!("{}/suppressions/", self.base.trim_end_matches('/'))
    }

    fn url(&self, entry: &Suppression) -> String {
        format!("{}{}", self.list(), percent_encode(&entry.address))
    }
}

/// For whom an entry applies, as text.
fn whose(entry: &Suppression) -> String {
    match &entry.owner {
        Some(owner) => format!("for {}", clean(owner)),
        None if entry.is_for_all => "for everybody".into(),
        None => "for messages without an owner".into(),
    }
}

fn why(entry: &Suppression) -> String {
    let reason = entry.reason.map(|reason| format!(" ({})", reason.as_str())).unwrap_or_default();
    format!("{}{reason}", entry.cause.as_str())
}

fn in_json(page: &Page<'_>) -> String {
    let entry = |entry: &Suppression| -> Value {
        json!({
            "address": clean(&entry.address),
            "cause": entry.cause.as_str(),
            "reason": entry.reason.map(Reason::as_str),
            "since": moment::stamp(entry.since),
            "for": if entry.is_for_all { "all" } else { "owner" },
            "owner": entry.owner.as_deref().filter(|_| page.is_all).map(clean),
            "url": page.url(entry),
        })
    };
    let entries: Vec<Value> = page.entries.iter().map(entry).collect();
    format!("{:#}\n", json!({ "version": 1, "suppressions": entries, "next": page.next() }))
}

fn in_text(page: &Page<'_>) -> String {
    let mut text = String::new();
    for entry in page.entries {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{}  {} since {}, {}",
            clean(&entry.address),
            why(entry),
            moment::absolute(entry.since),
            whose(entry)
        );
    }
    if page.entries.is_empty() {
        text.push_str("Nobody is suppressed.\n");
    }
    page.next().map_or(text.clone(), |next| format!("{text}\nNext page:   {next}\n"))
}

fn in_html(page: &Page<'_>) -> Markup {
    let mut html = html::head("Suppressed addresses", None);
    html.push(markup!(
        "<header>\n<h1>Suppressed addresses</h1>\n<nav><a href=\"{}/\">Messages</a></nav>\n</header>\n<main>\n<ol class=\"list\" role=\"list\">\n",
        clean(page.base.trim_end_matches('/'))
    ));
    for entry in page.entries {
        html.push(markup!(
            "<li class=\"suppressed\"><span class=\"whom\"><bdi>{}</bdi></span> <span class=\"why\">{}</span><span class=\"since\">since {}, {}</span></li>\n",
            clean(&entry.address),
            why(entry),
            html::time(entry.since, page.now),
            whose(entry)
        ));
    }
    html.push(markup!("</ol>\n"));
    if page.entries.is_empty() {
        html.push(markup!("<p class=\"nobody\">Nobody is suppressed.</p>\n"));
    }
    if let Some(next) = page.next() {
        html.push(markup!("<nav class=\"pages\"><a rel=\"next\" href=\"{}\">Next page</a></nav>\n", clean(&next)));
    }
    html + markup!("</main>\n</body>\n</html>\n")
}
