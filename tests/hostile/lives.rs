//! The rows with more than one request: servers that stop, restart or die meanwhile, many requests at once, no resources.

use super::table;
use crate::support::disk::Disk;
use crate::support::error_log::complaints;
use crate::support::hostile::Row;
use crate::support::place::am_root;
use crate::support::request::Outcome;
use crate::support::{Behaviour, Httpd, Mpm, Recorded, Request, Sendmail, eventually, process, skipped, within};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(20);

fn row(id: &str) -> Option<Row> {
    table()?.into_iter().find(|row| row.id == id)
}

/// All 3000 lines of the body, once.
fn is_whole(message: &Recorded) -> bool {
    message.committed && message.text().lines().filter(|line| **line == "x".repeat(70)).count() == 3000
}

/// Allows what a test has provoked, as far as it appeared.
fn provoked(httpd: &Httpd, parts: &[&str]) {
    let log = httpd.error_log();
    for part in parts.iter().filter(|part| complaints(&log).any(|line| line.contains(**part))) {
        httpd.expect_log(part);
    }
}

fn send(row: &Row, httpd: &Httpd) -> Outcome {
    row.request().try_send(httpd)
}

/// Programs whose httpd has ended go on; when the last one has ended, its record is complete.
fn wait_for_programs(sendmail: &Sendmail) {
    let alive = || sendmail.unfinished_pids().into_iter().any(process::is_alive);
    eventually("the programs end", SECONDS, || (!alive()).then_some(()));
}

#[test]
fn hostile_k01_a_graceful_restart_loses_no_request() {
    let Some(row) = row("K01") else { return };
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "").start();
    let mut stream = TcpStream::connect(httpd.address()).unwrap();
    stream.set_read_timeout(Some(SECONDS)).unwrap();
    let octets = [&row.head[..], &row.body].concat();
    let (first, rest) = octets.split_at(octets.len() / 2);
    stream.write_all(first).unwrap();
    std::thread::sleep(Duration::from_millis(100)); // the old generation has taken it
    httpd.graceful();
    stream.write_all(rest).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let messages = sendmail.messages();
    assert!(messages.len() == 1 && is_whole(&messages[0]) && sendmail.starts() == 1);
    assert!(httpd.children().into_iter().all(|child| process::zombies(child).is_empty()));
}

/// event waits a while for its threads when it stops; a child of prefork ends at once, and its program goes on.
#[test]
fn hostile_k02_a_stop_cuts_no_mail() {
    let Some(row) = row("K02") else { return };
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let sendmail = Sendmail::behaving(&Behaviour::new().sleeps(Duration::from_millis(700)).reads_all());
        let mut httpd = Httpd::builder().mpm(mpm).mail(&sendmail, "").start();
        let (sent, address) = (row.request(), httpd.address());
        let client = std::thread::spawn(move || crate::support::wire::send(&sent, address));
        eventually("the program runs", SECONDS, || (sendmail.unfinished() == 1).then_some(()));
        httpd.stop();
        let outcome = client.join().unwrap();
        wait_for_programs(&sendmail);
        row.judge(&outcome);
        assert!(sendmail.messages().iter().all(is_whole) && sendmail.commits() <= 1, "{mpm:?}");
        assert!(outcome.is_err() || sendmail.commits() == 1, "accepted, so it is there");
        provoked(&httpd, &["AH00045", "AH00046", "AH00047"]);
    }
}

#[test]
fn hostile_k03_a_killed_child_cuts_no_mail() {
    let Some(row) = row("K03") else { return };
    let sendmail = Sendmail::behaving(&Behaviour::new().sleeps(Duration::from_millis(1500)).reads_all());
    let httpd = Httpd::builder().mail(&sendmail, "").start();
    let (sent, address) = (row.request(), httpd.address());
    let client = std::thread::spawn(move || crate::support::wire::send(&sent, address));
    let pid = eventually("the program runs", SECONDS, || sendmail.unfinished_pids().first().copied());
    let serves = |child: &u32| process::children(*child).contains(&pid);
    let child = eventually("the program has a parent", SECONDS, || httpd.children().into_iter().find(serves));
    process::signal(child, Signal::KILL);
    row.judge(&client.join().unwrap());
    wait_for_programs(&sendmail);
    assert!(sendmail.messages().iter().all(is_whole) && sendmail.commits() <= 1);
    // httpd logs nothing about a child that died by SIGKILL.
}

/// A page that includes the handler: the client did not make the sub-request.
#[test]
fn hostile_k05_an_include_of_the_handler_sends_nothing() {
    let Some(row) = row("K05") else { return };
    let sendmail = Sendmail::new();
    let builder = Httpd::builder();
    std::fs::create_dir_all(builder.root().join("htdocs")).unwrap();
    let page = "before <!--#include virtual=\"/mail\" --> after\n";
    std::fs::write(builder.root().join("htdocs/page.shtml"), page).unwrap();
    let includes = "<Directory \"${ROOT}/htdocs\">\nOptions +Includes\nSetOutputFilter INCLUDES\n</Directory>";
    let httpd = builder.modules(&["include"]).config(includes).mail(&sendmail, "").start();
    assert_eq!(send(&row, &httpd).unwrap().status, 202, "the same request to the handler itself");
    sendmail.take();
    let head = String::from_utf8(row.head).unwrap().replacen("/mail", "/page.shtml", 1);
    let included = Request::post("/page.shtml").raw([head.as_bytes(), &row.body].concat()).send(&httpd);
    assert!(included.text().contains("before") && !included.text().contains("Accepted"), "{included:?}");
    assert_eq!(sendmail.starts(), 0);
    provoked(&httpd, &["AH01371", "unable to include"]);
}

