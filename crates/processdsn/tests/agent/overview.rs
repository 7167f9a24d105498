//! The list of messages, read by the same functions as in mod_processdsn; cases of `states`.

use crate::databases::{Store, now};
use crate::report::with_envid;
use apr::{Dbd, OwnPool};
use sql::{Database, Dialect};
use std::collections::BTreeSet;
use tracking::store::overview::{self, Filter, List, Scope};
use tracking::store::{self, Entered, Owner, State, Submitted};

const DAY: i64 = 86_400;

/// Submits a message of `owner`, sent `ago` seconds ago; an address in brackets is from Bcc.
pub fn submit(database: &mut Dbd<'_>, envid: &str, owner: &str, ago: i64, recipients: &[&str]) {
    let recipients = recipients.iter().map(|address| match address.strip_prefix('[') {
        Some(address) => (address.trim_end_matches(']').to_owned(), true),
        None => ((*address).to_owned(), false),
    });
    let message = Submitted {
        envid: envid.into(),
        token: format!("{envid:0>32}"),
        message_id: format!("{envid}@x"),
        owner: Some(Owner::login(owner.as_bytes())),
        sender: Some(format!("{owner}@Sender.example")),
        recipients: recipients.collect(),
        suppressed: Default::default(),
        tags: Vec::new(),
        now: now() - ago,
    };
    let _ = store::submit(database, &message).expect("entered");
}

pub fn with_database<T>(store: &dyn Store, work: impl FnOnce(&mut Dbd<'_>) -> T) -> T {
    let (connection, pool) = (store.connection(), OwnPool::new());
    let mut database = Dbd::open(pool.borrow(), &connection[1], &connection[3]).expect("a database");
    work(&mut database)
}

fn own(owner: &str) -> Scope {
    Scope::Own(Owner::login(owner.as_bytes()))
}

fn filter() -> Filter {
    Filter { limit: 50, ..Filter::default() }
}

fn list(database: &mut Dbd<'_>, scope: &Scope, filter: &Filter) -> List {
    overview::list(database, scope, filter, now()).expect("a page")
}

fn addresses(list: &List) -> Vec<String> {
    list.lines.iter().map(|line| line.address.clone()).collect()
}

pub fn every_owner_sees_a_page_of_his_own(store: &dyn Store) {
    with_database(store, |database| {
        submit(database, "e1", "peter", 9 * DAY, &["a@one.example", "[hidden@one.example]"]);
        submit(database, "e2", "anna", 3600, &["b@two.example"]);
        submit(database, "e3", "peter", 60, &["Ann@two.example", "anton@one.example"]);
        store.deliver(&with_envid("e3").of("ann@two.example", "failed", "5.1.1").mail()).exits(0);
        store.deliver(&with_envid("e3").of("anton@one.example", "delayed", "4.4.1").mail()).exits(0);
        let all = list(database, &own("peter"), &filter());
        assert_eq!(addresses(&all)[2..], ["hidden@one.example", "a@one.example"], "the newest first");
        let states: Vec<State> = all.lines.iter().map(|line| line.state).collect();
        assert_eq!(states[2..], [State::Unknown; 2], "silent for five days");
        assert_eq!(addresses(&list(database, &own("anna"), &filter())), ["b@two.example"]);
        assert_eq!(addresses(&list(database, &own("nobody"), &filter())), Vec::<String>::new());
        let everybody = addresses(&list(database, &Scope::All(None), &filter()));
        assert_eq!(everybody.len(), 4, "Bcc is for the owner alone: {everybody:?}");
        let peter = Scope::All(Some(Owner::login(b"peter")));
        assert_eq!(list(database, &peter, &filter()).lines.len(), 5);

        let peter = own("peter");
        let ask = |database: &mut Dbd<'_>, filter: Filter| addresses(&list(database, &peter, &filter));
        for (state, expected) in [
            (State::Failed, vec!["ann@two.example"]),
            (State::Delayed, vec!["anton@one.example"]),
            (State::Queued, vec![]),
            (State::Unknown, vec!["hidden@one.example", "a@one.example"]),
        ] {
            assert_eq!(ask(database, Filter { state: Some(state), ..filter() }), expected, "{state:?}");
        }
        assert_eq!(
            ask(database, Filter { recipient: Some("an".into()), ..filter() }),
            ["ann@two.example", "anton@one.example"]
        );
        assert_eq!(ask(database, Filter { recipient: Some("an%".into()), ..filter() }), Vec::<String>::new());
        let two = |state| Filter { domain: Some("two.example".into()), state, ..filter() };
        assert_eq!(ask(database, two(None)), ["ann@two.example"]);
        assert_eq!(ask(database, two(Some(State::Delayed))), Vec::<String>::new());
        let sender = |sender: &str| Filter { sender: Some(sender.into()), since: Some(now() - DAY), ..filter() };
        assert_eq!(ask(database, sender("peter@sender.example")).len(), 2, "in lower case, and of the last day");
        assert_eq!(ask(database, sender("anna@sender.example")), Vec::<String>::new());
        let failed = list(database, &peter, &two(Some(State::Failed)));
        let line = &failed.lines[0];
        assert_eq!((line.message_id.as_str(), line.verified), ("e3@x", true));
        assert_eq!(line.reason.map(|reason| reason.as_str()), Some("userunknown"));
    });
}

/// In a transaction that was begun or with whatever the database does at once.
pub fn a_message_is_entered_the_same_in_either_way(store: &dyn Store) {
    with_database(store, |database| {
        let recipients: Vec<(String, bool)> =
            [("Ann@One.example", false), ("\"a@b, {c}\"@two.example", true), ("root", false), ("root2", true)]
                .map(|(address, hidden)| (address.to_owned(), hidden))
                .into();
        for (round, some) in [&recipients[..], &recipients[1..2], &recipients[2..3]].into_iter().enumerate() {
            let message = |way: &str| Submitted {
                envid: "the same".into(),
                token: "t".into(),
                message_id: format!("{round}@x"),
                owner: (round != 1).then(|| Owner::login(b"o'Neil")),
                sender: (round != 2).then(|| format!("{way}@Sender.example")),
                recipients: some.iter().cloned().collect(),
                suppressed: Default::default(),
                tags: (round != 0)
                    .then(|| store::Tag { name: "kind".into(), value: "\u{fc} \"x\"".into() })
                    .into_iter()
                    .collect(),
                now: now(),
            };
            let mut rows = Vec::new();
            let now = now();
            for begins in [true, false] {
                let message = Submitted { now, ..message("s") };
                let enter = |database: &mut Dbd<'_>| match begins {
                    true => store::submit(database, &message),
                    false => sql::transaction(database, |database| store::enter(database, &message)),
                };
                assert_eq!(enter(database), Ok(Entered::Now), "{some:?}");
                let once = (store.sql("SELECT * FROM message"), store.sql("SELECT * FROM recipient ORDER BY position"));
                assert_eq!(enter(database), Ok(Entered::Before), "{some:?}");
                assert_eq!(once.1.len(), some.len());
                assert_eq!(once.1, store.sql("SELECT * FROM recipient ORDER BY position"));
                store::take_back(database, "the same").expect("taken back");
                rows.push(once);
            }
            assert_eq!(rows[0], rows[1]);
        }
    });
}

