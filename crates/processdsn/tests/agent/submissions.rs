//! What mod_sendmail writes and mod_processdsn reads, by the same functions on real databases; cases of `states`.

use crate::agent;
use crate::databases::{Store, now};
use crate::overview::with_database;
use crate::report::{with_envid, with_message_id};
use apr::{Dbd, OwnPool};
use sql::Database;
use tracking::store::overview::{self, Filter, Scope};
use tracking::store::{self, Entered, Owner, State, Submitted, Tag, Viewer};

/// A message to `a@x.example`, to `b@x.example` as Bcc, and to the others.
fn submitted(envid: &str, message_id: &str, owner: Option<&Owner>, others: &[&str]) -> Submitted {
    let always = [("A@x.example", false), ("b@x.example", true)];
    let others = others.iter().map(|&address| (address, false));
    Submitted {
        envid: envid.into(),
        token: "t".into(),
        message_id: message_id.into(),
        owner: owner.cloned(),
        sender: None,
        recipients: always.into_iter().chain(others).map(|(address, hidden)| (address.into(), hidden)).collect(),
        suppressed: Default::default(),
        tags: Vec::new(),
        now: now(),
    }
}

pub fn the_same_message_is_entered_once(store: &dyn Store) {
    let connection = store.connection();
    let owners = [Owner::login(b"m\xfcller"), Owner::login(b"m\xf6ller"), Owner::login("m\u{fc}ller".as_bytes())];
    // At the same time, on separate connections, like requests in several children.
    let many = |message_id: &str, owner: Option<&Owner>, others: &[&str]| {
        std::thread::scope(|scope| {
            let submit = |number: usize| {
                let pool = OwnPool::new();
                let mut database = Dbd::open(pool.borrow(), &connection[1], &connection[3]).expect("a database");
                if connection[1] == "sqlite3" {
                    // One that waits keeps the others of this process from going on, so not for long.
                    database.execute(c"PRAGMA busy_timeout=10").expect("set");
                }
                let envid = format!("{message_id}{owner:?}{others:?}{number}");
                store::submit(&mut database, &submitted(&envid, message_id, owner, others)).expect("an answer")
            };
            let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || submit(number))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).filter(|e| *e == Entered::Now).count()
        })
    };
    assert_eq!(many("one@x", None, &[]), 1);
    for owner in &owners {
        assert_eq!(many("one@x", Some(owner), &[]), 1, "{owner:?}: another owner, another message");
    }
    assert_eq!(many("one@x", Some(&owners[0]), &["c@x.example"]), 1, "other recipients, another transaction");
    assert_eq!(many("two@x", Some(&owners[0]), &[]), 1);
    assert_eq!(many("two@x", Some(&owners[0]), &[]), 0);

    let pool = OwnPool::new();
    let mut database = Dbd::open(pool.borrow(), &connection[1], &connection[3]).expect("a database");
    let envid = store.sql("SELECT envid FROM message WHERE message_id = 'two@x'")[0][0].clone();
    store::take_back(&mut database, &envid).expect("taken back");
    assert_eq!(many("two@x", Some(&owners[0]), &[]), 1, "what was refused may be sent again");

    // Nobody else sees it, not even a login that would be equal if its encoding were guessed.
    for owner in &owners {
        let viewer = Viewer { user: Some(owner), owner_only: true };
        store::find(&mut database, "two@x", viewer, now())
            .map(|found| assert_eq!(found.is_some(), *owner == owners[0]))
            .expect("an answer");
    }
    // What is known only from reports belongs to nobody, not even to a login that looks like "nobody".
    store.deliver(&with_message_id("stranger@x").of("a@x.example", "failed", "5.0.0").mail()).exits(0);
    for (login, owner_only, seen) in
        [(&b"peter"[..], false, true), (b"peter", true, false), (b"?", true, false), (b"?3f", true, false)]
    {
        let owner = Owner::login(login);
        let viewer = Viewer { user: Some(&owner), owner_only };
        let found = store::find(&mut database, "stranger@x", viewer, now()).expect("an answer");
        assert_eq!(found.is_some(), seen, "{owner:?} {owner_only}");
    }
}

/// Turns the database into what version 2.0.0 left.
fn as_version_1(store: &dyn Store) {
    let tables = [
        "message",
        "recipient",
        "event",
        "report",
        "idempotency",
        "suppression",
        "webhook",
        "outbox",
        "processdsn_schema",
    ];
    store.sql(&tables.map(|table| format!("DROP TABLE {table}")).join("; "));
    let text = include_str!("../data/version-2.0.0.sql");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    store.sql(&lines.join("\n"));
}

