//! Several gateways with one database: a key sends once, whichever of them is asked.

use super::{SECONDS, is_replayed, keyed};
use crate::support::postgres::Postgres;
use crate::support::process::signal;
use crate::support::{Behaviour, Httpd, Request, Sendmail, eventually};
use rustix::process::Signal;
use std::sync::Mutex;
use std::time::Duration;

fn gateway(driver: &str, params: &str, sendmail: &Sendmail, more: &str) -> Httpd {
    let httpd = Httpd::builder()
        .modules(&["dbd"])
        .config(&format!("DBDriver {driver}\nDBDParams \"{params}\""))
        .mail(sendmail, &format!("SendmailIdempotency dbd 1d\n{more}"))
        .start();
    httpd.allow_log("[dbd:"); // mod_dbd's own messages
    httpd
}

/// Many requests with one key at both gateways, then one at each of them again.
fn one_key(gateways: &[Httpd; 2], sendmail: &Sendmail) {
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..10 {
            let (gateway, answers) = (&gateways[client % 2], &answers);
            scope.spawn(move || {
                let answer = keyed("crowd", "a").send(gateway);
                answers.lock().unwrap().push((answer.status, is_replayed(&answer)));
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    assert_eq!(answers.iter().filter(|answer| **answer == (202, false)).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer, (202, _) | (409, false))), "{answers:?}");
    let ids: Vec<String> = gateways
        .iter()
        .map(|gateway| {
            let again = keyed("crowd", "a").send(gateway).expect_status(202);
            assert!(is_replayed(&again));
            assert_eq!(again.header("Idempotency-Key-Lifetime"), Some("86400"));
            keyed("crowd", "b").send(gateway).expect_status(422);
            gateway.allow_log("SM0110");
            gateway.expect_log("SM0111");
            again.message_id().to_owned()
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(sendmail.commits(), 1);
}

#[test]
fn two_gateways_on_one_postgresql_send_a_key_once_and_a_dead_one_leaves_unknown() {
    let Some(postgres) = Postgres::start() else { return };
    let slow = Behaviour::new().reads_all().sleeps(Duration::from_millis(200));
    let sendmail = Sendmail::behaving(&slow);
    let gateways = [(); 2].map(|()| gateway("pgsql", &postgres.params(), &sendmail, ""));
    one_key(&gateways, &sendmail);

    // One of them dies while its program runs. Nobody takes the key over before its lease expires, and then nobody sends.
    sendmail.behave(&Behaviour::new().reads_all().sleeps(Duration::from_millis(1500)));
    std::thread::scope(|scope| {
        let lost = scope.spawn(|| keyed("lost", "a").try_send(&gateways[0]));
        eventually("the program runs", SECONDS, || (sendmail.starts() == 2).then_some(()));
        gateways[0].children().into_iter().for_each(|child| signal(child, Signal::KILL));
        assert!(lost.join().expect("a thread of this test").is_err());
    });
    keyed("lost", "a").send(&gateways[1]).expect_status(409);
    postgres.sql("UPDATE idempotency SET lease = 1 WHERE step = 'begun'");
    for _ in 0..2 {
        let answer = keyed("lost", "a").send(&gateways[1]).expect_status(502);
        assert!(is_replayed(&answer) && answer.header("X-Message-ID").is_some());
    }
    assert_eq!(sendmail.starts(), 2);
    gateways[1].expect_log("SM0407");
    gateways[0].allow_log("AH00052");

    // Without the database a key cannot be stored, and nothing is sent for it.
    drop(postgres);
    let answer = keyed("down", "a").send(&gateways[1]).expect_status(503);
    assert!(answer.header("Retry-After").is_some() && !answer.text().contains("dbname"), "{}", answer.text());
    sendmail.behave(&Behaviour::new());
    Request::mail("/mail").send(&gateways[1]).expect_status(202);
    gateways[1].expect_log("SM0305");
}

#[test]
fn on_sqlite_it_is_the_same_and_without_its_table_nothing_is_sent() {
    let database = crate::circle::Database::new();
    let slow = Behaviour::new().reads_all().sleeps(Duration::from_millis(200));
    let sendmail = Sendmail::behaving(&slow);
    let params = database.file().display().to_string();
    let gateways = [(); 2].map(|()| gateway("sqlite3", &params, &sendmail, ""));
    one_key(&gateways, &sendmail);
    database.run_sql("DROP TABLE idempotency");
    keyed("none", "a").send(&gateways[0]).expect_status(503);
    gateways[0].expect_log("processdsn --init");
    assert_eq!(sendmail.commits(), 1);
}
