//! A client that does not know a message's outcome sends it again: it is not sent twice, and nothing else is refused.

use super::{Dialogue, location, submission, submission_of};
use crate::keys::Keys;
use crate::support::artifacts::faulty_module;
use crate::support::place::free_port;
use crate::support::smtp::Act;
use crate::support::{Httpd, Postfix, Smtp};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Sends one message; returns the reply.
#[track_caller]
fn send(port: u16, envelope: (&str, &[&str]), message: &str) -> String {
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    dialogue.say(&format!("MAIL FROM:<{}>", envelope.0), "250");
    envelope.1.iter().for_each(|rcpt| dialogue.say(&format!("RCPT TO:<{rcpt}>"), "250"));
    dialogue.say("DATA", "354");
    dialogue.send(format!("From: a@a.test\r\nTo: b@b.test\r\n{message}\r\n.\r\n"));
    dialogue.reply()
}

const ENVELOPE: (&str, &[&str]) = ("a@a.test", &["b@b.test"]);
const MESSAGE: &str = "Message-ID: <1@a.test>\r\nSubject: x\r\n\r\nHi";

#[test]
fn a_message_that_was_taken_is_taken_again_and_not_sent_again() {
    let (relay, port, keys) = (Smtp::start(), free_port(), Keys::new());
    let httpd = submission(Httpd::builder(), port, &location(&relay, &keys.directive(""))).start();
    for round in 0..3 {
        assert_eq!(send(port, ENVELOPE, MESSAGE), "250 2.0.0 Taken as <1@a.test>", "{round}");
        assert_eq!(relay.take().len(), usize::from(round == 0), "{round}");
    }
    let later = MESSAGE.replace("Subject", "Date: Wed, 25 Nov 2026 12:00:00 +0000\r\nSubject");
    assert!(send(port, ENVELOPE, &later).starts_with("250") && relay.take().is_empty(), "only its date is another");
    assert!(httpd.error_log().contains("SM0008: sent before with this key, not again id=<1@a.test>"));
    // With any other difference it is another message, even from a device that gives each the same identifier.
    for (envelope, message) in [
        (("c@a.test", ENVELOPE.1), MESSAGE.to_owned()),
        (("", ENVELOPE.1), MESSAGE.to_owned()),
        ((ENVELOPE.0, &["c@b.test"][..]), MESSAGE.to_owned()),
        ((ENVELOPE.0, &["b@b.test", "c@b.test"]), MESSAGE.to_owned()),
        (ENVELOPE, MESSAGE.replace("1@", "2@")),
        (ENVELOPE, MESSAGE.replace("Hi", "Ho")),
        (ENVELOPE, MESSAGE.replace("Subject: x", "Subject: y")),
    ] {
        for sent in [1, 0] {
            assert!(send(port, envelope, &message).starts_with("250"), "{envelope:?} {message}");
            assert_eq!(relay.take().len(), sent, "{envelope:?} {message}");
        }
    }
    // Without an identifier nothing shows that it is the same one.
    for _ in 0..2 {
        assert!(send(port, ENVELOPE, "Subject: x\r\n\r\nHi").starts_with("250"));
        assert_eq!(relay.take().len(), 1);
    }
}

#[test]
fn without_idempotency_there_are_no_keys() {
    let (relay, port) = (Smtp::start(), free_port());
    let _httpd = submission(Httpd::builder(), port, &location(&relay, "")).start();
    for _ in 0..2 {
        assert!(send(port, ENVELOPE, MESSAGE).starts_with("250"));
        assert_eq!(relay.take().len(), 1);
    }
}

