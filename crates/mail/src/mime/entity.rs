//! The fields of a part -> its kind, as far as that decides whether and how it may be re-encoded (RFC 2045 5 and 6, RFC 2046 5).
#![forbid(unsafe_code)]

use super::field;
use crate::content_type::ContentType;
use crate::transfer_encoding as body;

/// A part, or the message itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    /// Octets with a type.
    Leaf { kind: body::BodyKind, encoding: Encoding },
    /// A header and a body (`message/rfc822`).
    Message,
    /// Parts between boundaries. In a digest, parts without a type are messages (RFC 2046 5.1.5).
    Multipart { boundary: Vec<u8>, is_digest: bool },
    /// May not be changed, or cannot be; the type.
    Sealed(&'static str),
}

/// Content-Transfer-Encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Base64,
    Identity,
    QuotedPrintable,
    Unknown,
}

/// What the header of a part has told so far.
#[derive(Debug, Default)]
pub(super) struct Header {
    content_type: Option<Vec<u8>>,
    encoding: Option<Vec<u8>>,
}

impl Header {
    /// Of repeated fields the first counts.
    pub fn field(&mut self, octets: &[u8]) {
        let Some((name, value)) = field::split(octets) else { return };
        let place = match name {
            name if name.eq_ignore_ascii_case(b"Content-Type") => &mut self.content_type,
            name if field::is_transfer_encoding(name) => &mut self.encoding,
            _ => return,
        };
        place.get_or_insert_with(|| value.to_vec());
    }

    /// The kind of the part; without a type it is a message if it is `in_digest`.
    pub fn entity(&self, in_digest: bool) -> Entity {
        let encoding = Encoding::of(self.encoding.as_deref().unwrap_or_default());
        match self.content_type.as_deref() {
            None if in_digest && encoding == Encoding::Identity => Entity::Message,
            None => Entity::Leaf { kind: body::BodyKind::Text, encoding },
            Some(value) => match field::value(value).ok().and_then(|value| ContentType::parse(&value).ok()) {
                Some(content_type) => Entity::of(&content_type, encoding),
                // What another reader may read as parts must stay readable.
                None if is_composite(value) => Entity::Sealed("a composite part whose Content-Type cannot be read"),
                None => Entity::Leaf { kind: body::BodyKind::Other, encoding },
            },
        }
    }
}

fn is_composite(value: &[u8]) -> bool {
    let start = value.trim_ascii_start().to_ascii_lowercase();
    start.starts_with(b"multipart") || start.starts_with(b"message") || start.starts_with(b"(")
}

impl Entity {
    /// The kind of a part with this type. An encoded composite, which RFC 2045 6.4 forbids, is treated as octets.
    pub fn of(content_type: &ContentType, encoding: Encoding) -> Entity {
        let kind = content_type.kind();
        match (content_type.essence(), content_type.boundary()) {
            _ if kind != body::BodyKind::Composite => Entity::Leaf { kind, encoding },
            _ if encoding != Encoding::Identity => Entity::Leaf { kind: body::BodyKind::Other, encoding },
            ("multipart/signed", _) => Entity::Sealed("multipart/signed"),
            ("multipart/encrypted", _) => Entity::Sealed("multipart/encrypted"),
            (essence, Some(boundary)) if content_type.is_multipart() => {
                Entity::Multipart { boundary: boundary.into(), is_digest: essence == "multipart/digest" }
            }
            ("message/rfc822" | "message/global" | "message/news", _) => Entity::Message,
            ("message/partial", _) => Entity::Sealed("message/partial"),
            _ => Entity::Sealed("a part of a message type"),
        }
    }
}

impl Encoding {
    fn of(value: &[u8]) -> Encoding {
        let word = value.split(|b| b"(; \t\r\n".contains(b)).find(|word| !word.is_empty()).unwrap_or_default();
        match word.to_ascii_lowercase().as_slice() {
            b"" | b"7bit" | b"8bit" | b"binary" => Encoding::Identity,
            b"base64" => Encoding::Base64,
            b"quoted-printable" => Encoding::QuotedPrintable,
            _ => Encoding::Unknown,
        }
    }
}
