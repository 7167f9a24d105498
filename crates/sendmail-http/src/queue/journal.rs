//! The history of a message, as lines after it in its own file, and the state that follows from them. A partial line counts as not written.
//! "Sending" is written before the first octet is sent: if no line follows it, the outcome is unknown.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, in seconds since 1970.
    pub at: i64,
    /// What happened.
    pub event: Event,
}

/// What happens to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It will not be tried again.
    Failed {
        /// Why.
        words: String,
    },
    /// It was not sent, and will be retried.
    Later {
        /// Not before this time.
        next: i64,
        /// Whether a person must act.
        is_loud: bool,
        /// Why.
        words: String,
    },
    /// This gateway does not have it; another one is asked next.
    NotThere,
    /// It is about to be sent to this gateway.
    Sending {
        /// Its url.
        url: String,
    },
    /// It may or may not have been taken; the same gateway is asked again.
    Unknown {
        /// Not before this time.
        next: i64,
        /// Why.
        words: String,
    },
}

/// The state that follows from the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The number of attempts.
    pub tries: u32,
    /// When it is due.
    pub next: i64,
    /// Since when, and by which gateway, it may have been taken.
    pub possibly: Option<Possibly>,
    /// The last answer of a gateway.
    pub words: String,
    /// Whether a person must act.
    pub is_loud: bool,
    /// Whether it was given up.
    pub is_failed: bool,
}

/// A message that may have been taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possibly {
    /// When it was first sent.
    pub since: i64,
    /// The gateway it was sent to, which it stays with.
    pub url: String,
}

impl Record {
    /// The line with its line end.
    pub fn write(&self) -> String {
        let mut line = match &self.event {
            Event::Failed { words } => json!({"now": "failed", "words": words}),
            Event::Later { next, is_loud, words } => {
                json!({"now": "later", "next": next, "loud": is_loud, "words": words})
            }
            Event::NotThere => json!({"now": "not-there"}),
            Event::Sending { url } => json!({"now": "sending", "url": url}),
            Event::Unknown { next, words } => json!({"now": "unknown", "next": next, "words": words}),
        };
        line["at"] = json!(self.at);
        format!("{line}\n")
    }

    /// Reads a line.
    pub fn parse(line: &[u8]) -> Option<Record> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| line.get(name).and_then(Value::as_i64);
        let event = match text("now").as_str() {
            "failed" => Event::Failed { words: text("words") },
            "later" => {
                let is_loud = line.get("loud").and_then(Value::as_bool).unwrap_or(false);
                Event::Later { next: number("next")?, is_loud, words: text("words") }
            }
            "not-there" => Event::NotThere,
            "sending" => Event::Sending { url: text("url") },
            "unknown" => Event::Unknown { next: number("next")?, words: text("words") },
            _ => return None,
        };
        Some(Record { at: number("at")?, event })
    }

    /// Reads all complete lines.
    pub fn parse_all(octets: &[u8]) -> Vec<Record> {
        let whole = memchr::memrchr(b'\n', octets).map_or(0, |end| end + 1);
        octets[..whole].split(|b| *b == b'\n').filter_map(Record::parse).collect()
    }
}

impl State {
    /// The state after these lines.
    pub fn of(records: &[Record]) -> State {
        let (mut state, mut leaving): (State, Option<Possibly>) = Default::default();
        for Record { at, event } in records {
            match event {
                Event::Failed { words } => {
                    state.is_failed = true;
                    state.words.clone_from(words);
                }
                Event::Later { next, is_loud, words } => {
                    leaving = None;
                    state.tries += 1;
                    state.next = *next;
                    state.is_loud = *is_loud;
                    state.words.clone_from(words);
                }
                Event::NotThere => leaving = None,
                Event::Sending { url } => {
                    state.possibly = state.possibly.or(leaving.take());
                    leaving = Some(Possibly { since: *at, url: url.clone() });
                }
                Event::Unknown { next, words } => {
                    state.possibly = state.possibly.or(leaving.take());
                    state.tries += 1;
                    state.next = *next;
                    state.is_loud = false;
                    state.words.clone_from(words);
                }
            }
        }
        state.possibly = state.possibly.or(leaving);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(events: &[Event]) -> State {
        let records: Vec<_> = (1..).zip(events).map(|(at, event)| Record { at, event: event.clone() }).collect();
        let text: String = records.iter().map(Record::write).collect();
        assert_eq!(Record::parse_all(text.as_bytes()), records);
        State::of(&records)
    }

    fn sending(url: &str) -> Event {
        Event::Sending { url: url.into() }
    }

    fn later() -> Event {
        Event::Later { next: 70, is_loud: true, words: "w\n\"".into() }
    }

    #[test]
    fn a_message_that_left_and_of_which_nothing_was_heard_may_have_been_taken() {
        let possibly = |since, url: &str| Some(Possibly { since, url: url.into() });
        let unknown = || Event::Unknown { next: 70, words: "u".into() };
        for (events, expected) in [
            (vec![], None),
            (vec![sending("a")], possibly(1, "a")),
            (vec![sending("a"), later()], None),
            (vec![sending("a"), Event::NotThere, sending("b")], possibly(3, "b")),
            (vec![sending("a"), Event::NotThere, sending("b"), later()], None),
            (vec![sending("a"), sending("a")], possibly(1, "a")),
            (vec![sending("a"), unknown()], possibly(1, "a")),
            (vec![sending("a"), unknown(), sending("a"), later()], possibly(1, "a")),
        ] {
            assert_eq!(state(&events).possibly, expected, "{events:?}");
        }
    }

    #[test]
    fn the_last_word_counts() {
        let last = state(&[sending("a"), later(), sending("a"), later()]);
        assert_eq!((last.tries, last.next, last.is_loud, last.words.as_str()), (2, 70, true, "w\n\""));
        assert!(state(&[later(), Event::Failed { words: "x".into() }]).is_failed);
    }

    #[test]
    fn a_line_that_was_cut_off_was_not_written() {
        let whole = Record { at: 5, event: sending("a") }.write();
        for cut in 0..whole.len() {
            assert_eq!(Record::parse_all(&whole.as_bytes()[..cut]), [], "{cut}");
        }
        let torn = format!("{}garbage\n\0\0\0\n{whole}{{\"now\":\"lat", &whole);
        assert_eq!(Record::parse_all(torn.as_bytes()).len(), 2);
    }
}
