//! The statements of the overview: one for each index that may lead, for one owner and for all. What does not lead is compared row by row.
#![forbid(unsafe_code)]

use super::Lead;
use sql::{Dialect, Statement};
use std::ffi::CStr;

/// What no owner is called: a login that begins with `?` is written in hexadecimal.
pub(super) const NO_OWNER: &str = "?nobody";

/// Text made of pieces -> SQL.
const fn sql(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(sql) => sql,
        Err(_) => panic!("SQL ends with its only NUL"),
    }
}

macro_rules! list {
    ($name:literal, $whose:expr, $leading:expr, $order:expr) => {
        const {
            &Statement {
            name: $name,
            sql: sql(concat!(
                "SELECT r.address, r.state, r.since, r.verified, r.reason, r.position, r.heard, m.message_id, m.sender, m.submitted, r.owner ",
                "FROM recipient r CROSS JOIN message m WHERE m.envid = r.envid AND ", $whose, $leading,
                " AND r.position < %lld AND r.position >= %lld AND r.heard >= %lld AND r.heard < %lld",
                " AND (%s = '' OR r.sender = %s) AND (%s = '' OR r.domain = %s) AND (%s = '' OR r.state = %s)",
                // Whether the text holds another, in words of both databases.
                " AND (%s = '' OR replace(m.tags, %s, '') <> m.tags OR replace(m.tags, %s, '') <> m.tags)",
                " ORDER BY ", $order, " LIMIT %lld\0"
            )),
            columns: 11,
        } }
    };
}

macro_rules! own {
    () => {
        "r.owner = %s"
    };
}
// Recipients from Bcc are shown to their owner alone.
macro_rules! all {
    () => {
        "(r.hidden = 0 OR COALESCE(r.owner, '') = %s)"
    };
}
// A number tells nothing of anybody; the index need not be left for it. The place is bound all the same.
macro_rules! anybody {
    () => {
        "%s <> ''"
    };
}
macro_rules! newest {
    () => {
        "r.position DESC"
    };
}
macro_rules! sqlite {
    () => {
        " AND r.address >= %s AND r.address < %s AND (r.address > %s OR r.position < %lld)"
    };
}
macro_rules! postgres {
    () => { " AND r.address COLLATE \"C\" >= %s AND r.address COLLATE \"C\" < %s AND (r.address COLLATE \"C\" > %s OR r.position < %lld)" };
}
// The plus keeps SQLite from the index of addresses. PostgreSQL knows by itself how many rows there are.
macro_rules! sqlite_sorted {
    () => {
        " AND +r.address >= %s AND +r.address < %s AND (+r.address > %s OR r.position < %lld)"
    };
}
macro_rules! by_sorting {
    () => {
        "+r.address, r.position DESC"
    };
}
macro_rules! by_octets {
    () => {
        "r.address COLLATE \"C\", r.position DESC"
    };
}

/// A page in the order of time or, where `lead` is the address, of addresses.
#[rustfmt::skip]
pub(super) fn list(lead: Lead, is_all: bool, dialect: Dialect) -> &'static Statement {
    match (lead, is_all, dialect) {
        (Lead::Address, false, Dialect::Sqlite) => list!(c"dsn_list_address", own!(), sqlite!(), "r.address, r.position DESC"),
        (Lead::Address, true, Dialect::Sqlite) => list!(c"dsn_list_address_all", all!(), sqlite!(), "r.address, r.position DESC"),
        (Lead::Address, false, Dialect::Postgres) => list!(c"dsn_list_octets", own!(), postgres!(), by_octets!()),
        (Lead::Address, true, Dialect::Postgres) => list!(c"dsn_list_octets_all", all!(), postgres!(), by_octets!()),
        (Lead::Domain, false, _) => list!(c"dsn_list_domain", own!(), " AND r.domain = %s", newest!()),
        (Lead::Domain, true, _) => list!(c"dsn_list_domain_all", all!(), " AND r.domain = %s", newest!()),
        (Lead::Sender, false, _) => list!(c"dsn_list_sender", own!(), " AND r.sender = %s", newest!()),
        (Lead::Sender, true, _) => list!(c"dsn_list_sender_all", all!(), " AND r.sender = %s", newest!()),
        (Lead::State, false, _) => list!(c"dsn_list_state", own!(), " AND r.state = %s", newest!()),
        (Lead::State, true, _) => list!(c"dsn_list_state_all", all!(), " AND r.state = %s", newest!()),
        (Lead::Time, false, _) => list!(c"dsn_list", own!(), "", newest!()),
        (Lead::Time, true, _) => list!(c"dsn_list_all", all!(), "", newest!()),
    }
}

