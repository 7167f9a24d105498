//! An announcement and, behind or under it, addresses: OpenSMTPD, dma, InterScan, IMail, m-Filter, MDaemon, Zoho, and whoever else writes
//! "could not be delivered to:".
#![forbid(unsafe_code)]

use super::super::{Error, MAX_RECIPIENTS, Recipient};
use super::{Mail, recipients, text};

/// How many lines without an address may stand between an announcement and the first one.
const GAP: usize = 3;

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let announce = mail.words.said(ANNOUNCE);
    let mut failed: Vec<String> = Vec::new();
    let mut gap = None;
    if announce.is_empty() {
        return Ok(Vec::new());
    }
    for line in mail.words.lines() {
        if failed.len() > MAX_RECIPIENTS {
            break;
        }
        let low = line.to_lowercase();
        if let Some(phrase) = announce.iter().find(|phrase| low.contains(*phrase)) {
            let at = low.find(phrase).unwrap_or_default();
            let behind = line.get(at..).unwrap_or(line);
            let named =
                text::addresses(behind).into_iter().find(|a| !mail.is_own(a) || behind.contains(&format!("<{a}>")));
            gap = named.is_none().then_some(0);
            failed.extend(named);
            continue;
        }
        let Some(passed) = gap else { continue };
        match text::leading_address(line) {
            Some((address, _)) => {
                failed.push(address);
                gap = Some(0);
            }
            None if line.trim().is_empty() => {}
            None if passed >= GAP => gap = None,
            None => gap = Some(passed + 1),
        }
    }
    Ok(recipients(failed))
}

const ANNOUNCE: &[&str] = &[
    "address couldn't be found",
    "address rejected:",
    "address specified",
    "addressed to",
    "cannot be delivered to",
    "could not be delivered to",
    "couldn't be delivered to",
    "delivering your mail to",
    "delivery failed to",
    "delivery of email to this address",
    "delivery to the following",
    "delivery userid:",
    "failed address",
    "failed recipient",
    "failure reasons",
    "following address",
    "following destination",
    "following e-mail",
    "following email",
    "following list of recipients",
    "following recipient",
    "following user",
    "invalid address",
    "invalid recipient",
    "not be delivered to",
    "not deliver mail to",
    "not deliver message to",
    "not deliver your message to",
    "recipient:",
    "recipient address",
    "recipients were affected",
    "these recipients",
    "this address",
    "to email address",
    "unable to deliver message to",
    "unable to deliver to",
    "unable to deliver your message to",
    "undeliverable address",
    "undeliverable to",
    "undelivered to",
    "unknown local part",
    "unknown recipient",
    "unknown user",
    "user not found",
    "user unknown:",
];
