//! Exchange 5.5 to 2003 ("did not reach the following recipient(s):") and Exchange 2007 to 365 without their fields ("Delivery has failed
//! to these recipients or groups:", each with its `mailto:`).
#![forbid(unsafe_code)]

use super::super::{Error, Recipient};
use super::{Mail, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let mut lines = mail.words.lines();
    let mut failed: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        let low = line.to_lowercase();
        if low.contains("did not reach the following recipient") {
            for line in lines.by_ref() {
                // "a@b on Thu, 29 Apr 2010 ...", "Name (a@b) on ...": never the indented lines with X.400 in them
                let indented = line.starts_with("    ") || line.starts_with("\t\t");
                if let Some(head) = line.split(" on ").next().filter(|head| head.len() < line.len() && !indented) {
                    failed.extend(text::addresses(head).into_iter().next());
                } else if !indented && text::leading_address(line).is_some_and(|(_, rest)| rest.trim().is_empty()) {
                    failed.extend(text::addresses(line).into_iter().next());
                }
            }
            if failed.is_empty() {
                failed = text::addresses(&mail.words.text)
                    .into_iter()
                    .filter(|a| !mail.is_own(a) && is_in_complaint(mail, a))
                    .collect();
            }
        } else if low.contains("delivery has failed to these recipients") {
            for line in lines.by_ref() {
                let low = line.to_lowercase();
                if low.contains("diagnostic information") || low.contains("original message") {
                    break;
                }
                if let Some((address, _)) = text::leading_address(line) {
                    failed.push(address);
                } else if let Some(link) = low.find("<mailto:").and_then(|at| line.get(at..)) {
                    failed.extend(text::addresses(link).into_iter().next());
                }
            }
        }
    }
    Ok(recipients(failed))
}

/// Named on a line that is not the "To:" of the message.
fn is_in_complaint(mail: &Mail<'_>, address: &str) -> bool {
    mail.words.lines().any(|line| {
        let low = line.trim_start().to_lowercase();
        line.contains(address) && !["to:", "cc:", "from:", "subject:"].iter().any(|name| low.starts_with(name))
    })
}
