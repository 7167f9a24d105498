//! The overview as plain text: what is happening, then two lines for each recipient. The first column belongs to us.
#![forbid(unsafe_code)]

use super::Overview;
use crate::dsn::reason::Reason;
use crate::status::clean::clean;
use crate::status::moment;
use std::fmt::Write;

pub(super) fn page(page: &Overview<'_>) -> String {
    let mut text = String::from("Messages\n\n");
    // Writing into a String cannot fail.
    if page.query.is_first() {
        let _ = writeln!(text, "{:<12}{:>10}{:>10}{:>10}", "state", "hour", "day", "week");
        for count in &page.counts.states {
            let _ = writeln!(text, "{:<12}{:>10}{:>10}{:>10}", count.state.as_str(), count.hour, count.day, count.week);
        }
        if page.counts.is_cut {
            text.push_str("Of each state the newest 100000 are counted.\n");
        }
        if page.counts.given_up > 0 {
            let _ = writeln!(text, "Events that no webhook took in five days: {}", page.counts.given_up);
        }
        text.push('\n');
    }
    for line in &page.list.lines {
        let reason = line.reason.map(|reason: Reason| format!(" ({})", reason.as_str())).unwrap_or_default();
        let _ = writeln!(text, "{:<12}{}{reason}", line.state.as_str(), clean(&line.address));
        let sender = line.sender.as_deref().map(|sender| format!(" from {}", clean(sender))).unwrap_or_default();
        let _ = writeln!(text, "{:12}{}{sender}", "", moment::absolute(line.submitted));
        if let Some(url) = page.url_of(line) {
            let _ = writeln!(text, "{:12}{url}", "");
        }
    }
    if page.list.lines.is_empty() {
        text.push_str("There is nothing to show.\n");
    }
    let _ = writeln!(text, "\nAs of:       {}", moment::absolute(page.now));
    if let Some(next) = page.next() {
        let _ = writeln!(text, "Next page:   {next}");
    }
    text
}
