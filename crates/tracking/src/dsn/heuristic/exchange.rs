//! Exchange 5.5 to 2003 ("did not reach the following recipient(s):", each with a time) and Exchange 2007 to 365 without their fields
//! ("Delivery has failed to these recipients or groups:", each with its `mailto:`). The advice after a recipient may name somebody to ask.
#![forbid(unsafe_code)]

use super::super::{Error, Recipient};
use super::{Mail, recipients, text};

/// Longest display name before a `mailto:`; a longer one is a sentence.
const MAX_NAME: usize = 64;

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let mut lines = mail.words.lines();
    let mut failed: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        let low = if text::is_quoted(line) { String::new() } else { line.to_lowercase() };
        if low.contains("did not reach the following recipient(s):") {
            failed.extend(lines.by_ref().filter_map(with_moment));
        } else if low.contains("delivery has failed to these recipients") {
            let is_end = |line: &&str| {
                let low = line.to_lowercase();
                low.contains("diagnostic information") || low.contains("original message")
            };
            let mut above = "";
            for line in lines.by_ref().take_while(|line| !is_end(line)) {
                if above.is_empty() {
                    failed.extend(heading(line));
                }
                above = line.trim();
            }
        }
    }
    Ok(recipients(failed))
}

/// `a@b on Thu, 29 Apr 2010 00:00:00 -0000`, `Name (a@b) on ...`, or the address alone: never the indented lines with X.400 in them.
fn with_moment(line: &str) -> Option<String> {
    if line.starts_with("    ") || line.starts_with("\t\t") {
        return None;
    }
    match line.rsplit_once(" on ") {
        Some((name, moment)) => is_moment(moment).then(|| text::addresses(name).into_iter().next()).flatten(),
        None => text::leading_address(line).filter(|(_, rest)| rest.trim().is_empty()).map(|(address, _)| address),
    }
}

/// Whether it contains a time of day.
fn is_moment(text: &str) -> bool {
    text.as_bytes().windows(4).any(|at| matches!(at, [b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9']))
}

/// The first line of a paragraph about one recipient: `a@b<mailto:a@b>`, `Name<mailto:a@b>`, `a@b (a@b)`, `* [a@b]: 550 ...`
fn heading(line: &str) -> Option<String> {
    if let Some((address, rest)) = text::leading_address(line) {
        return (rest.is_empty() || rest.trim_start().starts_with(['<', '(', ']', ':', '>'])).then_some(address);
    }
    let (name, link) = line.split_once("<mailto:")?;
    (name.len() <= MAX_NAME && link.trim_end().ends_with('>'))
        .then(|| text::addresses(link).into_iter().next())
        .flatten()
}
