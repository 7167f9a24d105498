//! Messages held for a person: a Maildir in which the envelope is at the top of each message, in fields of its own (`X-Hold-*`). It can be
//! read without a program of ours; `sendmail-hold` lists, shows, releases and drops.
#![forbid(unsafe_code)]

use super::letter::Envelope;
use crate::message::Message;
use crate::transport::{Commit, Failure, maildir};
use mail::address::Address;
use mail::header::{HeaderName, HeaderValue};
use mail::{date, encode};
use std::fmt::Write;
use std::io::{self, BufRead};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The prefix of all these fields. No request and no released message has one.
pub const PREFIX: &str = "X-Hold-";

/// After this many days nobody will want the message any more.
const DAYS: i64 = 30;

/// What must be known about a held message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Letters and digits.
    pub id: String,
    /// When it arrived, in the format of RFC 5322 3.3.
    pub date: String,
    /// When it may be deleted, in seconds since 1970.
    pub expires: i64,
    /// Which check wanted it held, and why.
    pub reason: String,
    /// The user who sent it; empty if unknown.
    pub owner: String,
    /// The location it came to.
    pub location: String,
    /// Sender and recipients.
    pub envelope: Envelope,
}

impl Ticket {
    /// A ticket for a message that arrives now.
    pub fn new(id: &str, reason: &str, owner: &str, location: &str, envelope: Envelope) -> Ticket {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
        let expires = now + DAYS * 86_400;
        let [id, reason, owner, location] = [id, reason, owner, location].map(str::to_owned);
        Ticket { id, date: date::now(), expires, reason, owner, location, envelope }
    }

    /// The fields.
    fn header(&self) -> String {
        let text = |name: &str, value: &str| {
            let name = HeaderName::parse(format!("{PREFIX}{name}").as_bytes()).expect("letters and hyphens");
            let value = HeaderValue::parse(&value.replace(|c: char| c.is_control(), "?"));
            value.ok().and_then(|value| encode::unstructured(&name, &value).ok()).unwrap_or_default()
        };
        let mut header = text("ID", &self.id) + &text("Date", &self.date);
        writeln!(header, "{PREFIX}Expires: {}", self.expires).expect("a String takes everything");
        for (name, value) in [("Reason", &self.reason), ("Owner", &self.owner), ("Location", &self.location)] {
            if !value.is_empty() {
                header += &text(name, value);
            }
        }
        let sender = self.envelope.sender.as_ref().map(ToString::to_string).unwrap_or_default();
        writeln!(header, "{PREFIX}Sender: <{sender}>").expect("a String takes everything");
        for recipient in &self.envelope.recipients {
            writeln!(header, "{PREFIX}Recipient: <{recipient}>").expect("a String takes everything");
        }
        header
    }

    /// Reads our fields at the top of a held message, and the first line after them; `from` then continues after that. `None`: the message
    /// is not ours.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<(Ticket, Vec<u8>)>> {
        let mut ticket = Ticket {
            id: String::new(),
            date: String::new(),
            expires: 0,
            reason: String::new(),
            owner: String::new(),
            location: String::new(),
            envelope: Envelope { sender: None, recipients: Vec::new() },
        };
        let (mut has_sender, mut is_whole) = (false, true);
        let (fields, rest) = fields(from)?;
        for (name, value) in &fields {
            let value = value.as_str();
            let decoded = || encode::decode(value);
            match name.to_ascii_lowercase().as_str() {
                "id" => ticket.id = value.to_owned(),
                "date" => ticket.date = value.to_owned(),
                "expires" => ticket.expires = value.parse().unwrap_or_default(),
                "reason" => ticket.reason = decoded(),
                "owner" => ticket.owner = decoded(),
                "location" => ticket.location = value.to_owned(),
                "sender" if value == "<>" => has_sender = true,
                "sender" => {
                    ticket.envelope.sender = address(value);
                    has_sender = ticket.envelope.sender.is_some();
                }
                "recipient" => match address(value) {
                    Some(address) => ticket.envelope.recipients.push(address),
                    None => is_whole = false,
                },
                _ => {}
            }
        }
        let is_id = !ticket.id.is_empty() && ticket.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_ours = is_id && is_whole && has_sender && !ticket.envelope.recipients.is_empty();
        Ok(is_ours.then_some((ticket, rest)))
    }
}

/// Puts a message into the Maildir.
pub fn store(maildir: &Path, ticket: &Ticket, message: &Message, commit: &mut Commit<'_>) -> Result<(), Failure> {
    let header = ticket.header();
    let write = |to: &mut dyn io::Write| io::copy(&mut message.reader(), to).map(drop);
    let held =
        Message::compose(message.directory(), header.as_bytes(), write).map_err(|error| Failure::storing(&error))?;
    maildir::deliver(maildir, &held, commit).map(drop)
}

