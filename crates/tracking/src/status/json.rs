//! A page as JSON, described in docs/status.schema.json. Every name is there, `null` if the value is unknown.
#![forbid(unsafe_code)]

use super::clean::clean;
use super::{Page, codes, moment, mta, vouched, why};
use crate::dsn::reason::Reason;
use crate::store::{Event, Message, RecipientStatus};
use serde_json::{Value, json};

pub(super) fn page(page: &Page<'_>) -> String {
    let value = json!({
        "version": 1,
        "message_id": clean(&page.message.message_id),
        "url": page.url(),
        "message_url": page.message_url(),
        "sender": page.message.sender.as_deref().map(clean),
        "submitted": moment::stamp(page.message.submitted),
        "tags": tags(page.message),
        "as_of": moment::stamp(page.now),
        "pending": page.is_pending(),
        "recipients": page.recipients.iter().map(|recipient| self::recipient(page, recipient)).collect::<Vec<_>>(),
    });
    // A Value always has a text; `{:#}` is the pretty one.
    format!("{value:#}\n")
}

/// For the owner alone; nobody else is told that there are any.
pub(super) fn tags(message: &Message) -> Vec<Value> {
    message.tags.iter().map(|tag| json!({"name": clean(&tag.name), "value": clean(&tag.value)})).collect()
}

fn recipient(page: &Page<'_>, recipient: &RecipientStatus) -> Value {
    json!({
        "address": clean(&recipient.address),
        "url": page.recipient_url(recipient),
        "state": recipient.state.as_str(),
        "since": moment::stamp(recipient.since),
        "reason": why(recipient).map(Reason::as_str),
        "verified": vouched(recipient),
        "events": recipient.events.iter().map(event).collect::<Vec<_>>(),
    })
}

fn event(event: &Event) -> Value {
    json!({
        "occurred": moment::stamp(event.occurred),
        "action": event.action.as_str(),
        "reason": event.reason.map(Reason::as_str),
        "status": event.status.as_deref().map(clean),
        "meaning": event.status.as_deref().and_then(codes::meaning),
        "diagnostic": event.diagnostic.as_deref().map(clean),
        "reporting_mta": mta(event.reporting_mta.as_ref()),
        "remote_mta": mta(event.remote_mta.as_ref()),
        "will_retry_until": event.will_retry_until.map(moment::stamp),
        "verified": event.verified,
        "heuristic": event.heuristic,
    })
}
