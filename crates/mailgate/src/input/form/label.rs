//! What a visitor wrote -> what stands in a text mail: lines that end in LF alone, or one line, and nothing that acts on a screen.
#![forbid(unsafe_code)]

use web::escape::is_hidden;

/// The lines of a text. Whatever some reader takes for a line end is one, so that nobody can write past the indent of [`super::letter`].
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

/// One line, its words apart by one blank.
pub fn line(text: &str) -> String {
    let seen = text.replace(|character: char| is_hidden(character) || "\u{2028}\u{2029}".contains(character), " ");
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}
