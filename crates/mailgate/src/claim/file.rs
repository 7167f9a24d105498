//! The file of a key, and its lock (flock(2)): held by one open file at a time, and released by the kernel when that process dies.
#![forbid(unsafe_code)]

use super::record::{self, MAX_RECORD, Record};
use rustix::fs::FileType;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use sys::calls;

/// A file whose lock we hold.
#[derive(Debug)]
pub(super) struct KeyFile {
    fd: OwnedFd,
    path: PathBuf,
    is_empty: bool,
}

/// The result of an attempt to lock a file.
pub(super) enum Lock {
    /// Another process holds it.
    Busy,
    /// Its name was removed, or given to another file, between our open and our lock.
    Gone,
    /// It is ours.
    Held(KeyFile),
}

/// Opens the file, creating it if it is missing, and locks it.
pub(super) fn lock(path: &Path) -> io::Result<Lock> {
    let fd = calls::open_or_create(path)?;
    let opened = calls::status(fd.as_fd())?;
    if !FileType::from_raw_mode(opened.st_mode).is_file() {
        return Err(io::Error::other("not a regular file; move it away"));
    }
    if !calls::try_lock(fd.as_fd())? {
        return Ok(Lock::Busy);
    }
    // Only now is its length meaningful.
    let locked = calls::status(fd.as_fd())?;
    match calls::status_of(path) {
        Ok(there) if (there.st_dev, there.st_ino) == (locked.st_dev, locked.st_ino) => {
            Ok(Lock::Held(KeyFile { fd, path: path.to_owned(), is_empty: locked.st_size == 0 }))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(Lock::Gone),
    }
}

impl KeyFile {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its contents.
    pub(super) fn read(&self) -> io::Result<Record> {
        let foreign = || io::Error::other("holds no key that this version knows; move it away");
        record::parse(&self.octets(MAX_RECORD + 1)?, record::BOOT.as_deref()).ok_or_else(foreign)
    }

    /// Its first octets, at most this many.
    pub(super) fn octets(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut octets = vec![0; if self.is_empty { 0 } else { most }];
        let mut length = 0;
        while length < octets.len() {
            match calls::read_at(self.fd.as_fd(), &mut octets[length..], length as u64)? {
                0 => break,
                n => length += n,
            }
        }
        octets.truncate(length);
        Ok(octets)
    }

    /// Appends text.
    pub(super) fn append(&mut self, text: &str) -> io::Result<()> {
        self.is_empty = false;
        calls::write_all(self.fd.as_fd(), text.as_bytes())
    }

    /// Waits until it is on disk, with its name.
    pub(super) fn sync(&self) -> io::Result<()> {
        calls::fdatasync(self.fd.as_fd())?;
        self.path.parent().map_or(Ok(()), sync_directory)
    }

    /// Truncates it.
    pub(super) fn empty(&self) -> io::Result<()> {
        if self.is_empty { Ok(()) } else { calls::empty(self.fd.as_fd()) }
    }

    /// Removes its name; a process that has opened it meanwhile sees [`Lock::Gone`].
    pub(super) fn remove(&self) -> io::Result<()> {
        calls::unlink(&self.path)
    }
}

/// Waits until the names in a directory are on disk.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    calls::fsync(calls::open_directory(path)?.as_fd())
}
