//! A message in the queue: one line of JSON with a version (envelope, owner, size), the octets of the message, and its
//! [`journal`](super::journal). Everything read from here is checked as if a stranger had written it.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};

use mail::address::Address;
use rustix::fs::OFlags;
use serde_json::{Value, json};

use super::journal::{Event, Record, State};
use super::{Folder, Queue, try_lock};
use crate::clock;
use crate::id::Id;
use crate::message::prepare::Envelope;
use crate::options::Dsn;

const VERSION: u64 = 1;
/// The longest head.
const MAX_HEAD: u64 = 4 << 20;
/// The longest journal that is read: five days of attempts are 10 KB.
const MAX_JOURNAL: u64 = 1 << 20;

/// The line before a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The message's id.
    pub id: Id,
    /// The owner's user id.
    pub uid: u32,
    /// When it arrived, in seconds since 1970.
    pub time: i64,
    /// Sender and recipients.
    pub envelope: Envelope,
    /// Octets of the message.
    pub size: u64,
}

/// A queued message, locked for this process.
#[derive(Debug)]
pub struct Entry {
    file: File,
    /// The line before it.
    pub head: Head,
    records: Vec<Record>,
    /// Where the message begins.
    start: u64,
    journal_end: u64,
}

impl Head {
    /// Its name in the queue.
    pub fn name(&self) -> String {
        self.id.key(self.uid)
    }

    fn write(&self) -> String {
        let Envelope { sender, recipients, dsn } = &self.envelope;
        let head = json!({
            "sendmail-http": VERSION, "id": self.id.to_string(), "uid": self.uid, "time": self.time,
            "sender": sender.as_ref().map(ToString::to_string),
            "recipients": recipients.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "notify": dsn.notify, "ret": dsn.ret, "envid": dsn.envid, "size": self.size,
        });
        format!("{head}\n")
    }

    fn parse(line: &[u8]) -> Option<Head> {
        let head: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| head.get(name).and_then(Value::as_str).map(str::to_owned);
        let recipients = head.get("recipients")?.as_array()?.iter();
        let recipients: Option<Vec<_>> = recipients.map(|text| Address::parse(text.as_str()?).ok()).collect();
        let sender = text("sender").map(|sender| Address::parse(&sender).ok());
        let is_ours = head.get("sendmail-http").and_then(Value::as_u64) == Some(VERSION);
        let dsn = Dsn { notify: text("notify"), ret: text("ret"), envid: text("envid") }.checked();
        is_ours.then_some(())?;
        Some(Head {
            id: Id::parse(&text("id")?)?,
            uid: u32::try_from(head.get("uid")?.as_u64()?).ok()?,
            time: head.get("time")?.as_i64()?,
            envelope: Envelope {
                sender: match sender {
                    None => None,
                    Some(sender) => Some(sender?),
                },
                recipients: recipients?,
                dsn,
            },
            size: head.get("size")?.as_u64()?,
        })
    }
}

/// Puts a message into the queue. `message` is header and body, `head.size` octets; `records` is its history.
pub fn store(
    queue: &Queue,
    folder: Folder,
    head: &Head,
    mut message: impl Read,
    records: &[Record],
) -> io::Result<Entry> {
    let line = head.write();
    let journal: String = records.iter().map(Record::write).collect();
    let file = queue.store(folder, &head.name(), |file| {
        file.write_all(line.as_bytes())?;
        let copied = io::copy(&mut message.by_ref().take(head.size), file)?;
        if copied != head.size {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the message became shorter while it was read"));
        }
        file.write_all(journal.as_bytes())?;
        try_lock(file).map(drop) // before another process can see it
    })?;
    let start = line.len() as u64;
    let journal_end = start + head.size + journal.len() as u64;
    Ok(Entry { file, head: head.clone(), records: records.to_vec(), start, journal_end })
}

/// Opens a message and locks it. `None`: it is gone, or another process works on it.
pub fn open(queue: &Queue, folder: Folder, name: &str) -> io::Result<Option<Entry>> {
    let file = match queue.open_file(folder, name, OFlags::RDWR) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !try_lock(&file)? {
        return Ok(None);
    }
    // Another runner may have sent it and removed its name before we got the lock.
    let is_named = queue.stat(folder, name).is_ok_and(|named| {
        rustix::fs::fstat(&file).is_ok_and(|open| (open.st_dev, open.st_ino) == (named.st_dev, named.st_ino))
    });
    if !is_named {
        return Ok(None);
    }
    read(file, name).map(Some)
}

/// Reads an open file, locked or not.
pub fn read(file: File, name: &str) -> io::Result<Entry> {
    let broken = |what: &str| io::Error::new(ErrorKind::InvalidData, format!("queue file {name}: {what}"));
    let mut reader = BufReader::new(&file);
    let mut line = Vec::new();
    reader.by_ref().take(MAX_HEAD).read_until(b'\n', &mut line)?;
    let head = Head::parse(&line).ok_or_else(|| broken("its head cannot be read"))?;
    if head.name() != name {
        return Err(broken("its head names another message"));
    }
    let start = line.len() as u64;
    let end = start.checked_add(head.size).ok_or_else(|| broken("its size is invalid"))?;
    if file.metadata()?.len() < end {
        return Err(broken("it is cut off"));
    }
    let mut journal = Vec::new();
    reader.seek(SeekFrom::Start(end))?;
    reader.take(MAX_JOURNAL).read_to_end(&mut journal)?;
    let whole = memchr::memrchr(b'\n', &journal).map_or(0, |end| end as u64 + 1);
    Ok(Entry { file, head, records: Record::parse_all(&journal), start, journal_end: end + whole })
}

impl Entry {
    /// The state of the message.
    pub fn state(&self) -> State {
        State::of(&self.records)
    }

    /// The time of the last record.
    pub fn last_event(&self) -> i64 {
        self.records.last().map_or(0, |record| record.at)
    }

    /// Makes it due now; its history stays.
    pub fn make_due(&mut self) -> io::Result<()> {
        let State { possibly, words, is_loud, .. } = self.state();
        let next = clock::now();
        let event = match possibly {
            Some(_) => Event::Unknown { next, words },
            None => Event::Later { next, is_loud, words },
        };
        self.record(event, false)
    }

    /// Header and body.
    pub fn message(&self) -> io::Result<impl Read> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start))?;
        Ok(BufReader::with_capacity(64 * 1024, file).take(self.head.size))
    }

    /// Appends a line to the journal; `durable`: it is on disk when this returns. The line goes after the last complete one, and so
    /// replaces a partial line of a killed process.
    pub fn record(&mut self, event: Event, durable: bool) -> io::Result<()> {
        let record = Record { at: clock::now(), event };
        let line = record.write();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.journal_end))?;
        file.write_all(line.as_bytes())?;
        self.journal_end += line.len() as u64;
        if file.metadata()?.len() > self.journal_end {
            file.set_len(self.journal_end)?; // only if needed: it also frees the room reserved for later lines
        }
        if durable {
            self.file.sync_data()?;
        }
        self.records.push(record);
        Ok(())
    }
}
