//! Octets of a form -> text. The charset that a form declares is used if the octets fit; otherwise UTF-8, and if that does not fit,
//! windows-1252, which has a character for every octet (WHATWG Encoding).
#![forbid(unsafe_code)]

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The charset of this name, if a form can use it.
pub fn named(label: &[u8]) -> Option<&'static Encoding> {
    // Browsers send no form in UTF-16 (HTML 4.10.21.6), in which ASCII would mean something else.
    Encoding::for_label_no_replacement(label).filter(|known| *known != UTF_16LE && *known != UTF_16BE)
}

/// The text.
pub fn decode(octets: &[u8], charset: Option<&'static Encoding>) -> String {
    let declared = charset.and_then(|known| known.decode_without_bom_handling_and_without_replacement(octets));
    match declared {
        Some(text) => text.into_owned(),
        None => match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(octets).0.into_owned(),
        },
    }
}
