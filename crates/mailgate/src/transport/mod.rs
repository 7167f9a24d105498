//! A finished message -> a `sendmail` program ([`program`]), a place on this machine ([`store`]: a [`maildir`]) or a mail server ([`smtp`]), and what became of it:
//! [`Accepted`], or a [`Failure`] that says whether anything was started and whether the message may have been queued.
//! Exit codes are judged in `sysexits`, what single MTAs make of their arguments in [`program::mta`], how many run at one time
//! in [`slots`].
#![deny(unsafe_code)]

use std::ffi::CString;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use store::Store;

pub mod health;
pub mod maildir;
pub mod program;
pub mod slots;
pub mod smtp;
pub mod store;

pub use program::{environment, hand_over};
pub use sys::child::Exit;

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
    /// It was refused as nobody's: 5.1.1 (RFC 3463 3.2), the one code that says so and no more.
    pub unknown_user: bool,
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
    /// The message has octets above 127, which the relay does not take, and cannot be encoded anew; nothing was sent.
    EightBit,
    /// Needs the administrator: program missing or of the wrong kind, its arguments or its configuration wrong; no
    /// permission.
    Misconfigured,
    /// Refused for want of processes, descriptors, memory or disk; nothing was started.
    NoResources,
    /// The client asks for delivery reports that this way out cannot promise; nothing was sent.
    NoReports,
    /// What has to be written down before a message is handed over could not be; it was not.
    NotRecorded,
    /// A relay refuses this message, its sender or a recipient for good (5xx).
    RelayRefused,
    /// Exit 75.
    Tempfail,
    /// The program's words or the relay's answer say that the message is over a limit.
    TooLarge,
    /// The program (exit 73, 74; 69 with words that say so) or the relay (4xx, no connection) cannot take it now.
    Unavailable,
    /// May be queued or not: other exits, signals, exit 0 with part of the message unread; a relay that was lost before it
    /// answered.
    Unknown,
}

/// Every kind of place on this machine that takes messages.
pub const STORES: &[&Store] = &[&maildir::STORE];

/// The directives that set where mail goes.
pub fn directives() -> impl Iterator<Item = &'static str> {
    let stores = STORES.iter().map(|store| store.directive);
    std::iter::once("SendmailName").chain(stores).chain(std::iter::once("SendmailRelay"))
}

/// Their names in a sentence.
pub fn directives_in_words() -> String {
    let names: Vec<&str> = directives().collect();
    let (last, others) = names.split_last().expect("SendmailName is among them");
    format!("{} and {last}", others.join(", "))
}

/// Called at the last moment before a message can be taken. After an error it is not handed over; after success nobody but who takes it may say
/// that it was not.
pub type Commit<'a> = dyn FnMut() -> Result<(), String> + 'a;

/// The end of a wait that began then; of one that is too long for the clock, a day later.
fn deadline(began: Instant, timeout: Duration) -> Instant {
    began.checked_add(timeout).unwrap_or_else(|| began + Duration::from_secs(86_400))
}

impl Failure {
    /// For an error while a message was being stored, before anything was started.
    pub fn storing(error: &io::Error) -> Failure {
        Failure::before_start("the message cannot be stored", error)
    }

    /// So many programs run that none was started.
    pub fn busy(limit: usize) -> Failure {
        Failure {
            kind: FailureKind::NoResources,
            exit: None,
            detail: format!("SendmailMaxProcesses {limit} are running; none ended in time"),
            words: None,
            recipient: None,
            unknown_user: false,
            started: false,
        }
    }

    /// Nothing was started, because of `error`.
    pub(crate) fn before_start(what: &str, error: &io::Error) -> Failure {
        Failure {
            kind: kind_of(error),
            exit: None,
            detail: format!("{what}: {error}"),
            words: None,
            recipient: None,
            unknown_user: false,
            started: false,
        }
    }

    /// What [`Commit`] had to write down could not be.
    pub fn not_recorded(why: String) -> Failure {
        Failure {
            kind: FailureKind::NotRecorded,
            exit: None,
            detail: why,
            words: None,
            recipient: None,
            unknown_user: false,
            started: false,
        }
    }

    /// Whether the same message may be accepted later without anybody having acted.
    pub fn is_temporary(&self) -> bool {
        use FailureKind::{NoResources, NotRecorded, Tempfail, Unavailable};
        matches!(self.kind, NoResources | NotRecorded | Tempfail | Unavailable)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

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
    fn every_store_is_among_the_directives_that_set_where_mail_goes() {
        let words = directives_in_words();
        assert!(words.starts_with("SendmailName, SendmailMaildir") && words.ends_with(" and SendmailRelay"), "{words}");
        for store in STORES {
            assert!(words.contains(store.directive), "{words}");
        }
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
