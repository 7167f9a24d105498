//! What a monitor needs besides the counters: whether mail waits behind the program, whether reports arrive, whether events are sent.
#![forbid(unsafe_code)]

use crate::directives::Probe;
use crate::settings::Settings;
use httpd::Request;
use mailgate::metrics::prometheus::Gauge;
use mailgate::transport::health;
use std::time::Duration;
use tracking::store::{self, Vitals};

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(3);

/// The state of the mail system's queue and of the status database.
pub fn gauges(request: &Request<'_>, settings: &Settings<'_>) -> Vec<Gauge> {
    let mut gauges = Vec::new();
    if let Some(Probe::Queue(directory, _)) = settings.health_probe()
        && let Ok(oldest) = health::oldest(directory)
    {
        let value = oldest.map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        let help = "How long the oldest message waits in the queue that SendmailHealthProbe names; 0: none waits.";
        gauges.push(Gauge { name: "sendmail_queue_oldest_seconds", help, value });
    }
    if settings.processdsn() {
        let vitals = request.with_database(PATIENCE, |lent| store::vitals(lent), |_| ());
        let help = "Whether the database of delivery statuses answers.";
        gauges.push(Gauge { name: "sendmail_status_database_up", help, value: vitals.is_ok().into() });
        gauges.extend(vitals.iter().flat_map(told));
    }
    gauges
}

fn told(vitals: &Vitals) -> Vec<Gauge> {
    let last = vitals.last_report.map(|value| Gauge {
        name: "sendmail_last_report_timestamp_seconds",
        help: "When the last delivery report was stored, in seconds since 1970.",
        value,
    });
    let events = [
        Gauge {
            name: "sendmail_webhook_events_waiting",
            help: "Events that wait to be sent to webhooks.",
            value: vitals.waiting,
        },
        Gauge {
            name: "sendmail_webhook_events_dead",
            help: "Events that were given up after five days.",
            value: vitals.dead,
        },
    ];
    last.into_iter().chain(events).collect()
}
