//! What ends a conversation with a milter before its last word.
#![forbid(unsafe_code)]

use super::packet::Nonsense;
use crate::checks::field::Unwritable;
use std::fmt;
use std::io;
use sys::socket::is_past_deadline;

/// Why there is no last word.
#[derive(Debug)]
pub enum MilterError {
    /// The connection ended, or its deadline passed.
    Lost(io::Error),
    /// It needs what we do not offer; the names.
    Needs(String),
    /// What came is no answer.
    Nonsense(Nonsense),
    /// The message could not be read, or a body not be stored: our own fault.
    Storage(io::Error),
}

impl fmt::Display for MilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MilterError::Lost(error) if is_past_deadline(error) => {
                f.write_str("no answer within SendmailMilterTimeout")
            }
            MilterError::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("it closed the connection")
            }
            MilterError::Lost(error) => error.fmt(f),
            MilterError::Needs(names) => write!(f, "it needs {names}, which is not offered here"),
            MilterError::Nonsense(nonsense) => nonsense.fmt(f),
            MilterError::Storage(error) => write!(f, "the message could not be read or stored: {error}"),
        }
    }
}

impl From<Nonsense> for MilterError {
    fn from(nonsense: Nonsense) -> Self {
        MilterError::Nonsense(nonsense)
    }
}

impl From<Unwritable> for MilterError {
    fn from(error: Unwritable) -> Self {
        MilterError::Nonsense(Nonsense(error.to_string()))
    }
}

impl From<io::Error> for MilterError {
    fn from(error: io::Error) -> Self {
        MilterError::Storage(error)
    }
}
