//! What is read: one message with its recipients and their events, for somebody who may see it.
#![forbid(unsafe_code)]

use super::owner::NOBODY;
use super::tags::{self, Tag};
use super::{Owner, SILENCE, State};
use crate::dsn::reason::{self, Reason};
use sql::{Database, DatabaseError, Row, Statement};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// Whom the owner of a message is compared with.
    pub user: Option<&'a Owner>,
    /// Whether a message is shown to its owner alone.
    pub owner_only: bool,
}

/// A message and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Without angle brackets.
    pub message_id: String,
    /// The author's address.
    pub sender: Option<String>,
    /// Seconds since 1970.
    pub submitted: i64,
    /// What the sender calls it by; only for the owner, since every recipient knows the id.
    pub tags: Vec<Tag>,
    /// In the order of their addresses; those from Bcc only for the owner.
    pub recipients: Vec<RecipientStatus>,
}

/// One recipient and its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientStatus {
    /// The address, in lower case.
    pub address: String,
    /// What is known; a pending state that nothing was heard of for [`SILENCE`] is unknown.
    pub state: State,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Whether the report that said so proved to be about this message; nobody claims anything while there was no report.
    pub verified: bool,
    /// Why it failed, is late or was not tried.
    pub reason: Option<Reason>,
    /// The oldest first.
    pub events: Vec<Event>,
}

/// What one report said of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Seconds since 1970.
    pub occurred: i64,
    /// The word of RFC 3464.
    pub action: State,
    /// Why it failed or is late.
    pub reason: Option<Reason>,
    /// RFC 3463.
    pub status: Option<String>,
    /// What the remote server said.
    pub diagnostic: Option<String>,
    /// Who reports.
    pub reporting_mta: Option<String>,
    /// Who said so.
    pub remote_mta: Option<String>,
    /// Until when it is tried, in seconds since 1970.
    pub will_retry_until: Option<i64>,
    /// It proved to be about this message.
    pub verified: bool,
    /// Read from words, not from fields.
    pub heuristic: bool,
}

const MESSAGES: Statement = Statement {
    name: c"dsn_messages",
    sql: c"SELECT envid, owner, sender, submitted, tags FROM message WHERE message_id = %s ORDER BY submitted, envid",
    columns: 5,
};
/// One row for each event, and one for a recipient without any: what is shown together is read at one moment.
const RECIPIENTS: Statement = Statement {
    name: c"dsn_recipients",
    sql: c"SELECT r.address, r.hidden, r.state, r.since, r.verified, e.occurred, e.action, e.status, e.diagnostic, e.reporting_mta, e.remote_mta, e.will_retry_until, e.verified, e.heuristic, e.reason, r.reason FROM recipient r LEFT JOIN event e ON e.envid = r.envid AND e.address = r.address WHERE r.envid = %s ORDER BY r.address",
    columns: 16,
};

/// The message with this id that `viewer` may see; `None` for one that is not there and one that is somebody else's alike. Of several, as
/// they are when somebody copies an id, the viewer's own comes first, then the oldest that was submitted.
pub fn find<D: Database>(
    database: &mut D,
    message_id: &str,
    viewer: Viewer<'_>,
    now: i64,
) -> Result<Option<Message>, DatabaseError> {
    if message_id.is_empty() {
        return Ok(None); // reports on messages that had none are kept under no id
    }
    let rows = database.select(&MESSAGES, &[Some(message_id)])?;
    let owned = |owner: Option<&str>| owner.is_some() && owner == viewer.user.map(Owner::as_str);
    let visible = |row: &&Row| !viewer.owner_only || row.optional(1).is_none() || owned(row.optional(1).as_deref());
    let rank = |row: &&Row| match row.optional(1).as_deref() {
        owner if owned(owner) => 0,
        Some(NOBODY) => 2,
        _ => 1,
    };
    let Some(row) = rows.iter().filter(visible).min_by_key(rank) else { return Ok(None) };
    let (envid, owner) = (row.text(0), row.optional(1));
    let sees_hidden = owned(owner.as_deref());
    let mut recipients: Vec<RecipientStatus> = Vec::new();
    for row in database.select(&RECIPIENTS, &[Some(&envid)])? {
        if row.number(1) == 1 && !sees_hidden {
            continue;
        }
        let address = row.text(0);
        if recipients.last().is_none_or(|last| last.address != address) {
            recipients.push(RecipientStatus {
                address,
                state: State::parse(&row.text(2)),
                since: row.number(3),
                verified: row.number(4) == 1,
                reason: row.optional(15).and_then(|word| Reason::parse(&word)),
                events: Vec::new(),
            });
        }
        if let (Some(recipient), Some(action)) = (recipients.last_mut(), row.optional(6)) {
            let mut event = Event {
                occurred: row.number(5),
                action: State::parse(&action),
                reason: row.optional(14).and_then(|word| Reason::parse(&word)),
                status: row.optional(7),
                diagnostic: row.optional(8),
                reporting_mta: row.optional(9),
                remote_mta: row.optional(10),
                will_retry_until: row.optional(11).map(|_| row.number(11)),
                verified: row.number(12) == 1,
                heuristic: row.number(13) == 1,
            };
            if matches!(event.action, State::Failed | State::Delayed) && event.reason.is_none() {
                // Older rows have none.
                let mta = event.remote_mta.as_deref().or(event.reporting_mta.as_deref());
                event.reason = Some(reason::of_words(event.status.as_deref(), event.diagnostic.as_deref(), mta));
            }
            recipient.events.push(event);
        }
    }
    for recipient in &mut recipients {
        // Not by the database: it would sort what the index has in order already.
        recipient.events.sort_by_key(|event| (event.occurred, event.action.as_str()));
        let heard = recipient.events.iter().map(|event| event.occurred).fold(recipient.since, i64::max);
        if recipient.state.is_pending() && now - heard > SILENCE {
            recipient.state = State::Unknown;
        }
    }
    Ok(Some(Message {
        message_id: message_id.to_owned(),
        sender: row.optional(2),
        submitted: row.number(3),
        tags: if sees_hidden { tags::read(row.optional(4)) } else { Vec::new() },
        recipients,
    }))
}
