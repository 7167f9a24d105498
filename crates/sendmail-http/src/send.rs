//! A message from a caller -> the gateway or the queue. A caller who may read the settings sends at once and gets the gateway's answer as
//! exit status; others put the message into the drop folder. A message is never reported as taken before a gateway has it or it is on disk.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use sys::spool::Spool;

use crate::account::{Account, Host};
use crate::aliases::Aliases;
use crate::background;
use crate::clock;
use crate::config::{Config, Found, MAX_SIZE, QUEUE};
use crate::delivery::{self, Keys, Later, Message, Outcome};
use crate::exit::{Failure, Status};
use crate::gateway::Gateway;
use crate::id::Id;
use crate::log::Log;
use crate::message::header::Header;
use crate::message::input::Canonical;
use crate::message::prepare::prepare;
use crate::message::recipients;
use crate::message::site::{Site, Submission};
use crate::options::{Dsn, Options};
use crate::queue::journal::{Event, Record};
use crate::queue::{Folder, Queue, drop};

mod handed;

use handed::{Handed, Limited};

/// A body up to this size is kept in memory, a larger one in an unnamed file.
pub const IN_MEMORY: usize = 1 << 20;

/// Takes messages from one caller.
pub struct Sender<'a> {
    /// Who calls.
    pub account: Account,
    /// This machine.
    pub host: Host,
    /// The settings, as far as the caller may read them.
    pub found: Found,
    /// The command line.
    pub options: &'a Options,
    /// Where it is told.
    pub log: &'a mut Log,
    /// The gateways, once needed.
    pub gateway: Option<Gateway>,
}

/// A message from stdin: the header is read, the body not yet.
pub struct Incoming<R> {
    header: Header,
    /// The first line of the body, if it was read with the header.
    first: Vec<u8>,
    rest: R,
}

impl<R: BufRead> Incoming<R> {
    /// Reads the header.
    pub fn read(mut input: R) -> Result<Incoming<R>, Failure> {
        match Header::read(&mut input) {
            Ok((header, first)) => Ok(Incoming { header, first, rest: input }),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Failure::new(Status::DataError, error.to_string()))
            }
            Err(error) => Err(Failure::storage("stdin", error)),
        }
    }
}

