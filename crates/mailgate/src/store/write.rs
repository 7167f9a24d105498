//! What is written: a message when it is handed over, and a report when it comes. Each is one transaction.
#![forbid(unsafe_code)]

use super::database::transaction;
use super::{Database, DatabaseError, State, Statement};
use crate::dsn::{self, Action, Recipient, Report};

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

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was there before; nothing changed.
    Known,
    /// Stored; whether its envelope id vouches for it.
    Stored {
        /// It carried the secret of its message.
        verified: bool,
    },
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
const DELETE_MESSAGE: Statement =
    Statement { name: c"dsn_delete_message", sql: c"DELETE FROM message WHERE envid = %s", columns: 0 };
const MARK_UNKNOWN: Statement = Statement {
    name: c"dsn_mark_unknown",
    sql: c"UPDATE recipient SET state = 'unknown', since = %lld WHERE envid = %s AND state = 'queued'",
    columns: 0,
};
const INSERT_REPORT: Statement = Statement {
    name: c"dsn_insert_report",
    sql: c"INSERT INTO report (digest, received) VALUES (%s, %lld) ON CONFLICT DO NOTHING",
    columns: 0,
};
const BY_ENVID: Statement =
    Statement { name: c"dsn_by_envid", sql: c"SELECT envid FROM message WHERE envid = %s", columns: 1 };
const BY_MESSAGE_ID: Statement = Statement {
    name: c"dsn_by_message_id",
    sql: c"SELECT envid FROM message WHERE message_id = %s ORDER BY submitted, envid",
    columns: 1,
};
const BY_TOKEN: Statement =
    Statement { name: c"dsn_by_token", sql: c"SELECT envid FROM message WHERE token = %s", columns: 1 };
const RECIPIENTS: Statement = Statement {
    name: c"dsn_recipient_states",
    sql: c"SELECT address, state, verified FROM recipient WHERE envid = %s",
    columns: 3,
};
const UPDATE_RECIPIENT: Statement = Statement {
    name: c"dsn_update_recipient",
    sql: c"UPDATE recipient SET state = %s, since = %lld, verified = %lld WHERE envid = %s AND address = %s",
    columns: 0,
};
const INSERT_EVENT: Statement = Statement {
    name: c"dsn_insert_event",
    sql: c"INSERT INTO event (envid, address, occurred, action, status, diagnostic, reporting_mta, remote_mta, will_retry_until, verified, heuristic) VALUES (%s, %s, %lld, %s, %s, %s, %s, %s, %lld, %lld, %lld)",
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
        database.run(&DELETE_RECIPIENTS, &[Some(envid)])?;
        database.run(&DELETE_MESSAGE, &[Some(envid)])?;
        Ok(())
    })
}

/// Nobody knows whether the message was taken.
pub fn mark_unknown<D: Database>(database: &mut D, envid: &str, now: i64) -> Result<(), DatabaseError> {
    database.run(&MARK_UNKNOWN, &[Some(&now.to_string()), Some(envid)]).map(|_| ())
}

/// Stores a report once. `address` is the one it came to, which may carry the token of the message.
pub fn record<D: Database>(
    database: &mut D,
    report: &Report,
    address: Option<&str>,
    now: i64,
) -> Result<Recorded, DatabaseError> {
    let digest = report.digest();
    let moment = now.to_string();
    transaction(database, |database| {
        if database.run(&INSERT_REPORT, &[Some(&digest), Some(&moment)])? == 0 {
            return Ok(Recorded::Known);
        }
        let (envid, verified) = match message_of(database, report, address)? {
            Some(found) => found,
            None => (stand_in(database, report, &digest, &moment)?, false),
        };
        let mut known = recipients(database, &envid)?;
        for recipient in &report.recipients {
            record_recipient(database, report, recipient, (&envid, verified), &mut known, now)?;
        }
        Ok(Recorded::Stored { verified })
    })
}

/// The message a report is about, and whether the report proves to know it: only the envelope id is a secret.
fn message_of<D: Database>(
    database: &mut D,
    report: &Report,
    address: Option<&str>,
) -> Result<Option<(String, bool)>, DatabaseError> {
    let mut first = |statement: &Statement, value: Option<&str>| -> Result<Option<String>, DatabaseError> {
        let Some(value) = value else { return Ok(None) };
        Ok(database.select(statement, &[Some(value)])?.first().map(|row| row.text(0)))
    };
    // A name of ours for a message known from a report alone is no secret.
    let envid = report.original_envelope_id.as_deref().filter(|envid| !envid.starts_with(STAND_IN));
    if let Some(envid) = first(&BY_ENVID, envid)? {
        return Ok(Some((envid, true)));
    }
    let message_id = report.original_message_id.as_deref().map(without_brackets);
    let found = match first(&BY_MESSAGE_ID, message_id)? {
        Some(envid) => Some(envid),
        None => first(&BY_TOKEN, address.and_then(token_in).as_deref())?,
    };
    Ok(found.map(|envid| (envid, false)))
}

