//! The octets of a mail -> its parts (RFC 2046 5.1), at most [`super::MAX_PARTS`] and not nested deeper than [`super::MAX_DEPTH`].
//! mail-parser does the intricate work: media type parameters (RFC 2231), transfer encodings, character sets. It does not get the whole
//! mail: 0.11.5 has no limits of its own, searches the rest of the mail again for every missing boundary, drops nested messages by
//! recursion, and does not know mails whose lines end in CR. A returned message stays one part; its contents are its sender's.
#![forbid(unsafe_code)]

use super::{Error, MAX_DEPTH, MAX_PARTS, parse};
use mail_parser::decoders::{
    base64::base64_decode, charsets::map::charset_decoder, quoted_printable::quoted_printable_decode,
};
use mail_parser::{HeaderValue, parsers::MessageStream};
use memchr::{memchr, memmem};
use std::borrow::Cow;

/// How much of a header is searched for a field; a typical header has about 10 KiB.
const MAX_HEADER: usize = 256 << 10;
/// How much of a text is read as wording.
const MAX_TEXT: usize = 64 << 10;

/// How many more parts are allowed.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// For one mail.
    pub fn new() -> Self {
        Self(MAX_PARTS)
    }

    fn take(&mut self) -> Result<(), Error> {
        self.0 = self.0.checked_sub(1).ok_or(Error::TooManyParts)?;
        Ok(())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

/// The fields before a body, as received.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a>(&'a [u8]);

/// A mail, or a part of one.
#[derive(Debug)]
pub struct Part<'a> {
    /// Its own header.
    pub header: Header<'a>,
    /// `text/plain`, in lower case; also the default (RFC 2045 5.2).
    pub media: String,
    /// As received: still encoded, with LF line ends.
    pub body: &'a [u8],
    /// The parts of a multipart; empty for anything else.
    pub parts: Vec<Part<'a>>,
    /// 0 is the mail itself.
    pub depth: usize,
    parameters: Vec<(String, String)>,
}

/// CRLF, and CR where there is no LF at all, -> LF. A CR in the middle of a line stays.
pub fn unify_line_ends(mail: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\r', mail).is_none() {
        return mail.into();
    }
    if memchr(b'\n', mail).is_none() {
        return mail.iter().map(|b| if *b == b'\r' { b'\n' } else { *b }).collect();
    }
    let mut unified = Vec::with_capacity(mail.len());
    let mut left = mail;
    while let Some(at) = memchr(b'\r', left) {
        let (line, rest) = left.split_at(at);
        unified.extend_from_slice(line);
        // CR CR LF is a CRLF that was converted twice
        let run = rest.iter().take_while(|b| **b == b'\r').count();
        let (run, rest) = rest.split_at(run);
        if !rest.starts_with(b"\n") {
            unified.extend_from_slice(run);
        }
        left = rest;
    }
    unified.extend_from_slice(left);
    unified.into()
}

impl<'a> Header<'a> {
    /// A block of fields that is itself a body, such as `text/rfc822-headers`.
    pub fn of(block: &'a [u8]) -> Self {
        Self(block.get(..MAX_HEADER).unwrap_or(block))
    }

    /// The first field of that name, in any case, unfolded; a field after a broken line is found too.
    pub fn value(self, name: &str) -> Option<Cow<'a, str>> {
        self.values(name).next()
    }

    /// All fields of that name.
    pub fn values<'n>(self, name: &'n str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 'n> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            while !left.is_empty() {
                let here = left;
                let end = memchr(b'\n', left).map_or(left.len(), |at| at + 1);
                left = left.get(end..).unwrap_or_default();
                let is_it = here.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
                    && here.get(name.len()..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"));
                if !is_it {
                    continue;
                }
                let mut len = end;
                while matches!(here.get(len), Some(b' ' | b'\t')) {
                    let rest = here.get(len..).unwrap_or_default();
                    len += memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                }
                match String::from_utf8_lossy(here.get(..len).unwrap_or_default()) {
                    Cow::Borrowed(text) => {
                        if let Ok((_, field)) = parse::field(text) {
                            return Some(field.body);
                        }
                    }
                    Cow::Owned(text) => {
                        if let Ok((_, field)) = parse::field(&text) {
                            return Some(field.body.into_owned().into());
                        }
                    }
                }
            }
            None
        })
    }

    /// The words of an unstructured field, RFC 2047 decoded.
    pub fn words(self, name: &str) -> Option<String> {
        let mut line = self.value(name)?.into_owned();
        line.push('\n');
        match MessageStream::new(line.as_bytes()).parse_unstructured() {
            HeaderValue::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }
}

