//! Keys as rows of the table `idempotency`, for several machines with one database. The primary key lets only one of them in. A dead owner
//! cannot be detected there, so each has a lease instead of a lock, longer than its request can take. When that has expired, another takes
//! over a claimed key by an UPDATE that names the owner believed dead; if that owner is alive, its own step to the hand-over finds no row,
//! and it sends nothing. So different clocks never cause a message to be sent twice. A hand-over with an expired lease has an unknown
//! outcome.
#![forbid(unsafe_code)]

use super::{Claim, Claims, Ended, Held, KeyState, Outcome, StoreError, now};
use crate::digest::Digest;
use mail::message_id::Token;
use sql::{Database, DatabaseError, Row, Statement};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Provides connections to the database.
pub trait Connect {
    /// Lends a connection for a job. If nobody waits for the job any more, `undo` reverts it.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Database) -> Result<T, DatabaseError> + Send + 'static,
        undo: impl FnOnce(&mut dyn Database) + Send + 'static,
    ) -> Result<T, DatabaseError>;
}

/// A table of keys that are stored for `lifetime`.
#[derive(Clone, Copy, Debug)]
pub struct Table<C> {
    /// Provides connections.
    pub connections: C,
    /// How long keys are stored.
    pub lifetime: Duration,
    /// The longest time for a hand-over, or for waiting until it starts.
    pub timeout: Duration,
}

/// What a request may take besides its hand-over: a slow database, the end of a program, different clocks.
const MARGIN: Duration = Duration::from_secs(60);

const INSERT: Statement = Statement {
    name: c"dsn_claim_insert",
    sql: c"INSERT INTO idempotency (digest, content, owner, step, lease, expires) VALUES (%s, %s, %s, 'claimed', %lld, %lld) ON CONFLICT DO NOTHING",
    columns: 0,
};
const READ: Statement = Statement {
    name: c"dsn_claim_read",
    sql: c"SELECT content, owner, step, lease, expires, message_id, outcome FROM idempotency WHERE digest = %s",
    columns: 7,
};
const TAKE_OVER: Statement = Statement {
    name: c"dsn_claim_take_over",
    sql: c"UPDATE idempotency SET content = %s, owner = %s, step = 'claimed', lease = %lld, expires = %lld, message_id = NULL, outcome = NULL WHERE digest = %s AND owner = %s AND step = %s",
    columns: 0,
};
const BEGIN: Statement = Statement {
    name: c"dsn_claim_begin",
    sql: c"UPDATE idempotency SET step = 'begun', lease = %lld, expires = %lld, message_id = %s WHERE digest = %s AND owner = %s AND step = 'claimed'",
    columns: 0,
};
const END: Statement = Statement {
    name: c"dsn_claim_end",
    sql: c"UPDATE idempotency SET step = 'ended', outcome = %s WHERE digest = %s AND owner = %s AND step = 'begun'",
    columns: 0,
};
const FREE: Statement =
    Statement { name: c"dsn_claim_free", sql: c"DELETE FROM idempotency WHERE digest = %s AND owner = %s", columns: 0 };
const EXPIRE: Statement =
    Statement { name: c"dsn_claim_expire", sql: c"DELETE FROM idempotency WHERE expires < %lld", columns: 0 };

impl<C: Connect> Table<C> {
    /// The end of a lease of so many times [`Self::timeout`].
    fn lease(&self, waits: u32) -> i64 {
        later(now(), self.timeout.saturating_mul(waits).saturating_add(MARGIN))
    }

    /// Removes expired rows, unless this process did so lately.
    pub fn sweep(&self) -> Result<(), StoreError> {
        const ROUND: i64 = 3600;
        static NEXT: AtomicI64 = AtomicI64::new(0);
        let (now, next) = (now(), NEXT.load(Ordering::Relaxed));
        let is_time = !(next - ROUND..next).contains(&now);
        if is_time && NEXT.compare_exchange(next, now + ROUND, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.expire(now)?;
        }
        Ok(())
    }

