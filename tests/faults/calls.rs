//! The Nth system call of a request fails, for every N, until a request succeeds: whatever fails, the answer is true, nothing is left
//! behind, and no relay gets a message twice.

use super::server;
use crate::keys::Keys;
use crate::life::is_long;
use crate::programs::{Holdings, promised};
use crate::relay::{relaying, to};
use crate::support::httpd_config::Builder;
use crate::support::smtp::Act;
use crate::support::{Certificates, Httpd, Mpm, Request, Response, Sendmail, Smtp};
use rustix::io::Errno;
use std::fs;

/// The last three only in the long run: they differ from the others only in the log text.
const ERRNOS: [Errno; 7] =
    [Errno::AGAIN, Errno::INTR, Errno::IO, Errno::PERM, Errno::MFILE, Errno::NOMEM, Errno::NOSPC];

/// This many octets, with `late` near the end.
fn body(octets: usize, late: &str) -> String {
    "a line of text\n".repeat(octets / 15) + late + "the end\n"
}

/// In memory; in a file; in a file that must be rewritten, since only its end shows that it is not 7-bit.
fn bodies() -> [String; 3] {
    [body(100, ""), body(300_000, ""), body(300_000, "\u{e9}\n")]
}

/// Sends with the fault; returns the answer and whether the fault was reached.
fn post(httpd: &Httpd, path: &str, body: &str, fault: &str) -> (Response, bool) {
    let response = Request::mail(path).header("X-Fault", fault).body(body).send(httpd);
    let hit = response.header("X-Fault-Hit").is_some();
    (response, hit)
}

/// How many messages were taken since the last call, all of them complete.
fn taken(httpd: &Httpd, sendmail: &Sendmail) -> usize {
    let mut messages: Vec<Vec<u8>> =
        sendmail.take().into_iter().filter(|run| run.committed).map(|run| run.stdin).collect();
    let maildir = httpd.root().join("run/Maildir");
    for entry in fs::read_dir(maildir.join("new")).into_iter().flatten().flatten() {
        messages.push(fs::read(entry.path()).unwrap());
        fs::remove_file(entry.path()).unwrap();
    }
    assert_eq!(fs::read_dir(maildir.join("tmp")).into_iter().flatten().count(), 0, "a stray file in tmp");
    assert!(messages.iter().all(|message| message.ends_with(b"\nthe end\n")), "a cut message");
    messages.len()
}

fn walk(httpd: &Httpd, sendmail: &Sendmail, path: &str, body: &str, errno: &str) -> usize {
    for call in 1..200 {
        let fault = format!("{call}:{errno}");
        let (response, hit) = post(httpd, path, body, &fault);
        let status = promised(&response);
        assert_eq!(sendmail.unfinished(), 0, "{fault}: a program was left running");
        let messages = taken(httpd, sendmail);
        match status {
            202 => assert_eq!(messages, 1, "{path} {fault}"),
            500 | 503 => assert_eq!(messages, 0, "{path} {fault}: {status}"),
            502 | 504 => assert!(messages <= 1, "{path} {fault}"),
            other => panic!("{path} {fault}: {other}"),
        }
        assert!(status == 202 || hit, "{path} {fault}: {status} without a fault");
        if status == 202 && !hit {
            return call - 1;
        }
    }
    panic!("{path} with {errno} never passes");
}

#[test]
fn whatever_call_fails_the_answer_is_true_and_nothing_is_left() {
    let sendmail = Sendmail::new();
    let httpd = server(Mpm::Event, &sendmail).start();
    for path in ["/mail", "/maildir"] {
        Request::mail(path).body("the end\n").send(&httpd).expect_status(202); // makes the Maildir
    }
    assert_eq!(taken(&httpd, &sendmail), 2);
    let before = Holdings::of(&httpd);
    let mut points = 0;
    for (path, body) in ["/mail", "/maildir"].into_iter().flat_map(|path| bodies().map(|body| (path, body))) {
        for errno in &ERRNOS[..if is_long() { 7 } else { 4 }] {
            let reached = walk(&httpd, &sendmail, path, &body, &errno.raw_os_error().to_string());
            assert!(reached >= 8, "only {reached} calls for {path}");
            points += reached;
        }
    }
    eprintln!("{points} calls failed in turn");
    before.assert_same(&httpd);
    assert!(points > 250, "only {points} calls");
    ["SM0301", "SM0302", "SM0402", "SM0407"].into_iter().for_each(|tag| httpd.expect_log(tag));
}

