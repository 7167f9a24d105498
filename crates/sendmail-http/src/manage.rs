//! Commands for the queue and the aliases: `mailq`, `newaliases`, `-bv`, `--remove`, `--retry`.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::account::Host;
use crate::aliases::Aliases;
use crate::clock;
use crate::config::{Found, QUEUE};
use crate::exit::{Failure, Status};
use crate::id::Id;
use crate::log::Log;
use crate::message::recipients;
use crate::message::site::Site;
use crate::options::Options;
use crate::print;
use crate::queue::entry::{self, Entry, Head};
use crate::queue::list::{self, QueuedMessage};
use crate::queue::{Folder, Queue};

/// The queue of these settings; the machine's queue if they may not be read.
fn queue_of(found: &Found) -> Result<PathBuf, Failure> {
    match found {
        Found::Config(config) => {
            config.queue.clone().ok_or_else(|| Failure::new(Status::Config, "there is no queue (queue none)"))
        }
        Found::Bad(_) | Found::Missing | Found::Unreadable(_) => Ok(QUEUE.into()),
    }
}

fn open(path: &Path) -> Result<Queue, Failure> {
    Queue::open(path).map_err(|error| Failure::storage(path.display(), error))
}

/// Lists the queue. The exit status says whether a person must act.
pub fn list(found: Found, uid: u32, as_json: bool) -> Result<Status, Failure> {
    let path = queue_of(&found)?;
    let rows = if path.exists() { rows(&open(&path)?, uid)? } else { Vec::new() };
    let text = match as_json {
        true => format!("{}\n", Value::from(rows.iter().map(QueuedMessage::json).collect::<Vec<_>>())),
        false => list::table(&rows, clock::now()),
    };
    print(&text)?;
    let needs_somebody = rows.iter().any(|row| row.folder == "new" && row.is_loud);
    Ok(if needs_somebody { Status::Attention } else { Status::Ok })
}

fn rows(queue: &Queue, uid: u32) -> Result<Vec<QueuedMessage>, Failure> {
    let rows = if queue.is_ours() { list::all(queue) } else { list::own(queue, uid) };
    rows.map_err(|error| Failure::storage(queue.path().display(), error))
}

/// Reports mistakes in the aliases file. Nothing is compiled; callers expect exit 0.
pub fn new_aliases(found: &Found, log: &Log) {
    let path = if let Found::Config(config) = found { config.aliases.as_path() } else { Path::new("/etc/aliases") };
    let aliases = Aliases::read(path);
    aliases
        .complaints
        .iter()
        .chain(&aliases.circles())
        .for_each(|words| log.warning(&format!("{}: {words}", path.display())));
}

/// Prints the final targets of the recipients.
pub fn verify(found: Found, options: &Options) -> Result<(), Failure> {
    let Found::Config(config) = found else { return Err(Failure::new(Status::Config, "no settings that may be read")) };
    let (host, aliases) = (Host::own(), Aliases::read(&config.aliases));
    let site = Site::new(&config, &host, &aliases);
    for named in recipients::collect(&options.recipients, None)? {
        let leads = site.leads_to(&named).map_err(|words| Failure::new(Status::NoUser, words))?;
        let leads: Vec<String> = leads.iter().map(ToString::to_string).collect();
        print(&format!("{named} -> {}\n", leads.join(", ")))?;
    }
    Ok(())
}

/// Removes a message.
pub fn remove(found: Found, id: &str) -> Result<(), Failure> {
    let queue = open(&queue_of(&found)?)?;
    let (folder, entry) = locked(&queue, id)?;
    queue.unlink(folder, &entry.head.name()).map_err(|error| Failure::storage(id, error))
}

/// Retries a message: a queued one in the next run, a failed one under a new id, since a gateway would repeat its answer to the old one.
pub fn retry(found: Found, id: &str) -> Result<(), Failure> {
    let queue = open(&queue_of(&found)?)?;
    let failed = |error| Failure::storage(id, error);
    let (folder, mut entry) = locked(&queue, id)?;
    if folder == Folder::New {
        return entry.make_due().map_err(failed);
    }
    if entry.head.envelope.recipients.is_empty() {
        return Err(Failure::new(Status::Usage, format!("{id}: it has no recipient; send it again")));
    }
    let time = clock::now();
    let new = Id::new(clock::now_in_milliseconds()).map_err(|error| Failure::storage("id", error))?;
    let head = Head { id: new, time, ..entry.head.clone() };
    let message = entry.message().map_err(failed)?;
    entry::store(&queue, Folder::New, &head, message, &[]).map_err(failed)?;
    queue.unlink(folder, &entry.head.name()).map_err(failed)
}

/// A message that no process is working on, locked.
fn locked(queue: &Queue, id: &str) -> Result<(Folder, Entry), Failure> {
    if !queue.is_ours() {
        return Err(Failure::new(Status::NoPermission, "this is for root and the owner of the queue"));
    }
    let id = Id::parse(id)
        .ok_or_else(|| Failure::new(Status::Usage, format!("'{}' is not an id", mail::text::excerpt(id))))?;
    for folder in [Folder::New, Folder::Failed] {
        let names = queue.names(folder).map_err(|error| Failure::storage(queue.path().display(), error))?;
        let wanted = id.to_string();
        let Some(name) = names.iter().find(|name| name.split('.').next() == Some(&wanted)) else { continue };
        return match entry::open(queue, folder, name) {
            Ok(Some(entry)) => Ok((folder, entry)),
            Ok(None) => Err(Failure::new(Status::TempFail, format!("{id}: it is being sent just now"))),
            Err(error) => Err(Failure::storage(id, error)),
        };
    }
    Err(Failure::new(Status::Usage, format!("{id}: there is no such message")))
}
