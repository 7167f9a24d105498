//! The queue: a folder in the manner of Maildir. A file in `new/` is complete and on disk; it is written in `tmp/` first. `drop/` takes the
//! messages of users who may not read the settings (sticky, writable by all, readable by its owner; its set-group-id bit gives each file
//! the runner's group), so no program needs rights that its caller lacks. `failed/` holds messages that are not tried again.
//!
//! All names are opened relative to a descriptor of their folder, without following links: root may work here too, and the queue's owner
//! must not lead root elsewhere.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FallocateFlags, FlockOperation, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

pub mod drop;
pub mod entry;
mod give_up;
pub mod intake;
pub mod journal;
pub mod list;
pub mod run;
mod shown;
mod sweep;

/// The folders of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Dropped by anybody.
    Drop,
    /// Given up.
    Failed,
    /// To be sent.
    New,
    /// What each user may see of their own messages.
    Shown,
    /// Being written.
    Tmp,
}

const FOLDERS: &[(Folder, &str, u32)] = &[
    (Folder::Drop, "drop", 0o3733),
    (Folder::Failed, "failed", 0o700),
    (Folder::New, "new", 0o700),
    (Folder::Shown, "shown", 0o711),
    (Folder::Tmp, "tmp", 0o700),
];

impl Folder {
    fn row(self) -> &'static (Folder, &'static str, u32) {
        FOLDERS.iter().find(|row| row.0 == self).unwrap_or(&FOLDERS[0])
    }
}

/// Reserved after each message, so that its journal can be written on a full disk.
const ROOM_FOR_JOURNAL: u64 = 4096;

/// An open queue.
#[derive(Debug)]
pub struct Queue {
    path: PathBuf,
    base: OwnedFd,
    owner: Uid,
    group: Gid,
}

impl Queue {
    /// Opens a queue. Its owner and root create what is missing; others cannot.
    pub fn open(path: &Path) -> io::Result<Queue> {
        match Queue::open_existing(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(path)?;
                Queue::open_existing(path)
            }
            outcome => outcome,
        }
        .and_then(|queue| {
            queue.make_folders()?;
            Ok(queue)
        })
    }

    fn open_existing(path: &Path) -> io::Result<Queue> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let base = rustix::fs::open(path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&base)?;
        let (owner, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        Ok(Queue { path: path.to_path_buf(), base, owner, group })
    }

    fn make_folders(&self) -> io::Result<()> {
        if !self.is_ours() {
            return Ok(());
        }
        for (_, name, mode) in FOLDERS {
            match rustix::fs::mkdirat(&self.base, *name, Mode::RWXU) {
                Err(Errno::EXIST) => continue,
                outcome => outcome?,
            }
            let made = open_folder(&self.base, name, OFlags::RDONLY)?;
            self.give_to_owner(&made)?;
            rustix::fs::fchmod(&made, Mode::from_raw_mode(*mode))?;
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this process may run it: only its owner and root may.
    pub fn is_ours(&self) -> bool {
        let user = rustix::process::geteuid();
        user.is_root() || user == self.owner
    }

    /// The user id of the runner.
    pub fn owner(&self) -> u32 {
        self.owner.as_raw()
    }

    fn folder(&self, folder: Folder) -> io::Result<OwnedFd> {
        // A folder can be written to even without the right to read it.
        let name = folder.row().1;
        open_folder(&self.base, name, OFlags::RDONLY).or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => open_folder(&self.base, name, OFlags::PATH),
            _ => Err(error),
        })
    }

    /// The names in a folder, sorted; those of messages sort by time.
    pub fn names(&self, folder: Folder) -> io::Result<Vec<String>> {
        let open = open_folder(&self.base, folder.row().1, OFlags::RDONLY)?;
        let mut names = Vec::new();
        for entry in Dir::new(open)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The file status of a name; links are not followed.
    pub fn stat(&self, folder: Folder, name: &str) -> io::Result<Stat> {
        Ok(rustix::fs::statat(self.folder(folder)?, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Opens a file. Does not follow a link or wait for a fifo.
    pub fn open_file(&self, folder: Folder, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(self.folder(folder)?, name, flags, Mode::empty())?.into())
    }

    /// Writes a file completely or not at all; it is on disk when this returns.
    pub fn store(
        &self,
        folder: Folder,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<File> {
        let tmp = self.folder(Folder::Tmp)?;
        let _ = rustix::fs::unlinkat(&tmp, name, AtFlags::empty()); // left by a process that was killed
        let stored = self.create(&tmp, name, Mode::RUSR | Mode::WUSR).and_then(|mut file| {
            write(&mut file)?;
            file.flush()?;
            let end = file.metadata()?.len();
            // Not every file system can do this; without it only a full disk is worse.
            let _ = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, end, ROOM_FOR_JOURNAL);
            file.sync_all()?;
            let into = self.folder(folder)?;
            rustix::fs::renameat(&tmp, name, &into, name)?;
            rustix::fs::fsync(&into)?;
            Ok(file)
        });
        if stored.is_err() {
            let _ = rustix::fs::unlinkat(&tmp, name, AtFlags::empty());
        }
        stored
    }

    fn create(&self, folder: &OwnedFd, name: &str, mode: Mode) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(folder, name, flags, mode)?.into();
        self.give_to_owner(&file)?;
        Ok(file)
    }

    /// Gives a file that root made to the runner.
    fn give_to_owner(&self, file: impl AsFd) -> io::Result<()> {
        if rustix::process::geteuid().is_root() && !self.owner.is_root() {
            rustix::fs::fchown(file, Some(self.owner), Some(self.group))?;
        }
        Ok(())
    }

    /// Moves a name to another folder.
    pub fn rename(&self, from: Folder, to: Folder, name: &str) -> io::Result<()> {
        let (from, to) = (self.folder(from)?, self.folder(to)?);
        rustix::fs::renameat(&from, name, &to, name)?;
        rustix::fs::fsync(&to)?;
        Ok(rustix::fs::fsync(&from)?)
    }

    /// Removes a name.
    pub fn unlink(&self, folder: Folder, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self.folder(folder)?, name, AtFlags::empty())?)
    }

    /// Waits until the names of a folder are on disk.
    pub fn sync(&self, folder: Folder) -> io::Result<()> {
        Ok(rustix::fs::fsync(open_folder(&self.base, folder.row().1, OFlags::RDONLY)?)?)
    }

    /// A lock of this name, until dropped; `None`: another process has it.
    pub fn lock(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(&self.base, name, flags, Mode::RUSR | Mode::WUSR)?.into();
        self.give_to_owner(&file)?;
        Ok(try_lock(&file)?.then_some(file))
    }
}

/// flock(2), until the file is closed; `false`: another process has it.
fn try_lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open_folder(base: &OwnedFd, name: &str, how: OFlags) -> io::Result<OwnedFd> {
    let flags = how | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(base, name, flags, Mode::empty())?)
}
