//! How a run ends: a status of sysexits(3) and a text for stderr and the log.
#![forbid(unsafe_code)]

use std::fmt;

/// The exit statuses of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0: sent, or on disk.
    Ok = 0,
    /// 1: `mailq` and `--check` found something that needs a person.
    Attention = 1,
    /// 64 EX_USAGE.
    Usage = 64,
    /// 65 EX_DATAERR: the message is refused.
    DataError = 65,
    /// 67 EX_NOUSER: a recipient is refused.
    NoUser = 67,
    /// 69 EX_UNAVAILABLE: no gateway, and no queue.
    Unavailable = 69,
    /// 75 EX_TEMPFAIL: the message cannot be kept.
    TempFail = 75,
    /// 76 EX_PROTOCOL: it is unknown whether the message was taken, and there is no queue to find out later.
    Unknown = 76,
    /// 77 EX_NOPERM: the gateway does not let us in, and there is no queue.
    NoPermission = 77,
    /// 78 EX_CONFIG.
    Config = 78,
}

/// Why a run did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    /// What happened and the remedy, on one line.
    pub words: String,
    /// Whether the message is on disk nevertheless.
    pub is_kept: bool,
}

impl Failure {
    /// A failure with this text.
    pub fn new(status: Status, words: impl Into<String>) -> Failure {
        Failure { status, words: words.into(), is_kept: false }
    }

    /// The same for a message that is on disk nevertheless.
    pub fn kept(status: Status, words: impl Into<String>) -> Failure {
        Failure { is_kept: true, ..Failure::new(status, words) }
    }

    /// The message cannot be kept or read: EX_TEMPFAIL.
    pub fn storage(what: impl fmt::Display, error: impl fmt::Display) -> Failure {
        Failure::new(Status::TempFail, format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}