    /// Removes rows that had expired at `moment`, in seconds since 1970.
    pub fn expire(&self, moment: i64) -> Result<(), StoreError> {
        let work = move |database: &mut dyn Database| database.run(&EXPIRE, &[Some(&moment.to_string())]);
        self.connections.with(work, |_| ()).map(drop).map_err(failed)
    }
}

const PROBE: Statement =
    Statement { name: c"dsn_claim_probe", sql: c"SELECT 1 FROM idempotency WHERE digest = ''", columns: 1 };

/// Whether the table exists and can be queried.
pub fn probe(database: &mut dyn Database) -> Result<(), DatabaseError> {
    database.select(&PROBE, &[]).map(drop)
}

impl<C: Connect> Claims for Table<C> {
    fn claim(&self, key: &Digest, content: &Digest) -> Result<KeyState<'_>, StoreError> {
        let owner = Token::random().map_err(|error| StoreError(format!("no name for a claim: {error}")))?;
        let (digest, owner, content) = (key.to_string(), owner.as_str().to_owned(), content.to_string());
        let mine = Mine { table: self, digest: digest.clone(), owner: owner.clone() };
        // One timeout for a slot among the programs, one for the relay's dialogue before the end of the message.
        let (lease, undo) = (self.lease(2).to_string(), mine.undo());
        let work = move |database: &mut dyn Database| take(database, &digest, &content, &owner, &lease);
        match self.connections.with(work, undo).map_err(failed)? {
            There::Mine => Ok(KeyState::Yours(Claim::new(mine))),
            There::Running | There::Dead { .. } => Ok(KeyState::Running),
            There::Other => Ok(KeyState::OtherContent),
            There::Ended(ended) => Ok(KeyState::Ended(ended)),
            There::Foreign => {
                Err(StoreError("a row of the table idempotency has a form that this version does not know".into()))
            }
        }
    }
}

/// Inserts the key, or reads the existing row and takes it over if that is allowed.
fn take(
    database: &mut dyn Database,
    digest: &str,
    content: &str,
    owner: &str,
    lease: &str,
) -> Result<There, DatabaseError> {
    let (digest, content, owner, lease) = (Some(digest), Some(content), Some(owner), Some(lease));
    database.run(&INSERT, &[digest, content, owner, lease, lease])?;
    let rows = database.select(&READ, &[digest])?;
    let Some(row) = rows.first() else { return Ok(There::Running) }; // freed between the two
    let there = judge(row, owner, content, now());
    let There::Dead { owner: dead, step } = &there else { return Ok(there) };
    let values = [content, owner, lease, lease, digest, Some(dead.as_str()), Some(step.as_str())];
    // 0: another one was quicker.
    Ok(if database.run(&TAKE_OVER, &values)? == 1 { There::Mine } else { There::Running })
}

/// What the row of a key tells a request that wants it.
#[derive(Debug, PartialEq, Eq)]
enum There {
    /// Its owner's lease, or its lifetime, is over.
    Dead {
        owner: String,
        step: String,
    },
    Ended(Ended),
    Foreign,
    Mine,
    Other,
    Running,
}

fn judge(row: &Row, me: Option<&str>, content: Option<&str>, now: i64) -> There {
    let (owner, step) = (row.text(1), row.text(2));
    let (is_leased, is_known) = (row.number(3) > now, row.number(4) > now);
    if Some(owner.as_str()) == me {
        return There::Mine;
    }
    let outcome = match step.as_str() {
        "claimed" | "begun" if is_leased => return There::Running,
        "claimed" => return There::Dead { owner, step },
        "begun" | "ended" if !is_known => return There::Dead { owner, step },
        "begun" => Some(Outcome::DIED),
        "ended" => row.optional(6).and_then(|text| Outcome::parse(&text)),
        _ => None,
    };
    match (outcome, row.optional(5)) {
        (Some(_), Some(_)) if row.optional(0).as_deref() != content => There::Other,
        (Some(outcome), Some(message_id)) => There::Ended(Ended { message_id, outcome }),
        _ => There::Foreign,
    }
}

/// A row that we own.
struct Mine<'t, C> {
    table: &'t Table<C>,
    digest: String,
    owner: String,
}

