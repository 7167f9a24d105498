//! The header fields of a part: left unchanged, or rewritten if a mail server could fail on them.
#![forbid(unsafe_code)]

use super::MimeError;
use crate::address::AddressList;
use crate::content_type::ContentType;
use crate::encode;
use crate::header::{HeaderError, HeaderName, HeaderValue};
use crate::structured::{self, Form};
use crate::transfer_encoding::MAX_LINE;

/// Name and value, with its folds; `None` if it is not a field (RFC 5322 2.2).
pub(super) fn split(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = octets.split_at(memchr::memchr(b':', octets)?);
    let name = name.trim_ascii_end(); // RFC 5322 4.5.1: blanks before the colon
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some((name, &value[1..]))
}

pub(super) fn is_transfer_encoding(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"Content-Transfer-Encoding")
}

/// The text of a value, unfolded.
pub(super) fn value(octets: &[u8]) -> Result<HeaderValue, HeaderError> {
    let lines = octets.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    HeaderValue::from_field(&lines.collect::<Vec<_>>().concat())
}

/// Whether the field contains something that not every mail server carries.
pub(super) fn needs_rewriting(octets: &[u8], seven_bit: bool) -> bool {
    let is_bad = |line: &[u8]| {
        line.len() > MAX_LINE || memchr::memchr2(0, b'\r', line).is_some() || seven_bit && !line.is_ascii()
    };
    octets.split(|b| *b == b'\n').any(|line| is_bad(line.strip_suffix(b"\r").unwrap_or(line)))
}

/// The whole field in ASCII and in short lines, with its final line end.
pub(super) fn rewrite(octets: &[u8]) -> Result<String, MimeError> {
    let (name, text) = split(octets).ok_or(MimeError::Field("no name"))?;
    let name = HeaderName::parse(name).map_err(|_| MimeError::Field("a name of more than 76 octets"))?;
    let value =
        value(text).map_err(|_| MimeError::Field("a control character or an encoded-word in an unknown charset"))?;
    let written = match &name {
        name if name.is("Content-Type") => {
            ContentType::parse(&value).map(|content_type| content_type.write(name)).map_err(drop)
        }
        name if name.is("Content-Disposition") => structured::write(Form::Disposition, name, &value).map_err(drop),
        name if ADDRESSES.iter().any(|field| name.is(field)) => {
            AddressList::parse(&value).map(|list| list.write(name)).map_err(drop)
        }
        _ => Err(()),
    };
    // A value that does not fit its field's grammar is written as free text, so that it is still shown.
    written.or_else(|()| encode::unstructured(&name, &value)).map_err(|_| MimeError::Field("more than 32 KiB"))
}

#[rustfmt::skip]
const ADDRESSES: &[&str] = &[
    "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc",
];
