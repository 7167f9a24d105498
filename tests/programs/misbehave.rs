//! Programs that read too little or too slowly, flood, hang, ignore TERM, or leave a process behind; all at the same time, on each MPM.

use super::{Holdings, expect_logs, notes, place, promised, steady};
use crate::support::{Behaviour, Httpd, Mpm, Request, Sendmail, eventually, process};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

struct Row {
    name: &'static str,
    behaviour: Behaviour,
    /// Octets of the body: a small one waits in a pipe, a large one is a file.
    body: usize,
    settings: &'static str,
    status: u16,
    /// Notes `sendmail-status` and `sendmail-exit`.
    notes: [&'static str; 2],
    /// The earliest and the latest time of the answer.
    time: [Duration; 2],
}

fn rows() -> Vec<Row> {
    let ms = Duration::from_millis;
    let quick = [Duration::ZERO, ms(1500)];
    let deadline = [ms(700), ms(2700)]; // SendmailTimeout 700ms and two seconds
    let row = |name, behaviour, status, notes, time| Row {
        name,
        behaviour,
        body: 100,
        settings: "SendmailTimeout 30s",
        status,
        notes,
        time,
    };
    let late = |name, behaviour, exit| Row {
        settings: "SendmailTimeout 700ms",
        ..row(name, behaviour, 504, ["SM0404", exit], deadline)
    };
    let new = Behaviour::new;
    let unread = |name, behaviour| row(name, behaviour, 502, ["SM0407", "0"], quick);
    let accepted = |name, behaviour, time| row(name, behaviour, 202, ["accepted", "0"], time);
    let held = [ms(900), ms(2000)];
    vec![
        accepted("good", new(), quick),
        accepted("slow-but-done", new().sleeps(ms(800)).reads_all(), [ms(800), ms(2500)]),
        unread("reads-nothing", new().exits(0)),
        unread("reads-a-part", new().reads(20).exits(0)),
        Row { body: 500_000, ..unread("reads-nothing-of-a-file", new().exits(0)) },
        Row { body: 500_000, ..unread("reads-a-part-of-a-file", new().reads(300_000).exits(0)) },
        row("exits-early", new().reads(20).exits(70), 500, ["SM0402", "70"], quick),
        Row { body: 500_000, ..row("exits-early-on-a-file", new().exits(75), 503, ["SM0403", "75"], quick) },
        accepted("floods-stdout", new().floods_stdout(5_000_000).reads_all(), [Duration::ZERO, SECOND * 5]),
        accepted("floods-stderr", new().reads_all().floods_stderr(5_000_000), [Duration::ZERO, SECOND * 5]),
        row(
            "floods-and-fails",
            new().floods_stderr(3_000_000).floods_stdout(3_000_000).reads_all().exits(78),
            500,
            ["SM0402", "78"],
            [Duration::ZERO, SECOND * 5],
        ),
        accepted("leaves-a-process", new().leaves_a_grandchild_holding_stderr(SECOND * 60).reads_all(), held),
        late("reads-an-octet-a-second", new().reads_slowly(), "signal-15"),
        late("hangs", new().reads_all().hangs(), "signal-15"),
        late("hangs-unread", new().hangs(), "signal-15"),
        Row { body: 500_000, ..late("hangs-on-a-file", new().reads(10).hangs(), "signal-15") },
        late("ends-politely", new().exits_on_term(0).reads_all().hangs(), "0"),
        late("ignores-term", new().ignores(15).reads_all().hangs(), "signal-9"),
        late(
            "ignores-term-with-a-process",
            new().ignores(15).leaves_a_grandchild_holding_stderr(SECOND * 60).reads_all().hangs(),
            "signal-9",
        ),
        late(
            "leaves-its-group",
            new().leaves_a_grandchild_holding_stderr(SECOND * 60).leaves_its_group().reads_all().hangs(),
            "signal-15",
        ),
        late(
            "leaves-its-group-and-ignores-term",
            new().ignores(15).leaves_a_grandchild_holding_stderr(SECOND * 60).leaves_its_group().reads_all().hangs(),
            "signal-9",
        ),
        late("floods-for-ever", new().ignores(15).floods_stderr(u64::MAX), "signal-9"),
    ]
}

fn post(httpd: &Httpd, sendmail: &Sendmail, row: &Row) -> Result<(), String> {
    let path = format!("/{}", row.name);
    let began = Instant::now();
    let response = Request::mail(&path).body("a line of text\n".repeat(row.body / 15 + 1)).send(httpd);
    let elapsed = began.elapsed();
    let found = notes(httpd, &path);
    let mut faults = Vec::new();
    if promised(&response) != row.status || response.header("Retry-After").is_some() {
        faults.push(format!("{} {:?}", response.status, response.header("Retry-After")));
    }
    if found[1..3] != row.notes || !found[3].starts_with('<') {
        faults.push(format!("notes {found:?}"));
    }
    if elapsed < row.time[0] || elapsed > row.time[1] {
        faults.push(format!("after {elapsed:?}"));
    }
    if (sendmail.commits() == 1) != (row.status == 202) {
        faults.push(format!("{} messages committed", sendmail.commits()));
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("{}: {}", row.name, faults.join("; "))) }
}

