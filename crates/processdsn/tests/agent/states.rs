//! What reports change in the database: one table, the same on SQLite and PostgreSQL.

use crate::agent;
use crate::databases::{Cluster, Sqlite, Store, now};
use crate::keys;
use crate::overview;
use crate::place::{Place, corpus};
use crate::report::{with_envid, with_message_id};
use crate::submissions;
use crate::suppression;

type Case = (&'static str, fn(&dyn Store));

const CASES: &[Case] = &[
    ("init", init_is_repeatable_and_many_may_do_it_at_once),
    ("corpus", every_report_is_stored_once),
    ("verified", the_envelope_id_vouches_and_the_message_id_does_not),
    ("token", the_address_it_came_to_names_the_message),
    ("forged", a_forged_report_does_not_undo_a_verified_final_state),
    ("final", a_final_state_never_goes_back),
    ("guess", a_guess_is_never_final),
    ("delays", delays_repeat),
    ("mixed", one_report_mixes_actions),
    ("copycat", a_copied_message_id_changes_nothing),
    ("hidden", a_bcc_and_where_it_went_stay_hidden),
    ("stranger", reports_on_a_message_of_nobody_are_kept_together),
    ("hostile", hostile_values_are_stored_harmlessly),
    ("expire", only_old_messages_are_forgotten),
    ("steps", much_is_forgotten_in_steps_that_let_others_write),
    ("flood", reports_that_nothing_vouches_for_are_bounded),
    ("submit", submissions::what_mod_sendmail_writes_is_read_back),
    ("same", submissions::the_same_message_is_entered_once),
    ("upgrade", submissions::an_older_database_keeps_all_its_rows),
    ("called", submissions::what_a_message_is_called_is_told_to_its_owner),
    ("tags", submissions::messages_are_found_by_what_they_are_called),
    ("entered", overview::a_message_is_entered_the_same_in_either_way),
    ("overview", overview::every_owner_sees_a_page_of_his_own),
    ("pages", overview::pages_part_nothing_and_repeat_nothing),
    ("filters", overview::where_filters_meet_nothing_is_missed),
    ("indexes", overview::each_order_has_its_index),
    ("counts", overview::what_is_happening_is_counted),
    ("suppress", suppression::what_failed_for_good_and_verified_is_not_written_to),
    ("row", suppression::failures_in_a_row_are_counted_until_one_arrives),
    ("complaint", suppression::a_complaint_holds_until_it_is_taken_back),
    ("arf", suppression::a_complaint_that_nothing_proves_ends_nothing),
    ("command", suppression::a_person_adds_lists_and_removes),
    ("personal", suppression::an_address_is_told_and_forgotten),
    ("key", keys::a_key_is_used_by_one_gateway),
    ("dead", keys::a_dead_gateway_frees_what_it_had_not_handed_over),
    ("crowd", keys::of_many_gateways_one_sends),
    ("swept", keys::rows_of_keys_go_when_their_time_is_over),
];

#[test]
fn on_sqlite() {
    let place = Place::new("states");
    for (name, case) in CASES {
        eprintln!("sqlite: {name}");
        let store = Sqlite(place.file(&format!("{name}.sqlite")));
        store.init();
        case(&store);
        assert_eq!(store.sql("PRAGMA integrity_check"), [["ok"]]);
    }
}

#[test]
fn on_postgres() {
    let Some(cluster) = Cluster::start("states-pg") else { return };
    for (name, case) in CASES {
        eprintln!("postgres: {name}");
        let store = cluster.database(name);
        store.init();
        case(&store);
    }
}

fn init_is_repeatable_and_many_may_do_it_at_once(store: &dyn Store) {
    let again = agent::run(store.agent().arg("--init"), b"").exits(0);
    assert_eq!(again.out, "version 6, nothing to do\n");
    store.sql(
        "DROP TABLE message; DROP TABLE recipient; DROP TABLE event; DROP TABLE report; DROP TABLE idempotency; DROP TABLE suppression; DROP TABLE webhook; DROP TABLE outbox; DROP TABLE processdsn_schema",
    );
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| agent::run(store.agent().arg("--init"), b"").exits(0));
        }
    });
    assert_eq!(store.sql("SELECT version FROM processdsn_schema"), [["6"]]);
    store.sql("UPDATE processdsn_schema SET version = 99");
    // Of a newer program: most commands notice only by a failing statement, but --expire checks first.
    agent::run(store.agent().args(["--expire", "1d"]), b"").exits(78).complains("99");
}