#[test]
fn an_unknown_outcome_is_asked_for_once_more_and_then_told() {
    let (relay, port, keys) = (Smtp::start(), free_port(), Keys::new());
    let text = format!("SendmailTimeout 2s\n{}", keys.directive(""));
    let httpd = submission(Httpd::builder(), port, &location(&relay, &text)).start();
    relay.once(".", Act::Hang);
    assert!(send(port, ENVELOPE, MESSAGE).starts_with("451 4.4.2"));
    assert_eq!(relay.take().len(), 1);
    for _ in 0..2 {
        let reply = send(port, ENVELOPE, MESSAGE);
        assert_eq!(reply, "554 5.4.7 This message may have been delivered, it is not sent again");
    }
    // Without a key a second copy could not be recognized, so the client is told not to send again.
    relay.once(".", Act::Hang);
    assert!(send(port, ENVELOPE, "Subject: x\r\n\r\nHi").starts_with("554 5.4.7"));
    assert_eq!(relay.take().len(), 1);
    // A message that was certainly not sent is sent.
    relay.once(".", Act::Say("451 4.7.1 later\r\n"));
    let other = MESSAGE.replace("1@", "2@");
    assert!(send(port, ENVELOPE, &other).starts_with("451 4.3.0"));
    assert!(relay.take().iter().all(|taken| !taken.accepted));
    assert!(send(port, ENVELOPE, &other).starts_with("250"));
    assert_eq!(relay.take().len(), 1);
    ["SM0404", "SM0406"].iter().for_each(|tag| httpd.expect_log(tag));
}

#[test]
fn two_sessions_with_one_message_send_one() {
    let (relay, port, keys) = (Smtp::start(), free_port(), Keys::new());
    let text = format!("SendmailTimeout 5s\n{}", keys.directive(""));
    let httpd = submission(Httpd::builder(), port, &location(&relay, &text)).start();
    relay.once(".", Act::Hang);
    let first = std::thread::spawn(move || send(port, ENVELOPE, MESSAGE));
    crate::support::eventually("the first at work", Duration::from_secs(5), || {
        let dots = relay.commands().iter().any(|command| command.starts_with("DATA"));
        (dots && !keys.files().is_empty()).then_some(())
    });
    assert!(send(port, ENVELOPE, MESSAGE).starts_with("451 4.3.2 Busy"));
    assert!(first.join().unwrap().starts_with("451 4.4.2"));
    assert_eq!(relay.take().len(), 1);
    ["SM0404", "SM0110"].iter().for_each(|tag| httpd.expect_log(tag));
}

#[test]
fn a_panic_behind_the_hand_over_is_an_unknown_outcome() {
    let (relay, port, keys) = (Smtp::start(), free_port(), Keys::new());
    let builder = Httpd::builder().without_mod_sendmail().load("sendmail_module", faulty_module());
    let builder = builder.modules(&["headers"]).config("LogLevel info");
    let text =
        format!("{}\n</Location>\nRequestHeader set X-Panic accepted early\n<Location \"/x\">", keys.directive(""));
    let httpd = submission_of(builder, faulty_module(), port, &location(&relay, &text)).start();
    for expected in ["451 4.4.2", "554 5.4.7", "554 5.4.7"] {
        let reply = send(port, ENVELOPE, MESSAGE);
        assert!(reply.starts_with(expected), "{reply}");
    }
    assert_eq!(relay.take().len(), 1);
    httpd.expect_log("SM0900");
    httpd.expect_log("SM0407");
}

/// A proxy to an SMTP server that loses the reply to a message so many times: the reply arrives, and the connection breaks.
struct LossyWay {
    port: u16,
    losses: Arc<AtomicUsize>,
}

impl LossyWay {
    fn to(server: u16, losses: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (port, losses) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(losses)));
        let left = losses.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let left = left.clone();
                std::thread::spawn(move || drop(carry(client, server, &left)));
            }
        });
        LossyWay { port, losses }
    }
}

