//! A report (RFC 3464) -> events and states: which message and which recipients it is about, and what it changes. One transaction a report.
#![forbid(unsafe_code)]

use super::State;
use super::Trust;
use super::owner::NOBODY;
use super::schema::explain;
use super::suppression;
use super::write::{EnvelopeRow, MAX_KEY, RecipientRow, flag, insert_recipient, kept, key};
use crate::dsn::reason::{self, Reason};
use crate::dsn::report::{seconds, sha256};
use crate::dsn::{Action, Recipient, Report};
use sql::transaction;
use sql::{Database, DatabaseError, Dialect, Statement};

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

/// Longest diagnostic that is kept; those of real MTAs have a few hundred octets.
const MAX_DIAGNOSTIC: usize = 4 << 10;
/// Longest of the other values.
const MAX_WORDS: usize = 500;

/// Anybody can write reports that nothing vouches for; a real mail system sends a few for each recipient.
const MAX_UNVERIFIED_EVENTS: i64 = 50;
/// They add no recipient to a message that has so many.
const MAX_RECIPIENTS: usize = 1000;

const DAY: i64 = 24 * 60 * 60;
const YEAR: i64 = 366 * DAY;

/// What the name of a message starts with that is known from reports alone.
const STAND_IN: &str = "report:";

const INSERT_REPORT: Statement = Statement {
    name: c"dsn_insert_report",
    sql: c"INSERT INTO report (digest, received) VALUES (%s, %lld) ON CONFLICT DO NOTHING",
    columns: 0,
};
const BY_ENVID: Statement = Statement {
    name: c"dsn_by_envid",
    sql: c"SELECT envid, submitted, token, owner, sender FROM message WHERE envid = %s",
    columns: 5,
};
// Those that were submitted come before those known from reports alone.
const BY_MESSAGE_ID: Statement = Statement {
    name: c"dsn_by_message_id",
    sql: c"SELECT envid, submitted, token, owner, sender FROM message WHERE message_id = %s ORDER BY CASE WHEN owner = '?' THEN 1 ELSE 0 END, submitted, envid LIMIT 16",
    columns: 5,
};
const BY_TOKEN: Statement = Statement {
    name: c"dsn_by_token",
    sql:
        c"SELECT envid, submitted, token, owner, sender FROM message WHERE token = %s ORDER BY submitted, envid LIMIT 1",
    columns: 5,
};
const INSERT_STAND_IN: Statement = Statement {
    name: c"dsn_insert_stand_in",
    sql: c"INSERT INTO message (envid, message_id, owner, submitted) VALUES (%s, %s, '?', %lld) ON CONFLICT DO NOTHING",
    columns: 0,
};
const LOCK_MESSAGE: Statement =
    Statement { name: c"dsn_lock_message", sql: c"SELECT envid FROM message WHERE envid = %s FOR UPDATE", columns: 1 };
// A state that only words of a bounce speak for is a guess: the last column counts the reports with fields that say the same.
const RECIPIENTS: Statement = Statement {
    name: c"dsn_recipient_states",
    sql: c"SELECT r.address, r.state, r.verified, r.hidden, (SELECT COUNT(*) FROM event e WHERE e.envid = r.envid AND e.address = r.address AND e.action = r.state AND e.heuristic = 0) FROM recipient r WHERE r.envid = %s",
    columns: 5,
};
const UPDATE_RECIPIENT: Statement = Statement {
    name: c"dsn_update_recipient",
    sql:
        c"UPDATE recipient SET state = %s, since = %lld, verified = %lld, reason = %s WHERE envid = %s AND address = %s",
    columns: 0,
};
const HEARD: Statement = Statement {
    name: c"dsn_heard",
    sql: c"UPDATE recipient SET heard = %lld WHERE envid = %s AND address = %s AND heard < %lld",
    columns: 0,
};
const INSERT_EVENT: Statement = Statement {
    name: c"dsn_insert_event",
    sql: c"INSERT INTO event (envid, address, occurred, action, status, diagnostic, reporting_mta, remote_mta, will_retry_until, verified, heuristic, reason) VALUES (%s, %s, %lld, %s, %s, %s, %s, %s, %lld, %lld, %lld, %s)",
    columns: 0,
};
const UNVERIFIED_EVENTS: Statement = Statement {
    name: c"dsn_unverified_events",
    sql: c"SELECT COUNT(*) FROM event WHERE envid = %s AND address = %s AND verified = 0",
    columns: 1,
};

