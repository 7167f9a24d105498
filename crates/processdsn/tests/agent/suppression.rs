//! Suppressed addresses: by verified failures and complaints, and by persons; and what is stored about an address. Cases of `states`.

use crate::agent;
use crate::databases::{Store, now};
use crate::overview::{submit, with_database};
use crate::report::{with_envid, with_message_id};
use apr::Dbd;
use tracking::store::Owner;
use tracking::store::suppression::{self, Rules};

const DAY: i64 = 86_400;

fn suppressed(database: &mut Dbd<'_>, owner: &str, after: u32, now: i64) -> Vec<String> {
    let all = ["a@x.example", "b@x.example", "c@x.example", "d@x.example"].map(str::to_owned);
    let owner = Owner::login(owner.as_bytes());
    let rules = Rules { after, lasts: 30 * DAY };
    let found = suppression::among(database, Some(&owner), &all, rules, now).expect("an answer");
    found.into_iter().map(|(address, cause)| format!("{address} {}", cause.as_str())).collect()
}

pub fn what_failed_for_good_and_verified_is_not_written_to(store: &dyn Store) {
    with_database(store, |database| {
        let diagnostic = |status: &str, words: &str| {
            format!(
                "Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: {status}\nDiagnostic-Code: smtp; {words}\n"
            )
        };
        for (number, (fields, expected)) in [
            (diagnostic("5.1.1", "550 5.1.1 User unknown"), true),
            (diagnostic("5.1.2", "550 5.1.2 Bad destination system address"), true),
            (diagnostic("5.1.10", "556 5.1.10 null MX"), true),
            (diagnostic("5.2.1", "550 5.2.1 Mailbox disabled"), true),
            (diagnostic("5.0.0", "550 5.1.1 User unknown"), true),
            (diagnostic("5.2.2", "552 5.2.2 Mailbox full"), false),
            (diagnostic("5.1.1", "552 5.2.2 Mailbox full"), false),
            (diagnostic("5.7.1", "550 5.7.1 User unknown"), false),
            (diagnostic("5.1.1", "550 5.7.1 blocked using zen.spamhaus.org"), false),
            (diagnostic("5.1.8", "550 5.1.8 Sender address rejected: Domain not found"), false),
            (diagnostic("5.0.0", "550 User unknown"), false),
            (diagnostic("4.1.1", "450 4.1.1 User unknown"), false),
            (diagnostic("5.4.4", "Host not found"), false),
        ]
        .into_iter()
        .enumerate()
        {
            let envid = format!("e{number}");
            submit(database, &envid, "peter", 60, &["a@x.example"]);
            store.deliver(&with_envid(&envid).group(&fields).mail()).exits(0);
            assert_eq!(store.states(&envid), ["a@x.example failed 1"]);
            let found = suppressed(database, "peter", 1, now());
            assert_eq!(found, if expected { vec!["a@x.example failed"] } else { vec![] }, "{fields}");
            assert_eq!(suppressed(database, "anna", 1, now()), Vec::<String>::new(), "another owner");
            store.sql("DELETE FROM suppression");
        }
        // It was forwarded, and failed there.
        submit(database, "alias", "peter", 60, &["a@x.example"]);
        let fields = "Original-Recipient: rfc822; a@x.example\nFinal-Recipient: rfc822; member@y.example\nAction: failed\nStatus: 5.1.1\n";
        store.deliver(&with_envid("alias").group(fields).mail()).exits(0);
        assert_eq!(store.states("alias"), ["a@x.example failed 1"]);
        assert_eq!(suppressed(database, "peter", 1, now()), Vec::<String>::new());
        // Nothing that is only claimed, or only a delay.
        submit(database, "claimed", "peter", 60, &["a@x.example", "b@x.example"]);
        store.deliver(&with_message_id("claimed@x").of("a@x.example", "failed", "5.1.1").mail()).exits(0);
        store.deliver(&with_envid("claimed").of("b@x.example", "delayed", "5.1.1").mail()).exits(0);
        assert_eq!(suppressed(database, "peter", 1, now()), Vec::<String>::new());
        store.deliver(&with_envid("claimed").of("a@x.example", "failed", "5.1.1").mail()).exits(0);
        // An earlier forged failure does not hide the real one... nor is the real one counted twice.
        store.deliver(&with_envid("claimed").of("a@x.example", "failed", "5.1.1").mail()).exits(0);
        assert_eq!(suppressed(database, "peter", 2, now()), Vec::<String>::new());
    });
}

