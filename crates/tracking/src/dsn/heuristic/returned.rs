//! A bounce that names nobody: the one recipient that the message it returns was written to.
#![forbid(unsafe_code)]

use super::super::parts::{Header, split_header};
use super::super::{Error, Recipient};
use super::{Mail, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let part = mail
        .top
        .walk()
        .find(|part| part.depth > 0 && (part.is_message() || part.is_message_header()))
        .map(|part| part.decoded());
    let header = match &part {
        Some(octets) => split_header(octets.trim_ascii_start()).0,
        None => Header::of(mail.copy.as_bytes()),
    };
    let to: Vec<String> =
        ["to", "cc"].iter().flat_map(|name| header.values(name)).flat_map(|value| text::addresses(&value)).collect();
    Ok(if to.len() == 1 { recipients(to) } else { Vec::new() })
}
