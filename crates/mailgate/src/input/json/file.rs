//! A file of a JSON mail -> a part with its Content-Disposition (RFC 2183) and, where the HTML shows it, its Content-ID (RFC 2392).
#![forbid(unsafe_code)]

use super::JsonError;
use super::tree::Located;
use crate::submission::{Extent, Leaf};
use mail::content_type::ContentType;
use mail::header::{HeaderName, HeaderValue};
use mail::structured::{self, Form};
use web::escape::is_hidden;

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// The part that it becomes.
    pub leaf: Leaf,
    /// The HTML shows it.
    pub is_inline: bool,
}

/// What the client says of a file.
#[derive(Debug, Default)]
pub struct FileDescription {
    /// Its name.
    pub name: Option<Located>,
    /// Its type; without it the name tells.
    pub content_type: Option<Located>,
    /// By what the HTML calls it.
    pub content_id: Option<Located>,
}

/// Longest name, in characters.
const MAX_NAME: usize = 200;

impl File {
    /// The file with these octets.
    pub fn new(words: FileDescription, source: Extent) -> Result<File, JsonError> {
        let name = words.name.as_ref().map(name).transpose()?.filter(|name| !name.is_empty());
        let content_type = match &words.content_type {
            Some(found) => content_type(found)?,
            None => guess(name.as_deref().unwrap_or_default()),
        };
        let content_id = words.content_id.as_ref().map(content_id).transpose()?;
        let mut header = disposition(content_id.is_some(), name.as_deref()).ok_or_else(|| {
            words.name.as_ref().map_or_else(|| JsonError::member("", UNFIT), |found| found.wrong(UNFIT))
        })?;
        if let Some(id) = &content_id {
            header += &format!("Content-ID: <{id}>\n");
        }
        Ok(File { leaf: Leaf { content_type, header, source }, is_inline: content_id.is_some() })
    }
}

const UNFIT: &str = "cannot stand in a mail as the name of a file";

/// The name without folders and without what nobody sees.
fn name(found: &Located) -> Result<String, JsonError> {
    let text = found.text()?;
    let name: String = text.rsplit(['/', '\\']).next().unwrap_or_default().chars().filter(|c| !is_hidden(*c)).collect();
    match name.chars().count() > MAX_NAME {
        true => Err(found.wrong("is longer than 200 characters")),
        false => Ok(name.trim().to_owned()),
    }
}

fn content_type(found: &Located) -> Result<ContentType, JsonError> {
    let value = HeaderValue::parse(found.text()?).map_err(|error| found.wrong(error.to_string()))?;
    let content_type = ContentType::parse(&value).map_err(|error| found.wrong(error.to_string()))?;
    match content_type.is_multipart() || content_type.is_message() {
        true => Err(found.wrong("is the type of a message or of several parts; attach it as application/octet-stream")),
        false => Ok(content_type),
    }
}

/// Without `cid:` and angle brackets, which some write.
fn content_id(found: &Located) -> Result<String, JsonError> {
    let text = found.text()?.trim();
    let text = text.strip_prefix("cid:").unwrap_or(text).trim_start_matches('<').trim_end_matches('>');
    let is_fit = |octet: u8| octet.is_ascii_graphic() && !b"<>()\\\",".contains(&octet);
    match (1..=200).contains(&text.len()) && text.bytes().all(is_fit) {
        true => Ok(text.to_owned()),
        false => Err(found.wrong("must be 1 to 200 letters, digits and signs of ASCII without blanks and brackets")),
    }
}

fn disposition(is_inline: bool, name: Option<&str>) -> Option<String> {
    let kind = if is_inline { "inline" } else { "attachment" };
    let quoted = name.map(|name| format!("; filename=\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")));
    let value = HeaderValue::parse(&format!("{kind}{}", quoted.unwrap_or_default())).ok()?;
    let field = HeaderName::parse(b"Content-Disposition").expect("a constant of letters and a hyphen");
    structured::write(Form::Disposition, &field, &value).ok()
}

/// By the end of the name; what is not known is octets.
fn guess(name: &str) -> ContentType {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let known = TYPES.iter().find(|(ends, _)| ends.split(' ').any(|known| known.eq_ignore_ascii_case(end)));
    let value = known.and_then(|(_, essence)| HeaderValue::parse(essence).ok());
    value.and_then(|value| ContentType::parse(&value).ok()).unwrap_or_else(ContentType::octet_stream)
}

/// The files that people send (IANA media types). Text stays out but for the kinds that a mail program shows: a charset would be a guess.
const TYPES: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm html", "text/html"),
    ("ics", "text/calendar"),
    ("jpg jpeg", "image/jpeg"),
    ("json", "application/json"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("webp", "image/webp"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];
