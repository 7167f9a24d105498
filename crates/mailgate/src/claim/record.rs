//! The contents of a file of [`super::directory`]: nothing while its key is only claimed; then the message that is about to be handed over,
//! a line that the hand-over has begun, and its outcome.
//!
//! ```text
//! mod_sendmail claim 1
//! expires 1769904000
//! content ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
//! message-id <k3j5...@gateway.example>
//! boot 0b5ee5a2-8d0f-4a1c-9d2e-6f6a3a0c6f5b
//! handing over
//! settled accepted https://gateway.example/dsn/k3j5.../
//! ```
//!
//! The first five lines are on disk before the sixth is written, and the sixth is written before the message is handed over. While the
//! machine runs, a record without its sixth line means that nothing was sent, since every process sees what another has written. After a
//! crash that line may be lost, and then the outcome is unknown; `boot` shows that (proc(5), /proc/sys/kernel/random/boot_id). So a process
//! can be killed during the slow wait for the disk, and its key is free. A record with an incomplete last line means an unknown outcome.
#![forbid(unsafe_code)]

use super::{Ended, Outcome};
use crate::digest::Digest;
use std::sync::LazyLock;

const MAGIC: &str = "mod_sendmail claim 1";

/// The sixth line.
pub(super) const HANDING_OVER: &str = "handing over\n";

/// Octets of the longest record.
pub(super) const MAX_RECORD: usize = 8192;

/// The identity of this boot of the machine; `None`: it cannot be read, and every other boot counts as another one.
pub(super) static BOOT: LazyLock<Option<String>> = LazyLock::new(|| {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let boot = boot.trim();
    (!boot.is_empty() && boot.bytes().all(|byte| byte.is_ascii_graphic())).then(|| boot.to_owned())
});

/// The contents of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// Nothing was handed over.
    Claimed,
    /// A hand-over was begun, or may have been.
    Begun {
        /// Seconds since 1970; from then on the key is free.
        expires: i64,
        /// The digest of what was sent.
        content: Digest,
        /// Its outcome.
        ended: Ended,
    },
}

/// The first five lines.
pub(super) fn prepare(expires: i64, content: &Digest, message_id: &str, boot: Option<&str>) -> String {
    let boot = boot.unwrap_or("unknown");
    format!("{MAGIC}\nexpires {expires}\ncontent {content}\nmessage-id {message_id}\nboot {boot}\n")
}

/// The last line.
pub(super) fn settle(outcome: &Outcome) -> String {
    format!("settled {}\n", outcome.write())
}

/// Reads a record during this boot of the machine; `None`: not written by us.
pub(super) fn parse(octets: &[u8], boot: Option<&str>) -> Option<Record> {
    let text = std::str::from_utf8(octets).ok().filter(|text| text.len() <= MAX_RECORD)?;
    let mut rest = text;
    let mut values = ["", "", "", "", ""];
    for (name, value) in ["", "expires ", "content ", "message-id ", "boot "].into_iter().zip(&mut values) {
        let Some((line, after)) = rest.split_once('\n') else {
            return is_cut(text).then_some(Record::Claimed);
        };
        *value = line.strip_prefix(name)?;
        rest = after;
    }
    let [magic, expires, content, message_id, started] = values;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if magic != MAGIC || !plain(message_id) || !plain(started) {
        return None;
    }
    let (expires, content) = (expires.parse().ok()?, Digest::parse(content)?);
    let outcome = match rest.strip_prefix(HANDING_OVER) {
        None if !HANDING_OVER.starts_with(rest) => return None,
        None if boot == Some(started) => return Some(Record::Claimed),
        None => Outcome::DIED,
        Some(rest) => match rest.split_once('\n') {
            None => Outcome::DIED,
            Some((line, "")) => Outcome::parse(line.strip_prefix("settled ")?)?,
            Some(_) => return None,
        },
    };
    let ended = Ended { message_id: message_id.to_owned(), outcome };
    Some(Record::Begun { expires, content, ended })
}

/// Whether this is the start of an incomplete record.
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
        let prepared = prepare(1_769_904_000, &content(), "<a@b>", Some("boot-1"));
        let begun = prepared.clone() + HANDING_OVER;
        for outcome in outcomes() {
            let whole = begun.clone() + &settle(&outcome);
            for length in 0..=whole.len() {
                let expected = |outcome: Outcome| {
                    let ended = Ended { message_id: "<a@b>".into(), outcome };
                    Record::Begun { expires: 1_769_904_000, content: content(), ended }
                };
                let told = if length < whole.len() { expected(Outcome::DIED) } else { expected(outcome.clone()) };
                for (boot, known_from) in
                    [(Some("boot-1"), begun.len()), (Some("boot-2"), prepared.len()), (None, prepared.len())]
                {
                    let found = parse(&whole.as_bytes()[..length], boot);
                    let expected = if length < known_from { &Record::Claimed } else { &told };
                    assert_eq!(found.as_ref(), Some(expected), "{boot:?} {:?}", &whole[..length]);
                }
            }
        }
    }

    #[test]
    fn what_is_no_record_is_neither_free_nor_an_outcome() {
        let good = prepare(9, &content(), "<a@b>", None) + HANDING_OVER + &settle(&outcomes()[0]);
        assert!(parse(good.as_bytes(), None).is_some());
        for (from, to) in [
            ("claim 1", "claim 2"),
            ("expires 9", "expires x"),
            ("expires 9", "expires 99999999999999999999"),
            ("content ", "content 0"),
            ("<a@b>", ""),
            ("<a@b>", "<a b>"),
            ("<a@b>", "<a@b\r>"),
            ("<a@b>", "<\u{e9}@b>"),
            ("boot ", "boot"),
            ("boot unknown", "boot "),
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
            assert_eq!(parse(good.replacen(from, to, 1).as_bytes(), None), None, "{to}");
        }
        for bad in [&b"\0\0\0\0"[..], b"\n", b"x", b"mod_sendmail claim 10\n", b"\xff"] {
            assert_eq!(parse(bad, None), None, "{bad:?}");
        }
        assert_eq!(parse(good.replace("<a@b>", &"a".repeat(MAX_RECORD)).as_bytes(), None), None);
    }
}
