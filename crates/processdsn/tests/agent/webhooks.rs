//! Webhooks: what is told, to whom, and what becomes of an event whatever its receiver does. Each on SQLite and on PostgreSQL.

use crate::agent;
use crate::databases::{Cluster, Sqlite, Store, now};
use crate::overview::{submit, with_database};
use crate::place::Place;
use crate::receiver::{Event, Reaction, Receiver, SECRET, TAKEN, add, hurry, secret_file, send, sender};
use crate::report::{with_envid, with_message_id};
use crate::suppression::feedback;
use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracking::store::{self, Entered, Owner, Submitted, Tag};

/// Runs it with a new database of each kind.
fn on_both(name: &str, test: impl Fn(&dyn Store, &Place)) {
    let place = Place::new(&format!("hooks-{name}"));
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    test(&store, &place);
    let Some(cluster) = Cluster::start(&format!("hooks-{name}-pg")) else { return };
    let store = cluster.database("hooks");
    store.init();
    test(&store, &place);
}

/// A message with envelope id `e` and recipient `a@x.example`, and a report on it.
fn failed(store: &dyn Store, envid: &str) {
    store.submitted(envid, &format!("{envid}@h.example"), &["a@x.example"]);
    store.deliver(&with_envid(envid).of("a@x.example", "failed", "5.1.1").mail()).exits(0);
}

fn types(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.json()["type"].as_str().expect("a type").to_owned()).collect()
}

#[test]
fn a_hook_is_added_listed_disabled_and_removed_and_a_mistake_is_refused() {
    on_both("command", |store, place| {
        let secret = secret_file(place, SECRET);
        let command = |words: &[&str]| agent::run(store.agent().args(words), b"");
        let secret = secret.to_str().expect("UTF-8");
        let good = ["--webhook", "add", "https://app.example.org/hooks", "--secret", secret];
        let id = command(&[&good[..], &["--events", "bounced,delivered", "--owner", "peter"]].concat()).exits(0).out;
        let id = id.split(' ').next().expect("an id");
        let listed = command(&["--webhook", "list"]).exits(0).out;
        for part in [id, good[2], "state: on", "events: email.bounced email.delivered", "owner: peter", "internal: no"]
        {
            assert!(listed.contains(part), "{part}: {listed}");
        }
        assert!(
            !listed.contains(SECRET)
                && store.number("SELECT COUNT(*) FROM webhook WHERE secret_file LIKE '%whsec%'") == 0
        );
        command(&["--webhook", "disable", id]).exits(0);
        assert!(command(&["--webhook", "list"]).out.contains("state: off"));
        command(&["--webhook", "enable", id]).exits(0);
        assert!(command(&["--webhook", "list"]).out.contains("state: on"));
        for (words, complaint) in [
            (vec!["--webhook", "enable", "wh_none"], "--webhook list"),
            (vec!["--webhook", "remove", "wh_none"], "--webhook list"),
            (vec!["--webhook", "retry", "wh_none"], "--webhook list"),
            (vec!["--webhook", "add", good[2]], "--secret"),
            (vec!["--webhook", "add", "http://app.example.org/", "--secret", secret], "--internal"),
            (vec!["--webhook", "add", good[2], "--secret", "/nonexistent"], "/nonexistent"),
            (vec!["--webhook", "add", good[2], "--secret", secret, "--events", "opened"], "email.delivery_delayed"),
        ] {
            command(&words).exits(64).complains(complaint);
        }
        fs::set_permissions(secret, fs::Permissions::from_mode(0o644)).expect("own file");
        command(&good).exits(64).complains("chmod");
        fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).expect("own file");
        fs::write(secret, "not a secret\n").expect("written");
        command(&good).exits(64).complains("openssl rand");
        assert_eq!(store.number("SELECT COUNT(*) FROM webhook"), 1);
        command(&["--webhook", "remove", id]).exits(0);
        assert_eq!(command(&["--webhook", "list"]).exits(0).out, "");
    });
}

