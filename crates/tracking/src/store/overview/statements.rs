//! The statements of the overview: one for each order, for one owner and for all. What does not lead is compared row by row.
#![forbid(unsafe_code)]

use super::Order;
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
macro_rules! by_octets {
    () => {
        "r.address COLLATE \"C\", r.position DESC"
    };
}

/// A page in this order.
#[rustfmt::skip]
pub(super) fn list(order: Order, is_all: bool, dialect: Dialect) -> &'static Statement {
    match (order, is_all, dialect) {
        (Order::Address, false, Dialect::Sqlite) => list!(c"dsn_list_address", own!(), sqlite!(), "r.address, r.position DESC"),
        (Order::Address, true, Dialect::Sqlite) => list!(c"dsn_list_address_all", all!(), sqlite!(), "r.address, r.position DESC"),
        (Order::Address, false, Dialect::Postgres) => list!(c"dsn_list_octets", own!(), postgres!(), by_octets!()),
        (Order::Address, true, Dialect::Postgres) => list!(c"dsn_list_octets_all", all!(), postgres!(), by_octets!()),
        (Order::Domain, false, _) => list!(c"dsn_list_domain", own!(), " AND r.domain = %s", newest!()),
        (Order::Domain, true, _) => list!(c"dsn_list_domain_all", all!(), " AND r.domain = %s", newest!()),
        (Order::Sender, false, _) => list!(c"dsn_list_sender", own!(), " AND r.sender = %s", newest!()),
        (Order::Sender, true, _) => list!(c"dsn_list_sender_all", all!(), " AND r.sender = %s", newest!()),
        (Order::State, false, _) => list!(c"dsn_list_state", own!(), " AND r.state = %s", newest!()),
        (Order::State, true, _) => list!(c"dsn_list_state_all", all!(), " AND r.state = %s", newest!()),
        (Order::Time, false, _) => list!(c"dsn_list", own!(), "", newest!()),
        (Order::Time, true, _) => list!(c"dsn_list_all", all!(), "", newest!()),
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

// A number tells nothing of anybody; the index need not be left for it. The place is bound all the same.
macro_rules! anybody {
    () => {
        "%s <> ''"
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

/// Domains and states of the newest.
pub(super) fn domains(is_all: bool) -> &'static Statement {
    if is_all { domains!(c"dsn_domains_all", all!()) } else { domains!(c"dsn_domains", own!()) }
}