pub fn pages_part_nothing_and_repeat_nothing(store: &dyn Store) {
    with_database(store, |database| {
        let names: Vec<String> = (0..40).map(|number| format!("u{number:02}@x.example")).collect();
        for message in 0..5 {
            let some: Vec<&str> = names.iter().map(String::as_str).collect();
            submit(database, &format!("e{message}"), "peter", 60, &some);
        }
        // This can also happen by chance.
        store.sql("UPDATE recipient SET position = (SELECT MIN(position) FROM recipient) WHERE envid = 'e0' AND address < 'u04'");
        for filter in [
            Filter { limit: 7, ..filter() },
            Filter { limit: 7, recipient: Some("u".into()), ..filter() },
            Filter { limit: 7, domain: Some("x.example".into()), ..filter() },
            Filter { limit: 7, state: Some(State::Queued), ..filter() },
        ] {
            for scope in [own("peter"), Scope::All(None)] {
                let (mut seen, mut filter, mut pages) = (BTreeSet::new(), filter.clone(), 0);
                loop {
                    let page = list(database, &scope, &filter);
                    assert!(page.lines.len() <= 7 && !page.lines.is_empty());
                    for line in &page.lines {
                        assert!(seen.insert((line.message_id.clone(), line.address.clone())), "twice: {line:?}");
                    }
                    pages += 1;
                    match page.next {
                        Some(next) => filter.after = Some(next),
                        None => break,
                    }
                }
                assert_eq!(seen.len(), 200, "{filter:?} {scope:?} {pages}");
            }
        }
    });
}

