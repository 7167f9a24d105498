//! A finished message -> a `sendmail` program ([`sendmail`]), a Maildir ([`maildir`]) or a mail server ([`relay`]), and what became of it:
//! [`Accepted`], or a [`Failure`] that says whether anything was started and whether the message may have been queued.
//! Exit codes are judged in `sysexits`, what single MTAs make of their arguments in [`mta`], how many run at one time
//! in [`slots`].
#![deny(unsafe_code)]

use std::ffi::CString;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::escape::steers;

pub mod health;
pub mod maildir;
mod message;
pub mod mta;
pub mod program_arguments;
pub mod relay;
pub mod sendmail;
pub mod slots;
pub(crate) mod spawn;
mod sysexits;
mod wait;

pub use message::Message;
pub use sendmail::{environment, hand_over};

/// A program that takes a message on its stdin.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Absolute.
    pub path: &'a Path,
    /// Its words, without its own name: no shell, one element is one word.
    pub arguments: &'a [Vec<u8>],
    /// Its whole environment, `NAME=value`; see [`environment`].
    pub environment: &'a [CString],
    /// From its start to its exit.
    pub timeout: Duration,
}

/// The message is queued, or on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The program's exit status, 0; none for a Maildir.
    pub exit: Option<i32>,
    /// What the program printed beside its exit 0, on one line, escaped: Sendmail and Courier complain so.
    pub warning: Option<String>,
    /// What a relay answered to the message, on one line, escaped, without recipients.
    pub reply: Option<String>,
    /// From the start of the program to its end.
    pub elapsed: Duration,
}

/// Why a message was not taken, or may not have been.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What it means for the sender.
    pub kind: FailureKind,
    /// How the program ended, if one was started and its end is known.
    pub exit: Option<Exit>,
    /// What happened, on one line, escaped, for the log: names paths and quotes the program.
    pub detail: String,
    /// The first line of the program's complaint (stderr, else stdout), escaped and capped.
    pub words: Option<String>,
    /// The recipient whom a relay refused, for the client alone.
    pub recipient: Option<String>,
    /// Whether a program was started. If not, nothing can be queued.
    pub started: bool,
}

/// What a [`Failure`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The program refuses this message (exit 65, 66).
    BadMessage,
    /// Not done in time: may be queued or not.
    DeadlinePassed,
    /// Needs the administrator: program missing or of the wrong kind, its arguments or its configuration wrong; no
    /// permission.
    Misconfigured,
    /// Refused for want of processes, descriptors, memory or disk; nothing was started.
    NoResources,
    /// A relay refuses this message, its sender or a recipient for good (5xx).
    RelayRefused,
    /// Exit 75.
    Tempfail,
    /// The program's words or the relay's answer say that the message is over a limit.
    TooLarge,
    /// The program (exit 69, 73, 74) or the relay (4xx, no connection) cannot take it now.
    Unavailable,
    /// May be queued or not: other exits, signals, exit 0 with part of the message unread; a relay that was lost before it
    /// answered.
    Unknown,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// The end of a wait that began then; of one that is too long for the clock, a day later.
fn deadline(began: Instant, timeout: Duration) -> Instant {
    began.checked_add(timeout).unwrap_or_else(|| began + Duration::from_secs(86_400))
}

impl Failure {
    /// For an error while a message was being stored, before anything was started.
    pub fn storing(error: &io::Error) -> Failure {
        Failure::before_start("the message cannot be stored", error)
    }

    /// Nothing was started, because of `error`.
    pub(crate) fn before_start(what: &str, error: &io::Error) -> Failure {
        Failure {
            kind: kind_of(error),
            exit: None,
            detail: format!("{what}: {error}"),
            words: None,
            recipient: None,
            started: false,
        }
    }

    /// Whether the same message may be accepted later without anybody having acted.
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, FailureKind::NoResources | FailureKind::Tempfail | FailureKind::Unavailable)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Errors that stay until somebody acts, and errors that pass.
fn kind_of(error: &io::Error) -> FailureKind {
    const LASTING: &[Errno] = &[
        Errno::ACCESS,
        Errno::INVAL,
        Errno::ISDIR,
        Errno::LIBBAD,
        Errno::LOOP,
        Errno::NAMETOOLONG,
        Errno::NOENT,
        Errno::NOEXEC,
        Errno::NOTDIR,
        Errno::PERM,
        Errno::ROFS,
        Errno::TOOBIG,
    ];
    match error.raw_os_error() {
        Some(errno) if LASTING.iter().any(|e| e.raw_os_error() == errno) => FailureKind::Misconfigured,
        None if error.kind() == io::ErrorKind::InvalidInput => FailureKind::Misconfigured,
        _ => FailureKind::NoResources,
    }
}

/// Octets of foreign origin as text of one line, for a log: control characters and bytes that are no UTF-8 as `\xNN`,
/// line ends as ` | `, cut after `limit` characters.
pub(crate) fn one_line(octets: &[u8], limit: usize) -> String {
    let mut line = String::new();
    for chunk in octets.trim_ascii().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => line.push_str(" | "),
                '\r' => {}
                '\t' => line.push(' '),
                '\\' => line.push_str("\\\\"),
                c if !steers(c) => line.push(c),
                c => line.extend(c.escape_unicode()),
            }
        }
        line.extend(chunk.invalid().iter().map(|b| format!("\\x{b:02x}")));
        if let Some((cut, _)) = line.char_indices().nth(limit) {
            line.truncate(cut);
            line.push_str("...");
            break;
        }
    }
    line
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Mutex, MutexGuard};

    /// Tests that start programs or count descriptors go one after the other: both are shared by the whole process.
    pub(crate) fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    #[test]
    fn foreign_words_stay_on_one_line_and_steer_no_terminal() {
        assert_eq!(one_line(b"sendmail: fatal\r\n2nd\n", 100), "sendmail: fatal | 2nd");
        assert_eq!(one_line(b"a\x1b[31m\xff\\\x7f", 100), "a\\u{1b}[31m\\xff\\\\\\u{7f}");
        assert_eq!(one_line("gr\u{fc}n \u{202e}".as_bytes(), 100), "gr\u{fc}n \\u{202e}");
        assert_eq!(one_line(&[b'a'; 50], 10), "aaaaaaaaaa...");
        assert_eq!(one_line(b"", 10), "");
    }

    #[test]
    fn errors_that_last_and_errors_that_pass() {
        for (errno, kind) in [
            (libc::ENOENT, FailureKind::Misconfigured),
            (libc::EACCES, FailureKind::Misconfigured),
            (libc::ENOEXEC, FailureKind::Misconfigured),
            (libc::EAGAIN, FailureKind::NoResources),
            (libc::EMFILE, FailureKind::NoResources),
            (libc::ENOSPC, FailureKind::NoResources),
        ] {
            let failure = Failure::storing(&io::Error::from_raw_os_error(errno));
            assert_eq!((failure.kind, failure.started), (kind, false));
            assert_eq!(failure.is_temporary(), kind == FailureKind::NoResources);
        }
    }
}
