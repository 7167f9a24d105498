//! Memory: what many requests of every kind leave behind, how much a large one takes, and valgrind's memcheck on all of it.
//! MOD_SENDMAIL_LONG=1 makes it ten thousand requests, and a thousand under valgrind.

use crate::circle::Database;
use crate::life::is_long;
use crate::programs::Holdings;
use crate::support::place::repository;
use crate::support::process::{memory, required};
use crate::support::{Behaviour, Httpd, Mpm, Request, Sendmail};
use std::fs;
use std::time::Duration;

const SERVERS: &str = "ServerLimit 1\nStartServers 1\nThreadsPerChild 4\nThreadLimit 4\nMinSpareThreads 1\nMaxSpareThreads 4\nMaxRequestWorkers 4\n";
const CHILD: &str = "ServerLimit 1\nStartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n";

/// Accepted, refused at each stage, and failed by the program; each with its expected status.
struct Kinds {
    sendmail: Sendmail,
    failing: Sendmail,
}

impl Kinds {
    fn new() -> Self {
        let failing = Behaviour::new().reads_all().complains("out of order\n").exits(75);
        Self { sendmail: Sendmail::new(), failing: Sendmail::behaving(&failing) }
    }

    /// A server with one child.
    fn server(&self, mpm: Mpm, launcher: &[&str]) -> Httpd {
        let failing = self.failing.program().display().to_string();
        let fail = format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{failing}\"");
        let rich = "SendmailArguments -t -i -f %{reqenv:SENDMAIL_FROM}\nSendmailRecipients example.test\nSendmailMaxSize 100M\n\
            SendmailDSNLocation http://%{HTTP_HOST}/status\nSendmailDSNRedirect Off\nSendmailReceived full\nSendmailTimeout 120s\n\
            SendmailInputs fields form resend\nSendmailFormTo a@example.test\nSendmailFormFrom f@example.test\nSendmailFormFiles */*";
        Httpd::builder()
            .mpm(mpm)
            .mpm_settings(if mpm == Mpm::Prefork { CHILD } else { SERVERS })
            .launcher(launcher)
            .log_level("crit")
            .mail(&self.sendmail, rich)
            .location("/fail", &fail)
            .start()
    }

    fn send(&self, httpd: &Httpd, number: usize) {
        let mail = Request::mail("/mail").timeout(Duration::from_secs(120));
        let long = "a line of text that goes as it is\n".repeat(3000);
        let (request, status) = match number % 10 {
            0 => (mail, 202),
            1 => (mail.body(long), 202),
            2 => (mail.body("gr\u{fc}n ".repeat(20_000)).chunked(3000), 202),
            3 => (mail.without("Subject").header("Subject", "\u{20ac} ".repeat(500)), 202),
            4 => (mail.without("To").header("To", "Bad <bad;address@example.test>"), 400),
            5 => (mail.without("To").header("To", "a@elsewhere.test"), 403),
            6 => (mail.header("Accept", "application/json").header("Resent-To", "x"), 400),
            7 => (Request::options("/mail"), 200),
            8 => (Request::mail("/fail").header("Accept", "text/html"), 503),
            _ => (mail.body(long).broken_off_after(2000, crate::support::request::Ending::Half), 400),
        };
        request.send(httpd).expect_status(status);
        if number % 50 == 49 {
            self.sendmail.take();
            self.failing.take();
        }
    }
}

fn resident(httpd: &Httpd) -> u64 {
    memory(httpd.children()[0]).expect("httpd runs").0
}

#[test]
fn a_child_does_not_grow_with_its_requests() {
    let (first, last) = if is_long() { (2000, 10_000) } else { (200, 600) };
    let kinds = Kinds::new();
    let httpd = kinds.server(Mpm::Event, &[]);
    (0..first).for_each(|number| kinds.send(&httpd, number));
    let (before, child, holdings) = (resident(&httpd), httpd.children(), Holdings::of(&httpd));
    (first..last).for_each(|number| kinds.send(&httpd, number));
    let after = resident(&httpd);
    eprintln!("a child after {first} requests: {before} KiB, after {last}: {after} KiB");
    assert_eq!(httpd.children(), child);
    holdings.assert_same(&httpd);
    assert!(after <= before + 512, "{before} KiB after {first} requests, {after} KiB after {last}");
}

