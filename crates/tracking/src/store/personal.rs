//! What is kept of one address: told (GDPR article 15), and forgotten (article 17). What was decided on it, that it is not written to, stays as a
//! digest, which says nothing but that.
#![forbid(unsafe_code)]

use super::outbox;
use super::schema::explain;
use super::suppression::{self, digest};
use super::tags;
use super::write::key;
use serde_json::{Value, json};
use sql::transaction;
use sql::{Database, DatabaseError, Dialect, Statement};
use std::ffi::CStr;

macro_rules! of_address {
    ($name:literal, $columns:literal, $before:literal, $address:literal, $after:literal) => {
        const {
            &Statement {
                name: $name,
                sql: match CStr::from_bytes_with_nul(concat!($before, $address, " = %s", $after, "\0").as_bytes()) {
                    Ok(sql) => sql,
                    Err(_) => panic!("SQL ends with its only NUL"),
                },
                columns: $columns,
            }
        }
    };
}

/// A statement on the rows of one recipient: each database has the index by address in its own words.
macro_rules! by_address {
    ($function:ident, $name:literal, $postgres_name:literal, $columns:literal, $before:literal, $after:literal) => {
        fn $function(dialect: Dialect) -> &'static Statement {
            match dialect {
                Dialect::Sqlite => of_address!($name, $columns, $before, "r.address", $after),
                Dialect::Postgres => {
                    of_address!($postgres_name, $columns, $before, "r.address COLLATE \"C\"", $after)
                }
            }
        }
    };
}

by_address!(
    recipients,
    c"dsn_personal",
    c"dsn_personal_octets",
    9,
    "SELECT m.envid, m.message_id, m.sender, m.owner, m.submitted, r.state, r.since, r.reason, m.tags FROM recipient r CROSS JOIN message m WHERE m.envid = r.envid AND ",
    " ORDER BY m.submitted, m.envid"
);
by_address!(envids, c"dsn_forget", c"dsn_forget_octets", 1, "SELECT r.envid FROM recipient r WHERE ", "");

const EVENTS: Statement = Statement {
    name: c"dsn_personal_events",
    sql: c"SELECT occurred, action, status, diagnostic, reporting_mta, remote_mta, reason FROM event WHERE envid = %s AND address = %s ORDER BY occurred",
    columns: 7,
};
// Each message has a recipient, and that has the author in lower case and in an index.
const SENT: Statement = Statement {
    name: c"dsn_personal_sent",
    sql: c"SELECT message_id, owner, submitted, tags FROM message WHERE envid IN (SELECT envid FROM recipient WHERE sender = %s) ORDER BY submitted, envid",
    columns: 4,
};
// Nobody can tell which of the recipients it speaks of.
const FORGET_TAGS: Statement =
    Statement { name: c"dsn_forget_tags", sql: c"UPDATE message SET tags = NULL WHERE envid = %s", columns: 0 };
const FORGET_EVENTS: Statement =
    Statement { name: c"dsn_forget_events", sql: c"DELETE FROM event WHERE envid = %s AND address = %s", columns: 0 };
const FORGET_RECIPIENT: Statement = Statement {
    name: c"dsn_forget_recipient",
    sql: c"DELETE FROM recipient WHERE envid = %s AND address = %s",
    columns: 0,
};
const FORGET_MESSAGE: Statement = Statement {
    name: c"dsn_forget_message",
    sql:
        c"DELETE FROM message WHERE envid = %s AND NOT EXISTS (SELECT 1 FROM recipient r WHERE r.envid = message.envid)",
    columns: 0,
};
const FORGET_SENDER: Statement = Statement {
    name: c"dsn_forget_sender",
    sql: c"UPDATE message SET sender = NULL WHERE envid IN (SELECT envid FROM recipient WHERE sender = %s)",
    columns: 0,
};
const FORGET_SENDERS: Statement =
    Statement { name: c"dsn_forget_senders", sql: c"UPDATE recipient SET sender = NULL WHERE sender = %s", columns: 0 };
const FORGET_SUPPRESSION: Statement = Statement {
    name: c"dsn_forget_suppression",
    sql: c"UPDATE suppression SET address = NULL WHERE digest = %s AND address IS NOT NULL",
    columns: 0,
};

/// All that is kept of an address, one object for each message to it or from it, and for each suppression.
pub fn export<D: Database>(database: &mut D, address: &str) -> Result<Vec<Value>, DatabaseError> {
    let address = key(address);
    let mut found = Vec::new();
    let statement = recipients(database.dialect());
    let rows = database.select(statement, &[Some(&address)]).map_err(|error| explain(database, error))?;
    for row in rows {
        let events = database.select(&EVENTS, &[Some(&row.text(0)), Some(&address)])?;
        let event = |event: &sql::Row| {
            json!({
                "occurred": event.number(0), "action": event.text(1), "status": event.optional(2), "diagnostic": event.optional(3),
                "reporting_mta": event.optional(4), "remote_mta": event.optional(5), "reason": event.optional(6),
            })
        };
        found.push(json!({
            "is": "recipient", "address": address, "message_id": row.text(1), "sender": row.optional(2), "owner": row.optional(3),
            "submitted": row.number(4), "state": row.text(5), "since": row.number(6), "reason": row.optional(7),
            "tags": told(row.optional(8)),
            "events": events.iter().map(event).collect::<Vec<_>>(),
        }));
    }
    for row in database.select(&SENT, &[Some(&address)])? {
        found.push(json!({
            "is": "sender", "address": address, "message_id": row.text(0), "owner": row.optional(1), "submitted": row.number(2),
            "tags": told(row.optional(3)),
        }));
    }
    for event in outbox::about(database, &address)? {
        found.push(json!({"is": "event", "address": address, "event": event}));
    }
    for entry in suppression::find(database, None, &address)? {
        found.push(json!({
            "is": "suppressed", "address": address, "cause": entry.cause.as_str(),
            "reason": entry.reason.map(crate::dsn::reason::Reason::as_str), "since": entry.since, "owner": entry.owner,
        }));
    }
    Ok(found)
}

fn told(tags: Option<String>) -> Vec<Value> {
    tags::read(tags).into_iter().map(|tag| json!({"name": tag.name, "value": tag.value})).collect()
}

/// Forgets an address; of how many messages it was a recipient.
pub fn forget<D: Database>(database: &mut D, address: &str) -> Result<u64, DatabaseError> {
    let address = key(address);
    let outcome = transaction(database, |database| {
        outbox::forget(database, &address)?;
        let envids = database.select(envids(database.dialect()), &[Some(&address)])?;
        for envid in envids.iter().map(|row| row.text(0)) {
            database.run(&FORGET_TAGS, &[Some(&envid)])?;
            database.run(&FORGET_EVENTS, &[Some(&envid), Some(&address)])?;
            database.run(&FORGET_RECIPIENT, &[Some(&envid), Some(&address)])?;
            database.run(&FORGET_MESSAGE, &[Some(&envid)])?;
        }
        database.run(&FORGET_SENDER, &[Some(&address)])?;
        database.run(&FORGET_SENDERS, &[Some(&address)])?;
        database.run(&FORGET_SUPPRESSION, &[Some(&digest(&address))])?;
        Ok(envids.len() as u64)
    });
    outcome.map_err(|error| explain(database, error))
}
