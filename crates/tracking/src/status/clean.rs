//! Foreign text (a remote server's, a client's) -> one line that is safe in all our formats and on a terminal: nothing that XML 1.0 forbids
//! (2.2), that a terminal obeys (ECMA-48), or that changes the direction of the text around it (Unicode UAX #9).
#![forbid(unsafe_code)]

use web::escape::is_hidden;

/// White space becomes a space; a hidden character becomes U+FFFD, to show that something was there.
pub fn clean(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let shown = |character: char| match character {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        other if is_hidden(other) => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_replaced() {
        for (raw, expected) in [
            ("550 5.1.1 no such user", "550 5.1.1 no such user"),
            ("a\tb\r\nc\u{2028}d", "a b  c d"),
            ("\u{1b}[31mred\u{9b}0m\u{7}\u{0}\u{7f}", "\u{fffd}[31mred\u{fffd}0m\u{fffd}\u{fffd}\u{fffd}"),
            ("moc\u{202e}evil\u{2066}", "moc\u{fffd}evil\u{fffd}"),
            ("\u{fffe}\u{ffff}\u{1fffe}\u{fdd0}", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            ("Пошта 郵便 🐦 \u{200d}", "Пошта 郵便 🐦 \u{200d}"),
        ] {
            assert_eq!(clean(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn every_character_becomes_one_that_xml_allows() {
        let all: String = ('\0'..=char::MAX).collect();
        let allowed =
            |c: char| matches!(c, '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}');
        assert!(clean(&all).chars().all(allowed));
    }
}