fn every_report_is_stored_once(store: &dyn Store) {
    let mails = corpus();
    for (name, mail) in &mails {
        let ended = store.deliver(mail);
        assert_eq!(ended.code, Some(0), "{}: {}", name.display(), ended.err);
    }
    let count = |table: &str| store.number(&format!("SELECT COUNT(*) FROM {table}"));
    let before = ["report", "event", "recipient", "message"].map(count);
    assert_eq!(before[0], mails.len() as u64);
    assert!(before[1] >= before[0], "{before:?}");
    for (_, mail) in &mails {
        // Another hop has added a line and changed the line ends.
        let text = String::from_utf8_lossy(mail).replace("\r\n", "\n").replace('\n', "\r\n");
        store
            .deliver(format!("Received: by mx.example.net; Mon, 1 Jan 2024 00:00:00 +0000\r\n{text}").as_bytes())
            .exits(0);
    }
    assert_eq!(["report", "event", "recipient", "message"].map(count), before);
}

fn the_envelope_id_vouches_and_the_message_id_does_not(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example", "b@x.example"]);
    let ended = store.deliver(&with_envid("env1").of("A@X.example", "delivered", "2.0.0").mail()).exits(0);
    assert_eq!(ended.err, "");
    store
        .deliver(&with_message_id("m1@x").of("b@x.example", "failed", "5.1.1").mail())
        .exits(0)
        .complains("nothing in it proves");
    assert_eq!(store.states("env1"), ["a@x.example delivered 1", "b@x.example failed 0"]);
    let events = store.sql("SELECT envid, address, action, status, reporting_mta, diagnostic, verified, heuristic FROM event ORDER BY address");
    assert_eq!(events[0], ["env1", "a@x.example", "delivered", "2.0.0", "dns; mx.example.org", "NULL", "1", "0"]);
    assert_eq!(events[1], ["env1", "b@x.example", "failed", "5.1.1", "dns; mx.example.org", "NULL", "0", "0"]);
}

fn the_address_it_came_to_names_the_message(store: &dyn Store) {
    let tokens = ["0123456789abcdefghijklmnopqrstu1", "0123456789abcdefghijklmnopqrstu2"];
    for (envid, token) in ["env1", "env2"].into_iter().zip(tokens) {
        store.submitted(envid, &format!("{envid}@x"), &["a@x.example"]);
        store.sql(&format!("UPDATE message SET token = '{token}' WHERE envid = '{envid}'"));
    }
    let report = |action| with_envid("lost").of("a@x.example", action, "5.0.0").mail();
    let address = |token: &str| format!("bounces+{}@example.org", token.to_uppercase());
    agent::run(store.agent().arg(address(tokens[0])), &report("delayed")).exits(0);
    assert_eq!(store.states("env1"), ["a@x.example delayed 0"]);
    agent::run(store.agent().env("RECIPIENT", address(tokens[1])), &report("delayed")).exits(0);
    assert_eq!(store.states("env2"), ["a@x.example delayed 0"]);
    // The argument comes from the administrator; the environment may hold anything.
    agent::run(store.agent().arg(address(tokens[0])).env("RECIPIENT", address(tokens[1])), &report("failed")).exits(0);
    assert_eq!(
        (store.states("env1"), store.states("env2")),
        (vec!["a@x.example failed 0".into()], vec!["a@x.example delayed 0".into()])
    );
}

fn a_forged_report_does_not_undo_a_verified_final_state(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example", "b@x.example"]);
    store.deliver(&with_envid("env1").of("a@x.example", "delivered", "2.0.0").mail()).exits(0);
    for forged in [with_message_id("m1@x"), with_envid("wrong").message_id("m1@x")] {
        store
            .deliver(&forged.of("a@x.example", "failed", "5.0.0").of("b@x.example", "failed", "5.0.0").mail())
            .exits(0);
        assert_eq!(store.states("env1"), ["a@x.example delivered 1", "b@x.example failed 0"]);
    }
    store.deliver(&with_envid("env1").of("b@x.example", "delivered", "2.0.0").mail()).exits(0);
    assert_eq!(store.states("env1"), ["a@x.example delivered 1", "b@x.example delivered 1"]);
    assert_eq!(store.number("SELECT COUNT(*) FROM event WHERE verified = 0"), 4);
}

fn a_final_state_never_goes_back(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example"]);
    for (action, state) in [
        ("delayed", "delayed"),
        ("relayed", "relayed"),
        ("delayed", "relayed"),
        ("failed", "failed"),
        ("delivered", "failed"),
        ("delayed", "failed"),
    ] {
        store.deliver(&with_envid("env1").of("a@x.example", action, "2.0.0").mail()).exits(0);
        assert_eq!(store.states("env1"), [format!("a@x.example {state} 1")], "{action}");
    }
}

