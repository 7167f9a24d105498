//! A header field that a check adds -> a line of the mail. A valid field is kept unchanged, fold for fold: a signature covers its own field
//! (RFC 6376 3.7). Any other is rewritten by our serializer, or refused.
#![forbid(unsafe_code)]

use mail::encode;
use mail::header::{HeaderName, HeaderValue};
use mail::text::one_line;
use std::fmt;

/// A field with its folds and its last LF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    line: Vec<u8>,
    /// The position of the colon.
    colon: usize,
}

/// Why a field is not allowed in the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable(String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longest line; Sendmail cuts there.
const MAX_LINE: usize = 990;

impl Field {
    /// A field of a finished message.
    pub(super) fn of_message(line: Vec<u8>) -> Field {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len().saturating_sub(1));
        Field { line, colon }
    }

    /// A field from somebody else; `space` is what separates the colon and the value.
    pub fn new(name: &[u8], value: &[u8], space: &str) -> Result<Field, Unwritable> {
        let unwritable = |why: &dyn fmt::Display| Unwritable(format!("field {}: {why}", one_line(name, 80)));
        let checked = HeaderName::parse(name).map_err(|error| unwritable(&error))?;
        if HIDDEN.iter().any(|hidden| checked.is(hidden)) {
            return Err(unwritable(&"it would show recipients that nobody may see"));
        }
        let value = without_crlf(value);
        let value = value.strip_suffix(b"\n").unwrap_or(&value);
        if value.windows(2).any(|two| two[0] == b'\n' && !matches!(two[1], b' ' | b'\t')) || value.ends_with(b"\n") {
            return Err(unwritable(&"a line end that does not fold it"));
        }
        let line = [name, b":", space.as_bytes(), value, b"\n"].concat();
        if stands_as_it_is(&line) {
            return Ok(Field { line, colon: name.len() });
        }
        let text: Vec<u8> = value.iter().copied().filter(|byte| *byte != b'\n').collect();
        let value = HeaderValue::from_field(&text).map_err(|error| unwritable(&error))?;
        let line = encode::unstructured(&checked, &value).map_err(|error| unwritable(&error))?;
        Ok(Field { line: line.into_bytes(), colon: checked.as_str().len() })
    }

    /// Whether this is the field `name`, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// The name as spelled.
    pub fn name(&self) -> &[u8] {
        &self.line[..self.colon]
    }

    /// The value after the colon; its folds are LF and a blank, and the final line end is left out.
    pub fn value(&self) -> &[u8] {
        let value = self.line.get(self.colon + 1..).unwrap_or_default();
        value.strip_suffix(b"\n").unwrap_or(value)
    }

    /// The whole field, with its last LF.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

/// Fields that no delivered copy may show.
const HIDDEN: &[&str] = &["Bcc", "Resent-Bcc"];

fn without_crlf(value: &[u8]) -> Vec<u8> {
    let mut lines = value.split(|byte| *byte == b'\n').peekable();
    let mut text = Vec::with_capacity(value.len());
    while let Some(line) = lines.next() {
        let folds = lines.peek().is_some();
        text.extend_from_slice(if folds { line.strip_suffix(b"\r").unwrap_or(line) } else { line });
        text.extend(folds.then_some(b'\n'));
    }
    text
}

/// Printable ASCII in lines that every mail server accepts, none of them blank: four MTAs would end the header there.
fn stands_as_it_is(line: &[u8]) -> bool {
    let plain = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e);
    let mut lines = line.strip_suffix(b"\n").unwrap_or(line).split(|byte| *byte == b'\n');
    lines.all(|line| line.len() <= MAX_LINE && line.iter().all(plain) && !line.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, value: &[u8]) -> Result<String, String> {
        Field::new(name.as_bytes(), value, " ")
            .map(|field| String::from_utf8(field.line().to_vec()).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_can_stand_as_it_was_given_does() {
        for (name, value, line) in [
            ("X-A", "b", "X-A: b\n"),
            ("x-a", "b", "x-a: b\n"),
            ("X-A", "", "X-A: \n"),
            ("X-A", "b\n", "X-A: b\n"),
            ("DKIM-Signature", "v=1; a=rsa;\n\tb=x\r\n \ty", "DKIM-Signature: v=1; a=rsa;\n\tb=x\n \ty\n"),
            ("Subject", "=?utf-8?q?=C3=A4?=", "Subject: =?utf-8?q?=C3=A4?=\n"),
        ] {
            assert_eq!(written(name, value.as_bytes()).as_deref(), Ok(line), "{name}");
        }
    }

    #[test]
    fn anything_else_is_written_anew_or_not_at_all() {
        let long = "word ".repeat(300);
        for (value, part) in [
            ("Gr\u{fc}n".as_bytes(), "=?utf-8?"),
            (b"a\xe4b", "=?utf-8?"),
            (long.as_bytes(), "word word\n word"),
            (b"a\n \n\tb", "a \tb"),
        ] {
            let line = written("X-A", value).unwrap();
            assert!(line.is_ascii() && line.ends_with('\n') && line.to_lowercase().contains(part), "{line:?}");
            assert!(line.lines().all(|line| line.len() <= 990 && !line.trim().is_empty()), "{line:?}");
            assert!(line.lines().skip(1).all(|line| line.starts_with([' ', '\t'])), "{line:?}");
        }
        for (name, value) in [
            ("X-A", &b"a\r\nBcc: b@c"[..]),
            ("X-A", b"a\nb"),
            ("X-A", b"a\n\nb"),
            ("X-A", b"a\n\n"),
            ("X-A", b"a\rb"),
            ("X-A", b"a\r"),
            ("X-A", b"a\0b"),
            ("X-A", b"a\x1bb"),
            ("X A", b"b"),
            ("X-A:", b"b"),
            ("", b"b"),
            ("X\r\nBcc", b"b"),
            ("bcc", b"a@b.test"),
            ("Resent-Bcc", b"a@b.test"),
        ] {
            assert!(written("X-A", b"a").is_ok() && written(name, value).is_err(), "{name} {value:?}");
        }
    }
}
