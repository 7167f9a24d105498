//! The query of the overview -> what is asked for. Every name and every value is one of those that are known, or the client is told which is not:
//! a filter that is silently ignored would show too much.
#![forbid(unsafe_code)]

use super::Form;
use crate::store::State;
use crate::store::overview::{Cursor, Filter};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use std::fmt;
use web::escape::percent_encode;

/// A page has so many lines where the query says nothing.
const LINES: usize = 50;
/// And at most so many.
const MOST_LINES: usize = 500;
/// Longest value, in octets.
const MAX_VALUE: usize = 1000;

/// What the query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// For the database.
    pub filter: Filter,
    /// The form that it names.
    pub(super) form: Option<Form>,
    /// The parameters as they came, but those that say which page; for links to others.
    pub(super) parameters: Vec<(&'static str, String)>,
}

/// A parameter that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParameter {
    /// Its name, as the client wrote it, or as much of it as is worth to be told.
    pub name: String,
    /// What it must be.
    pub remedy: &'static str,
}

impl fmt::Display for BadParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The parameter {} is not understood: {}.", self.name, self.remedy)
    }
}

/// The names, and what each must be.
const NAMES: &[(&str, &str)] = &[
    ("cursor", "a cursor is taken from the answer before as it stands"),
    ("domain", "a domain, as in example.org"),
    ("format", "one of html, json, jsonl, csv, xml and text"),
    ("limit", "a number from 1 to 500"),
    ("message-id", "a message id of at most 1000 octets"),
    ("recipient", "the beginning of an address"),
    ("sender", "an address"),
    ("since", "a time as in 2026-11-22T03:00:00Z, or an age as in 90m, 12h or 7d"),
    ("state", "one of queued, delayed, relayed, delivered, expanded, failed, complained, suppressed and unknown"),
    ("tag", "a tag, or its name, a colon and the tag, as in category:welcome"),
];

/// Where the list of suppressed addresses goes on; the only parameter it has.
pub fn read_after(query: &[u8]) -> Result<String, BadParameter> {
    let mut after = String::new();
    for pair in query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
        let value = pair.strip_prefix(b"after=").and_then(|value| super::super::url::form_value(value, MAX_VALUE));
        let name: String =
            String::from_utf8_lossy(pair).split('=').next().unwrap_or_default().chars().take(40).collect();
        after = value.ok_or(BadParameter { name, remedy: "there is after, with an address" })?;
    }
    Ok(after)
}

