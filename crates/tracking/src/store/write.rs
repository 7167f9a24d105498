//! What is written when a message is handed over: the message and its recipients, in one transaction.
#![forbid(unsafe_code)]

use super::order::{domain, position};
use super::outbox;
use super::read::Event;
use super::schema::explain;
use super::tags::{self, Tag};
use super::{Owner, State};
use crate::dsn::report::{cut, sha256};
use sql::transaction;
use sql::{Database, DatabaseError, Dialect, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// A message that is about to be handed over.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The secret that reports carry.
    pub envid: String,
    /// What stands in the address that bounces go to.
    pub token: String,
    /// Without angle brackets.
    pub message_id: String,
    /// Who may see it; `None`: who knows the message id.
    pub owner: Option<Owner>,
    /// The author's address.
    pub sender: Option<String>,
    /// The recipients, and whether each is from Bcc.
    pub recipients: BTreeMap<String, bool>,
    /// Those who do not get it, since they are suppressed; likewise.
    pub suppressed: BTreeMap<String, bool>,
    /// What the sender calls it by.
    pub tags: Vec<Tag>,
    /// Seconds since 1970.
    pub now: i64,
}

impl Submitted {
    /// What makes two submissions the same: owner, message id and recipients. One message may go to others in another transaction, as mail
    /// systems send what has different envelopes.
    fn claim(&self) -> String {
        let owner = self.owner.as_ref().map_or("-".into(), |owner| format!("={}", owner.as_str()));
        // Whom it was left out for may be another tomorrow; it is the same message.
        let recipients: BTreeSet<&str> =
            self.recipients.keys().chain(self.suppressed.keys()).map(String::as_str).collect();
        // No part holds a NUL.
        sha256(&[owner.as_str(), &self.message_id].into_iter().chain(recipients).collect::<Vec<_>>().join("\0"))
    }
}

/// Whether a message was entered.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It is in the tables now.
    Now,
    /// It was there before; nothing changed.
    Before,
}

// Two that come at the same time: the unique index decides, not a look before.
const INSERT_MESSAGE: Statement = Statement {
    name: c"dsn_insert_message",
    sql: c"INSERT INTO message (envid, token, message_id, owner, sender, submitted, claim, tags) VALUES (%s, %s, %s, %s, %s, %lld, %s, %s) ON CONFLICT (claim) DO NOTHING",
    columns: 0,
};
const INSERT_RECIPIENT: Statement = Statement {
    name: c"dsn_insert_recipient",
    sql: c"INSERT INTO recipient (envid, address, hidden, state, since, verified, owner, sender, domain, position, heard, reason) VALUES (%s, %s, %lld, %s, %lld, %lld, %s, %s, %s, %lld, %lld, %s) ON CONFLICT DO NOTHING",
    columns: 0,
};
// One statement is its own transaction: nothing but this goes to the server and back. Neither an address nor a domain holds a line end.
const INSERT_AT_ONCE: Statement = Statement {
    name: c"dsn_insert_at_once",
    sql: c"WITH entered AS (INSERT INTO message (envid, token, message_id, owner, sender, submitted, claim, tags) VALUES (%s, %s, %s, %s, %s, %lld, %s, %s) ON CONFLICT (claim) DO NOTHING RETURNING envid, owner, submitted) INSERT INTO recipient (envid, address, hidden, state, since, verified, owner, sender, domain, position, heard) SELECT e.envid, r.address, CAST(r.hidden AS INTEGER), 'queued', e.submitted, 0, e.owner, CAST(%s AS TEXT), COALESCE(r.domain, ''), CAST(%lld AS BIGINT) + r.place - 1, e.submitted FROM entered e, unnest(string_to_array(%s, chr(10)), string_to_array(%s, chr(10)), string_to_array(%s, chr(10))) WITH ORDINALITY AS r (address, hidden, domain, place) ON CONFLICT DO NOTHING",
    columns: 0,
};
// Rows of version 1 have no claim; there the owner and the message id must do.
const SAME: Statement = Statement {
    name: c"dsn_same",
    sql: c"SELECT envid FROM message WHERE claim = %s OR (message_id = %s AND claim IS NULL AND COALESCE(owner, '') = %s)",
    columns: 1,
};
const DELETE_RECIPIENTS: Statement =
    Statement { name: c"dsn_delete_recipients", sql: c"DELETE FROM recipient WHERE envid = %s", columns: 0 };
