//! A message that was given up -> a report (RFC 3464) to the local user who sent it, or to the administrator. Never to an address from the
//! message: a forged sender must not get mail from us. No report about a report (RFC 3834 2).
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io::{self, BufReader};

use mail::address::{Address, Mailbox};
use mail::text::one_line;

use crate::account::Account;
use crate::clock;
use crate::message::header::Header;
use crate::message::prepare::Envelope;
use crate::message::site::{Site, name};
use crate::options::Dsn;
use crate::queue::entry::{Entry, Head};

/// Octets of the original header that are returned.
const MAX_RETURNED: usize = 16 * 1024;
/// Lower numbers are system users, who have no mailbox unless an alias gives them one (Debian policy 9.2.2).
const FIRST_PERSON: u32 = 1000;

/// Why a message was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The time for attempts is over.
    Expired,
    /// The gateway refused it permanently.
    Refused,
    /// It is unknown whether it was taken.
    Unknown,
}

impl Cause {
    /// The sentence for people.
    pub fn sentence(self, words: &str) -> String {
        match self {
            Cause::Expired => format!("it could not be sent in time; {words}"),
            Cause::Refused => format!("it was refused: {words}"),
            Cause::Unknown => format!("{UNKNOWN}: {words}"),
        }
    }
}

const UNKNOWN: &str = "it may or may not have been delivered, and is not sent again";

/// The report, if one is due.
pub fn make(entry: &Entry, words: &str, site: &Site<'_>, owner: u32) -> io::Result<Option<(Head, Vec<u8>)>> {
    let (header, _) = Header::read(&mut BufReader::new(entry.message()?)).unwrap_or_default();
    let is_automatic = header
        .field("Auto-Submitted")
        .is_some_and(|field| field.value().is_none_or(|value| !value.as_str().trim().eq_ignore_ascii_case("no")));
    let is_null = entry.head.envelope.sender.is_none() && !entry.head.envelope.recipients.is_empty();
    let Some(recipients) = addressees(entry.head.uid, site).filter(|_| !is_null && !is_automatic) else {
        return Ok(None);
    };
    // The same id each time: a report that is made twice is one message to the gateway.
    let Some(id) = entry.head.id.of_report() else { return Ok(None) };
    let message = write(entry, words, site, &recipients, &header, &id.key(owner)).into_bytes();
    let envelope = Envelope { sender: None, recipients, dsn: Dsn::default() };
    let head = Head { id, uid: owner, time: clock::now(), envelope, size: message.len() as u64 };
    Ok(Some((head, message)))
}

/// The user who sent it, if somebody reads that mail; otherwise the administrator.
fn addressees(uid: u32, site: &Site<'_>) -> Option<Vec<Address>> {
    let own = Address::parse(&Account::of(uid).name).ok()?;
    match (site.alias(&own), site.postmaster) {
        (Some(found), _) => Some(found),
        (None, Some(postmaster)) if uid < FIRST_PERSON => Some(vec![postmaster.clone()]),
        _ => Some(vec![site.complete(&own)]),
    }
}

fn write(entry: &Entry, words: &str, site: &Site<'_>, recipients: &[Address], header: &Header, key: &str) -> String {
    let system = Address::parse("mailer-daemon").map(|address| site.complete(&address)).ok();
    let author = site.from.cloned().or(system);
    let from = author
        .map(|author| Mailbox::new(Some("Mail Delivery System"), author).write(&name("From")))
        .unwrap_or_default();
    let to: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    let is_unknown = words.starts_with(UNKNOWN);
    let subject =
        if is_unknown { "It is not known whether your mail was delivered" } else { "Your mail was not delivered" };
    let status = match words {
        _ if is_unknown => "4.4.2",
        _ if words.starts_with("it could not be sent in time") => "4.4.7",
        _ => "5.0.0",
    };
    let (host, date, words) = (site.host.name(), mail::date::at(clock::now()), one_line(words.as_bytes(), 600));
    let arrival = mail::date::at(entry.head.time);
    let mut groups = String::new();
    let named = entry.head.envelope.recipients.iter().map(ToString::to_string);
    let named: Vec<String> =
        if entry.head.envelope.recipients.is_empty() { vec!["unknown".into()] } else { named.collect() };
    for recipient in &named {
        let _ = write!(
            groups,
            "\nFinal-Recipient: rfc822; {recipient}\nAction: failed\nStatus: {status}\nDiagnostic-Code: x-sendmail-http; {}\n",
            ascii(&words)
        );
    }
    let returned = header.write();
    let returned = ascii(&String::from_utf8_lossy(&returned[..returned.len().min(MAX_RETURNED)]));
    format!(
        "{from}To: {}\nSubject: {subject}\nDate: {date}\nMessage-ID: <{key}@{host}>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"={key}=\"\n\n\
         --={key}=\nContent-Type: text/plain; charset=utf-8\n\n\
         This is sendmail-http on {host}.\n\n\
         A message that you sent on {arrival} was given up:\n\n  {words}\n\n\
         It was for:\n\n  {}\n\n\
         Its header is below; the message itself is kept for 30 days, and `mailq` shows it to root.\n\n\
         --={key}=\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; {host}\nArrival-Date: {arrival}\n{groups}\n\
         --={key}=\nContent-Type: text/rfc822-headers\n\n\
         {returned}\n--={key}=--\n",
        to.join(",\n "),
        named.join("\n  "),
    )
}

/// RFC 3464 allows only ASCII, like the fields of most mail.
fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii() && (!c.is_ascii_control() || c == '\n' || c == '\t') { c } else { '?' })
        .collect()
}
