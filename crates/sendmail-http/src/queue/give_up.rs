//! The end of a message that could not be sent.
#![forbid(unsafe_code)]

use std::io;

use super::entry::{self, Entry};
use super::journal::Event;
use super::{Folder, Queue};
use crate::log::Log;
use crate::message::site::Site;
use crate::report;

/// Moves a message to `failed/`, and reports it. If this was interrupted, it is resumed later: the journal says "failed" before anything
/// else happens.
pub fn give_up(queue: &Queue, site: &Site<'_>, log: &Log, entry: &mut Entry, words: &str) -> io::Result<()> {
    let name = entry.head.name();
    if !entry.state().is_failed {
        entry.record(Event::Failed { words: words.to_owned() }, true)?;
    }
    log.error(&format!("{name}: given up: {words}; {}", described(entry)));
    if let Some((head, message)) = report::make(entry, words, site, queue.owner())? {
        entry::store(queue, Folder::New, &head, message.as_slice(), &[])?;
    }
    queue.rename(Folder::New, Folder::Failed, &name)
}

pub fn described(entry: &Entry) -> String {
    let head = &entry.head;
    let sender = head.envelope.sender.as_ref().map_or_else(|| "<>".into(), ToString::to_string);
    format!("uid={} from={sender} recipients={} size={}", head.uid, head.envelope.recipients.len(), head.size)
}