/// A page in the order of addresses where another index leads to few rows, which are then sorted.
#[rustfmt::skip]
pub(super) fn sorted(lead: Lead, is_all: bool, dialect: Dialect) -> &'static Statement {
    match (lead, is_all, dialect) {
        (Lead::Address, ..) => list(lead, is_all, dialect),
        (Lead::Domain, false, Dialect::Sqlite) => list!(c"dsn_sorted_domain", own!(), concat!(" AND r.domain = %s", sqlite_sorted!()), by_sorting!()),
        (Lead::Domain, true, Dialect::Sqlite) => list!(c"dsn_sorted_domain_all", all!(), concat!(" AND r.domain = %s", sqlite_sorted!()), by_sorting!()),
        (Lead::Domain, false, Dialect::Postgres) => list!(c"dsn_octets_domain", own!(), concat!(" AND r.domain = %s", postgres!()), by_octets!()),
        (Lead::Domain, true, Dialect::Postgres) => list!(c"dsn_octets_domain_all", all!(), concat!(" AND r.domain = %s", postgres!()), by_octets!()),
        (Lead::Sender, false, Dialect::Sqlite) => list!(c"dsn_sorted_sender", own!(), concat!(" AND r.sender = %s", sqlite_sorted!()), by_sorting!()),
        (Lead::Sender, true, Dialect::Sqlite) => list!(c"dsn_sorted_sender_all", all!(), concat!(" AND r.sender = %s", sqlite_sorted!()), by_sorting!()),
        (Lead::Sender, false, Dialect::Postgres) => list!(c"dsn_octets_sender", own!(), concat!(" AND r.sender = %s", postgres!()), by_octets!()),
        (Lead::Sender, true, Dialect::Postgres) => list!(c"dsn_octets_sender_all", all!(), concat!(" AND r.sender = %s", postgres!()), by_octets!()),
        (Lead::State, false, Dialect::Sqlite) => list!(c"dsn_sorted_state", own!(), concat!(" AND r.state = %s", sqlite_sorted!()), by_sorting!()),
        (Lead::State, true, Dialect::Sqlite) => list!(c"dsn_sorted_state_all", all!(), concat!(" AND r.state = %s", sqlite_sorted!()), by_sorting!()),
        (Lead::State, false, Dialect::Postgres) => list!(c"dsn_octets_state", own!(), concat!(" AND r.state = %s", postgres!()), by_octets!()),
        (Lead::State, true, Dialect::Postgres) => list!(c"dsn_octets_state_all", all!(), concat!(" AND r.state = %s", postgres!()), by_octets!()),
        (Lead::Time, false, Dialect::Sqlite) => list!(c"dsn_sorted", own!(), sqlite_sorted!(), by_sorting!()),
        (Lead::Time, true, Dialect::Sqlite) => list!(c"dsn_sorted_all", all!(), sqlite_sorted!(), by_sorting!()),
        (Lead::Time, false, Dialect::Postgres) => list!(c"dsn_octets", own!(), postgres!(), by_octets!()),
        (Lead::Time, true, Dialect::Postgres) => list!(c"dsn_octets_all", all!(), postgres!(), by_octets!()),
    }
}

macro_rules! few {
    ($name:literal, $whose:expr, $leading:expr) => {
        const {
            &Statement {
                name: $name,
                sql: sql(concat!(
                    "SELECT COUNT(*) FROM (SELECT 1 AS one FROM recipient r WHERE ",
                    $whose,
                    $leading,
                    " LIMIT %lld) AS few\0"
                )),
                columns: 1,
            }
        }
    };
}
macro_rules! within {
    () => {
        " AND r.position < %lld AND r.position >= %lld"
    };
}