#[test]
fn each_change_of_state_is_told_once_to_those_who_want_it() {
    on_both("changes", |store, place| {
        let receivers: Vec<Receiver> = (0..5).map(|_| Receiver::taking()).collect();
        let hooks: [&[&str]; 5] = [
            &["--internal"],
            &["--internal", "--events", "email.bounced"],
            &["--internal", "--owner", "somebody else"],
            &["--internal", "--unverified"],
            &["--internal", "--owner", "peter"],
        ];
        for (receiver, options) in receivers.iter().zip(hooks) {
            add(store, place, &receiver.url(), options);
        }
        store.submitted("env1", "m1@h.example", &["a@x.example", "[b@x.example"]);
        let mail = with_envid("env1").of("a@x.example", "delayed", "4.4.1").mail();
        for mail in [
            &mail,
            &mail,                                                            // known already
            &with_envid("env1").of("a@x.example", "delayed", "4.4.1").mail(), // changes nothing
            &with_envid("env1").of("a@x.example", "failed", "5.1.1").of("b@x.example", "delivered", "2.0.0").mail(),
            &with_envid("env1").of("a@x.example", "delayed", "4.4.1").mail(), // comes too late
            // Nothing vouches for these two; the second is about a message that nobody submitted.
            &with_message_id("m1@h.example").of("c@x.example", "failed", "5.1.1").mail(),
            &with_message_id("unknown@h.example").of("a@x.example", "failed", "5.1.1").mail(),
        ] {
            store.deliver(mail).exits(0);
        }
        send(store).exits(0);
        let all: Vec<Vec<String>> = receivers
            .iter()
            .map(|receiver| {
                let mut types = types(&receiver.events());
                types.sort();
                types
            })
            .collect();
        let three = ["email.bounced", "email.delivered", "email.delivery_delayed"];
        assert_eq!(all[0], three);
        assert_eq!(all[1], ["email.bounced"]);
        assert_eq!(all[2], [""; 0]);
        assert_eq!(all[3], ["email.bounced", "email.bounced", "email.delivered", "email.delivery_delayed"]);
        assert_eq!(all[4], three);
        assert_eq!(store.number("SELECT COUNT(*) FROM outbox"), 0);
        let events = receivers[0].events();
        let bounced = events.iter().find(|event| event.json()["type"] == "email.bounced").expect("told").json();
        let data = &bounced["data"];
        assert_eq!((&data["email_id"], &data["message_id"]), (&"m1".into(), &"<m1@h.example>".into()));
        assert_eq!((&data["to"][0], &data["verified"]), (&"a@x.example".into(), &true.into()));
        assert_eq!((&data["bounce"]["type"], &data["state"]), (&"Permanent".into(), &"failed".into()));
        let ids = |receiver: &Receiver| {
            receiver.events().iter().map(|event| event.field("webhook-id")).collect::<BTreeSet<_>>()
        };
        assert_eq!(ids(&receivers[0]).len(), 3, "each event has an id of its own");
        assert_eq!(ids(&receivers[0]), ids(&receivers[4]), "an event has one id");
    });
}

