//! What the dialects have in common: the fields of a mail, its text, its HTML and its files -> fields and a tree of parts: text and HTML
//! are `multipart/alternative`, HTML and its images `multipart/related` (RFC 2387), files beside them `multipart/mixed`.
#![forbid(unsafe_code)]

use super::JsonError;
use super::file::File;
use super::tree::Located;
use crate::submission::{Extent, Label, Leaf, Part};
use mail::address::{AddressList, Mailbox};
use mail::content_type::ContentType;
use mail::encode;
use mail::header::{HeaderName, HeaderValue};
use std::sync::{Arc, LazyLock};

/// A mail that was read.
#[derive(Clone, Debug)]
pub struct JsonMail {
    /// Its own fields.
    own: Vec<(String, String)>,
    own_labels: Vec<Label>,
    /// What it has in common with the other mails of its body.
    common: Arc<Common>,
}

/// What several mails have in common.
#[derive(Debug)]
pub struct Common {
    fields: Vec<(String, String)>,
    labels: Vec<Label>,
    root: Part,
}

impl JsonMail {
    /// A mail with fields and labels of its own, which take the place of common ones.
    pub fn new(own: Vec<(String, String)>, own_labels: Vec<Label>, common: Arc<Common>) -> Self {
        JsonMail { own, own_labels, common }
    }

    /// The fields of its header, which nobody has judged yet.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_own = |name: &str| self.own.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let common = self.common.fields.iter().filter(move |(name, _)| !is_own(name));
        self.own.iter().chain(common).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The field of this name, as the client wrote it.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// What the sender calls it by.
    pub fn labels(&self) -> Vec<Label> {
        let is_own = |label: &&Label| self.own_labels.iter().any(|own| own.name == label.name);
        let common = self.common.labels.iter().filter(|label| !is_own(label));
        self.own_labels.iter().chain(common).cloned().collect()
    }

    /// Its contents.
    pub fn root(&self) -> &Part {
        &self.common.root
    }
}

/// A mail that is being read.
#[derive(Debug, Default)]
pub struct Mail {
    fields: Vec<(String, String)>,
    labels: Vec<Label>,
    text: Option<Extent>,
    html: Option<Extent>,
    files: Vec<File>,
}

/// The fields that the JSON has members of its own for, or that say what only we know.
const OWN: &[&str] = &["To", "Cc", "Bcc", "From", "Reply-To", "Subject", "MIME-Version"];

impl Mail {
    /// The subject, which is text: what looks like an encoded-word in it is none.
    pub fn subject(&mut self, found: &Located) -> Result<(), JsonError> {
        self.fields.push(("Subject".to_owned(), encode::literal(found.line()?)));
        Ok(())
    }

    /// A field of addresses that were read apart from their names.
    pub fn mailboxes(&mut self, name: &str, mailboxes: &[Mailbox]) {
        let list: Vec<_> = mailboxes.iter().map(Mailbox::to_string).collect();
        self.fields.push((name.to_owned(), list.join(", ")));
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
        self.fields.push((name.to_owned(), found.line()?.to_owned()));
        Ok(())
    }

    /// The text; whether there was none before.
    pub fn text(&mut self, found: Option<Located>) -> Result<bool, JsonError> {
        let text = found.map(|found| found.stored()).transpose()?;
        Ok(std::mem::replace(&mut self.text, text).is_none())
    }

    /// The HTML; whether there was none before.
    pub fn html(&mut self, found: Option<Located>) -> Result<bool, JsonError> {
        let html = found.map(|found| found.stored()).transpose()?;
        Ok(std::mem::replace(&mut self.html, html).is_none())
    }

    /// An attachment, or an image of the HTML.
    pub fn file(&mut self, file: File) {
        self.files.push(file);
    }

    /// What the sender calls it by.
    pub fn labels(&mut self, labels: Vec<Label>) {
        self.labels.extend(labels);
    }

    /// Its fields alone.
    pub fn into_fields(self) -> Vec<(String, String)> {
        self.fields
    }

    /// All of it; `members` names those that one of must be there.
    pub fn finish(self, members: &str) -> Result<JsonMail, JsonError> {
        self.into_common(members).map(|common| JsonMail::new(Vec::new(), Vec::new(), Arc::new(common)))
    }

    /// The same, for several mails.
    pub fn into_common(self, members: &str) -> Result<Common, JsonError> {
        let Mail { fields, labels, text, html, files } = self;
        let (images, attachments): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| file.is_inline && html.is_some());
        let html = html.map(|html| {
            let html = leaf(&HTML, html);
            group(
                "related",
                std::iter::once(html).chain(images.into_iter().map(|file| Part::Leaf(file.leaf))).collect(),
            )
        });
        let text = text.map(|text| leaf(&TEXT, text));
        let body: Vec<Part> = text.into_iter().chain(html).collect();
        let body = (!body.is_empty()).then(|| group("alternative", body));
        let parts: Vec<Part> =
            body.into_iter().chain(attachments.into_iter().map(|file| Part::Leaf(file.leaf))).collect();
        if parts.is_empty() {
            return Err(JsonError::member("", format!("one of {members} is needed")));
        }
        Ok(Common { fields, labels, root: group("mixed", parts) })
    }
}

static HTML: LazyLock<ContentType> = LazyLock::new(|| constant("text/html; charset=utf-8"));
static TEXT: LazyLock<ContentType> = LazyLock::new(|| constant("text/plain; charset=utf-8"));

fn constant(content_type: &str) -> ContentType {
    let value = HeaderValue::parse(content_type).expect("a constant of ASCII");
    ContentType::parse(&value).expect("a constant media type")
}

fn leaf(content_type: &ContentType, source: Extent) -> Part {
    Part::Leaf(Leaf { content_type: content_type.clone(), header: String::new(), source })
}

/// Several parts in one; a single one stays alone.
fn group(subtype: &'static str, mut parts: Vec<Part>) -> Part {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => Part::Multipart { subtype, parts: parts.into_iter().chain(last).collect() },
    }
}
