//! Bounces without a delivery-status part -> [`Guess`]: who did not get the message, by the MTA's wording. Each family of wordings has a
//! file; they are tried in the order of [`FAMILIES`], the most reliable first. All of it is a guess, and the report says so.
//!
//! Only a mail system is believed, and an address only from where its kind of bounce names a recipient: an absence notice also says "was
//! not delivered", and names somebody to ask instead.
#![forbid(unsafe_code)]

mod addresses;
mod aol;
mod exchange;
mod exim;
mod fields;
mod lists;
pub(super) mod origin;
mod qmail;
mod returned;
mod sendmail;
pub(super) mod text;

use super::parts::Part;
use super::report::{Action, Recipient, Report, Typed};
use super::{Error, MAX_RECIPIENTS, report};
use text::Words;

/// How many octets of wording are examined, in all texts together.
const MAX_WORDS: usize = 64 << 10;
/// The longest line that announces the copy of the message, in octets.
const MAX_ANNOUNCEMENT: usize = 120;

/// A family of wordings; its `read` returns nothing for a text that is not its own.
struct Family {
    name: &'static str,
    /// How many [`signs`] of a bounce it requires besides its own wording.
    signs: u8,
    read: fn(&Mail<'_>) -> Result<Vec<Recipient>, Error>,
}

#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    Family { name: "fields", signs: 0, read: fields::read },
    Family { name: "exim", signs: 0, read: exim::read },
    Family { name: "sendmail", signs: 0, read: sendmail::read },
    Family { name: "qmail", signs: 0, read: qmail::read },
    Family { name: "exchange", signs: 0, read: exchange::read },
    Family { name: "aol", signs: 0, read: aol::read },
    Family { name: "lists", signs: 0, read: lists::read },
    Family { name: "addresses", signs: 1, read: addresses::read },
];

/// Tried if no attached message is a report either.
const LAST: Family = Family { name: "returned", signs: 2, read: returned::read };

/// The input of a family.
pub struct Mail<'a> {
    top: &'a Part<'a>,
    /// The MTA's own text, without the copy of the message.
    words: Words,
    /// The first line of the copy of the message, which announces it.
    announcement: Words,
    is_bounce: bool,
    /// The recipients of the returned message.
    addressees: Vec<String>,
    /// Addresses of the report itself, in lower case: never a failed recipient unless the text clearly says so.
    own: Vec<String>,
}

/// The result.
pub struct Guess {
    family: &'static str,
    recipients: Vec<Recipient>,
}

impl Guess {
    /// The recipients are added to the little that a delivery-status part may have said.
    pub fn into_report(self, report: &mut Report) {
        report.conforming = false;
        report.heuristic = true;
        report.family = Some(self.family);
        report.recipients = self.recipients;
    }
}

impl<'a> Mail<'a> {
    /// Extracts the wording of a mail.
    pub fn of(top: &'a Part<'a>) -> Self {
        let texts = text::texts(top);
        let mut words = String::new();
        let mut copy = String::new();
        for text in &texts {
            let (own, returned) = text::split_copy(text);
            words.push_str(report::cut(own, MAX_WORDS.saturating_sub(words.len())));
            words.push_str("\n\n");
            if copy.is_empty() {
                copy.push_str(returned);
            }
        }
        let words = Words::of(&words);
        let own = ["to", "from", "return-path", "reply-to", "sender"]
            .iter()
            .flat_map(|name| top.header.values(name))
            .flat_map(|value| text::addresses(&value))
            .map(|address| address.to_lowercase())
            .collect();
        // a postmaster goes on holiday too
        let is_bounce = origin::is_mail_system(top) && !origin::is_responder(top);
        let addressees = if is_bounce { returned::addressees(top, &copy) } else { Vec::new() };
        let announcement = Words::of(report::cut(&copy, MAX_ANNOUNCEMENT));
        Self { top, words, announcement, is_bounce, addressees, own }
    }

    /// The recipients named by the wording; `None`: nobody, or not a bounce.
    pub fn read(&self) -> Result<Option<Guess>, Error> {
        self.ask(FAMILIES)
    }

    /// The recipients of the returned message, if the wording names only the two ends of the report.
    pub fn guess(&self) -> Result<Option<Guess>, Error> {
        if self.words.lines().flat_map(text::addresses).any(|address| !self.is_own(&address)) {
            return Ok(None);
        }
        self.ask(&[LAST])
    }

    fn ask(&self, families: &[Family]) -> Result<Option<Guess>, Error> {
        if !self.is_bounce {
            return Ok(None);
        }
        let has_signs = |wanted: u8| wanted == 0 || wanted <= signs(self.top, &self.words);
        for family in families.iter().filter(|family| has_signs(family.signs)) {
            let mut recipients = (family.read)(self)?;
            if recipients.len() > MAX_RECIPIENTS {
                return Err(Error::TooManyRecipients);
            }
            if !recipients.is_empty() {
                complete(self, &mut recipients);
                return Ok(Some(Guess { family: family.name, recipients }));
            }
        }
        Ok(None)
    }

    /// Whether a mail system wrote it; a report that a person forwards does not count.
    pub fn is_bounce(&self) -> bool {
        self.is_bounce
    }

    /// Whether the header of the returned message names this address as a recipient.
    fn was_for(&self, address: &str) -> bool {
        self.addressees.iter().any(|addressee| addressee.eq_ignore_ascii_case(address))
    }

    fn is_own(&self, address: &str) -> bool {
        self.own.contains(&address.to_lowercase())
    }

