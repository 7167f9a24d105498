//! A text -> its length as quoted-printable. That decides between two encodings and takes as much work as to write it, so it is counted only
//! where it does decide.
#![forbid(unsafe_code)]

use std::io::{self, BufRead};

use super::encode::{QuotedPrintable, each_piece};

/// Octets of a text as quoted-printable, exactly.
pub fn quoted_printable_len(mut text: impl BufRead) -> io::Result<u64> {
    let mut length = QuotedLength::new();
    each_piece(&mut text, |piece| {
        length.update(piece);
        Ok(())
    })?;
    Ok(length.finish())
}

/// The same of a text that comes in pieces.
#[derive(Debug)]
pub(crate) struct QuotedLength {
    printable: QuotedPrintable,
    octets: u64,
}

impl QuotedLength {
    pub fn new() -> QuotedLength {
        QuotedLength { printable: QuotedPrintable::new(), octets: 0 }
    }

    pub fn update(&mut self, piece: &[u8]) {
        self.printable.update(piece, &mut |written: &[u8]| self.octets += written.len() as u64);
    }

    pub fn finish(mut self) -> u64 {
        self.printable.finish(&mut |written: &[u8]| self.octets += written.len() as u64);
        self.octets
    }
}
