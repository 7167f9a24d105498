//! A mail server that makes every possible mistake, at each step: the status reports the outcome, in time, and the server took no message
//! that the client was told was not sent.

use super::{relaying, to};
use crate::programs::{promised, steady};
use crate::support::smtp::Act::{self, Close, Drip, Hang, Say, SayAndClose};
use crate::support::{Certificates, Mpm, Request, Smtp};
use std::time::{Duration, Instant};

fn long(text: &str) -> &'static str {
    text.repeat(5000).leak()
}

/// Step, the act there, status.
#[rustfmt::skip]
fn rows() -> Vec<(&'static str, Act, u16)> {
    vec![
        ("connect", Close, 503),
        ("connect", Hang, 503),
        ("connect", Say("554 no\r\n"), 500),
        ("connect", Say("421 busy\r\n"), 503),
        ("connect", SayAndClose("421 busy\r\n"), 503),
        ("connect", Say("250 ok\r\n"), 503),
        ("connect", Say("HTTP/1.1 400 Bad Request\r\n\r\n"), 503),
        ("connect", Say(long("220-x")), 503),
        ("connect", Say(long("220-x\r\n")), 503),
        ("connect", SayAndClose("220 no line end"), 503),
        ("connect", Say("220 hello\r\n250 injected\r\n"), 503),
        ("connect", Say("220\r\n"), 202),
        ("connect", Say("220-two\r\n220 lines\r\n"), 202),
        ("connect", Drip("220 slow\r\n"), 202),
        ("EHLO", Close, 503),
        ("EHLO", Hang, 503),
        ("EHLO", Say("502 old\r\n"), 202),
        ("EHLO", Say("450 later\r\n"), 503),
        ("EHLO", Say("250-a\r\n220 b\r\n"), 503),
        ("EHLO", SayAndClose("250-a\r\n"), 503),
        ("EHLO", Say("250 mx.test\r\n250 more\r\n"), 503),
        ("MAIL", Close, 503),
        ("MAIL", Hang, 503),
        ("MAIL", Say("550 5.7.1 not you\r\n"), 400),
        ("MAIL", Say("530 5.7.0 authenticate\r\n"), 500),
        ("MAIL", Say("552 5.3.4 too big\r\n"), 413),
        ("MAIL", Say("451 later\r\n"), 503),
        ("MAIL", Say("421 bye\r\n"), 503),
        ("MAIL", Say("354 what\r\n"), 503),
        ("MAIL", Say("250 ok\r\n250 more\r\n"), 503),
        ("MAIL", Say("\r\n"), 503),
        ("RCPT", Close, 503),
        ("RCPT", Hang, 503),
        ("RCPT", Say("550 5.1.1 who\r\n"), 400),
        ("RCPT", Say("550-5.1.1 who\r\n550 5.1.1 indeed\r\n"), 400),
        ("RCPT", Say("552 5.2.2 full\r\n"), 400),
        ("RCPT", Say("450 grey\r\n"), 503),
        ("RCPT", Say("354 what\r\n"), 503),
        ("DATA", Close, 503),
        ("DATA", Hang, 503),
        ("DATA", Say("554 no\r\n"), 400),
        ("DATA", Say("451 later\r\n"), 503),
        ("DATA", Say("250 ok\r\n"), 503),
        ("DATA", Say("354 go\r\n250 taken already\r\n"), 503),
        ("content", Close, 503),
        ("content", SayAndClose("451 enough\r\n"), 503),
        (".", Close, 502),
        (".", Hang, 504),
        (".", SayAndClose("250"), 502),
        (".", SayAndClose("250-half\r\n"), 502),
        (".", Say("nonsense\r\n"), 502),
        (".", Say(long("250-x")), 502),
        (".", Say("250-a\r\n550 b\r\n"), 502),
        (".", Say("451 later\r\n250 after all\r\n"), 502),
        (".", Say("250 ok\r\n554 no\r\n"), 502),
        (".", Say("250 ok\r\n421 bye\r\n"), 202),
        (".", Say("220 what\r\n"), 502),
        (".", Say("354 go on\r\n"), 502),
        (".", Say("451 later\r\n"), 503),
        (".", Say("421 bye\r\n"), 503),
        (".", Say("554 spam\r\n"), 400),
        (".", Say("554 no\r\n421 bye\r\n"), 400),
        (".", Say("451 later\r\n421 bye\r\n"), 503),
        (".", Say("552 too big\r\n"), 413),
        (".", Say("250-two\r\n250 lines\r\n"), 202),
        (".", Drip("250 slow\r\n"), 202),
        (".", SayAndClose("250 ok\r\n"), 202),
    ]
}