pub fn where_filters_meet_nothing_is_missed(store: &dyn Store) {
    with_database(store, |database| {
        for message in 0..30 {
            let owner = if message % 3 == 0 { "anna" } else { "peter" };
            let some: Vec<String> =
                (0..10).map(|number| format!("{}{number}@d{}.example", ["a", "b"][message % 2], number % 3)).collect();
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            submit(database, &format!("e{message}"), owner, 60 + 600 * message as i64, &some);
        }
        store.sql("UPDATE recipient SET state = 'failed' WHERE address LIKE '%1@%'; UPDATE recipient SET state = 'complained' WHERE address LIKE 'a2@%' AND envid = 'e4'");
        let (prefix, domain) = (|| Some("a".to_owned()), || Some("d1.example".to_owned()));
        let (sender, since) = (|| Some("peter@sender.example".to_owned()), || Some(now() - 6000));
        for scope in [own("peter"), Scope::All(None)] {
            let whole = list(database, &scope, &Filter { limit: 500, ..filter() }).lines;
            for mask in 0..32_u8 {
                for wanted in [State::Failed, State::Complained, State::Queued] {
                    let has = |bit: u8| mask & 1 << bit != 0;
                    let asked = Filter {
                        limit: 4,
                        recipient: has(0).then(prefix).flatten(),
                        domain: has(1).then(domain).flatten(),
                        sender: has(2).then(sender).flatten(),
                        since: has(3).then(since).flatten(),
                        state: has(4).then_some(wanted),
                        tag: None,
                        after: None,
                    };
                    let fits = |line: &&overview::Line| {
                        (!has(0) || line.address.starts_with('a'))
                            && (!has(1) || line.address.ends_with("@d1.example"))
                            && (!has(2) || line.sender.as_deref() == Some("peter@Sender.example"))
                            && (!has(3) || Some(line.submitted) >= asked.since)
                            && (!has(4) || line.state == wanted)
                    };
                    let mut expected: Vec<_> = whole.iter().filter(fits).cloned().collect();
                    if has(0) {
                        expected.sort_by(|a, b| a.address.cmp(&b.address));
                    }
                    let (mut found, mut next) = (Vec::new(), asked.clone());
                    loop {
                        let page = list(database, &scope, &next);
                        found.extend(page.lines);
                        match page.next {
                            Some(after) => next.after = Some(after),
                            None => break,
                        }
                    }
                    assert_eq!(found, expected, "{asked:?} {scope:?}");
                }
            }
        }
    });
}

pub fn each_order_has_its_index(store: &dyn Store) {
    with_database(store, |database| {
        // Few rows match each filter, as with many owners.
        for message in 0..200 {
            let owner = if message % 40 == 0 { "peter".to_owned() } else { format!("owner{}", message % 40) };
            let some: Vec<String> = (0..10).map(|number| format!("u{number}@d{}.example", message % 40)).collect();
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            submit(database, &format!("e{message}"), &owner, 60 + message as i64, &some);
        }
        store
            .sql("UPDATE recipient SET state = 'failed' WHERE address LIKE 'u1@d0%' OR address LIKE 'u1@d1%'; ANALYZE");
        for statement in overview::statements() {
            // The statement's name says which column leads.
            let name = statement.name.to_str().expect("ASCII");
            let leading =
                ["domain", "sender", "state", "address", "octets"].into_iter().find(|word| name.contains(word));
            let suffix = leading.map(|word| format!("_{}", word.replace("octets", "address"))).unwrap_or_default();
            let suffix = if name.contains("domains") { String::new() } else { suffix };
            let suffix = if name.contains("count") { "_state".to_owned() } else { suffix };
            let whose = if name.ends_with("_all") { "all" } else { "owner" };
            let index = format!("recipient_{whose}{suffix}");
            let is_for = match database.dialect() {
                Dialect::Postgres => !name.contains("address") && !name.contains("sorted"),
                Dialect::Sqlite => !name.contains("octets"),
            };
            // Few rows, in the order of addresses.
            let is_sorted = name.starts_with("dsn_sorted") || name.starts_with("dsn_octets");
            if is_for {
                let plan = plan(store, database.dialect(), statement.sql.to_str().expect("UTF-8"));
                // PostgreSQL may read everybody's rows if one owner has many of them.
                let other = index.replace("_owner", "_all");
                let is_free = database.dialect() == Dialect::Postgres;
                let by_address = format!("recipient_{whose}_address");
                let names = [index.as_str(), &other, &by_address];
                let free = usize::from(is_free) + usize::from(is_free && is_sorted);
                // Which of several counts the rows of few pages alike is PostgreSQL's choice.
                let counts = is_free && name.contains("few") && plan.contains("using recipient_");
                let uses = counts || names.iter().take(1 + free).any(|name| plan.contains(&format!("{name} ")));
                assert!(uses, "{name} does not use {index}:\n{plan}");
                let sorts = plan.contains("TEMP B-TREE FOR ORDER") || plan.contains("Sort");
                assert!(!sorts || is_sorted, "{name} sorts:\n{plan}");
            }
        }
    });
}

