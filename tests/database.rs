//! Faults of the delivery status database: silent, locked, overloaded. Mail is sent nevertheless, in time and once.

use crate::circle::Database;
use crate::support::artifacts::artifacts;
use crate::support::process::required;
use crate::support::{Behaviour, Httpd, Mpm, Request, Sendmail, eventually, skipped};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SECONDS: Duration = Duration::from_secs(10);

/// `/mail` for this program, with a status.
fn mail(sendmail: &Sendmail) -> String {
    format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"\nSendmailTimeout 3s\n\
         SendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn",
        sendmail.program().display()
    )
}

/// To libpq it is a PostgreSQL: it accepts, lets everybody in if `lets_in`, and says nothing more.
struct Silent {
    port: u16,
}

impl Silent {
    fn start(lets_in: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                if lets_in {
                    let mut length = [0; 4];
                    stream.read_exact(&mut length).unwrap();
                    let mut words = vec![0; u32::from_be_bytes(length) as usize - 4];
                    stream.read_exact(&mut words).unwrap();
                    // AuthenticationOk, ReadyForQuery (PostgreSQL's manual, message formats).
                    stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").unwrap();
                }
                kept.push(stream);
            }
        });
        Silent { port }
    }
}

fn on_postgres(silent: &Silent, mpm: Mpm, sendmail: &Sendmail) -> Option<Httpd> {
    let driver = Command::new(&artifacts().processdsn)
        .args(["--driver", "pgsql", "--params", "host=/nonexistent", "--init"])
        .stderr(Stdio::null())
        .status();
    if driver.unwrap().code() != Some(75) {
        skipped("needs libaprutil1-dbd-pgsql");
        return None;
    }
    let params =
        format!("host=127.0.0.1 port={} dbname=dsn user=httpd sslmode=disable gssencmode=disable", silent.port);
    let httpd = Httpd::builder()
        .mpm(mpm)
        .modules(&["dbd"])
        .load("processdsn_module", &artifacts().status_module)
        .config(&format!("DBDriver pgsql\nDBDParams \"{params}\"\nProcessDSNEnable on"))
        .location("/mail", &mail(sendmail))
        .location("/dsn", "SetHandler processdsn\nRequire ip 127.0.0.1")
        .start();
    httpd.expect_log("SM0501");
    httpd.expect_log("SM0603");
    httpd.allow_log("[dbd:"); // mod_dbd's own messages
    httpd.allow_log("AH00045"); // a child that is connecting ends two seconds later
    Some(httpd)
}

#[test]
fn a_postgresql_that_says_nothing_delays_a_message_by_seconds_and_stops_none() {
    for (lets_in, mpm) in [(false, Mpm::Event), (true, Mpm::Event), (true, Mpm::Prefork)] {
        let (silent, sendmail) = (Silent::start(lets_in), Sendmail::new());
        let Some(httpd) = on_postgres(&silent, mpm, &sendmail) else { return };
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    // A child of httpd that starts meanwhile also connects, for two seconds.
                    let begun = Instant::now();
                    let answer = Request::mail("/mail").timeout(4 * SECONDS).send(&httpd).expect_status(202);
                    assert_eq!(answer.header("Link"), None);
                    assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
                });
            }
        });
        assert_eq!(sendmail.messages().len(), 12, "lets in: {lets_in}");
        let begun = Instant::now();
        let status = Request::get("/dsn/x%40example.test/").timeout(4 * SECONDS).send(&httpd).expect_status(503);
        assert!(status.header("Retry-After").is_some() && begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
        // It also stops in time, and no child is killed while it waits.
        let begun = Instant::now();
        drop(httpd);
        assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
    }
}

/// Holds the write lock of a SQLite database until dropped.
struct Lock(Child);

