//! Octets of unknown number -> memory up to a limit, a file without a name above it. The file is gone with the process,
//! however that dies; nobody else can open it. Reading starts at the first octet, as often as wanted.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::buffer::Buffer;
use crate::calls;

/// A growing row of octets.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    memory_limit: usize,
    /// All of it, or what comes behind the octets of the file.
    memory: Buffer,
    file: Option<OwnedFd>,
    len: u64,
}

impl Spool {
    /// An empty spool that keeps at most `memory_limit` octets in memory, and more in an unlinked file of `dir`.
    pub fn new(dir: &Path, memory_limit: usize) -> Spool {
        Spool { dir: dir.to_path_buf(), memory_limit, memory: Buffer::default(), file: None, len: 0 }
    }

    /// Appends. After an error (ENOSPC, EDQUOT, EMFILE...) what is stored is not to be used any more.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + octets.len() > self.memory_limit {
            self.file = Some(unnamed_file(&self.dir)?);
        }
        if self.file.is_some() && self.memory.len() + octets.len() > WRITTEN {
            self.settle()?;
        }
        match &self.file {
            Some(file) if octets.len() >= WRITTEN => calls::write_all(file.as_fd(), octets)?,
            _ => self.memory.append(octets),
        }
        self.len += octets.len() as u64;
        Ok(())
    }

    /// What is still in memory goes into the file, if there is one. What httpd gives us comes in pieces of 8000 octets: a call of the
    /// kernel for each would be most of the work.
    pub fn settle(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            calls::write_all(file.as_fd(), &self.memory)?;
            self.memory.clear();
        }
        Ok(())
    }

    /// Where its file is, if it needs one.
    pub fn directory(&self) -> &Path {
        &self.dir
    }

    /// Octets written so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the octets are in a file.
    pub fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Reads from the first octet on, whoever else reads at the same time.
    pub fn reader(&self) -> Reader<'_> {
        self.reader_at(0)
    }

    /// The same from a later octet on.
    pub fn reader_at(&self, offset: u64) -> Reader<'_> {
        Reader { spool: self, offset, buffer: Buffer::default(), taken: 0 }
    }

    /// The octets, where no file was needed.
    pub fn memory(&self) -> Option<&[u8]> {
        self.file.is_none().then_some(&self.memory)
    }

    /// The file, which holds everything after [`Spool::settle`].
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        debug_assert!(self.file.is_none() || self.memory.is_empty());
        self.file.as_ref().map(AsFd::as_fd)
    }
}

impl io::Write for Spool {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Spool::write(self, octets).map(|()| octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.settle()
    }
}

/// What [`Spool::reader`] gives.
#[derive(Debug)]
pub struct Reader<'a> {
    spool: &'a Spool,
    /// Of what was last read from the file, or of what was taken from memory.
    offset: u64,
    /// What was read from the file, and how much of it was taken.
    buffer: Buffer,
    taken: usize,
}

/// Read from a file at a time: what the caches of a core hold.
const READ: usize = 64 * 1024;

/// Written to one at a time: the more, the larger the pieces in which the file system finds room for it.
const WRITTEN: usize = 256 * 1024;

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let Some(file) = &self.spool.file else {
            return Ok(self.spool.memory.get(self.offset as usize..).unwrap_or_default());
        };
        let in_file = self.spool.len - self.spool.memory.len() as u64;
        if self.taken == self.buffer.len() && self.offset >= in_file {
            return Ok(self.spool.memory.get((self.offset - in_file) as usize..).unwrap_or_default());
        }
        if self.taken == self.buffer.len() {
            self.buffer.resize(READ, 0);
            self.taken = self.buffer.len(); // nothing is there if the file cannot be read
            let n = calls::read_at(file.as_fd(), &mut self.buffer, self.offset)?;
            self.buffer.truncate(n);
            self.taken = 0;
            self.offset += n as u64;
        }
        Ok(&self.buffer[self.taken..])
    }

    fn consume(&mut self, n: usize) {
        if self.taken < self.buffer.len() {
            self.taken += n;
        } else {
            self.offset += n as u64;
        }
    }
}

/// An open file in `dir` that has no name. What O_TMPFILE says where it is not supported: open(2), ERRORS.
pub fn unnamed_file(dir: &Path) -> io::Result<OwnedFd> {
    match calls::open_unnamed(dir) {
        Err(error)
            if [Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL].map(|e| e.raw_os_error()).contains(&errno(&error)) =>
        {
            unlinked_file(dir)
        }
        outcome => outcome,
    }
}

fn unlinked_file(dir: &Path) -> io::Result<OwnedFd> {
    let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let path = dir.join(format!("mailgate-{random:016x}"));
    let file = calls::create_new(&path)?;
    calls::unlink(&path).inspect_err(|_| drop(std::fs::remove_file(&path)))?;
    Ok(file)
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone;

    fn octets(n: usize) -> Vec<u8> {
        (0..n).map(|i| (i * 31 % 251) as u8).collect()
    }

    fn read_all(spool: &Spool) -> Vec<u8> {
        let mut all = Vec::new();
        spool.reader().read_to_end(&mut all).unwrap();
        all
    }

    #[test]
    fn nothing_is_lost_on_the_way_from_memory_to_file() {
        let _alone = alone();
        let dir = std::env::temp_dir();
        for (limit, piece) in
            [(0, 1), (1, 1), (99, 100), (100, 100), (101, 100), (1000, 7), (5000, 4999), (10_000, 100)]
        {
            let mut spool = Spool::new(&dir, limit);
            let sent = octets(9_000);
            for chunk in sent.chunks(piece) {
                spool.write(chunk).unwrap();
            }
            assert_eq!(spool.len(), 9_000);
            assert_eq!(spool.is_file(), limit < 9_000, "limit {limit}");
            assert_eq!(read_all(&spool), sent, "limit {limit}, pieces of {piece}");
            assert_eq!(read_all(&spool), sent, "a second time");
        }
    }

    #[test]
    fn an_empty_spool_reads_as_nothing() {
        let _alone = alone();
        let spool = Spool::new(Path::new("/nonexistent"), 10);
        assert!(spool.is_empty() && !spool.is_file());
        assert_eq!(read_all(&spool), b"");
    }

    #[test]
    fn the_file_has_no_name() {
        let _alone = alone();
        let dir = std::env::temp_dir().join(format!("mailgate-spool-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = unnamed_file(&dir).unwrap();
        let other = unlinked_file(&dir).unwrap();
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
        for fd in [file, other] {
            calls::write_all(fd.as_fd(), b"abc").unwrap();
            assert!(rustix::io::fcntl_getfd(&fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
            assert_eq!(rustix::fs::fstat(&fd).unwrap().st_mode & 0o777, 0o600);
        }
        std::fs::remove_dir(&dir).unwrap();
    }

    #[test]
    fn a_missing_directory_and_a_full_disk_are_errors() {
        let _alone = alone();
        let error = Spool::new(Path::new("/nonexistent"), 2).write(b"abc").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(calls::write_all(full.as_fd(), b"abc").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[cfg(feature = "faults")]
    #[test]
    fn where_unnamed_files_are_not_supported_a_name_is_made_and_unlinked() {
        let _alone = alone();
        calls::fail_nth(1, Errno::OPNOTSUPP.raw_os_error());
        let mut spool = Spool::new(&std::env::temp_dir(), 2);
        spool.write(b"abc").unwrap();
        assert!(calls::fault_hit());
        assert_eq!(read_all(&spool), b"abc");
    }
}
