//! Who is told of changes: hooks, as the administrator lists, adds and removes them.
#![forbid(unsafe_code)]

use super::Owner;
use super::outbox::{LIFETIME, TYPES};
use super::write::flag;
use sql::transaction;
use sql::{Database, DatabaseError, Row, Statement};
use web::authority::Authority;

/// What is told to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// What the administrator calls it by.
    pub id: String,
    /// Where events go to.
    pub url: Url,
    /// The file that holds its secrets.
    pub secret_file: String,
    /// What is told.
    pub events: Events,
    /// Whose messages are told of; `None`: everybody's.
    pub owner: Option<Owner>,
    /// Reports that nothing vouches for are told, too.
    pub unverified: bool,
    /// It may have a private address.
    pub internal: bool,
}

/// A hook in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What the administrator calls it by.
    pub id: String,
    /// Where events go to.
    pub url: String,
    /// The file that holds its secrets.
    pub secret_file: String,
    /// Types with a blank between; empty: all.
    pub events: String,
    /// Whose messages are told of; `None`: everybody's.
    pub owner: Option<String>,
    /// Reports that nothing vouches for are told, too.
    pub unverified: bool,
    /// It may have a private address.
    pub internal: bool,
    /// Events are written for it and sent to it.
    pub enabled: bool,
    /// When it took an event last, in seconds since 1970.
    pub answered: Option<i64>,
    /// Why it did not take the last one.
    pub complaint: Option<String>,
    /// Events that wait for it.
    pub waiting: u64,
    /// Events that were given up.
    pub dead: u64,
}