/// A bounce without fields, as dma writes it.
fn guess(message_id: &str, address: &str) -> Vec<u8> {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON <>\nTo: bounces@example.org\nSubject: Mail delivery failed\n\
         Message-ID: <guess-{address}>\n\nThis is the DragonFly Mail Agent v0.13 at mx.example.org.\n\n\
         There was an error delivering your mail to <{address}>.\n\n550 5.1.1 no such user\n\n\
         Message headers follow.\n\nMessage-ID: <{message_id}>\nTo: {address}\n"
    )
    .into_bytes()
}

fn a_guess_is_never_final(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example", "b@x.example", "c@x.example", "d@x.example"]);
    for address in ["a@x.example", "b@x.example", "c@x.example"] {
        store.deliver(&guess("m1@x", address)).exits(0);
    }
    let guessed = ["a@x.example failed 0", "b@x.example failed 0", "c@x.example failed 0", "d@x.example queued 0"];
    assert_eq!(store.states("env1"), guessed);
    // A report with fields is believed, verified or not; from then on its state is a state like any other.
    store.deliver(&with_envid("env1").of("a@x.example", "delivered", "2.0.0").mail()).exits(0);
    store.deliver(&with_message_id("m1@x").of("b@x.example", "delayed", "4.0.0").mail()).exits(0);
    store.deliver(&with_message_id("m1@x").of("c@x.example", "failed", "5.1.1").mail()).exits(0);
    store.deliver(&with_message_id("m1@x").of("c@x.example", "delivered", "2.0.0").mail()).exits(0);
    store.deliver(&with_message_id("m1@x").of("d@x.example", "delivered", "2.0.0").mail()).exits(0);
    store.deliver(&guess("m1@x", "d@x.example")).exits(0);
    let told = ["a@x.example delivered 1", "b@x.example delayed 0", "c@x.example failed 0", "d@x.example delivered 0"];
    assert_eq!(store.states("env1"), told);
    let absent = b"Return-Path: <>\nFrom: John <john@x.example>\nSubject: Re: hello\nAuto-Submitted: auto-replied\n\
        References: <m1@x>\n\nYour message was not delivered to anybody else. Urgent: john@example.net\n";
    let events = store.number("SELECT COUNT(*) FROM event");
    store.deliver(absent).exits(0);
    assert_eq!(store.states("env1"), told);
    assert_eq!(store.number("SELECT COUNT(*) FROM event"), events);
}

fn delays_repeat(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example"]);
    let report = with_envid("env1").group(
        "Final-Recipient: rfc822; a@x.example\nAction: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; 450 later\n\
         Remote-MTA: dns; mx.x.example\nWill-Retry-Until: Thu, 1 Jan 1970 00:10:00 +0000\n",
    );
    let first = report.mail();
    for mail in [first.as_slice(), first.as_slice(), &report.mail()] {
        store.deliver(mail).exits(0);
    }
    assert_eq!(store.states("env1"), ["a@x.example delayed 1"]);
    let events = store.sql("SELECT diagnostic, remote_mta, will_retry_until FROM event");
    assert_eq!(events, vec![["450 later", "mx.x.example", "600"]; 2]);
}

fn one_report_mixes_actions(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example", "b@x.example", "list@x.example", "root"]);
    let report = with_envid("env1")
        .of("a@x.example", "delivered", "2.0.0")
        .of("b@x.example", "failed", "5.1.1")
        .of("list@x.example", "expanded", "2.0.0")
        .of("root@host.example", "relayed", "2.0.0")
        .of("member@y.example", "delivered", "2.0.0")
        .group("Final-Recipient: rfc822; nobody@x.example\nAction: nonsense\nStatus: x\n");
    store.deliver(&report.mail()).exits(0);
    let expected = [
        "a@x.example delivered 1",
        "b@x.example failed 1",
        "list@x.example expanded 1",
        "member@y.example delivered 1",
        "root relayed 1",
    ];
    assert_eq!(store.states("env1"), expected);
}

