//! A bounce that names nobody: the recipient is the only one of the returned message.
#![forbid(unsafe_code)]

use super::super::parts::{Header, Part, split_header};
use super::super::{Error, MAX_RECIPIENTS, Recipient};
use super::{Mail, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    Ok(match mail.addressees.as_slice() {
        [one] => recipients([one.clone()]),
        _ => Vec::new(),
    })
}

/// The recipients in the header of the returned message, each once; `copy` is the message if it is not a part of its own.
pub fn addressees(top: &Part<'_>, copy: &str) -> Vec<String> {
    let part = top.walk().find(|part| part.depth > 0 && (part.is_message() || part.is_message_header()));
    let octets = part.map(Part::decoded);
    let header = match &octets {
        Some(octets) => split_header(octets.trim_ascii_start()).0,
        None => copied_header(copy),
    };
    let mut all: Vec<String> = Vec::new();
    let named = FIELDS.iter().flat_map(|name| header.values(name)).flat_map(|value| text::addresses(&value));
    for address in named.take(MAX_RECIPIENTS) {
        if !all.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
            all.push(address);
        }
    }
    all
}

const FIELDS: &[&str] =
    &["to", "cc", "bcc", "resent-to", "resent-cc", "apparently-to", "x-original-to", "delivered-to"];

/// The header in a copy, after the line that announces it. Everything after its empty line is from the sender.
fn copied_header(copy: &str) -> Header<'_> {
    let mut at = 0;
    for line in copy.split_inclusive('\n') {
        let is_field = line
            .split_once(':')
            .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        if is_field {
            return split_header(copy.get(at..).unwrap_or_default().as_bytes()).0;
        }
        at += line.len();
    }
    Header::of(b"")
}
