//! A body of any kind -> a body that any MTA carries unchanged (RFC 2045 6, RFC 5321 4.5.3.1.6). [`Scan`] examines it once, [`plan`]
//! chooses, [`encode`] writes: 7-bit text unchanged, other text as quoted-printable or base64, whichever is shorter, anything else as
//! base64. Knows no header except Content-Transfer-Encoding; the caller says which kind the media type is.
#![forbid(unsafe_code)]

use std::fmt;

mod declared;
mod encode;
mod length;
mod requote;
mod scan;
mod sniff;

pub use encode::{Encoder, encode};
pub(crate) use length::LengthCounter;
pub use length::Lengths;
pub use scan::{Facts, Scan};
pub use sniff::Markup;

/// Longest line that passes unchanged. RFC 5322 2.1.1 allows 998; dma refuses that, Exim bounces 999, and Sendmail cuts at 990.
pub const MAX_LINE: usize = 990;

/// Lines of base64 and quoted-printable, without the line end (RFC 2045 6.7, 6.8).
const ENCODED_LINE: usize = 76;

/// Digits as RFC 2045 6.7 requires them.
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What a media type allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// `multipart/*`, `message/*`: only 7bit, 8bit and binary are allowed (RFC 2045 6.4).
    Composite,
    /// Octets to keep exactly. Also text in a charset with units of more than one octet (UTF-16, UTF-32).
    Other,
    /// `text/*`: line ends may change between CRLF and LF, and a final one may be added, unless the text holds a NUL.
    Text,
}

/// A Content-Transfer-Encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// base64
    Base64,
    /// 8bit: only for a [`BodyKind::Composite`].
    EightBit,
    /// quoted-printable
    QuotedPrintable,
    /// 7bit
    SevenBit,
}

/// How to write a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the header must say.
    pub encoding: Encoding,
    /// What the octets of the body are.
    pub source: Source,
}

/// What is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Octets that the client has already encoded in this way.
    Encoded,
    /// Octets to keep exactly.
    Octets,
    /// Parts, some of which not every MTA carries unchanged: see [`super::mime`].
    Parts,
    /// Lines. Their ends become CRLF before base64 (RFC 2045 6.8), so that they decode to the same text whichever encoding is shorter.
    Text,
}

impl Plan {
    /// For a single part with its own type; `lengths` as for [`plan`].
    pub fn of_leaf<E>(kind: BodyKind, facts: &Facts, lengths: impl FnOnce() -> Result<Lengths, E>) -> Result<Plan, E> {
        let is_clean = || trouble(facts).is_none() && facts.eight_bit == 0 && !facts.from_line;
        let encoding = match kind {
            BodyKind::Composite | BodyKind::Other => Encoding::Base64,
            BodyKind::Text if is_clean() => Encoding::SevenBit,
            BodyKind::Text if facts.nul => Encoding::Base64,
            BodyKind::Text => lengths()?.shorter(),
        };
        // Text with a NUL is not text: a line end in it may be part of a number.
        let source = if kind == BodyKind::Text && !facts.nul { Source::Text } else { Source::Octets };
        Ok(Plan { encoding, source })
    }

    /// For a body that already has this encoding and is rewritten.
    pub(super) fn again(encoding: Encoding) -> Plan {
        Plan { encoding, source: Source::Encoded }
    }

    /// For a body that already has this encoding and stays unchanged.
    pub fn unchanged(encoding: Encoding) -> Plan {
        Plan { encoding, source: Source::Octets }
    }

    /// Whether everything except line ends is written unchanged.
    pub fn is_as_is(&self) -> bool {
        matches!(self.encoding, Encoding::SevenBit | Encoding::EightBit) && !self.opens_parts()
    }

    /// Whether the parts must be looked at one by one ([`super::mime`]).
    pub fn opens_parts(&self) -> bool {
        self.source == Source::Parts
    }

