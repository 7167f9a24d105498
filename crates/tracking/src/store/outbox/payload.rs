//! What an event says: JSON in the form of Standard Webhooks 1.0 (`type`, `timestamp`, `data`), named and shaped as the webhooks of Resend are
//! (<https://resend.com/docs/webhooks/emails/bounced>), so that receivers written for those read it; what is ours stands beside it, under the names of
//! docs/status.schema.json.
#![forbid(unsafe_code)]

use crate::dsn::reason::Reason;
use crate::status::clean;
use crate::status::moment::stamp;
use crate::store::Tag;
use crate::store::read::Event;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every type of event.
pub const TYPES: [&str; 5] =
    ["email.delivered", "email.delivery_delayed", "email.bounced", "email.complained", "email.suppressed"];

/// A change of state.
pub(super) struct Payload<'a> {
    /// Without angle brackets.
    pub message_id: &'a str,
    pub sender: Option<String>,
    pub submitted: i64,
    pub tags: Vec<Tag>,
    pub address: &'a str,
    pub event: &'a Event,
}

impl Payload<'_> {
    /// The type; `None` for a state that is no event. For Resend a message is delivered once the server of the recipient has it.
    pub fn kind(&self) -> Option<&'static str> {
        match self.event.action.as_str() {
            "delivered" | "relayed" | "expanded" => Some("email.delivered"),
            "delayed" => Some("email.delivery_delayed"),
            "failed" => Some("email.bounced"),
            "complained" => Some("email.complained"),
            "suppressed" => Some("email.suppressed"),
            _ => None,
        }
    }

    /// The JSON. What a report says are words of strangers.
    pub fn body(&self, kind: &str) -> String {
        let event = self.event;
        let occurred = stamp(event.occurred);
        let words = |text: &Option<String>| text.as_deref().map(clean);
        let mut value = json!({
            "type": kind,
            "timestamp": occurred,
            "created_at": occurred,
            "data": {
                "email_id": clean(self.message_id.split_once('@').map_or(self.message_id, |(left, _)| left)),
                "message_id": format!("<{}>", clean(self.message_id)),
                "created_at": stamp(self.submitted),
                "from": words(&self.sender).unwrap_or_default(),
                "to": [clean(self.address)],
                "subject": "",
                "tags": tags(&self.tags),
                "state": event.action.as_str(),
                "since": occurred,
                "reason": event.reason.map(Reason::as_str),
                "status": words(&event.status),
                "diagnostic": words(&event.diagnostic),
                "reporting_mta": words(&event.reporting_mta),
                "remote_mta": words(&event.remote_mta),
                "will_retry_until": event.will_retry_until.map(stamp),
                "verified": event.verified,
                "heuristic": event.heuristic,
            },
        });
        match kind {
            "email.bounced" => value["data"]["bounce"] = bounce(event),
            "email.suppressed" => {
                let message = words(&event.diagnostic).unwrap_or_default();
                value["data"]["suppressed"] = json!({"message": message, "type": "OnAccountSuppressionList"});
            }
            _ => {}
        }
        value.to_string()
    }
}

/// By name, as Resend writes them; several of one name are a list, as the categories of SendGrid are.
fn tags(tags: &[Tag]) -> Value {
    let mut named = BTreeMap::<String, Vec<String>>::new();
    for tag in tags {
        named.entry(clean(&tag.name)).or_default().push(clean(&tag.value));
    }
    let one_or_more = |(name, values): (String, Vec<String>)| {
        let values = if let [only] = values.as_slice() { json!(only) } else { json!(values) };
        (name, values)
    };
    named.into_iter().map(one_or_more).collect()
}

fn bounce(event: &Event) -> Value {
    let (kind, sub_kind) = class(event.status.as_deref().unwrap_or_default());
    let message = event.diagnostic.as_deref().or(event.status.as_deref()).map(clean).unwrap_or_default();
    json!({"type": kind, "subType": sub_kind, "message": message})
}

