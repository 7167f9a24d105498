//! A message whose caller is waiting: prepared, its body stored, and not reported as taken yet.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::path::Path;

use sys::spool::Spool;

use crate::clock;
use crate::delivery::Message;
use crate::message::prepare::{Envelope, Prepared};
use crate::message::site::Submission;
use crate::queue::entry::{self, Head};
use crate::queue::journal::{Event, Record, State};
use crate::queue::{Folder, Queue};

/// A message ready to send, while its caller waits.
pub struct Handed<'a> {
    /// What was asked for.
    pub submission: &'a Submission,
    /// Its header and envelope.
    pub prepared: Prepared,
    /// Its body.
    pub body: Spool,
    /// Its history.
    pub records: Vec<Record>,
}

impl Handed<'_> {
    /// Stores it if the queue is ours; returns whether it is.
    pub fn store(&self, path: &Path, folder: Folder) -> io::Result<bool> {
        let queue = Queue::open(path)?;
        if !queue.is_ours() {
            return Ok(false);
        }
        let head = Head {
            id: self.submission.id.clone(),
            uid: self.submission.account.uid,
            time: self.submission.time,
            envelope: self.prepared.envelope.clone(),
            size: self.size(),
        };
        entry::store(&queue, folder, &head, self.octets()?, &self.records).map(|_| true)
    }

    /// For the log.
    pub fn described(&self) -> String {
        let envelope = &self.prepared.envelope;
        let sender = envelope.sender.as_ref().map_or_else(|| "<>".into(), ToString::to_string);
        format!(
            "uid={} from={sender} recipients={} size={}",
            self.submission.account.uid,
            envelope.recipients.len(),
            self.size()
        )
    }
}

impl Message for Handed<'_> {
    fn key(&self) -> String {
        self.submission.id.key(self.submission.account.uid)
    }

    fn envelope(&self) -> &Envelope {
        &self.prepared.envelope
    }

    fn size(&self) -> u64 {
        self.prepared.header.len() as u64 + self.body.len()
    }

    fn octets(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.prepared.header.chain(self.body.reader())))
    }

    fn state(&self) -> State {
        State::of(&self.records)
    }

    /// Until the caller is told "taken", the message is the caller's: its history is kept in memory.
    fn record(&mut self, event: Event, _: bool) -> io::Result<()> {
        self.records.push(Record { at: clock::now(), event });
        Ok(())
    }
}

/// A reader that fails after a limit.
pub struct Limited<R> {
    /// What is read.
    pub inner: R,
    /// Octets left until then.
    pub left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(into)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => return Err(io::ErrorKind::FileTooLarge.into()),
        }
        Ok(n)
    }
}
