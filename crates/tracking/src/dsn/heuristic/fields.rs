//! A report whose MTA wrote the fields of RFC 3464 into its text (Amazon WorkMail, mFilter).
#![forbid(unsafe_code)]

use super::super::{Error, Recipient, status};
use super::Mail;

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let text = &mail.words.text;
    let is_field = |line: &str| {
        ["final-recipient:", "original-recipient:"]
            .iter()
            .any(|name| line.trim_start().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
    };
    if !text.lines().any(is_field) {
        return Ok(Vec::new());
    }
    // indented in some texts, which would be folding
    let text: String = text.lines().flat_map(|line| [line.trim(), "\n"]).collect();
    let mut recipients = status::read_text(&text)?.recipients;
    recipients.retain(|recipient| recipient.address().is_some());
    Ok(recipients)
}
