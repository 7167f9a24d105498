//! A [`Snapshot`] -> Prometheus text, exposition format 0.0.4. Every series exists from the start, with 0, so that a first refusal is an
//! increase and not a new series.
#![forbid(unsafe_code)]

use super::reasons::{KINDS, OutcomeKind};
use super::{BOUNDS, Histogram, Snapshot};
use std::fmt::Write;

/// The media type of [`text`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A value that does not come from the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// The name of its series.
    pub name: &'static str,
    /// Its meaning.
    pub help: &'static str,
    /// Its value.
    pub value: i64,
}

/// The whole page.
pub fn text(snapshot: &Snapshot, gauges: &[Gauge]) -> String {
    let mut page = String::new();
    let accepted = "sendmail_messages_accepted_total";
    head(&mut page, accepted, "counter", "Messages that were handed over to the mail system.");
    line(&mut page, accepted, "", snapshot.times(OutcomeKind::Accepted).count());
    let refused = "Requests that were refused for what they are (4xx); nothing was sent.";
    reasons(&mut page, snapshot, OutcomeKind::Refused, refused);
    let failed = "Requests that failed for the server or the mail system (5xx).";
    reasons(&mut page, snapshot, OutcomeKind::Failed, failed);
    let rehearsed = "sendmail_dry_runs_total";
    head(&mut page, rehearsed, "counter", "Dry runs: every check passed, nothing was sent.");
    line(&mut page, rehearsed, "", snapshot.times(OutcomeKind::DryRun).count());
    for (kind, help) in [
        (OutcomeKind::Discarded, "Messages that a check had thrown away; their senders were not told."),
        (OutcomeKind::Held, "Messages that a check had kept back, for a person to look at."),
    ] {
        let name = format!("sendmail_messages_{}_total", kind.word());
        head(&mut page, &name, "counter", help);
        line(&mut page, &name, "", snapshot.times(kind).count());
    }
    let running = "sendmail_programs_running";
    head(&mut page, running, "gauge", "Programs that run now, and messages on their way to a relay.");
    line(&mut page, running, "", snapshot.running);
    head(&mut page, "sendmail_duration_seconds", "histogram", "Time from the start of a request to its outcome.");
    KINDS.iter().for_each(|kind| histogram(&mut page, *kind, snapshot.times(*kind)));
    for Gauge { name, help, value } in gauges {
        head(&mut page, name, "gauge", help);
        line(&mut page, name, "", value);
    }
    page
}

fn reasons(page: &mut String, snapshot: &Snapshot, kind: OutcomeKind, help: &str) {
    let name = format!("sendmail_{}_total", kind.word());
    head(page, &name, "counter", help);
    for (reason, number) in snapshot.reasons(kind) {
        line(page, &name, &format!("{{tag=\"{}\",reason=\"{}\"}}", reason.number, reason.word), number);
    }
}

fn histogram(page: &mut String, kind: OutcomeKind, times: &Histogram) {
    let outcome = kind.word();
    let mut until = 0;
    let bounds = BOUNDS.iter().map(|(bound, _)| *bound).chain(["+Inf"]);
    for (bound, number) in bounds.zip(times.classes) {
        until += number;
        let labels = format!("{{outcome=\"{outcome}\",le=\"{bound}\"}}");
        line(page, "sendmail_duration_seconds_bucket", &labels, until);
    }
    let labels = format!("{{outcome=\"{outcome}\"}}");
    line(page, "sendmail_duration_seconds_sum", &labels, times.seconds());
    line(page, "sendmail_duration_seconds_count", &labels, times.count());
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    // Writing into a String cannot fail, here and below.
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(page: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(page, "{name}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::super::Counters;
    use super::*;
    use crate::tags;
    use std::time::Duration;

    #[test]
    fn the_page_holds_every_series_with_its_help_and_type() {
        let counters = Counters::default();
        counters.accepted(Duration::from_millis(3));
        counters.accepted(Duration::from_secs(100));
        counters.refused(&tags::RECIPIENT, Duration::from_micros(250));
        counters.dry_run(Duration::ZERO);
        counters.held(Duration::ZERO);
        let gauge = Gauge { name: "sendmail_queue_oldest_seconds", help: "How long.", value: 7 };
        let page = text(&counters.read(2), &[gauge]);
        for wanted in [
            "# TYPE sendmail_messages_accepted_total counter\nsendmail_messages_accepted_total 2\n",
            "\nsendmail_refused_total{tag=\"SM0105\",reason=\"recipient\"} 1\n",
            "\nsendmail_failed_total{tag=\"SM0404\",reason=\"timeout\"} 0\n",
            "# TYPE sendmail_dry_runs_total counter\nsendmail_dry_runs_total 1\n",
            "# TYPE sendmail_messages_discarded_total counter\nsendmail_messages_discarded_total 0\n",
            "# TYPE sendmail_messages_held_total counter\nsendmail_messages_held_total 1\n",
            "# TYPE sendmail_programs_running gauge\nsendmail_programs_running 2\n",
            "# TYPE sendmail_duration_seconds histogram\nsendmail_duration_seconds_bucket{outcome=\"accepted\",le=\"0.001\"} 0\n",
            "\nsendmail_duration_seconds_bucket{outcome=\"accepted\",le=\"0.005\"} 1\n",
            "\nsendmail_duration_seconds_bucket{outcome=\"accepted\",le=\"60\"} 1\n",
            "\nsendmail_duration_seconds_bucket{outcome=\"accepted\",le=\"+Inf\"} 2\n",
            "\nsendmail_duration_seconds_sum{outcome=\"accepted\"} 100.003000\n",
            "\nsendmail_duration_seconds_count{outcome=\"accepted\"} 2\n",
            "\nsendmail_duration_seconds_sum{outcome=\"refused\"} 0.000250\n",
            "# HELP sendmail_queue_oldest_seconds How long.\n# TYPE sendmail_queue_oldest_seconds gauge\nsendmail_queue_oldest_seconds 7\n",
        ] {
            assert!(page.contains(wanted), "{wanted}\n{page}");
        }
        let names: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        assert_eq!(names.len(), 9);
        assert!(page.ends_with('\n') && !page.contains("\n\n"));
    }
}
