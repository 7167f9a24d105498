//! The changes that a check asks for -> the changed letter. If one of them is not allowed, none of that check's changes is made.
#![forbid(unsafe_code)]

use super::field::Field;
use super::letter::{Envelope, Letter};
use crate::policy::Recipients;
use mail::address::Address;
use std::fmt;
use sys::spool::Spool;

/// One change.
#[derive(Debug)]
pub enum Change {
    /// After the last field.
    AddField(Field),
    /// Another recipient.
    AddRecipient(Address),
    /// Replaces the body; with LF.
    Body(Spool),
    /// Replaces the `index`th field of its name, counted from 1; appended if there are fewer.
    ChangeField {
        /// From 1 on.
        index: usize,
        /// The new field.
        field: Field,
    },
    /// Removes the `index`th field of this name, if it exists.
    DeleteField {
        /// From 1 on.
        index: usize,
        /// In any case.
        name: String,
    },
    /// Removes the recipient, if it exists.
    DeleteRecipient(Address),
    /// Before the `index`th field, counted from 1.
    InsertField {
        /// From 1 on; a larger number than there are fields: after the last.
        index: usize,
        /// The new field.
        field: Field,
    },
    /// Only this recipient.
    Redirect(Address),
    /// Another sender; `None`: `<>`.
    Sender(Option<Address>),
}

/// The changes allowed to an envelope.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Whether the transport can be given another sender.
    pub sender: bool,
    /// Whether it can be given other recipients.
    pub recipients: bool,
    /// The allowed recipients.
    pub allowed: &'a Recipients,
    /// SendmailRedirectTo is set: no check can add recipients.
    pub redirected: bool,
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// SendmailRecipients does not cover a recipient.
    Forbidden,
    /// The header would be longer than [`MAX_HEADER`].
    Header,
    /// More recipients than [`MAX_RECIPIENTS`].
    Recipients,
    /// The transport has no envelope.
    NoRecipients,
    /// The transport cannot be given a sender.
    NoSender,
}

/// Longest header, in octets.
pub const MAX_HEADER: usize = 64 * 1024;
/// Most recipients.
pub const MAX_RECIPIENTS: usize = 1000;

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Forbidden => f.write_str("it adds a recipient that SendmailRecipients does not cover; list it there"),
            Unfit::Header => write!(f, "the header would have more than {MAX_HEADER} octets; let it add less"),
            Unfit::Recipients => write!(f, "there would be more than {MAX_RECIPIENTS} recipients; let it add fewer"),
            Unfit::NoRecipients => f.write_str(
                "it changes the recipients, which a Maildir does not have; use SendmailRelay, or SendmailArguments with -- as its last word",
            ),
            Unfit::NoSender => f.write_str("it changes the sender, which only SendmailRelay can be told; use that"),
        }
    }
}

impl Letter {
    /// Makes the changes in order: all, or none.
    pub fn change(&mut self, changes: Vec<Change>, rules: &Rules<'_>) -> Result<(), Unfit> {
        if changes.is_empty() {
            return Ok(());
        }
        let (mut envelope, mut fields, mut body) = (self.envelope.clone(), self.fields.clone(), None);
        for change in changes {
            match change {
                Change::AddField(field) => fields.push(field),
                Change::Body(spool) => body = Some(spool),
                Change::ChangeField { index, field } => match nth(&fields, index, field.name()) {
                    Some(at) => fields[at] = field,
                    None => fields.push(field),
                },
                Change::DeleteField { index, name } => {
                    if let Some(at) = nth(&fields, index, name.as_bytes()) {
                        fields.remove(at);
                    }
                }
                Change::InsertField { index, field } => fields.insert(index.saturating_sub(1).min(fields.len()), field),
                change => envelope.change(change, rules)?,
            }
        }
        if envelope.recipients.len() > MAX_RECIPIENTS {
            return Err(Unfit::Recipients);
        }
        if fields.iter().map(|field| field.line().len()).sum::<usize>() > MAX_HEADER {
            return Err(Unfit::Header);
        }
        self.envelope = envelope;
        if fields != self.fields {
            self.set_fields(fields);
        }
        if let Some(body) = body {
            self.replace_body(body);
        }
        Ok(())
    }
}