impl Query {
    /// Reads `query` as the client wrote it. An empty value is none, as a form sends it.
    pub fn parse(query: &[u8], now: i64) -> Result<Self, BadParameter> {
        let mut parameters: Vec<(&'static str, String)> = Vec::new();
        for pair in query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
            let Some(&(name, remedy)) = NAMES.iter().find(|row| row.0.as_bytes() == name) else {
                let name: String = String::from_utf8_lossy(name).chars().take(40).collect();
                let remedy =
                    "there are cursor, domain, format, limit, message-id, recipient, sender, since, state and tag";
                return Err(BadParameter { name, remedy });
            };
            let bad = |remedy| BadParameter { name: name.to_owned(), remedy };
            let value = super::super::url::form_value(value, MAX_VALUE).ok_or_else(|| bad(remedy))?;
            if value.is_empty() {
                continue;
            }
            if parameters.iter().any(|known| known.0 == name) {
                return Err(bad("it stands there twice"));
            }
            parameters.push((name, value));
        }
        let value = |name: &str| parameters.iter().find(|row| row.0 == name).map(|row| row.1.as_str());
        let read = |name: &'static str| {
            let remedy = NAMES.iter().find(|row| row.0 == name).map_or("", |row| row.1);
            (value(name), move || BadParameter { name: name.to_owned(), remedy })
        };
        let (form, bad_form) = read("format");
        let (limit, bad_limit) = read("limit");
        let (state, bad_state) = read("state");
        let (since, bad_since) = read("since");
        let (cursor, bad_cursor) = read("cursor");
        let lower = |name: &str| value(name).map(str::to_ascii_lowercase);
        let recipient = lower("recipient");
        let filter = Filter {
            domain: lower("domain").map(|domain| domain.trim_start_matches('@').to_owned()),
            sender: lower("sender"),
            state: state.map(|word| state_named(word).ok_or_else(bad_state)).transpose()?,
            since: since.map(|text| moment(text, now).ok_or_else(bad_since)).transpose()?,
            after: cursor.map(|text| read_cursor(text, recipient.as_deref()).ok_or_else(bad_cursor)).transpose()?,
            tag: value("tag").map(str::to_owned),
            limit: limit.map_or(Ok(LINES), |text| {
                text.parse().ok().filter(|lines| (1..=MOST_LINES).contains(lines)).ok_or_else(bad_limit)
            })?,
            recipient,
        };
        let form = form.map(|word| Form::named(word).ok_or_else(bad_form)).transpose()?;
        parameters.retain(|row| row.0 != "cursor");
        Ok(Query { filter, form, parameters })
    }

    /// Whether this is the first page, which shows what is new.
    pub fn is_first(&self) -> bool {
        self.filter.after.is_none()
    }

    /// The URL of this query with other values; an empty one takes a parameter away.
    pub(super) fn url(&self, base: &str, changes: &[(&'static str, &str)]) -> String {
        let kept = self.parameters.iter().map(|(name, value)| (*name, value.as_str()));
        let kept = kept.filter(|(name, _)| !changes.iter().any(|change| change.0 == *name));
        let pairs: Vec<String> = kept
            .chain(changes.iter().copied())
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", percent_encode(value)))
            .collect();
        let slash = if base.ends_with('/') { "" } else { "/" };
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{base}{slash}{mark}{}", pairs.join("&"))
    }

    /// The value of a parameter, for the form.
    pub(super) fn value(&self, name: &str) -> &str {
        self.parameters.iter().find(|row| row.0 == name).map_or("", |row| row.1.as_str())
    }
}

fn state_named(word: &str) -> Option<State> {
    State::ALL.into_iter().find(|state| state.as_str() == word)
}

/// RFC 3339, or how long ago.
fn moment(text: &str, now: i64) -> Option<i64> {
    const UNITS: [(char, i64); 4] = [('m', 60), ('h', 3600), ('d', 86_400), ('w', 7 * 86_400)];
    if let Some((number, unit)) = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds))) {
        return number.parse::<u32>().ok().map(|number| now - i64::from(number) * unit);
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// For the next page: where this one ended. It holds nothing that is not shown.
pub(super) fn write_cursor(cursor: &Cursor) -> String {
    let address = cursor.address.as_ref().map(|address| format!(" {address}")).unwrap_or_default();
    BASE64.encode(format!("{:x}{address}", cursor.position))
}

/// A cursor of the same order: with an address where addresses are asked for, and then with one that was asked for.
fn read_cursor(text: &str, recipient: Option<&str>) -> Option<Cursor> {
    let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
    let (position, address) = match text.split_once(' ') {
        Some((position, address)) => (position, Some(address)),
        None => (text.as_str(), None),
    };
    let position = i64::from_str_radix(position, 16).ok().filter(|position| *position >= 0)?;
    let fits = match (recipient, address) {
        (Some(prefix), Some(address)) => address.starts_with(prefix) && !address.contains(char::is_control),
        (None, None) => true,
        _ => false,
    };
    fits.then(|| Cursor { position, address: address.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_316_874;

    fn parse(query: &str) -> Result<Query, BadParameter> {
        Query::parse(query.as_bytes(), NOW)
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert!(parse("state=failed&recipient=&limit=500&since=7d&format=csv").is_ok());
        for (query, name) in [
            ("states=failed", "states"),
            ("state=fail", "state"),
            ("state=failed&state=failed", "state"),
            ("since=yesterday", "since"),
            ("since=9999999999d", "since"),
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=-1", "limit"),
            ("format=yaml", "format"),
            ("cursor=x", "cursor"),
            ("cursor=%zz", "cursor"),
            ("domain=%00", "domain"),
            ("sender=%ff", "sender"),
            ("%3Cscript%3E=1", "%3Cscript%3E"),
        ] {
            assert_eq!(parse(query).map_err(|bad| bad.name), Err(name.to_owned()), "{query}");
        }
    }

    #[test]
    fn a_value_of_a_form_is_read_as_forms_write_it() {
        let query = parse("recipient=Ann%2Bx%40Example.org&sender=a+b%40x&domain=%40Example.ORG&since=1h").unwrap();
        assert_eq!(query.filter.recipient.as_deref(), Some("ann+x@example.org"));
        assert_eq!((query.filter.domain.as_deref(), query.filter.since), (Some("example.org"), Some(NOW - 3600)));
        assert_eq!(parse("since=2026-11-22T03:07:54Z").unwrap().filter.since, Some(NOW));
        assert_eq!(
            parse("recipient=ann+x@example.org").unwrap().filter.recipient.as_deref(),
            Some("ann+x@example.org")
        );
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_and_fits_one_order() {
        for (cursor, recipient) in [
            (Cursor { position: 77, address: None }, ""),
            (Cursor { position: i64::MAX, address: Some("ann@x.example".into()) }, "&recipient=an"),
        ] {
            let text = write_cursor(&cursor);
            assert_eq!(parse(&format!("cursor={text}{recipient}")).unwrap().filter.after, Some(cursor));
            let other = if recipient.is_empty() { "&recipient=an" } else { "" };
            assert_eq!(parse(&format!("cursor={text}{other}")).map_err(|bad| bad.name), Err("cursor".into()));
        }
        let strange = BASE64.encode("4d bob@x.example");
        assert!(parse(&format!("cursor={strange}&recipient=an")).is_err());
        assert!(parse(&format!("cursor={}", BASE64.encode("-5"))).is_err());
    }

    #[test]
    fn a_link_changes_what_it_says_and_keeps_the_rest() {
        let query = parse("state=failed&domain=x%26y.example").unwrap();
        assert_eq!(query.url("/dsn", &[("state", "")]), "/dsn/?domain=x%26y.example");
        assert_eq!(query.url("/dsn/", &[("state", "delayed")]), "/dsn/?domain=x%26y.example&state=delayed");
        assert_eq!(parse("").unwrap().url("/dsn", &[]), "/dsn/");
    }
}