/// The database's plan.
fn plan(store: &dyn Store, dialect: Dialect, sql: &str) -> String {
    let off = ["sender", "domain", "state"]
        .into_iter()
        .fold(sql.to_owned(), |sql, column| sql.replace(&format!("(%s = '' OR r.{column} = %s)"), "'' = ''"));
    let values = [
        ("owner = %s", "owner = 'peter'"),
        ("state = %s", "state = 'failed'"),
        ("domain = %s", "domain = 'd1.example'"),
        ("sender = %s", "sender = 'peter@sender.example'"),
        ("< %s", "< 'u2'"),
        ("%s", "'u1'"),
        (">= %lld", ">= 0"),
        ("LIMIT %lld", "LIMIT 51"),
        ("%lld", "9000000000000000000"),
    ];
    let text = values.into_iter().fold(off, |sql, (place, value)| sql.replace(place, value));
    let rows = match dialect {
        Dialect::Postgres => store.sql(&format!(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; EXPLAIN {text}"
        )),
        Dialect::Sqlite => store.sql(&format!("EXPLAIN QUERY PLAN {text}")),
    };
    rows.iter().map(|row| row.join(" ") + "\n").collect()
}

pub fn what_is_happening_is_counted(store: &dyn Store) {
    with_database(store, |database| {
        submit(database, "e1", "peter", 60, &["a@one.example", "b@one.example", "c@two.example"]);
        submit(database, "e2", "peter", 3 * 3600, &["d@one.example"]);
        submit(database, "e3", "peter", 6 * DAY, &["e@one.example", "f@one.example"]);
        submit(database, "e4", "peter", 30 * DAY, &["g@one.example"]);
        submit(database, "e5", "anna", 60, &["h@one.example"]);
        store.deliver(&with_envid("e1").of("a@one.example", "failed", "5.1.1").mail()).exits(0);
        store.deliver(&with_envid("e3").of("f@one.example", "delayed", "4.4.1").mail()).exits(0);
        let counts = |database: &mut Dbd<'_>, scope| overview::counts(database, &scope, now()).expect("counts");
        let found = counts(database, own("peter"));
        let states: Vec<_> = found.states.iter().map(|one| (one.state, one.hour, one.day, one.week)).collect();
        assert_eq!(
            states,
            [(State::Delayed, 0, 0, 1), (State::Failed, 1, 1, 1), (State::Queued, 2, 3, 3), (State::Unknown, 0, 0, 1)]
        );
        let domains: Vec<_> = found.domains.iter().map(|one| (one.name.as_str(), one.total())).collect();
        assert_eq!(domains, [("one.example", 3), ("two.example", 1)]);
        // Events that no webhook took: two on his, one on hers, and one that still waits.
        for (number, envid, dead) in [(1, "e1", 1), (2, "e2", 1), (3, "e5", 1), (4, "e1", 0)] {
            store.sql(&format!(
                "INSERT INTO outbox (id, webhook, envid, address, body, created, expires, attempts, due, dead) VALUES ('{number}', 'w', '{envid}', 'a', '', 1, 1, 1, 1, {dead})"
            ));
        }
        assert_eq!(counts(database, own("peter")).given_up, 2);
        assert_eq!(counts(database, own("nobody")).given_up, 0);
        let all = counts(database, Scope::All(None));
        assert_eq!(all.given_up, 3);
        assert_eq!(all.states.iter().map(|one| one.hour).sum::<i64>(), 4);
        assert!(!all.is_cut);
    });
}