/// The largest size of our fields: enough for a thousand recipients.
const MAX_FIELDS: usize = 1 << 20;

/// Names without the prefix, and values.
type Fields = Vec<(String, String)>;

/// Our fields at the top, unfolded, and the first line after them.
fn fields(from: &mut impl BufRead) -> io::Result<(Fields, Vec<u8>)> {
    let (mut fields, mut octets): (Vec<String>, usize) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        octets += from.read_until(b'\n', &mut line)?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\n');
        match (text.get(..PREFIX.len()), fields.last_mut()) {
            (Some(start), _) if start.eq_ignore_ascii_case(PREFIX) && octets < MAX_FIELDS => {
                fields.push(text[PREFIX.len()..].to_owned());
            }
            (_, Some(field)) if text.starts_with([' ', '\t']) && octets < MAX_FIELDS => field.push_str(text),
            _ => {
                let pair = |field: String| {
                    let (name, value) = field.split_once(':').unwrap_or_default();
                    (name.to_owned(), value.trim().to_owned())
                };
                return Ok((fields.into_iter().map(pair).collect(), line));
            }
        }
    }
}

fn address(value: &str) -> Option<Address> {
    Address::parse(value.strip_prefix('<')?.strip_suffix('>')?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;
    use std::io::{BufReader, Read};

    fn ticket(recipients: usize, sender: Option<&str>) -> Ticket {
        let address = |text: &str| Address::parse(text).unwrap();
        let recipients = (0..recipients).map(|i| address(&format!("somebody.{i}@example.test"))).collect();
        let envelope = Envelope { sender: sender.map(address), recipients };
        Ticket::new(
            "q1",
            "milter x: Gr\u{fc}\u{df}e \u{1f600} \nBcc: y",
            "ali ce\u{e4}",
            "https://gw.test/mail",
            envelope,
        )
    }

    #[test]
    fn what_was_held_is_read_back_with_its_envelope() {
        let _alone = alone();
        let directory = std::env::temp_dir();
        let maildir = directory.join(format!("mailgate-hold-{}", std::process::id()));
        let text = "X-Hold: mine\nSubject: x\n\nX-Hold-ID: body\n";
        for (recipients, sender) in [(1, Some("f@b.test")), (3, None), (999, Some("f@b.test"))] {
            let message = Message::compose(&directory, text.as_bytes(), |_| Ok(())).unwrap();
            let ticket = ticket(recipients, sender);
            store(&maildir, &ticket, &message, &mut || Ok(())).unwrap();
            let file = std::fs::read_dir(maildir.join("new")).unwrap().next().unwrap().unwrap().path();
            let octets = std::fs::read(&file).unwrap();
            assert!(octets.is_ascii() && octets.starts_with(b"X-Hold-ID: q1\n"));
            for capacity in [1, 100, 8192] {
                let mut from = BufReader::with_capacity(capacity, &octets[..]);
                let (read, mut rest) = Ticket::read(&mut from).unwrap().unwrap();
                from.read_to_end(&mut rest).unwrap();
                assert_eq!(String::from_utf8(rest).unwrap(), text);
                let reason = ticket.reason.replace('\n', "?");
                assert_eq!(read, Ticket { reason, ..ticket.clone() });
            }
            std::fs::remove_file(file).unwrap();
        }
        std::fs::remove_dir_all(maildir).unwrap();
    }

    #[test]
    fn what_is_none_of_ours_or_half_a_one_is_no_ticket() {
        let whole = ticket(2, None).header();
        let read = |text: &str| Ticket::read(&mut text.as_bytes()).unwrap();
        assert!(read(&whole).is_some());
        for (from, to) in [
            ("X-Hold-ID: q1", "X-Hold-ID: ../q1"),
            ("X-Hold-ID: q1", "X-Hold-ID: "),
            ("X-Hold-Sender: <>\n", ""),
            ("X-Hold-Sender: <>", "X-Hold-Sender: <a b>"),
            ("<somebody.1@example.test>", "somebody.1@example.test"),
            ("<somebody.1@example.test>", "<-f@example.test>"),
            ("X-Hold-Recipient", "X-Other"),
        ] {
            assert!(whole.contains(from) && read(&whole.replace(from, to)).is_none(), "{from} -> {to}");
        }
        assert!(read("").is_none() && read("Subject: x\n\n").is_none());
    }
}
