//! The database of delivery statuses: its tables, every statement in SQL, and what the rows mean. Writers (mod_sendmail, processdsn) and
//! the reader (mod_processdsn) share this place; whoever connects implements [`Database`].
#![forbid(unsafe_code)]

mod database;
mod owner;
mod read;
mod record;
mod schema;
mod write;

pub use database::{Database, DatabaseError, Dialect, ErrorKind, Row, Statement};
pub use owner::Owner;
pub use read::{Event, Message, RecipientStatus, Viewer, find};
pub use record::{Recorded, record};
pub use schema::{check, expire, init};
pub use write::{Entered, Submitted, mark_unknown, submit, submitted_before, take_back};

use std::time::{SystemTime, UNIX_EPOCH};

/// The moment in the form of the tables: seconds since 1970; a clock before that counts as 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// What is known of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
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
    /// Nobody knows: the mail program ended without saying, or no report came for [`SILENCE`] seconds.
    Unknown,
}

/// After so many seconds without a report an MTA has given up or does not report: five days (RFC 5321 4.5.4.1).
pub const SILENCE: i64 = 5 * 24 * 60 * 60;

impl State {
    const ALL: [State; 7] = [
        State::Delayed,
        State::Delivered,
        State::Expanded,
        State::Failed,
        State::Queued,
        State::Relayed,
        State::Unknown,
    ];

    /// The word in the database and in every answer.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Delayed => "delayed",
            State::Delivered => "delivered",
            State::Expanded => "expanded",
            State::Failed => "failed",
            State::Queued => "queued",
            State::Relayed => "relayed",
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
            State::Delivered | State::Failed => 3,
        }
    }

    /// Whether a report of `new` replaces what is known. A verified report overrules what an unverified one said; an unverified one never
    /// touches a verified final state.
    fn yields_to(self, verified: bool, new: State, new_verified: bool) -> bool {
        match (verified, new_verified) {
            (false, true) => self.weight() == 0 || new.weight() > 0,
            _ => new.weight() > self.weight(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Delayed, Delivered, Expanded, Failed, Queued, Relayed, Unknown};

    #[test]
    fn a_final_state_never_goes_back_and_a_forged_one_never_wins() {
        for (known, verified, new, new_verified, expected) in [
            (Queued, false, Delayed, true, true),
            (Delayed, true, Failed, true, true),
            (Delayed, true, Delayed, true, false),
            (Delivered, true, Failed, true, false),
            (Delivered, true, Delayed, true, false),
            (Relayed, true, Delivered, true, true),
            (Expanded, true, Failed, true, true),
            (Unknown, false, Delivered, true, true),
            (Delivered, true, Failed, false, false),
            (Queued, false, Failed, false, true),
            (Failed, false, Delivered, true, true),
            (Failed, false, Delayed, true, true),
            (Failed, false, Delivered, false, false),
        ] {
            assert_eq!(
                known.yields_to(verified, new, new_verified),
                expected,
                "{known:?} {verified} {new:?} {new_verified}"
            );
        }
    }
}