/// Type and subtype, in the words of Amazon SES that Resend hands on. Permanent is what is wrong with the address alone: receivers never write to
/// such an address again.
fn class(status: &str) -> (&'static str, &'static str) {
    match status {
        // RFC 3463 3.2, RFC 7505 (null MX), RFC 3463 3.3 (the mailbox is disabled).
        "5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10" | "5.2.1" => ("Permanent", "General"),
        "4.2.2" | "5.2.2" => ("Transient", "MailboxFull"),
        "5.2.3" | "5.3.4" => ("Transient", "MessageTooLarge"),
        _ if status.starts_with("5.6.") => ("Transient", "ContentRejected"),
        _ if status.starts_with("4.") => ("Transient", "General"),
        _ => ("Undetermined", "Undetermined"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::State;

    fn event(action: State, status: Option<&str>) -> Event {
        Event {
            reason: None,
            occurred: 1_795_316_874,
            action,
            status: status.map(str::to_owned),
            diagnostic: Some("550 5.1.1 no\u{1b}[2J user \u{202e}x".into()),
            reporting_mta: None,
            remote_mta: None,
            will_retry_until: None,
            verified: true,
            heuristic: false,
        }
    }

    fn of(event: &Event) -> Option<(&'static str, Value)> {
        let sender = Some("f@example.test".to_owned());
        let tag = |name: &str, value: &str| Tag { name: name.into(), value: value.into() };
        let tags = vec![tag("plan", "pro\u{202e}"), tag("category", "a"), tag("category", "b")];
        let payload =
            Payload { message_id: "abc@h.example", sender, submitted: 0, tags, address: "a@x.example", event };
        let kind = payload.kind()?;
        Some((kind, serde_json::from_str(&payload.body(kind)).unwrap()))
    }

    #[test]
    fn every_state_that_is_news_has_a_type_and_the_others_have_none() {
        for (state, kind) in [
            (State::Delivered, Some("email.delivered")),
            (State::Relayed, Some("email.delivered")),
            (State::Expanded, Some("email.delivered")),
            (State::Delayed, Some("email.delivery_delayed")),
            (State::Failed, Some("email.bounced")),
            (State::Queued, None),
            (State::Unknown, None),
        ] {
            let told = of(&event(state, None));
            assert_eq!(told.as_ref().map(|(kind, _)| *kind), kind, "{state:?}");
            let Some((kind, value)) = told else { continue };
            assert!(TYPES.contains(&kind));
            assert_eq!((value["type"].as_str(), value["data"]["state"].as_str()), (Some(kind), Some(state.as_str())));
            assert_eq!(value["data"].get("bounce").is_some(), kind == "email.bounced");
        }
    }

    #[test]
    fn a_bounce_has_the_shape_that_receivers_know_and_no_word_of_a_stranger_is_obeyed() {
        let (_, value) = of(&event(State::Failed, Some("5.1.1"))).unwrap();
        assert_eq!(value["timestamp"], "2026-11-22T03:07:54Z");
        let data = &value["data"];
        assert_eq!((&data["email_id"], &data["message_id"]), (&json!("abc"), &json!("<abc@h.example>")));
        assert_eq!((&data["to"], &data["from"]), (&json!(["a@x.example"]), &json!("f@example.test")));
        assert_eq!(data["tags"], json!({"category": ["a", "b"], "plan": "pro\u{fffd}"}));
        let message = "550 5.1.1 no\u{fffd}[2J user \u{fffd}x";
        assert_eq!(data["bounce"], json!({"type": "Permanent", "subType": "General", "message": message}));
    }

    #[test]
    fn only_what_is_wrong_with_the_address_is_permanent() {
        for (status, kind) in [
            ("5.1.1", "Permanent"),
            ("5.1.10", "Permanent"),
            ("5.2.1", "Permanent"),
            ("5.2.2", "Transient"),
            ("5.7.1", "Undetermined"),
            ("5.7.26", "Undetermined"),
            ("5.4.4", "Undetermined"),
            ("4.4.7", "Transient"),
            ("5.6.0", "Transient"),
            ("5.1.11", "Undetermined"),
            ("", "Undetermined"),
        ] {
            assert_eq!(class(status).0, kind, "{status}");
        }
    }
}
