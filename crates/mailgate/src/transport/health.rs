//! A way out -> whether a message could be handed over now, as far as that can be seen without one. Nothing is sent, started or left behind.
#![forbid(unsafe_code)]

use super::FailureKind;
use super::smtp::{self, Relay};
use mail::text::one_line;
use rustix::fs::Access;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use sys::{calls, spool};

/// What was looked at, and what was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `program`, `maildir`, `relay`.
    pub transport: &'static str,
    /// What is well.
    pub checked: &'static str,
    /// What may be wrong all the same.
    pub unchecked: &'static str,
}

/// Why nothing could be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthError {
    /// What kind of fault it is, for anybody.
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
    unchecked: "whether it takes a message for these recipients",
};

/// The program at `path`: a regular file that we may execute.
pub fn program(path: &Path) -> Result<Scope, HealthError> {
    let ail = |reason, error: &dyn std::fmt::Display| {
        Err(HealthError { reason, detail: format!("{}: {error}", shown(path)) })
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return ail("the program is missing", &error),
        Err(error) => return ail("the program cannot be looked at", &error),
        Ok(metadata) if !metadata.is_file() => return ail("the program is no file", &"no regular file"),
        Ok(_) => {}
    }
    match calls::access(path, Access::EXEC_OK) {
        Ok(()) => Ok(PROGRAM),
        Err(error) => ail("httpd's user may not run the program", &error),
    }
}

/// The Maildir `dir`, or the place where the first message will make it.
pub fn maildir(dir: &Path) -> Result<Scope, HealthError> {
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
    // A file without a name, gone as soon as it is made: a full disk and a quota show only so.
    match spool::unnamed_file(if tmp.exists() { &tmp } else { dir }) {
        Ok(_) => Ok(MAILDIR),
        Err(error) => Err(HealthError { reason: UNWRITABLE, detail: format!("{}: {error}", shown(&tmp)) }),
    }
}

const UNWRITABLE: &str = "httpd's user cannot write into the Maildir";

/// A directory in which we may make and rename files.
fn writable(dir: &Path) -> Result<(), HealthError> {
    let directory = std::fs::metadata(dir).and_then(|metadata| match metadata.is_dir() {
        true => calls::access(dir, Access::WRITE_OK | Access::EXEC_OK),
        false => Err(io::ErrorKind::NotADirectory.into()),
    });
    directory.map_err(|error| HealthError { reason: UNWRITABLE, detail: format!("{}: {error}", shown(dir)) })
}

/// How long the last look at a relay counts.
const FRESH: Duration = Duration::from_secs(5);

/// When somebody last looked, and what was found.
type LastLook = Arc<Mutex<Option<(Instant, Result<Scope, HealthError>)>>>;

/// For each relay. Who may ask is not always known: they are not to make this process connect, and log in, as
/// often as they like.
static LAST_LOOKS: Mutex<Vec<(Relay, LastLook)>> = Mutex::new(Vec::new());

/// The relay, up to where it waits for a message. At most one looks at a time, and others meanwhile and for a while get what it found.
pub fn relay(relay: &Relay, timeout: Duration) -> Result<Scope, HealthError> {
    let last_look = last_look(relay);
    let mut last_look = lock(&last_look);
    match &*last_look {
        Some((when, found)) if when.elapsed() < FRESH => found.clone(),
        _ => {
            let found = look_at(relay, timeout);
            *last_look = Some((Instant::now(), found.clone()));
            found
        }
    }
}

fn last_look(relay: &Relay) -> LastLook {
    let mut looks = lock(&LAST_LOOKS);
    if let Some((_, look)) = looks.iter().find(|(known, _)| known == relay) {
        return look.clone();
    }
    let look = LastLook::default();
    looks.push((relay.clone(), look.clone()));
    look
}

/// What is behind these locks is right at any moment: poison means nothing here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn look_at(relay: &Relay, timeout: Duration) -> Result<Scope, HealthError> {
    smtp::hello(relay, timeout).map(|()| RELAY).map_err(|failure| HealthError {
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
            (&folder, 0o755, Some("no file")),
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
