//! What came of a request, as it is counted: for one that did not send, the tag says whose reason that was.
#![forbid(unsafe_code)]

use crate::tags::{TAGS, Tag};

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Handed over.
    Accepted,
    /// For a reason of its own (4xx): nothing was sent.
    Refused,
    /// For a reason of the server or the mail system (5xx): nothing was sent, or nobody knows.
    Failed,
    /// A dry run that went through to its end.
    DryRun,
    /// A check had it thrown away, and its sender was not told.
    Discarded,
    /// A check had it kept back, for a person to look at.
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
    /// The word for it.
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

/// Whose reason this is.
pub fn kind(tag: &Tag) -> OutcomeKind {
    if tag.status < 500 { OutcomeKind::Refused } else { OutcomeKind::Failed }
}

/// The index of the counter of this tag: that of its number's first row.
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