/// The first request with a key fails somewhere, and its client asks again: whatever the first was told, the message is there at most once,
/// and a client that was told "not sent" can send it.
fn walk_keyed(httpd: &Httpd, sendmail: &Sendmail, path: &str, errno: &str) -> usize {
    for call in 1..200 {
        let fault = format!("{call}:{errno}");
        let request = Request::mail(path).body("the end\n").header("Idempotency-Key", format!("\"{path} {fault}\""));
        let first = request.clone().header("X-Fault", &fault).send(httpd);
        let hit = first.header("X-Fault-Hit").is_some() || matches!(first.status, 500 | 502) && errno == "panic";
        let sent = taken(httpd, sendmail);
        let second = request.send(httpd);
        let sent_again = taken(httpd, sendmail);
        let told = (first.status, second.status, second.header("Idempotency-Replayed").is_some());
        match told {
            (202, 202 | 502, true) => assert_eq!((sent, sent_again), (1, 0), "{path} {fault}: {told:?}"),
            // EAGAIN of flock(2) means that another process has it.
            (409 | 500 | 503, 202, false) => assert_eq!((sent, sent_again), (0, 1), "{path} {fault}: {told:?}"),
            // The start of the hand-over was recorded, and then the key could not be freed.
            (500 | 503, 502, true) => assert_eq!((sent, sent_again), (0, 0), "{path} {fault}: {told:?}"),
            // It failed after the outcome was recorded, which is then known.
            (502, 202, true) => assert_eq!((sent, sent_again), (1, 0), "{path} {fault}: {told:?}"),
            (502 | 504, 502 | 504, true) => assert!(sent <= 1 && sent_again == 0, "{path} {fault}: {told:?}"),
            _ => panic!("{path} {fault}: {told:?}"),
        }
        if first.status == 202 && !hit {
            return call - 1;
        }
    }
    panic!("{path} with {errno} never passes");
}

#[test]
fn whatever_call_fails_a_key_sends_once() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let name = sendmail.program().display().to_string();
    let section = |transport: &str| {
        format!(
            "SetHandler sendmail\nRequire ip 127.0.0.1\n{transport}\nSendmailStripHeaders +X-Fault\n{}",
            keys.directive("")
        )
    };
    let httpd = server(Mpm::Event, &sendmail)
        .location("/keyed", &section(&format!("SendmailName \"{name}\"")))
        .location("/maildir/keyed", &section("SendmailMaildir \"${ROOT}/run/Maildir\""))
        .start();
    for path in ["/keyed", "/maildir/keyed"] {
        Request::mail(path).body("the end\n").header("Idempotency-Key", "first").send(&httpd).expect_status(202);
    }
    taken(&httpd, &sendmail);
    let before = Holdings::of(&httpd);
    let errnos = ERRNOS.map(|errno| errno.raw_os_error().to_string());
    let words = errnos.iter().map(String::as_str).take(if is_long() { 7 } else { 4 }).chain(["panic"]);
    let mut reached = Vec::new();
    for word in words {
        reached.extend(["/keyed", "/maildir/keyed"].map(|path| walk_keyed(&httpd, &sendmail, path, word)));
    }
    eprintln!("{reached:?} calls of requests with a key failed in turn");
    assert!(reached.iter().all(|reached| *reached >= 20), "{reached:?}");
    before.assert_same(&httpd);
    ["SM0110", "SM0302", "SM0305", "SM0306", "SM0407", "SM0900"].into_iter().for_each(|tag| httpd.expect_log(tag));
    httpd.allow_log("SM0402");
}

#[test]
fn a_panic_at_any_call_ends_the_program_and_leaves_nothing() {
    let sendmail = Sendmail::new();
    let httpd = server(Mpm::Event, &sendmail).start();
    let before = Holdings::of(&httpd);
    let mut reached: Vec<usize> = bodies().map(|body| walk_panics(&httpd, &sendmail, "/mail", &body)).into();
    reached.push(walk_panics(&httpd, &sendmail, "/maildir", &body(100, "")));
    eprintln!("{reached:?} panics");
    assert!(reached.iter().all(|reached| *reached >= 8), "{reached:?}");
    before.assert_same(&httpd);
    httpd.expect_log("SM0900: a fault of this module: panicked at crates/sys/src/calls.rs");
}

