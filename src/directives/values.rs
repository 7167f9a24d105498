//! Words of the configuration -> values. `Err` names the fault and the remedy.
#![forbid(unsafe_code)]

use httpd::{Command, Expression};
use mail::address::Domain;
use mailgate::answer::form::Languages;
use mailgate::input::strip::NamePattern;
use mailgate::policy::arguments::{Piece, pieces};
use std::ffi::CString;
use std::path::PathBuf;
use std::time::Duration;

/// Text with expressions in it.
#[derive(Debug)]
pub struct Text<'c> {
    /// Literals and expressions, in order.
    pub pieces: Vec<Piece<Expression<'c>>>,
    /// As written in the configuration.
    pub written: String,
}

/// Text whose expressions are valid.
pub fn text<'c>(command: &Command<'c>, word: &str) -> Result<Text<'c>, String> {
    Ok(Text { pieces: pieces(word, |expression| command.expression(expression))?, written: word.to_owned() })
}

/// The source of a value about the sender.
#[derive(Debug)]
pub enum Source<'c> {
    /// An expression, with its text.
    Expression(String, Expression<'c>),
    /// A CGI variable.
    Variable(CString),
}

impl Source<'_> {
    /// The name of the variable, or the expression as written.
    pub fn text(&self) -> String {
        match self {
            Source::Expression(text, _) => text.clone(),
            Source::Variable(name) => name.to_string_lossy().into_owned(),
        }
    }
}

/// Letters, digits and `_` are the name of a variable; anything else is an expression.
pub fn source<'c>(command: &Command<'c>, source: &str) -> Result<Source<'c>, String> {
    if source.is_empty() {
        return Err("is empty; name a variable (REMOTE_USER) or an expression".into());
    }
    if source.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(Source::Variable(httpd::c_string(source)));
    }
    Ok(Source::Expression(source.to_owned(), command.expression(source)?))
}

/// How much the Received field says of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    Anonymous,
    Client,
    Full,
    Off,
}

impl Received {
    pub fn parse(word: &str) -> Result<Self, String> {
        match word.to_ascii_lowercase().as_str() {
            "full" => Ok(Received::Full),
            "client" => Ok(Received::Client),
            "anonymous" => Ok(Received::Anonymous),
            "off" => Ok(Received::Off),
            _ => Err(format!("'{word}' is none of full, client, anonymous and off")),
        }
    }
}

pub fn flag(on: bool) -> bool {
    on
}

pub fn absolute(path: &str) -> Result<PathBuf, String> {
    if path.starts_with('/') {
        Ok(path.into())
    } else {
        Err(format!("'{path}' is not an absolute path; write it from / on"))
    }
}

/// A folder with a file for each language.
pub fn languages(_: &Command<'_>, folder: &str) -> Result<Languages, String> {
    Languages::read(&absolute(folder)?)
}

/// The URL that others are appended to.
pub fn base(_: &Command<'_>, url: &str) -> Result<String, String> {
    tracking::status::url::check_base(url)?;
    Ok(url.to_owned())
}

pub fn domain(_: &Command<'_>, domain: &str) -> Result<Domain, String> {
    Domain::parse(domain).map_err(|error| format!("'{domain}': {error}"))
}

pub fn patterns(_: &Command<'_>, words: &[&str]) -> Result<Vec<NamePattern>, String> {
    words.iter().map(|word| NamePattern::parse(word)).collect()
}

/// Names of form fields; a single `none` is an empty list.
pub fn names(_: &Command<'_>, words: &[&str]) -> Result<Vec<String>, String> {
    let is_none = matches!(words, [none] if none.eq_ignore_ascii_case("none"));
    Ok(if is_none { Vec::new() } else { words.iter().map(|word| (*word).to_owned()).collect() })
}

/// A page to send a browser to: a URL, or a path on this server.
pub fn page(_: &Command<'_>, url: &str) -> Result<String, String> {
    let is_path = url.starts_with('/') && !url.starts_with("//") && !url.starts_with("/\\");
    let is_url = ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
    let is_plain = url.bytes().all(|octet| octet.is_ascii_graphic());
    (is_plain && (is_path || is_url)).then(|| url.to_owned()).ok_or_else(|| {
        format!(
            "'{url}' is not a page to send a browser to; write /thanks.html or https://www.example.org/thanks, percent-encoded"
        )
    })
}

/// A time in httpd's units, or in days.
pub fn long_time(command: &Command<'_>, time: &str) -> Option<Duration> {
    match time.strip_suffix(['d', 'D']) {
        Some(days) if days.bytes().all(|byte| byte.is_ascii_digit()) => {
            days.parse::<u32>().ok().map(|days| Duration::from_secs(u64::from(days) * 86_400))
        }
        Some(_) => None,
        None => command.time(time),
    }
}

/// A time in httpd's units, 1 ms to 24 h.
pub fn time(command: &Command<'_>, time: &str) -> Result<Duration, String> {
    let day = Duration::from_secs(86_400);
    command.time(time).filter(|time| !time.is_zero() && *time <= day).ok_or_else(|| {
        format!("'{time}' is not a time between 1ms and 24h; write 30s, 500ms, 2mi or 1h, or seconds alone")
    })
}

/// Octets; K, M and G are powers of 1024.
pub fn size(_: &Command<'_>, size: &str) -> Result<u64, String> {
    let units = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("", 1)];
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = units.iter().find(|(unit, _)| size[digits.len()..].eq_ignore_ascii_case(unit));
    let octets = unit.and_then(|(_, factor)| digits.parse::<u64>().ok()?.checked_mul(*factor));
    octets
        .filter(|octets| *octets > 0)
        .ok_or_else(|| format!("'{size}' is not a size; write bytes, or 100K, 25M or 1G"))
}

pub fn number(number: &str, least: usize) -> Result<usize, String> {
    let parsed = number.parse().ok().filter(|parsed| (least..=1_000_000).contains(parsed));
    parsed.ok_or_else(|| format!("'{number}' is not a number between {least} and 1000000"))
}
