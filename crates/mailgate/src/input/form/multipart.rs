//! `multipart/form-data` (RFC 7578, RFC 2046 5.1). Read strictly: if readers could differ on the parts, nobody could tell what was sent.
//! Files are not copied; only their position is stored.
#![forbid(unsafe_code)]

use super::disposition::{self, Disposition};
use super::{Collected, FormError, FormInputError, RawField, RawValue, charset};
use crate::submission::Extent;
use mail::content_type::ContentType;
use mail::header::HeaderValue;
use memchr::memchr;
use std::io::{BufRead, Read};
use sys::spool::{Reader, Spool};

/// The largest header of a part, in octets.
const MAX_HEADER: usize = 8 * 1024;

/// The fields of the body, whose parts this boundary separates.
pub fn read(spool: &Spool, boundary: &str) -> Result<Vec<RawField>, FormInputError> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut body = Body { spool, reader: spool.reader(), at: 0 };
    let mut collected = Collected::default();
    body.begin(&delimiter)?;
    while body.goes_on()? {
        let start = body.at;
        let header = PartHeader::read(&mut body)?;
        let source = body.content(&delimiter, start)?;
        collected.push(field(&body, header, source, start, collected.room())?, start)?;
    }
    body.end()?;
    Ok(collected.fields)
}

/// The field of a part; a text longer than `room` is an error.
fn field(
    body: &Body<'_>,
    header: PartHeader,
    source: Extent,
    start: u64,
    room: usize,
) -> Result<RawField, FormInputError> {
    let Disposition { name, file } = header.disposition;
    let is_text = header.content_type.as_ref().is_none_or(|(essence, _)| essence.starts_with("text/"));
    let value = match file {
        None if is_text => {
            if source.len > room as u64 {
                return Err(FormError::TooMuchText.into());
            }
            let mut octets = Vec::new();
            body.spool.reader_at(source.offset).take(source.len).read_to_end(&mut octets)?;
            let label = header.content_type.and_then(|(_, known)| Some(known?.charset()?.to_owned()));
            RawValue::Text { octets, charset: label.and_then(|label| charset::named(label.as_bytes())) }
        }
        None if header.content_type.as_ref().is_some_and(|(essence, _)| essence.starts_with("multipart/")) => {
            return Err(FormError::malformed(start, "a part holds parts; send each file as a part of its own").into());
        }
        // A file field that was left empty (HTML 4.10.21.4).
        Some(file) if file.is_empty() && source.len == 0 => RawValue::NoFile,
        file => {
            // Parts within it are left alone: they are the contents of a file.
            let content_type = header.content_type.and_then(|(_, known)| known);
            let content_type = content_type.filter(|known| !known.is_multipart() && !known.is_message());
            RawValue::File { name: file.unwrap_or_default(), content_type, source }
        }
    };
    Ok(RawField { name, value })
}

/// The body, up to where it was read.
struct Body<'s> {
    spool: &'s Spool,
    reader: Reader<'s>,
    /// The offset of the next octet.
    at: u64,
}