impl Lock {
    fn hold(database: &Database) -> Self {
        let script = "import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
time.sleep(60)";
        let mut python = Command::new(required("python3", "python3"));
        let mut child =
            python.args(["-c", script]).arg(database.file()).stdout(Stdio::piped()).spawn().expect("python3 runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert_eq!(line, "locked\n");
        Lock(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a child still has a thread that works on the database.
fn is_working(httpd: &Httpd) -> bool {
    let tasks = httpd.children().into_iter().flat_map(|pid| std::fs::read_dir(format!("/proc/{pid}/task")));
    let mut names = tasks.flatten().flatten().map(|task| std::fs::read_to_string(task.path().join("comm")));
    names.any(|name| name.is_ok_and(|name| name.trim() == "database"))
}

#[test]
fn a_locked_file_delays_a_message_by_seconds_and_what_is_written_late_is_undone() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let mail = mail(&sendmail);
    let httpd = database
        .httpd()
        .location("/mail", &mail)
        .location("/hasty", &mail.replace("SendmailTimeout 3s", "SendmailTimeout 1s"))
        .start();
    Request::mail("/mail").send(&httpd).expect_status(303);
    let lock = Lock::hold(&database);
    httpd.expect_log("SM0501: the message is sent without a delivery status");
    let begun = Instant::now();
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
    eventually("the file is left alone", SECONDS, || (!is_working(&httpd)).then_some(()));

    let late = |path: &str| Request::mail(path).header("Message-ID", "<late@example.test>").send(&httpd);
    late("/hasty").expect_status(202);
    assert!(is_working(&httpd), "the write is still tried");
    drop(lock);
    eventually("it is written and undone", SECONDS, || (!is_working(&httpd)).then_some(()));
    assert_eq!(sendmail.messages().len(), 3);
    Request::get("/dsn/late%40example.test/").send(&httpd).expect_status(404);
    late("/mail").expect_status(303); // nothing delays it
    Request::get("/dsn/late%40example.test/").send(&httpd).expect_status(200);
}

/// How many transactions stand in the write-ahead log: frames that end one tell how large the file is then (sqlite.org/fileformat2.html, 4.1).
fn transactions(database: &Database) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    let log = std::fs::read(format!("{}-wal", database.file().display())).expect("a log");
    log[HEADER..].chunks_exact(FRAME).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn what_waits_for_the_writer_is_written_together_and_what_fails_fails_alone() {
    const AT_ONCE: usize = 12;
    let (database, sendmail) = (Database::new(), Sendmail::new());
    database.run_sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON recipient WHEN NEW.address = 'refused@example.test' \
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    );
    let httpd = database.httpd().location("/mail", &mail(&sendmail)).start();
    Request::mail("/mail").send(&httpd).expect_status(303);
    // The file is free when all of these wait for it.
    let waiting = |recipients: &[String]| {
        let begun = || httpd.error_log().matches("SM0002").count();
        let (lock, before) = (Lock::hold(&database), begun());
        std::thread::scope(|scope| {
            let send = |to: &String| Request::mail("/mail").without("To").header("To", to).send(&httpd);
            let threads: Vec<_> = recipients.iter().map(|to| scope.spawn(move || send(to))).collect();
            eventually("all are there", SECONDS, || (begun() == before + recipients.len()).then_some(()));
            drop(lock);
            threads.into_iter().map(|thread| thread.join().expect("an answer")).collect::<Vec<_>>()
        })
    };
    let good: Vec<String> = (0..AT_ONCE).map(|number| format!("r{number}@example.test")).collect();
    let before = transactions(&database);
    waiting(&good).into_iter().for_each(|answer| drop(answer.expect_status(303)));
    let written = transactions(&database) - before;
    assert!(written <= AT_ONCE / 2, "{written} transactions");

    let mut mixed = good;
    mixed[AT_ONCE / 2] = "refused@example.test".into();
    httpd.expect_log("SM0501: the message is sent without a delivery status");
    for (to, answer) in mixed.iter().zip(waiting(&mixed)) {
        let answer = answer.expect_status(if to.starts_with("refused") { 202 } else { 303 });
        if let Some(status) = answer.header("Location") {
            let path = status.split_once("/dsn").expect("the place of the status").1;
            Request::get(&format!("/dsn{path}")).send(&httpd).expect_status(200);
        }
    }
    assert_eq!(sendmail.messages().len(), 1 + 2 * AT_ONCE);
}

#[test]
fn of_the_same_message_at_the_same_time_one_is_sent() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let (database, sendmail) = (Database::new(), Sendmail::new());
        sendmail.behave(&Behaviour::new().reads_all().sleeps(Duration::from_millis(300)).exits(0));
        let httpd = database.httpd().mpm(mpm).location("/mail", &mail(&sendmail)).start();
        httpd.expect_log("SM0109");
        let message = Request::mail("/mail").header("Message-ID", "<once@example.test>");
        let at_once = |count: usize, message: &Request| {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..count).map(|_| scope.spawn(|| message.send(&httpd))).collect();
                let mut answers: Vec<_> =
                    threads.into_iter().map(|thread| thread.join().expect("an answer").status).collect();
                answers.sort_unstable();
                answers
            })
        };
        assert_eq!(at_once(3, &message), [303, 409, 409], "{mpm:?}");
        assert_eq!(sendmail.take().len(), 1);
        // The same id with other recipients is another transaction (RFC 5321 3.3 is about envelopes, not ids).
        let to_others = message.clone().without("To").header("To", "other@example.test");
        assert_eq!(at_once(3, &to_others), [303, 409, 409], "{mpm:?}");
        assert_eq!(sendmail.take().len(), 1);

        // After a refusal it is free again.
        sendmail.behave(&Behaviour::reads_all_and_exits(75));
        httpd.expect_log("SM0403");
        let refused = Request::mail("/mail").header("Message-ID", "<again@example.test>");
        refused.send(&httpd).expect_status(503);
        sendmail.take();
        sendmail.behave(&Behaviour::reads_all_and_exits(0));
        assert_eq!(at_once(3, &refused), [303, 409, 409], "{mpm:?}");
        assert_eq!(sendmail.messages().len(), 1);
    }
}
