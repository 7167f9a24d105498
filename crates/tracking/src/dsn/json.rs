//! [`Report`] -> the JSON of `processdsn --json`: every name is there, `null` if the report does not say it.
#![forbid(unsafe_code)]

use super::report::{Recipient, Report, Typed};
use serde_json::{Value, json};
use web::escape::visible_json;

/// The object of one report, for a terminal or a program.
pub fn text(report: &Report) -> String {
    visible_json(&value(report))
}

/// An object on one line, without characters that a terminal obeys.
pub fn line(value: &Value) -> String {
    visible_json(value).lines().map(str::trim).collect::<String>() + "\n"
}

/// The object of one report.
pub fn value(report: &Report) -> Value {
    json!({
        "conforming": report.conforming,
        "original_envelope_id": report.original_envelope_id,
        "original_message_id": report.original_message_id,
        "reporting_mta": report.reporting_mta,
        "arrival_date": report.arrival_date,
        "recipients": report.recipients.iter().map(recipient).collect::<Vec<_>>(),
        "heuristic": report.heuristic,
    })
}

fn recipient(recipient: &Recipient) -> Value {
    json!({
        "final_recipient": recipient.final_recipient.as_ref().map(typed),
        "original_recipient": recipient.original_recipient.as_ref().map(typed),
        "action": recipient.action,
        "status": recipient.status,
        "status_code": recipient.status_code,
        "diagnostic_code": recipient.diagnostic_code.as_ref().map(typed),
        "remote_mta": recipient.remote_mta.as_ref().map(typed),
        "last_attempt_date": recipient.last_attempt_date,
        "will_retry_until": recipient.will_retry_until,
    })
}

fn typed(typed: &Typed) -> Value {
    json!({ "type": typed.kind, "value": typed.value })
}
