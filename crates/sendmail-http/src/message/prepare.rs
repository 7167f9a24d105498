//! A message as a local program wrote it -> the message and envelope for the gateway. Depends only on its arguments: preparing twice gives
//! the same octets, so that an idempotency key still fits.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use mail::address::{Address, Mailbox};

use super::header::{Field, Header};
use super::site::{Site, Submission, name};
use super::{recipients, senders};
use crate::account::Account;
use crate::exit::{Failure, Status};
use crate::options::Dsn;

/// RFC 5321 6.3: more than this many Received fields are a loop.
const MAX_RECEIVED: usize = 50;
/// The most recipients of a message, after aliases.
const MAX_RECIPIENTS: usize = 1000;

/// Sender and recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// `None`: `<>`.
    pub sender: Option<Address>,
    /// At least one.
    pub recipients: Vec<Address>,
    /// The delivery reports asked for.
    pub dsn: Dsn,
}

/// The most recipients of one request (SendmailMaxRecipients is 100 by default), and the most octets of their field (httpd accepts 8190).
const PER_REQUEST: usize = 100;
const OCTETS_PER_REQUEST: usize = 7000;

impl Envelope {
    /// Splits the recipients into envelopes that fit into one request each.
    pub fn split(&self) -> Vec<Envelope> {
        let (mut parts, mut part, mut octets) = (Vec::new(), Vec::new(), 0);
        for recipient in &self.recipients {
            let length = recipient.to_string().len() + 2;
            if part.len() == PER_REQUEST || octets + length > OCTETS_PER_REQUEST {
                parts.push(std::mem::take(&mut part));
                octets = 0;
            }
            octets += length;
            part.push(recipient.clone());
        }
        parts.push(part);
        parts.into_iter().map(|recipients| Envelope { recipients, ..self.clone() }).collect()
    }
}

/// A message ready to send, without its body, which is unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Sender and recipients.
    pub envelope: Envelope,
    /// The header with the empty line.
    pub header: Vec<u8>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Completes and rewrites the message.
pub fn prepare(submission: &Submission, mut header: Header, site: &Site<'_>) -> Result<Prepared, Failure> {
    let received = header.fields().filter(|field| field.name().is("Received")).count();
    if received > MAX_RECEIVED {
        let words = format!("{received} Received fields: the message goes in a circle");
        return Err(Failure::new(Status::DataError, words));
    }
    let mut warnings = Vec::new();
    let named = recipients::collect(&submission.words, submission.extract.then_some(&header))?;
    let recipients = expand(&named, submission, site, &mut warnings)?;
    let sender = senders::envelope(submission, site, &mut warnings);
    for gone in ["Bcc", "Resent-Bcc", "Return-Path"] {
        header.remove(gone);
    }
    for field in ["To", "Cc", "Resent-To", "Resent-Cc"] {
        rewrite_recipients(&mut header, field, submission, site);
    }
    senders::rewrite(&mut header, submission, site, sender.as_ref());
    complete(&mut header, submission, site);
    let envelope = Envelope { sender, recipients, dsn: submission.dsn.clone() };
    Ok(Prepared { envelope, header: header.write(), warnings })
}

/// Adds the fields that RFC 5322 3.6 requires and the caller left out, and the trace.
fn complete(header: &mut Header, submission: &Submission, site: &Site<'_>) {
    let Account { uid, name: user, .. } = &submission.account;
    let date = mail::date::at(submission.time);
    let add = |header: &mut Header, field: &str, value: &str| {
        if !header.has(field) {
            header.push(Field::written(name(field), format!("{field}: {value}\n")));
        }
    };
    add(header, "Date", &date);
    add(header, "Message-ID", &format!("<{}@{}>", submission.id.key(*uid), site.message_host()));
    let is_cron = matches!(submission.full_name.as_deref(), Some("CronDaemon" | "Anacron"));
    if is_cron || header.has("X-Cron-Env") {
        add(header, "Auto-Submitted", "auto-generated"); // RFC 3834 5
    }
    let user: String = user.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let host = site.host.name();
    let trace = format!("Received: by {host} (sendmail-http, from uid {uid} {user})\n\tid {}; {date}\n", submission.id);
    header.push_front(Field::written(name("Received"), trace));
}

/// The final recipients: each once, none a bare name if we have a domain.
fn expand(
    named: &[Address],
    submission: &Submission,
    site: &Site<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Address>, Failure> {
    let (mut seen, mut recipients) = (HashSet::new(), Vec::new());
    for address in named {
        let targets =
            site.targets(address, submission.no_aliases).map_err(|words| Failure::new(Status::NoUser, words))?;
        if targets.is_unread_root {
            warnings.push("root has no alias, and there is no postmaster: perhaps nobody reads its mail".into());
        }
        recipients.extend(targets.addresses.into_iter().filter(|target| seen.insert(target.clone())));
    }
    match recipients.len() {
        0 => Err(Failure::new(Status::NoUser, "the aliases of the recipients lead nowhere")),
        count if count > MAX_RECIPIENTS => {
            Err(Failure::new(Status::NoUser, format!("{count} recipients: send to at most {MAX_RECIPIENTS} at a time")))
        }
        _ => Ok(recipients),
    }
}

/// Rewrites bare names in To and Cc to the delivered address: most gateways refuse `root`, and elsewhere it says nothing to a reader. The
/// name is kept as display name.
fn rewrite_recipients(header: &mut Header, field: &str, submission: &Submission, site: &Site<'_>) {
    let rewritten = |mailbox: &Mailbox| match site.targets(mailbox.address(), submission.no_aliases) {
        Ok(targets) if targets.is_alias => {
            let shown = mailbox.name().unwrap_or(mailbox.address().local());
            targets.addresses.into_iter().map(|target| Mailbox::new(Some(shown), target)).collect()
        }
        _ => vec![Mailbox::new(mailbox.name(), site.complete(mailbox.address()))],
    };
    senders::change_lists(header, field, |list| list.mailboxes().flat_map(rewritten).collect());
}
