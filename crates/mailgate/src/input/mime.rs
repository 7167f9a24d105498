//! A whole message in a spool (RFC 5322) -> its fields, unfolded, and where its body begins; and the envelope that the request names beside
//! it (`Envelope-To`, `Envelope-From`, and `Envelope-Notify`, `Envelope-Ret`, `Envelope-Id` for reports), else the one that the header names.
#![forbid(unsafe_code)]

use super::{InputError, no_second_source};
use mail::address::{Address, AddressError, AddressList};
use mail::dsn::{self, Notify, Reports, Ret};
use mail::header::{HeaderName, HeaderValue};
use mail::xtext;
use std::io::{self, BufRead, Read};
use sys::spool::Spool;
use web::fields::value_of;

/// The largest header, before any field is left out, in octets.
const MAX_HEADER: u64 = 256 * 1024;

/// More of them than this and the message goes round in circles (RFC 5321 6.3).
const MAX_RECEIVED: usize = 50;

/// The fields of a message, in their order.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Why a message has no header that can be read.
#[derive(Debug)]
pub enum MimeInputError {
    /// What is wrong with it.
    Input(InputError),
    /// It cannot be read again.
    Io(io::Error),
}

impl From<io::Error> for MimeInputError {
    fn from(error: io::Error) -> Self {
        MimeInputError::Io(error)
    }
}

/// The fields of the message and where its body begins. A first line as of an mbox is dropped.
pub fn header(spool: &Spool) -> Result<(Fields, u64), MimeInputError> {
    let bad = |what: &'static str| MimeInputError::Input(InputError::Message(what.into()));
    let (mut fields, mut body): (Fields, u64) = (Vec::new(), 0);
    let mut reader = spool.reader().take(MAX_HEADER);
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = reader.read_until(b'\n', &mut line)?;
        body += n as u64;
        if n > 0 && !line.ends_with(b"\n") && body == MAX_HEADER {
            return Err(bad("its header is longer than 256 KiB"));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match (text, fields.last_mut()) {
            ([], _) => break,
            ([b' ' | b'\t', ..], Some((_, value))) => {
                value.push(b' ');
                value.extend_from_slice(text.trim_ascii());
            }
            (text, None) if text.starts_with(b"From ") => {}
            (text, _) => {
                let colon = text.iter().position(|octet| *octet == b':').filter(|colon| *colon > 0);
                let colon = colon.ok_or_else(|| bad("it does not begin with a header; end that by an empty line"))?;
                fields.push((text[..colon].trim_ascii_end().to_vec(), text[colon + 1..].trim_ascii().to_vec()));
            }
        }
    }
    if fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"Received")).count() > MAX_RECEIVED {
        return Err(bad("it has more than 50 Received fields: a loop"));
    }
    Ok((fields, body))
}

/// Who sends to whom, beside what the header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MimeEnvelope {
    /// `Envelope-From`; `Some(None)` is `<>`.
    pub sender: Option<Option<Address>>,
    /// `Envelope-To`; empty: who To, Cc and Bcc name.
    pub recipients: Vec<Address>,
    /// `Envelope-Notify`, `Envelope-Ret`, `Envelope-Id`.
    pub reports: Reports,
}

/// The fields of the request that name one.
const ENVELOPE: &[&str] = &["Envelope-To", "Envelope-From", "Envelope-Notify", "Envelope-Ret", "Envelope-Id"];

/// None of them, nor any of the fields that name authors and recipients, may stand beside a body with an envelope in it.
pub fn no_envelope(request: &[(&[u8], &[u8])]) -> Result<(), InputError> {
    no_second_source(request)?;
    let named = ENVELOPE.iter().find(|name| value_of(request, name).is_some());
    named.map_or(Ok(()), |name| Err(InputError::SecondSource(name)))
}

