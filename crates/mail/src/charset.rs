//! Octets in a charset that a header names (RFC 2047 2, RFC 2231 4) -> text without control characters. A charset that we cannot read is
//! refused: it could turn any octets into a line end (`cp500` does).
#![forbid(unsafe_code)]

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use crate::text::is_forbidden;

/// Why the octets are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They decode to a control character.
    Control,
    /// The charset is unknown, or shifts or widens ASCII, so that the octets alone do not show control characters.
    Unknown,
}

/// The text; `None` for a charset that we cannot decode but that hides no control character.
pub(crate) fn read(charset: &str, octets: &[u8]) -> Result<Option<String>, Fault> {
    match encoding(charset) {
        Some(wide) if wide == UTF_16LE || wide == UTF_16BE => Err(Fault::Unknown),
        Some(known) => {
            let text = known.decode_without_bom_handling(octets).0;
            if text.contains(is_forbidden) { Err(Fault::Control) } else { Ok(Some(text.into_owned())) }
        }
        None if is_iso_2022(charset) => {
            if is_clean_iso_2022(octets) {
                Ok(None)
            } else {
                Err(Fault::Control)
            }
        }
        None => Err(Fault::Unknown),
    }
}

/// The label, which may carry a language (RFC 2231 5: `utf-8*en`).
fn label(charset: &str) -> &str {
    charset.split_once('*').map_or(charset, |(label, _)| label)
}

fn encoding(charset: &str) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(label(charset).as_bytes())
}

/// RFC 1557 (ISO-2022-KR), RFC 1922 (ISO-2022-CN, -CN-EXT), RFC 1554 and its kin (ISO-2022-JP-2).
fn is_iso_2022(charset: &str) -> bool {
    let label = label(charset).to_ascii_lowercase();
    label.starts_with("iso-2022-") || label.starts_with("csiso2022")
}

/// Printable ASCII, TAB, the shifts SO and SI, and the escape sequences that choose a character set (ECMA-35 13.2: intermediate octets
/// and a final one) or shift for one character (`ESC N`, `ESC O`). A line end is a line end in every shift state.
fn is_clean_iso_2022(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (0x1b, [b'N' | b'O', after @ ..]) => after,
            (0x1b, _) => {
                let after = tail.iter().position(|b| !matches!(b, 0x20..=0x2f)).unwrap_or(tail.len());
                match &tail[after..] {
                    [0x30..=0x7e, rest @ ..] if after > 0 => rest,
                    _ => return false,
                }
            }
            (b'\t' | 0x0e | 0x0f | 0x20..=0x7e, _) => tail,
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charset_is_read_or_proved_harmless_or_refused() {
        for (charset, octets, expected) in [
            ("utf-8", &b"Gr\xc3\xbc\xc3\x9fe"[..], Ok(Some("Gr\u{fc}\u{df}e"))),
            ("ISO-8859-1*de", b"Gr\xfc\xdfe", Ok(Some("Gr\u{fc}\u{df}e"))),
            ("iso-2022-jp", b"\x1b$BF|K\\\x1b(B", Ok(Some("\u{65e5}\u{672c}"))),
            ("iso-2022-kr", b"\x1b$)C\x0e0!#,3*\x0f!", Ok(None)),
            ("ISO-2022-CN", b"\x1b$)A\x0e=;\x1b$*H\x1bN!!\x0f", Ok(None)),
            ("csISO2022KR", b"plain\tASCII", Ok(None)),
            ("iso-2022-kr", b"\x1b$)C\x0e0!\nBcc: z", Err(Fault::Control)),
            ("iso-2022-kr", b"\x1b[2J", Err(Fault::Control)),
            ("iso-2022-kr", b"\x1b", Err(Fault::Control)),
            ("iso-2022-kr", b"\x1b$", Err(Fault::Control)),
            ("iso-2022-kr", b"\x85", Err(Fault::Control)),
            ("iso-2022-kr", b"\x7f", Err(Fault::Control)),
            ("utf-8", b"a\r\nb", Err(Fault::Control)),
            ("windows-1252", b"a\x81", Err(Fault::Control)),
            ("cp500", b"\xc1%\xc2\x83\x83z", Err(Fault::Unknown)),
            ("ebcdic-us", b"a", Err(Fault::Unknown)),
            ("utf-7", b"+AAo-", Err(Fault::Unknown)),
            ("utf-16", b"a", Err(Fault::Unknown)),
            ("utf-16be", b"a", Err(Fault::Unknown)),
            ("hz-gb-2312", b"a", Err(Fault::Unknown)),
            ("x-unknown", b"a", Err(Fault::Unknown)),
            ("", b"a", Err(Fault::Unknown)),
        ] {
            let read = read(charset, octets);
            assert_eq!(
                read.as_ref().map(Option::as_deref),
                expected.as_ref().map(|text| *text),
                "{charset} {}",
                octets.escape_ascii()
            );
        }
    }
}
