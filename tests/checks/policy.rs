//! The questions to a policy server, and the effect of each answer.

use super::{only, text};
use crate::programs::steady;
use crate::relay::{relaying, to};
use crate::support::{Httpd, Mpm, Policy, Request, Smtp};

fn asking(smtp: &Smtp, policy: &Policy, option: &str, more: &str) -> Httpd {
    let words = format!("SendmailPolicy {} {option}\n{more}", policy.endpoint());
    relaying(steady(Mpm::Event), "/mail", &to(smtp), &words).start()
}

#[test]
fn each_recipient_is_asked_for_once_and_the_end_where_that_is_wanted() {
    let (smtp, policy) = (Smtp::start(), Policy::start());
    let httpd = asking(&smtp, &policy, "state=end", "");
    let request = Request::mail("/mail").without("To").header("To", "a@example.test, b@example.test, a@example.test");
    request.body("x".repeat(100) + "\n").send(&httpd).expect_status(202);
    only(&smtp);
    let questions = policy.take();
    let get = |at: usize, name: &str| questions[at].1.get(name).cloned().unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(questions.len(), 3);
    for (at, recipient) in ["a@example.test", "b@example.test"].into_iter().enumerate() {
        for (name, value) in [
            ("request", "smtpd_access_policy"),
            ("protocol_state", "RCPT"),
            ("protocol_name", "ESMTP"),
            ("helo_name", "gateway.test"),
            ("sender", "f@example.test"),
            ("recipient", recipient),
            ("recipient_count", "0"),
            ("client_address", "127.0.0.1"),
            ("sasl_username", ""),
            ("size", "101"),
            ("policy_context", "HTTP"),
        ] {
            assert_eq!(get(at, name), value, "{name}");
        }
    }
    assert_eq!(
        (get(2, "protocol_state"), get(2, "recipient"), get(2, "recipient_count")),
        ("END-OF-MESSAGE".into(), String::new(), "2".into())
    );
    assert!(get(2, "size").parse::<u32>().unwrap() > 300, "the message itself");
    let instances: std::collections::BTreeSet<_> = (0..3).map(|at| get(at, "instance")).collect();
    let connections: std::collections::BTreeSet<_> = questions.iter().map(|(connection, _)| *connection).collect();
    assert_eq!((instances.len(), connections.len()), (1, 1), "one message");
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert!(!instances.contains(&policy.take()[0].1["instance"]));
}

#[test]
fn without_state_end_nothing_is_asked_behind_the_body() {
    let (smtp, policy) = (Smtp::start(), Policy::start());
    let httpd = asking(&smtp, &policy, "", "");
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(policy.take().len(), 1);
    only(&smtp);
}

#[test]
fn a_refusal_saves_the_upload() {
    let (smtp, policy) = (Smtp::start(), Policy::start());
    let httpd = asking(&smtp, &policy, "", "");
    let request = || Request::mail("/mail").body("x\n".repeat(1_000_000)).expect_continue();
    assert_eq!(request().send(&httpd).expect_status(202).interim, [100]);
    only(&smtp);
    policy.answers("REJECT no");
    let response = request().send(&httpd).expect_status(400);
    assert!(response.interim.is_empty(), "the body was asked for");
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0215: policy server");
}

