//! Whether a transport could take a message now, as far as that shows without sending one. Nothing is started or left behind.
#![forbid(unsafe_code)]

use super::FailureKind;
use super::smtp::{self, Relay};
use mail::text::one_line;
use rustix::fs::Access;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use sys::{calls, spool};

/// What was checked, and what was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `program`, `maildir`, `relay`.
    pub transport: &'static str,
    /// What works.
    pub checked: &'static str,
    /// What may still be wrong.
    pub unchecked: &'static str,
}

/// Everything that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healthy {
    /// The transport.
    pub scope: Scope,
    /// What else works.
    pub also: Vec<&'static str>,
}

impl Healthy {
    /// A transport works.
    pub fn new(scope: Scope) -> Self {
        Healthy { scope, also: Vec::new() }
    }

    /// What is behind a program works too.
    pub fn behind(&mut self) {
        self.also.push("the mail system behind works");
        self.scope.unchecked = RELAY.unchecked;
    }
}

/// Why nothing could be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthError {
    /// The kind of fault, for anybody.
    pub reason: &'static str,
    /// The fault itself on one line, for the log: names paths and quotes a relay.
    pub detail: String,
}

pub(crate) const PROGRAM: Scope = Scope {
    transport: "program",
    checked: "the program is there and httpd's user may run it",
    unchecked: "whether it takes a message, and whether the mail system behind it works: a program that queues does so also while that is down",
};
const MAILDIR: Scope = Scope {
    transport: "maildir",
    checked: "httpd's user may write into the Maildir",
    unchecked: "whether there is room for a large message, and whether anybody reads what arrives",
};
const RELAY: Scope = Scope {
    transport: "relay",
    checked: "the relay answers, and TLS and the password are as the configuration wants them",
    unchecked: "whether a message for these recipients is taken",
};

/// The program at `path`: a regular file that we may execute.
pub fn program(path: &Path) -> Result<Scope, HealthError> {
    let ail = |reason, error: &dyn std::fmt::Display| {
        Err(HealthError { reason, detail: format!("{}: {error}", shown(path)) })
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return ail("the program is missing", &error),
        Err(error) => return ail("the program cannot be looked at", &error),
        Ok(metadata) if !metadata.is_file() => return ail("the program is not a file", &"not a regular file"),
        Ok(_) => {}
    }
    match calls::access(path, Access::EXEC_OK) {
        Ok(()) => Ok(PROGRAM),
        Err(error) => ail("httpd's user may not run the program", &error),
    }
}

/// The Maildir `dir`, or the directory that the first message will make it in.
pub fn maildir(dir: &Path) -> Result<Scope, HealthError> {
    let writable = |dir: &Path| writable(dir, UNWRITABLE);
    if !dir.exists() {
        return writable(dir.parent().unwrap_or(dir)).map(|()| MAILDIR);
    }
    for part in ["tmp", "new", "cur"] {
        match dir.join(part) {
            missing if !missing.exists() => writable(dir)?,
            part => writable(&part)?,
        }
    }
    let tmp = dir.join("tmp");
    has_room(if tmp.exists() { &tmp } else { dir }, UNWRITABLE).map(|()| MAILDIR)
}

/// The directory in which SendmailIdempotency keeps keys.
pub fn keys(dir: &Path) -> Result<(), HealthError> {
    writable(dir, NO_KEYS)?;
    has_room(dir, NO_KEYS)
}

/// The same for keys in the database of `server`; `ask` queries it.
pub fn keys_in_database(server: &str, ask: impl FnOnce() -> Result<(), String>) -> Result<(), HealthError> {
    looked(Subject::Database(server.to_owned()), || ask().map_err(|detail| HealthError { reason: NO_KEYS, detail }))
}

const UNWRITABLE: &str = "httpd's user cannot write into the Maildir";
const NO_KEYS: &str = "the keys of SendmailIdempotency cannot be kept: what comes with one is refused";

