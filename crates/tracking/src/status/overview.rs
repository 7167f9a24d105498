//! Many messages at a glance (`GET <base>/`): what the query asks for, and the answer as a page, JSON, JSON lines, CSV, XML or text.
#![forbid(unsafe_code)]

mod bars;
mod csv;
mod html;
mod json;
mod query;
mod text;
mod xml;

pub use query::{BadParameter, Query, read_after};

use crate::store::overview::{Counts, Line, List};
use sha2::{Digest, Sha256};
use web::accept::preferred;

/// What is shown.
#[derive(Clone, Debug)]
pub struct Overview<'a> {
    /// What was asked for.
    pub query: &'a Query,
    /// What was found.
    pub list: &'a List,
    /// What is happening.
    pub counts: &'a Counts,
    /// Whether the messages of everybody are shown.
    pub is_all: bool,
    /// The base URL of the service.
    pub base: &'a str,
    /// When it is shown, in seconds since 1970.
    pub now: i64,
}

/// A form of the overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// text/csv
    Csv,
    /// text/html
    Html,
    /// application/json
    Json,
    /// application/x-ndjson
    JsonLines,
    /// text/plain
    Text,
    /// text/xml
    TextXml,
    /// application/xml
    Xml,
}

/// Best first, where the client does not mind: the word in the query, the offer, the form, the Content-Type.
const FORMS: [(&str, &str, Form, &str); 7] = [
    ("text", "text/plain", Form::Text, "text/plain; charset=utf-8"),
    ("html", "text/html", Form::Html, "text/html; charset=utf-8"),
    ("", "text/xml", Form::TextXml, "text/xml; charset=utf-8"),
    ("xml", "application/xml", Form::Xml, "application/xml"),
    ("json", "application/json", Form::Json, "application/json"),
    ("jsonl", "application/x-ndjson", Form::JsonLines, "application/x-ndjson"),
    ("csv", "text/csv", Form::Csv, "text/csv; charset=utf-8; header=present"),
];

impl Form {
    /// The form that a word of the query names.
    fn named(word: &str) -> Option<Form> {
        FORMS.iter().find(|row| row.0 == word).map(|row| row.2)
    }

    /// The media types, for the description of the service.
    pub const MEDIA_TYPES: [&str; 7] =
        [FORMS[0].1, FORMS[1].1, FORMS[2].1, FORMS[3].1, FORMS[4].1, FORMS[5].1, FORMS[6].1];

    /// The value of Content-Type.
    pub fn content_type(self) -> &'static str {
        FORMS.iter().find(|row| row.2 == self).map_or(FORMS[0].3, |row| row.3)
    }
}

impl Query {
    /// The form this query or `accept` likes best; `None` where it accepts none.
    pub fn form(&self, accept: Option<&str>) -> Option<Form> {
        self.form.or_else(|| {
            let offer = preferred(accept, &FORMS.map(|row| row.1))?;
            FORMS.iter().find(|row| row.1 == offer).map(|row| row.2)
        })
    }
}

impl Overview<'_> {
    /// The octets of a body.
    pub fn render(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Csv => csv::page(self),
            Form::Html => html::page(self).into_string(),
            Form::Json => json::page(self),
            Form::JsonLines => json::lines(self),
            Form::Text => text::page(self),
            Form::TextXml | Form::Xml => xml::page(self).into_string(),
        }
        .into_bytes()
    }

    /// The same as long as nothing that is shown has changed but the time: RFC 9110 8.8.3, a weak one, since "3 minutes ago" changes.
    pub fn tag(&self, form: Form) -> String {
        let what = format!("{form:?} {} {} {:?} {:?} {:?}", self.base, self.is_all, self.query, self.list, self.counts);
        format!("W/\"{:x}\"", Sha256::digest(what))
    }

    /// The URL of the next page, if there is one.
    pub fn next(&self) -> Option<String> {
        self.list.next.as_ref().map(|cursor| self.query.url(self.base, &[("cursor", &query::write_cursor(cursor))]))
    }

    /// The URL of the page of one recipient; `None` where there is none, since the message had no id.
    fn url_of(&self, line: &Line) -> Option<String> {
        (!line.message_id.is_empty()).then(|| super::url::recipient(self.base, &line.message_id, &line.address))
    }
}

/// Whether If-None-Match names this tag (RFC 9110 13.1.2: the weak comparison).
pub fn matches(if_none_match: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if_none_match.split(',').any(|one| one.trim() == "*" || opaque(one) == opaque(tag))
}