#[test]
fn complaints_and_suppressed_recipients_are_told_and_forgotten_with_their_address() {
    on_both("complaints", |store, place| {
        let receiver = Receiver::taking();
        add(store, place, &receiver.url(), &["--internal"]);
        with_database(store, |database| {
            submit(database, "e1", "peter", 60, &["a@x.example"]);
            let complaint = feedback("abuse", &format!("{:0>32}", "e1"), None, None, 1);
            store.deliver(&complaint).exits(0);
            store.deliver(&complaint).exits(0); // known already
            let message = Submitted {
                envid: "e2".into(),
                token: "t".into(),
                message_id: "e2@x".into(),
                owner: Some(Owner::login(b"peter")),
                sender: Some("peter@sender.example".into()),
                recipients: [("b@x.example".to_owned(), false)].into(),
                suppressed: [("A@x.example".to_owned(), false)].into(),
                tags: vec![Tag { name: "plan".into(), value: "pro".into() }],
                now: now(),
            };
            assert_eq!(store::submit(database, &message).expect("an answer"), Entered::Now);
            send(store).exits(0);
            let told = |event: &Event| {
                let event = event.json();
                format!("{} {} {}", event["type"], event["data"]["to"][0], event["data"]["tags"])
            };
            let mut told: Vec<String> = receiver.events().iter().map(told).collect();
            told.sort();
            let one = |kind: &str, tags: &str| format!("\"email.{kind}\" \"a@x.example\" {tags}");
            assert_eq!(told, [one("complained", "{}"), one("suppressed", "{\"plan\":\"pro\"}")]);
            // Nobody is told of a message that was refused, nor of an address that is forgotten.
            let enter = |envid: &str, address: &str, database: &mut apr::Dbd<'_>| {
                let suppressed = [(address.to_owned(), false)].into();
                let message_id = format!("{envid}@x");
                let message = Submitted { envid: envid.into(), message_id, suppressed, ..message.clone() };
                assert_eq!(store::submit(database, &message).expect("an answer"), Entered::Now);
            };
            enter("e3", "c@x.example", database);
            store::take_back(database, "e3").expect("taken back");
            enter("e4", "d@x.example", database);
            enter("e5", "e@x.example", database);
            assert_eq!(store.sql("SELECT envid FROM outbox ORDER BY envid"), [["e4"], ["e5"]]);
            let kept = agent::run(store.agent().args(["--export", "d@x.example"]), b"").exits(0).out;
            assert!(kept.contains("email.suppressed"), "{kept}");
            agent::run(store.agent().args(["--forget", "d@x.example"]), b"").exits(0);
            assert_eq!(store.sql("SELECT envid FROM outbox"), [["e5"]]);
            agent::run(store.agent().args(["--forget", "peter@sender.example"]), b"").exits(0);
            assert_eq!(store.number("SELECT COUNT(*) FROM outbox"), 0);
        });
    });
}

type Misbehaviour = (&'static str, fn() -> Reaction, &'static str, RangeInclusive<i64>, bool);

#[test]
fn whatever_a_receiver_does_the_event_is_neither_lost_nor_sent_without_end() {
    const MOVED: &str = "HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const BROKEN: &str = "HTTP/1.1 500 Broken\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops";
    const BUSY: &str = "HTTP/1.1 429 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const GONE: &str = "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const TAKEN_204: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    on_both("receivers", |store, place| {
        // What it does, what is said, seconds until the next attempt, whether it is still told.
        let cases: [Misbehaviour; 7] = [
            ("taken", || Reaction::Answer(TAKEN_204), "", 0..=0, true),
            ("moved", || Reaction::Answer(MOVED), "307", 3..=6, true),
            ("broken", || Reaction::Answer(BROKEN), "500 Internal Server Error: oops", 3..=6, true),
            ("busy", || Reaction::Answer(BUSY), "429", 3590..=3600, true),
            ("gone", || Reaction::Answer(GONE), "410", -2..=0, false),
            ("large", || Reaction::Endless, "500 Internal Server Error: xxx", 3..=6, true),
            ("hangs", || Reaction::Hang, "timeout", 3..=6, true),
        ];
        for (name, react, complaint, wait, enabled) in cases {
            let receiver = Receiver::start(move |number| if number == 0 { react() } else { Reaction::Answer(TAKEN) });
            let id = add(store, place, &receiver.url(), &["--internal"]);
            failed(store, name);
            let (begun, since) = (Instant::now(), now());
            let ended = send(store).exits(0).complains(complaint);
            assert!(begun.elapsed() < Duration::from_secs(14), "{name}: {:?}", begun.elapsed());
            assert_eq!(receiver.events().len(), 1, "{name}: {}", ended.err);
            assert!(receiver.written.load(Ordering::SeqCst) < 16 << 20, "{name}");
            let waits = store.sql("SELECT due, attempts, dead FROM outbox");
            assert_eq!(waits.len(), usize::from(!complaint.is_empty()), "{name}");
            if let Some(row) = waits.first() {
                let due: i64 = row[0].parse().expect("a number");
                assert!(due - now() <= *wait.end() && due - since >= *wait.start(), "{name}: {due} of {since}");
                assert_eq!((row[1].as_str(), row[2].as_str()), ("1", "0"), "{name}");
            }
            assert_eq!(store.number("SELECT enabled FROM webhook"), u64::from(enabled), "{name}");
            // And the next time it is taken, with the same id, at another time.
            if !enabled {
                assert_eq!(send(store).exits(0).out, "0 taken, 0 not\n", "{name}");
                agent::run(store.agent().args(["--webhook", "enable", &id]), b"").exits(0);
            }
            hurry(store);
            send(store).exits(0);
            let events = receiver.events();
            assert_eq!(store.number("SELECT COUNT(*) FROM outbox"), 0, "{name}");
            if !complaint.is_empty() {
                assert_eq!(events.len(), 2, "{name}");
                assert_eq!(events[0].field("webhook-id"), events[1].field("webhook-id"), "{name}");
                assert_eq!(events[0].body, events[1].body, "{name}");
            }
            agent::run(store.agent().args(["--webhook", "remove", &id]), b"").exits(0);
        }
    });
}

