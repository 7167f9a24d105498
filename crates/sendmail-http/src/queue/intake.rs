//! `drop/` -> `new/`. Anybody may write to the drop folder, so only the file system is believed: the file must be a regular one with one
//! name, its owner is the sender, and only our own copy counts, whatever its owner does to it meanwhile. Nobody can read, hold up or drop
//! another user's mail: ids are per user, and each user has a quota.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

use rustix::fs::{AtFlags, FileType, OFlags, Stat};

use super::drop::{HeadError, MAX_HEAD, UNFINISHED, WHOLE, parse};
use super::entry::{self, Entry, Head};
use super::journal::{Event, Record};
use super::{Folder, Queue};
use crate::account::Account;
use crate::clock;
use crate::config::Config;
use crate::id::Id;
use crate::log::Log;
use crate::message::header::Header;
use crate::message::prepare::{Envelope, prepare};
use crate::message::site::{Site, Submission};
use crate::queue::give_up::give_up;

/// An unfinished file is removed after this time, in seconds.
const STALE: i64 = 36 * 3600;
/// A problem is logged for this long, in seconds, and then no more: a run comes every minute.
const TOLD: i64 = 300;

/// The source of messages, and what they are completed with.
pub struct Intake<'a> {
    /// The queue.
    pub queue: &'a Queue,
    /// Limits and quotas.
    pub config: &'a Config,
    /// Completes a message.
    pub site: &'a Site<'a>,
    /// Where it is told.
    pub log: &'a Log,
}

/// The outcome for a name in the drop folder.
enum Taken {
    /// The runner has its own copy, new or from before: the name is removed.
    Copied,
    /// It is not mail: the name is removed.
    Refused(&'static str),
    /// It stays for another run.
    Stays(String),
}

/// What a user has in the queue.
#[derive(Clone, Copy, Default)]
struct Share {
    messages: u64,
    octets: u64,
}

impl Intake<'_> {
    /// Takes in what is there. Only one runner does this at a time; a second one skips it.
    pub fn run(&self) -> io::Result<u64> {
        let names = self.queue.names(Folder::Drop)?;
        let lock = if names.is_empty() { None } else { self.queue.lock("intake.lock")? };
        if lock.is_none() {
            return Ok(0);
        }
        let mut shares = self.shares()?;
        let known: HashSet<String> =
            self.queue.names(Folder::New)?.into_iter().chain(self.queue.names(Folder::Failed)?).collect();
        let mut copied = 0;
        for name in names {
            let stat = match self.queue.stat(Folder::Drop, &name) {
                Ok(stat) => stat,
                Err(_) => continue, // its owner has removed it
            };
            match self.take(&name, &stat, &mut shares, &known) {
                Ok(Taken::Copied) => {
                    // Our copy and its name are on disk.
                    match self.queue.unlink(Folder::Drop, &name) {
                        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                        _ => copied += 1,
                    }
                }
                Ok(Taken::Refused(what)) => self.remove(&name, &stat, what),
                Ok(Taken::Stays(why)) => self.tell(&name, &stat, &why),
                // Our disk is full, or a similar error: everything stays.
                Err(error) => return Err(error),
            }
        }
        if copied > 0 {
            self.queue.sync(Folder::Drop)?;
        }
        Ok(copied)
    }