const DELETE_EVENTS: Statement =
    Statement { name: c"dsn_delete_events", sql: c"DELETE FROM event WHERE envid = %s", columns: 0 };
const DELETE_MESSAGE: Statement =
    Statement { name: c"dsn_delete_message", sql: c"DELETE FROM message WHERE envid = %s", columns: 0 };
const MARK_UNKNOWN: Statement = Statement {
    name: c"dsn_mark_unknown",
    sql: c"UPDATE recipient SET state = 'unknown', since = %lld WHERE envid = %s AND state = 'queued'",
    columns: 0,
};

/// Whether this message was submitted before, as far as that can be told without [`submit`].
pub fn submitted_before<D: Database>(database: &mut D, message: &Submitted) -> Result<bool, DatabaseError> {
    let (claim, owner) = (message.claim(), message.owner.as_ref().map_or("", Owner::as_str));
    let rows = database.select(&SAME, &[Some(&claim), Some(&message.message_id), Some(owner)]);
    rows.map(|rows| !rows.is_empty()).map_err(|error| explain(database, error))
}

/// Writes a message and its recipients as queued, unless it was submitted before.
pub fn submit<D: Database>(database: &mut D, message: &Submitted) -> Result<Entered, DatabaseError> {
    let is_plain = message.suppressed.is_empty() && !message.recipients.is_empty();
    let outcome = match database.dialect() {
        Dialect::Postgres if is_plain => submit_at_once(database, message),
        Dialect::Postgres | Dialect::Sqlite => transaction(database, |database| enter(database, message)),
    };
    outcome.map_err(|error| explain(database, error))
}

/// The same inside a transaction, which is worth nothing after an error.
pub fn enter<D: Database>(database: &mut D, message: &Submitted) -> Result<Entered, DatabaseError> {
    let (now, claim, tags) = (message.now.to_string(), message.claim(), tags::write(&message.tags));
    if database.run(&INSERT_MESSAGE, &message_row(message, &now, &claim, tags.as_deref()))? == 0 {
        return Ok(Entered::Before);
    }
    let sender = message.sender.as_deref().map(key);
    let envelope = EnvelopeRow {
        envid: &message.envid,
        owner: message.owner.as_ref().map(Owner::as_str),
        sender: sender.as_deref(),
        submitted: message.now,
    };
    let queued = message.recipients.iter().map(|row| (row, State::Queued));
    let suppressed = message.suppressed.iter().map(|row| (row, State::Suppressed));
    for (before, ((address, hidden), state)) in queued.chain(suppressed).enumerate() {
        let row = RecipientRow {
            address: &key(address),
            hidden: *hidden,
            state,
            since: message.now,
            verified: false,
            reason: None,
        };
        insert_recipient(database, &envelope, &row, before)?;
        if state == State::Suppressed {
            outbox::write(database, &message.envid, row.address, &left_out(message.now), message.now)?;
        }
    }
    Ok(Entered::Now)
}

fn submit_at_once<D: Database>(database: &mut D, message: &Submitted) -> Result<Entered, DatabaseError> {
    let (now, claim, tags) = (message.now.to_string(), message.claim(), tags::write(&message.tags));
    let sender = message.sender.as_deref().map(key);
    let place = position(message.now, &message.envid, 0).to_string();
    let addresses: Vec<String> = message.recipients.keys().map(|address| key(address)).collect();
    let hidden: Vec<&str> = message.recipients.values().map(|hidden| flag(*hidden)).collect();
    let domains: Vec<&str> = addresses.iter().map(|address| domain(address)).collect();
    let (addresses, hidden, domains) = (addresses.join("\n"), hidden.join("\n"), domains.join("\n"));
    let mut row = message_row(message, &now, &claim, tags.as_deref()).to_vec();
    row.extend([sender.as_deref(), Some(&place), Some(&addresses), Some(&hidden), Some(&domains)]);
    let recipients = database.run(&INSERT_AT_ONCE, &row)?;
    Ok(if recipients == 0 { Entered::Before } else { Entered::Now })
}

