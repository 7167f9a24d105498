//! What a connection must be able to do, and how it fails.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::fmt;

/// A statement with a place (`%s`, `%lld`) for each value, in APR DBD's notation.
#[derive(Debug)]
pub struct Statement {
    /// Names it on its connection.
    pub name: &'static CStr,
    /// The SQL.
    pub sql: &'static CStr,
    /// How many columns a row of its result has.
    pub columns: usize,
}

/// A row of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Option<String>>);

impl Row {
    pub(super) fn text(&self, column: usize) -> String {
        self.optional(column).unwrap_or_default()
    }

    pub(super) fn optional(&self, column: usize) -> Option<String> {
        self.0.get(column).cloned().flatten()
    }

    pub(super) fn number(&self, column: usize) -> i64 {
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
    /// Runs text that holds no value of anybody's.
    fn execute(&mut self, sql: &CStr) -> Result<(), DatabaseError>;
    /// Runs a statement; how many rows it changed.
    fn run(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<u64, DatabaseError>;
    /// Runs a statement that answers with rows.
    fn select(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<Vec<Row>, DatabaseError>;
}

/// Runs `work` as one transaction: all of it is kept or none.
pub(super) fn transaction<D: Database, T>(
    database: &mut D,
    work: impl FnOnce(&mut D) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    // A transaction of SQLite that begins by reading cannot wait for its turn to write.
    database.execute(match database.dialect() {
        Dialect::Sqlite => c"BEGIN IMMEDIATE",
        Dialect::Postgres => c"BEGIN",
    })?;
    let outcome = work(database).and_then(|value| database.execute(c"COMMIT").map(|()| value));
    if outcome.is_err() {
        // A connection that is gone has rolled back by itself.
        let _ = database.execute(c"ROLLBACK");
    }
    outcome
}

/// What kind of help an error needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Needs the administrator.
    Misconfigured,
    /// The tables are not there.
    NoSchema,
    /// Down, locked or broken for now.
    Unavailable,
}

/// Why the database did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseError {
    /// What kind of help it needs.
    pub kind: ErrorKind,
    text: String,
}

impl DatabaseError {
    /// Nothing will help but another configuration.
    pub fn misconfigured(text: String) -> Self {
        DatabaseError { kind: ErrorKind::Misconfigured, text }
    }

    /// Try again later.
    pub fn unavailable(text: String) -> Self {
        DatabaseError { kind: ErrorKind::Unavailable, text }
    }

    /// The tables are missing or not of the version this program knows.
    pub fn no_schema(text: String) -> Self {
        DatabaseError { kind: ErrorKind::NoSchema, text }
    }

    /// A statement failed with these words of the database.
    pub fn failed(text: String, words: &str) -> Self {
        let missing = words.contains("no such table") || words.contains("does not exist");
        DatabaseError { kind: if missing { ErrorKind::NoSchema } else { ErrorKind::Unavailable }, text }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.kind == ErrorKind::NoSchema {
            f.write_str("; run processdsn --init with the same --driver and --params")?;
        }
        Ok(())
    }
}

impl std::error::Error for DatabaseError {}