fn a_copied_message_id_changes_nothing(store: &dyn Store) {
    store.submitted("envA", "same@x", &["a@x.example"]);
    store.submitted("envB", "same@x", &["b@x.example"]);
    store.sql("UPDATE message SET owner = 'B', submitted = submitted + 5 WHERE envid = 'envB'");
    store.deliver(&with_envid("envA").message_id("same@x").of("a@x.example", "delivered", "2.0.0").mail()).exits(0);
    assert_eq!(store.states("envB"), ["b@x.example queued 0"]);
    // Without the envelope id: the address it was sent to tells.
    store.deliver(&with_message_id("same@x").of("b@x.example", "failed", "5.0.0").mail()).exits(0);
    assert_eq!(store.states("envA"), ["a@x.example delivered 1"]);
    assert_eq!(store.states("envB"), ["b@x.example failed 0"]);
    // The token of the address tells, too.
    store.sql("UPDATE message SET token = '0123456789abcdefghijklmnopqrstuv' WHERE envid = 'envB'");
    let report = with_message_id("same@x").of("c@x.example", "failed", "5.0.0").mail();
    agent::run(store.agent().arg("b+0123456789abcdefghijklmnopqrstuv@x"), &report).exits(0);
    assert_eq!(store.states("envB"), ["b@x.example failed 0", "c@x.example failed 0"]);
}

fn a_bcc_and_where_it_went_stay_hidden(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example", "[secret@x.example]"]);
    let report = with_envid("env1")
        .of("secret@x.example", "delivered", "2.0.0")
        .group("Final-Recipient: rfc822; forwarded@y.example\nAction: failed\nStatus: 5.0.0\n");
    store.deliver(&report.mail()).exits(0);
    let hidden = store.sql("SELECT address, hidden FROM recipient ORDER BY address");
    assert_eq!(hidden, [["a@x.example", "0"], ["forwarded@y.example", "1"], ["secret@x.example", "1"]]);
}

fn reports_on_a_message_of_nobody_are_kept_together(store: &dyn Store) {
    let report = |action| with_message_id("nobody@x").of("a@x.example", action, "2.0.0").mail();
    store.deliver(&report("delayed")).exits(0);
    store.deliver(&report("delivered")).exits(0);
    assert_eq!(store.sql("SELECT message_id, owner, token FROM message"), [["nobody@x", "?", "NULL"]]);
    let envid = &store.sql("SELECT envid FROM message")[0][0];
    assert_eq!(store.states(envid), ["a@x.example delivered 0"]);
    // The key of that row is no secret.
    store.deliver(&with_envid(envid).of("a@x.example", "failed", "5.0.0").mail()).exits(0);
    assert_eq!(store.states(envid), ["a@x.example delivered 0"]);
    // If a message with this id is submitted later, it is the one meant from then on.
    store.submitted("env1", "nobody@x", &["b@x.example"]);
    store.deliver(&with_message_id("nobody@x").of("b@x.example", "failed", "5.0.0").mail()).exits(0);
    assert_eq!(store.states("env1"), ["b@x.example failed 0"]);
    // An empty id is not an id.
    let count = store.number("SELECT COUNT(*) FROM message");
    for _ in 0..2 {
        store.deliver(&with_message_id("").of("a@x.example", "failed", "5.0.0").mail()).exits(0);
    }
    assert_eq!(store.number("SELECT COUNT(*) FROM message WHERE message_id = ''"), 3);
    assert_eq!(store.number("SELECT COUNT(*) FROM message"), count + 2);
}

fn hostile_values_are_stored_harmlessly(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example"]);
    let long = "x".repeat(7000);
    let emoji = "\u{1f4a9}".repeat(1500);
    for (number, diagnostic) in [
        "a\0b\u{1}\u{7f}",
        "'; DROP TABLE message; --",
        "%s %d %lld $1 ?",
        "\u{fffe}\u{202e}",
        &long,
        &emoji,
        "<script>",
    ]
    .iter()
    .enumerate()
    {
        let fields = format!(
            "Final-Recipient: rfc822; a@x.example\nAction: delayed\nStatus: 4.{number}.0\nDiagnostic-Code: smtp; {diagnostic}\n\
             Last-Attempt-Date: Thu, 1 Jan 9999 00:00:00 +0000\nWill-Retry-Until: Fri, 1 Jan 65000 00:00:00 +0000\n"
        );
        store.deliver(&with_envid("env1").group(&fields).mail()).exits(0);
    }
    // Not UTF-8, and not even a whole character.
    let mut mail = with_envid("env1").of("a@x.example", "delayed", "4.9.9").mail();
    let at = mail.windows(7).position(|part| part == b"mx.exam").expect("the name of the MTA");
    mail.splice(at..at, [0xff, 0xfe, 0xed, 0xa0, 0x80]);
    store.deliver(&mail).exits(0);
    let rows = store.sql(
        "SELECT MAX(LENGTH(diagnostic)), MIN(occurred), MAX(occurred), MAX(will_retry_until), COUNT(*) FROM event",
    );
    assert_eq!((rows[0][0].as_str(), rows[0][3].as_str(), rows[0][4].as_str()), ("4096", "NULL", "8"));
    for at in &rows[0][1..3] {
        assert!((now() - at.parse::<i64>().expect("seconds")).abs() < 600, "{at}");
    }
    // Keys longer than an index takes, and an address that is SQL.
    let address = format!("{long}@x.example");
    for report in [with_message_id(&long), with_envid(&long), with_envid("report:"), with_envid("a\0b")] {
        store
            .deliver(&report.of(&address, "failed", "5.0.0").of("o'hara@x.example", "failed", "5.0.0").mail())
            .exits(0);
    }
    assert_eq!(store.states("env1"), ["a@x.example delayed 1"]);
}

