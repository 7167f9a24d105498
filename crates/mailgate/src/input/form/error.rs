//! Why a form cannot become a mail.
#![forbid(unsafe_code)]

use mail::text::excerpt;
use std::fmt;
use std::io;

/// Why a form cannot become a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormError {
    /// Nothing was filled in.
    Empty,
    /// A file of a type that is not accepted.
    FileType {
        /// Its name.
        file: String,
        /// Its type.
        essence: String,
        /// The accepted types; empty: no files at all.
        taken: String,
    },
    /// The body is not in its declared coding.
    Malformed {
        /// The offset of the fault, in octets.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// More text than is accepted.
    TooMuchText,
    /// Fields to correct, and what is wrong with each.
    Wrong(Vec<(String, Fault)>),
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is a trap.
    LeaveEmpty,
    /// It was left empty.
    Missing,
    /// It is not one address.
    NotAnAddress,
    /// No proof that it was not filled in by a robot.
    Unproven,
}

impl FormError {
    pub(super) fn malformed(at: u64, what: &'static str) -> Self {
        FormError::Malformed { at, what }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::LeaveEmpty => "leave this empty",
            Fault::Missing => "fill this in",
            Fault::NotAnAddress => "write one address, like name@example.org",
            Fault::Unproven => "solve a new challenge",
        })
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormError::Empty => f.write_str("the form is empty; fill something in"),
            FormError::FileType { file, taken, .. } if taken.is_empty() => {
                write!(
                    f,
                    "the file \"{}\" is not taken here, since no files are; send the form without it",
                    excerpt(file)
                )
            }
            FormError::FileType { file, essence, taken } => write!(
                f,
                "the file \"{}\" is of the type {}, which is not taken here; {taken} are",
                excerpt(file),
                excerpt(essence)
            ),
            FormError::Malformed { at, what } => write!(f, "the form cannot be read at octet {at}: {what}"),
            FormError::TooMuchText => {
                f.write_str("the fields of the form hold more than 1 MiB of text; send it as a file")
            }
            FormError::Wrong(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, fault)| format!("{}: {fault}", excerpt(name))).collect();
                f.write_str(&fields.join("; "))
            }
        }
    }
}

impl std::error::Error for FormError {}

/// Why a form cannot be read.
#[derive(Debug)]
pub enum FormInputError {
    /// What is wrong with it.
    Form(FormError),
    /// The body cannot be read again.
    Io(io::Error),
}

impl From<FormError> for FormInputError {
    fn from(error: FormError) -> Self {
        FormInputError::Form(error)
    }
}

impl From<io::Error> for FormInputError {
    fn from(error: io::Error) -> Self {
        FormInputError::Io(error)
    }
}
