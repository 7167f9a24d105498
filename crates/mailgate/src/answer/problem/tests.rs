//! The forms an answer takes.

use super::*;
use crate::tags;

#[test]
fn a_problem_says_what_and_whether_to_send_again_in_every_form() {
    let problem = Problem::new(&tags::RECIPIENT, "To: 'a<script>b' is no address");
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
    let problem = Problem { words: Some("disk on fire".into()), ..Problem::new(&tags::TRY_LATER, "x") };
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
