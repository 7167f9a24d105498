//! Commands to a milter, answers from it, over anything that octets can be written to and read from. Nothing that came before a command is taken
//! for the answer to it.
//!
//! Nothing is sent ahead of an answer that is due, as Sendmail and Postfix do it, although libmilter would read it later. It would call a filter
//! that has accepted or refused at CONNECT for what follows; other libraries close the connection at a refusal, and what they have not read
//! then resets it; and one answer too many would be taken for the one to the end of the message. A milter that has nothing to say at a stage
//! agrees not to answer there (SMFIP_NR_*), or not to hear of it (SMFIP_NO*): then nobody waits.
#![forbid(unsafe_code)]

use super::error::MilterError;
use super::packet::{self, Answer, Nonsense, Packets};
use std::io::{self, Read, Write};
use sys::buffer::Buffer;
use sys::socket::Timed;

/// Most octets of answers, pieces of a body apart: a milter at work for an hour says so less often.
const MAX_ANSWERS: u64 = 4 << 20;
/// Octets of commands that wait at most.
const AT_ONCE: usize = 64 * 1024;

/// Octets of answers read at a time: most of them are short.
const AT_A_TIME: usize = 4096;

/// A connection, and whether nothing waits to be read on it.
pub trait Stream: Read + Write {
    /// Nothing has come that was not asked for.
    fn is_quiet(&self) -> io::Result<bool>;

    /// The last octets before it is closed; whether they arrive does not matter.
    fn write_last(&mut self, octets: &[u8]);
}

impl Stream for Timed {
    fn is_quiet(&self) -> io::Result<bool> {
        self.is_readable().map(|readable| !readable)
    }

    fn write_last(&mut self, octets: &[u8]) {
        let _ = self.write_with_end(octets);
    }
}

/// Commands out, answers in.
pub(super) struct Line<S> {
    stream: S,
    packets: Packets,
    /// Commands that wait for the next one that is answered.
    unsent: Buffer,
    /// Octets of answers so far, bodies apart.
    answers: u64,
}

impl<S: Stream> Line<S> {
    pub fn new(stream: S) -> Self {
        Line { stream, packets: Packets::default(), unsent: Buffer::default(), answers: 0 }
    }

    /// A command, whose data `write` appends.
    pub fn command(&mut self, code: u8, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), MilterError> {
        packet::push(&mut self.unsent, code, write);
        if self.unsent.len() > AT_ONCE { self.flush() } else { Ok(()) }
    }

    /// Says good-bye; the milter has had its last word.
    pub fn quit(mut self) {
        self.unsent.clear();
        packet::push(&mut self.unsent, b'Q', |_| ());
        self.stream.write_last(&self.unsent);
    }

    /// Nothing that came before may be taken for the answer to what is written now.
    fn flush(&mut self) -> Result<(), MilterError> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        if !self.is_open_and_quiet()? {
            return Err(MilterError::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        self.stream.write_all(&self.unsent).and_then(|()| self.stream.flush()).map_err(MilterError::Lost)?;
        self.unsent.clear();
        Ok(())
    }

    /// Refuses what came behind the last answer. `false`: the connection was closed there.
    pub fn is_open_and_quiet(&mut self) -> Result<bool, MilterError> {
        let more = || Err(Nonsense("more than it was asked for".into()).into());
        if !self.packets.is_empty() {
            return more();
        }
        if self.stream.is_quiet().map_err(MilterError::Lost)? {
            return Ok(true);
        }
        match self.stream.read(&mut [0]).map_err(MilterError::Lost)? {
            0 => Ok(false),
            _ => more(),
        }
    }

    pub fn answer(&mut self) -> Result<Answer, MilterError> {
        self.flush()?;
        loop {
            if let Some((code, data)) = self.packets.next()? {
                if code != b'b' {
                    self.answers += data.len() as u64 + 5;
                }
                if self.answers > MAX_ANSWERS {
                    return Err(Nonsense(format!("more than {MAX_ANSWERS} octets of answers")).into());
                }
                return Ok(Answer::parse(code, data)?);
            }
            let mut piece = [0; AT_A_TIME];
            match self.stream.read(&mut piece).map_err(MilterError::Lost)? {
                0 => return Err(MilterError::Lost(io::ErrorKind::UnexpectedEof.into())),
                n => self.packets.push(&piece[..n]),
            }
        }
    }
}