/// A panic while the program runs kills it, so its record may stay incomplete; it must not stay alive.
fn walk_panics(httpd: &Httpd, sendmail: &Sendmail, path: &str, body: &str) -> usize {
    for call in 1..200 {
        let (response, _) = post(httpd, path, body, &format!("{call}:panic"));
        let alive = sendmail.unfinished_pids().into_iter().any(crate::support::process::is_alive);
        assert!(!alive, "call {call}: the program lives on");
        let messages = taken(httpd, sendmail);
        match response.status {
            202 => {
                assert_eq!(messages, 1);
                return call - 1;
            }
            500 => assert_eq!(messages, 0, "{path}, call {call}"),
            502 => assert!(messages <= 1, "{path}, call {call}"),
            other => panic!("{path}, call {call}: {other}"),
        }
    }
    panic!("{path} never passes");
}

/// The outcome of each message, by subject: the status, and whether there was a fault.
type Answers = Vec<(String, u16, bool)>;

fn walk_relay(httpd: &Httpd, path: &str, octets: usize, errno: &str, answers: &mut Answers) -> usize {
    let body = body(octets, "");
    for call in 1..200 {
        let (fault, subject) = (format!("{call}:{errno}"), format!("{octets} {call}:{errno}"));
        let request = Request::mail(path).without("Subject").header("Subject", &subject).header("X-Fault", fault);
        let response = request.body(body.as_str()).send(httpd);
        let (status, hit) = (promised(&response), response.header("X-Fault-Hit").is_some());
        answers.push((subject, status, hit));
        if status == 202 && !hit {
            return call - 1;
        }
    }
    panic!("{path} with {errno} never passes");
}

/// What the server took must match what the client was told; a server that was cut off may still have read for a while.
fn judge(smtp: &Smtp, path: &str, answers: &Answers) {
    let taken = smtp.take();
    assert!(taken.iter().all(|message| message.octets.ends_with(b"\r\nthe end\r\n")), "a cut message");
    for (subject, status, hit) in answers {
        let field = format!("\r\nSubject: {subject}\r\n");
        let mine = taken.iter().filter(|message| String::from_utf8_lossy(&message.octets).contains(&field));
        let (came, accepted) = (mine.clone().count(), mine.filter(|message| message.accepted).count());
        match status {
            202 => assert_eq!((came, accepted), (1, 1), "{path} {subject}"),
            500 | 503 => assert_eq!(came, 0, "{path} {subject}: {status}"),
            502 | 504 => assert!(came <= 1, "{path} {subject}: {came}"),
            other => panic!("{path} {subject}: {other}"),
        }
        assert!(*status == 202 || *hit, "{path} {subject}: {status} without a fault");
    }
}

/// On a kept connection and on a new one for each message, unencrypted, with STARTTLS and with TLS.
#[test]
fn whatever_call_to_a_relay_fails_nobody_gets_the_message_twice() {
    let certificates = Certificates::new();
    let authority = format!("SendmailRelayCAFile \"{}\"", certificates.authority().display());
    let kept = [Smtp::start(), Smtp::with_starttls(&certificates), Smtp::with_tls(&certificates)];
    let fresh = [Smtp::start(), Smtp::with_starttls(&certificates), Smtp::with_tls(&certificates)];
    fresh.iter().for_each(|smtp| smtp.rule("idle", Act::Close));
    let sendmail = Sendmail::new();
    let mut builder: Builder = server(Mpm::Event, &sendmail);
    for (name, relays) in [("kept", &kept), ("fresh", &fresh)] {
        for (smtp, kind) in relays.iter().zip(["plain", "starttls", "tls"]) {
            let scheme = if kind == "tls" { "smtps" } else { "smtp" };
            let authority = if kind == "plain" { "" } else { &authority };
            builder = relaying(builder, &format!("/{name}/{kind}"), &format!("{scheme}://{}", to(smtp)), authority);
        }
    }
    let httpd = builder.start();
    let (mut points, mut judged) = (Vec::new(), Vec::new());
    for (name, relays) in [("kept", &kept), ("fresh", &fresh)] {
        for (smtp, kind) in relays.iter().zip(["plain", "starttls", "tls"]) {
            let path = format!("/{name}/{kind}");
            Request::mail(&path).body("the end\n").send(&httpd).expect_status(202);
            let mut answers = Vec::new();
            for (octets, errno) in [(100, Errno::IO), (100, Errno::AGAIN), (300_000, Errno::CONNRESET)] {
                points.push(walk_relay(&httpd, &path, octets, &errno.raw_os_error().to_string(), &mut answers));
            }
            judged.push((smtp, path, answers));
        }
    }
    for (smtp, path, answers) in &judged {
        judge(smtp, path, answers);
    }
    eprintln!("{points:?} calls to a relay failed in turn");
    assert!(points.iter().sum::<usize>() > 250, "only {points:?} calls");
    ["SM0301", "SM0302", "SM0406", "SM0407"].into_iter().for_each(|tag| httpd.expect_log(tag));
}