/// Makes an unnamed file: only this shows a full disk or a quota.
fn has_room(dir: &Path, reason: &'static str) -> Result<(), HealthError> {
    let made = spool::unnamed_file(dir);
    made.map(drop).map_err(|error| HealthError { reason, detail: format!("{}: {error}", shown(dir)) })
}

/// A directory in which we may make and rename files.
fn writable(dir: &Path, reason: &'static str) -> Result<(), HealthError> {
    let directory = std::fs::metadata(dir).and_then(|metadata| match metadata.is_dir() {
        true => calls::access(dir, Access::WRITE_OK | Access::EXEC_OK),
        false => Err(io::ErrorKind::NotADirectory.into()),
    });
    directory.map_err(|error| HealthError { reason, detail: format!("{}: {error}", shown(dir)) })
}

/// How long the last result for a relay is used.
const FRESH: Duration = Duration::from_secs(5);

/// The time of the last check, and its result.
type LastLook = Arc<Mutex<Option<(Instant, Result<(), HealthError>)>>>;

/// What is checked.
#[derive(Debug, PartialEq)]
enum Subject {
    /// The mail server behind a front end.
    Behind(Relay),
    /// The database of a server of ours.
    Database(String),
    /// A directory of waiting messages, and the longest time that one may wait.
    Queue(PathBuf, Duration),
    /// The relay that messages go to.
    Relay(Relay),
}

/// For each subject. The client may be unknown: it must not be able to make this process connect and log in any number of times.
static LAST_LOOKS: Mutex<Vec<(Subject, LastLook)>> = Mutex::new(Vec::new());

/// Checks the relay up to the point where it waits for a message.
pub fn relay(relay: &Relay, timeout: Duration) -> Result<Scope, HealthError> {
    looked(Subject::Relay(relay.clone()), || look_at(relay, timeout)).map(|()| RELAY)
}

/// Checks a mail server behind a program that queues: whether it greets.
pub fn behind(server: &Relay, timeout: Duration) -> Result<(), HealthError> {
    looked(Subject::Behind(server.clone()), || {
        smtp::hello(server, timeout).map_err(|failure| HealthError {
            reason: "the mail system behind does not answer as it should",
            detail: failure.to_string(),
        })
    })
}

/// Checks the queue of a program: whether its oldest message is younger than `most`.
pub fn queue(dir: &Path, most: Duration) -> Result<(), HealthError> {
    looked(Subject::Queue(dir.to_owned(), most), || match oldest(dir) {
        Ok(Some(age)) if age > most => Err(HealthError {
            reason: "mail waits in the queue of the mail system for too long",
            detail: format!("{}: the oldest message waits for {} seconds", shown(dir), age.as_secs()),
        }),
        Ok(_) => Ok(()),
        Err(error) => Err(HealthError {
            reason: "httpd's user cannot look into the queue of the mail system",
            detail: format!("{}: {error}", shown(dir)),
        }),
    })
}

/// The most files of a queue that are checked.
const MOST_FILES: usize = 100_000;

/// The age of the oldest file in a directory; `None`: it is empty.
pub fn oldest(dir: &Path) -> io::Result<Option<Duration>> {
    let mut oldest = None;
    for entry in std::fs::read_dir(dir)?.take(MOST_FILES) {
        // A file that is sent meanwhile is gone.
        let Ok(metadata) = entry.and_then(|entry| entry.metadata()) else { continue };
        if metadata.is_file() {
            oldest = oldest.max(Some(metadata.modified()?.elapsed().unwrap_or_default()));
        }
    }
    Ok(oldest)
}

/// The result of `look`. Only one thread looks at a time; others, then and for a while after, get the same result.
fn looked(subject: Subject, look: impl FnOnce() -> Result<(), HealthError>) -> Result<(), HealthError> {
    let last_look = last_look(subject);
    let mut last_look = lock(&last_look);
    match &*last_look {
        Some((when, found)) if when.elapsed() < FRESH => found.clone(),
        _ => {
            let found = look();
            *last_look = Some((Instant::now(), found.clone()));
            found
        }
    }
}