    /// The value of Content-Transfer-Encoding; `None` for 7bit, the default (RFC 2045 6.1).
    pub fn transfer_encoding(&self) -> Option<&'static str> {
        match self.encoding {
            Encoding::Base64 => Some("base64"),
            Encoding::EightBit => Some("8bit"),
            Encoding::QuotedPrintable => Some("quoted-printable"),
            Encoding::SevenBit => None,
        }
    }
}

/// Why a body cannot be sent as mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Content-Transfer-Encoding: 7bit, and an octet above 127.
    EightBitDeclared7bit,
    /// The body is not valid in the declared Content-Transfer-Encoding; its name.
    NotAsDeclared(&'static str),
    /// base64 or quoted-printable declared for a composite; the name of the encoding.
    OnComposite(&'static str),
    /// A Content-Transfer-Encoding unknown to RFC 2045.
    UnknownEncoding,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::EightBitDeclared7bit => {
                f.write_str("Content-Transfer-Encoding is 7bit, but the body has octets above 127; leave the field out")
            }
            BodyError::NotAsDeclared(name) => {
                write!(f, "the body is not valid {name}, as Content-Transfer-Encoding says; leave the field out to have it encoded")
            }
            BodyError::OnComposite(name) => {
                write!(f, "Content-Transfer-Encoding {name} is not allowed for multipart and message types; encode the parts")
            }
            BodyError::UnknownEncoding => {
                f.write_str("Content-Transfer-Encoding is not one of 7bit, 8bit, binary, quoted-printable, base64; leave the field out")
            }
        }
    }
}

impl std::error::Error for BodyError {}

/// How to write a body of `kind` with these `facts`, whose sender may have `declared` a Content-Transfer-Encoding. If two encodings are
/// possible, `lengths` is called for the lengths of the body.
pub fn plan<E: From<BodyError>>(
    kind: BodyKind,
    declared: Option<&str>,
    facts: &Facts,
    lengths: impl FnOnce() -> Result<Lengths, E>,
) -> Result<Plan, E> {
    let declared = declared.map(|name| name.trim().to_ascii_lowercase()).unwrap_or_default();
    Ok(match declared.as_str() {
        "base64" => as_sent(kind, Encoding::Base64, "base64", facts.is_base64)?,
        "quoted-printable" => as_sent(kind, Encoding::QuotedPrintable, "quoted-printable", facts.is_quoted_printable)?,
        "7bit" if facts.eight_bit > 0 => return Err(BodyError::EightBitDeclared7bit.into()),
        "" | "7bit" | "8bit" | "binary" if kind == BodyKind::Composite => composite(facts),
        "" | "7bit" | "8bit" | "binary" => Plan::of_leaf(kind, facts, lengths)?,
        _ => return Err(BodyError::UnknownEncoding.into()),
    })
}

fn as_sent(kind: BodyKind, encoding: Encoding, name: &'static str, borne_out: bool) -> Result<Plan, BodyError> {
    match (kind, borne_out) {
        (BodyKind::Composite, _) => Err(BodyError::OnComposite(name)),
        (_, false) => Err(BodyError::NotAsDeclared(name)),
        (_, true) => Ok(Plan::again(encoding)),
    }
}

fn composite(facts: &Facts) -> Plan {
    let encoding = if facts.eight_bit > 0 { Encoding::EightBit } else { Encoding::SevenBit };
    let source = if trouble(facts).is_some() { Source::Parts } else { Source::Octets };
    Plan { encoding, source }
}

/// What some MTAs do not carry, even if they declare 8 bits.
pub(super) fn trouble(facts: &Facts) -> Option<&'static str> {
    [
        (facts.nul, "a NUL"),
        (facts.bare_cr, "a CR without LF"),
        (facts.has_long_line, "a line of more than 990 octets"),
        (facts.lone_dot, "a line that is a single dot"),
    ]
    .into_iter()
    .find_map(|(is, what)| is.then_some(what))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
