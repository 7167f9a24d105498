//! A whole message -> one file in a Maildir (<https://cr.yp.to/proto/maildir.html>): written to `tmp/`, synced, renamed
//! into `new/`, and that synced too. A reader sees all of it or nothing; a machine that dies keeps it once we have said
//! so.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::store::Store;
use super::{Accepted, Commit, Failure, FailureKind, health};
use crate::message::Message;
use mail::text::one_line;
use sys::calls;

/// SendmailMaildir.
pub const STORE: Store = Store { directive: "SendmailMaildir", name: "Maildir", deliver, check: health::maildir };

/// How often another name is tried, should one be taken.
const TRIES: usize = 8;

/// Stores `message` in the Maildir `dir`, which is made if it is missing (not its parents).
pub fn deliver(dir: &Path, message: &Message, commit: &mut Commit<'_>) -> Result<Accepted, Failure> {
    let began = Instant::now();
    let fail = |what: &str, error: &io::Error| {
        Failure::before_start(&format!("{what} in Maildir {}", one_line(dir.as_os_str().as_bytes(), 400)), error)
    };
    make(dir).map_err(|error| fail("no tmp, new and cur", &error))?;
    let (name, file) = create(dir).map_err(|error| fail("no new file", &error))?;
    let (draft, new) = (Draft(dir.join("tmp").join(&name)), dir.join("new").join(&name));
    // Opened before the rename: after it, nothing that can fail for want of anything may stand between us and the answer.
    let written = open_for_sync(&dir.join("new")).and_then(|new_dir| write(&file, message).map(|()| new_dir));
    let new_dir = written.map_err(|error| fail(NOT_STORED, &error))?;
    commit().map_err(Failure::not_recorded)?;
    if let Err(error) = calls::rename(&draft.0, &new) {
        match whereabouts(&file, &draft.0, &new) {
            Whereabouts::New => {}
            Whereabouts::Removed => return Err(fail(NOT_STORED, &error)),
            Whereabouts::Unknown => {
                return Err(Failure {
                    kind: FailureKind::Unknown,
                    started: true,
                    ..fail("nobody knows whether the message was stored", &error)
                });
            }
        }
    }
    draft.published();
    calls::fsync(new_dir.as_fd()).map_err(|error| Failure {
        kind: FailureKind::Unknown,
        started: true,
        ..fail("a message was stored, and may be lost if the machine stops,", &error)
    })?;
    Ok(Accepted { exit: None, warning: None, reply: None, elapsed: began.elapsed() })
}

const NOT_STORED: &str = "the message was not stored";

/// Where the file is whose rename failed.
#[derive(Debug, PartialEq, Eq)]
enum Whereabouts {
    New,
    /// It was in `tmp/`, and is gone.
    Removed,
    /// A reader may have taken it out of `new/` already.
    Unknown,
}

/// Over a network a rename may have been done although its answer was lost, or may still be done (rename(2), BUGS). A file that could
/// be removed from `tmp/` was not renamed, and will not be.
fn whereabouts(file: &OwnedFd, draft: &Path, new: &Path) -> Whereabouts {
    if calls::unlink(draft).is_ok() {
        return Whereabouts::Removed;
    }
    let found = rustix::fs::fstat(file).ok().zip(std::fs::symlink_metadata(new).ok());
    match found {
        Some((ours, there)) if (ours.st_dev, ours.st_ino) == (there.dev(), there.ino()) => Whereabouts::New,
        _ => Whereabouts::Unknown,
    }
}

/// A file in `tmp/`, taken away on every way out but that into `new/`.
struct Draft(PathBuf);

impl Draft {
    fn published(mut self) {
        self.0 = PathBuf::new(); // its name is gone, and no file is called like this
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.0.as_os_str().is_empty() {
            return;
        }
        let _ = calls::unlink(&self.0).or_else(|_| std::fs::remove_file(&self.0));
    }
}

/// The directory and its three, 0700, where they are missing; what was made is synced.
fn make(dir: &Path) -> io::Result<()> {
    if calls::mkdir(dir)?
        && let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty())
    {
        let _ = open_for_sync(parent).and_then(|fd| calls::fsync(fd.as_fd())); // we may write there, and yet not read
    }
    let mut made = false;
    for part in ["tmp", "new", "cur"] {
        made |= calls::mkdir(&dir.join(part))?;
    }
    if made { calls::fsync(open_for_sync(dir)?.as_fd()) } else { Ok(()) }
}

fn open_for_sync(dir: &Path) -> io::Result<OwnedFd> {
    calls::open_directory(dir)
}

fn create(dir: &Path) -> io::Result<(PathBuf, OwnedFd)> {
    let mut outcome = Err(io::ErrorKind::AlreadyExists.into());
    for _ in 0..TRIES {
        let name = PathBuf::from(unique_name(&host()));
        outcome = calls::create_new(&dir.join("tmp").join(&name)).map(|file| (name, file));
        if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
            break;
        }
    }
    outcome
}

fn write(file: &OwnedFd, message: &Message) -> io::Result<()> {
    let mut reader = message.reader();
    let mut buffer = [0; 32 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => return calls::fsync(file.as_fd()),
            n => calls::write_all(file.as_fd(), &buffer[..n])?,
        }
    }
}

/// `time.MmicrosecondsPprocessQcount.host`: the modern way of the Maildir page; the count is of this process.
fn unique_name(host: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}.M{}P{}Q{count}.{host}", now.as_secs(), now.subsec_micros(), std::process::id())
}

