//! Never twice: only one request at a time works with a key, and its outcome is repeated to every later request with the same key.
//!
//! A key is claimed ([`Claims::claim`]), and becomes free again if its owner ends, dies or refuses before anything was handed over. Just
//! before a message is handed over, that is recorded ([`Claim::hand_over`]). From then on the key is settled with an outcome
//! ([`Claim::settle`]), freed because the message was certainly not taken ([`Claim::free`]), or, if its owner dies, its outcome is and
//! stays unknown. The stores keep this: [`directory`] for the processes of one machine, [`database`] for several machines.
#![forbid(unsafe_code)]

pub mod database;
pub mod directory;
mod file;
pub mod key;
mod record;
mod sweep;

use crate::digest::Digest;
use crate::tags::{self, TAGS, Tag};
use std::fmt;
use std::time::Duration;

/// A store of keys.
pub trait Claims {
    /// Takes `key` for a message with this `content`, or returns why not.
    fn claim(&self, key: &Digest, content: &Digest) -> Result<KeyState<'_>, StoreError>;
}

/// What a store does for the owner of one key.
pub trait Held {
    /// Records permanently that the message with this identifier is about to be handed over.
    fn hand_over(&mut self, message_id: &str) -> Result<(), StoreError>;
    /// Records the outcome.
    fn settle(&mut self, outcome: &Outcome) -> Result<(), StoreError>;
    /// Removes the key.
    fn free(&mut self) -> Result<(), StoreError>;
}

/// What is known about a key.
pub enum KeyState<'a> {
    /// It was used before, with this outcome.
    Ended(Ended),
    /// It was used before for something else.
    OtherContent,
    /// Another request is working with it.
    Running,
    /// It is ours now.
    Yours(Claim<'a>),
}

/// The outcome of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its identifier, with its angle brackets.
    pub message_id: String,
    /// The outcome.
    pub outcome: Outcome,
}

/// How the hand-over of a message ended. A message that was certainly not sent has no outcome: its key is freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Accepted {
        /// The URL of its delivery status.
        status_url: Option<String>,
    },
    /// Unknown, for this reason.
    Unknown(&'static Tag),
}

impl Outcome {
    /// The outcome if the owner died during the hand-over.
    pub const DIED: Outcome = Outcome::Unknown(&tags::UNKNOWN);

    /// `accepted https://h/dsn/x`, `unknown SM0404`.
    fn write(&self) -> String {
        match self {
            Outcome::Accepted { status_url: Some(url) } if is_plain(url) => format!("accepted {url}"),
            Outcome::Accepted { .. } => "accepted".to_owned(),
            Outcome::Unknown(tag) => format!("unknown {tag}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "accepted" => Some(Outcome::Accepted { status_url: None }),
            Some(("accepted", url)) => is_plain(url).then(|| Outcome::Accepted { status_url: Some(url.to_owned()) }),
            Some(("unknown", number)) => {
                let is_it = |tag: &&&Tag| tag.number == number && tag.retry == tags::Retry::Unknown;
                TAGS.iter().find(is_it).map(|tag| Outcome::Unknown(tag))
            }
            _ => None,
        }
    }
}

/// Whether a URL can be part of a record.
fn is_plain(url: &str) -> bool {
    (1..=MAX_URL).contains(&url.len()) && url.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The longest URL that is stored, in octets.
const MAX_URL: usize = 4096;

/// A key that we own. If dropped before [`Self::hand_over`] it is freed; after that its outcome is unknown.
pub struct Claim<'a> {
    held: Box<dyn Held + 'a>,
    message_id: Option<String>,
}

impl<'a> Claim<'a> {
    fn new(held: impl Held + 'a) -> Self {
        Claim { held: Box::new(held), message_id: None }
    }

    /// The message is about to be handed over. After an error it must not be.
    pub fn hand_over(&mut self, message_id: &str) -> Result<(), StoreError> {
        if self.message_id.is_none() {
            self.held.hand_over(message_id)?;
            self.message_id = Some(message_id.to_owned());
        }
        Ok(())
    }

    /// Records the outcome. After an error the key says forever that the outcome is unknown.
    pub fn settle(mut self, outcome: &Outcome) -> Result<(), StoreError> {
        self.held.settle(outcome)
    }

    /// The message was certainly not taken. After an error the key may say that the outcome is unknown.
    pub fn free(mut self) -> Result<(), StoreError> {
        self.message_id.get_or_insert_default(); // nothing is left for drop to do
        self.held.free()
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.message_id.is_none() {
            // A leftover key is free anyway: its owner is gone, or its lease expires.
            let _ = self.held.free();
        }
    }
}

/// A store failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// How long keys are stored by default: longer than a client with a queue retries (RFC 5321 4.5.4.1: 4 to 5 days).
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Seconds since 1970; a clock before that counts as 1970.
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
