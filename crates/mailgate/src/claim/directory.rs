//! Keys as files, for all processes of one machine: `ba/7816bf...`, named by the digest of the key. Its owner holds the file's lock
//! (flock(2)) for the life of its request; the kernel releases it as soon as the owner dies. The file's contents say the rest (`record`).
//! Files are removed when they expire (`sweep`), and never to make room.
#![forbid(unsafe_code)]

use super::file::{self, KeyFile, Lock};
use super::record::{self, Record};
use super::{Claim, Claims, Held, KeyState, Outcome, StoreError, now, sweep};
use crate::digest::Digest;
use mail::text::one_line;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use sys::calls;

/// A directory of keys that are stored for `lifetime`.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a> {
    path: &'a Path,
    lifetime: Duration,
}

/// How often a file is reopened if its name was removed meanwhile.
const TRIES: usize = 16;

impl<'a> Directory<'a> {
    /// The directory at this absolute path.
    pub fn new(path: &'a Path, lifetime: Duration) -> Self {
        Directory { path, lifetime }
    }

    /// Removes expired files, unless that was done lately; only some of them, so that no request waits long.
    pub fn sweep(&self) -> Result<(), StoreError> {
        sweep::some(self.path, self.lifetime).map_err(|error| failed("cannot be swept", self.path, &error))
    }
}

impl Claims for Directory<'_> {
    fn claim(&self, key: &Digest, content: &Digest) -> Result<KeyState<'_>, StoreError> {
        let key = key.to_string();
        let (folder, name) = key.split_at(2);
        let folder = self.path.join(folder);
        let path = folder.join(name);
        let fail = |error: io::Error| failed("cannot hold a key", &path, &error);
        for _ in 0..TRIES {
            let file = match lock(self.path, &folder, &path).map_err(fail)? {
                Lock::Busy => return Ok(KeyState::Running),
                Lock::Gone => continue,
                Lock::Held(file) => file,
            };
            return match file.read().map_err(fail)? {
                Record::Begun { expires, content: known, ended } if expires > now() => {
                    Ok(if known == *content { KeyState::Ended(ended) } else { KeyState::OtherContent })
                }
                _ => {
                    file.empty().map_err(fail)?;
                    Ok(KeyState::Yours(Claim::new(Owned { file, content: *content, lifetime: self.lifetime })))
                }
            };
        }
        Err(StoreError(format!("{} is taken away again and again", shown(&path))))
    }
}

/// The file of a key that we own.
struct Owned {
    file: KeyFile,
    content: Digest,
    lifetime: Duration,
}

impl Held for Owned {
    fn hand_over(&mut self, message_id: &str) -> Result<(), StoreError> {
        let prepared = record::prepare(expires(self.lifetime), &self.content, message_id, record::BOOT.as_deref());
        let written = self.file.append(&prepared).and_then(|()| self.file.sync());
        let written = written.and_then(|()| self.file.append(record::HANDING_OVER));
        written.map_err(|error| failed("cannot hold a key", self.file.path(), &error))
    }

    fn settle(&mut self, outcome: &Outcome) -> Result<(), StoreError> {
        // Not synced: if the machine stops before it is on disk, the outcome is unknown, which is what the file then says.
        self.file
            .append(&record::settle(outcome))
            .map_err(|error| failed("cannot store the outcome of a message", self.file.path(), &error))
    }

    fn free(&mut self) -> Result<(), StoreError> {
        let freed = self.file.remove().or_else(|_| self.file.empty());
        freed.map_err(|error| failed("cannot be freed", self.file.path(), &error))
    }
}

/// Locks the file of a key; its folder is made with the first key in it.
fn lock(top: &Path, folder: &Path, path: &Path) -> io::Result<Lock> {
    match file::lock(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if calls::mkdir(folder)? {
                file::sync_directory(top)?;
            }
            file::lock(path)
        }
        outcome => outcome,
    }
}

fn expires(lifetime: Duration) -> i64 {
    now().saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError(format!("{} {what}: {error}", shown(path)))
}

fn shown(path: &Path) -> String {
    one_line(path.as_os_str().as_bytes(), 400)
}
