//! Creating, upgrading and emptying the tables.
#![forbid(unsafe_code)]

use super::outbox;
use sql::transaction;
use sql::{Database, DatabaseError, Dialect, ErrorKind, Statement};
use std::cmp::Ordering;
use std::ffi::CString;
use std::thread;
use std::time::{Duration, Instant};

/// The steps from nothing to the newest schema; step n leads to version n + 1.
const STEPS: &[Step] = &[
    Step::same(include_str!("../../../../conf/processdsn/schema-1.sql")),
    Step::same(include_str!("../../../../conf/processdsn/schema-2.sql")),
    Step::same(include_str!("../../../../conf/processdsn/schema-3.sql")),
    Step {
        both: include_str!("../../../../conf/processdsn/schema-4.sql"),
        sqlite: include_str!("../../../../conf/processdsn/schema-4-sqlite.sql"),
        postgres: include_str!("../../../../conf/processdsn/schema-4-postgres.sql"),
    },
    Step::same(include_str!("../../../../conf/processdsn/schema-5.sql")),
    Step::same(include_str!("../../../../conf/processdsn/schema-6.sql")),
];

/// Statements that lead from one version to the next: those both databases understand, then those of one of them.
struct Step {
    both: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl Step {
    const fn same(both: &'static str) -> Self {
        Step { both, sqlite: "", postgres: "" }
    }

    fn statements(&self, dialect: Dialect) -> impl Iterator<Item = String> {
        let own = match dialect {
            Dialect::Postgres => self.postgres,
            Dialect::Sqlite => self.sqlite,
        };
        statements(self.both).chain(statements(own))
    }
}

const VERSION: Statement =
    Statement { name: c"dsn_version", sql: c"SELECT MAX(version) FROM processdsn_schema", columns: 1 };

/// Says where PostgreSQL has the tables, without an error that would end a transaction and in no language.
const EXISTS: Statement =
    Statement { name: c"dsn_exists", sql: c"SELECT 1 WHERE to_regclass('processdsn_schema') IS NOT NULL", columns: 1 };
const ENCODING: Statement =
    Statement { name: c"dsn_encoding", sql: c"SELECT current_setting('server_encoding')", columns: 1 };

/// Creates the tables or brings them up to date; what version they had and have.
pub fn init<D: Database>(database: &mut D) -> Result<(usize, usize), DatabaseError> {
    match database.dialect() {
        // Readers then do not wait for writers; the mode stays with the file.
        Dialect::Sqlite => database.execute(c"PRAGMA journal_mode=WAL")?,
        Dialect::Postgres => {
            let encoding = database.select(&ENCODING, &[])?.first().map(|row| row.text(0)).unwrap_or_default();
            if encoding != "UTF8" {
                let text =
                    format!("the database has the encoding {encoding}; make one with createdb -E UTF8 -T template0");
                return Err(DatabaseError::misconfigured(text));
            }
        }
    }
    transaction(database, |database| {
        if database.dialect() == Dialect::Postgres {
            // One at a time; the number is any that nobody else uses.
            database.execute(c"SELECT pg_advisory_xact_lock(3464)")?;
        }
        let found = match version(database) {
            Ok(version) => version,
            Err(error) if error.kind == ErrorKind::NoSchema => 0,
            Err(error) => return Err(error),
        };
        let dialect = database.dialect();
        for statement in STEPS.get(found..).unwrap_or_default().iter().flat_map(|step| step.statements(dialect)) {
            let statement = CString::new(statement).map_err(|error| DatabaseError::misconfigured(error.to_string()))?;
            database.execute(&statement)?;
        }
        Ok((found, found.max(STEPS.len())))
    })
}

/// Fails where the tables are missing, old or newer than this program.
pub fn check<D: Database>(database: &mut D) -> Result<(), DatabaseError> {
    let (found, known) = (version(database)?, STEPS.len());
    match found.cmp(&known) {
        Ordering::Equal => Ok(()),
        Ordering::Less => {
            Err(DatabaseError::no_schema(format!("the tables have version {found}, this program needs {known}")))
        }
        Ordering::Greater => {
            let text = format!("the tables have version {found}, this program knows {known}; use the newer one");
            Err(DatabaseError::misconfigured(text))
        }
    }
}

/// The error, or the better reason that the tables are not those this program knows.
pub(super) fn explain<D: Database>(database: &mut D, error: DatabaseError) -> DatabaseError {
    match check(database) {
        Err(reason) if reason.kind != ErrorKind::Unavailable => reason,
        _ => error,
    }
}

fn version<D: Database>(database: &mut D) -> Result<usize, DatabaseError> {
    if database.dialect() == Dialect::Postgres && database.select(&EXISTS, &[])?.is_empty() {
        return Err(DatabaseError::no_schema("the database has no tables of ours".into()));
    }
    let rows = database.select(&VERSION, &[])?;
    Ok(rows.first().map_or(0, |row| usize::try_from(row.number(0)).unwrap_or(0)))
}

/// A file cut at its semicolons, comments left out. No statement of ours holds either inside a string.
fn statements(file: &str) -> impl Iterator<Item = String> + '_ {
    let lines = file.lines().map(|line| line.split("--").next().unwrap_or_default());
    let text: Vec<&str> = lines.collect();
    let statements: Vec<String> =
        text.join("\n").split(';').map(|statement| statement.trim().to_owned()).filter(|s| !s.is_empty()).collect();
    statements.into_iter()
}

