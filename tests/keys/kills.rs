//! Children of httpd die by SIGKILL at random moments, while clients send and, without an answer, send again with the same key.

use super::{Keys, SECONDS, keyed, with_keys};
use crate::life::{Dice, is_long};
use crate::support::httpd_config::Builder;
use crate::support::process::{children, signal};
use crate::support::{Behaviour, Httpd, Mpm, Sendmail, Smtp, eventually, within};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The final answer to a client, by subject.
type Told = BTreeMap<String, u16>;

/// Asks until it is told the outcome of the message.
fn insist(httpd: &Httpd, subject: &str, octets: usize) -> u16 {
    let request = keyed(subject, subject).body("a line of text\n".repeat(octets / 15) + "the end\n");
    let deadline = Instant::now() + 3 * SECONDS;
    while Instant::now() < deadline {
        match request.try_send(httpd).map(|response| response.status) {
            Ok(status @ (202 | 502 | 504)) => return status,
            Ok(409 | 503) | Err(_) => std::thread::sleep(Duration::from_millis(10)),
            Ok(other) => panic!("{subject}: {other}"),
        }
    }
    panic!("{subject}: no answer");
}

/// Rounds of four clients and one death.
fn rounds(httpd: &Httpd, rounds: usize) -> Told {
    let mut dice = Dice::new(20_260_202);
    let mut told = Told::new();
    for round in 0..rounds {
        let (pause, pick) = (Duration::from_micros(dice.below(40_000)), dice.below(1000) as usize);
        let sizes: Vec<usize> = (0..4).map(|_| [100, 20_000, 200_000][dice.below(3) as usize]).collect();
        std::thread::scope(|scope| {
            let clients: Vec<_> = sizes
                .iter()
                .enumerate()
                .map(|(client, &octets)| {
                    let subject = format!("round-{round}-{client}");
                    scope.spawn(move || (subject.clone(), insist(httpd, &subject, octets)))
                })
                .collect();
            std::thread::sleep(pause);
            let alive = within(SECONDS, || Some(children(httpd.pid())).filter(|alive| !alive.is_empty()));
            let alive = alive.expect("a child");
            signal(alive[pick % alive.len()], Signal::KILL);
            told.extend(clients.into_iter().map(|client| client.join().expect("a thread of this test")));
        });
    }
    told
}

/// A client that was told 202 has one message, and none has two.
fn judge(what: &str, told: &Told, delivered: &[String]) {
    let count = |subject: &String| delivered.iter().filter(|there| *there == subject).count();
    let (mut unknown, mut there) = (0, 0);
    for (subject, status) in told {
        match (status, count(subject)) {
            (202, 1) => {}
            (502 | 504, found @ 0..=1) => (unknown, there) = (unknown + 1, there + found),
            (status, found) => panic!("{what}: {subject} was answered {status} and is there {found} times"),
        }
    }
    assert!(delivered.iter().all(|subject| told.contains_key(subject)));
    eprintln!("{what}: {} messages, 0 lost, 0 twice, {unknown} unknown, of which {there} were sent", told.len());
    assert!(
        told.values().filter(|status| **status == 202).count() * 2 > told.len(),
        "most clients learn what became of it"
    );
}

fn many() -> usize {
    if is_long() { 500 } else { 50 }
}

fn settings(mpm: Mpm) -> Builder {
    let text = match mpm {
        Mpm::Prefork => "ServerLimit 24\nStartServers 6\nMinSpareServers 4\nMaxSpareServers 8\nMaxRequestWorkers 24\n",
        _ => {
            "ServerLimit 8\nStartServers 4\nThreadsPerChild 3\nThreadLimit 3\nMinSpareThreads 9\nMaxSpareThreads 24\nMaxRequestWorkers 24\n"
        }
    };
    Httpd::builder().mpm(mpm).mpm_settings(text).log_level("warn")
}

fn allow(httpd: &Httpd) {
    for part in ["AH10392", "SM0110", "SM0407", "SM0107"] {
        httpd.allow_log(part);
    }
}

#[test]
fn a_killed_child_sends_nothing_twice_and_loses_nothing_through_a_program() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let busy = Behaviour::new().reads_all().sleeps(Duration::from_millis(10));
        let (sendmail, keys) = (Sendmail::behaving(&busy), Keys::new());
        let httpd = with_keys(settings(mpm), &sendmail, &keys).start();
        allow(&httpd);
        let told = rounds(&httpd, many() / 2);
        eventually("every program has come to its end", SECONDS, || (sendmail.unfinished() == 0).then_some(()));
        let committed = sendmail.messages().into_iter().filter(|run| run.committed);
        let delivered: Vec<String> = committed.map(|run| subject(&run.text())).collect();
        judge(&format!("program, {mpm:?}"), &told, &delivered);
    }
}

#[test]
fn a_killed_child_sends_nothing_twice_and_loses_nothing_through_a_relay_and_a_maildir() {
    let (smtp, sendmail, keys) = (Smtp::start(), Sendmail::new(), Keys::new());
    let section = |transport: &str| {
        let text = format!("SetHandler sendmail\nRequire ip 127.0.0.1\n{transport}\n{}", keys.directive(""));
        settings(Mpm::Event).location("/mail", &text)
    };
    let httpd = section(&format!("SendmailRelay {}", crate::relay::to(&smtp))).start();
    allow(&httpd);
    let told = rounds(&httpd, many() / 2);
    let accepted = smtp.take().into_iter().filter(|message| message.accepted);
    let delivered: Vec<String> = accepted.map(|message| subject(&String::from_utf8_lossy(&message.octets))).collect();
    judge("relay", &told, &delivered);
    drop((httpd, sendmail));

    let keys = Keys::new();
    let text = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailMaildir \"${{ROOT}}/run/Maildir\"\n{}",
        keys.directive("")
    );
    let httpd = settings(Mpm::Event).location("/mail", &text).start();
    allow(&httpd);
    let told = rounds(&httpd, many() / 2);
    let new = std::fs::read_dir(httpd.root().join("run/Maildir/new")).unwrap();
    let delivered: Vec<String> =
        new.map(|entry| subject(&std::fs::read_to_string(entry.unwrap().path()).unwrap())).collect();
    judge("Maildir", &told, &delivered);
}

/// The subject of a message, which must be complete.
fn subject(message: &str) -> String {
    let message = message.replace("\r\n", "\n");
    assert!(message.ends_with("\nthe end\n"), "a cut message: {message}");
    let subject = message.lines().find_map(|line| line.strip_prefix("Subject: "));
    subject.expect("each has one").to_owned()
}
