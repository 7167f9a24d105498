//! Locks, kills and crowds: every report is stored exactly once.

use crate::agent::{run, start};
use crate::databases::{Cluster, Sqlite, Store};
use crate::place::{Place, random};
use crate::report::with_envid;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Holds the write lock of a database until it is dropped, or for some seconds.
struct Lock(Child);

impl Lock {
    fn hold(file: &Path, seconds: u32) -> Self {
        let script = "import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
time.sleep(int(sys.argv[2]))";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(file)
            .arg(seconds.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
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

#[test]
fn a_locked_database_is_waited_for_and_then_tried_again_later() {
    let place = Place::new("locked");
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    store.submitted("env1", "m1@x", &["a@x.example"]);
    let report = |action| with_envid("env1").of("a@x.example", action, "2.0.0").mail();
    let lock = Lock::hold(&store.0, 2);
    store.deliver(&report("delayed")).exits(0);
    assert_eq!(store.states("env1"), ["a@x.example delayed 1"]);
    drop(lock);
    let lock = Lock::hold(&store.0, 60);
    let (mail, begun) = (report("delivered"), Instant::now());
    store.deliver(&mail).exits(75).complains("locked");
    let waited = begun.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(30)).contains(&waited), "{waited:?}");
    drop(lock);
    store.deliver(&mail).exits(0);
    assert_eq!(store.states("env1"), ["a@x.example delivered 1"]);
    assert_eq!(store.number("SELECT COUNT(*) FROM event"), 2);
}

/// Each round delivers a report, kills the process at a random moment and repeats until the report is stored.
fn killed(store: &dyn Store, rounds: u32) {
    store.submitted("env1", "m1@x", &["a@x.example"]);
    let report =
        || with_envid("env1").of("a@x.example", "delayed", "4.0.0").of("b@x.example", "failed", "5.0.0").mail();
    let begun = Instant::now();
    store.deliver(&report()).exits(0);
    let whole = begun.elapsed().as_micros() as u64;
    let mut stopped = 0;
    for _ in 0..rounds {
        let mail = report();
        let mut child = start(&mut store.agent(), &mail);
        std::thread::sleep(Duration::from_micros(random(whole + whole / 4)));
        let _ = child.kill();
        stopped += u32::from(!child.wait().expect("a child").success());
        store.deliver(&mail).exits(0);
    }
    eprintln!("{stopped} of {rounds} stopped");
    assert!(stopped > rounds / 10, "{stopped} of {rounds} were stopped half way");
    let expected = u64::from(rounds) + 1;
    assert_eq!(store.number("SELECT COUNT(*) FROM report"), expected);
    assert_eq!(store.number("SELECT COUNT(*) FROM event"), 2 * expected);
    assert_eq!(store.states("env1"), ["a@x.example delayed 1", "b@x.example failed 1"]);
}

/// Sixteen processes at once, each with `each` reports: on one shared message, on messages of their own, and on unknown ones.
fn crowded(store: &dyn Store, each: usize) {
    store.submitted("common", "common@x", &["a@x.example"]);
    std::thread::scope(|scope| {
        for writer in 0..16 {
            scope.spawn(move || {
                for number in 0..each {
                    let own = format!("{writer}.{number}@x");
                    let mail = match number % 3 {
                        0 => with_envid("common").of("a@x.example", "delayed", "4.0.0").mail(),
                        1 => with_envid("common").of(&own, "delivered", "2.0.0").mail(),
                        _ => crate::report::with_message_id("nobody@x").of(&own, "failed", "5.0.0").mail(),
                    };
                    // What an MTA does after a 75.
                    let begun = Instant::now();
                    loop {
                        let ended = run(&mut store.agent(), &mail);
                        if ended.code == Some(0) {
                            break;
                        }
                        assert_eq!(ended.code, Some(75), "{}", ended.err);
                        assert!(begun.elapsed() < Duration::from_secs(60), "{}", ended.err);
                    }
                }
            });
        }
    });
    let all = 16 * each as u64;
    assert_eq!(store.number("SELECT COUNT(*) FROM report"), all);
    assert_eq!(store.number("SELECT COUNT(*) FROM event"), all);
    assert_eq!(store.number("SELECT COUNT(*) FROM message"), 2);
    assert!(store.states("common").contains(&"0.1@x delivered 1".to_owned()));
    assert!(store.states("common").contains(&"a@x.example delayed 1".to_owned()));
    let alone = all - store.number("SELECT COUNT(*) FROM event WHERE address = 'a@x.example'");
    assert_eq!(store.number("SELECT COUNT(*) FROM recipient WHERE address <> 'a@x.example'"), alone);
}

/// A delay and a delivery of one recipient at the same time, and the same report twice at the same time.
fn raced(store: &dyn Store, rounds: usize) {
    for round in 0..rounds {
        let envid = format!("race{round}");
        store.submitted(&envid, &format!("{envid}@x"), &["a@x.example"]);
        let mails: Vec<Vec<u8>> = ["delayed", "delivered", "relayed"]
            .iter()
            .map(|action| with_envid(&envid).of("a@x.example", action, "2.0.0").mail())
            .collect();
        std::thread::scope(|scope| {
            for mail in mails.iter().chain(&mails[..1]) {
                scope.spawn(|| store.deliver(mail).exits(0));
            }
        });
        assert_eq!(store.states(&envid), ["a@x.example delivered 1"]);
    }
    assert_eq!(store.number("SELECT COUNT(*) FROM event WHERE envid LIKE 'race%'"), 3 * rounds as u64);
}

#[test]
fn killed_at_any_moment_every_report_of_sqlite_is_stored_once() {
    let place = Place::new("killed");
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    killed(&store, 200);
    assert_eq!(store.sql("PRAGMA integrity_check"), [["ok"]]);
}

#[test]
fn sixteen_at_once_on_one_file_lose_nothing() {
    let place = Place::new("crowd");
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    crowded(&store, 24);
    raced(&store, 10);
    assert_eq!(store.sql("PRAGMA integrity_check"), [["ok"]]);
}

#[test]
fn postgres_stores_once_what_comes_at_once_or_is_killed() {
    let Some(cluster) = Cluster::start("endure-pg") else { return };
    let store = cluster.database("crowd");
    store.init();
    std::thread::scope(|scope| {
        scope.spawn(|| store.sql("BEGIN; LOCK TABLE report; SELECT pg_sleep(60)"));
        let held = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let deadline = Instant::now() + Duration::from_secs(20);
        while store.number(held) == 0 {
            assert!(Instant::now() < deadline, "the lock is not held");
        }
        let begun = Instant::now();
        store.deliver(&with_envid("env1").of("a@x.example", "delayed", "4.0.0").mail()).exits(75).complains("lock");
        assert!(begun.elapsed() < Duration::from_secs(30));
        store.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    });
    crowded(&store, 12);
    raced(&store, 30);
    let store = cluster.database("killed");
    store.init();
    killed(&store, 100);
}
