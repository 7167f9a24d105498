//! The outcomes of requests as they are counted; for a request that did not send, the tag tells who is responsible.
#![forbid(unsafe_code)]

use crate::tags::{TAGS, Tag};

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Handed over.
    Accepted,
    /// Refused because of the request (4xx): nothing was sent.
    Refused,
    /// Failed because of the server or the mail system (5xx): nothing was sent, or that is unknown.
    Failed,
    /// A complete dry run.
    DryRun,
    /// A check discarded it, and its sender was not told.
    Discarded,
    /// A check held it for a person to decide.
    Held,
}

/// All kinds, in the order of their numbers.
pub const KINDS: [OutcomeKind; 6] = [
    OutcomeKind::Accepted,
    OutcomeKind::Refused,
    OutcomeKind::Failed,
    OutcomeKind::DryRun,
    OutcomeKind::Discarded,
    OutcomeKind::Held,
];

impl OutcomeKind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            OutcomeKind::Accepted => "accepted",
            OutcomeKind::Refused => "refused",
            OutcomeKind::Failed => "failed",
            OutcomeKind::DryRun => "dry-run",
            OutcomeKind::Discarded => "discarded",
            OutcomeKind::Held => "held",
        }
    }
}

/// The kind of outcome that this tag means.
pub fn kind(tag: &Tag) -> OutcomeKind {
    if tag.status < 500 { OutcomeKind::Refused } else { OutcomeKind::Failed }
}

/// The index of this tag's counter: that of the first row with its number.
pub(super) fn counter(tag: &Tag) -> usize {
    TAGS.iter().position(|row| row.number == tag.number).expect("every tag is a row of the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_counter_and_one_kind() {
        for tag in TAGS {
            let first = TAGS[counter(tag)];
            assert_eq!((first.number, kind(first)), (tag.number, kind(tag)));
        }
        assert!(KINDS.iter().enumerate().all(|(i, kind)| *kind as usize == i));
    }
}
