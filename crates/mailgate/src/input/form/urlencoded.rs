//! `application/x-www-form-urlencoded` (WHATWG URL 5.1): `name=value&name=value`, a blank as `+`, octets as `%XX`. A `%` without two digits
//! is literal, as in browsers.
#![forbid(unsafe_code)]

use super::{Collected, FormError, FormInputError, MAX_TEXT, RawField, RawValue};
use percent_encoding::percent_decode;
use std::io::BufRead;
use sys::spool::Spool;

/// The fields of the body.
pub fn read(spool: &Spool) -> Result<Vec<RawField>, FormInputError> {
    let mut collected = Collected::default();
    let (mut pair, mut at, mut start) = (Vec::new(), 0, 0);
    let mut reader = spool.reader();
    loop {
        let octets = reader.fill_buf()?;
        if octets.is_empty() {
            break;
        }
        let end = octets.iter().position(|octet| *octet == b'&');
        let piece = &octets[..end.unwrap_or(octets.len())];
        if pair.len() + piece.len() > 3 * MAX_TEXT {
            return Err(FormError::TooMuchText.into());
        }
        pair.extend_from_slice(piece);
        let read = piece.len() + usize::from(end.is_some());
        reader.consume(read);
        at += read as u64;
        if end.is_some() {
            take(&mut collected, &pair, start)?;
            pair.clear();
            start = at;
        }
    }
    take(&mut collected, &pair, start)?;
    Ok(collected.fields)
}

/// A pair that began at this octet; an empty one is skipped.
fn take(collected: &mut Collected, pair: &[u8], at: u64) -> Result<(), FormError> {
    if pair.is_empty() {
        return Ok(());
    }
    let equals = pair.iter().position(|octet| *octet == b'=');
    let (name, value) = equals.map_or((pair, &[][..]), |equals| (&pair[..equals], &pair[equals + 1..]));
    let value = RawValue::Text { octets: decode(value), charset: None };
    collected.push(RawField { name: decode(name), value }, at)
}

fn decode(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = text.iter().map(|octet| if *octet == b'+' { b' ' } else { *octet }).collect();
    percent_decode(&blanks).collect()
}