#[test]
fn hostile_k07_a_full_disk_refuses_the_body() {
    let sendmail = Sendmail::new();
    let Some(small) = Disk::mount("64k") else { return skipped("mount(8) is not allowed") };
    let httpd =
        Httpd::builder().environment("TMPDIR", &small.folder().display().to_string()).mail(&sendmail, "").start();
    let body = "a line of text\n".repeat(20_000); // more than what stays in memory
    let full = Request::mail("/mail").body(body).send(&httpd);
    assert!(full.status == 503 && full.header("Retry-After").is_some(), "{full:?}");
    assert_eq!(sendmail.starts(), 0);
    Request::mail("/mail").send(&httpd).expect_status(202); // fits into memory
    httpd.expect_log("SM0301");
}

#[test]
fn hostile_j19_no_process_left_is_503() {
    let Some(row) = row("J19") else { return };
    if !am_root() {
        return skipped("RLIMIT_NPROC counts the processes of a user; only root can start httpd as another");
    }
    for limited in [false, true] {
        let sendmail = Sendmail::new();
        let builder = Httpd::builder().mpm(Mpm::Prefork).mail(&sendmail, "");
        let httpd = if limited { builder.launcher(&["prlimit", "--nproc=1"]) } else { builder }.start();
        let children = httpd.children();
        let answer = send(&row, &httpd).unwrap();
        assert_eq!((answer.status, sendmail.starts()), if limited { (503, 0) } else { (202, 1) }, "{answer:?}");
        assert!(children.into_iter().all(process::is_alive));
        provoked(&httpd, &["SM0302"]);
    }
}

/// Keeps connections open until only so many descriptors of the one child are free.
#[test]
fn hostile_j19_no_descriptor_left_is_503() {
    let Some(row) = row("J19") else { return };
    let sendmail = Sendmail::new();
    let one = "ServerLimit 1\nStartServers 1\nThreadsPerChild 16\nThreadLimit 16\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16";
    let builder = Httpd::builder().mpm_settings(&format!("{one}\nAsyncRequestWorkerFactor 20"));
    let httpd =
        builder.config("KeepAliveTimeout 60").launcher(&["prlimit", "--nofile=100"]).mail(&sendmail, "").start();
    let [child] = httpd.children()[..] else { panic!("one child") };
    let (mut held, mut seen) = (Vec::new(), [0, 0]);
    for free in (1..=14).rev() {
        while 100 - process::descriptors(child).len() > free {
            held.push(keep(&httpd));
        }
        let answer = send(&row, &httpd).unwrap();
        let accepted = answer.status == 202;
        assert!(accepted || answer.status == 503, "{free} free: {answer:?}");
        assert_eq!(sendmail.messages().iter().filter(|message| is_whole(message)).count(), usize::from(accepted));
        assert!(accepted || sendmail.starts() == 0, "{free} free: a program was started");
        sendmail.take();
        seen[usize::from(accepted)] += 1;
        eventually("the connection is closed", SECONDS, || {
            (100 - process::descriptors(child).len() >= free).then_some(())
        });
    }
    assert!(seen[0] > 2 && seen[1] > 2, "{seen:?}");
    assert_eq!(httpd.children(), [child]);
    drop(held);
    provoked(&httpd, &["SM0301", "SM0302"]);
}

/// A connection that httpd keeps open after an answer.
fn keep(httpd: &Httpd) -> TcpStream {
    let mut stream = TcpStream::connect(httpd.address()).unwrap();
    stream.write_all(b"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    stream
}

#[test]
fn hostile_j22_a_crowd_meets_the_limit_of_programs() {
    let Some(row) = row("J22") else { return };
    const AT_ONCE: usize = 200; // 20 rounds of a second, so half of them wait longer than they may
    let sendmail = Sendmail::behaving(&Behaviour::new().sleeps(Duration::from_secs(1)).reads_all());
    let one = "ServerLimit 1\nStartServers 1\nThreadsPerChild 240\nThreadLimit 240\nMaxRequestWorkers 240\nMinSpareThreads 1\nMaxSpareThreads 240";
    let limits = "SendmailMaxProcesses 10\nSendmailTimeout 10s";
    let httpd = Httpd::builder().mpm_settings(one).mail(&sendmail, limits).start();
    let clients: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (request, address) = (row.request(), httpd.address());
            std::thread::spawn(move || crate::support::wire::send(&request, address).map(|answer| answer.status))
        })
        .collect();
    let answers: Vec<u16> = clients.into_iter().map(|client| client.join().unwrap().unwrap()).collect();
    assert!(answers.iter().all(|status| matches!(status, 202 | 503)), "{answers:?}");
    let accepted = answers.iter().filter(|status| **status == 202).count();
    let messages = sendmail.messages();
    assert_eq!((messages.len(), sendmail.starts(), sendmail.commits()), (accepted, accepted, accepted));
    let whole = messages.iter().filter(|message| is_whole(message)).count();
    assert!(accepted >= 10 && whole == accepted, "{accepted} accepted, {whole} whole");
    let spans: Vec<(u64, u64)> = messages.iter().map(|run| (run.number("started"), run.number("finished"))).collect();
    let most = spans.iter().map(|(at, _)| spans.iter().filter(|(from, to)| from <= at && at < to).count()).max();
    assert!(most.is_some_and(|most| (5..=10).contains(&most)), "{most:?} programs at one time");
    assert!(within(SECONDS, || httpd.stray_files().is_empty().then_some(())).is_some());
    provoked(&httpd, &["SM0302"]);
}
