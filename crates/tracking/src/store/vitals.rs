//! What a monitor wants to know of the tables: whether reports still come, and whether events still go.
#![forbid(unsafe_code)]

use sql::{Database, DatabaseError, Statement};

/// Signs of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// When the last report was stored, in seconds since 1970; `None`: never.
    pub last_report: Option<i64>,
    /// Events that wait to be sent.
    pub waiting: i64,
    /// Events that were given up.
    pub dead: i64,
}

const VITALS: Statement = Statement {
    name: c"dsn_vitals",
    sql: c"SELECT (SELECT MAX(received) FROM report), (SELECT COUNT(*) FROM outbox WHERE dead = 0), (SELECT COUNT(*) FROM outbox WHERE dead = 1)",
    columns: 3,
};

/// Reads them, each from an index.
pub fn vitals<D: Database>(database: &mut D) -> Result<Vitals, DatabaseError> {
    let rows = database.select(&VITALS, &[])?;
    let number = |column| rows.first().map_or(0, |row| row.number(column));
    let last_report = rows.first().and_then(|row| row.optional(0)).map(|_| number(0));
    Ok(Vitals { last_report, waiting: number(1), dead: number(2) })
}