/// What the fields of the request say of the envelope.
pub fn envelope(request: &[(&[u8], &[u8])]) -> Result<MimeEnvelope, InputError> {
    no_second_source(request)?;
    let named = |name: &'static str, error: AddressError| InputError::Address {
        field: HeaderName::parse(name.as_bytes()).expect("a constant of letters and a hyphen"),
        error,
    };
    let value = |name: &'static str| -> Result<Option<HeaderValue>, InputError> {
        let Some(text) = value_of(request, name) else { return Ok(None) };
        HeaderValue::parse(&text).map(Some).map_err(|error| InputError::Header { field: name.to_owned(), error })
    };
    let recipients = match value("Envelope-To")? {
        Some(list) => {
            let list = AddressList::parse(&list).map_err(|error| named("Envelope-To", error))?;
            list.addresses().cloned().collect()
        }
        None => Vec::new(),
    };
    let sender = match value("Envelope-From")? {
        None => None,
        Some(text) if text.as_str() == "<>" => Some(None),
        Some(text) => {
            let address = text.as_str().trim_start_matches('<').trim_end_matches('>');
            Some(Some(Address::parse(address).map_err(|error| named("Envelope-From", error))?))
        }
    };
    let unfit = |name: &'static str, reason: &str| InputError::Field {
        field: HeaderName::parse(name.as_bytes()).expect("a constant of letters and a hyphen"),
        reason: reason.to_owned(),
    };
    let notify = value("Envelope-Notify")?.map(|words| {
        let words = words.as_str().replace([' ', '\t'], "");
        Notify::parse(&words).ok_or_else(|| unfit("Envelope-Notify", "write success, failure and delay, or never"))
    });
    let ret = value("Envelope-Ret")?
        .map(|word| Ret::parse(word.as_str()).ok_or_else(|| unfit("Envelope-Ret", "write full or hdrs")));
    let envid = value("Envelope-Id")?.map(|id| {
        let why = "no identifier of printable ASCII, at most 100 octets as xtext (RFC 3461 4.4)";
        dsn::envid(&xtext::encode(id.as_str())).ok_or_else(|| unfit("Envelope-Id", why))
    });
    let (notify, ret, envid) = (notify.transpose()?, ret.transpose()?, envid.transpose()?);
    Ok(MimeEnvelope { sender, recipients, reports: Reports { ret, envid, notify, ..Reports::default() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(octets: &[u8]) -> Spool {
        let mut spool = Spool::new(&std::env::temp_dir(), 1 << 20);
        spool.write(octets).unwrap();
        spool
    }

    fn fields(octets: &[u8]) -> Result<(Vec<(String, String)>, u64), String> {
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        match header(&spool(octets)) {
            Ok((fields, body)) => {
                Ok((fields.into_iter().map(|(name, value)| (text(name), text(value))).collect(), body))
            }
            Err(MimeInputError::Input(error)) => Err(error.to_string()),
            Err(MimeInputError::Io(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn fields_are_unfolded_and_the_body_begins_behind_the_empty_line() {
        for end in ["\n", "\r\n"] {
            let text = [
                "From me Mon Jan  1 00:00:00 2024",
                "To: a@x.example,",
                "  b@x.example",
                "Subject : s",
                "",
                "To: body",
            ]
            .join(end);
            let (read, body) = fields(text.as_bytes()).unwrap();
            let expected = [("To", "a@x.example, b@x.example"), ("Subject", "s")];
            assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
            assert_eq!(&text[body as usize..], "To: body");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert!(fields(b"To: a@x.example\n\n").is_ok());
        for (octets, what) in [
            (&b"just text\n"[..], "does not begin with a header"),
            (b": nameless\n\n", "does not begin with a header"),
            (&b"Received: x\n".repeat(51), "a loop"),
            (&b"x".repeat(300 * 1024), "256 KiB"),
        ] {
            let error = fields(octets).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn the_envelope_comes_from_the_request_or_from_the_header() {
        let of = |fields: &[(&str, &str)]| {
            let fields: Vec<(&[u8], &[u8])> =
                fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            envelope(&fields)
        };
        assert_eq!(of(&[]).unwrap(), MimeEnvelope::default());
        let named = of(&[("envelope-to", "a@x.example, b@x.example"), ("envelope-from", "<c@x.example>")]).unwrap();
        assert_eq!((named.recipients.len(), named.sender.unwrap().unwrap().to_string()), (2, "c@x.example".to_owned()));
        assert_eq!(of(&[("Envelope-From", "<>")]).unwrap().sender, Some(None));
        assert!(of(&[("Envelope-To", "a@x.example|b")]).is_err());
        let asked = [("envelope-notify", "success, Delay"), ("envelope-ret", "hdrs"), ("envelope-id", "a+b c")];
        let reports = of(&asked).unwrap().reports;
        assert_eq!(reports.mail_parameters(), " RET=HDRS ENVID=a+2Bb+20c");
        assert_eq!(reports.rcpt_parameters("a@x.example"), " NOTIFY=SUCCESS,DELAY");
        let long = "a".repeat(101);
        for (name, value) in [
            ("Envelope-Notify", "never, success"),
            ("Envelope-Notify", ""),
            ("Envelope-Ret", "all"),
            ("Envelope-Id", ""),
            ("Envelope-Id", &long),
            ("Envelope-Id", "a\tb"),
        ] {
            let error = of(&[(name, value)]).unwrap_err();
            assert!(error.to_string().starts_with(name), "{error}");
        }
        assert!(matches!(of(&[("To", "a@x.example")]), Err(InputError::SecondSource("To"))));
    }
}
