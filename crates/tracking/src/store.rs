//! The database of delivery statuses: its tables, every statement in SQL, and what the rows mean. Writers (mod_sendmail, processdsn) and
//! the reader (mod_processdsn) share this place; whoever connects implements [`sql::Database`].
#![forbid(unsafe_code)]

mod order;
pub mod outbox;
pub mod overview;
mod owner;
pub mod personal;
mod read;
mod record;
mod schema;
pub mod suppression;
mod tags;
mod vitals;
pub mod webhook;
mod write;

pub use owner::Owner;
pub use read::{Event, Message, RecipientStatus, Viewer, find};
pub use record::{Heard, Recorded, record, record_feedback};
pub use schema::{check, expire, init};
pub use tags::Tag;
pub use vitals::{Vitals, vitals};
pub use write::{Entered, Submitted, enter, mark_unknown, submit, submitted_before, take_back};

use std::time::{SystemTime, UNIX_EPOCH};

/// The moment in the form of the tables: seconds since 1970; a clock before that counts as 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// What is known of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Delivered, and the recipient calls it spam.
    Complained,
    /// Tried, not yet delivered.
    Delayed,
    /// In the mailbox.
    Delivered,
    /// Sent on to several by an alias or a list.
    Expanded,
    /// Given up.
    Failed,
    /// Handed to the mail program; no report yet.
    Queued,
    /// Handed to a system that does not report.
    Relayed,
    /// Not handed over to this recipient: mail to it failed, or it complained.
    Suppressed,
    /// Nobody knows: the mail program ended without saying, or no report came for [`SILENCE`] seconds.
    Unknown,
}

/// After so many seconds without a report an MTA has given up or does not report: five days (RFC 5321 4.5.4.1).
pub const SILENCE: i64 = 5 * 24 * 60 * 60;

impl State {
    /// Every state.
    pub const ALL: [State; 9] = [
        State::Complained,
        State::Delayed,
        State::Delivered,
        State::Expanded,
        State::Failed,
        State::Queued,
        State::Relayed,
        State::Suppressed,
        State::Unknown,
    ];

    /// The word in the database and in every answer.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Complained => "complained",
            State::Delayed => "delayed",
            State::Delivered => "delivered",
            State::Expanded => "expanded",
            State::Failed => "failed",
            State::Queued => "queued",
            State::Relayed => "relayed",
            State::Suppressed => "suppressed",
            State::Unknown => "unknown",
        }
    }

    /// The state a word names; a word that names none is [`State::Unknown`].
    pub fn parse(word: &str) -> State {
        State::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or(State::Unknown)
    }

    /// Whether a further report may be expected.
    pub fn is_pending(self) -> bool {
        matches!(self, State::Delayed | State::Queued)
    }

    /// How much a state says; one that says less never replaces one that says more.
    fn weight(self) -> u8 {
        match self {
            State::Queued | State::Unknown => 0,
            State::Delayed => 1,
            State::Expanded | State::Relayed => 2,
            State::Delivered | State::Failed | State::Suppressed => 3,
            State::Complained => 4,
        }
    }

    /// Whether a report of `new` replaces what is known. A report that is believed more overrules what another one said; one that is
    /// believed less never touches a final state.
    fn yields_to(self, trust: Trust, new: State, new_trust: Trust) -> bool {
        // What somebody claims is a complaint ends nothing that a report knows better.
        if new == State::Complained && new_trust < Trust::Verified {
            return self.weight() < State::Relayed.weight();
        }
        if new_trust > trust { self.weight() == 0 || new.weight() > 0 } else { new.weight() > self.weight() }
    }
}

/// How far a report is believed, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// Read from words: a guess, whoever wrote them.
    Guessed,
    /// Read from fields that anybody may have written.
    Claimed,
    /// Read from fields, with the secret of its message.
    Verified,
}

impl Trust {
    fn of(verified: bool, heuristic: bool) -> Self {
        match (heuristic, verified) {
            (true, _) => Self::Guessed,
            (false, false) => Self::Claimed,
            (false, true) => Self::Verified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Complained, Delayed, Delivered, Expanded, Failed, Queued, Relayed, Unknown};
    use super::Trust::{Claimed, Guessed, Verified};

    #[test]
    fn a_final_state_never_goes_back_and_a_forged_one_never_wins() {
        for (known, trust, new, new_trust, expected) in [
            (Queued, Claimed, Delayed, Verified, true),
            (Delayed, Verified, Failed, Verified, true),
            (Delayed, Verified, Delayed, Verified, false),
            (Delivered, Verified, Failed, Verified, false),
            (Delivered, Verified, Delayed, Verified, false),
            (Relayed, Verified, Delivered, Verified, true),
            (Expanded, Verified, Failed, Verified, true),
            (Unknown, Claimed, Delivered, Verified, true),
            (Delivered, Verified, Failed, Claimed, false),
            (Queued, Claimed, Failed, Claimed, true),
            (Failed, Claimed, Delivered, Verified, true),
            (Failed, Claimed, Delayed, Verified, true),
            (Failed, Claimed, Delivered, Claimed, false),
            (Queued, Guessed, Failed, Guessed, true),
            (Failed, Guessed, Delivered, Guessed, false),
            (Failed, Guessed, Delivered, Claimed, true),
            (Failed, Guessed, Delayed, Claimed, true),
            (Failed, Guessed, Relayed, Verified, true),
            (Delivered, Claimed, Failed, Guessed, false),
            (Delivered, Verified, Failed, Guessed, false),
            (Delivered, Verified, Complained, Verified, true),
            (Queued, Claimed, Complained, Claimed, true),
            (Delivered, Claimed, Complained, Claimed, false),
            (Complained, Claimed, Delivered, Verified, true),
            (Complained, Verified, Delivered, Verified, false),
        ] {
            assert_eq!(known.yields_to(trust, new, new_trust), expected, "{known:?} {trust:?} {new:?} {new_trust:?}");
        }
    }
}
