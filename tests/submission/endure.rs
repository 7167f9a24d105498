//! Nothing lost and nothing twice: a real queue drains through restarts, and a fault of the module costs one message.

use super::{Dialogue, open};
use crate::support::artifacts::faulty_module;
use crate::support::httpd::Httpd;
use crate::support::place::free_port;
use crate::support::{Postfix, Smtp};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn postfix_drains_its_queue_through_restarts() {
    const MESSAGES: usize = 200;
    let (relay, port) = (Smtp::start(), free_port());
    let main = format!(
        "transport_maps = inline:{{ {{drain.test = smtp:[127.0.0.1]:{port}}} }}\nqueue_run_delay = 1s\nminimal_backoff_time = 1s\n\
         maximal_backoff_time = 2s\nsmtp_destination_concurrency_limit = 4\n\
         delay_warning_time = 0\n"
    );
    let Some(postfix) = Postfix::start_with(&main) else { return };
    let httpd = open(Httpd::builder(), port, &relay, "").start();
    for number in 0..MESSAGES {
        let mut sendmail = Command::new(postfix.sendmail());
        let sendmail = sendmail.args(["-i", "-f", "user@test.local", "x@drain.test"]).stdin(Stdio::piped());
        let mut child = sendmail.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        write!(stdin, "From: user@test.local\nTo: x@drain.test\nSubject: number {number}\n\nHi\n").unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
        if number % 20 == 10 {
            httpd.graceful();
        }
    }
    postfix.wait_until_idle(Duration::from_secs(120));
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for taken in relay.take() {
        let text = String::from_utf8_lossy(&taken.octets).into_owned();
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: number ")).unwrap().to_owned();
        *times.entry(subject).or_default() += 1;
    }
    assert_eq!(times.len(), MESSAGES, "lost");
    assert!(times.values().all(|times| *times == 1), "twice: {times:?}");
    assert!(postfix.mail("user").is_empty(), "a report of failure");
}

#[test]
fn a_panic_costs_one_message_and_the_session_goes_on() {
    for (place, expected, sent) in
        [("start", "451 4.3.0", 0), ("message", "451 4.3.0", 0), ("accepted", "554 5.4.7", 1)]
    {
        let (relay, port) = (Smtp::start(), free_port());
        let builder = Httpd::builder().without_mod_sendmail().load("sendmail_module", faulty_module());
        // mod_headers sets it in post_read_request.
        let builder = builder.modules(&["headers"]).config("LogLevel info");
        let text = format!("</Location>\nRequestHeader set X-Panic {place} early\n<Location \"/x\">");
        let httpd = super::submission_of(builder, faulty_module(), port, &super::location(&relay, &text)).start();
        let mut dialogue = Dialogue::greeted(port);
        dialogue.say("EHLO me", "250");
        for round in 1..3 {
            let reply = dialogue.message();
            assert!(reply.starts_with(expected), "{place}: {reply}");
            assert_eq!(relay.take().len(), sent, "{place}, {round}");
        }
        httpd.expect_log("SM0900");
        drop(httpd);
    }
}