pub fn an_older_database_keeps_all_its_rows(store: &dyn Store) {
    as_version_1(store);
    let tables = ["message", "recipient", "event", "report"];
    let count = || tables.map(|table| store.number(&format!("SELECT COUNT(*) FROM {table}")));
    let before = count();
    assert_eq!(before, [5, 7, 4, 2]);

    let connection = store.connection();
    let pool = OwnPool::new();
    let mut database = Dbd::open(pool.borrow(), &connection[1], &connection[3]).expect("a database");
    let error = store::submit(&mut database, &submitted("new", "new@x", None, &[])).expect_err("needs the new column");
    assert!(error.to_string().contains("processdsn --init"), "{error}");

    assert_eq!(agent::run(store.agent().arg("--init"), b"").exits(0).out, "version 1 -> 6\n");
    assert_eq!(agent::run(store.agent().arg("--init"), b"").exits(0).out, "version 6, nothing to do\n");
    assert_eq!(count(), before);
    let rows = store.sql(
        "SELECT address, owner, sender, domain, heard, state, position / 1073741824 FROM recipient ORDER BY position",
    );
    let rows: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        rows,
        [
            "\"a@b\"@y.example peter peter@x.example y.example 1795000099 delayed 1795000001",
            "e1@x.example peter peter@x.example x.example 1795000001 queued 1795000001",
            "e2@x.example NULL NULL x.example 1795000002 queued 1795000002",
            "root NULL NULL  1795000003 failed 1795000002",
            "e3@x.example m\u{fc}ller NULL x.example 1795000002 unknown 1795000002",
            "e4@x.example peter NULL x.example 1795000004 queued 1795000004",
            "a@z.example ? NULL z.example 1795000005 failed 1795000005",
        ]
    );
    let peter = Owner::login(b"peter");
    for (login, address) in
        [("peter", "\"a@b\"@y.example"), ("m\u{fc}ller", "e3@x.example"), ("somebody", "e2@x.example")]
    {
        let owner = Owner::login(login.as_bytes());
        let viewer = Viewer { user: Some(&owner), owner_only: true };
        let found = store::find(&mut database, "old@x", viewer, now()).expect("an answer").expect("a message");
        assert_eq!(found.recipients[0].address, address, "{login}");
    }
    assert_eq!(store::submit(&mut database, &submitted("new", "new@x", None, &[])), Ok(Entered::Now));
    // There was no claim then: owner and id must do.
    for (owner, message_id, known) in
        [(Some(&peter), "old@x", true), (None, "old@x", true), (Some(&peter), "new@x", false)]
    {
        let message = submitted("again", message_id, owner, &[]);
        assert_eq!(store::submitted_before(&mut database, &message), Ok(known), "{owner:?} {message_id}");
    }
}

pub fn what_mod_sendmail_writes_is_read_back(store: &dyn Store) {
    let connection = store.connection();
    let pool = OwnPool::new();
    let mut database = Dbd::open(pool.borrow(), &connection[1], &connection[3]).expect("a database");
    let (peter, nobody) = (Owner::login(b"peter"), Owner::login(b""));
    let submit = |database: &mut Dbd<'_>, envid, owner| store::submit(database, &submitted(envid, "m@x", owner, &[]));
    let before = |database: &mut Dbd<'_>, owner| {
        store::submitted_before(database, &submitted("new", "m@x", owner, &[])).expect("an answer")
    };
    assert!(!before(&mut database, None));
    assert_eq!(submit(&mut database, "e1", None), Ok(Entered::Now));
    assert_eq!(submit(&mut database, "e2", Some(&peter)), Ok(Entered::Now));
    assert!(
        before(&mut database, None) && before(&mut database, Some(&peter)) && !before(&mut database, Some(&nobody))
    );
    submit(&mut database, "e1", Some(&nobody)).expect_err("the envelope id is unique");
    assert!(before(&mut database, None), "the connection goes on after an error");

    let viewer = |user| Viewer { user, owner_only: true };
    let find = |database: &mut Dbd<'_>, user, at| {
        store::find(database, "m@x", viewer(user), at).expect("an answer").expect("a message")
    };
    let anonymous = find(&mut database, None, now());
    assert_eq!(anonymous.sender, None);
    let seen = |message: &store::Message| message.recipients.iter().map(|r| r.address.clone()).collect::<Vec<_>>();
    assert_eq!(seen(&anonymous), ["a@x.example"]);
    assert_eq!(seen(&find(&mut database, Some(&peter), now())), ["a@x.example", "b@x.example"]);
    assert_eq!(store::find(&mut database, "", viewer(None), now()), Ok(None));

    // A delay counts as a sign of life for five more days.
    store.sql(&format!("UPDATE recipient SET since = {}", now() - 6 * 86_400));
    assert_eq!(find(&mut database, None, now()).recipients[0].state, State::Unknown);
    store.deliver(&with_envid("e1").of("a@x.example", "delayed", "4.0.0").mail()).exits(0);
    store.sql(&format!("UPDATE recipient SET since = {}", now() - 6 * 86_400));
    let heard = find(&mut database, None, now());
    assert_eq!(heard.recipients[0].state, State::Delayed);
    assert_eq!((heard.recipients[0].events.len(), heard.recipients[0].events[0].diagnostic.clone()), (1, None));
    assert_eq!(find(&mut database, None, now() + 6 * 86_400).recipients[0].state, State::Unknown);

    store::mark_unknown(&mut database, "e2", now()).expect("marked");
    assert_eq!(store.states("e2"), ["a@x.example unknown 0", "b@x.example unknown 0"]);
    // The tables change under a connection with prepared statements.
    store.sql("CREATE TABLE other (a TEXT)");
    store::take_back(&mut database, "e1").expect("taken back");
    assert!(!before(&mut database, None));
    for table in ["message", "recipient", "event"] {
        assert_eq!(store.number(&format!("SELECT COUNT(*) FROM {table} WHERE envid = 'e1'")), 0, "{table}");
    }
}