/// The largest resident size of a process, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_body_of_fifty_megabytes_takes_no_memory() {
    let kinds = Kinds::new();
    let httpd = kinds.server(Mpm::Event, &[]);
    (0..40).for_each(|number| kinds.send(&httpd, number));
    let (child, line) = (httpd.children()[0], "a line of text that goes as it is\n");
    let before = peak(child);
    for body in [line.repeat(50_000_000 / line.len()), "gr\u{fc}n\n".repeat(50_000_000 / 6)] {
        let octets = body.len();
        Request::mail("/mail").body(body).send(&httpd).expect_status(202);
        let runs = kinds.sendmail.take();
        assert!(runs.last().is_some_and(|run| run.committed && run.stdin.len() >= octets));
    }
    // One part with one line, which is encoded; two files, and two passes over the first.
    let parts = format!("--b\nContent-Type: text/html\n\n{}\n--b--\n", "<p>gr\u{fc}n</p>".repeat(50_000_000 / 13));
    let request = Request::mail("/mail").without("Content-Type").header("Content-Type", "multipart/mixed; boundary=b");
    request.body(parts).timeout(Duration::from_secs(120)).send(&httpd).expect_status(202);
    assert!(kinds.sendmail.take().last().is_some_and(|run| run.committed && run.stdin.len() > 50_000_000));
    // A file of 25 MB in base64, in JSON.
    let file = "QUJD".repeat(25_000_000 / 3);
    let json = format!(
        r#"{{"from":"a@x.test","to":"b@example.test","text":"t","attachments":[{{"filename":"a.bin","content":"{file}"}}]}}"#
    );
    let request = Request::post("/mail/emails").header("Content-Type", "application/json").body(json);
    request.timeout(Duration::from_secs(120)).send(&httpd).expect_status(200);
    assert!(kinds.sendmail.take().last().is_some_and(|run| run.committed && run.stdin.len() > 33_000_000));
    // A form with a file.
    let part = "--b\r\nContent-Disposition: form-data; name=";
    let file = format!("{part}file; filename=a.bin\r\n\r\n{}\r\n--b--\r\n", "\0\r\n--c".repeat(50_000_000 / 6));
    let form = Request::post("/mail")
        .header("Content-Type", "multipart/form-data; boundary=b")
        .timeout(Duration::from_secs(120));
    let form = form.body(format!("{part}text\r\n\r\nHello\r\n{file}"));
    form.send(&httpd).expect_status(202);
    assert!(kinds.sendmail.take().last().is_some_and(|run| run.committed && run.stdin.len() > 50_000_000));
    let after = peak(child);
    eprintln!("peak of a child: {before} KiB, with bodies of 50 MB {after} KiB");
    assert!(after <= before + 4096, "{before} KiB before, {after} KiB with bodies of 50 MB");
}

/// Starts httpd under memcheck, sends it a thousand requests, stops it, and fails if valgrind reports anything.
fn under_valgrind(start: impl FnOnce(&[&str]) -> Httpd, send: impl Fn(&Httpd, usize)) {
    if !is_long() {
        return crate::support::skipped("valgrind: MOD_SENDMAIL_LONG=1");
    }
    let folder = crate::support::place::Place::new("valgrind");
    crate::support::place::mode(folder.path(), 0o777);
    let valgrind = required("valgrind", "valgrind").display().to_string();
    let log = format!("--log-file={}/%p", folder.path().display());
    let suppressions = format!("--suppressions={}", repository().join("tests/valgrind.supp").display());
    let mut httpd = start(&[&valgrind, "--gen-suppressions=all", "--num-callers=30", &suppressions, &log]);
    (0..1000).for_each(|number| send(&httpd, number));
    assert!(httpd.stop().success());
    let logs: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let summaries = logs.iter().filter(|log| log.contains("ERROR SUMMARY: ")).count();
    assert!(summaries >= 2, "httpd and its child: {logs:?}");
    for log in &logs {
        assert!(!log.contains("ERROR SUMMARY: ") || log.contains("ERROR SUMMARY: 0 errors"), "{log}");
        assert!(!log.contains("Invalid ") && !log.contains("uninitialised"), "{log}");
    }
    eprintln!("valgrind: 1000 requests, {summaries} processes, no error");
}

#[test]
fn valgrind_finds_no_fault_in_sending() {
    let kinds = Kinds::new();
    under_valgrind(|launcher| kinds.server(Mpm::Prefork, launcher), |httpd, number| kinds.send(httpd, number));
}

#[test]
fn valgrind_finds_no_fault_in_the_status_service() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let start = |launcher: &[&str]| {
        let builder = database.httpd().mpm(Mpm::Prefork).mpm_settings(CHILD).launcher(launcher).log_level("crit");
        builder.mail(&sendmail, "SendmailDSNLocation http://127.0.0.1:${PORT}/dsn\nSendmailTimeout 120s").start()
    };
    under_valgrind(start, |httpd, number| {
        let (id, patience) = (format!("m{}", number - number % 8), Duration::from_secs(120));
        let page = |accept: &str| Request::get(&format!("/dsn/{id}%40example.test/")).header("Accept", accept);
        let (request, status) = match number % 8 {
            0 => (Request::mail("/mail").header("Message-ID", format!("<{id}@example.test>")), 303),
            1 => (page("text/html"), 200),
            2 => (page("application/json"), 200),
            3 => (page("application/xml"), 200),
            4 => (page("text/plain"), 200),
            5 => (Request::get("/dsn/nobody%40example.test/"), 404),
            6 => (page("image/png"), 406),
            _ => (Request::options("/dsn/"), 200),
        };
        request.timeout(patience).send(httpd).expect_status(status);
        sendmail.take();
    });
}
