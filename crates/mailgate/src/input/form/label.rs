//! A visitor's text -> text for a mail: lines that end in LF, or one line, without characters that control a screen.
#![forbid(unsafe_code)]

use web::escape::is_hidden;

/// The lines of a text. Everything that some reader takes for a line end counts as one, so that nobody can write outside the indent of
/// [`super::letter`].
pub fn lines(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                clean.push('\n');
            }
            '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\t' => clean.push('\t'),
            control if control.is_control() => clean.push(char::REPLACEMENT_CHARACTER),
            other => clean.push(other),
        }
    }
    clean
}

/// One line; words are separated by one blank.
pub fn line(text: &str) -> String {
    let seen = text.replace(|character: char| is_hidden(character) || "\u{2028}\u{2029}".contains(character), " ");
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}