    fn take(
        &self,
        name: &str,
        stat: &Stat,
        shares: &mut HashMap<u32, Share>,
        known: &HashSet<String>,
    ) -> io::Result<Taken> {
        if name.starts_with(UNFINISHED) && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            let is_stale = clock::now() - stat.st_mtime > STALE;
            return Ok(if is_stale {
                Taken::Refused("begun long ago, and never finished")
            } else {
                Taken::Stays(String::new())
            });
        }
        let Some(id) = name.strip_prefix(WHOLE).and_then(Id::parse) else { return Ok(Taken::Refused("its name")) };
        let file = match self.queue.open_file(Folder::Drop, name, OFlags::RDONLY) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Taken::Stays(String::new())),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Ok(Taken::Stays("its mode keeps us from reading it".into()));
            }
            Err(_) => return Ok(Taken::Refused("it is not a file")),
        };
        // From here on this file counts, not its name.
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(Taken::Refused("it is not a file"));
        }
        if stat.st_nlink > 1 {
            return Ok(Taken::Refused("it has more than one name"));
        }
        let octets = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if octets > self.config.max_size.saturating_add(MAX_HEAD) {
            return Ok(Taken::Refused("it is larger than max_size"));
        }
        if known.contains(&id.key(stat.st_uid)) {
            return Ok(Taken::Copied); // by a run that ended before it could remove the name
        }
        let share = shares.entry(stat.st_uid).or_default();
        if share.messages >= self.config.quota_messages || share.octets.saturating_add(octets) > self.config.quota_size
        {
            return Ok(Taken::Stays(format!("uid {} has {} messages waiting, its quota", stat.st_uid, share.messages)));
        }
        let taken = self.copy(file, id, stat.st_uid, octets)?;
        if matches!(taken, Taken::Copied) {
            share.messages += 1;
            share.octets += octets;
        }
        Ok(taken)
    }

    fn copy(&self, file: File, id: Id, uid: u32, octets: u64) -> io::Result<Taken> {
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        let mut line = Vec::new();
        reader.by_ref().take(MAX_HEAD).read_until(b'\n', &mut line)?;
        let (submission, tried) = match parse(&line, id, Account::of(uid)) {
            Ok(parsed) => parsed,
            Err(HeadError::Newer) => return Ok(Taken::Stays("a later version of this program wrote it".into())),
            Err(HeadError::Strange) => return Ok(Taken::Refused("this program has not written it")),
        };
        let Ok((header, first)) = Header::read(&mut reader) else {
            return Ok(Taken::Refused("its header is too long"));
        };
        let Some(rest) = octets.checked_sub(reader.stream_position()?) else {
            return Ok(Taken::Stays("it became shorter while it was read".into()));
        };
        let original = header.write();
        let outcome = match prepare(&submission, header, self.site) {
            Ok(prepared) => {
                prepared.warnings.iter().for_each(|words| self.log.warning(&format!("{}: {words}", submission.id)));
                let start = [prepared.header, first].concat();
                self.store(&submission, &prepared.envelope.split(), &start, &mut reader, rest, &tried).map(drop)
            }
            Err(failure) => {
                let start = [original, first].concat();
                let failed = Record { at: clock::now(), event: Event::Failed { words: failure.words.clone() } };
                let stored = self.store(&submission, &[Envelope::default()], &start, &mut reader, rest, &[failed]);
                stored.and_then(|entry| match entry {
                    Some(mut entry) => give_up(self.queue, self.site, self.log, &mut entry, &failure.words),
                    None => Ok(()),
                })
            }
        };
        match outcome {
            Ok(()) => Ok(Taken::Copied),
            // Its owner is changing it.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Taken::Stays(error.to_string())),
            Err(error) => Err(error),
        }
    }

    /// Puts a message into the queue, once per envelope. Returns the first, which is stored last: if it exists, all do.
    fn store(
        &self,
        submission: &Submission,
        envelopes: &[Envelope],
        start: &[u8],
        reader: &mut BufReader<File>,
        rest: u64,
        tried: &[Record],
    ) -> io::Result<Option<Entry>> {
        let body = reader.stream_position()?;
        let mut last = None;
        for (nth, envelope) in envelopes.iter().enumerate().rev() {
            reader.seek(SeekFrom::Start(body))?;
            let head = Head {
                id: submission.id.of_part(nth),
                uid: submission.account.uid,
                time: submission.time,
                envelope: envelope.clone(),
                size: start.len() as u64 + rest,
            };
            last = Some(entry::store(self.queue, Folder::New, &head, start.chain(&mut *reader), tried)?);
        }
        Ok(last)
    }

    /// Logs that a file stays, but not every minute.
    fn tell(&self, name: &str, stat: &Stat, why: &str) {
        if !why.is_empty() && (clock::now() - stat.st_ctime) < TOLD {
            self.log.warning(&format!("drop/{} of uid {} stays: {why}", name.escape_default(), stat.st_uid));
        }
    }

    /// Removes a name. A folder that is not empty cannot be removed, and does no harm.
    fn remove(&self, name: &str, stat: &Stat, what: &str) {
        let flags = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => AtFlags::REMOVEDIR,
            _ => AtFlags::empty(),
        };
        let removed = self.queue.folder(Folder::Drop).and_then(|drop| Ok(rustix::fs::unlinkat(&drop, name, flags)?));
        match removed {
            Ok(()) => {
                let words =
                    format!("drop/{} of uid {} is not mail: {what}; removed", name.escape_default(), stat.st_uid);
                self.log.warning(&words);
            }
            Err(error) => self.tell(name, stat, &format!("it is not mail ({what}), and cannot be removed: {error}")),
        }
    }

    /// What each user has in the queue.
    fn shares(&self) -> io::Result<HashMap<u32, Share>> {
        let mut shares: HashMap<u32, Share> = HashMap::new();
        for name in self.queue.names(Folder::New)? {
            let Some(uid) = name.split_once('.').and_then(|(_, uid)| uid.parse().ok()) else { continue };
            let octets = self.queue.stat(Folder::New, &name).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
            let share = shares.entry(uid).or_default();
            share.messages += 1;
            share.octets += octets;
        }
        Ok(shares)
    }
}
