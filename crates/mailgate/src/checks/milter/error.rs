//! What ends a conversation with a milter before its last word.
#![forbid(unsafe_code)]

use super::packet::Nonsense;
use crate::checks::field::Unwritable;
use std::fmt;
use std::io;

/// Why there is no last word.
#[derive(Debug)]
pub enum CheckError {
    /// The connection ended, or its deadline passed.
    Lost(io::Error),
    /// It needs what we do not offer; the names.
    Needs(String),
    /// What came is no answer.
    Nonsense(Nonsense),
    /// The message could not be read, or a body not be stored: our own fault.
    Storage(io::Error),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Lost(error) if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() => {
                f.write_str("no answer within SendmailMilterTimeout")
            }
            CheckError::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("it closed the connection")
            }
            CheckError::Lost(error) => error.fmt(f),
            CheckError::Needs(names) => write!(f, "it needs {names}, which is not offered here"),
            CheckError::Nonsense(nonsense) => nonsense.fmt(f),
            CheckError::Storage(error) => write!(f, "the message could not be read or stored: {error}"),
        }
    }
}

impl From<Nonsense> for CheckError {
    fn from(nonsense: Nonsense) -> Self {
        CheckError::Nonsense(nonsense)
    }
}

impl From<Unwritable> for CheckError {
    fn from(error: Unwritable) -> Self {
        CheckError::Nonsense(Nonsense(error.to_string()))
    }
}

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> Self {
        CheckError::Storage(error)
    }
}
