//! Nothing lost and nothing twice: a real queue drains through restarts, and a fault of the module costs one message.

use super::twice::{arrivals, queue, sender};
use super::{Dialogue, open};
use crate::keys::Keys;
use crate::life::is_long;
use crate::support::Smtp;
use crate::support::artifacts::faulty_module;
use crate::support::httpd::Httpd;
use crate::support::place::free_port;
use std::time::Duration;

/// A thousand messages and twenty restarts if there is time (MOD_SENDMAIL_LONG=1).
#[test]
fn postfix_drains_its_queue_through_restarts() {
    let (messages, restarts) = if is_long() { (1000, 20) } else { (200, 10) };
    let (relay, port, keys) = (Smtp::start(), free_port(), Keys::new());
    let Some(postfix) = sender(port) else { return };
    let httpd = open(Httpd::builder(), port, &relay, &keys.directive("")).start();
    for number in 0..messages {
        queue(&postfix, number);
        if number % (messages / restarts) == 10 {
            httpd.graceful();
        }
    }
    postfix.wait_until_idle(Duration::from_secs(600));
    let times = arrivals(&relay);
    assert_eq!(times.len(), messages, "lost");
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
