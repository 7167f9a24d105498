//! A page as plain text for a terminal of 80 columns. The first column is ours: all foreign text is indented.
#![forbid(unsafe_code)]

use super::clean::clean;
use super::words::{self, HEURISTIC, NOBODY, NOT_VERIFIABLE};
use super::{Page, codes, decisive, moment, mta};
use crate::store::{Event, RecipientStatus};
use std::fmt::Write;

/// The width of a line, if the words fit.
const WIDTH: usize = 78;

/// A server's text of this many characters or more is shown only on the recipient's own page.
const LONG: usize = 800;

/// The indent of a recipient's lines: room for the longest state.
const INDENT: usize = 11;

pub(super) fn page(page: &Page<'_>) -> String {
    let mut text = String::new();
    let message = page.message;
    let counts: Vec<String> = page.counts().iter().map(|(word, count)| format!("{count} {}", word.counted)).collect();
    // Writing into a String cannot fail.
    let _ = writeln!(text, "Delivery status: {}\n", if counts.is_empty() { NOBODY.into() } else { counts.join(", ") });
    let _ = writeln!(text, "Message-ID:  <{}>", clean(&message.message_id));
    if let Some(sender) = &message.sender {
        let _ = writeln!(text, "From:        {}", clean(sender));
    }
    let _ = writeln!(text, "Submitted:   {}", time(message.submitted, page.now));
    for tag in &message.tags {
        let _ = writeln!(text, "Tag:         {}: {}", clean(&tag.name), clean(&tag.value));
    }
    let _ = writeln!(text, "As of:       {}", moment::absolute(page.now));
    let _ = writeln!(text, "URL:         {}", page.url());
    for recipient in page.by_concern() {
        text.push('\n');
        self::recipient(&mut text, page, recipient);
    }
    text
}

fn recipient(text: &mut String, page: &Page<'_>, recipient: &RecipientStatus) {
    let word = words::of(recipient, page.now).title.to_ascii_lowercase();
    let _ = writeln!(text, "{:<INDENT$}{}", word + " ", clean(&recipient.address));
    let _ = writeln!(text, "{:INDENT$}since {}", "", time(recipient.since, page.now));
    wrap(text, INDENT, &words::sentence(recipient, page.now));
    if let Some(event) = decisive(recipient) {
        said(text, page, INDENT, event);
        if words::is_unverifiable(recipient) {
            wrap(text, INDENT, NOT_VERIFIABLE);
        }
        if event.heuristic {
            wrap(text, INDENT, HEURISTIC);
        }
    }
    if recipient.events.len() > 1 || page.single {
        history(text, page, recipient);
    }
}

/// A report: code and text.
fn said(text: &mut String, page: &Page<'_>, indent: usize, event: &Event) {
    if let Some(status) = &event.status {
        let meaning = codes::meaning(status).map(|meaning| format!(" {meaning}")).unwrap_or_default();
        wrap(text, indent, &format!("{}{meaning}", clean(status)));
    }
    if let Some(reason) = event.reason {
        wrap(text, indent, &format!("Reason: {} ({})", reason.as_str(), reason.sentence()));
    }
    let remote = mta(event.remote_mta.as_ref());
    match &event.diagnostic {
        Some(diagnostic) => {
            wrap(text, indent, &format!("{} said:", remote.as_deref().unwrap_or("The remote server")));
            let diagnostic = clean(diagnostic);
            match diagnostic.char_indices().nth(LONG) {
                Some((at, _)) if !page.single => {
                    wrap(text, indent + 2, &format!("{}...", &diagnostic[..at]));
                    let count = diagnostic.chars().count();
                    wrap(text, indent, &format!("All {count} characters are on the page of the recipient."));
                }
                _ => wrap(text, indent + 2, &diagnostic),
            }
        }
        None => {
            if let Some(remote) = remote {
                wrap(text, indent, &format!("Remote server: {remote}"));
            }
        }
    }
    if let Some(reporter) = mta(event.reporting_mta.as_ref()) {
        wrap(text, indent, &format!("Reported by: {reporter}"));
    }
}

fn history(text: &mut String, page: &Page<'_>, recipient: &RecipientStatus) {
    let _ = writeln!(text, "{:INDENT$}History:", "");
    let _ = writeln!(text, "{:INDENT$}  {}  submitted", "", moment::absolute(page.message.submitted));
    let shown = decisive(recipient);
    for event in &recipient.events {
        let mark = match (event.verified, event.heuristic) {
            (true, false) => "",
            (true, true) => " (from wording)",
            (false, false) => " (not verifiable)",
            (false, true) => " (not verifiable, from wording)",
        };
        let at = moment::absolute(event.occurred);
        let _ = writeln!(text, "{:INDENT$}  {at}  {}{mark}", "", words::of_state(event.action).counted);
        if !shown.is_some_and(|shown| std::ptr::eq(shown, event)) {
            said(text, page, INDENT + 4, event);
        }
    }
}

fn time(seconds: i64, now: i64) -> String {
    format!("{} ({})", moment::absolute(seconds), moment::relative(seconds, now))
}

/// Lines of at most [`WIDTH`] columns, each indented; a longer word is not split.
fn wrap(text: &mut String, indent: usize, paragraph: &str) {
    let mut column = 0;
    for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent + width;
        } else {
            text.push(' ');
            column += 1 + width;
        }
        text.push_str(word);
    }
    if column > 0 {
        text.push('\n');
    }
}
