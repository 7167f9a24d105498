//! What is written when a message is handed over: the message and its recipients, in one transaction.
#![forbid(unsafe_code)]

use super::State;
use crate::dsn::report::cut;
use sql::transaction;
use sql::{Database, DatabaseError, Statement};

/// A message that is about to be handed over.
#[derive(Clone, Debug)]
pub struct Submitted<'a> {
    /// The secret that reports carry.
    pub envid: &'a str,
    /// What stands in the address that bounces go to.
    pub token: &'a str,
    /// Without angle brackets.
    pub message_id: &'a str,
    /// Who may see it; `None`: who knows the message id.
    pub owner: Option<&'a str>,
    /// The author's address.
    pub sender: Option<&'a str>,
    /// The recipients, and whether each is from Bcc.
    pub recipients: Vec<(String, bool)>,
    /// Seconds since 1970.
    pub now: i64,
}

const INSERT_MESSAGE: Statement = Statement {
    name: c"dsn_insert_message",
    sql: c"INSERT INTO message (envid, token, message_id, owner, sender, submitted) VALUES (%s, %s, %s, %s, %s, %lld)",
    columns: 0,
};
const INSERT_RECIPIENT: Statement = Statement {
    name: c"dsn_insert_recipient",
    sql: c"INSERT INTO recipient (envid, address, hidden, state, since, verified) VALUES (%s, %s, %lld, %s, %lld, %lld) ON CONFLICT DO NOTHING",
    columns: 0,
};
const SAME_OWNER: Statement = Statement {
    name: c"dsn_same_owner",
    sql: c"SELECT envid FROM message WHERE message_id = %s AND owner = %s",
    columns: 1,
};
const NO_OWNER: Statement = Statement {
    name: c"dsn_no_owner",
    sql: c"SELECT envid FROM message WHERE message_id = %s AND owner IS NULL",
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
/// Whether this owner has submitted a message with this id before.
pub fn submitted_before<D: Database>(
    database: &mut D,
    message_id: &str,
    owner: Option<&str>,
) -> Result<bool, DatabaseError> {
    let rows = match owner {
        Some(_) => database.select(&SAME_OWNER, &[Some(message_id), owner])?,
        None => database.select(&NO_OWNER, &[Some(message_id)])?,
    };
    Ok(!rows.is_empty())
}

/// Writes a message and its recipients as queued.
pub fn submit<D: Database>(database: &mut D, message: &Submitted<'_>) -> Result<(), DatabaseError> {
    let now = message.now.to_string();
    transaction(database, |database| {
        let (envid, token) = (Some(message.envid), Some(message.token));
        let row = [envid, token, Some(message.message_id), message.owner, message.sender, Some(now.as_str())];
        database.run(&INSERT_MESSAGE, &row)?;
        for (address, hidden) in &message.recipients {
            insert_recipient(database, message.envid, &key(address), *hidden, State::Queued, &now, false)?;
        }
        Ok(())
    })
}

/// Takes a message back that was refused.
pub fn take_back<D: Database>(database: &mut D, envid: &str) -> Result<(), DatabaseError> {
    transaction(database, |database| {
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

pub(super) fn insert_recipient<D: Database>(
    database: &mut D,
    envid: &str,
    address: &str,
    hidden: bool,
    state: State,
    since: &str,
    verified: bool,
) -> Result<(), DatabaseError> {
    let row = [Some(envid), Some(address), Some(flag(hidden)), Some(state.as_str()), Some(since), Some(flag(verified))];
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
