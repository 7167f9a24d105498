//! The body of an HTML form in a spool -> its fields in order: text, limited in memory, and files, which stay in the spool. Both encodings
//! of HTML: `urlencoded` (WHATWG URL 5.1) and `multipart` (RFC 7578). [`letter`] makes a mail of them.
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

/// Most fields of a form, including files.
pub const MAX_FIELDS: usize = 1000;
/// Longest name of a field, in octets.
pub const MAX_NAME: usize = 200;
/// All names and texts together, in octets.
pub const MAX_TEXT: usize = 1 << 20;

/// A form as it was filled in.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Its fields, in their order.
    pub fields: Vec<Field>,
}

/// One field; a name may occur several times.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in the form.
    pub name: String,
    /// What was filled in.
    pub value: Value,
}

/// What was filled in.
#[derive(Clone, Debug)]
pub enum Value {
    /// A file.
    File(File),
    /// A field for a file without a file.
    NoFile,
    /// Text; its lines end in LF, and it holds no control character except TAB.
    Text(String),
}

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name without a path, safe to show and to use for storage.
    pub name: String,
    /// The type that the browser declares.
    pub content_type: ContentType,
    /// The position of its octets in the body.
    pub source: Extent,
}

/// The fields of a body of this type.
pub fn read(spool: &Spool, content_type: Option<&ContentType>) -> Result<Form, FormInputError> {
    let raw = match content_type.filter(|given| given.is_multipart()).and_then(ContentType::boundary) {
        Some(boundary) => multipart::read(spool, boundary)?,
        None => urlencoded::read(spool)?,
    };
    // HTML 4.10.21.5: a browser sets the field of this name to the charset of the form.
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
    /// Adds a field that began at this octet of the body.
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

    /// How many more octets of text are accepted.
    fn room(&self) -> usize {
        MAX_TEXT - self.octets
    }
}

#[cfg(test)]
mod tests;