impl<'a> Part<'a> {
    /// The whole mail.
    pub fn read(mail: &'a [u8], budget: &mut Budget) -> Result<Self, Error> {
        // mbox files and some pipes keep their "From " line
        let mail = match mail.strip_prefix(b"From ").or_else(|| mail.strip_prefix(b">From ")) {
            Some(rest) => memchr(b'\n', rest).and_then(|at| rest.get(at + 1..)).unwrap_or_default(),
            None => mail,
        };
        // and some put empty lines before the first field
        let text = mail.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(mail.len());
        let blank = mail.get(..text).and_then(|space| space.iter().rposition(|b| *b == b'\n')).map_or(0, |at| at + 1);
        Self::read_at(mail.get(blank..).unwrap_or_default(), 0, budget)
    }

    /// The message inside a message/rfc822 part.
    pub fn read_inside(part: &Part<'a>, budget: &mut Budget) -> Result<Self, Error> {
        let start = part.body.iter().take_while(|b| **b == b'\n').count();
        Self::read_at(part.body.get(start..).unwrap_or_default(), part.depth + 1, budget)
    }

    fn read_at(octets: &'a [u8], depth: usize, budget: &mut Budget) -> Result<Self, Error> {
        budget.take()?;
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let (header, body) = split_header(octets);
        let content_type = header.value("content-type").and_then(|value| content_type(&value));
        let (media, parameters) = content_type.unwrap_or_else(|| ("text/plain".to_owned(), Vec::new()));
        let mut part = Part { header, media, body, parts: Vec::new(), depth, parameters };
        if let Some(boundary) = part.boundary() {
            for octets in split_body(body, &boundary) {
                part.parts.push(Self::read_at(octets, depth + 1, budget)?);
            }
        }
        Ok(part)
    }

