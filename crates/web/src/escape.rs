//! Foreign text -> text that is safe in a URL, in plain text or in JSON. For HTML and XML see [`mod@crate::markup`].
#![forbid(unsafe_code)]

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// RFC 3986 2.3: all but unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// RFC 3986 2.1: writes every octet other than an unreserved character as `%XX`.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// RFC 3986 2.1; `+` is a plus sign, as in an address. `None` for a `%` without two digits, which the crate would let pass.
pub fn percent_decode(text: &[u8]) -> Option<Vec<u8>> {
    let is_digit = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_hexdigit);
    let is_escape = |rest: &[u8]| is_digit(rest.first()) && is_digit(rest.get(1));
    let is_whole = text.split(|octet| *octet == b'%').skip(1).all(is_escape);
    is_whole.then(|| percent_encoding::percent_decode(text).collect())
}

/// A line of JSON with the same meaning, in which a reader that expects HTML finds no markup.
pub fn harmless_json(value: &Value) -> String {
    format!("{value}\n").replace('<', "\\u003c")
}

/// Lines of JSON for a terminal, with the same meaning, but without characters that a terminal obeys or that reverse text.
pub fn visible_json(value: &Value) -> String {
    let mut units = [0; 2];
    // Only strings can hold such characters.
    format!("{value:#}\n").chars().fold(String::new(), |mut text, character| {
        match character {
            '\n' => text.push('\n'),
            hidden if is_hidden(hidden) => {
                text.extend(hidden.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
            other => text.push(other),
        }
        text
    })
}

/// Whether a character is not visible text: a terminal obeys it (ECMA-48), XML 1.0 forbids it (2.2), it changes the direction of the text
/// around it (Unicode UAX #9), or it is a tag character, which is not shown.
pub fn is_hidden(character: char) -> bool {
    let is_noncharacter = u32::from(character) & 0xFFFE == 0xFFFE || matches!(character, '\u{FDD0}'..='\u{FDEF}');
    let is_bidi =
        matches!(character, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let is_tag = matches!(character, '\u{E0000}'..='\u{E007F}');
    character.is_control() || is_noncharacter || is_bidi || is_tag
}

/// Plain text that cannot begin a tag (HTML 13.2.5.6), in case a browser guesses its type.
pub fn escape_tags(text: &str) -> String {
    let opens = |after: &str| after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    let mut pieces = text.split('<');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, after| text + if opens(after) { "\\u{3c}" } else { "<" } + after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_for_a_terminal_is_the_same_json_without_anything_a_terminal_obeys() {
        let value =
            serde_json::json!({ "a\u{9b}31m": "red \u{202e}ku\u{7f}\u{e0041}\u{1b}]0;x\u{7}", "b": ["fine \u{fc}\n"] });
        let text = visible_json(&value);
        assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{text}");
        assert!(
            text.contains("\\u009b31m") && text.contains("\\udb40\\udc41") && text.contains("fine \u{fc}"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
