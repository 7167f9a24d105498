//! Why a check does not let a message pass.
#![forbid(unsafe_code)]

use std::fmt;

/// What it means for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedKind {
    /// Permanent for this message.
    Lasting,
    /// A check needs what is not offered here.
    Misconfigured,
    /// Temporary for this message.
    Passing,
    /// The message could not be stored or read again.
    Storage,
    /// A check did not answer.
    Unavailable,
    /// A check did not answer, and the configuration makes that an error.
    UnavailableForGood,
    /// A check asks for what is not allowed or not possible.
    Unfit,
}

/// A message that may not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it means for the sender.
    pub kind: RefusedKind,
    /// What happened, for the log: names the check and quotes it.
    pub detail: String,
    /// The check's own text.
    pub words: Option<String>,
}

impl Refused {
    pub(super) fn lasting(by: &str, words: &str) -> Refused {
        Refused::said(RefusedKind::Lasting, by, words)
    }

    pub(super) fn passing(by: &str, words: &str) -> Refused {
        Refused::said(RefusedKind::Passing, by, words)
    }

    pub(super) fn unfit(by: &str, why: &dyn fmt::Display) -> Refused {
        Refused { kind: RefusedKind::Unfit, detail: format!("{by} wants what cannot be done: {why}"), words: None }
    }

    pub(super) fn misconfigured(by: &str, why: &dyn fmt::Display) -> Refused {
        Refused { kind: RefusedKind::Misconfigured, detail: format!("{by} cannot be used: {why}"), words: None }
    }

    pub(super) fn unavailable(by: &str, why: &dyn fmt::Display, for_good: bool) -> Refused {
        let kind = if for_good { RefusedKind::UnavailableForGood } else { RefusedKind::Unavailable };
        Refused { kind, detail: format!("{by} did not decide: {why}"), words: None }
    }

    pub(super) fn storage(error: &std::io::Error) -> Refused {
        Refused { kind: RefusedKind::Storage, detail: format!("the message cannot be stored: {error}"), words: None }
    }

    fn said(kind: RefusedKind, by: &str, words: &str) -> Refused {
        Refused { kind, detail: format!("{by}: {words}"), words: Some(words.to_owned()) }
    }
}