const LOCK_OLD: Statement = Statement {
    name: c"dsn_lock_old",
    sql: c"SELECT envid FROM message WHERE submitted < %lld FOR UPDATE",
    columns: 1,
};
const OLD_EVENTS: Statement = Statement {
    name: c"dsn_old_events",
    sql: c"DELETE FROM event WHERE envid IN (SELECT envid FROM message WHERE submitted < %lld)",
    columns: 0,
};
const OLD_RECIPIENTS: Statement = Statement {
    name: c"dsn_old_recipients",
    sql: c"DELETE FROM recipient WHERE envid IN (SELECT envid FROM message WHERE submitted < %lld)",
    columns: 0,
};
const OLD_MESSAGES: Statement =
    Statement { name: c"dsn_old_messages", sql: c"DELETE FROM message WHERE submitted < %lld", columns: 0 };
const OLD_REPORTS: Statement =
    Statement { name: c"dsn_old_reports", sql: c"DELETE FROM report WHERE received < %lld", columns: 0 };

const OLD_SUPPRESSIONS: Statement = Statement {
    name: c"dsn_old_suppressions",
    sql: c"DELETE FROM suppression WHERE cause = 'failed' AND last < %lld",
    columns: 0,
};

/// So many messages are forgotten in one transaction.
const AT_ONCE: i64 = 100;
/// Between two transactions others have their turn for as long as one lasted, and at most for so long.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

const STEP: Statement = Statement {
    name: c"dsn_expire_step",
    sql: c"SELECT submitted FROM message WHERE submitted < %lld ORDER BY submitted LIMIT 1 OFFSET %lld",
    columns: 1,
};

/// Forgets the messages submitted before `moment`, and all about them, the oldest first and some at a time: nobody who submits a message or stores
/// a report waits for long. How many there were.
pub fn expire<D: Database>(database: &mut D, moment: i64) -> Result<u64, DatabaseError> {
    let mut forgotten = 0;
    loop {
        let begun = Instant::now();
        let rows = database.select(&STEP, &[Some(&moment.to_string()), Some(&AT_ONCE.to_string())])?;
        let step = rows.first().map_or(moment, |row| moment.min(row.number(0) + 1));
        forgotten += expire_at_once(database, step)?;
        if step >= moment {
            return Ok(forgotten);
        }
        thread::sleep(begun.elapsed().min(LONGEST_PAUSE));
    }
}

fn expire_at_once<D: Database>(database: &mut D, moment: i64) -> Result<u64, DatabaseError> {
    let moment = moment.to_string();
    transaction(database, |database| {
        let moment = [Some(moment.as_str())];
        if database.dialect() == Dialect::Postgres {
            // A report that is being stored for one of them is either waited for, or comes too late and finds no message.
            database.select(&LOCK_OLD, &moment)?;
        }
        database.run(&OLD_EVENTS, &moment)?;
        database.run(&OLD_RECIPIENTS, &moment)?;
        database.run(&OLD_REPORTS, &moment)?;
        outbox::expire(database, moment[0].unwrap_or_default(), super::now())?;
        database.run(&OLD_SUPPRESSIONS, &moment)?;
        database.run(&OLD_MESSAGES, &moment)
    })
}