fn message_row<'m>(
    message: &'m Submitted,
    now: &'m str,
    claim: &'m str,
    tags: Option<&'m str>,
) -> [Option<&'m str>; 8] {
    [
        Some(message.envid.as_str()),
        Some(&message.token),
        Some(&message.message_id),
        message.owner.as_ref().map(Owner::as_str),
        message.sender.as_deref(),
        Some(now),
        Some(claim),
        tags,
    ]
}

/// What a hook is told of a recipient who is not written to: our own word, so nothing has to vouch for it.
fn left_out(now: i64) -> Event {
    Event {
        occurred: now,
        action: State::Suppressed,
        reason: None,
        status: None,
        diagnostic: Some("the address is suppressed".into()),
        reporting_mta: None,
        remote_mta: None,
        will_retry_until: None,
        verified: true,
        heuristic: false,
    }
}

/// Takes a message back that was refused.
pub fn take_back<D: Database>(database: &mut D, envid: &str) -> Result<(), DatabaseError> {
    transaction(database, |database| {
        outbox::take_back(database, envid)?;
        database.run(&DELETE_EVENTS, &[Some(envid)])?;
        database.run(&DELETE_RECIPIENTS, &[Some(envid)])?;
        database.run(&DELETE_MESSAGE, &[Some(envid)])?;
        Ok(())
    })
}

/// Nobody knows whether the message was taken.
pub fn mark_unknown<D: Database>(database: &mut D, envid: &str, now: i64) -> Result<(), DatabaseError> {
    database.run(&MARK_UNKNOWN, &[Some(&now.to_string()), Some(envid)]).map(|_| ())
}

/// What all recipients of a message have of it.
pub(super) struct EnvelopeRow<'a> {
    pub envid: &'a str,
    pub owner: Option<&'a str>,
    /// In lower case.
    pub sender: Option<&'a str>,
    pub submitted: i64,
}

/// What a recipient has of its own.
pub(super) struct RecipientRow<'a> {
    /// In lower case.
    pub address: &'a str,
    pub hidden: bool,
    pub state: State,
    pub since: i64,
    pub verified: bool,
    pub reason: Option<&'a str>,
}

/// Adds the recipient that comes after `before` others.
pub(super) fn insert_recipient<D: Database>(
    database: &mut D,
    message: &EnvelopeRow<'_>,
    recipient: &RecipientRow<'_>,
    before: usize,
) -> Result<(), DatabaseError> {
    let (since, place) = (recipient.since.to_string(), position(message.submitted, message.envid, before).to_string());
    let row = [
        Some(message.envid),
        Some(recipient.address),
        Some(flag(recipient.hidden)),
        Some(recipient.state.as_str()),
        Some(&since),
        Some(flag(recipient.verified)),
        message.owner,
        message.sender,
        Some(domain(recipient.address)),
        Some(&place),
        Some(&since),
        recipient.reason,
    ];
    database.run(&INSERT_RECIPIENT, &row).map(|_| ())
}

pub(super) fn flag(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

/// An address as the tables hold it.
pub(super) fn key(address: &str) -> String {
    kept(&address.to_ascii_lowercase(), MAX_KEY)
}

/// Longest value that is looked for: two of them fit into an index row of PostgreSQL (2704 octets). An address has 320, an id 998.
pub(super) const MAX_KEY: usize = 1000;

/// A value as the tables hold it: a NUL would end it, and no other control character says anything to anybody.
pub(super) fn kept(text: &str, most: usize) -> String {
    cut(text, most).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
