//! What a database connection must be able to do, and how it fails.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::fmt;

/// A statement with a place (`%s`, `%lld`) for each value, in APR DBD's notation.
#[derive(Debug)]
pub struct Statement {
    /// Identifies it on its connection.
    pub name: &'static CStr,
    /// The SQL.
    pub sql: &'static CStr,
    /// The number of columns in its result.
    pub columns: usize,
}

/// A row of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Option<String>>);

impl Row {
    /// The text of a column, empty for NULL.
    pub fn text(&self, column: usize) -> String {
        self.optional(column).unwrap_or_default()
    }

    /// The text of a column, `None` for NULL.
    pub fn optional(&self, column: usize) -> Option<String> {
        self.0.get(column).cloned().flatten()
    }

    /// The number in a column, 0 for NULL.
    pub fn number(&self, column: usize) -> i64 {
        self.0.get(column).and_then(|text| text.as_deref()?.parse().ok()).unwrap_or(0)
    }
}

/// Where the SQL of two databases differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// A connection.
pub trait Database {
    /// Which SQL it understands.
    fn dialect(&self) -> Dialect;
    /// Runs SQL text that contains no foreign values.
    fn execute(&mut self, sql: &CStr) -> Result<(), DatabaseError>;
    /// Runs a statement; returns how many rows it changed.
    fn run(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<u64, DatabaseError>;
    /// Runs a statement that returns rows.
    fn select(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<Vec<Row>, DatabaseError>;
}

/// Runs `work` as one transaction: all of it is kept, or none, also after a panic, since the connection goes on to serve others.
pub fn transaction<D: Database, T>(
    database: &mut D,
    work: impl FnOnce(&mut D) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    // A SQLite transaction that begins by reading cannot wait for its turn to write.
    database.execute(match database.dialect() {
        Dialect::Sqlite => c"BEGIN IMMEDIATE",
        Dialect::Postgres => c"BEGIN",
    })?;
    let open = Open(database);
    let value = work(open.0)?;
    open.0.execute(c"COMMIT")?;
    // Nothing is left to roll back.
    std::mem::forget(open);
    Ok(value)
}

/// A transaction, rolled back when it is dropped.
struct Open<'d, D: Database>(&'d mut D);

impl<D: Database> Drop for Open<'_, D> {
    fn drop(&mut self) {
        // A connection that is gone has rolled back by itself.
        let _ = self.0.execute(c"ROLLBACK");
    }
}

/// What an error needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Needs the administrator.
    Misconfigured,
    /// The tables are not there.
    NoSchema,
    /// Down, locked or broken at the moment.
    Unavailable,
}

/// Why the database failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseError {
    /// What it needs.
    pub kind: ErrorKind,
    text: String,
    remedy: Option<&'static str>,
}

const INIT: &str = "run processdsn --init with the same --driver and --params";
const PERMISSIONS: &str = "the user who runs this must be able to write the file and its folder";

/// What a database's error texts mean; SQLite's are always English. Anything not listed counts as down, locked or broken at the moment.
const REMEDIES: &[(&str, ErrorKind, &str)] = &[
    ("no such table", ErrorKind::NoSchema, INIT),
    ("no such column", ErrorKind::NoSchema, INIT),
    ("has no column named", ErrorKind::NoSchema, INIT),
    ("does not exist", ErrorKind::NoSchema, INIT),
    ("file is not a database", ErrorKind::Misconfigured, "name another file, or move this one away"),
    ("readonly database", ErrorKind::Unavailable, PERMISSIONS),
    ("unable to open database file", ErrorKind::Unavailable, PERMISSIONS),
];

impl DatabaseError {
    /// Only another configuration helps.
    pub fn misconfigured(text: String) -> Self {
        DatabaseError { kind: ErrorKind::Misconfigured, text, remedy: None }
    }

    /// Try again later.
    pub fn unavailable(text: String) -> Self {
        DatabaseError { kind: ErrorKind::Unavailable, text, remedy: None }
    }

    /// The tables are missing or older than this program.
    pub fn no_schema(text: String) -> Self {
        DatabaseError { kind: ErrorKind::NoSchema, text, remedy: Some(INIT) }
    }

