//! Connections are kept, checked before they are reused, and replaced as long as nobody can have the message.

use super::{relaying, to};
use crate::programs::{SECONDS, promised, steady};
use crate::support::smtp::Act::{Close, Hang, Say, SayAndClose};
use crate::support::{Mpm, Request, Smtp, eventually};

#[test]
fn one_connection_carries_many_messages() {
    let smtp = Smtp::start();
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
    for _ in 0..20 {
        Request::mail("/mail").send(&httpd).expect_status(202);
    }
    let taken = smtp.take();
    assert_eq!((taken.len(), smtp.connections()), (20, 1));
    assert!(taken.iter().all(|message| message.connection == 0 && message.accepted));
    assert_eq!(httpd.error_log().matches("SM0005").count(), 1);
    assert!(httpd.error_log().contains("reply=\"250 2.0.0 Ok: queued as"), "{}", httpd.error_log());
    assert!(smtp.commands().contains(&"EHLO gateway.test".to_owned()));
}

#[test]
fn many_requests_at_one_time_each_send_their_message_once() {
    let smtp = Smtp::start();
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let httpd = &httpd;
            scope.spawn(move || {
                for i in 0..10 {
                    let request = Request::mail("/mail").without("Subject").header("Subject", format!("n{thread}-{i}"));
                    request.send(httpd).expect_status(202);
                }
            });
        }
    });
    let taken = smtp.take();
    let subject = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).into_owned();
        text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned)).unwrap()
    };
    let subjects: std::collections::BTreeSet<_> = taken.iter().map(|message| subject(&message.octets)).collect();
    assert_eq!((taken.len(), subjects.len()), (80, 80));
    assert!(smtp.connections() <= 8, "{}", smtp.connections());
}

#[test]
fn a_connection_that_has_gone_stale_is_replaced_without_the_request_noticing() {
    for (step, act) in [
        ("idle", Close),
        ("idle", SayAndClose("421 4.4.2 timeout\r\n")),
        ("idle", Say("421 4.4.2 timeout\r\n")),
        ("MAIL", Close),
        ("MAIL", SayAndClose("421 4.4.2 timeout\r\n")),
        ("RCPT", Close),
        ("RCPT", SayAndClose("421 4.4.2 timeout\r\n")),
        ("DATA", Close),
        ("DATA", SayAndClose("421 4.4.2 timeout\r\n")),
    ] {
        for pipelining in [true, false] {
            let smtp = Smtp::start();
            if !pipelining {
                smtp.offer_no("PIPELINING");
            }
            let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
            if step == "idle" {
                smtp.once(step, act);
            }
            Request::mail("/mail").send(&httpd).expect_status(202);
            if step != "idle" {
                smtp.once(step, act);
            }
            Request::mail("/mail").send(&httpd).expect_status(202);
            let taken = smtp.take();
            assert_eq!((taken.len(), smtp.connections()), (2, 2), "{step} {act:?}");
            assert!(taken.iter().all(|message| message.accepted));
        }
    }
}

#[test]
fn a_kept_connection_that_is_lost_behind_the_message_is_not_replaced() {
    for (act, status) in [(Close, 502), (Hang, 504), (SayAndClose("421 bye\r\n"), 503)] {
        let smtp = Smtp::start();
        let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "SendmailTimeout 1s").start();
        Request::mail("/mail").send(&httpd).expect_status(202);
        smtp.once(".", act);
        let response = Request::mail("/mail").send(&httpd);
        assert_eq!((promised(&response), smtp.take().len(), smtp.connections()), (status, 2, 1), "{act:?}");
        assert_eq!(response.header("X-Message-ID").is_some(), status != 503);
        Request::mail("/mail").send(&httpd).expect_status(202);
        assert_eq!((smtp.take().len(), smtp.connections()), (1, 2), "{act:?}");
        httpd.expect_log("SM040");
    }
}

#[test]
fn connections_at_work_are_counted_as_programs_are() {
    let (busy, idle) = (Smtp::start(), Smtp::start());
    let builder = relaying(steady(Mpm::Event), "/busy", &to(&busy), "SendmailTimeout 5s");
    let httpd = relaying(builder, "/mail", &to(&idle), "SendmailMaxProcesses 1\nSendmailTimeout 300ms").start();
    busy.rule(".", Hang);
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| Request::mail("/busy").send(&httpd).status);
        eventually("the first message is with its relay", SECONDS, || (!busy.take().is_empty()).then_some(()));
        let response = Request::mail("/mail").send(&httpd).expect_status(503);
        assert!(response.header("Retry-After").is_some() && idle.connections() == 0);
        assert_eq!(hanging.join().unwrap(), 504);
    });
    Request::mail("/mail").send(&httpd).expect_status(202);
    httpd.expect_log("SM0302");
    httpd.expect_log("SM0404");
}