/// How many rows an index leads to, as far as that is worth to be counted.
#[rustfmt::skip]
pub(super) fn few(lead: Lead, is_all: bool, dialect: Dialect) -> &'static Statement {
    match (lead, is_all, dialect) {
        (Lead::Address, false, Dialect::Sqlite) => few!(c"dsn_few_address", own!(), " AND r.address >= %s AND r.address < %s"),
        (Lead::Address, true, Dialect::Sqlite) => few!(c"dsn_few_address_all", anybody!(), " AND r.address >= %s AND r.address < %s"),
        (Lead::Address, false, Dialect::Postgres) => few!(c"dsn_few_octets", own!(), " AND r.address COLLATE \"C\" >= %s AND r.address COLLATE \"C\" < %s"),
        (Lead::Address, true, Dialect::Postgres) => few!(c"dsn_few_octets_all", anybody!(), " AND r.address COLLATE \"C\" >= %s AND r.address COLLATE \"C\" < %s"),
        (Lead::Domain, false, _) => few!(c"dsn_few_domain", own!(), concat!(" AND r.domain = %s", within!())),
        (Lead::Domain, true, _) => few!(c"dsn_few_domain_all", anybody!(), concat!(" AND r.domain = %s", within!())),
        (Lead::Sender, false, _) => few!(c"dsn_few_sender", own!(), concat!(" AND r.sender = %s", within!())),
        (Lead::Sender, true, _) => few!(c"dsn_few_sender_all", anybody!(), concat!(" AND r.sender = %s", within!())),
        (Lead::State, false, _) => few!(c"dsn_few_state", own!(), concat!(" AND r.state = %s", within!())),
        (Lead::State, true, _) => few!(c"dsn_few_state_all", anybody!(), concat!(" AND r.state = %s", within!())),
        (Lead::Time, false, _) => few!(c"dsn_few", own!(), within!()),
        (Lead::Time, true, _) => few!(c"dsn_few_all", anybody!(), within!()),
    }
}

macro_rules! count {
    ($name:literal, $silent:literal, $whose:expr) => {
        const {
            &Statement {
            name: $name,
            sql: sql(concat!(
                "SELECT COUNT(*), COALESCE(SUM(h), 0), COALESCE(SUM(d), 0), COALESCE(SUM(u), 0) FROM (SELECT ",
                "CASE WHEN r.position >= %lld THEN 1 ELSE 0 END AS h, CASE WHEN r.position >= %lld THEN 1 ELSE 0 END AS d, ",
                "CASE WHEN r.", $silent, " < %lld THEN 1 ELSE 0 END AS u ",
                "FROM recipient r WHERE ", $whose, " AND r.state = %s AND r.position >= %lld ORDER BY r.position DESC LIMIT %lld) AS newest\0"
            )),
            columns: 4,
        } }
    };
}

/// How many of a state there are within a week, an hour, a day, and of those of the week that nothing was heard of.
pub(super) fn count(by_heard: bool, is_all: bool) -> &'static Statement {
    match (by_heard, is_all) {
        (false, false) => count!(c"dsn_count", "position", own!()),
        (false, true) => count!(c"dsn_count_all", "position", anybody!()),
        (true, false) => count!(c"dsn_count_heard", "heard", own!()),
        (true, true) => count!(c"dsn_count_heard_all", "heard", anybody!()),
    }
}

macro_rules! domains {
    ($name:literal, $whose:expr) => {
        const {
            &Statement {
                name: $name,
                sql: sql(concat!(
                    "SELECT domain, state, COUNT(*) FROM (SELECT r.domain, r.state FROM recipient r WHERE ",
                    $whose,
                    " AND r.position >= %lld ORDER BY r.position DESC LIMIT %lld) AS newest GROUP BY domain, state\0"
                )),
                columns: 3,
            }
        }
    };
}

macro_rules! given_up {
    ($name:literal, $whose:expr) => {
        const {
            &Statement {
                name: $name,
                sql: sql(concat!(
                    "SELECT COUNT(*) FROM (SELECT 1 AS one FROM outbox o CROSS JOIN message r WHERE r.envid = o.envid AND o.dead = 1 AND ",
                    $whose,
                    " LIMIT 1000) AS dead\0"
                )),
                columns: 1,
            }
        }
    };
}

/// Events that were given up.
pub(super) fn given_up(is_all: bool) -> &'static Statement {
    if is_all { given_up!(c"dsn_given_up_all", anybody!()) } else { given_up!(c"dsn_given_up", own!()) }
}

/// Domains and states of the newest.
pub(super) fn domains(is_all: bool) -> &'static Statement {
    if is_all { domains!(c"dsn_domains_all", all!()) } else { domains!(c"dsn_domains", own!()) }
}
