//! A mail that may be a delivery status notification -> a report and the page made of it: no input breaks the reader, the same report with other
//! line ends is the same report, and nothing a stranger wrote becomes markup or an octet that XML forbids.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracking::dsn::{self, Report, reason};
use tracking::status::{Format, Page, render};
use tracking::store::{Event, Message, RecipientStatus, State, Tag};

fuzz_target!(|mail: &[u8]| {
    let outcome = dsn::parse(mail);
    if !mail.contains(&b'\r') {
        let crlf: Vec<u8> =
            mail.iter().flat_map(|&byte| if byte == b'\n' { vec![b'\r', b'\n'] } else { vec![byte] }).collect();
        assert_eq!(
            dsn::parse(&crlf).map(|report| report.digest()),
            outcome.as_ref().map(Report::digest).map_err(|error| *error)
        );
    }
    let Ok(report) = outcome else { return };
    assert!(report.recipients.len() <= dsn::MAX_RECIPIENTS);
    assert_eq!(report.digest().len(), 64);
    let json = dsn::json::value(&report).to_string();
    assert!(json.starts_with('{'));
    show(&report);
});

fn show(report: &Report) {
    let recipients = report.recipients.iter().map(|recipient| RecipientStatus {
        reason: reason::of(recipient, report.reporting_mta.as_deref()),
        address: recipient.address().unwrap_or_default().to_owned(),
        state: recipient.state().map_or(State::Unknown, |action| State::parse(action.as_str())),
        since: 0,
        verified: false,
        events: vec![Event {
            reason: None,
            occurred: 0,
            action: State::Failed,
            status: recipient.status_code.clone(),
            diagnostic: recipient.diagnostic_code.as_ref().map(|code| code.value.clone()),
            reporting_mta: report.reporting_mta.clone(),
            remote_mta: recipient.remote_mta.as_ref().map(|mta| mta.value.clone()),
            will_retry_until: recipient.will_retry_until.as_deref().and_then(dsn::report::seconds),
            verified: false,
            heuristic: report.heuristic,
        }],
    });
    let message = Message {
        message_id: report.original_message_id.clone().unwrap_or_default(),
        sender: None,
        submitted: 0,
        tags: report.original_message_id.iter().map(|id| Tag { name: id.clone(), value: id.clone() }).collect(),
        recipients: recipients.collect(),
    };
    let page = Page::message(&message, "https://h/dsn", 1000);
    for format in [Format::Html, Format::Text, Format::Xml, Format::Json] {
        let text = String::from_utf8(render(&page, format)).expect("UTF-8");
        let forbidden = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
        assert!(!text.contains(forbidden), "{format:?}");
        if format == Format::Html {
            let lower = text.to_ascii_lowercase();
            assert!(!["<script", "<img", "<iframe", "<object", "<form"].iter().any(|tag| lower.contains(tag)));
        }
    }
}
