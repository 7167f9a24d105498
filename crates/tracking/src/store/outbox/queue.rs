//! Taking events out: whoever sends one has it alone for [`LEASE`] seconds, then says what came of it. One who died holds nothing up for longer.
#![forbid(unsafe_code)]

use sql::transaction;
use sql::{Database, DatabaseError, Dialect, Row, Statement};

/// For so many seconds an event belongs to the one who took it; longer than an attempt lasts.
pub const LEASE: i64 = 60;
/// For so many seconds nothing more is sent to a receiver that cannot be reached: others shall not wait for it.
pub const PAUSE: i64 = 30;
/// The longest pause that a receiver can ask for, in seconds.
const MAX_PAUSE: i64 = 24 * 60 * 60;

/// Seconds from one attempt to the next (Standard Webhooks 1.0, "Retry schedule"), the last again and again.
const BACKOFF: [i64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// An event that is ours to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The webhook-id.
    pub id: String,
    /// The id of the hook.
    pub hook: String,
    /// Where to.
    pub url: String,
    /// Where the secrets are.
    pub secret_file: String,
    /// The address may be a private one.
    pub internal: bool,
    /// JSON.
    pub body: String,
    attempts: usize,
    expires: i64,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken,
    /// 410: the receiver wants no more.
    Gone,
    /// It answered something else; how long it wants to be left alone, in seconds.
    Refused(String, Option<i64>),
    /// It could not be reached, or did not answer.
    Unreachable(String),
    /// It was not tried, for a reason that the administrator can mend.
    Untried(String),
}

/// What becomes of an event after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing more.
    Done,
    /// The hook is disabled, and the event waits with it.
    Disabled,
    /// It is tried again at this time.
    Again(i64),
    /// It is given up.
    Dead,
}

macro_rules! due {
    ($name:literal, $lock:literal) => {
        Statement {
            name: $name,
            sql: match std::ffi::CStr::from_bytes_with_nul(concat!(
                "SELECT o.id, o.webhook, w.url, w.secret_file, w.internal, o.body, o.attempts, o.expires FROM outbox o JOIN webhook w ON w.id = o.webhook ",
                "WHERE o.dead = 0 AND o.due <= %lld AND w.enabled = 1 AND w.paused_until <= %lld ORDER BY o.due LIMIT 1", $lock, "\0").as_bytes()) {
                Ok(sql) => sql,
                Err(_) => panic!("a NUL at the end alone"),
            },
            columns: 8,
        }
    };
}
const DUE: Statement = due!(c"dsn_due", "");
/// Of several runners none waits for another.
const DUE_LOCKED: Statement = due!(c"dsn_due_locked", " FOR UPDATE OF o SKIP LOCKED");
const CLAIM: Statement = Statement {
    name: c"dsn_claim",
    sql: c"UPDATE outbox SET runner = %s, due = %lld WHERE id = %s AND webhook = %s",
    columns: 0,
};
const TAKEN: Statement = Statement {
    name: c"dsn_taken",
    sql: c"DELETE FROM outbox WHERE id = %s AND webhook = %s AND runner = %s",
    columns: 0,
};
const AGAIN: Statement = Statement {
    name: c"dsn_again",
    sql: c"UPDATE outbox SET runner = NULL, attempts = attempts + %lld, due = %lld, dead = %lld WHERE id = %s AND webhook = %s AND runner = %s",
    columns: 0,
};
const ANSWERED: Statement = Statement {
    name: c"dsn_answered",
    sql: c"UPDATE webhook SET answered = %lld, complaint = NULL, paused_until = 0 WHERE id = %s",
    columns: 0,
};
const COMPLAIN: Statement = Statement {
    name: c"dsn_complain",
    sql: c"UPDATE webhook SET complaint = %s, paused_until = %lld WHERE id = %s",
    columns: 0,
};
const DISABLE: Statement = Statement {
    name: c"dsn_disable",
    sql: c"UPDATE webhook SET enabled = 0, complaint = %s WHERE id = %s",
    columns: 0,
};

/// The event that has waited longest and may be sent now; it is then `runner`'s for [`LEASE`] seconds.
pub fn claim<D: Database>(database: &mut D, runner: &str, now: i64) -> Result<Option<Attempt>, DatabaseError> {
    let now_text = now.to_string();
    // Mostly there is nothing; then nobody who writes is made to wait.
    if database.select(&DUE, &[Some(&now_text), Some(&now_text)])?.is_empty() {
        return Ok(None);
    }
    let statement = match database.dialect() {
        Dialect::Postgres => &DUE_LOCKED,
        Dialect::Sqlite => &DUE,
    };
    transaction(database, |database| {
        let rows = database.select(statement, &[Some(&now_text), Some(&now_text)])?;
        let Some(attempt) = rows.first().map(attempt) else { return Ok(None) };
        let until = (now + LEASE).to_string();
        database.run(&CLAIM, &[Some(runner), Some(&until), Some(&attempt.id), Some(&attempt.hook)])?;
        Ok(Some(attempt))
    })
}

fn attempt(row: &Row) -> Attempt {
    Attempt {
        id: row.text(0),
        hook: row.text(1),
        url: row.text(2),
        secret_file: row.text(3),
        internal: row.number(4) == 1,
        body: row.text(5),
        attempts: usize::try_from(row.number(6)).unwrap_or(0),
        expires: row.number(7),
    }
}

