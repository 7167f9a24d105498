//! Words -> one header field with its line ends: folded at 78 columns where a blank allows it (RFC 5322 2.1.1 and 2.2.3), with LF as line
//! end, which a sendmail program reads on stdin. A line never consists of blanks only: four MTAs would end the header there.
#![forbid(unsafe_code)]

use crate::header::HeaderName;

/// The column where a line is folded.
pub(crate) const LINE: usize = 78;
/// The longest word that is not split: with the longest name or run of blanks before it, the line stays below 990, where Sendmail cuts.
pub(crate) const MAX_WORD: usize = 900;
/// The longest run of blanks that is written unchanged.
pub(crate) const MAX_BLANK: usize = 60;

/// A header field being written.
pub(crate) struct Field {
    text: String,
    column: usize,
    is_new: bool,
}

impl Field {
    /// `Name:`
    pub(crate) fn new(name: &HeaderName) -> Field {
        let mut text = String::with_capacity(LINE + 1);
        text.push_str(name.as_str());
        text.push(':');
        Field { column: text.len(), text, is_new: true }
    }

    /// Appends `blank` (one or more of SP and TAB) and a word; starts a new line if this one has no room left.
    pub(crate) fn push(&mut self, blank: &str, word: &str) {
        let length = blank.len() + word.len();
        let is_better = !self.is_new || length <= LINE;
        if self.column + length > LINE && is_better {
            self.text.push('\n');
            self.column = 0;
        }
        self.text.push_str(blank);
        self.text.push_str(word);
        self.column += length;
        self.is_new = false;
    }

    /// Columns left on this line, for a limit of `line`.
    pub(crate) fn room(&self, line: usize) -> usize {
        line.saturating_sub(self.column)
    }

    /// The whole field with its final line end.
    pub(crate) fn finish(mut self) -> String {
        self.text.push('\n');
        self.text
    }
}
