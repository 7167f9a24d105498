//! A message is checked in every input format; and what was checked is sent unchanged.

use super::{checked, only, text};
use crate::programs::{promised, steady};
use crate::support::artifacts::artifacts;
use crate::support::milter::{numbered, packet, told};
use crate::support::place::free_port;
use crate::support::{Milter, Mpm, Policy, Request, Smtp};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// An SMTP session with one message; returns the last reply.
fn by_smtp(port: u16) -> String {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
    let mut last = String::new();
    let message = "From: f@example.test\r\nTo: a@example.test\r\nSubject: a\r\n\r\nHello there\r\n.";
    for line in ["", "HELO c.test", "MAIL FROM:<g@example.test>", "RCPT TO:<sales>", "DATA", message] {
        if !line.is_empty() {
            (&socket).write_all(format!("{line}\r\n").as_bytes()).unwrap();
        }
        last = lines.next().unwrap().unwrap();
    }
    last
}

#[test]
fn each_way_in_is_looked_at() {
    let (smtp, milter, policy, port) = (Smtp::start(), Milter::start(), Policy::start(), free_port());
    let checks = format!(
        "SendmailMilter {}\nSendmailPolicy {}\nSendmailErrorDetail on\nSendmailInputs fields mime\nSendmailAlias sales a@example.test",
        milter.endpoint(),
        policy.endpoint()
    );
    let relay = format!("Require local\nSendmailRelay 127.0.0.1:{}\n{checks}", smtp.port());
    let host = format!(
        "Listen 127.0.0.1:{port} smtp\nAcceptFilter smtp none\n<VirtualHost 127.0.0.1:{port}>\nServerName smtp.gateway.test\n\
         SubmissionEnable On\n<Location \"/\">\n{relay}\n</Location>\n</VirtualHost>"
    );
    let builder = steady(Mpm::Event).load("submission_module", &artifacts().module).config(&host);
    let httpd = builder.location("/mail", &format!("SetHandler sendmail\n{relay}")).start();
    httpd.allow_log("SM0814");
    let whole = Request::post("/mail").header("Content-Type", "message/rfc822").header("Envelope-To", "sales");
    let whole = whole.header("Envelope-From", "g@example.test");
    let whole = whole.body("From: f@example.test\nTo: a@example.test\nSubject: a\n\nHello there\n");
    milter.says('E', &[packet('h', "X-Seen\0yes\0"), packet('c', "")]);
    for way in ["fields", "mime", "smtp"] {
        match way {
            "fields" => assert_eq!(promised(&Request::mail("/mail").send(&httpd)), 202),
            "mime" => assert_eq!(promised(&whole.send(&httpd)), 202),
            _ => assert!(by_smtp(port).starts_with("250 "), "{way}"),
        }
        let arrived = only(&smtp);
        assert!(text(&arrived).contains("\nX-Seen: yes\n"), "{way}");
        assert_eq!(arrived.rcpts, ["RCPT TO:<a@example.test>"], "{way}");
        let sender = if way == "fields" { "f@example.test" } else { "g@example.test" };
        assert!(told(&milter.take(), 'M')[0].starts_with(&format!("<{sender}>")), "{way}");
        let (_, question) = policy.take().pop().unwrap();
        assert_eq!((question["recipient"].as_str(), question["sender"].as_str()), ("a@example.test", sender), "{way}");
    }
    milter.says('E', &[packet('y', "554 5.7.1 a virus\0")]);
    for answer in [Request::mail("/mail").send(&httpd), whole.send(&httpd)] {
        assert_eq!(promised(&answer), 400);
        assert!(answer.text().contains("554 5.7.1 a virus"), "{}", answer.text());
    }
    let answer = by_smtp(port);
    assert!(answer.starts_with('5') && answer.contains("a virus"), "{answer}");
    milter.says('E', &[packet('t', "")]);
    assert!(by_smtp(port).starts_with('4'));
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0215");
    httpd.expect_log("SM0216");
}

/// The relay does not accept octets above 127. A message that the milter saw without them is sent; one to which the milter added some is
/// not.
#[test]
fn what_was_looked_at_is_sent_octet_for_octet_or_not_at_all() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    smtp.offer_no("8BITMIME");
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "").start();
    let part = "--b\nContent-Type: text/plain; charset=utf-8\n\nGr\u{fc}\u{df}e\n--b--\n";
    let request = Request::mail("/mail").without("Content-Type").header("Content-Type", "multipart/mixed; boundary=b");
    request.body(part).send(&httpd).expect_status(202);
    let (arrived, seen) = (only(&smtp), told(&milter.take(), 'B').concat());
    let body = String::from_utf8(arrived.octets).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned();
    assert!(body.is_ascii() && body == seen, "{body}\n{seen}");
    milter.says(
        'E',
        &[numbered('m', 1, "Content-Transfer-Encoding\x008bit\0"), packet('b', "Gr\u{fc}\u{df}e\r\n"), packet('c', "")],
    );
    let response = Request::mail("/mail").send(&httpd);
    assert_eq!(promised(&response), 400, "{}", response.text());
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0411");
}