fn only_old_messages_are_forgotten(store: &dyn Store) {
    for (envid, age) in [("old", 91), ("new", 89)] {
        store.submitted(envid, &format!("{envid}@x"), &["a@x.example"]);
        store.deliver(&with_envid(envid).of("a@x.example", "delivered", "2.0.0").mail()).exits(0);
        store.sql(&format!("UPDATE message SET submitted = {} WHERE envid = '{envid}'", now() - age * 86_400));
    }
    store.sql("UPDATE report SET received = 5 WHERE digest = (SELECT MIN(digest) FROM report)");
    let ended = agent::run(store.agent().args(["--expire", "90d"]), b"").exits(0);
    assert_eq!(ended.out, "1 messages forgotten\n");
    for table in ["message", "recipient", "event"] {
        assert_eq!(store.sql(&format!("SELECT envid FROM {table}")), [["new"]], "{table}");
    }
    assert_eq!(store.number("SELECT COUNT(*) FROM report"), 1);
    assert_eq!(agent::run(store.agent().args(["--expire", "90d"]), b"").exits(0).out, "0 messages forgotten\n");
}

fn reports_that_nothing_vouches_for_are_bounded(store: &dyn Store) {
    store.submitted("env1", "m1@x", &["a@x.example"]);
    let events = || store.number("SELECT COUNT(*) FROM event WHERE envid = 'env1'");
    for _ in 0..60 {
        store.deliver(&with_message_id("m1@x").of("a@x.example", "delayed", "4.0.0").mail()).exits(0);
    }
    assert_eq!(events(), 50);
    store.deliver(&with_message_id("m1@x").of("a@x.example", "failed", "5.0.0").mail()).exits(0);
    assert_eq!(store.states("env1"), ["a@x.example failed 0"], "a state that changes is told");
    store.deliver(&with_envid("env1").of("a@x.example", "delivered", "2.0.0").mail()).exits(0);
    assert_eq!(
        (store.states("env1")[0].as_str(), events()),
        ("a@x.example delivered 1", 52),
        "a verified report counts"
    );
    for round in 0..3 {
        let many = (0..400).fold(with_message_id("m1@x"), |report, number| {
            report.of(&format!("{round}.{number}@y.example"), "failed", "5.0.0")
        });
        store.deliver(&many.mail()).exits(0);
    }
    assert_eq!(store.number("SELECT COUNT(*) FROM recipient WHERE envid = 'env1'"), 1000);
    store.deliver(&with_envid("env1").of("last@z.example", "delivered", "2.0.0").mail()).exits(0);
    assert!(store.states("env1").contains(&"last@z.example delivered 1".to_owned()));
}

fn much_is_forgotten_in_steps_that_let_others_write(store: &dyn Store) {
    // Most of one second, which is one step.
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)";
    store.sql(&format!(
        "INSERT INTO message (envid, message_id, submitted) {numbers} SELECT 'old' || i, 'old' || i, CASE WHEN i < 2000 THEN 1000 ELSE i END FROM n"
    ));
    store.submitted("new", "new@x", &["a@x.example"]);
    let mut command = store.agent();
    let mut child = agent::start(command.args(["--expire", "90d"]), b"");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let left = store.number("SELECT COUNT(*) FROM message");
        if left < 200_001 {
            assert!(left > 1, "it is one step for all");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "nothing is forgotten");
    }
    // Ended half way, it goes on the next time.
    child.kill().expect("a child");
    child.wait().expect("a child");
    let report = with_envid("new").of("a@x.example", "delivered", "2.0.0").mail();
    store.deliver(&report).exits(0);
    agent::run(store.agent().args(["--expire", "90d"]), b"").exits(0);
    assert_eq!(store.sql("SELECT envid FROM message"), [["new"]]);
    assert_eq!(store.states("new"), ["a@x.example delivered 1"]);
}
