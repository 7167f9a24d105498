//! Octets of a form -> text. What a form says of its charset is believed where the octets bear it out; they are UTF-8 else, and where they
//! are not even that, windows-1252, which has a character for each (WHATWG Encoding).
#![forbid(unsafe_code)]

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The charset of this name, if it is one that a form can be in.
pub fn named(label: &[u8]) -> Option<&'static Encoding> {
    // Browsers send no form in UTF-16 (HTML 4.10.21.6); ASCII would be something else in it.
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