    /// The boundary of its parts: the declared one, or, if a gateway changed a report's media type to text, the line before the
    /// delivery-status part.
    fn boundary(&self) -> Option<Cow<'a, [u8]>> {
        if self.media.starts_with("multipart/") {
            let named = self.parameter("boundary").map(|b| b.trim_end().as_bytes().to_vec()).filter(|b| !b.is_empty());
            if let Some(named) = named {
                return Some(named.into());
            }
        } else if self.depth > 0 || self.media != "text/plain" {
            return None;
        }
        let text = self.body.get(..MAX_TEXT).unwrap_or(self.body);
        let lines = || text.split(|b| *b == b'\n');
        let mut boundary = None;
        for (above, line) in lines().zip(lines().skip(1)) {
            if above.starts_with(b"--") && above.len() > 6 && starts_with_ignore_case(line, b"content-") {
                boundary = above.get(2..).map(<[u8]>::trim_ascii_end);
            }
            if starts_with_ignore_case(line, b"content-type: message/delivery-status") {
                return boundary.map(Cow::Borrowed);
            }
        }
        None
    }

    /// A parameter of the media type.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The part and everything in it, in the order of the mail.
    pub fn walk(&self) -> Box<dyn Iterator<Item = &Part<'a>> + '_> {
        Box::new(std::iter::once(self).chain(self.parts.iter().flat_map(Part::walk)))
    }

    /// message/delivery-status, or the form for UTF-8 addresses of RFC 6533.
    pub fn is_delivery_status(&self) -> bool {
        matches!(
            self.media.as_str(),
            "message/delivery-status" | "message/global-delivery-status" | "message/utf-8-delivery-status"
        )
    }

    /// multipart/report, or something that is otherwise marked as one.
    pub fn is_report(&self) -> bool {
        self.media == "multipart/report" || self.parameter("report-type").is_some()
    }

    /// A whole message.
    pub fn is_message(&self) -> bool {
        matches!(self.media.as_str(), "message/rfc822" | "message/global")
    }

    /// The header of a message.
    pub fn is_message_header(&self) -> bool {
        matches!(
            self.media.as_str(),
            "text/rfc822-headers" | "text/rfc822-header" | "message/rfc822-headers" | "message/global-headers"
        )
    }

    /// The body without its transfer encoding; unchanged if the encoding is broken.
    pub fn decoded(&self) -> Cow<'a, [u8]> {
        let encoding = self.header.value("content-transfer-encoding").unwrap_or_default();
        let encoding = encoding.trim().trim_end_matches(';');
        let decoded = if encoding.eq_ignore_ascii_case("base64") {
            base64_decode(self.body)
        } else if encoding.eq_ignore_ascii_case("quoted-printable") {
            quoted_printable_decode(self.body)
        } else {
            None
        };
        decoded.map_or(Cow::Borrowed(self.body), |octets| Cow::Owned(unify_line_ends(&octets).into_owned()))
    }

    /// The body as text, up to the length that a person would read.
    pub fn text(&self) -> String {
        let octets = self.decoded();
        let octets = octets.get(..MAX_TEXT).unwrap_or(&octets);
        let text = match (
            std::str::from_utf8(octets),
            self.parameter("charset").and_then(|c| charset_decoder(c.as_bytes())),
        ) {
            (Ok(text), None) => text.to_owned(),
            (Ok(text), Some(_)) if text.is_ascii() && !text.contains('\x1b') => text.to_owned(),
            (_, Some(decode)) => decode(octets),
            (Err(_), None) => String::from_utf8_lossy(octets).into_owned(),
        };
        if self.media == "text/html" { mail_parser::decoders::html::html_to_text(&text) } else { text }
    }
}

/// A header ends at the first empty line; a block whose first line is not a field has no header.
pub(super) fn split_header(octets: &[u8]) -> (Header<'_>, &[u8]) {
    if let Some(body) = octets.strip_prefix(b"\n") {
        return (Header(b""), body);
    }
    let first = octets.split(|b| *b == b'\n').next().unwrap_or_default();
    let name = first.split(|b| *b == b':').next().unwrap_or_default();
    if name.len() == first.len() || name.is_empty() || !name.trim_ascii_end().iter().all(|b| matches!(b, 33..=126)) {
        return (Header(b""), octets);
    }
    match memmem::find(octets, b"\n\n") {
        Some(at) => (Header::of(octets.get(..=at).unwrap_or_default()), octets.get(at + 2..).unwrap_or_default()),
        None => (Header::of(octets), b""),
    }
}