/// Forwards octets in both directions until one side ends, or a reply is lost.
fn carry(mut client: TcpStream, server: u16, losses: &AtomicUsize) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server))?;
    let (mut to_client, mut from_server) = (client.try_clone()?, server.try_clone()?);
    let ends = Arc::new(AtomicUsize::new(0));
    let seen = ends.clone();
    let back = std::thread::spawn(move || {
        let mut octets = [0; 4096];
        while let Ok(n @ 1..) = from_server.read(&mut octets) {
            if seen.load(Ordering::SeqCst) > 0 {
                break; // the reply to the message has arrived, and is not forwarded
            }
            if to_client.write_all(&octets[..n]).is_err() {
                break;
            }
        }
        let _ = (to_client.shutdown(Shutdown::Both), from_server.shutdown(Shutdown::Both));
    });
    let (mut octets, mut said) = ([0; 4096], Vec::new());
    while let Ok(n @ 1..) = client.read(&mut octets) {
        said.extend_from_slice(&octets[..n]);
        if said.windows(5).any(|end| end == b"\r\n.\r\n") {
            said.clear();
            if losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                ends.store(1, Ordering::SeqCst);
            }
        }
        if server.write_all(&octets[..n]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
    let _ = back.join();
    Ok(())
}

/// A Postfix that retries its mail to drain.test on this port again and again.
pub fn sender(port: u16) -> Option<Postfix> {
    Postfix::start_with(&format!(
        "transport_maps = inline:{{ {{drain.test = smtp:[127.0.0.1]:{port}}} }}\nqueue_run_delay = 1s\nminimal_backoff_time = 1s\n\
         maximal_backoff_time = 2s\nmaximal_queue_lifetime = 1h\ndelay_warning_time = 0\nsmtp_destination_concurrency_limit = 4\n"
    ))
}

/// Gives a message to the queue of Postfix.
pub fn queue(postfix: &Postfix, number: usize) {
    let mut sendmail = Command::new(postfix.sendmail());
    let sendmail = sendmail.args(["-i", "-f", "user@test.local", "x@drain.test"]).stdin(Stdio::piped());
    let mut child = sendmail.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    write!(stdin, "From: user@test.local\nTo: x@drain.test\nSubject: number {number}\n\nHi\n").unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// How often each number reached the relay.
pub fn arrivals(relay: &Smtp) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for taken in relay.take() {
        let text = String::from_utf8_lossy(&taken.octets).into_owned();
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: number ")).unwrap().to_owned();
        *times.entry(subject).or_default() += 1;
    }
    times
}

#[test]
fn postfix_sends_again_what_it_has_no_reply_to_and_it_arrives_once() {
    const MESSAGES: usize = 20;
    let (relay, port, keys) = (Smtp::start(), free_port(), Keys::new());
    let httpd = submission(Httpd::builder(), port, &location(&relay, &keys.directive(""))).start();
    let way = LossyWay::to(port, 10);
    let Some(postfix) = sender(way.port) else { return };
    (0..MESSAGES).for_each(|number| queue(&postfix, number));
    postfix.wait_until_idle(Duration::from_secs(120));
    assert_eq!(way.losses.load(Ordering::SeqCst), 0, "replies were lost");
    let times = arrivals(&relay);
    assert_eq!((times.len(), times.values().sum::<usize>()), (MESSAGES, MESSAGES), "{times:?}");
    assert!(postfix.mail("user").is_empty(), "a report of failure");
    assert_eq!(httpd.error_log().matches("SM0008").count(), 10, "{}", httpd.error_log());
}

#[test]
fn postfix_tells_its_user_what_may_have_been_delivered() {
    let (relay, port, keys) = (Smtp::start(), free_port(), Keys::new());
    let text = format!("SendmailTimeout 2s\n{}", keys.directive(""));
    let httpd = submission(Httpd::builder(), port, &location(&relay, &text)).start();
    let Some(postfix) = sender(port) else { return };
    relay.once(".", Act::Hang);
    queue(&postfix, 1);
    let reports = postfix.wait_for_mail("user", 1, Duration::from_secs(60));
    let report = String::from_utf8_lossy(&reports[0]).into_owned();
    assert!(report.contains("Status: 5.4.7\n") && report.contains("may have been"), "{report}");
    postfix.wait_until_idle(Duration::from_secs(60));
    assert_eq!(arrivals(&relay).values().sum::<usize>(), 1);
    httpd.expect_log("SM0404");
}
