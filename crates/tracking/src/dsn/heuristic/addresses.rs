//! A bounce recognized by its marks, in unknown wording and in any language: an address is believed if the text names it and the returned
//! message was sent to it. The text alone may name anybody: whom to ask instead, where to complain.
#![forbid(unsafe_code)]

use super::super::{Error, Recipient};
use super::{Mail, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    if mail.addressees.is_empty() {
        return Ok(Vec::new());
    }
    let named = mail.words.lines().flat_map(|line| match text::leading_address(line) {
        Some((address, _)) => vec![address],
        None => text::addresses(line),
    });
    Ok(recipients(named.filter(|address| !mail.is_own(address) && mail.was_for(address))))
}
