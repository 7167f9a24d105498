//! Header and body -> the octets of a whole message, complete before anything is started: in memory if they fit into a pipe, otherwise in
//! an unnamed file.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Read, Write};
use std::os::fd::BorrowedFd;
use std::path::Path;

use sys::spool::Spool;

/// How much stays in memory. A pipe of that size costs less than a file on most file systems, and a user's pipes may hold 64 MiB (pipe(7),
/// pipe-user-pages-soft).
pub(super) const IN_MEMORY: usize = 256 * 1024;

/// A finished message.
#[derive(Debug)]
pub struct Message {
    /// The start of the message, unless it is in a file: a header whose body stays where it was received.
    head: String,
    spool: Spool,
    /// Whether it may not be changed any more: it may be signed.
    is_sealed: bool,
}

impl Message {
    /// `header`, with the empty line that ends it, then what `body` writes. If a file is needed, it is made in `dir`.
    pub fn compose(
        dir: &Path,
        header: &[u8],
        body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Message> {
        let mut spool = Spool::new(dir, IN_MEMORY);
        spool.write(header)?;
        body(&mut spool)?;
        Message::of(spool)
    }

    /// What `spool` holds, header and body.
    pub(crate) fn of(mut spool: Spool) -> io::Result<Message> {
        spool.settle()?;
        Ok(Message { head: String::new(), spool, is_sealed: false })
    }

    /// A header, with the empty line that ends it, and a body that is in memory.
    pub(super) fn in_memory(head: String, body: Spool) -> Message {
        debug_assert!(!body.is_file());
        Message { head, spool: body, is_sealed: false }
    }

    /// The same, to be sent octet for octet or not at all.
    pub fn seal(self) -> Message {
        Message { is_sealed: true, ..self }
    }

    /// Whether it may not be changed any more.
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Its length in octets.
    pub fn len(&self) -> u64 {
        self.head.len() as u64 + self.spool.len()
    }

    /// Whether there is not even a header.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole message if it is in memory; empty slices if it is in a file.
    pub(crate) fn memory(&self) -> [&[u8]; 2] {
        [self.head.as_bytes(), self.spool.memory().unwrap_or_default()]
    }

    /// Its file, if it is in one.
    pub(crate) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.spool.file()
    }

    /// Whether it is in a file.
    pub fn is_file(&self) -> bool {
        self.spool.is_file()
    }

    /// The directory for its file, if it needs one.
    pub(crate) fn directory(&self) -> &Path {
        self.spool.directory()
    }

    /// Reads it from its first octet.
    pub fn reader(&self) -> impl BufRead {
        self.reader_at(0)
    }

    /// Reads it from this octet.
    pub(crate) fn reader_at(&self, at: u64) -> impl BufRead {
        let head = self.head.as_bytes();
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(head.len());
        head[from..].chain(self.spool.reader_at(at - from as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;

    #[test]
    fn a_message_is_header_and_body_in_memory_or_in_a_file() {
        let _alone = alone();
        for (size, in_file) in
            [(0, false), (65_537, false), (IN_MEMORY - 3, false), (IN_MEMORY - 2, true), (300_000, true)]
        {
            let body = vec![b'x'; size];
            let message = Message::compose(&std::env::temp_dir(), b"A:\n", |w| {
                body.chunks(1000).try_for_each(|chunk| w.write_all(chunk))
            })
            .unwrap();
            assert_eq!((message.len(), message.is_file()), (size as u64 + 3, in_file), "{size}");
            let mut all = Vec::new();
            message.reader().read_to_end(&mut all).unwrap();
            assert_eq!(all, [b"A:\n", &body[..]].concat());
        }
    }

    #[test]
    fn a_body_that_breaks_off_makes_no_message() {
        let _alone = alone();
        let broken = Message::compose(&std::env::temp_dir(), b"A:\n\n", |w| {
            w.write_all(b"half")?;
            Err(io::ErrorKind::UnexpectedEof.into())
        });
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
