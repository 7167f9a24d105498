//! A [`Snapshot`] as part of mod_status's page: lines `key: value` for `?auto`, a small table for people. A reason is shown once it has
//! occurred.
#![forbid(unsafe_code)]

use super::Snapshot;
use super::reasons::{KINDS, OutcomeKind};
use crate::tags::Tag;
use std::fmt::Write;
use web::markup;
use web::markup::Markup;

/// The lines for `?auto`.
pub fn auto(snapshot: &Snapshot) -> String {
    let mut lines = String::new();
    for kind in KINDS {
        let times = snapshot.times(kind);
        let key = key(kind);
        // Writing into a String cannot fail.
        let _ = writeln!(lines, "{key}: {}\n{key}Seconds: {}", times.count(), times.seconds());
        for (reason, number) in happened(snapshot, kind) {
            let _ = writeln!(lines, "{key}-{}: {number}", reason.number);
        }
    }
    let _ = writeln!(lines, "SendmailProgramsRunning: {}", snapshot.running);
    lines
}

/// The part of the page for people; `plain`: without tables.
pub fn html(snapshot: &Snapshot, plain: bool) -> Markup {
    let rows = rows(snapshot);
    let heading = markup!("<hr />\n<h2>mod_sendmail</h2>\n");
    if plain {
        return heading + rows.iter().map(|cells| markup!("{}<br />\n", cells.join(" "))).sum();
    }
    let head = markup!(
        "<table border=\"0\">\n<tr><th align=\"left\">Outcome</th><th align=\"left\">Reason</th>\
         <th align=\"right\">Requests</th><th align=\"right\">Mean ms</th></tr>\n"
    );
    let row = |[outcome, reason, number, mean]: &[String; 4]| {
        markup!(
            "<tr><td>{}</td><td>{}</td><td align=\"right\">{}</td><td align=\"right\">{}</td></tr>\n",
            outcome,
            reason,
            number,
            mean
        )
    };
    heading + head + rows.iter().map(row).sum() + markup!("</table>\n")
}

/// Outcome, reason, number, mean time.
fn rows(snapshot: &Snapshot) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for kind in KINDS {
        let times = snapshot.times(kind);
        let mean = times.mean_milliseconds().map_or(String::new(), |mean| mean.to_string());
        rows.push([kind.word().to_owned(), String::new(), times.count().to_string(), mean]);
        rows.extend(happened(snapshot, kind).map(|(reason, number)| {
            [String::new(), format!("{} {}", reason.number, reason.word), number.to_string(), String::new()]
        }));
    }
    rows.push(["programs running".to_owned(), String::new(), snapshot.running.to_string(), String::new()]);
    rows
}

fn happened(snapshot: &Snapshot, kind: OutcomeKind) -> impl Iterator<Item = (&'static Tag, u64)> {
    snapshot.reasons(kind).filter(|(_, number)| *number > 0)
}

fn key(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Accepted => "SendmailAccepted",
        OutcomeKind::Refused => "SendmailRefused",
        OutcomeKind::Failed => "SendmailFailed",
        OutcomeKind::DryRun => "SendmailDryRun",
        OutcomeKind::Discarded => "SendmailDiscarded",
        OutcomeKind::Held => "SendmailHeld",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Counters;
    use super::*;
    use crate::tags;
    use std::time::Duration;

    fn snapshot() -> Snapshot {
        let counters = Counters::default();
        (0..3).for_each(|_| counters.accepted(Duration::from_millis(20)));
        counters.refused(&tags::RECIPIENT, Duration::from_millis(1));
        counters.read(1)
    }

    #[test]
    fn the_lines_are_keys_and_values() {
        let wanted = "SendmailAccepted: 3\nSendmailAcceptedSeconds: 0.060000\nSendmailRefused: 1\nSendmailRefusedSeconds: 0.001000\n\
                      SendmailRefused-SM0105: 1\nSendmailFailed: 0\nSendmailFailedSeconds: 0.000000\nSendmailDryRun: 0\nSendmailDryRunSeconds: 0.000000\n\
                      SendmailDiscarded: 0\nSendmailDiscardedSeconds: 0.000000\nSendmailHeld: 0\nSendmailHeldSeconds: 0.000000\n\
                      SendmailProgramsRunning: 1\n";
        assert_eq!(auto(&snapshot()), wanted);
    }

    #[test]
    fn people_see_a_table_or_lines_with_the_same_words() {
        let (table, plain) = (html(&snapshot(), false).into_string(), html(&snapshot(), true).into_string());
        assert!(
            table.contains("<tr><td>accepted</td><td></td><td align=\"right\">3</td><td align=\"right\">20</td></tr>")
        );
        assert!(table.contains("<td>SM0105 recipient</td><td align=\"right\">1</td>"));
        assert!(plain.contains("accepted  3 20<br />\n") && !plain.contains("<table"));
        assert!(!table.contains("SM0404"));
    }
}
