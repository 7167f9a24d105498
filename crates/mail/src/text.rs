//! Text that somebody else wrote, made safe to show: in an error message ([`excerpt`]), on one line of a log ([`one_line`], [`log_value`]).
#![forbid(unsafe_code)]

/// C0 but TAB, DEL and C1: nothing that may stand in a header, whether plain or encoded.
pub fn is_forbidden(c: char) -> bool {
    c != '\t' && c.is_control()
}

/// What an error message shows of somebody else's text: at most about 100 characters, nothing that a terminal or a log
/// obeys.
pub fn excerpt(text: &str) -> String {
    const SHOWN: usize = 100;
    if text.len() <= SHOWN && text.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'\\') {
        return text.to_owned();
    }
    let mut shown = String::new();
    for c in text.chars() {
        let before = shown.len();
        match c {
            '"' | '\'' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
        if shown.chars().count() > SHOWN {
            shown.truncate(before);
            shown.push_str("...");
            break;
        }
    }
    shown
}

/// Octets of foreign origin as text of one line, for a log: control characters and bytes that are no UTF-8 as `\xNN`,
/// line ends as ` | `, cut after `limit` characters.
pub fn one_line(octets: &[u8], limit: usize) -> String {
    let mut line = String::new();
    for chunk in octets.trim_ascii().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => line.push_str(" | "),
                '\r' => {}
                '\t' => line.push(' '),
                '\\' => line.push_str("\\\\"),
                c if is_plain(c) => line.push(c),
                c => line.extend(c.escape_unicode()),
            }
        }
        line.extend(chunk.invalid().iter().map(|b| format!("\\x{b:02x}")));
        if let Some((cut, _)) = line.char_indices().nth(limit) {
            line.truncate(cut);
            line.push_str("...");
            break;
        }
    }
    line
}

/// The value of a field in a line of the log (`user=...`): with blanks or quotes in it it stands in quotes, so that it cannot look like a
/// further field. A quote in it is `\\u{22}` once httpd has doubled the backslash; `\\"` would end the value there.
pub fn log_value(value: &str) -> String {
    let stands_alone = |c: char| c.is_ascii_graphic() && c != '"' || c.is_alphanumeric();
    if !value.is_empty() && value.chars().all(stands_alone) {
        return value.to_owned();
    }
    let escaped = value.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '"' => escaped.extend(c.escape_unicode()),
            c if !is_plain(c) => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
        escaped
    });
    format!("\"{escaped}\"")
}

/// Not a control, and none of those that make a terminal show a line in another order (Unicode UAX 9).
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_stay_on_one_line_and_steer_no_terminal() {
        assert_eq!(one_line(b"sendmail: fatal\r\n2nd\n", 100), "sendmail: fatal | 2nd");
        assert_eq!(one_line(b"a\x1b[31m\xff\\\x7f", 100), "a\\u{1b}[31m\\xff\\\\\\u{7f}");
        assert_eq!(one_line("gr\u{fc}n \u{202e}".as_bytes(), 100), "gr\u{fc}n \\u{202e}");
        assert_eq!(one_line(&[b'a'; 50], 10), "aaaaaaaaaa...");
        assert_eq!(one_line(b"", 10), "");
    }

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