impl Body<'_> {
    fn malformed(&self, what: &'static str) -> FormInputError {
        FormError::malformed(self.at, what).into()
    }

    /// The first delimiter. RFC 2046 allows text before it, which no browser sends and which would be lost.
    fn begin(&mut self, delimiter: &[u8]) -> Result<(), FormInputError> {
        let mut first = Vec::new();
        (&mut self.reader).take(delimiter.len() as u64 - 2).read_to_end(&mut first)?;
        if first.starts_with(b"\r\n") {
            (&mut self.reader).take(2).read_to_end(&mut first)?;
        }
        if first != delimiter && first != delimiter[2..] {
            return Err(self.malformed("it does not begin with -- and the boundary that Content-Type names"));
        }
        self.at = first.len() as u64;
        Ok(())
    }

    /// After a delimiter: whether a part follows. A line that continues otherwise is a delimiter to some readers and text to others.
    fn goes_on(&mut self) -> Result<bool, FormInputError> {
        let line = self.line(MAX_HEADER)?;
        match line.as_slice() {
            [b'-', b'-', rest @ ..] if rest.trim_ascii().is_empty() => Ok(false),
            line if line.ends_with(b"\r\n") && line.trim_ascii().is_empty() => Ok(true),
            b"" => Err(self.malformed("it ends before the last boundary, which has -- behind it")),
            _ => Err(self.malformed("a line begins like the boundary and goes on otherwise")),
        }
    }

    /// Nothing may follow the last delimiter: it would be lost.
    fn end(&mut self) -> Result<(), FormInputError> {
        loop {
            let line = self.line(MAX_HEADER)?;
            match line.as_slice() {
                b"" => return Ok(()),
                line if line.trim_ascii().is_empty() => {}
                _ => return Err(self.malformed("something stands behind the last boundary")),
            }
        }
    }

    /// The octets up to the next LF, inclusive, at most `max`.
    fn line(&mut self, max: usize) -> Result<Vec<u8>, FormInputError> {
        let mut line = Vec::new();
        (&mut self.reader).take(max as u64).read_until(b'\n', &mut line)?;
        self.at += line.len() as u64;
        Ok(line)
    }

    /// Everything before the next delimiter, which is read too. The line end before the delimiter belongs to it, even the one that ends the
    /// header.
    fn content(&mut self, delimiter: &[u8], part: u64) -> Result<Extent, FormInputError> {
        let offset = self.at;
        if !self.pass(delimiter)? {
            return Err(FormError::malformed(part, "a part does not end; the boundary behind it is missing").into());
        }
        Ok(Extent { offset, len: (self.at - delimiter.len() as u64).saturating_sub(offset) })
    }

    /// Reads to the end of the next delimiter, if there is one. A delimiter holds only one CR, at its start, so after a mismatch only a new
    /// start is possible.
    fn pass(&mut self, delimiter: &[u8]) -> Result<bool, FormInputError> {
        let mut matched = 2;
        while matched < delimiter.len() {
            let octets = self.reader.fill_buf()?;
            if octets.is_empty() {
                return Ok(false);
            }
            let mut used = 0;
            while used < octets.len() && matched < delimiter.len() {
                if matched == 0 {
                    let found = memchr(b'\r', &octets[used..]);
                    used = found.map_or(octets.len(), |found| used + found + 1);
                    matched = usize::from(found.is_some());
                    continue;
                }
                matched = match octets[used] {
                    octet if octet == delimiter[matched] => matched + 1,
                    b'\r' => 1,
                    _ => 0,
                };
                used += 1;
            }
            self.reader.consume(used);
            self.at += used as u64;
        }
        Ok(true)
    }
}

/// The header of a part.
struct PartHeader {
    disposition: Disposition,
    /// Type and subtype, and the whole value if it can be parsed.
    content_type: Option<(String, Option<ContentType>)>,
}

impl PartHeader {
    fn read(body: &mut Body<'_>) -> Result<Self, FormInputError> {
        let (mut disposition, mut content_type) = (None, None);
        let mut room = MAX_HEADER;
        loop {
            let start = body.at;
            let bad = |what| FormInputError::from(FormError::malformed(start, what));
            let line = body.line(room)?;
            room -= line.len();
            let line = match line.strip_suffix(b"\r\n") {
                Some(line) => line,
                None if room == 0 => return Err(bad("the header of a part is longer than 8 KiB")),
                None => return Err(bad("a line in the header of a part does not end in CR LF")),
            };
            if line.is_empty() {
                break;
            }
            if line.iter().any(|octet| matches!(octet, 0 | b'\r' | b'\n')) {
                return Err(bad("the header of a part holds NUL or CR"));
            }
            let colon = line
                .iter()
                .position(|octet| *octet == b':')
                .ok_or_else(|| bad("a line in the header of a part has no :"))?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.is_empty() || !name.iter().all(|octet| octet.is_ascii_graphic()) {
                return Err(bad("a line in the header of a part does not begin with a name"));
            }
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            let twice = if is("Content-Disposition") {
                disposition.replace(disposition::parse(value).map_err(bad)?).is_some()
            } else if is("Content-Type") {
                content_type.replace(media_type(value)).is_some()
            } else {
                false
            };
            if twice {
                return Err(bad("a part has Content-Disposition or Content-Type twice"));
            }
            // RFC 7578 4.7: deprecated. Accepted if it needs no decoding.
            let is_plain = ["7bit", "8bit", "binary"].iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
            if is("Content-Transfer-Encoding") && !is_plain {
                return Err(bad("Content-Transfer-Encoding is not for forms; send the octets as they are"));
            }
        }
        let missing = || FormInputError::from(FormError::malformed(body.at, "a part has no Content-Disposition"));
        Ok(PartHeader { disposition: disposition.ok_or_else(missing)?, content_type })
    }
}

fn media_type(value: &[u8]) -> (String, Option<ContentType>) {
    let known = HeaderValue::from_field(value).ok().and_then(|value| ContentType::parse(&value).ok());
    let essence = value.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    (String::from_utf8_lossy(&essence).into_owned(), known)
}
