//! What the dialects have in common: the fields of a mail, its text, its HTML and its files -> fields and a tree of parts: text and HTML
//! are `multipart/alternative`, HTML and its images `multipart/related` (RFC 2387), files beside them `multipart/mixed`.
#![forbid(unsafe_code)]

use super::JsonError;
use super::file::File;
use super::tree::Located;
use crate::submission::{Extent, Leaf, Part};
use mail::address::AddressList;
use mail::content_type::ContentType;
use mail::header::{HeaderName, HeaderValue};

/// A mail that was read.
#[derive(Clone, Debug)]
pub struct JsonMail {
    /// The fields of its header, which nobody has judged yet.
    pub fields: Vec<(String, String)>,
    /// Its contents.
    pub root: Part,
}

impl JsonMail {
    /// The field of this name, as the client wrote it.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// A mail that is being read.
#[derive(Debug, Default)]
pub struct Mail {
    fields: Vec<(String, String)>,
    text: Option<Extent>,
    html: Option<Extent>,
    files: Vec<File>,
}

/// The fields that the JSON has members of its own for, or that say what only we know.
const OWN: &[&str] = &["To", "Cc", "Bcc", "From", "Reply-To", "Subject", "MIME-Version"];

impl Mail {
    /// A field from a member of its own.
    pub fn field(&mut self, name: &str, found: &Located) -> Result<(), JsonError> {
        let value = found.text()?;
        HeaderValue::parse(value).map_err(|error| found.wrong(error.to_string()))?;
        self.fields.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// A field of addresses: a string, or an array of them.
    pub fn addresses(&mut self, name: &str, found: Option<Located>) -> Result<(), JsonError> {
        let Some(found) = found else { return Ok(()) };
        let mut list = Vec::new();
        for each in found.one_or_more()? {
            let text = each.text()?;
            let value = HeaderValue::parse(text).map_err(|error| each.wrong(error.to_string()))?;
            let read = AddressList::parse(&value).map_err(|error| each.wrong(error.to_string()))?;
            if read.is_empty() {
                return Err(each.wrong("holds no address"));
            }
            list.push(text.trim().trim_matches(',').to_owned());
        }
        self.fields.push((name.to_owned(), list.join(", ")));
        Ok(())
    }

    /// A field that the client names itself.
    pub fn header(&mut self, name: &str, found: &Located) -> Result<(), JsonError> {
        let parsed = HeaderName::parse(name.as_bytes()).map_err(|error| found.wrong(error.to_string()))?;
        let is_of_body = parsed.as_str().get(..8).is_some_and(|start| start.eq_ignore_ascii_case("Content-"));
        if is_of_body || OWN.iter().any(|own| parsed.is(own)) {
            return Err(
                found.wrong("may not stand among the headers; there is a member for it, or the server writes it")
            );
        }
        if self.fields.iter().any(|(other, _)| parsed.is(other)) {
            return Err(found.wrong("stands among the headers twice"));
        }
        self.field(name, found)
    }

    /// The text.
    pub fn text(&mut self, found: Option<Located>) -> Result<(), JsonError> {
        self.text = found.map(|found| found.stored()).transpose()?;
        Ok(())
    }

    /// The HTML.
    pub fn html(&mut self, found: Option<Located>) -> Result<(), JsonError> {
        self.html = found.map(|found| found.stored()).transpose()?;
        Ok(())
    }

    /// An attachment, or an image of the HTML.
    pub fn file(&mut self, file: File) {
        self.files.push(file);
    }

    /// All of it; `members` names those that one of must be there.
    pub fn finish(self, members: &str) -> Result<JsonMail, JsonError> {
        let Mail { fields, text, html, files } = self;
        let (images, attachments): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| file.is_inline && html.is_some());
        let html = html.map(|html| {
            let html = leaf("text/html; charset=utf-8", html);
            group(
                "related",
                std::iter::once(html).chain(images.into_iter().map(|file| Part::Leaf(file.leaf))).collect(),
            )
        });
        let text = text.map(|text| leaf("text/plain; charset=utf-8", text));
        let body: Vec<Part> = text.into_iter().chain(html).collect();
        let body = (!body.is_empty()).then(|| group("alternative", body));
        let parts: Vec<Part> =
            body.into_iter().chain(attachments.into_iter().map(|file| Part::Leaf(file.leaf))).collect();
        if parts.is_empty() {
            return Err(JsonError::member("", format!("one of {members} is needed")));
        }
        Ok(JsonMail { fields, root: group("mixed", parts) })
    }
}

fn leaf(content_type: &str, source: Extent) -> Part {
    let value = HeaderValue::parse(content_type).expect("a constant of ASCII");
    let content_type = ContentType::parse(&value).expect("a constant media type");
    Part::Leaf(Leaf { content_type, header: String::new(), source })
}

/// Several parts in one; a single one stays alone.
fn group(subtype: &'static str, mut parts: Vec<Part>) -> Part {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => Part::Multipart { subtype, parts: parts.into_iter().chain(last).collect() },
    }
}