/// Stores a report once. `address` is the one it came to, which may carry the token of the message.
pub fn record<D: Database>(
    database: &mut D,
    report: &Report,
    address: Option<&str>,
    now: i64,
) -> Result<Recorded, DatabaseError> {
    let digest = report.digest();
    let outcome = transaction(database, |database| {
        if database.run(&INSERT_REPORT, &[Some(&digest), Some(&now.to_string())])? == 0 {
            return Ok(Recorded::Known);
        }
        let message = match message_of(database, report, address)? {
            Some(message) if lock(database, &message.envid)? => message,
            _ => stand_in(database, report, &digest, now)?,
        };
        let mut known = recipients(database, &message.envid)?;
        for recipient in &report.recipients {
            record_recipient(database, report, recipient, &message, &mut known, now)?;
        }
        Ok(Recorded::Stored { verified: message.verified })
    });
    outcome.map_err(|error| explain(database, error))
}

/// The message a report is about.
struct KnownMessage {
    envid: String,
    /// No event of it is older, in seconds since 1970.
    since: i64,
    submitted: i64,
    token: Option<String>,
    owner: Option<String>,
    sender: Option<String>,
    /// The report proves to know it: only the envelope id is a secret.
    verified: bool,
}

fn message_of<D: Database>(
    database: &mut D,
    report: &Report,
    address: Option<&str>,
) -> Result<Option<KnownMessage>, DatabaseError> {
    let mut look = |statement: &Statement, value: &str, verified: bool| -> Result<Vec<KnownMessage>, DatabaseError> {
        let rows = database.select(statement, &[Some(value)])?;
        Ok(rows.iter().map(|row| found(row, verified)).collect())
    };
    // A name of ours for a message known from reports alone is no secret.
    let envid = report.original_envelope_id.as_deref().filter(|envid| !envid.starts_with(STAND_IN));
    if let Some(envid) = envid
        && let Some(found) = look(&BY_ENVID, &kept(envid, MAX_KEY), true)?.pop()
    {
        return Ok(Some(found));
    }
    let token = address.and_then(token_in);
    let mut candidates = match message_id(report) {
        Some(id) => look(&BY_MESSAGE_ID, &id, false)?,
        None => Vec::new(),
    };
    if candidates.is_empty()
        && let Some(token) = &token
    {
        candidates = look(&BY_TOKEN, token, false)?;
    }
    let chosen = match candidates.len() {
        0 | 1 => 0,
        _ => choose(database, report, token.as_deref(), &candidates)?,
    };
    Ok(candidates.into_iter().nth(chosen))
}

fn found(row: &sql::Row, verified: bool) -> KnownMessage {
    let (envid, submitted) = (row.text(0), row.number(1));
    let since = if envid.starts_with(STAND_IN) { 0 } else { submitted - DAY };
    let (token, owner, sender) = (row.optional(2), row.optional(3), row.optional(4));
    KnownMessage { envid, since, submitted, token, owner, sender: sender.as_deref().map(key), verified }
}

/// Which of several messages with one Message-ID, as a client that copies somebody's makes them: the one with the token of the address,
/// else the first that was sent to somebody the report names, else the first.
fn choose<D: Database>(
    database: &mut D,
    report: &Report,
    token: Option<&str>,
    candidates: &[KnownMessage],
) -> Result<usize, DatabaseError> {
    if let Some(at) = candidates.iter().position(|found| token.is_some() && found.token.as_deref() == token) {
        return Ok(at);
    }
    for (at, found) in candidates.iter().enumerate() {
        let known = recipients(database, &found.envid)?;
        if report.recipients.iter().any(|recipient| position(&known, recipient).is_some()) {
            return Ok(at);
        }
    }
    Ok(0)
}

