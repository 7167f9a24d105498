//! Input that must not send anything, through a real httpd; the full table of hostile sessions is in `crates/smtp/tests`.

use super::{Dialogue, open};
use crate::support::Smtp;
use crate::support::httpd::Httpd;
use crate::support::place::free_port;
use crate::support::smtp::Act;

const ENVELOPE: &str = "EHLO me\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n";

#[test]
fn a_message_within_a_message_is_not_sent() {
    let (relay, port) = (Smtp::start(), free_port());
    let _httpd = open(Httpd::builder(), port, &relay, "").start();
    for (end, good) in [
        ("\r\n.\r\n", true),
        ("\n.\n", false),
        ("\n.\r\n", false),
        ("\r\n.\n", false),
        ("\r.\r", false),
        ("\r.\r\n", false),
        ("\r\n.\r", false),
        ("\r\n.\r\r\n", false),
    ] {
        let mut dialogue = Dialogue::greeted(port);
        dialogue.send(ENVELOPE);
        ["250", "250", "250", "354"].iter().for_each(|code| dialogue.expect(code));
        dialogue.send(format!(
            "From: a@a.test\r\nTo: b@b.test\r\n\r\nHi{end}MAIL FROM:<ceo@a.test>\r\nRCPT TO:<victim@b.test>\r\nDATA\r\n"
        ));
        if good {
            ["250", "250", "250", "354"].iter().for_each(|code| dialogue.expect(code));
        } else {
            dialogue.expect("554 5.5.0");
            dialogue.expect("closed");
        }
        assert_eq!(relay.take().len(), usize::from(good), "{end:?}");
    }
}

#[test]
fn a_browser_gets_nothing_sent() {
    let (relay, port) = (Smtp::start(), free_port());
    let _httpd = open(Httpd::builder(), port, &relay, "").start();
    let body = format!("{ENVELOPE}From: a@a.test\r\nTo: b@b.test\r\n\r\nHi\r\n.\r\n");
    for head in [
        "POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "Host: x\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        // Once after the greeting, and once before it can have been read.
        let mut dialogue = Dialogue::greeted(port);
        dialogue.send(format!("{head}{body}"));
        dialogue.expect("421 4.7.0");
        dialogue.expect("closed");
        let mut dialogue = Dialogue::connect(port);
        dialogue.send(format!("{head}{body}"));
        let first = dialogue.reply();
        assert!(first.starts_with("554 5.5.0") || first.starts_with("220"), "{first}");
    }
    assert!(relay.take().is_empty());
}

#[test]
fn an_outcome_has_the_code_that_says_whether_to_send_again() {
    let (relay, port) = (Smtp::start(), free_port());
    let httpd = open(Httpd::builder(), port, &relay, "SendmailTimeout 2s\nSendmailMaxSize 100K").start();
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    let mut after = |step, act, expected: &str| {
        if let Some(act) = act {
            relay.once(step, act);
        }
        let reply = dialogue.message();
        assert!(reply.starts_with(expected), "{step}: {reply}");
    };
    after("none", None, "250 2.0.0 Taken as <");
    after("RCPT", Some(Act::Say("550 5.1.1 no such user\r\n")), "554 5.6.0");
    after("RCPT", Some(Act::Say("450 4.2.1 busy\r\n")), "451 4.3.0");
    after(".", Some(Act::Say("554 5.7.1 spam\r\n")), "554 5.6.0");
    after(".", Some(Act::Hang), "554 5.4.7 This message may have been delivered");
    after("none", None, "250 2.0.0 Taken as <");
    dialogue.say("MAIL FROM:<a@a.test> SIZE=102401", "552 5.3.4");
    for message in ["no header at all\r\n.\r\n", "From: nobody\r\nTo: b@b.test\r\nDate: never\r\n\r\n.\r\n"] {
        dialogue.say("MAIL FROM:<a@a.test>", "250");
        dialogue.say("RCPT TO:<b@b.test>", "250");
        dialogue.say("DATA", "354");
        dialogue.send(message);
        dialogue.expect("554 5.6.0");
    }
    ["SM0408", "SM0406", "SM0404", "SM0101"].iter().for_each(|tag| httpd.expect_log(tag));
}
