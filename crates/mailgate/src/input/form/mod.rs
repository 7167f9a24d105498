//! The body of an HTML form in a spool -> its fields in their order: text, bounded in memory, and files, which stay where they are. Both codings
//! of HTML: `urlencoded` (WHATWG URL 5.1) and `multipart` (RFC 7578). What a mail is made of them says [`letter`].
#![forbid(unsafe_code)]

pub mod challenge;
mod charset;
mod disposition;
pub mod error;
pub mod file_name;
mod label;
pub mod letter;
mod multipart;
pub mod rules;
mod urlencoded;

pub use error::{Fault, FormError, FormInputError};

use crate::submission::Extent;
use encoding_rs::Encoding;
use mail::content_type::ContentType;
use sys::spool::Spool;

/// Most fields of a form, files among them.
pub const MAX_FIELDS: usize = 1000;
/// Longest name of a field, in octets.
pub const MAX_NAME: usize = 200;
/// All names and texts together, in octets.
pub const MAX_TEXT: usize = 1 << 20;

/// A form as somebody filled it in.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Its fields, in their order.
    pub fields: Vec<Field>,
}

/// One field; a name may be there several times.
#[derive(Clone, Debug)]
pub struct Field {
    /// As it stands in the form.
    pub name: String,
    /// What was filled in.
    pub value: Value,
}

/// What was filled in.
#[derive(Clone, Debug)]
pub enum Value {
    /// A file.
    File(File),
    /// A field for a file, and none was chosen.
    NoFile,
    /// Text; its lines end in LF, and no other control character but TAB is in it.
    Text(String),
}

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name without a path, safe to be shown and to be stored under.
    pub name: String,
    /// What the browser takes it for.
    pub content_type: ContentType,
    /// Where its octets lie in the body.
    pub source: Extent,
}

/// The fields of a body of this type.
pub fn read(spool: &Spool, content_type: Option<&ContentType>) -> Result<Form, FormInputError> {
    let raw = match content_type.filter(|given| given.is_multipart()).and_then(ContentType::boundary) {
        Some(boundary) => multipart::read(spool, boundary)?,
        None => urlencoded::read(spool)?,
    };
    // HTML 4.10.21.5: a browser fills the field of this name with the charset of the form.
    let named = raw.iter().find(|field| field.name == b"_charset_").and_then(|field| match &field.value {
        RawValue::Text { octets, .. } => charset::named(octets),
        RawValue::File { .. } | RawValue::NoFile => None,
    });
    Ok(Form { fields: raw.into_iter().map(|field| field.decode(named)).collect() })
}

/// A field before its charset is known.
#[derive(Debug)]
struct RawField {
    name: Vec<u8>,
    value: RawValue,
}

#[derive(Debug)]
enum RawValue {
    File { name: Vec<u8>, content_type: Option<ContentType>, source: Extent },
    NoFile,
    Text { octets: Vec<u8>, charset: Option<&'static Encoding> },
}

impl RawField {
    fn decode(self, named: Option<&'static Encoding>) -> Field {
        let name = charset::decode(&self.name, named);
        let value = match self.value {
            RawValue::Text { octets, charset } => {
                Value::Text(label::lines(&charset::decode(&octets, charset.or(named))))
            }
            RawValue::NoFile => Value::NoFile,
            RawValue::File { name, content_type, source } => Value::File(File {
                name: file_name::clean(&charset::decode(&name, named)),
                content_type: content_type.unwrap_or_else(ContentType::octet_stream),
                source,
            }),
        };
        Field { name, value }
    }
}

/// The fields so far, within the limits.
#[derive(Debug, Default)]
struct Collected {
    fields: Vec<RawField>,
    octets: usize,
}

impl Collected {
    /// One more, that began at this octet of the body.
    fn push(&mut self, field: RawField, at: u64) -> Result<(), FormError> {
        if field.name.is_empty() {
            return Err(FormError::malformed(at, "a field has no name"));
        }
        if field.name.len() > MAX_NAME {
            return Err(FormError::malformed(at, "a name of a field is longer than 200 octets"));
        }
        if self.fields.len() == MAX_FIELDS {
            return Err(FormError::malformed(at, "there are more than 1000 fields"));
        }
        let text = match &field.value {
            RawValue::File { name, .. } => name.len(),
            RawValue::NoFile => 0,
            RawValue::Text { octets, .. } => octets.len(),
        };
        self.octets += field.name.len() + text;
        if self.octets > MAX_TEXT {
            return Err(FormError::TooMuchText);
        }
        self.fields.push(field);
        Ok(())
    }

    /// How many octets of text are still taken.
    fn room(&self) -> usize {
        MAX_TEXT - self.octets
    }
}

#[cfg(test)]
mod tests;
