//! A mail that is a bounce by its marks but in words nobody knows, in any language: the addresses on lines that look like a complaint,
//! else all that are not the report's own.
#![forbid(unsafe_code)]

use super::super::{Error, Recipient};
use super::{Mail, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let is_field = |line: &str| {
        let low = line.trim_start().to_lowercase();
        FIELDS.iter().any(|name| low.starts_with(name))
    };
    let is_help = |line: &str| {
        let low = line.to_lowercase();
        HELP.iter().any(|word| low.contains(word))
    };
    let all = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        mail.words
            .lines()
            .filter(|line| !is_field(line) && !is_help(line) && wanted(line))
            .flat_map(text::addresses)
            .filter(|address| !mail.is_own(address))
            .collect()
    };
    let coded = all(&|line| text::leading_address(line).is_some() || text::reply_code(line).is_some());
    Ok(recipients(if coded.is_empty() { all(&|_| true) } else { coded }))
}

const FIELDS: &[&str] = &[
    "from:",
    "sender:",
    "original sender",
    "reply-to:",
    "message-id",
    "messageid",
    "subject:",
    "cc:",
    "received:",
    "x-",
];
const HELP: &[&str] =
    &["contact", "http://", "https://", "please reply", "send mail to", "support@", "abuse@", "if you ", "mailfrom"];