/// The URL of a hook: `https`, or `http` to an address of this network alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// Reads one. What it leads to is judged when it is connected to.
    pub fn parse(text: &str, internal: bool) -> Result<Url, String> {
        let wrong = |remedy: &str| Err(format!("'{text}' is no URL for a webhook: {remedy}"));
        let is_plain = |byte: u8| {
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
        };
        if !text.bytes().all(is_plain) || text.contains('#') {
            return wrong("write it percent-encoded and without a fragment");
        }
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") && internal => rest,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => {
                return wrong("events travel by https; http is for a private address, with --internal");
            }
            _ => return wrong("write it in full, as in https://app.example.org/hooks"),
        };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return wrong("leave out user and password; the signature says who sends");
        }
        if Authority::parse(authority).is_err() {
            return wrong("its host or port is missing or wrong");
        }
        Ok(Url(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which types of event are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events(Vec<&'static str>);

impl Events {
    /// Reads `email.bounced,email.delivered`, with or without `email.`; an empty list is all of them.
    pub fn parse(text: &str) -> Result<Events, String> {
        let one = |word: &str| {
            let found = TYPES.into_iter().find(|kind| *kind == word || kind.strip_prefix("email.") == Some(word));
            found.ok_or_else(|| format!("'{word}' is no event; there are {}", TYPES.join(", ")))
        };
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(one).collect::<Result<_, _>>().map(Events)
    }
}

const INSERT: Statement = Statement {
    name: c"dsn_insert_webhook",
    sql: c"INSERT INTO webhook (id, url, secret_file, events, owner, unverified, internal, enabled, paused_until) VALUES (%s, %s, %s, %s, %s, %lld, %lld, 1, 0)",
    columns: 0,
};
const LIST: Statement = Statement {
    name: c"dsn_webhooks",
    sql: c"SELECT w.id, w.url, w.secret_file, w.events, w.owner, w.unverified, w.internal, w.enabled, w.answered, w.complaint, (SELECT COUNT(*) FROM outbox o WHERE o.webhook = w.id AND o.dead = 0), (SELECT COUNT(*) FROM outbox o WHERE o.webhook = w.id AND o.dead = 1) FROM webhook w ORDER BY w.url, w.id",
    columns: 12,
};
const ENABLE: Statement = Statement {
    name: c"dsn_enable_webhook",
    sql: c"UPDATE webhook SET enabled = %lld, complaint = NULL, paused_until = 0 WHERE id = %s",
    columns: 0,
};
const REMOVE: Statement =
    Statement { name: c"dsn_remove_webhook", sql: c"DELETE FROM webhook WHERE id = %s", columns: 0 };
const REMOVE_EVENTS: Statement =
    Statement { name: c"dsn_remove_outbox", sql: c"DELETE FROM outbox WHERE webhook = %s", columns: 0 };
const RETRY: Statement = Statement {
    name: c"dsn_retry_outbox",
    sql: c"UPDATE outbox SET dead = 0, attempts = 0, due = %lld, expires = %lld WHERE webhook = %s AND runner IS NULL",
    columns: 0,
};

/// Adds a hook. It is told of what changes from now on.
pub fn add<D: Database>(database: &mut D, hook: &Hook) -> Result<(), DatabaseError> {
    let events = hook.events.0.join(" ");
    let row = [
        Some(hook.id.as_str()),
        Some(hook.url.as_str()),
        Some(&hook.secret_file),
        Some(&events),
        hook.owner.as_ref().map(Owner::as_str),
        Some(flag(hook.unverified)),
        Some(flag(hook.internal)),
    ];
    database.run(&INSERT, &row).map(|_| ())
}

/// All hooks.
pub fn list<D: Database>(database: &mut D) -> Result<Vec<Listed>, DatabaseError> {
    let count = |row: &Row, column| u64::try_from(row.number(column)).unwrap_or(0);
    let listed = |row: &Row| Listed {
        id: row.text(0),
        url: row.text(1),
        secret_file: row.text(2),
        events: row.text(3),
        owner: row.optional(4),
        unverified: row.number(5) == 1,
        internal: row.number(6) == 1,
        enabled: row.number(7) == 1,
        answered: row.optional(8).map(|_| row.number(8)),
        complaint: row.optional(9),
        waiting: count(row, 10),
        dead: count(row, 11),
    };
    Ok(database.select(&LIST, &[])?.iter().map(listed).collect())
}

/// Lets a hook be told again, or no more; whether there is one of that id. What waits for one that is disabled goes on waiting.
pub fn enable<D: Database>(database: &mut D, id: &str, enabled: bool) -> Result<bool, DatabaseError> {
    database.run(&ENABLE, &[Some(flag(enabled)), Some(id)]).map(|changed| changed > 0)
}

/// Removes a hook and what waits for it; whether there was one.
pub fn remove<D: Database>(database: &mut D, id: &str) -> Result<bool, DatabaseError> {
    transaction(database, |database| {
        database.run(&REMOVE_EVENTS, &[Some(id)])?;
        database.run(&REMOVE, &[Some(id)]).map(|changed| changed > 0)
    })
}

/// Sends everything that waits for a hook now, and what was given up once more; how many events that are.
pub fn retry<D: Database>(database: &mut D, id: &str, now: i64) -> Result<u64, DatabaseError> {
    let (due, expires) = (now.to_string(), (now + LIFETIME).to_string());
    database.run(&RETRY, &[Some(&due), Some(&expires), Some(id)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_unless_the_network_is_ours() {
        for (text, internal, good) in [
            ("https://app.example.org/hooks?a=b", false, true),
            ("HTTPS://app.example.org:8443", false, true),
            ("https://[2001:db8::1]/x", false, true),
            ("https://[2001:db8::1]:8443/x", false, true),
            ("http://127.0.0.1:8080/x", true, true),
            ("http://app.example.org/", false, false),
            ("ftp://app.example.org/", true, false),
            ("app.example.org/x", false, false),
            ("https://", false, false),
            ("https://:443/", false, false),
            ("https://h:0/", false, false),
            ("https://h:x/", false, false),
            ("https://u:p@app.example.org/", false, false),
            ("https://app.example.org/#x", false, false),
            ("https://app.example.org/a b", false, false),
            ("https://app.example.org/\r\nX: y", false, false),
        ] {
            let parsed = Url::parse(text, internal);
            assert_eq!(parsed.is_ok(), good, "{text}: {parsed:?}");
        }
    }

    #[test]
    fn events_are_named_with_and_without_their_first_word() {
        let names = |text: &str| Events::parse(text).map(|events| events.0.join(" "));
        assert_eq!(names("bounced, email.delivered").as_deref(), Ok("email.bounced email.delivered"));
        assert_eq!(names("").as_deref(), Ok(""));
        assert!(names("bounced,opened").unwrap_err().contains("email.delivery_delayed"));
    }
}
