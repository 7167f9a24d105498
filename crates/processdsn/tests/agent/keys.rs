//! The keys of SendmailIdempotency in a database that several gateways share, by mod_sendmail's own functions; cases of `states`.

use crate::databases::{Store, now};
use apr::{Dbd, OwnPool};
use mailgate::claim::database::{Connect, Table};
use mailgate::claim::{Claim, Claims, KeyState, Outcome};
use mailgate::digest::Digest;
use mailgate::tags;
use sql::{Database, DatabaseError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A gateway with one connection per job.
#[derive(Clone)]
struct Gateway(Vec<String>);

impl Connect for Gateway {
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Database) -> Result<T, DatabaseError> + Send + 'static,
        _: impl FnOnce(&mut dyn Database) + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let pool = OwnPool::new();
        let mut database = Dbd::open(pool.borrow(), &self.0[1], &self.0[3])?;
        if self.0[1] == "sqlite3" {
            database.execute(c"PRAGMA busy_timeout=500")?;
        }
        work(&mut database)
    }
}

fn gateway(store: &dyn Store) -> Table<Gateway> {
    let connections = Gateway(store.connection());
    Table { connections, lifetime: Duration::from_secs(3600), timeout: Duration::from_secs(60) }
}

fn digest(text: &str) -> Digest {
    Digest::of(&[text.as_bytes()])
}

#[track_caller]
fn yours<'t>(gateway: &'t Table<Gateway>, key: &str) -> Claim<'t> {
    match gateway.claim(&digest(key), &digest("content")).expect("an answer") {
        KeyState::Yours(claim) => claim,
        other => panic!("not ours: {}", word(&other)),
    }
}

fn word(found: &KeyState<'_>) -> String {
    match found {
        KeyState::Ended(ended) => format!("{} {:?}", ended.message_id, ended.outcome),
        KeyState::OtherContent => "other".into(),
        KeyState::Running => "running".into(),
        KeyState::Yours(_) => "yours".into(),
    }
}

fn find(gateway: &Table<Gateway>, key: &str, content: &str) -> String {
    word(&gateway.claim(&digest(key), &digest(content)).expect("an answer"))
}

fn accepted() -> Outcome {
    Outcome::Accepted { status_url: Some("https://h/dsn/a%40b/".into()) }
}

pub fn a_key_is_used_by_one_gateway(store: &dyn Store) {
    let (one, other) = (gateway(store), gateway(store));
    let mut claim = yours(&one, "key");
    assert_eq!((find(&one, "key", "content"), find(&other, "key", "content")), ("running".into(), "running".into()));
    claim.hand_over("<a@b>").expect("written");
    assert_eq!(find(&other, "key", "content"), "running");
    claim.settle(&accepted()).expect("written");
    assert_eq!(find(&other, "key", "content"), format!("<a@b> {:?}", accepted()));
    assert_eq!(find(&other, "key", "changed"), "other");

    drop(yours(&one, "free"));
    let mut claim = yours(&other, "free");
    claim.hand_over("<a@b>").expect("written");
    claim.free().expect("written");
    drop(yours(&one, "free"));
    assert_eq!(store.number("SELECT COUNT(*) FROM idempotency"), 1);
}

pub fn a_dead_gateway_frees_what_it_had_not_handed_over(store: &dyn Store) {
    let (one, other) = (gateway(store), gateway(store));
    let mut slow = yours(&one, "slow");
    std::mem::forget(yours(&one, "dead")); // SIGKILL
    let mut begun = yours(&one, "begun");
    begun.hand_over("<a@b>").expect("written");
    std::mem::forget(begun);
    for key in ["slow", "dead", "begun"] {
        assert_eq!(find(&other, key, "content"), "running", "{key}");
    }
    store.sql(&format!("UPDATE idempotency SET lease = {}", now() - 1));
    assert_eq!(find(&other, "begun", "content"), format!("<a@b> {:?}", Outcome::Unknown(&tags::UNKNOWN)));
    drop(yours(&other, "dead"));
    let mut taken_over = yours(&other, "slow");
    let error = slow.hand_over("<late@b>").expect_err("its owner comes too late").to_string();
    assert!(error.contains("taken it over"), "{error}");
    drop(slow);
    taken_over.hand_over("<c@d>").expect("the late one has not taken the row away");
    taken_over.settle(&accepted()).expect("written");
    store.sql(&format!("UPDATE idempotency SET expires = {}", now() - 1));
    drop(yours(&one, "slow")); // its time is over
    drop(yours(&one, "begun"));
}

pub fn of_many_gateways_one_sends(store: &dyn Store) {
    for round in 0..5 {
        let (sent, key) = (AtomicUsize::new(0), format!("key {round}"));
        // A row whose owner died, found by all of them at once, and an unused key.
        if round % 2 == 0 {
            std::mem::forget(yours(&gateway(store), &key));
            store.sql(&format!("UPDATE idempotency SET lease = {}", now() - 1));
        }
        let connection = store.connection();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let connections = Gateway(connection.clone());
                    let gateway =
                        Table { connections, lifetime: Duration::from_secs(3600), timeout: Duration::from_secs(60) };
                    if let KeyState::Yours(mut claim) =
                        gateway.claim(&digest(&key), &digest("content")).expect("an answer")
                    {
                        claim.hand_over("<a@b>").expect("written");
                        sent.fetch_add(1, Ordering::SeqCst);
                        claim.settle(&accepted()).expect("written");
                    }
                });
            }
        });
        assert_eq!(sent.into_inner(), 1, "round {round}");
    }
}

pub fn rows_of_keys_go_when_their_time_is_over(store: &dyn Store) {
    for key in ["old", "young"] {
        let gateway = gateway(store);
        let mut claim = yours(&gateway, key);
        claim.hand_over("<a@b>").expect("written");
        claim.settle(&accepted()).expect("written");
    }
    store.sql(&format!("UPDATE idempotency SET expires = {} WHERE digest = '{}'", now() - 1, digest("old")));
    gateway(store).expire(now()).expect("written");
    assert_eq!(store.sql("SELECT digest FROM idempotency"), [[digest("young").to_string()]]);
}