/// Some tags, with what would end a statement, a string of JSON or a pattern.
const CALLED: [(&str, &str); 4] =
    [("category", "welcome"), ("plan", "a:b"), ("quote", "it's \"50%\" \\ off"), ("\u{fc}", "\u{1f600}")];

fn tagged(envid: &str, owner: Option<&Owner>) -> Submitted {
    let tag = |(name, value): (&str, &str)| Tag { name: name.into(), value: value.into() };
    Submitted { tags: CALLED.map(tag).into(), ..submitted(envid, &format!("{envid}@x"), owner, &[]) }
}

pub fn what_a_message_is_called_is_told_to_its_owner(store: &dyn Store) {
    let (peter, anna) = (Owner::login(b"peter"), Owner::login(b"anna"));
    with_database(store, |database| {
        for (envid, owner) in [("e1", Some(&peter)), ("e2", None)] {
            assert_eq!(store::submit(database, &tagged(envid, owner)).expect("an answer"), Entered::Now);
        }
        let mut shown = |message_id: &str, user: Option<&Owner>| {
            let viewer = Viewer { user, owner_only: false };
            let message = store::find(database, message_id, viewer, now()).expect("an answer").expect("a message");
            message.tags.into_iter().map(|tag| (tag.name, tag.value)).collect::<Vec<_>>()
        };
        let all = CALLED.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(shown("e1@x", Some(&peter)), all);
        // Each recipient knows the id, and so may know the URL.
        for (message_id, user) in [("e1@x", Some(&anna)), ("e1@x", None), ("e2@x", None), ("e2@x", Some(&peter))] {
            assert_eq!(shown(message_id, user), [], "{message_id} {user:?}");
        }
    });
    // Who wants to know or to be forgotten gets or takes them too.
    let export = |address: &str| agent::run(store.agent().args(["--export", address]), b"").exits(0).out;
    assert_eq!(export("a@x.example").matches("welcome").count(), 2);
    agent::run(store.agent().args(["--forget", "a@x.example"]), b"").exits(0);
    assert!(!export("b@x.example").contains("welcome"));
}

pub fn messages_are_found_by_what_they_are_called(store: &dyn Store) {
    with_database(store, |database| {
        let owner = Owner::login(b"peter");
        let enter = |database: &mut Dbd<'_>, message: &Submitted| {
            assert_eq!(store::submit(database, message).expect("an answer"), Entered::Now)
        };
        enter(database, &tagged("e1", Some(&owner)));
        enter(database, &submitted("e2", "e2@x", Some(&owner), &[]));
        for (tag, found) in [
            ("welcome", true),
            ("category:welcome", true),
            ("a:b", true),
            ("plan:a:b", true),
            ("it's \"50%\" \\ off", true),
            ("\u{1f600}", true),
            ("\u{fc}:\u{1f600}", true),
            ("WELCOME", false),
            ("welcom", false),
            ("category", false),
            ("plan:welcome", false),
            ("%", false),
        ] {
            let tag = Some(tag.to_owned());
            for recipient in [None, Some("a@".to_owned())] {
                let filter = Filter { tag: tag.clone(), recipient, limit: 9, ..Filter::default() };
                for scope in [Scope::Own(owner.clone()), Scope::All(Some(owner.clone()))] {
                    let page = overview::list(database, &scope, &filter, now()).expect("a page");
                    let all_of_it = page.lines.iter().all(|line| line.message_id == "e1@x");
                    assert!(all_of_it && page.lines.is_empty() != found, "{filter:?} {scope:?} {page:?}");
                }
            }
        }
    });
}
