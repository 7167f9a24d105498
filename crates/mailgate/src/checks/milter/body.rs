//! A body that a milter puts in the place of the message's, piece by piece -> a spool, if it is one that every mail server carries.
#![forbid(unsafe_code)]

use super::error::MilterError;
use super::packet::Nonsense;
use std::path::Path;
use sys::spool::Spool;

/// What stays in memory.
const MEMORY: usize = 64 * 1024;

/// A body in the place of the message's, as it comes: it must be one that every mail server carries.
pub(super) struct Body {
    spool: Spool,
    left: u64,
    line: usize,
    after_cr: bool,
    eight_bit: bool,
}

/// Longest line; Sendmail cuts there.
const MAX_LINE: usize = 990;

impl Body {
    /// At most so many octets; a file, if one is needed, is made in `directory`.
    pub fn new(directory: &Path, limit: u64) -> Body {
        Body { spool: Spool::new(directory, MEMORY), left: limit, line: 0, after_cr: false, eight_bit: false }
    }

    /// The next piece.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), MilterError> {
        let bad = |why: &str| MilterError::from(Nonsense(format!("a body with {why}")));
        self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(|| bad("more octets than it may have"))?;
        self.eight_bit |= !piece.is_ascii();
        let mut kept = Vec::with_capacity(piece.len());
        for &byte in piece {
            if std::mem::replace(&mut self.after_cr, byte == b'\r') && byte != b'\n' {
                return Err(bad("a CR that ends no line"));
            }
            match byte {
                b'\r' => continue,
                0 => return Err(bad("a NUL")),
                b'\n' => self.line = 0,
                _ => self.line += 1,
            }
            if self.line > MAX_LINE {
                return Err(bad("a line of more than 990 octets"));
            }
            kept.push(byte);
        }
        self.spool.write(&kept).map_err(MilterError::Storage)
    }

    /// All of it, with LF.
    pub fn finish(mut self, may_be_eight_bit: bool) -> Result<Spool, MilterError> {
        let bad = |why: &str| Err(Nonsense(format!("a body with {why}")).into());
        if self.after_cr {
            return bad("a CR that ends no line");
        }
        if self.eight_bit && !may_be_eight_bit {
            return bad("octets above 127 that the header does not tell of");
        }
        if self.line > 0 {
            self.spool.write(b"\n")?;
        }
        Ok(self.spool)
    }
}
