//! The meaning of a state for a person.
#![forbid(unsafe_code)]

use super::{codes, decisive, is_guess, moment, vouched};
use crate::dsn::reason::Reason;
use crate::store::{RecipientStatus, SILENCE, State};

/// A state in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// The word in the database, which also selects colour and shape.
    pub name: &'static str,
    /// On the badge.
    pub title: &'static str,
    /// In a count: `2 delivered`.
    pub counted: &'static str,
}

const fn word(name: &'static str, title: &'static str, counted: &'static str) -> Word {
    Word { name, title, counted }
}

static COMPLAINED: Word = word("complained", "Complained", "complained");
static DELAYED: Word = word("delayed", "Delayed", "delayed");
static DELIVERED: Word = word("delivered", "Delivered", "delivered");
static EXPANDED: Word = word("expanded", "Expanded", "expanded");
static FAILED: Word = word("failed", "Failed", "failed");
static QUEUED: Word = word("queued", "Queued", "queued");
static RELAYED: Word = word("relayed", "Relayed", "relayed");
static SILENT: Word = word("unknown", "No report", "without a report");
static SUPPRESSED: Word = word("suppressed", "Suppressed", "suppressed");
static UNCONFIRMED: Word = word("failed", "Failed (unconfirmed)", "failed (unconfirmed)");
static UNKNOWN: Word = word("unknown", "Unknown", "unknown");

/// The word for a state by itself.
pub(super) fn of_state(state: State) -> &'static Word {
    match state {
        State::Complained => &COMPLAINED,
        State::Delayed => &DELAYED,
        State::Delivered => &DELIVERED,
        State::Expanded => &EXPANDED,
        State::Failed => &FAILED,
        State::Queued => &QUEUED,
        State::Relayed => &RELAYED,
        State::Suppressed => &SUPPRESSED,
        State::Unknown => &UNKNOWN,
    }
}

/// The word for a recipient.
pub(super) fn of(recipient: &RecipientStatus, now: i64) -> &'static Word {
    match recipient.state {
        State::Unknown if is_silent(recipient, now) => &SILENT,
        State::Failed if is_guess(recipient) => &UNCONFIRMED,
        state => of_state(state),
    }
}

/// Unknown because nothing was heard for [`SILENCE`], not because the hand-over was just interrupted.
fn is_silent(recipient: &RecipientStatus, now: i64) -> bool {
    recipient.state == State::Unknown && now.saturating_sub(recipient.since) > SILENCE
}

/// Its meaning, in a sentence or two.
pub(super) fn sentence(recipient: &RecipientStatus, now: i64) -> String {
    let event = decisive(recipient);
    let by_code = event.and_then(|event| codes::reason(event.status.as_deref()?));
    let by_word = event.and_then(|event| event.reason).filter(|reason| *reason != Reason::Undefined);
    let reason = by_code.or(by_word.map(Reason::sentence));
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    match recipient.state {
        State::Complained => "Delivered, and the recipient called it spam. Do not write there again without a yes.".into(),
        State::Delayed => match event.and_then(|event| event.will_retry_until) {
            Some(until) if until > now => format!(
                "Not delivered yet{reason}. The mail system tries again until {} ({}).",
                moment::absolute(until),
                moment::relative(until, now)
            ),
            Some(until) => format!(
                "Not delivered yet{reason}. The mail system meant to try until {}; its last report is awaited.",
                moment::absolute(until)
            ),
            None => format!("Not delivered yet{reason}. The mail system tries again."),
        },
        State::Delivered => "Delivered to the mailbox.".into(),
        State::Expanded => {
            "Delivered to a list or an alias that sends it on to several addresses. What becomes of it there is not reported."
                .into()
        }
        State::Failed if is_guess(recipient) => {
            format!("Probably not delivered{reason}. A proper report may still correct this.")
        }
        State::Failed => format!("Not delivered{reason}. The mail system has given up."),
        State::Queued => "Handed to the mail system. No report yet.".into(),
        State::Relayed => {
            "Handed to a mail system that does not report deliveries. It has most likely arrived; nobody will say so.".into()
        }
        State::Suppressed => {
            "Not sent to this address: earlier mail to it failed for good, or the recipient complained.".into()
        }
        State::Unknown if !is_silent(recipient, now) => {
            "Nobody knows: the mail program ended without saying whether it took the message. A report may still come.".into()
        }
        State::Unknown if recipient.events.is_empty() => {
            "No report in five days. The mail system does not report deliveries here, or has given up without a word.".into()
        }
        State::Unknown => "No report since the last one. The mail system must have given up by now.".into(),
    }
}

/// For a state that no secret verifies.
pub(super) const NOT_VERIFIABLE: &str = "Not verifiable: the report does not carry the secret mark of this message. Many mail \
     systems leave it out, so this is most likely right, but it cannot be proved.";

/// For a state from the wording of a bounce.
pub(super) const HEURISTIC: &str =
    "Read from the wording of a bounce: the mail system did not send a report that programs can read.";

/// Whether to show [`NOT_VERIFIABLE`].
pub(super) fn is_unverifiable(recipient: &RecipientStatus) -> bool {
    vouched(recipient) == Some(false) && recipient.state != State::Unknown
}

/// If there is no recipient.
pub(super) const NOBODY: &str = "There is no recipient to show.";