/// One server per row, each behind its own location; with certificates, TLS from the first octet.
fn run(pipelining: bool, certificates: Option<&Certificates>) {
    let server = || certificates.map_or_else(Smtp::start, Smtp::with_tls);
    let servers: Vec<(Smtp, _)> = rows().into_iter().map(|row| (server(), row)).collect();
    let mut builder = steady(Mpm::Event);
    for (number, (smtp, (step, act, _))) in servers.iter().enumerate() {
        smtp.rule(step, *act);
        if !pipelining {
            smtp.offer_no("PIPELINING");
        }
        let (url, text) = place(smtp, certificates);
        builder = relaying(builder, &format!("/r{number}"), &url, &format!("{text}\nSendmailTimeout 900ms"));
    }
    let httpd = builder.start();
    httpd.expect_log("SM04");
    let mut faults = Vec::new();
    for (number, (smtp, (step, act, status))) in servers.iter().enumerate() {
        // If TLS is mandatory, a server without EHLO cannot be used.
        let status = if certificates.is_some() && *step == "EHLO" && *status == 202 { &500 } else { status };
        let begin = Instant::now();
        let response = Request::mail(&format!("/r{number}")).send(&httpd);
        let taken = smtp.take();
        let accepted = taken.iter().filter(|message| message.accepted).count();
        // A short message and its end are sent together, before or after the server is seen to be gone.
        let other = if *step == "content" { 502 } else { *status };
        let right = [*status, other].contains(&promised(&response))
            && taken.len() <= 1
            && (accepted == 1) == (*status == 202)
            && (taken.is_empty()
                || !matches!(step, &"connect" | &"EHLO" | &"MAIL" | &"RCPT" | &"DATA")
                || *status == 202)
            && smtp.connections() == 1
            && begin.elapsed() < Duration::from_secs(3);
        if !right {
            let act: String = format!("{act:?}").chars().take(80).collect();
            faults.push(format!(
                "{step} {act}: {} for {status}, {} taken, {accepted} accepted, {} connections, {:?}: {}",
                response.status,
                taken.len(),
                smtp.connections(),
                begin.elapsed(),
                response.text()
            ));
        }
    }
    assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), httpd.error_log());
}

/// Where the server is, and the directives for it.
fn place(smtp: &Smtp, certificates: Option<&Certificates>) -> (String, String) {
    match certificates {
        None => (to(smtp), String::new()),
        Some(certificates) => (
            format!("smtps://localhost:{}", smtp.port()),
            format!("SendmailRelayCAFile \"{}\"", certificates.authority().display()),
        ),
    }
}

#[test]
fn whatever_a_relay_does_wrong_the_status_is_true() {
    run(true, None);
}

#[test]
fn whatever_a_relay_without_pipelining_does_wrong_the_status_is_true() {
    run(false, None);
}

#[test]
fn whatever_a_relay_does_wrong_through_tls_the_status_is_true() {
    run(true, Some(&Certificates::new()));
}

/// It claims to have taken what it does not have yet. It is unknown what it does with it, and this is not the reply to the message.
#[test]
fn an_answer_before_the_end_of_the_message_is_never_its_acceptance() {
    let certificates = Certificates::new();
    for certificates in [None, Some(&certificates)] {
        for pipelining in [true, false] {
            // 503 if the reply is there before the first octet of the message: then nothing was sent.
            for (early, statuses) in [
                ("250 2.0.0 taken\r\n", [502, 503]),
                ("354 go on\r\n", [502, 503]),
                ("451 later\r\n", [503, 503]),
                ("554 no\r\n", [400, 400]),
            ] {
                let smtp = certificates.map_or_else(Smtp::start, Smtp::with_tls);
                smtp.offer_no("SIZE");
                if !pipelining {
                    smtp.offer_no("PIPELINING");
                }
                let (url, text) = place(&smtp, certificates);
                let httpd = relaying(steady(Mpm::Event), "/mail", &url, &text).start();
                let request = Request::mail("/mail").body(b"a line of text\n".repeat(200_000));
                request.send(&httpd).expect_status(202);
                assert_eq!(smtp.take().len(), 1);
                smtp.rule("content", Say(early));
                smtp.rule(".", Say("554 5.6.0 no\r\n"));
                let what = format!("TLS {}, pipelining {pipelining}, {early}", certificates.is_some());
                let status = promised(&request.send(&httpd));
                assert!(statuses.contains(&status), "{what}: {status}");
                assert_eq!(smtp.take().len(), 0, "{what}: the end of it was not sent");
                httpd.expect_log("SM040");
            }
        }
    }
}