/// Writes down what came of an attempt of `runner`'s. If the event is somebody else's by now, his word counts.
pub fn settle<D: Database>(
    database: &mut D,
    runner: &str,
    attempt: &Attempt,
    outcome: &Outcome,
    now: i64,
) -> Result<Next, DatabaseError> {
    let next = next(attempt, outcome, now);
    let (hook, now_text) = (attempt.hook.as_str(), now.to_string());
    let row = [Some(attempt.id.as_str()), Some(hook), Some(runner)];
    let (tried, due, dead) = match next {
        Next::Done => ("1", now, "0"),
        Next::Disabled => ("1", now, "0"),
        Next::Again(due) => (if matches!(outcome, Outcome::Untried(_)) { "0" } else { "1" }, due, "0"),
        Next::Dead => ("1", now, "1"),
    };
    transaction(database, |database| {
        if next == Next::Done {
            database.run(&TAKEN, &row)?;
        } else {
            let due = due.to_string();
            database.run(&AGAIN, &[Some(tried), Some(&due), Some(dead), row[0], row[1], row[2]])?;
        }
        match outcome {
            Outcome::Taken => database.run(&ANSWERED, &[Some(&now_text), Some(hook)]),
            Outcome::Gone => database.run(&DISABLE, &[Some(GONE), Some(hook)]),
            Outcome::Refused(words, wait) => {
                let until = now + wait.unwrap_or(0).clamp(0, MAX_PAUSE);
                database.run(&COMPLAIN, &[Some(words), Some(&until.to_string()), Some(hook)])
            }
            Outcome::Unreachable(words) | Outcome::Untried(words) => {
                database.run(&COMPLAIN, &[Some(words), Some(&(now + PAUSE).to_string()), Some(hook)])
            }
        }
    })?;
    Ok(next)
}

const GONE: &str = "the receiver answered 410 Gone and wants no more";

fn next(attempt: &Attempt, outcome: &Outcome, now: i64) -> Next {
    let wait = match outcome {
        Outcome::Taken => return Next::Done,
        Outcome::Gone => return Next::Disabled,
        Outcome::Untried(_) => PAUSE,
        Outcome::Unreachable(_) => backoff(attempt),
        Outcome::Refused(_, wait) => backoff(attempt).max(wait.unwrap_or(0).clamp(0, MAX_PAUSE)),
    };
    match now < attempt.expires {
        // The last attempt is made when its time has come, not a day before.
        true => Next::Again((now + wait).min(attempt.expires.max(now + BACKOFF[0]))),
        false => Next::Dead,
    }
}

/// Seconds until the next attempt, up to a tenth more, another part for each event: what failed together does not come back together.
fn backoff(attempt: &Attempt) -> i64 {
    let seconds = BACKOFF[attempt.attempts.min(BACKOFF.len() - 1)];
    let spread = attempt.id.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 1000);
    seconds + seconds * spread / 10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(attempts: usize, expires: i64) -> Attempt {
        let text = || "x".to_owned();
        Attempt {
            id: "msg_0".into(),
            hook: text(),
            url: text(),
            secret_file: text(),
            internal: false,
            body: text(),
            attempts,
            expires,
        }
    }

    #[test]
    fn the_pauses_grow_from_five_seconds_to_a_day_and_end_after_five_days() {
        let refused = |wait| Outcome::Refused("500".into(), wait);
        let (mut now, mut tried, mut pauses) = (1000, 0, Vec::new());
        let expires = now + 5 * 86_400;
        while let Next::Again(due) = next(&attempt(tried, expires), &refused(None), now) {
            pauses.push(due - now);
            (now, tried) = (due, tried + 1);
        }
        assert!((5..=6).contains(&pauses[0]) && pauses.iter().all(|pause| *pause <= 95_040), "{pauses:?}");
        assert!(pauses[..9].is_sorted() && pauses.len() >= 9, "{pauses:?}");
        assert_eq!(now, expires, "the last attempt is made when five days are over");
    }

    #[test]
    fn a_receiver_is_left_alone_for_as_long_as_it_asks_up_to_a_day() {
        for (wait, expected) in
            [(None, 5..=6), (Some(120), 120..=120), (Some(-5), 5..=6), (Some(i64::MAX), 86_400..=86_400)]
        {
            let Next::Again(due) = next(&attempt(0, 1_000_000), &Outcome::Refused("429".into(), wait), 0) else {
                panic!("{wait:?}")
            };
            assert!(expected.contains(&due), "{wait:?}: {due}");
        }
    }

    #[test]
    fn what_was_not_tried_is_tried_until_its_time_is_over() {
        let untried = Outcome::Untried("no secret".into());
        assert_eq!(next(&attempt(0, 1000), &untried, 0), Next::Again(PAUSE));
        assert_eq!(next(&attempt(0, 1000), &untried, 1000), Next::Dead);
        assert_eq!(next(&attempt(0, 1000), &Outcome::Gone, 2000), Next::Disabled);
        assert_eq!(next(&attempt(8, 1000), &Outcome::Taken, 2000), Next::Done);
    }
}
