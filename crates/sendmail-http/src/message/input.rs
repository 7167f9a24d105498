//! stdin as callers write it -> octets with LF as line end. CRLF, also after further CRs, is one line end (PHP mixes them); a leading mbox
//! line is dropped; without `-i` a single dot ends the message. The body streams through and is never held.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Read};

use memchr::memchr2;

/// Octets with LF as line end.
pub struct Canonical<R> {
    inner: R,
    keep_dot: bool,
    /// Output that is ready, and how much of it was read.
    out: Vec<u8>,
    taken: usize,
    /// CRs that may belong to a following LF.
    carriage_returns: usize,
    at_line_start: bool,
    /// A dot at the start of a line, held until the next octet.
    is_dot_held: bool,
    ended: bool,
}

impl<R: BufRead> Canonical<R> {
    /// Reads from `inner`; `keep_dot`: a single dot is an ordinary line.
    pub fn new(inner: R, keep_dot: bool) -> Canonical<R> {
        Canonical {
            inner,
            keep_dot,
            out: Vec::new(),
            taken: 0,
            carriage_returns: 0,
            at_line_start: true,
            is_dot_held: false,
            ended: false,
        }
    }

    /// Reads one buffer of `inner`.
    fn refill(&mut self) -> io::Result<()> {
        self.out.clear();
        self.taken = 0;
        while self.out.is_empty() && !self.ended {
            let piece = match self.inner.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                piece => piece?.to_vec(),
            };
            if piece.is_empty() {
                self.finish();
            }
            self.inner.consume(piece.len());
            self.take(&piece);
        }
        Ok(())
    }

    fn take(&mut self, mut piece: &[u8]) {
        while let Some(&next) = piece.first() {
            if self.ended {
                return;
            }
            let is_plain = self.carriage_returns == 0 && !self.is_dot_held && !self.at_line_start;
            if is_plain {
                // Copies whole runs at once.
                let end = memchr2(b'\r', b'\n', piece).unwrap_or(piece.len());
                self.out.extend_from_slice(&piece[..end]);
                piece = &piece[end..];
                if end > 0 {
                    continue;
                }
            }
            piece = &piece[1..];
            self.octet(next);
        }
    }

    fn octet(&mut self, octet: u8) {
        match octet {
            b'\r' => self.carriage_returns += 1,
            b'\n' if self.is_dot_held => self.ended = true,
            b'\n' => {
                self.carriage_returns = 0;
                self.out.push(b'\n');
                self.at_line_start = true;
            }
            _ => {
                self.release();
                self.is_dot_held = octet == b'.' && self.at_line_start && !self.keep_dot;
                if !self.is_dot_held {
                    self.out.push(octet);
                }
                self.at_line_start = false;
            }
        }
    }

    /// The held octets are text after all.
    fn release(&mut self) {
        if std::mem::take(&mut self.is_dot_held) {
            self.out.push(b'.');
        }
        if self.carriage_returns > 0 {
            self.at_line_start = false;
        }
        self.out.extend(std::iter::repeat_n(b'\r', std::mem::take(&mut self.carriage_returns)));
    }

    /// The end of `inner`; a single dot here ends the message too.
    fn finish(&mut self) {
        if !self.is_dot_held {
            self.release();
        }
        self.ended = true;
    }
}

impl<R: BufRead> Read for Canonical<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Canonical<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.out.len() {
            self.refill()?;
        }
        Ok(&self.out[self.taken..])
    }

    fn consume(&mut self, n: usize) {
        self.taken += n;
    }
}