#[test]
fn every_answer_of_access_5_has_its_outcome() {
    let (smtp, policy) = (Smtp::start(), Policy::start());
    let httpd = asking(&smtp, &policy, "", "SendmailErrorDetail on");
    for (answer, status, words) in [
        ("OK", 202, ""),
        ("DUNNO", 202, ""),
        ("permit", 202, ""),
        ("1700000000", 202, ""),
        ("REJECT not you", 400, "not you"),
        ("550 5.7.1 not you", 400, "550 5.7.1 not you"),
        ("521 5.7.1 gone", 400, "521 5.7.1 gone"),
        ("DEFER later", 503, "later"),
        ("450 4.7.1 later", 503, "450 4.7.1 later"),
        ("421 busy", 503, "421 busy"),
        ("DEFER_IF_PERMIT later", 503, "later"),
        ("DEFER_IF_REJECT later", 202, ""),
        ("HOLD look", 503, "SendmailHold names no place"),
        ("DISCARD", 202, ""),
        ("WARN odd", 202, ""),
        ("INFO fine", 202, ""),
    ] {
        policy.forget_rules().answers(answer);
        let response = Request::mail("/mail").send(&httpd);
        assert_eq!(response.status, status, "{answer}: {}", response.text());
        assert!(response.text().contains(words), "{answer}: {}", response.text());
        let sent = status == 202 && answer != "DISCARD";
        assert_eq!(smtp.take().len(), usize::from(sent), "{answer}");
    }
    let log = httpd.error_log();
    assert!(log.contains("SM0222: policy server") && log.contains("says fine"), "{log}");
    assert!(log.contains("SM0220: thrown away"));
    httpd.expect_log("says odd");
    httpd.expect_log("SM0215");
    httpd.expect_log("SM0216");
}

#[test]
fn answers_for_several_recipients_are_taken_together() {
    let (smtp, policy) = (Smtp::start(), Policy::start());
    let httpd = asking(&smtp, &policy, "", "");
    let request = Request::mail("/mail").without("To").header("To", "a@example.test, b@example.test");
    for (first, second, status) in [
        ("DUNNO", "REJECT", 400),
        ("DEFER_IF_PERMIT x", "REJECT", 400),
        ("DEFER_IF_PERMIT x", "DUNNO", 503),
        ("DEFER_IF_REJECT x", "REJECT", 503),
        ("DEFER_IF_REJECT x", "DUNNO", 202),
        ("REJECT", "DUNNO", 400),
        ("DISCARD", "REJECT", 400),
    ] {
        policy.forget_rules();
        policy.answers_about("recipient=a@example.test", first).answers_about("recipient=b@example.test", second);
        let response = request.send(&httpd);
        assert_eq!(response.status, status, "{first}, {second}: {}", response.text());
    }
    assert_eq!(smtp.take().len(), 1);
    httpd.expect_log("SM0215");
    httpd.expect_log("SM0216");
}

#[test]
fn fields_and_recipients_change_as_it_says_and_only_to_whom_may_be_written() {
    let (smtp, policy) = (Smtp::start(), Policy::start());
    let httpd = asking(&smtp, &policy, "", "SendmailRecipients example.test");
    let request = Request::mail("/mail").without("To").header("To", "a@example.test, b@example.test");
    policy.answers("PREPEND X-Policy: seen  by us");
    request.send(&httpd).expect_status(202);
    let arrived = text(&only(&smtp));
    assert_eq!(arrived.matches("\nX-Policy: seen  by us\n").count(), 1, "{arrived}");
    assert!(arrived.starts_with("Received: "));
    policy.forget_rules().answers("REDIRECT c@example.test");
    request.send(&httpd).expect_status(202);
    assert_eq!(only(&smtp).rcpts, ["RCPT TO:<c@example.test>"]);
    policy.forget_rules().answers("BCC archive@example.test");
    request.send(&httpd).expect_status(202);
    let arrived = only(&smtp);
    assert!(arrived.rcpts.len() == 3 && !text(&arrived).contains("archive"));
    for answer in ["REDIRECT x@evil.test", "BCC x@evil.test"] {
        policy.forget_rules().answers(answer);
        request.send(&httpd).expect_status(503);
    }
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0218: policy server");
}

#[test]
fn a_server_that_closes_after_each_answer_is_asked_over_a_new_connection() {
    use crate::support::server::Act;
    let (smtp, policy) = (Smtp::start(), Policy::start());
    let httpd = asking(&smtp, &policy, "state=end", "");
    policy.rule("", Act::SayAndClose(b"action=DUNNO\n\n".to_vec()), usize::MAX);
    let request = Request::mail("/mail").without("To").header("To", "a@example.test, b@example.test");
    request.send(&httpd).expect_status(202);
    assert_eq!((policy.take().len(), policy.connections()), (3, 3));
    only(&smtp);
}
