//! Text that somebody else wrote -> text that stands in a URL, in markup or in JSON and is taken for nothing else there.
#![forbid(unsafe_code)]

use serde_json::Value;

/// RFC 3986 2.1: all but unreserved characters.
pub fn percent_encode(text: &str) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase());
    let mut encoded = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    encoded
}

/// The value of a field in a line of the log (`user=...`): with blanks or quotes in it it stands in quotes, so that it cannot look like a
/// further field. A quote in it is `\\u{22}` once httpd has doubled the backslash; `\\"` would end the value there.
pub fn log_value(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '"' || c.is_alphanumeric();
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let escaped = value.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '"' => escaped.extend(c.escape_unicode()),
            c if steers(c) => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
        escaped
    });
    format!("\"{escaped}\"")
}

/// A control, or one of those that make a terminal show a line in another order (Unicode UAX 9).
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A line that is the same to a reader of JSON, and no markup to whoever takes it for HTML.
pub fn harmless_json(value: &Value) -> String {
    format!("{value}\n").replace('<', "\\u003c")
}

/// Plain text in which nobody finds the beginning of a tag (HTML 13.2.5.6), should a browser guess at its type.
pub fn escape_tags(text: &str) -> String {
    let opens = |after: &str| after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    let mut pieces = text.split('<');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, after| text + if opens(after) { "\\u{3c}" } else { "<" } + after)
}

/// `text` for HTML and XML, as content and inside quotes.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_the_log_is_one_value() {
        for (value, written) in [
            ("peter@example.org", "peter@example.org"),
            ("<a.b+c@h>", "<a.b+c@h>"),
            ("m\u{fc}ller", "m\u{fc}ller"),
            ("-", "-"),
            ("", "\"\""),
            ("eve rcpts=9", "\"eve rcpts=9\""),
            ("<a=b@h>", "<a=b@h>"),
            ("eve\" x=\"1", "\"eve\\u{22} x=\\u{22}1\""),
            ("a b\\", "\"a b\\\""),
            ("a\nSM0001: b\u{202e}\u{a0}", "\"a\\u{a}SM0001: b\\u{202e}\u{a0}\""),
        ] {
            assert_eq!(log_value(value), written);
        }
    }
}
