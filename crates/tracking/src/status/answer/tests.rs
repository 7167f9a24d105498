//! Statuses, fields and the forms of what is not a page.

use super::*;
use crate::store::{RecipientStatus, State};

const NOW: i64 = 1_795_316_874;
const BASE: &str = "https://h/dsn/";

fn message() -> Message {
    let recipient = |address: &str| RecipientStatus {
        reason: None,
        address: address.into(),
        state: State::Queued,
        since: NOW,
        verified: false,
        events: Vec::new(),
    };
    let recipients = vec![recipient("x@y"), recipient("z@y")];
    Message { message_id: "a@b".into(), sender: None, submitted: NOW, tags: Vec::new(), recipients }
}

fn target(address: Option<&str>) -> Target {
    let id = "a@b".to_owned();
    match address {
        Some(address) => Target::Recipient { id, address: address.into() },
        None => Target::Message { id },
    }
}

fn field<'r>(reply: &'r Response, name: &str) -> Option<&'r str> {
    reply.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
}

fn text(reply: &Response) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

#[test]
fn a_message_a_recipient_and_nobody_are_told_apart() {
    let message = message();
    let show = |found, target: &Target| show(found, target, BASE, None, NOW);
    let whole = show(Some(&message), &target(None));
    assert!(whole.status == 200 && text(&whole).contains("x@y") && text(&whole).contains("z@y"));
    let one = show(Some(&message), &target(Some("z@y")));
    assert!(one.status == 200 && !text(&one).contains("x@y") && text(&one).contains("z@y"));
    let unknown = not_found(None);
    for (found, target) in [
        (None, target(None)),
        (None, target(Some("x@y"))),
        (Some(&message), target(Some("bcc@y"))),
        (None, Target::Bad),
        (Some(&message), Target::Bad),
    ] {
        assert_eq!(show(found, &target), unknown, "{target:?}");
    }
    assert_eq!(unknown.status, 404);
}

#[test]
fn every_answer_keeps_itself_to_itself() {
    let message = message();
    let mut replies: Vec<Response> =
        [404, 405, 406, 503].iter().map(|&status| problem(status, Some("text/html"))).collect();
    replies.push(description(BASE));
    replies
        .extend(Format::all().map(|format| show(Some(&message), &target(None), BASE, Some(format.media_type()), NOW)));
    for reply in &replies {
        assert_eq!(field(reply, "Vary"), Some("Accept"));
        assert_eq!(field(reply, "Cache-Control"), Some("no-store"));
        assert_eq!(field(reply, "X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(field(reply, "Referrer-Policy"), Some("no-referrer"));
        let policy = field(reply, "Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(policy.contains("style-src"), reply.content_type.starts_with("text/html"), "{}", reply.content_type);
    }
}

#[test]
fn the_policy_allows_the_style_sheet_that_is_sent_and_no_other() {
    let page = not_found(Some("text/html"));
    let (_, rest) = text(&page).split_once("<style>").unwrap();
    let (style, rest) = rest.split_once("</style>").unwrap();
    assert!(!rest.contains("<style") && !text(&page).contains("style="));
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
    let policy = field(&page, "Content-Security-Policy").unwrap();
    assert!(policy.ends_with(&format!("; style-src 'sha256-{digest}'")), "{policy}");
}

#[test]
fn a_problem_comes_in_the_form_the_client_likes() {
    for (accept, content_type, start) in [
        (None, "text/plain; charset=utf-8", "Not Found: No delivery status"),
        (Some("image/png"), "text/plain; charset=utf-8", "Not Found: "),
        (Some("text/html,*/*;q=0.8"), "text/html; charset=utf-8", "<!DOCTYPE html>"),
        (Some("application/json"), "application/problem+json", "{\"detail\":"),
        (Some("application/problem+json"), "application/problem+json", "{\"detail\":"),
        (Some("application/xml"), "application/problem+xml", "<?xml version="),
        (Some("application/problem+xml"), "application/problem+xml", "<?xml version="),
        (Some("text/xml"), "application/problem+xml", "<?xml version="),
    ] {
        let reply = not_found(accept);
        assert_eq!((reply.status, reply.content_type), (404, content_type), "{accept:?}");
        assert!(text(&reply).starts_with(start), "{accept:?}: {}", text(&reply));
    }
}

#[test]
fn a_client_that_accepts_no_form_learns_nothing_else() {
    let message = message();
    let refused = show(Some(&message), &target(None), BASE, Some("image/png"), NOW);
    assert_eq!(refused.status, 406);
    assert_eq!(refused, show(None, &Target::Bad, BASE, Some("image/png"), NOW));
    assert!(text(&refused).starts_with("Not Acceptable: "));
    assert_eq!(show(Some(&message), &target(None), BASE, Some("text/*"), NOW).status, 200);
}

#[test]
fn methods_and_a_database_that_is_down_say_what_to_do() {
    let refused = method_not_allowed(ALLOW, None);
    assert_eq!((refused.status, field(&refused, "Allow")), (405, Some("GET, HEAD, OPTIONS")));
    let described = description(BASE);
    assert_eq!((described.status, field(&described, "Allow")), (200, Some("GET, HEAD, OPTIONS")));
    let down = unavailable(Some("text/html"));
    assert_eq!((down.status, field(&down, "Retry-After")), (503, Some("30")));
    assert_eq!(field(&not_found(None), "Retry-After"), None);
}
