//! Exim before 4.85 and its descendants (mail.ru, Gmail, 1&1): the X-Failed-Recipients field, or the indented list after "The following
//! address(es) failed:" (exim4 src/moan.c, src/deliver.c).
#![forbid(unsafe_code)]

use super::super::{Error, MAX_RECIPIENTS, Recipient};
use super::{Mail, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let named: Vec<String> = mail
        .top
        .header
        .values("x-failed-recipients")
        .flat_map(|value| text::addresses(&value))
        .take(MAX_RECIPIENTS + 1)
        .collect();
    if !named.is_empty() {
        return Ok(recipients(named));
    }
    let announce = mail.words.said(ANNOUNCE);
    if announce.is_empty() {
        return Ok(Vec::new());
    }
    let mut lines = mail.words.lines().peekable();
    let mut failed = Vec::new();
    while let Some(line) = lines.next() {
        let both = [line, lines.peek().copied().unwrap_or_default()].join(" ");
        let both = text::squeeze(&both).to_lowercase();
        if text::is_quoted(line) || !announce.iter().any(|phrase| both.contains(phrase)) {
            continue;
        }
        // the list is indented by two, the reason for an address by four
        for line in lines.by_ref().take(2 * MAX_RECIPIENTS) {
            let depth = line.len() - line.trim_start().len();
            let low = line.to_lowercase();
            if let Some(from) = low.find("(generated from ").and_then(|at| line.get(at..)) {
                // the address that the sender wrote; the one above is from an alias
                if failed.len() < 2 || depth > 2 {
                    failed.pop();
                }
                failed.extend(text::addresses(from).into_iter().next());
            } else if depth <= 2 || failed.is_empty() {
                match text::leading_address(line) {
                    Some((address, rest))
                        if rest.trim_start_matches(['>', '"', '\'']).is_empty() || !rest.starts_with([' ', '\t']) =>
                    {
                        failed.push(address);
                    }
                    _ if low.contains("undisclosed address") => failed.push(String::new()),
                    _ => {}
                }
            }
        }
    }
    failed.retain(|address| !address.is_empty());
    Ok(recipients(failed))
}

const ANNOUNCE: &[&str] = &[
    "following address(es) failed",
    "following addresses failed",
    "following address failed",
    "address(es) to which the message has not yet been delivered",
    "address to which the message has not yet been delivered",
    "addresses to which the message has not yet been delivered",
];