pub fn failures_in_a_row_are_counted_until_one_arrives(store: &dyn Store) {
    with_database(store, |database| {
        let fail = |database: &mut Dbd<'_>, envid: &str| {
            submit(database, envid, "peter", 60, &["a@x.example"]);
            store.deliver(&with_envid(envid).of("a@x.example", "failed", "5.1.1").mail()).exits(0);
        };
        fail(database, "e1");
        assert_eq!(suppressed(database, "peter", 1, now()).len(), 1);
        assert_eq!(suppressed(database, "peter", 2, now()).len(), 0);
        assert_eq!(suppressed(database, "peter", 1, now() + 31 * DAY).len(), 0, "a mailbox may come back");
        fail(database, "e2");
        assert_eq!(suppressed(database, "peter", 2, now()).len(), 1);
        store.sql(&format!("UPDATE suppression SET last = {}", now() - 40 * DAY));
        fail(database, "e3");
        assert_eq!(suppressed(database, "peter", 2, now()).len(), 0, "not in a row");
        submit(database, "e4", "peter", 60, &["a@x.example"]);
        store.deliver(&with_envid("e4").of("a@x.example", "delivered", "2.0.0").mail()).exits(0);
        assert_eq!(suppressed(database, "peter", 1, now()).len(), 0, "it arrived");
        fail(database, "e5");
        store.sql(&format!("UPDATE suppression SET last = {}", now() - 40 * DAY));
        agent::run(store.agent().args(["--expire", "30d"]), b"").exits(0);
        assert_eq!(store.number("SELECT COUNT(*) FROM suppression"), 0);
    });
}

/// A feedback report of this kind on the message with this token; most reporters redact the recipient.
pub fn feedback(kind: &str, token: &str, envid: Option<&str>, recipient: Option<&str>, number: u32) -> Vec<u8> {
    let envid = envid.map(|envid| format!("Original-Envelope-Id: {envid}\n")).unwrap_or_default();
    let recipient = recipient.map(|address| format!("Original-Rcpt-To: <{address}>\n")).unwrap_or_default();
    format!(
        "From: feedback@isp.example\nTo: fbl@example.org\nMessage-ID: <{number}.{kind}@isp.example>\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"B\"\n\n--B\nContent-Type: text/plain\n\nspam\n\
         --B\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: isp/1\nVersion: 1\n{envid}{recipient}\n\
         --B\nContent-Type: message/rfc822\n\nReturn-Path: <bounces+{token}@example.org>\nTo: redacted\nSubject: x\n\ntext\n--B--\n"
    )
    .into_bytes()
}

pub fn a_complaint_holds_until_it_is_taken_back(store: &dyn Store) {
    with_database(store, |database| {
        submit(database, "e1", "peter", 60, &["a@x.example"]);
        let token = format!("{:0>32}", "e1");
        store.deliver(&with_envid("e1").of("a@x.example", "delivered", "2.0.0").mail()).exits(0);
        for kind in ["auth-failure", "virus", "other", "opt-out"] {
            store.deliver(&feedback(kind, &token, None, None, 1)).exits(0).complains("no complaint");
        }
        assert_eq!(store.states("e1"), ["a@x.example delivered 1"]);
        let ended = store.deliver(&feedback("abuse", &token, None, None, 1)).exits(0);
        assert_eq!(ended.err, "", "the token is a secret of the sender and of the one recipient");
        assert_eq!(store.states("e1"), ["a@x.example complained 1"]);
        assert_eq!(
            suppressed(database, "peter", 5, now() + 400 * DAY),
            ["a@x.example complained"],
            "until it is removed"
        );
        store.deliver(&feedback("abuse", &token, None, None, 1)).exits(0);
        assert_eq!(store.number("SELECT COUNT(*) FROM event WHERE action = 'complained'"), 1, "once");
        store.deliver(&with_envid("e1").of("a@x.example", "failed", "5.1.1").mail()).exits(0);
        assert_eq!(store.states("e1"), ["a@x.example complained 1"]);
        agent::run(store.agent().args(["--expire", "0m"]), b"").exits(0);
        assert_eq!(suppressed(database, "peter", 1, now()), ["a@x.example complained"]);

        submit(database, "e2", "peter", 60, &["a@x.example"]);
        let token = format!("{:0>32}", "e2");
        store.deliver(&feedback("fraud", &token, Some("e2"), None, 2)).exits(0);
        assert_eq!(store.states("e2"), ["a@x.example complained 1"]);
        store.deliver(&feedback("not-spam", &token, Some("e2"), None, 3)).exits(0);
        assert_eq!(store.states("e2"), ["a@x.example delivered 1"]);
        assert_eq!(suppressed(database, "peter", 1, now()), Vec::<String>::new());
    });
}