#[test]
fn an_event_is_given_up_after_five_days_and_sent_once_more_when_asked_for() {
    on_both("dead", |store, place| {
        let receiver = Receiver::start(|number| match number {
            0 => Reaction::Answer("HTTP/1.1 500 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            _ => Reaction::Answer(TAKEN),
        });
        let id = add(store, place, &receiver.url(), &["--internal"]);
        failed(store, "env1");
        let lifetime = store.number("SELECT expires - created FROM outbox");
        assert_eq!(lifetime, 5 * 24 * 60 * 60);
        store.sql("UPDATE outbox SET expires = 1");
        send(store).exits(0).complains("given up");
        assert_eq!(store.sql("SELECT dead FROM outbox"), [["1"]]);
        hurry(store);
        assert_eq!(send(store).exits(0).out, "0 taken, 0 not\n");
        let listed = agent::run(store.agent().args(["--webhook", "list"]), b"").exits(0).out;
        assert!(listed.contains("given up: 1") && listed.contains("500"), "{listed}");
        agent::run(store.agent().args(["--webhook", "retry", &id]), b"").exits(0);
        assert_eq!(send(store).exits(0).out, "1 taken, 0 not\n");
        // What is old is forgotten with the messages, what was given up after a week.
        failed(store, "env2");
        failed(store, "env3");
        store.sql("UPDATE outbox SET created = 1 WHERE envid = 'env2'");
        agent::run(store.agent().args(["--expire", "30d"]), b"").exits(0);
        assert_eq!(store.sql("SELECT envid FROM outbox"), [["env3"]]);
    });
}

#[test]
fn a_hook_without_its_secret_waits_and_holds_no_other_up() {
    on_both("secret", |store, place| {
        let (first, second) = (Receiver::taking(), Receiver::taking());
        add(store, place, &first.url(), &["--internal"]);
        fs::rename(place.file("secret"), place.file("gone")).expect("moved");
        store.sql(&format!("UPDATE webhook SET secret_file = '{}'", place.file("gone").display()));
        add(store, place, &second.url(), &["--internal"]);
        fs::remove_file(place.file("gone")).expect("removed");
        failed(store, "env1");
        failed(store, "env2");
        send(store).exits(0).complains("No such file");
        assert_eq!((first.connections(), second.events().len()), (0, 2));
        assert_eq!(store.sql("SELECT DISTINCT attempts FROM outbox"), [["0"]], "what was not tried was no attempt");
        secret_file(place, SECRET);
        fs::rename(place.file("secret"), place.file("gone")).expect("moved");
        hurry(store);
        send(store).exits(0);
        assert_eq!(first.events().len(), 2);
    });
}

/// Events are sent by runners that are killed at any moment; at the end each was sent at least once.
fn killed(store: &dyn Store, place: &Place, rounds: usize) {
    let receiver = Receiver::taking();
    add(store, place, &receiver.url(), &["--internal"]);
    let events = rounds * 2;
    let (mut stopped, mut written) = (0, 0);
    for round in 0..rounds {
        for _ in 0..2 {
            failed(store, &format!("env{written}"));
            written += 1;
        }
        let mut runner = sender(store).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        std::thread::sleep(Duration::from_micros(crate::place::random(60_000)));
        let _ = runner.kill();
        stopped += u32::from(!runner.wait().expect("a child").success());
        if round % 5 == 0 {
            hurry(store);
        }
    }
    assert!(stopped as usize > rounds / 10, "{stopped} of {rounds} were stopped half way");
    let deadline = Instant::now() + Duration::from_secs(60);
    while store.number("SELECT COUNT(*) FROM outbox") > 0 {
        assert!(Instant::now() < deadline, "events are left");
        hurry(store);
        send(store).exits(0);
    }
    let ids: BTreeSet<String> = receiver.events().iter().map(|event| event.field("webhook-id")).collect();
    assert_eq!(ids.len(), events);
    eprintln!("{stopped} of {rounds} stopped, {} sent for {events}", receiver.events().len());
}

#[test]
fn no_event_is_lost_when_runners_are_killed() {
    let rounds = if std::env::var_os("MOD_SENDMAIL_LONG").is_some() { 200 } else { 30 };
    on_both("killed", |store, place| killed(store, place, rounds));
}

#[test]
fn a_state_and_its_event_are_stored_together_or_not_at_all() {
    on_both("together", |store, place| {
        add(store, place, "https://app.example.org/hooks", &[]);
        store.submitted("first", "first@h.example", &["a@x.example"]);
        let begun = Instant::now();
        store.deliver(&with_envid("first").of("a@x.example", "failed", "5.1.1").mail()).exits(0);
        let whole = begun.elapsed().as_micros() as u64;
        let (rounds, mut stopped) = (40, 0);
        for round in 0..rounds {
            let envid = format!("env{round}");
            store.submitted(&envid, &format!("{envid}@h.example"), &["a@x.example"]);
            let mail = with_envid(&envid).of("a@x.example", "failed", "5.1.1").mail();
            let mut child = agent::start(&mut store.agent(), &mail);
            std::thread::sleep(Duration::from_micros(crate::place::random(whole)));
            let _ = child.kill();
            stopped += u32::from(!child.wait().expect("a child").success());
        }
        assert!(stopped > 4, "{stopped} of {rounds} were stopped half way");
        let told = store.sql("SELECT envid FROM outbox ORDER BY envid");
        assert_eq!(store.sql("SELECT envid FROM recipient WHERE state = 'failed' ORDER BY envid"), told);
    });
}

#[test]
fn several_runners_never_send_one_event_at_the_same_time() {
    on_both("runners", |store, place| {
        let receiver = Receiver::start(|_| {
            std::thread::sleep(Duration::from_millis(20));
            Reaction::Answer(TAKEN)
        });
        add(store, place, &receiver.url(), &["--internal"]);
        for number in 0..40 {
            failed(store, &format!("env{number}"));
        }
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| send(store).exits(0));
            }
        });
        let events = receiver.events();
        let ids: BTreeSet<String> = events.iter().map(|event| event.field("webhook-id")).collect();
        assert_eq!((events.len(), ids.len()), (40, 40), "each once");
        assert_eq!(store.number("SELECT COUNT(*) FROM outbox"), 0);
    });
}