/// Makes other reports on this message wait; whether it is still there. SQLite has one writer anyway.
fn lock<D: Database>(database: &mut D, envid: &str) -> Result<bool, DatabaseError> {
    match database.dialect() {
        Dialect::Postgres => Ok(!database.select(&LOCK_MESSAGE, &[Some(envid)])?.is_empty()),
        Dialect::Sqlite => Ok(true),
    }
}

/// A row for a message that nobody submitted here, so that what was reported is kept: one for each Message-ID.
fn stand_in<D: Database>(
    database: &mut D,
    report: &Report,
    digest: &str,
    now: i64,
) -> Result<KnownMessage, DatabaseError> {
    let message_id = message_id(report);
    let envid = match &message_id {
        Some(id) => format!("{STAND_IN}{}", sha256(id)),
        None => format!("{STAND_IN}{digest}"),
    };
    let message_id = message_id.unwrap_or_default();
    database.run(&INSERT_STAND_IN, &[Some(&envid), Some(&message_id), Some(&now.to_string())])?;
    lock(database, &envid)?;
    let owner = Some(NOBODY.to_owned());
    Ok(KnownMessage { envid, since: 0, submitted: now, token: None, owner, sender: None, verified: false })
}

/// Message-ID of the returned message, without its brackets; `None` if nothing is left.
fn message_id(report: &Report) -> Option<String> {
    let id = report.original_message_id.as_deref()?.trim().trim_start_matches('<').trim_end_matches('>').trim();
    (!id.is_empty()).then(|| kept(id, MAX_KEY))
}

/// A recipient as it stands in the database.
struct Known {
    address: String,
    state: State,
    trust: Trust,
    hidden: bool,
}

fn recipients<D: Database>(database: &mut D, envid: &str) -> Result<Vec<Known>, DatabaseError> {
    let rows = database.select(&RECIPIENTS, &[Some(envid)])?;
    let known = |row: &sql::Row| Known {
        address: row.text(0),
        state: State::parse(&row.text(1)),
        trust: Trust::of(row.number(2) == 1, row.number(4) == 0),
        hidden: row.number(3) == 1,
    };
    Ok(rows.iter().map(known).collect())
}