impl Sender<'_> {
    /// Sends the message on stdin, with the envelope of the command line.
    pub fn stdin(&mut self) -> Result<(), Failure> {
        let input = Canonical::new(io::stdin().lock(), self.options.keep_dot);
        let options = self.options;
        self.submit(
            Incoming::read(input)?,
            options.sender.clone(),
            options.recipients.clone(),
            options.extract,
            options.dsn.clone(),
        )
        .map(|_| ())
    }

    /// Sends or queues a message; returns its id.
    pub fn submit<R: BufRead>(
        &mut self,
        message: Incoming<R>,
        sender: Option<String>,
        words: Vec<String>,
        extract: bool,
        dsn: Dsn,
    ) -> Result<Id, Failure> {
        // Errors that the caller must get at once, whoever sends the message in the end.
        recipients::collect(&words, extract.then_some(&message.header))?;
        let time = clock::now();
        let submission = Submission {
            id: Id::new(clock::now_in_milliseconds()).map_err(|error| Failure::storage("id", error))?,
            time,
            account: self.account.clone(),
            sender,
            full_name: self.options.full_name.clone(),
            words,
            extract,
            no_aliases: self.options.no_aliases,
            dsn,
        };
        let id = submission.id.clone();
        let mistake = match &self.found {
            Found::Config(config) => return self.direct(&config.clone(), &submission, message).map(|()| id),
            Found::Unreadable(_) => None,
            Found::Missing => Some(format!("no settings: neither {} nor SENDMAIL_HTTP_URL", crate::config::FILE)),
            Found::Bad(words) => Some(words.clone()),
        };
        let kept = self.drop(
            Path::new(QUEUE),
            MAX_SIZE,
            &submission,
            &[],
            message.header.write(),
            message.first.chain(message.rest),
        );
        match (mistake, kept) {
            (None, kept) => kept.map(|()| id),
            (Some(words), Ok(())) => Err(Failure::kept(Status::Config, format!("{words}; the message is kept"))),
            (Some(words), Err(failure)) => {
                Err(Failure::new(Status::Config, format!("{words}; the message cannot be kept: {failure}")))
            }
        }
    }

    /// A folder for bodies too large for memory: TMPDIR may be missing, and in a container only the queue may be writable.
    pub fn scratch(&self) -> PathBuf {
        let queue = match &self.found {
            Found::Config(config) => config.queue.clone(),
            _ => None,
        };
        let usual = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
        let folders = usual.into_iter().chain(queue);
        let is_writable = |folder: &PathBuf| {
            let wanted = Access::WRITE_OK | Access::EXEC_OK;
            folder.is_absolute() && rustix::fs::access(folder, wanted).is_ok()
        };
        folders.into_iter().find(is_writable).unwrap_or_else(std::env::temp_dir)
    }

    fn drop(
        &self,
        queue: &Path,
        max_size: u64,
        submission: &Submission,
        tried: &[Record],
        header: Vec<u8>,
        body: impl Read,
    ) -> Result<(), Failure> {
        let open = Queue::open(queue).map_err(|error| Failure::storage(queue.display(), error))?;
        let mut message = Limited { inner: header.chain(body), left: max_size };
        match drop::write(&open, submission, tried, &mut message) {
            Ok(()) => {
                self.log.info(&format!("{}: dropped for the runner of the queue", submission.id));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(too_large(max_size)),
            Err(error) => Err(Failure::storage(format!("{}/drop", queue.display()), error)),
        }
    }

    fn direct<R: BufRead>(
        &mut self,
        config: &Config,
        submission: &Submission,
        message: Incoming<R>,
    ) -> Result<(), Failure> {
        self.log.set_file(config.logfile.clone());
        let aliases = if submission.no_aliases { Aliases::default() } else { Aliases::read(&config.aliases) };
        let site = Site::new(config, &self.host, &aliases);
        let original = message.header.write();
        let prepared = prepare(submission, message.header, &site)?;
        prepared.warnings.iter().for_each(|words| self.log.warning(words));
        let mut body = Spool::new(&self.scratch(), IN_MEMORY);
        let mut input = Limited { inner: message.first.chain(message.rest), left: config.max_size };
        match io::copy(&mut input, &mut body).and_then(|_| body.settle()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(too_large(config.max_size)),
            Err(error) => return Err(Failure::storage("stdin", error)),
        }
        let mut handed = Handed { submission, prepared, body, records: Vec::new() };
        if handed.prepared.envelope.split().len() > 1 {
            return self.share_out(config, &handed, &original);
        }
        if self.options.queue_only {
            return self.keep(config, &handed, &original);
        }
        if self.gateway.is_none() {
            match Gateway::new(config) {
                Ok(gateway) => self.gateway = Some(gateway),
                Err(failure) => {
                    return Err(match self.keep(config, &handed, &original) {
                        Ok(()) => Failure::kept(failure.status, format!("{failure}; the message is kept")),
                        Err(_) => Failure::new(failure.status, format!("{failure}; the message is not kept")),
                    });
                }
            }
        }
        let outcome = match &self.gateway {
            Some(gateway) => delivery::attempt(gateway, &mut Keys::default(), &mut handed),
            None => return Err(Failure::new(Status::Config, "no gateway")),
        };
        self.finish(config, handed, &original, outcome)
    }

    /// More recipients than one request can carry: the queue's runner splits the message.
    fn share_out(&self, config: &Config, handed: &Handed<'_>, original: &[u8]) -> Result<(), Failure> {
        let Some(path) = &config.queue else {
            let words = "too many recipients for one request, and no queue to send them in parts";
            return Err(Failure::new(Status::NoUser, words));
        };
        self.drop(path, config.max_size, handed.submission, &[], original.to_vec(), handed.body.reader())?;
        if config.background {
            background::start(config, self.log);
        }
        Ok(())
    }

    fn finish(
        &self,
        config: &Config,
        mut handed: Handed<'_>,
        original: &[u8],
        outcome: Outcome,
    ) -> Result<(), Failure> {
        let key = handed.key();
        match outcome {
            Outcome::Taken { message_id, url } => {
                self.log.info(&format!("{key}: taken by {url} as {message_id}, {}", handed.described()));
                Ok(())
            }
            Outcome::Refused { is_recipient, words } => {
                let status = if is_recipient { Status::NoUser } else { Status::DataError };
                Err(Failure::new(status, format!("refused: {words}")))
            }
            Outcome::Unknown { words } => {
                handed.records.push(Record { at: clock::now(), event: Event::Failed { words: words.clone() } });
                let kept = match &config.queue {
                    Some(path) => handed.store(path, Folder::Failed).is_ok_and(|stored| stored),
                    None => false,
                };
                let copy = if kept { "; a copy is in failed/" } else { "" };
                Err(Failure::new(Status::Unknown, format!("the message may or may not have been sent: {words}{copy}")))
            }
            Outcome::Unsettled { words } => {
                let next = clock::now() + FIRST_PAUSE;
                handed.records.push(Record { at: clock::now(), event: Event::Unknown { next, words: words.clone() } });
                if config.queue.is_none() {
                    let words = format!("the message may or may not have been sent: {words}");
                    return Err(Failure::new(Status::Unknown, words));
                }
                self.log.warning(&format!("{key}: queued, and may have been taken: {words}"));
                // If the caller were told to try again, it would send the message twice.
                self.keep(config, &handed, original).map_err(|failure| {
                    let words =
                        format!("the message may or may not have been sent: {words}; it is not kept: {failure}");
                    Failure::new(Status::Unknown, words)
                })
            }
            Outcome::Later(Later { pause, is_loud, status, words }) => {
                let pause = pause.map_or(0, |pause| i64::try_from(pause.as_secs()).unwrap_or(0)).max(FIRST_PAUSE);
                let event = Event::Later { next: clock::now() + pause, is_loud, words: words.clone() };
                handed.records.push(Record { at: clock::now(), event });
                if config.queue.is_none() {
                    let denied = matches!(status, Some(401 | 403 | 407));
                    return Err(Failure::new(if denied { Status::NoPermission } else { Status::Unavailable }, words));
                }
                self.keep(config, &handed, original)?;
                match is_loud {
                    true => self.log.error(&format!("{key}: queued: {words}")),
                    false => self.log.info(&format!("{key}: queued: {words}")),
                }
                Ok(())
            }
        }
    }

    /// Queues a message: ready to send if the queue is ours, otherwise as received, for the runner.
    fn keep(&self, config: &Config, handed: &Handed<'_>, original: &[u8]) -> Result<(), Failure> {
        let Some(path) = &config.queue else {
            return Err(Failure::new(Status::Unavailable, "there is no queue (queue none)"));
        };
        let stored = handed.store(path, Folder::New).map_err(|error| Failure::storage(path.display(), error))?;
        if !stored {
            let body = handed.body.reader();
            return self.drop(path, config.max_size, handed.submission, &handed.records, original.to_vec(), body);
        }
        if config.background {
            background::start(config, self.log);
        }
        Ok(())
    }
}

/// The pause after the first attempt, in seconds.
const FIRST_PAUSE: i64 = 60;

fn too_large(limit: u64) -> Failure {
    Failure::new(Status::DataError, format!("the message is larger than {limit} octets (max_size)"))
}