#[test]
fn an_event_waits_for_a_database_that_went_away_and_the_runner_waits_too() {
    let place = Place::new("hooks-away");
    let Some(mut cluster) = Cluster::start("hooks-away-pg") else { return };
    let receiver = Receiver::start(|_| {
        std::thread::sleep(Duration::from_millis(1500));
        Reaction::Answer(TAKEN)
    });
    let connection = {
        let store = cluster.database("hooks");
        store.init();
        add(&store, &place, &receiver.url(), &["--internal"]);
        failed(&store, "env1");
        store.connection()
    };
    let mut runner = std::process::Command::new(crate::receiver::deliverer());
    let mut runner = runner.args(&connection).args(["--every", "1s"]).stderr(Stdio::null()).spawn().expect("started");
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(40);
        while !done() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until("the event is being sent", &|| receiver.connections() == 1);
    // It was sent, and that cannot be written down.
    cluster.down();
    until("the event was sent", &|| receiver.events().len() == 1);
    std::thread::sleep(Duration::from_millis(2500));
    assert!(runner.try_wait().expect("a child").is_none(), "the runner goes on");
    cluster.up();
    let store = crate::databases::Postgres { cluster: &cluster, name: "hooks" };
    hurry(&store);
    until("it is sent again", &|| receiver.events().len() == 2);
    until("and done", &|| store.number("SELECT COUNT(*) FROM outbox") == 0);
    let _ = runner.kill();
    let _ = runner.wait();
    let events = receiver.events();
    assert_eq!(events[0].field("webhook-id"), events[1].field("webhook-id"));
}
