//! Why requests sent nothing: a row for each tag that a [`crate::reply::Problem`] may carry, with a word for people who do not know the
//! tags. What a tag means stands in `docs/log-tags.md`.
#![forbid(unsafe_code)]

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Handed over.
    Accepted,
    /// For a reason of its own (4xx): nothing was sent.
    Refused,
    /// For a reason of the server or the mail system (5xx): nothing was sent, or nobody knows.
    Failed,
    /// A dry run that went through to its end.
    Rehearsed,
}

/// All kinds, in the order of their numbers.
pub const KINDS: [Kind; 4] = [Kind::Accepted, Kind::Refused, Kind::Failed, Kind::Rehearsed];

impl Kind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Accepted => "accepted",
            Kind::Refused => "refused",
            Kind::Failed => "failed",
            Kind::Rehearsed => "dry-run",
        }
    }
}

/// Why a request sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The tag of the log line; `other` for all without a row.
    pub tag: &'static str,
    /// A word for it; two rows of one kind never share one.
    pub word: &'static str,
    /// Whose reason it was.
    pub kind: Kind,
}

const fn refused(tag: &'static str, word: &'static str) -> Reason {
    Reason { tag, word, kind: Kind::Refused }
}

const fn failed(tag: &'static str, word: &'static str) -> Reason {
    Reason { tag, word, kind: Kind::Failed }
}

/// The index of the row for `tag`; of the last one or the last but one, by the status, if there is none.
pub(super) fn row(tag: &str, status: u16) -> usize {
    let others = if status < 500 { 2 } else { 1 };
    REASONS.iter().position(|reason| reason.tag == tag).unwrap_or(REASONS.len() - others)
}

/// Every reason. The order is that of the memory, and of all that is shown; the last two take what has no row.
#[rustfmt::skip]
pub const REASONS: [Reason; 31] = [
    refused("SM0101", "field"),
    refused("SM0102", "framing"),
    refused("SM0103", "media-type"),
    refused("SM0104", "too-large"),
    refused("SM0105", "recipient"),
    refused("SM0106", "body"),
    refused("SM0107", "broken-off"),
    refused("SM0108", "method"),
    refused("SM0109", "repeated"),
    refused("SM0201", "recipient-forbidden"),
    refused("SM0202", "sender"),
    refused("SM0203", "argument"),
    refused("SM0205", "origin"),
    refused("SM0206", "dry-run-off"),
    refused("SM0211", "host"),
    refused("SM0401", "program-refused"),
    refused("SM0405", "program-too-large"),
    refused("SM0408", "relay-refused"),
    failed("SM0204", "expression"),
    failed("SM0207", "redirect"),
    failed("SM0301", "storage"),
    failed("SM0302", "busy"),
    failed("SM0303", "random"),
    failed("SM0402", "misconfigured"),
    failed("SM0403", "try-later"),
    failed("SM0404", "timeout"),
    failed("SM0406", "unavailable"),
    failed("SM0407", "unknown"),
    failed("SM0900", "fault"),
    refused("other", "other"),
    failed("other", "other"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The sources below a folder. A question for the health is no message.
    fn sources(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| {
                !["metrics", "health.rs"].iter().any(|other| path.ends_with(other)) && !path.ends_with("tests.rs")
            })
            .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![read(&path)] })
            .collect()
    }

    fn repository() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    /// Tags that stand alone between quotes, which is how a Problem is made; those of log lines go on behind the number, and those of
    /// the eighth hundred are warnings of the start.
    fn tags_of_problems() -> BTreeSet<String> {
        let folders = ["src", "crates/mailgate/src"].map(|folder| repository().join(folder));
        let texts = folders.iter().flat_map(|folder| sources(folder));
        texts
            .flat_map(|text| {
                let quoted = text.split('"').filter(|piece| is_tag(piece));
                quoted.map(str::to_owned).collect::<Vec<_>>()
            })
            .collect()
    }

    fn is_tag(piece: &str) -> bool {
        piece.len() == 6 && piece.starts_with("SM0") && !piece.starts_with("SM08")
    }

    #[test]
    fn every_tag_of_a_problem_has_its_row() {
        let tags = tags_of_problems();
        assert!(tags.len() > 20, "{tags:?}");
        let missing: Vec<_> = tags.iter().filter(|tag| REASONS.iter().all(|reason| reason.tag != **tag)).collect();
        assert!(missing.is_empty(), "REASONS has no row for {missing:?}");
    }

    #[test]
    fn whose_reason_it_was_is_what_the_log_tags_say() {
        let page = read(&repository().join("docs/log-tags.md"));
        for reason in REASONS.iter().filter(|reason| !matches!(reason.tag, "other" | "SM0900")) {
            let line = page.lines().find(|line| line.starts_with(&format!("| {} |", reason.tag)));
            let answer =
                line.and_then(|line| line.split('|').nth(2)).unwrap_or_else(|| panic!("{}", reason.tag)).trim();
            let kind = if answer.starts_with('4') { Kind::Refused } else { Kind::Failed };
            assert_eq!(reason.kind, kind, "{} is {answer}", reason.tag);
        }
    }

    #[test]
    fn tags_and_words_name_one_row_each_and_need_no_escape() {
        for (i, reason) in REASONS.iter().enumerate() {
            let same =
                |other: &&Reason| other.kind == reason.kind && (other.word == reason.word || other.tag == reason.tag);
            assert_eq!(REASONS.iter().filter(same).count(), 1, "{}", reason.tag);
            assert!(reason.word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            if reason.tag != "other" {
                assert_eq!(row(reason.tag, 200), i);
            }
        }
        assert_eq!((REASONS[row("no tag", 499)].kind, REASONS[row("no tag", 500)].kind), (Kind::Refused, Kind::Failed));
        assert!(KINDS.iter().enumerate().all(|(i, kind)| *kind as usize == i));
    }
}
