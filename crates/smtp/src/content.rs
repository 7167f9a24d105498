//! What is tracked while a message arrives by DATA or BDAT: its size, its longest line, and why it is already refused.
#![forbid(unsafe_code)]

use crate::host::Host;
use crate::refusal::{Cause, Refusal};
use memchr::memchr_iter;

/// A longer line is not text, and may never end.
const MAX_LINE: usize = 64 * 1024;
/// A refused message is read to its end, so that the client sees the reply, but only up to this size.
const MAX_DROPPED: u64 = 16 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Content {
    max_size: u64,
    octets: u64,
    line: usize,
    fault: Option<Refusal>,
}

impl Content {
    pub(crate) fn new(max_size: Option<u64>) -> Content {
        Content { max_size: max_size.unwrap_or(u64::MAX), octets: 0, line: 0, fault: None }
    }

    /// Passes a piece to the host unless the message is already refused.
    pub(crate) fn push(&mut self, piece: &[u8], host: &mut impl Host) {
        self.octets = self.octets.saturating_add(piece.len() as u64);
        if self.fault.is_some() {
            return;
        }
        self.fault = if self.octets > self.max_size {
            Some(Cause::TooLarge.into())
        } else if !self.lines_fit(piece) {
            Some(Cause::LineTooLong.into())
        } else {
            host.octets(piece).err()
        };
    }

    fn lines_fit(&mut self, piece: &[u8]) -> bool {
        let mut start = 0;
        for end in memchr_iter(b'\n', piece) {
            if self.line + (end - start) > MAX_LINE {
                return false;
            }
            (start, self.line) = (end + 1, 0);
        }
        self.line += piece.len() - start;
        self.line <= MAX_LINE
    }

    /// Octets so far.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// Why it is refused, once that is known.
    pub(crate) fn fault(&self) -> Option<&Refusal> {
        self.fault.as_ref()
    }

    /// Whether `more` further octets would be more than we read.
    pub(crate) fn is_endless(&self, more: u64) -> bool {
        let most = self.max_size.saturating_mul(2).saturating_add(MAX_DROPPED);
        self.octets.saturating_add(more) > most
    }
}
