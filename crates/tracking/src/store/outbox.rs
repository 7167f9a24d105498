//! Events that wait to be sent (Standard Webhooks). They are written in the transaction that changes a state, so that neither is kept without
//! the other, and taken out by whoever sends them ([`queue`]).
#![forbid(unsafe_code)]

mod payload;
pub mod queue;

pub use payload::TYPES;

use super::owner::NOBODY;
use super::read::Event;
use super::tags;
use crate::dsn::report::sha256;
use payload::Payload;
use sql::{Database, DatabaseError, Row, Statement};

/// After so many seconds an event is given up.
pub const LIFETIME: i64 = 5 * DAY;
/// For so long after its event a row is kept that nobody sends any more.
const KEPT: i64 = 7 * DAY;
const DAY: i64 = 24 * 60 * 60;

const LISTENERS: Statement = Statement {
    name: c"dsn_listeners",
    sql: c"SELECT w.id, w.events, w.unverified, m.message_id, m.sender, m.submitted, m.owner, m.tags FROM message m, webhook w WHERE m.envid = %s AND w.enabled = 1 AND (w.owner IS NULL OR w.owner = m.owner)",
    columns: 8,
};
const INSERT: Statement = Statement {
    name: c"dsn_insert_outbox",
    sql: c"INSERT INTO outbox (id, webhook, envid, address, body, created, expires, attempts, due, dead) VALUES (%s, %s, %s, %s, %s, %lld, %lld, 0, %lld, 0) ON CONFLICT DO NOTHING",
    columns: 0,
};
const TAKE_BACK: Statement =
    Statement { name: c"dsn_take_back_outbox", sql: c"DELETE FROM outbox WHERE envid = %s", columns: 0 };
const OLD: Statement = Statement {
    name: c"dsn_old_outbox",
    sql: c"DELETE FROM outbox WHERE created < %lld OR (expires < %lld AND created < %lld)",
    columns: 0,
};

/// The events about an address, and those about messages of an author.
const FORGET: Statement =
    Statement { name: c"dsn_forget_outbox", sql: c"DELETE FROM outbox WHERE address = %s", columns: 0 };
const FORGET_SENT: Statement = Statement {
    name: c"dsn_forget_sent_outbox",
    sql: c"DELETE FROM outbox WHERE envid IN (SELECT envid FROM recipient WHERE sender = %s)",
    columns: 0,
};
const ABOUT: Statement = Statement {
    name: c"dsn_about_outbox",
    sql: c"SELECT body FROM outbox WHERE address = %s ORDER BY created, id",
    columns: 1,
};

/// The state of a recipient changed by `event`: one row for each hook that wants to know. Inside the transaction that stores the change.
pub fn write<D: Database>(
    database: &mut D,
    envid: &str,
    address: &str,
    event: &Event,
    now: i64,
) -> Result<(), DatabaseError> {
    for listener in database.select(&LISTENERS, &[Some(envid)])? {
        let Some(body) = body(&listener, address, event) else { continue };
        // The same for each hook, and for nothing else: the envelope id is that of one message, the rest is in the body.
        let id = format!("msg_{}", &sha256(&format!("{envid}\0{body}"))[..32]);
        let (created, expires) = (now.to_string(), (now + LIFETIME).to_string());
        let hook = listener.text(0);
        let row = [
            Some(id.as_str()),
            Some(&hook),
            Some(envid),
            Some(address),
            Some(&body),
            Some(&created),
            Some(&expires),
            Some(&created),
        ];
        database.run(&INSERT, &row)?;
    }
    Ok(())
}

/// What a hook is told; `None` where it does not want to know.
fn body(listener: &Row, address: &str, event: &Event) -> Option<String> {
    if listener.optional(6).as_deref() == Some(NOBODY) || (!event.verified && listener.number(2) == 0) {
        return None;
    }
    let payload = Payload {
        message_id: &listener.text(3),
        sender: listener.optional(4),
        submitted: listener.number(5),
        tags: tags::read(listener.optional(7)),
        address,
        event,
    };
    let wanted = listener.text(1);
    let kind = payload.kind()?;
    (wanted.is_empty() || wanted.split(' ').any(|wanted| wanted == kind)).then(|| payload.body(kind))
}

/// Forgets what was not sent yet of a message that was refused.
pub(super) fn take_back<D: Database>(database: &mut D, envid: &str) -> Result<(), DatabaseError> {
    database.run(&TAKE_BACK, &[Some(envid)]).map(|_| ())
}

/// Forgets what was not sent yet about an address, as a recipient and as an author. Before the messages are forgotten.
pub(super) fn forget<D: Database>(database: &mut D, address: &str) -> Result<(), DatabaseError> {
    database.run(&FORGET, &[Some(address)])?;
    database.run(&FORGET_SENT, &[Some(address)]).map(|_| ())
}

/// What was not sent yet about a recipient: JSON, an event each.
pub(super) fn about<D: Database>(database: &mut D, address: &str) -> Result<Vec<String>, DatabaseError> {
    Ok(database.select(&ABOUT, &[Some(address)])?.iter().map(|row| row.text(0)).collect())
}

/// Forgets events of before `moment`, and what was given up a while ago.
pub(super) fn expire<D: Database>(database: &mut D, moment: &str, now: i64) -> Result<u64, DatabaseError> {
    let (now, old) = (now.to_string(), (now - KEPT).to_string());
    database.run(&OLD, &[Some(moment), Some(&now), Some(&old)])
}
