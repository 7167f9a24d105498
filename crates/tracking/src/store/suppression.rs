//! Whom an owner does not write to any more. An address gets here by a verified report that it will never be reached, by a verified complaint, or
//! by a person; it is found by its digest, so that one whose data was erased (`processdsn --forget`) is still not written to.
#![forbid(unsafe_code)]

use super::schema::explain;
use super::write::key;
use super::{Owner, now};
use crate::dsn::Recipient;
use crate::dsn::reason::{self, Reason};
use crate::dsn::report::sha256;
use sql::{Database, DatabaseError, Row, Statement};

/// Why an address is not written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The recipient called a message spam.
    Complained,
    /// A message failed for good.
    Failed,
    /// A person said so.
    Manual,
}

impl Cause {
    /// The word in the database and in every answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Complained => "complained",
            Cause::Failed => "failed",
            Cause::Manual => "manual",
        }
    }

    fn parse(word: &str) -> Cause {
        [Cause::Complained, Cause::Failed].into_iter().find(|cause| cause.as_str() == word).unwrap_or(Cause::Manual)
    }
}

/// For whom an address is suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// For all.
    Everybody,
    /// For the messages of one owner, or for those of nobody.
    Of(Option<Owner>),
}

impl Scope {
    /// The text in the column.
    fn key(&self) -> String {
        match self {
            Scope::Everybody => "*".into(),
            Scope::Of(owner) => scope_of(owner.as_ref().map(Owner::as_str)),
        }
    }
}

/// The scope of a message, as the column has it.
pub(super) fn scope_of(owner: Option<&str>) -> String {
    owner.map_or("-".into(), |owner| format!("={owner}"))
}

/// An address that is not written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// In lower case.
    pub address: String,
    /// Why.
    pub cause: Cause,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// The owner for whose messages it holds; `None`: for all, or for those of nobody.
    pub owner: Option<String>,
    /// It holds for all.
    pub is_for_all: bool,
}

/// From when on a failure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// After so many verified failures in a row.
    pub after: u32,
    /// For so many seconds from the last one on.
    pub lasts: i64,
}

/// How many addresses one statement looks for.
const AT_ONCE: usize = 32;
/// Failures that lie so far apart are not in a row.
const ROW: i64 = 30 * 24 * 60 * 60;

macro_rules! places {
    () => { "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s" };
}

const LOOK: Statement = Statement {
    name: c"dsn_suppressed",
    sql: match std::ffi::CStr::from_bytes_with_nul(
        concat!(
            "SELECT digest, cause, reason FROM suppression WHERE digest IN (",
            places!(),
            ") AND scope IN (%s, '*') AND (cause <> 'failed' OR (times >= %lld AND last >= %lld))\0"
        )
        .as_bytes(),
    ) {
        Ok(sql) => sql,
        Err(_) => panic!("SQL ends with its only NUL"),
    },
    columns: 3,
};
const FAILED: Statement = Statement {
    name: c"dsn_suppress_failed",
    sql: c"INSERT INTO suppression (digest, scope, address, cause, reason, since, last, times) VALUES (%s, %s, %s, 'failed', %s, %lld, %lld, 1) ON CONFLICT (digest, scope) DO UPDATE SET times = CASE WHEN suppression.last < %lld THEN 1 ELSE suppression.times + 1 END, last = excluded.last, reason = excluded.reason, address = excluded.address WHERE suppression.cause = 'failed'",
    columns: 0,
};
const STRONGER: Statement = Statement {
    name: c"dsn_suppress",
    sql: c"INSERT INTO suppression (digest, scope, address, cause, since, last, times) VALUES (%s, %s, %s, %s, %lld, %lld, 1) ON CONFLICT (digest, scope) DO UPDATE SET cause = excluded.cause, since = excluded.since, address = excluded.address, reason = NULL WHERE suppression.cause <> 'manual'",
    columns: 0,
};
const LIFT: Statement = Statement {
    name: c"dsn_suppress_lift",
    sql: c"DELETE FROM suppression WHERE digest = %s AND scope = %s AND cause = %s",
    columns: 0,
};
const REMOVE: Statement =
    Statement { name: c"dsn_unsuppress", sql: c"DELETE FROM suppression WHERE digest = %s AND scope = %s", columns: 0 };