impl<C: Connect> Mine<'_, C> {
    /// Runs a statement that ends with digest and owner, and must change one row.
    fn change(
        &self,
        statement: &'static Statement,
        values: Vec<String>,
        undo: impl FnOnce(&mut dyn Database) + Send + 'static,
    ) -> Result<(), StoreError> {
        let values: Vec<_> = values.into_iter().chain([self.digest.clone(), self.owner.clone()]).collect();
        let work = move |database: &mut dyn Database| {
            let values: Vec<_> = values.iter().map(|value| Some(value.as_str())).collect();
            database.run(statement, &values)
        };
        match self.table.connections.with(work, undo).map_err(failed)? {
            1 => Ok(()),
            _ => Err(StoreError("the lease of a key ran out, and another gateway has taken it over".into())),
        }
    }

    /// Frees the key: nothing was sent, since the database did not answer in time.
    fn undo(&self) -> impl FnOnce(&mut dyn Database) + Send + 'static {
        let (digest, owner) = (self.digest.clone(), self.owner.clone());
        move |database| {
            // Nobody can be told any more; the lease will expire.
            let _ = database.run(&FREE, &[Some(&digest), Some(&owner)]);
        }
    }
}

impl<C: Connect> Held for Mine<'_, C> {
    fn hand_over(&mut self, message_id: &str) -> Result<(), StoreError> {
        let (lease, expires) = (self.table.lease(1), later(now(), self.table.lifetime));
        let values = vec![lease.to_string(), expires.to_string(), message_id.to_owned()];
        self.change(&BEGIN, values, self.undo())
    }

    fn settle(&mut self, outcome: &Outcome) -> Result<(), StoreError> {
        self.change(&END, vec![outcome.write()], |_| ())
    }

    fn free(&mut self) -> Result<(), StoreError> {
        self.change(&FREE, Vec::new(), |_| ())
    }
}

fn later(now: i64, wait: Duration) -> i64 {
    now.saturating_add(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
}

fn failed(error: DatabaseError) -> StoreError {
    StoreError(format!("the database cannot hold a key: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(owner: &str, step: &str, lease: i64, expires: i64, outcome: Option<&str>) -> Row {
        let values = [Some("content"), Some(owner), Some(step), Some(&lease.to_string()), Some(&expires.to_string())]
            .map(|value| value.map(str::to_owned));
        let ended = [(step != "claimed").then(|| "<a@b>".to_owned()), outcome.map(str::to_owned)];
        Row(values.into_iter().chain(ended).collect())
    }

    #[test]
    fn a_row_says_who_may_have_the_key_and_what_came_of_it() {
        const NOW: i64 = 1000;
        let ended = |outcome| There::Ended(Ended { message_id: "<a@b>".into(), outcome });
        let dead = |step: &str| There::Dead { owner: "other".into(), step: step.into() };
        let accepted = Outcome::Accepted { status_url: None };
        for (found, expected) in [
            (row("me", "claimed", 0, 0, None), There::Mine),
            (row("other", "claimed", 1001, 1001, None), There::Running),
            (row("other", "claimed", 1000, 1000, None), dead("claimed")),
            (row("other", "begun", 1001, 9999, None), There::Running),
            (row("other", "begun", 1000, 9999, None), ended(Outcome::DIED)),
            (row("other", "begun", 1000, 1000, None), dead("begun")),
            (row("other", "ended", 1001, 9999, Some("accepted")), ended(accepted.clone())),
            (row("other", "ended", 0, 9999, Some("accepted")), ended(accepted)),
            (row("other", "ended", 0, 1000, Some("accepted")), dead("ended")),
            (row("other", "ended", 0, 9999, Some("lost")), There::Foreign),
            (row("other", "ended", 0, 9999, None), There::Foreign),
            (row("other", "held", 9999, 9999, None), There::Foreign),
        ] {
            assert_eq!(judge(&found, Some("me"), Some("content"), NOW), expected, "{found:?}");
        }
        let settled = row("other", "ended", 0, 9999, Some("accepted"));
        assert_eq!(judge(&settled, Some("me"), Some("other content"), NOW), There::Other);
    }
}