fn record_recipient<D: Database>(
    database: &mut D,
    report: &Report,
    recipient: &Recipient,
    message: &KnownMessage,
    known: &mut Vec<Known>,
    now: i64,
) -> Result<(), DatabaseError> {
    let Some(action) = recipient.state() else { return Ok(()) };
    let Some(address) = recipient.address().map(key) else { return Ok(()) };
    let (envid, verified, new) = (message.envid.as_str(), message.verified, state_of(action));
    let trust = Trust::of(verified, report.heuristic);
    let since = occurred(recipient, message.since, now);
    let occurred = since.to_string();
    let why = reason::of(recipient, report.reporting_mta.as_deref());
    let reason = why.map(Reason::as_str);
    // What it was sent on to failed, perhaps; not what we wrote to.
    let mut is_told_of_it = false;
    let last = address.clone();
    let address = match position(known, recipient) {
        Some(at) => {
            let row = &mut known[at];
            let is_news = row.state.yields_to(row.trust, new, trust);
            is_told_of_it = is_news && row.address == last;
            if is_news {
                (row.state, row.trust) = (new, trust);
                let values = [
                    Some(new.as_str()),
                    Some(&occurred),
                    Some(flag(verified)),
                    reason,
                    Some(envid),
                    Some(&row.address),
                ];
                database.run(&UPDATE_RECIPIENT, &values)?;
            } else if !verified && unverified_events(database, envid, &row.address)? >= MAX_UNVERIFIED_EVENTS {
                return Ok(());
            }
            database.run(&HEARD, &[Some(&occurred), Some(envid), Some(&row.address), Some(&occurred)])?;
            row.address.clone()
        }
        None if !verified && known.len() >= MAX_RECIPIENTS => return Ok(()),
        None => {
            // Where a message of a Bcc went on to is as much of a secret as the Bcc.
            let hidden = known.iter().any(|row| row.hidden);
            let envelope = EnvelopeRow {
                envid,
                owner: message.owner.as_deref(),
                sender: message.sender.as_deref(),
                submitted: message.submitted,
            };
            let row = RecipientRow { address: &address, hidden, state: new, since, verified, reason };
            insert_recipient(database, &envelope, &row, known.len())?;
            known.push(Known { address: address.clone(), state: new, trust, hidden });
            address
        }
    };
    if is_told_of_it && trust == Trust::Verified {
        let owner = message.owner.as_deref();
        match (new, why) {
            (State::Failed, Some(why)) if suppression::is_final(recipient, why) => {
                suppression::failed(database, owner, &address, why)?;
            }
            (State::Delivered, _) => suppression::lift(database, owner, &address, suppression::Cause::Failed)?,
            _ => {}
        }
    }
    let retry = recipient.will_retry_until.as_deref().and_then(seconds).filter(|at| (0..=now + YEAR).contains(at));
    let words = |text: Option<&str>, most| text.map(|text| kept(text, most));
    let status = words(recipient.status_code.as_deref(), MAX_WORDS);
    let diagnostic = words(recipient.diagnostic(), MAX_DIAGNOSTIC);
    let reporting = words(report.reporting_mta.as_deref(), MAX_WORDS);
    let remote = words(recipient.remote_mta.as_ref().map(|mta| mta.value.as_str()), MAX_WORDS);
    let retry = retry.map(|until| until.to_string());
    let event = [
        Some(envid),
        Some(&address),
        Some(&occurred),
        Some(action.as_str()),
        status.as_deref(),
        diagnostic.as_deref(),
        reporting.as_deref(),
        remote.as_deref(),
        retry.as_deref(),
        Some(flag(verified)),
        Some(flag(report.heuristic)),
        reason,
    ];
    database.run(&INSERT_EVENT, &event).map(|_| ())
}

fn unverified_events<D: Database>(database: &mut D, envid: &str, address: &str) -> Result<i64, DatabaseError> {
    let rows = database.select(&UNVERIFIED_EVENTS, &[Some(envid), Some(address)])?;
    Ok(rows.first().map_or(0, |row| row.number(0)))
}

/// When it happened, by the MTA's clock if that says something possible: not before the message, and a wrong time zone after now at most.
fn occurred(recipient: &Recipient, since: i64, now: i64) -> i64 {
    let told = recipient.last_attempt_date.as_deref().and_then(seconds);
    told.filter(|at| (since..=now + DAY).contains(at)).map_or(now, |at| at.min(now))
}

/// Which of the known recipients a report speaks of: the one with the address the sender wrote, or with the one at the end of all
/// forwarding; a bare name is found by the local part that the MTA completed.
fn position(known: &[Known], recipient: &Recipient) -> Option<usize> {
    let addresses: Vec<String> = recipient.addresses().map(key).collect();
    let at = |wanted: &str| known.iter().position(|row| row.address == wanted);
    let local = |address: &String| address.rsplit_once('@').and_then(|(local, _)| at(local));
    addresses.iter().find_map(|address| at(address)).or_else(|| addresses.iter().find_map(local))
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

/// The run of 32 characters of `[a-z0-9]` in an address such as `bounces+TOKEN@example.org`, in any case: some MTAs change it.
fn token_in(address: &str) -> Option<String> {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local).to_ascii_lowercase();
    let mut runs = local.split(|c: char| !c.is_ascii_alphanumeric());
    runs.find(|run| run.len() == mail::message_id::Token::LENGTH).map(str::to_owned)
}

mod complaint;

pub use complaint::{Heard, record_feedback};

#[cfg(test)]
mod tests;
