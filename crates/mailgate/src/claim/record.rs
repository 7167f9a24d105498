//! What a file of [`super::directory`] holds: nothing while its key is claimed, else the message that is being handed over, and behind it
//! what came of that.
//!
//! ```text
//! mod_sendmail claim 1
//! expires 1769904000
//! content ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
//! message-id <k3j5...@gateway.example>
//! handing over
//! settled accepted https://gateway.example/dsn/k3j5.../
//! ```
//!
//! Each step is appended in one write. The hand-over begins when the first is on disk, so a record that ends before its fifth line speaks
//! of nothing that was sent, and one that ends within its sixth of an outcome that nobody knows.
#![forbid(unsafe_code)]

use super::{Ended, Outcome};
use crate::digest::Digest;

const MAGIC: &str = "mod_sendmail claim 1";
const HANDING_OVER: &str = "handing over";

/// Octets of the longest record.
pub(super) const MAX_RECORD: usize = 8192;

/// What stands in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// Nothing was handed over.
    Claimed,
    /// A hand-over was begun.
    Begun {
        /// Seconds since 1970; from then on the key is free.
        expires: i64,
        /// Of what was sent.
        content: Digest,
        /// What came of it.
        ended: Ended,
    },
}

/// The first five lines.
pub(super) fn begin(expires: i64, content: &Digest, message_id: &str) -> String {
    format!("{MAGIC}\nexpires {expires}\ncontent {content}\nmessage-id {message_id}\n{HANDING_OVER}\n")
}

/// The last line.
pub(super) fn settle(outcome: &Outcome) -> String {
    format!("settled {}\n", outcome.write())
}

/// Reads a record; `None`: nobody of us wrote this.
pub(super) fn parse(octets: &[u8]) -> Option<Record> {
    let text = std::str::from_utf8(octets).ok().filter(|text| text.len() <= MAX_RECORD)?;
    let mut rest = text;
    let mut values = ["", "", "", "", ""];
    for (name, value) in ["", "expires ", "content ", "message-id ", ""].into_iter().zip(&mut values) {
        let Some((line, after)) = rest.split_once('\n') else {
            return is_cut(text).then_some(Record::Claimed);
        };
        *value = line.strip_prefix(name)?;
        rest = after;
    }
    let [magic, expires, content, message_id, step] = values;
    let plain = |byte: u8| byte.is_ascii_graphic();
    if magic != MAGIC || step != HANDING_OVER || message_id.is_empty() || !message_id.bytes().all(plain) {
        return None;
    }
    let outcome = match rest.split_once('\n') {
        None => Outcome::DIED,
        Some((line, "")) => Outcome::parse(line.strip_prefix("settled ")?)?,
        Some(_) => return None,
    };
    let ended = Ended { message_id: message_id.to_owned(), outcome };
    Some(Record::Begun { expires: expires.parse().ok()?, content: Digest::parse(content)?, ended })
}

/// Whether this is the start of a record that was not written to its end.
fn is_cut(text: &str) -> bool {
    let start = format!("{MAGIC}\n");
    text.starts_with(&start) || start.starts_with(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags;

    fn content() -> Digest {
        Digest::of(&[b"content"])
    }

    fn outcomes() -> [Outcome; 4] {
        let url = Some("https://h/dsn/a%40b/".to_owned());
        [
            Outcome::Accepted { status_url: url },
            Outcome::Accepted { status_url: None },
            Outcome::Unknown(&tags::TIMEOUT),
            Outcome::Unknown(&tags::UNKNOWN),
        ]
    }

    #[test]
    fn a_record_is_read_as_it_was_written_wherever_it_was_cut() {
        let begun = begin(1_769_904_000, &content(), "<a@b>");
        for outcome in outcomes() {
            let whole = begun.clone() + &settle(&outcome);
            for length in 0..=whole.len() {
                let expected = |outcome: Outcome| {
                    let ended = Ended { message_id: "<a@b>".into(), outcome };
                    Record::Begun { expires: 1_769_904_000, content: content(), ended }
                };
                let expected = match length {
                    length if length < begun.len() => Record::Claimed,
                    length if length < whole.len() => expected(Outcome::DIED),
                    _ => expected(outcome.clone()),
                };
                assert_eq!(parse(&whole.as_bytes()[..length]), Some(expected), "{:?}", &whole[..length]);
            }
        }
    }

    #[test]
    fn what_is_no_record_is_neither_free_nor_an_outcome() {
        let good = begin(9, &content(), "<a@b>") + &settle(&outcomes()[0]);
        assert!(parse(good.as_bytes()).is_some());
        for (from, to) in [
            ("claim 1", "claim 2"),
            ("expires 9", "expires x"),
            ("expires 9", "expires 99999999999999999999"),
            ("content ", "content 0"),
            ("<a@b>", ""),
            ("<a@b>", "<a b>"),
            ("<a@b>", "<a@b\r>"),
            ("<a@b>", "<\u{e9}@b>"),
            ("handing over", "handed over"),
            ("settled ", "ended "),
            ("accepted", "delivered"),
            ("accepted ", "accepted  "),
            ("accepted https://h/dsn/a%40b/", "unknown SM0301"),
            ("accepted https://h/dsn/a%40b/", "accepted "),
            ("https://h/", "https://h/\r"),
            ("%40b/\n", "%40b/\nmore\n"),
        ] {
            assert!(good.contains(from), "{from}");
            assert_eq!(parse(good.replacen(from, to, 1).as_bytes()), None, "{to}");
        }
        for bad in [&b"\0\0\0\0"[..], b"\n", b"x", b"mod_sendmail claim 10\n", b"\xff"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        assert_eq!(parse(good.replace("<a@b>", &"a".repeat(MAX_RECORD)).as_bytes()), None);
    }
}