    /// There is no connection; the driver says why.
    pub fn not_connected(words: &str) -> Self {
        let words = words.trim();
        if words.contains("missing \"=\"") || words.contains("invalid connection option") {
            return DatabaseError::misconfigured(words.to_owned());
        }
        // A missing database or role must be created by somebody; missing tables are not the problem.
        let remedy = words.contains("unable to open database file").then_some(PERMISSIONS);
        DatabaseError { kind: ErrorKind::Unavailable, text: words.to_owned(), remedy }
    }

    /// A statement failed; `words` is the database's error text.
    pub fn failed(statement: &str, words: &str) -> Self {
        // The first line says what is wrong. The next one (PostgreSQL's DETAIL) repeats the values of a row, which include recipients.
        let text = format!("{statement}: {}", words.trim().lines().next().unwrap_or_default());
        match REMEDIES.iter().find(|(part, ..)| words.contains(part)) {
            Some((_, kind, remedy)) => DatabaseError { kind: *kind, text, remedy: Some(remedy) },
            None => DatabaseError::unavailable(text),
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.remedy.map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

impl std::error::Error for DatabaseError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// Records the calls; fails at COMMIT if told to.
    struct Recorder(Vec<String>, bool);

    impl Database for Recorder {
        fn dialect(&self) -> Dialect {
            Dialect::Postgres
        }

        fn execute(&mut self, sql: &CStr) -> Result<(), DatabaseError> {
            self.0.push(sql.to_str().unwrap().to_owned());
            if self.1 && sql == c"COMMIT" { Err(DatabaseError::unavailable("full".into())) } else { Ok(()) }
        }

        fn run(&mut self, _: &Statement, _: &[Option<&str>]) -> Result<u64, DatabaseError> {
            Ok(0)
        }

        fn select(&mut self, _: &Statement, _: &[Option<&str>]) -> Result<Vec<Row>, DatabaseError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn no_way_out_of_a_transaction_leaves_it_open() {
        let ends = |commit_fails: bool, work: fn() -> Result<(), DatabaseError>| {
            let mut database = Recorder(Vec::new(), commit_fails);
            let outcome = catch_unwind(AssertUnwindSafe(|| transaction(&mut database, |_| work())));
            (outcome.is_ok_and(|outcome| outcome.is_ok()), database.0.join(" "))
        };
        assert_eq!(ends(false, || Ok(())), (true, "BEGIN COMMIT".into()));
        assert_eq!(ends(true, || Ok(())), (false, "BEGIN COMMIT ROLLBACK".into()));
        assert_eq!(ends(false, || Err(DatabaseError::unavailable("no".into()))), (false, "BEGIN ROLLBACK".into()));
        assert_eq!(ends(false, || panic!("a fault of ours")), (false, "BEGIN ROLLBACK".into()));
    }

    #[test]
    fn an_error_says_what_helps() {
        for (words, kind, remedy) in [
            ("no such table: report", ErrorKind::NoSchema, "--init"),
            ("table message has no column named claim", ErrorKind::NoSchema, "--init"),
            ("no such column: claim", ErrorKind::NoSchema, "--init"),
            ("ERROR:  relation \"report\" does not exist\nLINE 1: ...\n", ErrorKind::NoSchema, "--init"),
            ("file is not a database", ErrorKind::Misconfigured, "another file"),
            ("attempt to write a readonly database", ErrorKind::Unavailable, "folder"),
            ("database is locked", ErrorKind::Unavailable, "locked"),
        ] {
            let error = DatabaseError::failed("dsn_insert_report", words);
            assert_eq!(error.kind, kind, "{words}");
            assert!(error.to_string().contains(remedy), "{error}");
        }
        let words =
            "ERROR:  duplicate key value\nDETAIL:  Key (envid, address)=(e, hidden@example.test) already exists.\n";
        assert_eq!(DatabaseError::failed("dsn_insert", words).to_string(), "dsn_insert: ERROR:  duplicate key value");
        for (words, kind) in [
            ("missing \"=\" after \"nonsense\" in connection info string\n", ErrorKind::Misconfigured),
            ("invalid connection option \"path\"\n", ErrorKind::Misconfigured),
            ("FATAL:  database \"dsn\" does not exist\n", ErrorKind::Unavailable),
            ("connection refused", ErrorKind::Unavailable),
        ] {
            assert_eq!(DatabaseError::not_connected(words).kind, kind, "{words}");
        }
    }
}