pub fn a_complaint_that_nothing_proves_ends_nothing(store: &dyn Store) {
    with_database(store, |database| {
        submit(database, "e1", "peter", 60, &["a@x.example", "b@x.example"]);
        let token = format!("{:0>32}", "e1");
        store.deliver(&with_envid("e1").of("a@x.example", "delivered", "2.0.0").mail()).exits(0);
        // Each of the two knows the token.
        store
            .deliver(&feedback("abuse", &token, None, Some("A@x.example"), 1))
            .exits(0)
            .complains("nothing in it proves");
        store
            .deliver(&feedback("abuse", &token, None, Some("b@x.example"), 2))
            .exits(0)
            .complains("nothing in it proves");
        store.deliver(&feedback("abuse", &token, None, None, 3)).exits(0).complains("which of several");
        store
            .deliver(&feedback("abuse", &token.replace('0', "9"), None, None, 4))
            .exits(0)
            .complains("no message of ours");
        assert_eq!(store.states("e1"), ["a@x.example delivered 1", "b@x.example complained 0"]);
        assert_eq!(suppressed(database, "peter", 1, now()), Vec::<String>::new());
        store.deliver(&with_envid("e1").of("b@x.example", "delivered", "2.0.0").mail()).exits(0);
        assert_eq!(store.states("e1")[1], "b@x.example delivered 1", "the report that is proved overrules it");
        store.deliver(&feedback("abuse", &token, Some("e1"), Some("b@x.example"), 5)).exits(0);
        assert_eq!(store.states("e1")[1], "b@x.example complained 1");
        store.deliver(&feedback("not-spam", &token, None, Some("b@x.example"), 6)).exits(0);
        assert_eq!(store.states("e1")[1], "b@x.example complained 1", "and a claim does not lift it");
        assert_eq!(suppressed(database, "peter", 1, now()), ["b@x.example complained"]);
    });
}

pub fn a_person_adds_lists_and_removes(store: &dyn Store) {
    let run = |words: &[&str]| agent::run(store.agent().args(words), b"").exits(0).out;
    with_database(store, |database| {
        run(&["--suppress", "A@x.example"]);
        run(&["--suppress", "b@x.example", "--owner", "peter"]);
        assert_eq!(suppressed(database, "peter", 9, now()), ["a@x.example manual", "b@x.example manual"]);
        assert_eq!(suppressed(database, "anna", 9, now()), ["a@x.example manual"]);
        let all = run(&["--suppressions"]);
        assert!(all.starts_with("a@x.example\tmanual\t-\t") && all.contains("\nb@x.example\tmanual"), "{all}");
        assert_eq!(run(&["--suppressions", "--owner", "peter"]).lines().count(), 1);
        assert_eq!(run(&["--suppressions", "--owner", "anna"]), "");
        assert_eq!(run(&["--unsuppress", "a@x.example", "--owner", "peter"]), "0 entries removed\n");
        assert_eq!(run(&["--unsuppress", "a@x.example"]), "1 entries removed\n");
        assert_eq!(suppressed(database, "peter", 9, now()), ["b@x.example manual"]);
        let many: Vec<String> = (0..70).map(|number| format!("u{number}@x.example")).collect();
        for address in [&many[0], &many[40], &many[69]] {
            run(&["--suppress", address]);
        }
        let rules = Rules { after: 1, lasts: DAY };
        let found = suppression::among(database, None, &many, rules, now()).expect("an answer");
        assert_eq!(found.len(), 3, "more than one statement looks for");
        let twice = ["U0@x.example", "u0@X.example"].map(str::to_owned);
        assert_eq!(suppression::among(database, None, &twice, rules, now()).expect("an answer").len(), 2);
        agent::run(store.agent().args(["--suppress", "nobody"]), b"").exits(64);
    });
}

pub fn an_address_is_told_and_forgotten(store: &dyn Store) {
    let run = |words: &[&str]| agent::run(store.agent().args(words), b"").exits(0).out;
    with_database(store, |database| {
        submit(database, "e1", "peter", 60, &["a@x.example"]);
        submit(database, "e2", "peter", 60, &["a@x.example", "b@x.example"]);
        store.deliver(&with_envid("e2").of("a@x.example", "failed", "5.1.1").mail()).exits(0);
        let lines = run(&["--export", "A@x.example"]);
        let found: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(found.len(), 3, "{lines}");
        assert!(found.iter().any(|one| one["is"] == "suppressed") && lines.contains("userunknown"), "{lines}");
        assert_eq!(run(&["--export", "peter@sender.example"]).lines().count(), 2);
        assert_eq!(run(&["--export", "c@x.example"]), "");

        assert!(run(&["--forget", "a@x.example"]).contains("2 messages"));
        let left = run(&["--export", "a@x.example"]);
        assert!(left.lines().count() == 1 && left.contains("suppressed"), "that it is not written to: {left}");
        assert_eq!(store.number("SELECT COUNT(*) FROM suppression WHERE address IS NULL"), 1);
        assert_eq!(suppressed(database, "peter", 1, now()), ["a@x.example failed"]);
        assert_eq!(run(&["--suppressions"]), "");
        for (table, count) in [("message", 1), ("recipient", 1), ("event", 0)] {
            assert_eq!(store.number(&format!("SELECT COUNT(*) FROM {table}")), count, "{table}");
        }
        run(&["--forget", "peter@sender.example"]);
        assert_eq!(store.number("SELECT COUNT(*) FROM message WHERE sender IS NOT NULL"), 0);
    });
}
