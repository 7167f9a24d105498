//! A message in the form that Resend's SDKs read (<https://resend.com/docs/api-reference/emails/retrieve-email>), plus what we know of each
//! recipient. What the database does not have, the subject and the texts, is `null`.
#![forbid(unsafe_code)]

use super::clean::clean;
use super::{concern, moment};
use crate::store::{Message, State};
use serde_json::{Value, json};

/// The message with this id of the client.
pub fn email(message: &Message, id: &str) -> Value {
    let worst = message.recipients.iter().min_by_key(|recipient| concern(recipient.state));
    let recipients: Vec<Value> = message
        .recipients
        .iter()
        .map(|recipient| {
            json!({
                "address": clean(&recipient.address), "state": recipient.state.as_str(), "last_event": event(recipient.state),
                "since": moment::stamp(recipient.since),
            })
        })
        .collect();
    json!({
        "object": "email",
        "id": id,
        "message_id": clean(&message.message_id),
        "from": message.sender.as_deref().map(clean),
        "to": message.recipients.iter().map(|recipient| clean(&recipient.address)).collect::<Vec<_>>(),
        "cc": [], "bcc": [], "reply_to": [],
        "subject": null, "text": null, "html": null, "scheduled_at": null,
        "created_at": moment::stamp(message.submitted),
        "last_event": worst.map(|recipient| event(recipient.state)),
        "recipients": recipients,
        "tags": super::json::tags(message),
    })
}

/// Resend's word for a state. A system that does not report deliveries was sent the message; no more is known.
fn event(state: State) -> &'static str {
    match state {
        State::Complained => "complained",
        State::Delayed => "delivery_delayed",
        State::Delivered | State::Expanded => "delivered",
        State::Failed => "bounced",
        State::Queued => "queued",
        State::Relayed | State::Unknown => "sent",
        State::Suppressed => "suppressed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{RecipientStatus, Tag};

    #[test]
    fn the_last_event_is_what_needs_attention_first() {
        let message = |states: &[State]| Message {
            message_id: "i@h".into(),
            sender: Some("f@x".into()),
            submitted: 0,
            tags: vec![Tag { name: "plan".into(), value: "pro".into() }],
            recipients: states
                .iter()
                .map(|state| RecipientStatus {
                    reason: None,
                    address: format!("{}@x", state.as_str()),
                    state: *state,
                    since: 0,
                    verified: true,
                    events: Vec::new(),
                })
                .collect(),
        };
        for (states, expected) in [
            (&[State::Delivered][..], json!("delivered")),
            (&[State::Delivered, State::Queued], json!("queued")),
            (&[State::Delivered, State::Relayed], json!("sent")),
            (&[State::Queued, State::Delayed], json!("delivery_delayed")),
            (&[State::Delayed, State::Failed, State::Delivered], json!("bounced")),
            (&[], json!(null)),
        ] {
            let email = email(&message(states), "i");
            assert_eq!(
                (&email["last_event"], &email["object"], &email["id"]),
                (&expected, &json!("email"), &json!("i"))
            );
            assert_eq!(email["tags"], json!([{"name": "plan", "value": "pro"}]));
            assert_eq!(email["to"].as_array().map(Vec::len), Some(states.len()));
        }
    }
}
