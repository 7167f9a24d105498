//! Keys, limits, checks, dry runs and origins apply to forms as to every input format.

use super::{BROWSER, FORM, builder, only, urlencoded};
use crate::keys::{Keys, is_replayed};
use crate::support::place::Place;
use crate::support::{Httpd, Milter, Policy, Request, Sendmail, Smtp};

/// The same form, with this boundary.
fn multipart(boundary: &str, text: &str) -> Request {
    let part = "Content-Disposition: form-data; name=\"text\"\r\n\r\n";
    let body = format!("--{boundary}\r\n{part}{text}\r\n--{boundary}--\r\n");
    Request::post("/mail").header("Content-Type", format!("multipart/form-data; boundary={boundary}")).body(body)
}

#[test]
fn a_key_sends_a_form_once_whatever_its_boundary_is() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = builder(&sendmail, &keys.directive("")).start();
    let keyed = |boundary: &str, text: &str| multipart(boundary, text).header("Idempotency-Key", "one").send(&httpd);
    let first = keyed("a", "Hello").expect_status(202);
    let again = keyed("b", "Hello").expect_status(202);
    assert!(!is_replayed(&first) && is_replayed(&again));
    assert_eq!(again.message_id(), first.message_id());
    httpd.expect_log("SM0111");
    keyed("a", "Goodbye").expect_status(422);
    assert_eq!(sendmail.take().len(), 1);
    multipart("a", "Hello").send(&httpd).expect_status(202);
    assert_eq!(sendmail.take().len(), 1, "without a key");
}

#[test]
fn a_limit_counts_forms_and_tells_the_visitor_to_wait() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "SendmailRateLimit 10/1h burst=2 per=address").start();
    for _ in 0..2 {
        urlencoded("a=1").send(&httpd).expect_status(202);
    }
    httpd.expect_log("SM0214");
    let over = urlencoded("a=1").header("Accept", BROWSER).header("Accept-Language", "de").send(&httpd);
    let over = over.expect_status(429);
    assert!(over.header("Retry-After").is_some());
    assert!(over.text().contains("In kurzer Zeit kamen mehrere Nachrichten"), "{}", over.text());
    let over = urlencoded("a=1").send(&httpd).expect_status(429);
    assert_eq!(over.header("Content-Type"), Some("application/problem+json"));
    assert_eq!(sendmail.take().len(), 2);
}

#[test]
fn a_dry_run_of_a_form_shows_the_mail_and_sends_nothing() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "SendmailDryRun request").start();
    let dry = urlencoded("text=Hello").header("Prefer", "sendmail-dry-run").send(&httpd).expect_status(200);
    assert!(dry.text().contains("\ntext: Hello") && dry.text().contains("office@example.test"), "{}", dry.text());
    assert_eq!(sendmail.starts(), 0);
    urlencoded("text=Hello").send(&httpd).expect_status(202);
    only(&sendmail);
}

#[test]
fn a_form_is_looked_at_by_milters_and_one_that_is_held_was_taken() {
    let (smtp, milter, policy, place) = (Smtp::start(), Milter::start(), Policy::start(), Place::new("form-held"));
    let hold = place.folder("hold", 0o777);
    let text = format!(
        "SetHandler sendmail\nRequire local\nSendmailRelay 127.0.0.1:{}\n{FORM}\nSendmailMilter {}\nSendmailPolicy {}\nSendmailHold \"{}\"",
        smtp.port(),
        milter.endpoint(),
        policy.endpoint(),
        hold.display()
    );
    let httpd = Httpd::builder().location("/mail", &text).start();
    urlencoded("text=Hello").send(&httpd).expect_status(202);
    assert_eq!(smtp.take().len(), 1);
    let (_, question) = policy.take().pop().expect("it is asked");
    assert_eq!(question["recipient"], "office@example.test");

    policy.answers("HOLD for a look");
    for accept in [BROWSER, "application/json"] {
        let held = urlencoded("text=Hello").header("Accept", accept).send(&httpd).expect_status(202);
        assert!(held.text().contains("Your message was sent."), "{}", held.text());
        assert!(smtp.take().is_empty());
    }
    assert!(httpd.error_log().contains("SM0221"));

    policy.forget_rules();
    milter.says('E', &[crate::support::milter::packet('y', "554 5.7.1 a virus\0")]);
    httpd.expect_log("SM0215");
    let refused = urlencoded("text=Hello").header("Accept", BROWSER).send(&httpd).expect_status(400);
    assert!(refused.text().contains("value=\"Hello\""), "what was typed is kept: {}", refused.text());
    assert!(smtp.take().is_empty());
}

#[test]
fn pages_of_other_sites_cannot_send_a_form_with_a_visitor_who_is_logged_in() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "SendmailAllowOrigin https://www.example.test").start();
    for own in ["https://www.example.test", &format!("http://127.0.0.1:{}", httpd.port())] {
        urlencoded("a=1").header("Origin", own).send(&httpd).expect_status(202);
        only(&sendmail);
    }
    httpd.expect_log("SM0205");
    for (name, value) in [("Origin", "https://evil.test"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")] {
        let foreign = urlencoded("a=1").header(name, value).header("Accept", BROWSER).send(&httpd).expect_status(403);
        assert!(foreign.text().contains("<h1>"), "{}", foreign.text());
        multipart("x", "1").header(name, value).send(&httpd).expect_status(403);
    }
    assert_eq!(sendmail.starts(), 0);
}