/// What the name of a message starts with that is known from a report alone.
const STAND_IN: &str = "report:";

/// A row for a message that nobody submitted here, so that what was reported is kept.
fn stand_in<D: Database>(database: &mut D, report: &Report, digest: &str, now: &str) -> Result<String, DatabaseError> {
    let envid = format!("{STAND_IN}{digest}");
    let message_id = report.original_message_id.as_deref().map(without_brackets).unwrap_or_default();
    database.run(&INSERT_MESSAGE, &[Some(&envid), None, Some(message_id), Some("?"), None, Some(now)])?;
    Ok(envid)
}

/// A recipient as it stands in the database.
struct Known {
    address: String,
    state: State,
    verified: bool,
}

fn recipients<D: Database>(database: &mut D, envid: &str) -> Result<Vec<Known>, DatabaseError> {
    let rows = database.select(&RECIPIENTS, &[Some(envid)])?;
    let known = |row: &super::Row| Known {
        address: row.text(0),
        state: State::parse(&row.text(1)),
        verified: row.number(2) == 1,
    };
    Ok(rows.iter().map(known).collect())
}

fn record_recipient<D: Database>(
    database: &mut D,
    report: &Report,
    recipient: &Recipient,
    (envid, verified): (&str, bool),
    known: &mut Vec<Known>,
    now: i64,
) -> Result<(), DatabaseError> {
    let Some(action) = recipient.state() else { return Ok(()) };
    let Some(address) = recipient.address().map(key) else { return Ok(()) };
    let new = state_of(action);
    let occurred = recipient
        .last_attempt_date
        .as_deref()
        .and_then(dsn::report::seconds)
        .filter(|at| *at <= now + DAY)
        .unwrap_or(now);
    let occurred = occurred.to_string();
    let address = match position(known, recipient) {
        Some(at) => {
            let row = &mut known[at];
            if row.state.yields_to(row.verified, new, verified) {
                (row.state, row.verified) = (new, verified);
                let values =
                    [Some(new.as_str()), Some(&occurred), Some(flag(verified)), Some(envid), Some(&row.address)];
                database.run(&UPDATE_RECIPIENT, &values)?;
            }
            row.address.clone()
        }
        None => {
            insert_recipient(database, envid, &address, false, new, &occurred, verified)?;
            known.push(Known { address: address.clone(), state: new, verified });
            address
        }
    };
    let retry = recipient.will_retry_until.as_deref().and_then(dsn::report::seconds).map(|until| until.to_string());
    let diagnostic = recipient.diagnostic_code.as_ref().map(|code| code.value.as_str());
    let remote = recipient.remote_mta.as_ref().map(|mta| mta.value.as_str());
    let event = [
        Some(envid),
        Some(&address),
        Some(&occurred),
        Some(action.as_str()),
        recipient.status_code.as_deref(),
        diagnostic,
        report.reporting_mta.as_deref(),
        remote,
        retry.as_deref(),
        Some(flag(verified)),
        Some(flag(report.heuristic)),
    ];
    database.run(&INSERT_EVENT, &event).map(|_| ())
}

const DAY: i64 = 24 * 60 * 60;

/// Which of the known recipients a report speaks of: the one with the address the sender wrote, or with the one at the end of all forwarding;
/// a bare name is found by the local part that the MTA completed; the only recipient there is, where nothing fits.
fn position(known: &[Known], recipient: &Recipient) -> Option<usize> {
    let addresses: Vec<String> = recipient.addresses().map(key).collect();
    let local = |address: &String| address.rsplit_once('@').map(|(local, _)| local.to_owned());
    let by = |fits: &dyn Fn(&String, &Known) -> bool| {
        addresses.iter().find_map(|address| known.iter().position(|row| fits(address, row)))
    };
    by(&|address, row| row.address == *address)
        .or_else(|| by(&|address, row| Some(row.address.clone()) == local(address)))
}

fn state_of(action: Action) -> State {
    match action {
        Action::Delayed => State::Delayed,
        Action::Delivered => State::Delivered,
        Action::Expanded => State::Expanded,
        Action::Failed => State::Failed,
        Action::Relayed => State::Relayed,
    }
}

fn insert_recipient<D: Database>(
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

fn flag(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

/// An address as the tables hold it.
fn key(address: &str) -> String {
    address.to_ascii_lowercase()
}

fn without_brackets(message_id: &str) -> &str {
    message_id.trim().trim_start_matches('<').trim_end_matches('>')
}

/// The run of 32 characters of `[a-z0-9]` in an address such as `bounces+TOKEN@example.org`, in any case: some MTAs change it.
fn token_in(address: &str) -> Option<String> {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local).to_ascii_lowercase();
    let mut runs = local.split(|c: char| !c.is_ascii_alphanumeric());
    runs.find(|run| run.len() == crate::message_id::Token::LENGTH).map(str::to_owned)
}
