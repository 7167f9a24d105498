//! The status table of the manual, row by row, and the forms an answer takes.

use super::*;
use crate::header::HeaderValue;

fn id(text: &str) -> MessageId {
    MessageId::parse(&HeaderValue::parse(text).unwrap()).unwrap()
}

#[test]
fn a_problem_says_what_and_whether_to_send_again_in_every_form() {
    let problem = Problem::new(400, "SM0105", Again::AfterCorrection, "To: 'a<script>b' is no address");
    let plain = problem.reply(None, None, false);
    assert_eq!(plain.status, 400);
    let plain = String::from_utf8(plain.body).unwrap();
    assert!(plain.contains("safe to send again, corrected") && plain.contains("'a\\u{3c}script>b'"), "{plain}");
    let html = String::from_utf8(problem.reply(Some("text/html,*/*;q=0.8"), None, false).body).unwrap();
    assert!(html.contains("a&lt;script&gt;b") && !html.contains("a<script>"));
    let json = problem.reply(Some("application/json"), None, false);
    assert_eq!(json.content_type, "application/problem+json");
    assert!(!json.body.contains(&b'<'));
    let json: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert!(json["detail"].as_str().unwrap().contains("<script>"));
    assert_eq!((json["status"].as_u64(), json["send_again"].as_str()), (Some(400), Some("after-correction")));
}

#[test]
fn words_of_the_program_are_shown_only_where_allowed() {
    let problem = Problem { words: Some("disk on fire".into()), ..Problem::new(503, "SM0403", Again::MayDouble, "x") };
    for (show, accept) in [
        (true, "text/plain"),
        (true, "application/json"),
        (true, "text/html"),
        (false, "text/plain"),
        (false, "application/json"),
    ] {
        let body = String::from_utf8(problem.reply(Some(accept), None, show).body).unwrap();
        assert_eq!(body.contains("disk on fire"), show, "{accept}");
    }
}

#[test]
fn an_accepted_message_redirects_or_links() {
    let message_id = id("<a@b>");
    let accepted = Accepted { message_id: &message_id, status_url: Some("https://h/dsn/a%40b/"), redirect: true };
    let reply = accepted.reply(None);
    assert_eq!(reply.status, 303);
    assert!(reply.fields.contains(&("Location", "https://h/dsn/a%40b/".into())));
    let reply = Accepted { redirect: false, ..accepted }.reply(Some("application/json"));
    assert_eq!(reply.status, 202);
    assert!(reply.fields.contains(&("Link", "<https://h/dsn/a%40b/>; rel=\"monitor\"".into())));
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["message_id"], "<a@b>");
}

#[test]
fn every_status_given_has_its_row() {
    for kind in [
        FailureKind::BadMessage,
        FailureKind::DeadlinePassed,
        FailureKind::EightBit,
        FailureKind::Misconfigured,
        FailureKind::NoResources,
        FailureKind::RelayRefused,
        FailureKind::Tempfail,
        FailureKind::TooLarge,
        FailureKind::Unavailable,
        FailureKind::Unknown,
    ] {
        let failure = Failure { kind, exit: None, detail: "x".into(), words: None, recipient: None, started: true };
        let problem = Problem::from(&failure);
        assert_ne!(reason(problem.status), "Error", "{kind:?}");
        assert_eq!(problem.retry_after.is_some(), kind == FailureKind::NoResources, "{kind:?}");
    }
}