const REMOVE_ALL: Statement =
    Statement { name: c"dsn_unsuppress_all", sql: c"DELETE FROM suppression WHERE digest = %s", columns: 0 };
const FIND: Statement = Statement {
    name: c"dsn_suppression",
    sql: c"SELECT address, cause, reason, since, scope FROM suppression WHERE digest = %s AND scope IN (%s, '*') ORDER BY scope",
    columns: 5,
};
const FIND_ALL: Statement = Statement {
    name: c"dsn_suppression_all",
    sql: c"SELECT address, cause, reason, since, scope FROM suppression WHERE digest = %s ORDER BY scope",
    columns: 5,
};
const LIST: Statement = Statement {
    name: c"dsn_suppressions",
    sql: c"SELECT address, cause, reason, since, scope FROM suppression WHERE scope = %s AND address > %s ORDER BY address LIMIT %lld",
    columns: 5,
};
const LIST_ALL: Statement = Statement {
    name: c"dsn_suppressions_all",
    sql: c"SELECT address, cause, reason, since, scope FROM suppression WHERE address > %s ORDER BY address, scope LIMIT %lld",
    columns: 5,
};

/// Those of `recipients` that `owner` does not write to, and why.
pub fn among<D: Database>(
    database: &mut D,
    owner: Option<&Owner>,
    recipients: &[String],
    rules: Rules,
    now: i64,
) -> Result<Vec<(String, Cause)>, DatabaseError> {
    let (scope, after, last) =
        (scope_of(owner.map(Owner::as_str)), rules.after.to_string(), (now - rules.lasts).to_string());
    let mut found = Vec::new();
    for some in recipients.chunks(AT_ONCE) {
        let digests: Vec<String> = some.iter().map(|address| digest(address)).collect();
        let mut values: Vec<Option<&str>> = digests.iter().map(|digest| Some(digest.as_str())).collect();
        values.resize(AT_ONCE, Some(""));
        values.extend([Some(scope.as_str()), Some(&after), Some(&last)]);
        for row in database.select(&LOOK, &values).map_err(|error| explain(database, error))? {
            let (digest, cause) = (row.text(0), Cause::parse(&row.text(1)));
            // One mailbox may be written in two ways.
            let same = some.iter().zip(&digests).filter(|(_, known)| **known == digest);
            found.extend(same.map(|(address, _)| (address.clone(), cause)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    Ok(found)
}

/// Whether a report says that an address will never be reached: by a positive list of reasons and codes (RFC 3463 3.2, 3.3). A full mailbox, a rule
/// of somebody's or a guess is none.
pub(super) fn is_final(recipient: &Recipient, reason: Reason) -> bool {
    let code = reason::code(recipient).unwrap_or_default();
    let is_address = code.starts_with("5.1.") || code == "5.2.1";
    is_address && matches!(reason, Reason::HostUnknown | Reason::Suspended | Reason::UserUnknown)
}

/// A verified report says that the address failed for good.
pub(super) fn failed<D: Database>(
    database: &mut D,
    owner: Option<&str>,
    address: &str,
    reason: Reason,
) -> Result<(), DatabaseError> {
    let (now, row) = (now(), (now() - ROW).to_string());
    let (digest, scope, now) = (digest(address), scope_of(owner), now.to_string());
    let values = [&digest, &scope, address, reason.as_str(), &now, &now, &row].map(Some);
    database.run(&FAILED, &values).map(|_| ())
}

/// A mail server refused an address as nobody's while we spoke to it.
pub fn refused<D: Database>(database: &mut D, owner: Option<&Owner>, address: &str) -> Result<(), DatabaseError> {
    failed(database, owner.map(Owner::as_str), address, Reason::UserUnknown).map_err(|error| explain(database, error))
}

/// A verified report says that the recipient complained.
pub(super) fn complained<D: Database>(
    database: &mut D,
    owner: Option<&str>,
    address: &str,
) -> Result<(), DatabaseError> {
    stronger(database, &scope_of(owner), address, Cause::Complained)
}

/// What this cause began is over: the address took a message, or the recipient takes the complaint back.
pub(super) fn lift<D: Database>(
    database: &mut D,
    owner: Option<&str>,
    address: &str,
    cause: Cause,
) -> Result<(), DatabaseError> {
    database.run(&LIFT, &[&digest(address), &scope_of(owner), cause.as_str()].map(Some)).map(|_| ())
}

fn stronger<D: Database>(database: &mut D, scope: &str, address: &str, cause: Cause) -> Result<(), DatabaseError> {
    let (digest, address, now) = (digest(address), key(address), now().to_string());
    database.run(&STRONGER, &[&digest, scope, &address, cause.as_str(), &now, &now].map(Some)).map(|_| ())
}

/// Suppresses an address until somebody removes it.
pub fn put<D: Database>(database: &mut D, scope: &Scope, address: &str) -> Result<(), DatabaseError> {
    stronger(database, &scope.key(), address, Cause::Manual).map_err(|error| explain(database, error))
}

/// Writes to an address again; `None`: for everybody. How many entries there were.
pub fn remove<D: Database>(database: &mut D, scope: Option<&Scope>, address: &str) -> Result<u64, DatabaseError> {
    let digest = digest(address);
    let removed = match scope {
        Some(scope) => database.run(&REMOVE, &[Some(&digest), Some(&scope.key())]),
        None => database.run(&REMOVE_ALL, &[Some(&digest)]),
    };
    removed.map_err(|error| explain(database, error))
}

/// What holds for an address in a scope; `None`: in any.
pub fn find<D: Database>(
    database: &mut D,
    scope: Option<&Scope>,
    address: &str,
) -> Result<Vec<Suppression>, DatabaseError> {
    let digest = digest(address);
    let rows = match scope {
        Some(scope) => database.select(&FIND, &[Some(&digest), Some(&scope.key())]),
        None => database.select(&FIND_ALL, &[Some(&digest)]),
    };
    let found = |rows: Vec<Row>| rows.iter().map(|row| Suppression { address: key(address), ..read(row) }).collect();
    rows.map(found).map_err(|error| explain(database, error))
}

/// The next `limit` addresses behind `after` that a scope, or any, does not write to. Those whose data was erased have no address.
pub fn list<D: Database>(
    database: &mut D,
    scope: Option<&Scope>,
    after: &str,
    limit: usize,
) -> Result<Vec<Suppression>, DatabaseError> {
    let limit = limit.to_string();
    let rows = match scope {
        Some(scope) => database.select(&LIST, &[Some(&scope.key()), Some(after), Some(&limit)]),
        None => database.select(&LIST_ALL, &[Some(after), Some(&limit)]),
    };
    let mut found: Vec<Suppression> = rows.map_err(|error| explain(database, error))?.iter().map(read).collect();
    if let Some(last) = found.last().map(|last| last.address.clone()).filter(|_| scope.is_none()) {
        // The next page begins behind this address: all that is said of it stands on this one.
        found.retain(|entry| entry.address != last);
        found.extend(find(database, None, &last)?);
    }
    Ok(found)
}

fn read(row: &Row) -> Suppression {
    let scope = row.text(4);
    Suppression {
        address: row.text(0),
        cause: Cause::parse(&row.text(1)),
        reason: row.optional(2).and_then(|word| Reason::parse(&word)),
        since: row.number(3),
        owner: scope.strip_prefix('=').map(str::to_owned),
        is_for_all: scope == "*",
    }
}

/// What an address is found by.
pub(super) fn digest(address: &str) -> String {
    sha256(&key(address))
}
