//! How many sessions are allowed, and how long one may take.

use super::{Dialogue, open};
use crate::support::httpd::Httpd;
use crate::support::place::free_port;
use crate::support::{Mpm, Smtp, eventually};
use std::time::{Duration, Instant};

#[test]
fn sessions_are_counted_over_all_children() {
    for mpm in [Mpm::Prefork, Mpm::Event] {
        let (relay, port) = (Smtp::start(), free_port());
        let limits = "</Location>\nSubmissionMaxConnections 3 2\n<Location \"/x\">";
        let httpd = open(Httpd::builder().mpm(mpm), port, &relay, limits).start();
        let first = Dialogue::greeted(port);
        let _second = Dialogue::greeted(port);
        let mut third = Dialogue::connect(port);
        third.expect("421 4.7.0");
        third.expect("closed");
        drop(first);
        eventually("a place", Duration::from_secs(10), || {
            Dialogue::connect(port).reply().starts_with("220").then_some(())
        });
        httpd.expect_log("SM0304");
    }
}

#[test]
fn a_client_that_drips_is_sent_away() {
    let (relay, port) = (Smtp::start(), free_port());
    let timeouts = "</Location>\nSubmissionTimeout command=2s data=2s,MinRate=1000000\n<Location \"/x\">";
    let _httpd = open(Httpd::builder(), port, &relay, timeouts).start();
    let drips = |dialogue: &mut Dialogue| {
        let begin = Instant::now();
        dialogue.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        loop {
            dialogue.send("x");
            match dialogue.reply() {
                silent if silent == "silent" && begin.elapsed() < Duration::from_secs(10) => {}
                reply => return (reply, begin.elapsed()),
            }
        }
    };
    let mut command = Dialogue::greeted(port);
    let (reply, took) = drips(&mut command);
    assert!(reply.starts_with("421 4.4.2") && took > Duration::from_secs(1), "{reply} after {took:?}");
    let mut data = Dialogue::greeted(port);
    data.send("EHLO me\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n");
    ["250", "250", "250", "354"].iter().for_each(|code| data.expect(code));
    let (reply, took) = drips(&mut data);
    assert!(reply.starts_with("421 4.4.2") && took > Duration::from_secs(1), "{reply} after {took:?}");
    // A client that sends in time goes on.
    let mut good = Dialogue::greeted(port);
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(1000));
        good.say("NOOP", "250");
    }
    assert!(relay.take().is_empty());
}

#[test]
fn a_large_message_stays_out_of_memory_and_arrives_whole() {
    let (relay, port) = (Smtp::start(), free_port());
    let httpd = open(Httpd::builder().mpm(Mpm::Prefork), port, &relay, "").start();
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    dialogue.say("MAIL FROM:<a@a.test>", "250");
    dialogue.say("RCPT TO:<b@b.test>", "250");
    let line = "0123456789".repeat(7);
    let lines = 9_000_000 / (line.len() + 2);
    let body = format!("{line}\r\n").repeat(lines);
    let head = "From: a@a.test\r\nTo: b@b.test\r\n\r\n";
    dialogue.send(format!("BDAT {}\r\n{head}", head.len()));
    dialogue.expect("250 2.0.0 32 octets received");
    dialogue.send(format!("BDAT {} LAST\r\n{body}", body.len()));
    dialogue.expect("250 2.0.0 Taken");
    let taken = relay.take();
    assert_eq!(String::from_utf8_lossy(&taken[0].octets).matches(&line).count(), lines);
    assert!(httpd.stray_files().is_empty());
}
