//! AOL (AIRmail): "Your mail to the following recipients could not be delivered because ...", followed by screen names without a domain.
#![forbid(unsafe_code)]

use super::super::{Error, MAX_RECIPIENTS, Recipient};
use super::{Mail, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let from = mail.top.header.value("from").unwrap_or_default();
    let Some(domain) =
        text::addresses(&from).iter().find_map(|a| a.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()))
    else {
        return Ok(Vec::new());
    };
    let announces = |line: &&str| {
        !text::is_quoted(line) && line.contains("to the following recipient") && line.contains("could not be delivered")
    };
    let listed = mail.words.lines().skip_while(|line| !announces(line)).skip(1);
    let names = listed
        .skip_while(|line| line.is_empty())
        .take_while(|line| line.starts_with(['\t', ' ']))
        .take(MAX_RECIPIENTS + 1);
    Ok(recipients(names.map(str::trim).filter(|name| !name.is_empty() && !name.contains(char::is_whitespace)).map(
        |name| {
            if name.contains('@') { name.to_owned() } else { format!("{name}@{domain}") }
        },
    )))
}