/// `delimiter = "--" boundary`, `close-delimiter = delimiter "--"`, each with white space that a hop added (RFC 2046 5.1.1). The line break
/// before a delimiter belongs to it.
fn split_body<'a>(body: &'a [u8], boundary: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut delimiter = b"\n--".to_vec();
    delimiter.extend_from_slice(boundary);
    // where the line of the last delimiter ends; `None` before the first one and after the closing one
    let mut start = None;
    let mut from = 0;
    let mut done = false;
    std::iter::from_fn(move || {
        while !done {
            let rest = body.get(from..).unwrap_or_default();
            let at_top = from == 0 && rest.starts_with(delimiter.get(1..).unwrap_or_default());
            let found = if at_top { Some(0) } else { memmem::find(rest, &delimiter) };
            let Some(at) = found.map(|at| from + at) else {
                done = true;
                return start.and_then(|start| body.get(start..));
            };
            let after = at + delimiter.len() - usize::from(at_top);
            let line_end = body.get(after..).and_then(|rest| memchr(b'\n', rest)).map_or(body.len(), |end| after + end);
            let tail = body.get(after..line_end).unwrap_or_default();
            let closes = tail.starts_with(b"--");
            let tail = if closes { tail.get(2..).unwrap_or_default() } else { tail };
            if !tail.trim_ascii().is_empty() {
                from = after;
                continue;
            }
            let previous = start.and_then(|start: usize| body.get(start..at.max(start)));
            done = closes;
            start = Some((line_end + 1).min(body.len()));
            // the line break after this line may begin the next delimiter
            from = line_end.max(1);
            if previous.is_some() {
                return previous;
            }
        }
        None
    })
}

/// The media type in lower case, and its parameters.
type ContentType = (String, Vec<(String, String)>);

fn content_type(value: &str) -> Option<ContentType> {
    let mut line = value.replace('\n', " ");
    line.push('\n');
    let HeaderValue::ContentType(of) = MessageStream::new(line.as_bytes()).parse_content_type() else { return None };
    let media = format!("{}/{}", of.ctype(), of.subtype().unwrap_or_default()).to_ascii_lowercase();
    let parameters = of.attributes().into_iter().flatten().map(|a| (a.name.to_ascii_lowercase(), a.value.to_string()));
    Some((media, parameters.collect()))
}

pub(super) fn starts_with_ignore_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(mail: &str) -> Result<Vec<(String, String)>, Error> {
        let part = Part::read(mail.as_bytes(), &mut Budget::new())?;
        Ok(part.walk().map(|p| (p.media.clone(), String::from_utf8_lossy(p.body).into_owned())).collect())
    }

    #[test]
    fn delimiters_are_whole_lines() {
        let mail = "Content-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--bb\n--b \n\none\n--bb\n--b\nContent-Type: text/html\n\n\n--b--\n--b\n\nno";
        let all = media(mail).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(all[1], ("text/plain".into(), "one\n--bb".into()));
        assert_eq!(all[2], ("text/html".into(), String::new()));
    }

    #[test]
    fn an_unclosed_or_empty_multipart_is_read_as_far_as_it_goes() {
        assert_eq!(media("Content-Type: multipart/report; boundary=b\n\n--b\n\none").unwrap().len(), 2);
        assert_eq!(media("Content-Type: multipart/report; boundary=b\n\n--b\n--b\n--b--").unwrap().len(), 3);
        assert_eq!(media("Content-Type: multipart/report\n\nnothing").unwrap().len(), 1);
        assert_eq!(media("").unwrap().len(), 1);
    }

    #[test]
    fn line_ends_become_lf() {
        for (mail, unified) in [
            ("a\r\nb\r\n", "a\nb\n"),
            ("a\rb\r\r", "a\nb\n\n"),
            ("a\r\nb\nc\rd\r\r\n", "a\nb\nc\rd\n"),
            ("a\n", "a\n"),
            ("\r", "\n"),
        ] {
            assert_eq!(unify_line_ends(mail.as_bytes()), unified.as_bytes(), "{mail:?}");
        }
    }

    #[test]
    fn fields_are_found_in_any_case_and_after_broken_lines() {
        let (header, body) = split_header(b"Subject: a\n b\nbroken\nmessage-id :  <x@y>\n\nbody");
        assert_eq!(header.value("SUBJECT").as_deref(), Some("a b"));
        assert_eq!(header.value("Message-ID").as_deref(), Some("<x@y>"));
        assert_eq!(header.value("message").as_deref(), None);
        assert_eq!(body, b"body");
        assert_eq!(split_header(b"no field\n\nbody").1, b"no field\n\nbody");
    }
}
