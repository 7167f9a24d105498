//! Header and body, written once -> the octets of a whole message, ready before anything is started: in memory while
//! they fit into a pipe, else in a file without a name.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::path::Path;

use sys::spool::Spool;

/// What a pipe holds by default (pipe(7)), so that it can be filled before the program starts.
pub(crate) const PIPE_CAPACITY: usize = 65_536;

/// A finished message.
#[derive(Debug)]
pub struct Message {
    pub(crate) spool: Spool,
    /// Nothing in it may be changed any more: somebody may have signed it.
    is_sealed: bool,
}

impl Message {
    /// `header`, with the empty line that ends it, then what `body` writes. A file, if one is needed, is made in `dir`.
    pub fn compose(
        dir: &Path,
        header: &[u8],
        body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Message> {
        let mut spool = Spool::new(dir, PIPE_CAPACITY);
        spool.write(header)?;
        let mut buffered = io::BufWriter::with_capacity(16_384, spool);
        body(&mut buffered)?;
        Message::of(buffered.into_inner().map_err(io::IntoInnerError::into_error)?)
    }

    /// What `spool` holds, header and body.
    pub(crate) fn of(mut spool: Spool) -> io::Result<Message> {
        spool.settle()?;
        Ok(Message { spool, is_sealed: false })
    }

    /// The same, to be sent octet for octet or not at all.
    pub fn seal(self) -> Message {
        Message { is_sealed: true, ..self }
    }

    /// Whether nothing in it may be changed any more.
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Octets.
    pub fn len(&self) -> u64 {
        self.spool.len()
    }

    /// Whether there is not even a header.
    pub fn is_empty(&self) -> bool {
        self.spool.is_empty()
    }

    /// Whether it is in a file.
    pub fn is_file(&self) -> bool {
        self.spool.is_file()
    }

    /// Where its file is, if it needs one.
    pub(crate) fn directory(&self) -> &Path {
        self.spool.directory()
    }

    /// Reads it from its first octet on.
    pub fn reader(&self) -> impl Read {
        self.spool.reader()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;

    #[test]
    fn a_message_is_header_and_body_in_memory_or_in_a_file() {
        let _alone = alone();
        for (size, in_file) in [(0, false), (65_000, false), (65_533, false), (65_534, true), (300_000, true)] {
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