fn last_look(subject: Subject) -> LastLook {
    let mut looks = lock(&LAST_LOOKS);
    if let Some((_, look)) = looks.iter().find(|(known, _)| *known == subject) {
        return look.clone();
    }
    let look = LastLook::default();
    looks.push((subject, look.clone()));
    look
}

/// The data behind these locks is valid at any moment, so poisoning does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn look_at(relay: &Relay, timeout: Duration) -> Result<(), HealthError> {
    smtp::hello(relay, timeout).map_err(|failure| HealthError {
        reason: match failure.kind {
            FailureKind::Misconfigured => {
                "the relay cannot be used as it is set up: TLS, its certificate, or the password"
            }
            _ => "the relay does not answer as it should",
        },
        detail: failure.to_string(),
    })
}

fn shown(path: &Path) -> String {
    one_line(path.as_os_str().as_bytes(), 400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("mailgate-health-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn a_program_is_a_file_that_may_be_run() {
        let folder = folder("program");
        let file = folder.join("sendmail");
        std::fs::write(&file, "").unwrap();
        for (path, mode, reason) in [
            (&file, 0o755, None),
            (&file, 0o644, Some("may not run")),
            (&folder, 0o755, Some("not a file")),
            (&folder.join("none"), 0, Some("missing")),
            (&file.join("x"), 0, Some("cannot be looked at")),
        ] {
            let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
            let found = program(path);
            let ailing = found.as_ref().err().map(|ailment| ailment.reason);
            assert_eq!(ailing.is_some(), reason.is_some(), "{found:?}");
            assert!(ailing.unwrap_or_default().contains(reason.unwrap_or_default()), "{found:?}");
            assert!(found.is_ok() || found.unwrap_err().detail.contains(path.to_str().unwrap()));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_queue_is_well_while_its_oldest_message_is_young_and_it_may_be_looked_into() {
        let folder = folder("queue");
        let hour = Duration::from_secs(3600);
        let look = |name: &str| queue(&folder.join(name), hour).map_err(|ailment| ailment.reason);
        for name in ["empty", "young", "old"] {
            std::fs::create_dir(folder.join(name)).unwrap();
        }
        std::fs::create_dir(folder.join("empty/a folder is no message")).unwrap();
        std::fs::write(folder.join("young/1"), "").unwrap();
        std::fs::write(folder.join("old/1"), "").unwrap();
        let old = std::fs::File::create(folder.join("old/2")).unwrap();
        old.set_modified(std::time::SystemTime::now() - 2 * hour).unwrap();
        assert_eq!((look("empty"), look("young")), (Ok(()), Ok(())));
        assert!(look("old").unwrap_err().contains("too long"));
        assert!(look("none").unwrap_err().contains("cannot look"));
        let age = oldest(&folder.join("old")).unwrap().unwrap();
        assert!((2 * hour..2 * hour + Duration::from_secs(60)).contains(&age), "{age:?}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn keys_are_kept_where_a_file_can_be_made() {
        let folder = folder("keys");
        assert_eq!(keys(&folder), Ok(()));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir(&folder).unwrap();
        assert_eq!(keys(&folder).unwrap_err().reason, NO_KEYS);
    }

    #[test]
    fn a_maildir_may_be_written_and_stays_as_it_was() {
        let folder = folder("maildir");
        let dir = folder.join("Maildir");
        assert_eq!(maildir(&dir), Ok(MAILDIR), "the first message makes it");
        assert!(!dir.exists());
        for part in ["", "tmp", "new", "cur"] {
            std::fs::create_dir(dir.join(part)).unwrap();
            assert_eq!(maildir(&dir), Ok(MAILDIR));
        }
        assert_eq!(std::fs::read_dir(dir.join("tmp")).unwrap().count(), 0);
        std::fs::remove_dir(dir.join("new")).unwrap();
        std::fs::write(dir.join("new"), "").unwrap();
        assert_eq!(maildir(&dir).unwrap_err().reason, UNWRITABLE);
        assert!(maildir(&folder.join("no/Maildir")).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