#[test]
fn one_refused_recipient_refuses_the_message_and_is_named_to_the_client_alone() {
    for pipelining in [true, false] {
        let smtp = Smtp::start();
        if !pipelining {
            smtp.offer_no("PIPELINING");
        }
        let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
        let request = Request::mail("/mail").without("To").header("To", "alice@x.test, Bob@x.test, carol@x.test");
        for (answer, status) in [("550 5.1.1 <bob@x.test>: unknown\r\n", 400), ("450 <bob@x.test>: later\r\n", 503)] {
            smtp.rule_about("RCPT", "Bob", 1, Say(answer));
            let response = request.send(&httpd).expect_status(status);
            assert!(response.text().contains("Bob@x.test"), "{}", response.text());
            assert!(!response.shows(b"alice") && !response.shows(b"5.1.1"), "{}", response.text());
        }
        assert!(smtp.take().is_empty());
        assert_eq!(smtp.commands().iter().filter(|command| *command == "RSET").count(), 2);
        request.send(&httpd).expect_status(202);
        assert_eq!((smtp.take().len(), smtp.connections()), (1, 1), "the connection is as good as before");
        assert!(!httpd.error_log().to_lowercase().contains("bob@"), "{}", httpd.error_log());
        httpd.expect_log("SM0408");
        httpd.expect_log("SM0406");
    }
}

#[test]
fn who_an_alias_or_a_redirection_stands_for_is_not_told_when_the_relay_refuses_him() {
    let smtp = Smtp::start();
    let builder = relaying(steady(Mpm::Event), "/alias", &to(&smtp), "SendmailAlias sales boss@x.test");
    let httpd = relaying(builder, "/redirected", &to(&smtp), "SendmailRedirectTo boss@x.test").start();
    for (path, recipient, named) in
        [("/alias", "boss@y.test", true), ("/alias", "sales", true), ("/redirected", "ann@x.test", false)]
    {
        let who = if recipient == "boss@y.test" { recipient } else { "boss@x.test" };
        smtp.rule_about("RCPT", who, 1, Say("550 5.1.1 unknown\r\n"));
        let response = Request::mail(path).without("To").header("To", recipient).send(&httpd).expect_status(400);
        assert_eq!(response.shows(recipient.as_bytes()), named, "{path}: {}", response.text());
        assert!(!response.shows(b"boss@x.test"), "{path}: {}", response.text());
    }
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0408");
}

#[test]
fn the_relays_words_are_shown_only_where_allowed() {
    let smtp = Smtp::start();
    let builder = relaying(steady(Mpm::Event), "/shown", &to(&smtp), "SendmailErrorDetail on");
    let httpd = relaying(builder, "/hidden", &to(&smtp), "").start();
    smtp.rule(".", Say("554 5.7.1 smells <of> spam\r\n"));
    for (path, shown) in [("/shown", true), ("/hidden", false)] {
        let response = Request::mail(path).send(&httpd).expect_status(400);
        assert_eq!(response.shows(b"smells"), shown, "{}", response.text());
    }
    httpd.expect_log("SM0408: relay 127.0.0.1:");
    httpd.expect_log("554 5.7.1 smells <of> spam");
}

/// The end of such a long message is not sent in the same piece as its beginning.
#[test]
fn a_long_message_that_breaks_off_was_not_sent() {
    let smtp = Smtp::start();
    smtp.offer_no("SIZE");
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
    let request = Request::mail("/mail").body(b"a line of text\n".repeat(700_000));
    smtp.once("content", Close);
    assert_eq!(promised(&request.send(&httpd)), 503);
    smtp.once("content", SayAndClose("552 5.3.4 too big\r\n"));
    let status = promised(&request.send(&httpd));
    assert!([413, 503].contains(&status), "{status}"); // a reset may overtake the reply
    assert!(smtp.take().is_empty());
    request.send(&httpd).expect_status(202);
    assert_eq!(smtp.take()[0].octets.len() as u64 / 700_000, 16);
    httpd.expect_log("SM0406");
    httpd.allow_log("SM0405");
}

#[test]
fn a_message_over_the_size_that_the_relay_takes_is_not_offered() {
    let smtp = Smtp::start();
    smtp.offer_no("SIZE");
    smtp.offer(&["SIZE 2000"]);
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    let response = Request::mail("/mail").body(b"a line of text\n".repeat(200)).send(&httpd);
    assert_eq!((promised(&response), smtp.take().len()), (413, 1));
    assert_eq!(smtp.commands().iter().filter(|command| command.starts_with("MAIL")).count(), 1);
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(smtp.connections(), 1);
    httpd.expect_log("SM0405");
}

#[test]
fn nobody_listens_and_nobody_is_called_so() {
    let port = crate::support::place::free_port();
    let builder = relaying(steady(Mpm::Event), "/refused", &format!("127.0.0.1:{port}"), "");
    let httpd = relaying(builder, "/unknown", "smtp://no-such-host.invalid", "SendmailTimeout 5s").start();
    for path in ["/refused", "/unknown"] {
        assert_eq!(promised(&Request::mail(path).send(&httpd)), 503, "{path}");
    }
    httpd.expect_log("Connection refused");
    httpd.expect_log("relay no-such-host.invalid:25: connecting");
}