/// Of this machine (proc(5)); `/` and `:` have a meaning of their own in these names.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_string(),
        name => name.replace('/', "\\057").replace(':', "\\072"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;
    use std::os::unix::fs::PermissionsExt;

    struct Home(PathBuf);

    impl Home {
        fn new() -> Home {
            static NEXT: AtomicU64 = AtomicU64::new(0);
            let name = format!("mailgate-maildir-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).unwrap();
            Home(path)
        }

        fn maildir(&self) -> PathBuf {
            self.0.join("Maildir")
        }

        fn files(&self, part: &str) -> Vec<PathBuf> {
            let listing = std::fs::read_dir(self.maildir().join(part)).into_iter().flatten();
            listing.map(|entry| entry.unwrap().path()).collect()
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn message(size: usize) -> (Message, Vec<u8>) {
        let octets: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        (Message::compose(&std::env::temp_dir(), b"", |w| w.write_all(&octets)).unwrap(), octets)
    }

    #[test]
    fn a_message_is_in_new_as_it_was_and_tmp_is_empty() {
        let _alone = alone();
        let home = Home::new();
        for (i, size) in [10, 200_000].into_iter().enumerate() {
            let (message, octets) = message(size);
            assert_eq!(deliver(&home.maildir(), &message, &mut || Ok(())).unwrap().exit, None);
            let files = home.files("new");
            assert_eq!((files.len(), home.files("tmp").len(), home.files("cur").len()), (i + 1, 0, 0));
            assert!(files.iter().any(|file| std::fs::read(file).unwrap() == octets));
        }
        for path in [home.maildir(), home.maildir().join("new")] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert_eq!(std::fs::metadata(&home.files("new")[0]).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_whose_rename_failed_is_looked_for_before_anything_is_said_of_it() {
        let _alone = alone();
        let home = Home::new();
        make(&home.maildir()).unwrap();
        let done = |draft: &Path, new: &Path| std::fs::rename(draft, new).unwrap();
        let nothing = |_: &Path, _: &Path| {};
        let done_and_read = |draft: &Path, _: &Path| std::fs::rename(draft, home.maildir().join("cur/read")).unwrap();
        let done_and_replaced = |draft: &Path, new: &Path| {
            std::fs::rename(draft, home.maildir().join("cur/other")).unwrap();
            std::fs::write(new, "of somebody else").unwrap();
        };
        type Happened<'a> = &'a dyn Fn(&Path, &Path);
        let rows: [(Happened<'_>, Whereabouts, usize); 4] = [
            (&nothing, Whereabouts::Removed, 0),
            (&done, Whereabouts::New, 1),
            (&done_and_read, Whereabouts::Unknown, 1),
            (&done_and_replaced, Whereabouts::Unknown, 2),
        ];
        for (happened, expected, in_new) in rows {
            let (name, file) = create(&home.maildir()).unwrap();
            let (draft, new) = (home.maildir().join("tmp").join(&name), home.maildir().join("new").join(&name));
            happened(&draft, &new);
            assert_eq!(whereabouts(&file, &draft, &new), expected);
            assert_eq!((home.files("tmp").len(), home.files("new").len()), (0, in_new), "{expected:?}");
        }
    }

    #[test]
    fn many_deliveries_at_one_time_have_different_names() {
        let _alone = alone();
        let home = Home::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    (0..10).for_each(|_| drop(deliver(&home.maildir(), &message(50).0, &mut || Ok(())).unwrap()))
                });
            }
        });
        assert_eq!(home.files("new").len(), 80);
    }

    #[test]
    fn names_are_those_of_the_maildir_page() {
        let name = unique_name("host.example");
        let parts: Vec<&str> = name.splitn(3, '.').collect();
        assert!(parts[0].parse::<u64>().is_ok() && parts[1].starts_with('M') && parts[1].contains('P'), "{name}");
        assert_eq!(parts[2], "host.example");
        assert!(!host().contains(['/', ':', '\n']));
    }

    #[test]
    fn a_maildir_that_cannot_be_is_the_administrators_affair() {
        let _alone = alone();
        let home = Home::new();
        std::fs::write(home.0.join("file"), "").unwrap();
        assert!(deliver(&home.maildir(), &message(1).0, &mut || Ok(())).is_ok());
        for dir in [home.0.join("a/b"), home.0.join("file"), home.0.join("file/x")] {
            let failure = deliver(&dir, &message(1).0, &mut || Ok(())).unwrap_err();
            assert_eq!((failure.kind, failure.started, failure.words), (FailureKind::Misconfigured, false, None));
            assert!(failure.detail.contains(dir.to_str().unwrap()), "{}", failure.detail);
        }
    }

    #[cfg(feature = "faults")]
    #[test]
    fn whatever_call_fails_the_answer_is_true_and_tmp_is_empty() {
        let _alone = alone();
        for errno in [libc::ENOSPC, libc::EDQUOT, libc::EIO, libc::EACCES, libc::EINTR] {
            for n in 1.. {
                let home = Home::new();
                let (message, octets) = message(70_000);
                calls::fail_nth(n, errno);
                let outcome = deliver(&home.maildir(), &message, &mut || Ok(()));
                let hit = calls::fault_hit();
                calls::never_fail();
                assert_eq!(home.files("tmp").len(), 0, "errno {errno} at call {n}");
                let stored = home.files("new");
                match outcome {
                    Ok(_) => assert_eq!(std::fs::read(&stored[0]).unwrap(), octets),
                    Err(failure) if failure.kind == FailureKind::Unknown => assert_eq!(stored.len(), 1),
                    Err(failure) => {
                        assert!(stored.is_empty() && !failure.started, "{failure}");
                        assert_eq!(failure.is_temporary(), errno != libc::EACCES, "{failure}");
                    }
                }
                if !hit {
                    assert!(n > 12, "only {n} calls");
                    break;
                }
            }
        }
    }
}
