//! Mailboxes -> an address field. An address after a name is in angle brackets; lines are folded between addresses where possible (RFC 5322
//! 2.2.3). For the other direction see [`super::parse`].
#![forbid(unsafe_code)]

use std::fmt;

use super::{AddressList, Mailbox};
use crate::encode::phrase_words;
use crate::encoded_word::MAX_LINE;
use crate::fold::{Field, LINE};
use crate::header::HeaderName;

impl Mailbox {
    /// Its words, to be separated by a blank or a fold; `room` is for the first. A bare name among mailboxes with names gets angle
    /// brackets; without them it could be taken for the first half of such a name.
    fn words(&self, room: usize, has_names: bool) -> Vec<String> {
        let mut words = self.name().map(|name| phrase_words(name, room)).unwrap_or_default();
        // An encoded-word that decodes to nothing leaves a name without words.
        let is_plain = words.is_empty() && !(has_names && self.address().domain().is_none());
        words.push(if is_plain { self.address().to_string() } else { format!("<{}>", self.address()) });
        words
    }
}

impl Mailbox {
    /// Writes the whole field with its final line end.
    pub fn write(&self, name: &HeaderName) -> String {
        write(name, std::slice::from_ref(self))
    }
}

/// One field, folded between mailboxes if that is enough, otherwise also inside them.
fn write(name: &HeaderName, mailboxes: &[Mailbox]) -> String {
    let mut field = Field::new(name);
    let has_names = mailboxes.iter().any(|mailbox| mailbox.name().is_some());
    for (at, mailbox) in mailboxes.iter().enumerate() {
        let comma = if at + 1 < mailboxes.len() { "," } else { "" };
        if at > 0 {
            let whole = mailbox.words(MAX_LINE, has_names).join(" ") + comma;
            if whole.len() < LINE {
                field.push(" ", &whole);
                continue;
            }
        }
        let mut words = mailbox.words(field.room(MAX_LINE - 1), has_names);
        words.iter_mut().last().into_iter().for_each(|word| word.push_str(comma));
        words.iter().for_each(|word| field.push(" ", word));
    }
    field.finish()
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(MAX_LINE, false).join(" "))
    }
}

impl AddressList {
    /// Writes the whole field with its final line end. An empty list gives an empty string: the field is left out.
    pub fn write(&self, name: &HeaderName) -> String {
        if self.is_empty() { String::new() } else { write(name, &self.0) }
    }

    /// Only the addresses, in order, for a program's arguments.
    pub fn addresses(&self) -> impl Iterator<Item = &super::Address> {
        self.mailboxes().map(Mailbox::address)
    }
}
