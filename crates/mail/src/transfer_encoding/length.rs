//! A text -> its length in each of the two encodings that it may need. Counting takes as much work as writing, so it is done only where the
//! lengths decide between the two.
#![forbid(unsafe_code)]

use std::io::{self, BufRead};

use super::encode::{QuotedPrintable, each_piece};
use super::{ENCODED_LINE, Encoding};

/// The exact lengths of an encoded text, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// As base64, with CRLF line ends (RFC 2045 6.8).
    pub base64: u64,
    /// As quoted-printable.
    pub quoted_printable: u64,
}

impl Lengths {
    /// The lengths of a whole text.
    pub fn of(mut text: impl BufRead) -> io::Result<Lengths> {
        let mut counter = LengthCounter::default();
        each_piece(&mut text, |piece| {
            counter.update(piece);
            Ok(())
        })?;
        Ok(counter.finish())
    }

    /// The encoding to choose.
    pub(super) fn shorter(self) -> Encoding {
        if self.base64 < self.quoted_printable { Encoding::Base64 } else { Encoding::QuotedPrintable }
    }
}

/// Counts the [`Lengths`] of a text that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct LengthCounter {
    printable: QuotedPrintable,
    printable_len: u64,
    /// Octets, plus one for each bare LF.
    crlf_len: u64,
    after_cr: bool,
}

impl LengthCounter {
    pub fn update(&mut self, piece: &[u8]) {
        self.printable.update(piece, &mut |written: &[u8]| self.printable_len += written.len() as u64);
        let after_cr = |at: usize| at.checked_sub(1).map_or(self.after_cr, |before| piece[before] == b'\r');
        let bare = memchr::memchr_iter(b'\n', piece).filter(|at| !after_cr(*at)).count();
        self.crlf_len += (piece.len() + bare) as u64;
        self.after_cr = piece.last().map_or(self.after_cr, |b| *b == b'\r');
    }

    pub fn finish(mut self) -> Lengths {
        self.printable.finish(&mut |written: &[u8]| self.printable_len += written.len() as u64);
        let digits = self.crlf_len.div_ceil(3) * 4;
        Lengths { base64: digits + digits.div_ceil(ENCODED_LINE as u64), quoted_printable: self.printable_len }
    }
}
