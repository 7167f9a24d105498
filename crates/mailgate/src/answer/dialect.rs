//! The answers that the SDKs of mail services read: their members, and beside them those of every other answer of ours.
#![forbid(unsafe_code)]

use super::problem::{Problem, monitor};
use crate::input::json::Dialect;
use jiff::Timestamp;
use mail::message_id::MessageId;
use serde_json::json;
use web::Response;
use web::escape::harmless_json;

/// A message that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Whom it is to, as the client wrote it.
    pub to: Option<&'a str>,
    /// Its identifier.
    pub message_id: &'a MessageId,
    /// Where its delivery status can be asked for.
    pub status_url: Option<&'a str>,
    /// The recipients that were left out.
    pub suppressed: &'a [String],
}

/// The answer to a message that was accepted.
pub fn accepted(dialect: Dialect, sent: Sent<'_>) -> Response {
    let mut fields =
        vec![("X-Message-ID", sent.message_id.as_str().to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
    fields.extend(sent.status_url.map(|url| ("Link", monitor(url))));
    // What the SDK knows it by: of ours that is the token in the envelope id.
    let id = sent.message_id.as_str().trim_start_matches('<');
    let id = id.split_once('@').map_or(id, |(left, _)| left);
    let body = match dialect {
        Dialect::Postmark => json!({
            "To": sent.to, "SubmittedAt": Timestamp::now().to_string(), "MessageID": id, "ErrorCode": 0,
            "Message": match sent.suppressed {
                [] => "OK".to_owned(),
                // Anymail reads the addresses out of these words.
                some => format!("Message OK, but will not deliver to these inactive addresses: {}", some.join(", ")),
            },
        }),
        Dialect::Resend => json!({"id": id}),
    };
    Response { status: 200, fields, content_type: JSON, body: harmless_json(&body).into_bytes() }
}

/// The answer to a request that sent nothing, or nobody knows. Python's SDK of Resend takes no other type for JSON.
pub fn refused(dialect: Dialect, problem: &Problem, message_id: Option<&MessageId>, show_words: bool) -> Response {
    let mut body = problem.members(message_id, show_words);
    let is_inactive = problem.suppressed.is_some();
    let message = match (dialect, &problem.suppressed) {
        // As Postmark says it: its SDKs and Anymail read the addresses out of it.
        (Dialect::Postmark, Some(suppressed)) => format!(
            "You tried to send to recipients that have been marked as inactive. Found inactive addresses: {}. Inactive recipients are ones that have generated a hard bounce or a spam complaint.",
            suppressed.0.join(", ")
        ),
        _ => format!("{}. {}", problem.detail, problem.tag.retry.sentence()),
    };
    let status = match (dialect, problem.tag.status) {
        // The only status for what is wrong with a message that Postmark's SDKs know.
        (Dialect::Postmark, 400 | 403 | 411 | 413 | 415) => 422,
        (Dialect::Resend, 403) if is_inactive => 422,
        (_, status) => status,
    };
    match dialect {
        Dialect::Postmark => {
            body["status"] = json!(status);
            body["ErrorCode"] = json!(match status {
                422 if is_inactive => 406,
                422 => 300,
                other => other,
            });
            body["Message"] = json!(message);
        }
        Dialect::Resend => {
            body["statusCode"] = json!(status);
            body["name"] = json!(resend_name(status));
            body["message"] = json!(message);
        }
    }
    let fields = problem.fields(message_id);
    Response { status, fields, content_type: JSON, body: harmless_json(&body).into_bytes() }
}

const JSON: &str = "application/json";

/// <https://resend.com/docs/api-reference/errors>.
fn resend_name(status: u16) -> &'static str {
    match status {
        405 => "method_not_allowed",
        429 => "rate_limit_exceeded",
        500.. => "application_error",
        _ => "validation_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags;
    use serde_json::Value;

    #[test]
    fn a_refusal_speaks_the_dialect_and_ours() {
        for (tag, name) in [
            (&tags::JSON_MEMBER, "validation_error"),
            (&tags::FORBIDDEN_RECIPIENT, "validation_error"),
            (&tags::METHOD, "method_not_allowed"),
            (&tags::UNKNOWN, "application_error"),
        ] {
            let reply = refused(Dialect::Resend, &Problem::new(tag, "subject: is <b>wrong"), None, false);
            assert_eq!((reply.status, reply.content_type), (tag.status, "application/json"));
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!((&body["statusCode"], &body["name"]), (&json!(tag.status), &json!(name)));
            assert!(body["message"].as_str().unwrap().starts_with("subject: is <b>wrong. "), "{body}");
            assert_eq!((&body["status"], &body["send_again"]), (&json!(tag.status), &json!(tag.retry.word())));
        }
    }
}