impl Envelope {
    /// Makes one of the changes that concern it.
    pub fn change(&mut self, change: Change, rules: &Rules<'_>) -> Result<(), Unfit> {
        let may_add = |address: &Address| match () {
            () if !rules.recipients => Err(Unfit::NoRecipients),
            () if !rules.allowed.allow(address) => Err(Unfit::Forbidden),
            () => Ok(()),
        };
        match change {
            Change::AddRecipient(address) if !self.recipients.contains(&address) && !rules.redirected => {
                may_add(&address)?;
                self.recipients.push(address);
            }
            Change::Redirect(address) if self.recipients != [address.clone()] && !rules.redirected => {
                may_add(&address)?;
                self.recipients = vec![address];
            }
            Change::DeleteRecipient(address) if self.recipients.contains(&address) => {
                if !rules.recipients {
                    return Err(Unfit::NoRecipients);
                }
                self.recipients.retain(|recipient| *recipient != address);
            }
            Change::Sender(sender) if sender != self.sender => {
                if !rules.sender {
                    return Err(Unfit::NoSender);
                }
                self.sender = sender;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The position of the `index`th field of this name.
fn nth(fields: &[Field], index: usize, name: &[u8]) -> Option<usize> {
    let named = fields.iter().enumerate().filter(|(_, field)| field.name().eq_ignore_ascii_case(name));
    named.map(|(at, _)| at).nth(index.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::transport::tests::alone;
    use std::io::Read;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn field(name: &str, value: &str) -> Field {
        Field::new(name.as_bytes(), value.as_bytes(), " ").unwrap()
    }

    fn letter() -> Letter {
        let directory = std::env::temp_dir();
        let text = b"Received: ours\nA: 1\nB: 2\nA: 3\n\nbody\n";
        let message = Message::compose(&directory, text, |_| Ok(())).unwrap();
        let envelope = Envelope { sender: Some(address("f@b.test")), recipients: vec![address("a@b.test")] };
        Letter::open(message, true, envelope).unwrap()
    }

    static ANYBODY: std::sync::LazyLock<Recipients> = std::sync::LazyLock::new(Recipients::default);

    fn changed(changes: Vec<Change>) -> String {
        let mut letter = letter();
        letter.change(changes, &free()).unwrap();
        let mut text = String::new();
        letter.close().unwrap().0.reader().read_to_string(&mut text).unwrap();
        text
    }

    fn free() -> Rules<'static> {
        Rules { sender: true, recipients: true, allowed: &ANYBODY, redirected: false }
    }

    #[test]
    fn fields_are_counted_from_one_below_our_trace() {
        let _alone = alone();
        let insert = |index| vec![Change::InsertField { index, field: field("X", "9") }];
        let change = |index, name: &str| vec![Change::ChangeField { index, field: field(name, "9") }];
        let delete = |index, name: &str| vec![Change::DeleteField { index, name: name.into() }];
        for (changes, header) in [
            (vec![], "A: 1\nB: 2\nA: 3\n"),
            (vec![Change::AddField(field("X", "9"))], "A: 1\nB: 2\nA: 3\nX: 9\n"),
            (insert(0), "X: 9\nA: 1\nB: 2\nA: 3\n"),
            (insert(1), "X: 9\nA: 1\nB: 2\nA: 3\n"),
            (insert(2), "A: 1\nX: 9\nB: 2\nA: 3\n"),
            (insert(99), "A: 1\nB: 2\nA: 3\nX: 9\n"),
            (change(1, "a"), "a: 9\nB: 2\nA: 3\n"),
            (change(0, "A"), "A: 9\nB: 2\nA: 3\n"),
            (change(2, "A"), "A: 1\nB: 2\nA: 9\n"),
            (change(3, "A"), "A: 1\nB: 2\nA: 3\nA: 9\n"),
            (change(1, "Received"), "A: 1\nB: 2\nA: 3\nReceived: 9\n"),
            (delete(2, "a"), "A: 1\nB: 2\n"),
            (delete(3, "A"), "A: 1\nB: 2\nA: 3\n"),
            (delete(1, "Received"), "A: 1\nB: 2\nA: 3\n"),
        ] {
            assert_eq!(changed(changes), format!("Received: ours\n{header}\nbody\n"));
        }
    }

    #[test]
    fn recipients_are_judged_and_nothing_is_half_changed() {
        let _alone = alone();
        let allowed = Recipients::parse(&["b.test"]).unwrap();
        let rules = Rules { allowed: &allowed, ..free() };
        let add = |text: &str| Change::AddRecipient(address(text));
        let mut letter = letter();
        letter.change(vec![add("c@b.test"), add("a@b.test")], &rules).unwrap();
        assert_eq!(letter.envelope.recipients, [address("a@b.test"), address("c@b.test")]);
        let outside = vec![Change::AddField(field("X", "9")), add("d@b.test"), add("x@evil.test")];
        assert_eq!(letter.change(outside, &rules), Err(Unfit::Forbidden));
        assert_eq!((letter.envelope.recipients.len(), letter.fields.len()), (2, 3), "none of them is made");
        let redirect = |text: &str| vec![Change::Redirect(address(text))];
        assert_eq!(letter.change(redirect("x@evil.test"), &rules), Err(Unfit::Forbidden));
        letter.change(redirect("z@b.test"), &rules).unwrap();
        letter.change(vec![Change::Sender(None)], &rules).unwrap();
        assert_eq!(letter.envelope, Envelope { sender: None, recipients: vec![address("z@b.test")] });
        let staging = Rules { redirected: true, ..free() };
        letter.change(vec![add("x@evil.test"), Change::Redirect(address("y@evil.test"))], &staging).unwrap();
        assert_eq!(letter.envelope.recipients, [address("z@b.test")], "a redirection holds for checks too");
    }

    #[test]
    fn what_the_way_out_cannot_express_is_refused_unless_nothing_changes() {
        let _alone = alone();
        let maildir = Rules { sender: false, recipients: false, ..free() };
        let mut letter = letter();
        let same = || {
            vec![
                Change::AddRecipient(address("a@b.test")),
                Change::DeleteRecipient(address("z@b.test")),
                Change::Sender(Some(address("f@b.test"))),
            ]
        };
        assert_eq!(letter.change(same(), &maildir), Ok(()));
        for (change, why) in [
            (Change::AddRecipient(address("c@b.test")), Unfit::NoRecipients),
            (Change::DeleteRecipient(address("a@b.test")), Unfit::NoRecipients),
            (Change::Redirect(address("c@b.test")), Unfit::NoRecipients),
            (Change::Sender(None), Unfit::NoSender),
        ] {
            assert_eq!(letter.change(vec![change], &maildir), Err(why));
        }
    }

    #[test]
    fn a_header_and_an_envelope_have_their_limits() {
        let _alone = alone();
        let mut letter = letter();
        let many = |n| (0..n).map(|i| Change::AddRecipient(address(&format!("r{i}@b.test")))).collect();
        assert_eq!(letter.change(many(MAX_RECIPIENTS), &free()), Err(Unfit::Recipients));
        assert_eq!(letter.change(many(MAX_RECIPIENTS - 1), &free()), Ok(()));
        let fields = |n| (0..n).map(|_| Change::AddField(field("X", &"9".repeat(900)))).collect();
        assert_eq!(letter.change(fields(80), &free()), Err(Unfit::Header));
        assert_eq!(letter.change(fields(60), &free()), Ok(()));
    }
}
