//! Mailboxes -> an address field: the address last and in angle brackets if there is a name, folded between addresses
//! where that is possible (RFC 5322 2.2.3). The other direction is [`super::parse`].
#![forbid(unsafe_code)]

use std::fmt;

use super::{AddressList, Mailbox};
use crate::encode::phrase_words;
use crate::encoded_word::MAX_LINE;
use crate::fold::{Field, LINE};
use crate::header::HeaderName;

impl Mailbox {
    /// The words of it, to be separated by a blank or a fold; `room` is for the first.
    fn words(&self, room: usize) -> Vec<String> {
        let mut words = self.name().map(|name| phrase_words(name, room)).unwrap_or_default();
        // An encoded-word that stands for nothing makes a name without words.
        words.push(if words.is_empty() { self.address().to_string() } else { format!("<{}>", self.address()) });
        words
    }
}

impl Mailbox {
    /// Writes the whole field with its final line end.
    pub fn write(&self, name: &HeaderName) -> String {
        write(name, std::iter::once(self))
    }
}

/// One field, folded between the mailboxes where that is enough, else within one.
fn write<'m>(name: &HeaderName, mailboxes: impl Iterator<Item = &'m Mailbox>) -> String {
    let (mut field, mut mailboxes, mut first) = (Field::new(name), mailboxes.peekable(), true);
    while let Some(mailbox) = mailboxes.next() {
        let comma = if mailboxes.peek().is_some() { "," } else { "" };
        let whole = format!("{mailbox}{comma}");
        if !first && whole.len() < LINE {
            field.push(" ", &whole);
            continue;
        }
        first = false;
        let mut words = mailbox.words(field.room(MAX_LINE - 1));
        words.iter_mut().last().into_iter().for_each(|word| word.push_str(comma));
        words.iter().for_each(|word| field.push(" ", word));
    }
    field.finish()
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(MAX_LINE).join(" "))
    }
}

impl AddressList {
    /// Writes the whole field with its final line end. An empty list gives an empty string: such a field is as if
    /// absent.
    pub fn write(&self, name: &HeaderName) -> String {
        if self.is_empty() { String::new() } else { write(name, self.mailboxes()) }
    }

    /// The addresses alone, one after the other, for a program's arguments.
    pub fn addresses(&self) -> impl Iterator<Item = &super::Address> {
        self.mailboxes().map(Mailbox::address)
    }
}