fn run(mpm: Mpm) {
    let rows = rows();
    let sendmails: Vec<Sendmail> = rows.iter().map(|row| Sendmail::behaving(&row.behaviour)).collect();
    let builder = rows.iter().zip(&sendmails).fold(steady(mpm), |builder, (row, sendmail)| {
        place(builder, &format!("/{}", row.name), sendmail, row.settings)
    });
    let httpd = builder.start();
    let before = Holdings::of(&httpd);
    let faults: Vec<String> = std::thread::scope(|scope| {
        let posts: Vec<_> = rows
            .iter()
            .zip(&sendmails)
            .map(|(row, sendmail)| {
                let httpd = &httpd;
                scope.spawn(move || post(httpd, sendmail, row))
            })
            .collect();
        posts.into_iter().filter_map(|post| post.join().expect("a thread of this test").err()).collect()
    });
    assert!(faults.is_empty(), "on {mpm:?}:\n{}", faults.join("\n"));
    for (row, sendmail) in rows.iter().zip(&sendmails) {
        for pid in sendmail.unfinished_pids() {
            assert!(!process::is_alive(pid), "{} lives on", row.name);
        }
        for grandchild in sendmail.messages().iter().filter_map(|run| run.fact("grandchild")?.parse().ok()) {
            assert!(process::is_alive(grandchild), "{}: the exit was in time, so nobody was killed", row.name);
            process::signal(grandchild, rustix::process::Signal::KILL);
        }
    }
    eventually("the group of what hung is gone", SECOND, || {
        let left = process::session(httpd.pid()).into_iter().filter(|pid| !httpd.children().contains(pid));
        (left.count() == 1).then_some(()) // the parent
    });
    before.assert_same(&httpd);
    expect_logs(&httpd, &["SM0402", "SM0403", "SM0404", "SM0407", "SM0003"]);
    let log = httpd.error_log();
    assert!(log.contains("(and 4991808 octets more)"), "5 000 000 less the 8 KiB that are kept");
    assert!(!log.bytes().any(|byte| (byte < b' ' && byte != b'\n') || byte == 0x7f), "control characters are escaped");
    assert!(log.contains("\\\\u{1b}"), "escaped by us, and its backslash once more by httpd");
    assert!(log.lines().all(|line| line.starts_with('[')), "no line is a program's");
}

#[test]
fn whatever_a_program_does_its_request_is_answered_in_time_on_event() {
    run(Mpm::Event);
}

#[test]
fn whatever_a_program_does_its_request_is_answered_in_time_on_worker() {
    run(Mpm::Worker);
}

#[test]
fn whatever_a_program_does_its_request_is_answered_in_time_on_prefork() {
    run(Mpm::Prefork);
}