    /// Whether the wording means a delay, not a failure.
    fn is_delay(&self) -> bool {
        let subject = self.top.header.words("subject").unwrap_or_default().to_lowercase();
        let named = subject.contains("delayed") || subject.contains("(delay)") || subject.starts_with("warning: ");
        (named || self.words.say(DELAYS)) && !self.words.say(GIVEN_UP)
    }
}

const DELAYS: &[&str] = &[
    "advisory-only",
    "continue to attempt",
    "continue to try",
    "continue trying",
    "delivery attempts will continue",
    "has been delayed",
    "has been postponed",
    "is delayed for",
    "not yet been delivered",
    "still being attempted",
    "temporarily deferred",
    "warning message only",
    "will be retried",
];

const GIVEN_UP: &[&str] =
    &["given up", "gave up", "giving up", "not going to try again", "permanent error", "removed from the queue"];

/// Signs of a bounce: its subject, its text, its type.
fn signs(top: &Part<'_>, words: &Words) -> u8 {
    let subject = top.header.words("subject").unwrap_or_default().to_lowercase();
    let subject = !origin::is_answer(top) && SUBJECTS.iter().any(|phrase| subject.contains(phrase));
    u8::from(subject) + u8::from(words.say(PHRASES)) + u8::from(top.is_report())
}

const SUBJECTS: &[&str] = &[
    "could not send",
    "deferred",
    "delayed",
    "deliverable",
    "delivery error",
    "delivery fail",
    "delivery has failed",
    "delivery incomplete",
    "delivery notification",
    "delivery problem",
    "delivery report",
    "delivery status",
    "delivery unsuccessful",
    "delivery warning",
    "during delivery",
    "failed delivery",
    "failed mail",
    "failure delivery",
    "failure notice",
    "mail delivery",
    "mail error",
    "mail failure",
    "mail system error",
    "not be delivered",
    "not delivered",
    "not yet been delivered",
    "returned mail",
    "returning message",
    "returned to sender",
    "undeliver",
];

const PHRASES: &[&str] = &[
    "addressee unknown",
    "cannot be delivered",
    "could not be delivered",
    "couldn't be delivered",
    "could not deliver",
    "did not reach",
    "delivery attempt",
    "delivery error",
    "delivery failed",
    "delivery failure",
    "delivery has failed",
    "delivery status",
    "delivery to the following",
    "error occurred while",
    "error delivering",
    "fatal errors",
    "failed permanently",
    "has been delayed",
    "has been postponed",
    "mailbox full",
    "mailbox is full",
    "mailbox unavailable",
    "no such user",
    "not been delivered",
    "not be delivered",
    "not deliver",
    "not yet been delivered",
    "over quota",
    "permanent error",
    "recipient rejected",
    "rejected by",
    "transcript of session",
    "unable to deliver",
    "undeliverable",
    "undelivered",
    "unknown user",
    "unknown recipient",
    "unsent message",
    "user unknown",
    "was not delivered",
    "wasn't able to deliver",
];

/// A recipient named by the wording; [`complete`] adds what is said about it.
fn recipient(address: &str) -> Recipient {
    let address = Typed { kind: Some("rfc822".into()), value: report::bounded(address) };
    Recipient { final_recipient: Some(address), ..Recipient::default() }
}

fn recipients(addresses: impl IntoIterator<Item = String>) -> Vec<Recipient> {
    let mut all: Vec<String> = Vec::new();
    for address in addresses.into_iter().take(MAX_RECIPIENTS * 4) {
        if all.len() <= MAX_RECIPIENTS && !all.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
            all.push(address);
        }
    }
    all.iter().map(|address| recipient(address)).collect()
}

/// Sendmail's wording for success in its transcript.
fn success(diagnostic: &str) -> Option<Action> {
    let low = diagnostic.to_lowercase();
    let has = |phrase: &str| low.contains(phrase);
    if has("expanded to multiple addresses") || has("expanded by mailing list") {
        Some(Action::Expanded)
    } else if has("relayed to non-dsn-aware mailer") || has("relayed; expect no further notifications") {
        Some(Action::Relayed)
    } else if has("successfully delivered") {
        Some(Action::Delivered)
    } else {
        None
    }
}

/// Adds action, status and diagnostic, as far as the wording has them.
fn complete(mail: &Mail<'_>, recipients: &mut [Recipient]) {
    let action = if mail.is_delay() { Action::Delayed } else { Action::Failed };
    let alone = recipients.len() == 1;
    for recipient in recipients {
        if recipient.diagnostic_code.is_none() {
            let about = recipient.address().and_then(|address| mail.words.about(address));
            let about = about.or_else(|| alone.then(|| mail.words.complaint()).flatten());
            recipient.diagnostic_code = about.map(|value| {
                let kind = text::reply_code(&value).map(|_| "smtp".to_owned());
                Typed { kind, value: report::bounded(&value) }
            });
        }
        let diagnostic = recipient.diagnostic_code.as_ref().map(|d| d.value.clone()).unwrap_or_default();
        if recipient.status.is_none() {
            let code = text::enhanced_code(&diagnostic).map(str::to_owned);
            let code =
                code.or_else(|| alone.then(|| text::enhanced_code(&mail.words.text).map(str::to_owned)).flatten());
            let code = code.or_else(|| text::reply_code(&diagnostic).map(|digit| format!("{digit}.0.0")));
            recipient.status_code = code.clone();
            recipient.status = code;
        }
        if recipient.action.is_none() {
            recipient.action = Some(success(&diagnostic).unwrap_or(action).as_str().into());
        }
    }
}
