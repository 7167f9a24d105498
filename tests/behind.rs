//! What is behind a program that queues everything: a mail server that must greet, a queue that must move, keys that must be stored; and
//! what a monitor sees of them.

use crate::circle::Database;
use crate::keys::Keys;
use crate::relay::to;
use crate::support::place::{Place, mode};
use crate::support::smtp::Act;
use crate::support::{Httpd, Postfix, Request, Response, Sendmail, Smtp, eventually, skipped};
use std::time::{Duration, SystemTime};

const HEALTH: &str = "SetHandler sendmail-health";
/// A result is reused for five seconds.
const SECONDS: Duration = Duration::from_secs(20);

fn ask(httpd: &Httpd, path: &str) -> Response {
    Request::get(path).send(httpd)
}

#[test]
fn a_program_is_not_well_while_the_mail_server_behind_it_is_not() {
    let (sendmail, smtp) = (Sendmail::new(), Smtp::start());
    let probe = format!("SendmailHealthProbe smtp://{}", to(&smtp));
    let httpd = Httpd::builder().mail(&sendmail, &probe).location("/mail/health", HEALTH).start();
    let well = ask(&httpd, "/mail/health").expect_status(200).text();
    assert!(well.contains("the mail system behind works") && !well.contains("while that is down"), "{well}");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| ask(&httpd, "/mail/health").expect_status(200));
        }
    });
    assert_eq!(smtp.connections(), 1, "a look counts for a while");
    assert!(smtp.commands().iter().all(|command| !command.starts_with("MAIL")), "{:?}", smtp.commands());
    smtp.rule("connect", Act::Say("421 stopping\r\n"));
    let ill = eventually("it is found out", SECONDS, || {
        Some(ask(&httpd, "/mail/health")).filter(|answer| answer.status == 503)
    });
    assert!(ill.text().contains("the mail system behind does not answer"), "{}", ill.text());
    assert!(!ill.shows(b"421") && !ill.shows(b"127.0.0.1"), "{}", ill.text());
    assert_eq!(sendmail.starts(), 0);
    httpd.expect_log("SM0409");
}

#[test]
fn a_real_postfix_is_well_until_it_is_stopped() {
    let Some(postfix) = Postfix::start() else { return skipped("needs postfix and root") };
    let text = format!(
        "SetHandler sendmail\nRequire local\nSendmailName \"{}\"\nSendmailHealthProbe smtp://127.0.0.1:{}",
        postfix.sendmail().display(),
        postfix.port()
    );
    // Without the probe the result would be "ok" all the time: the program is still there.
    let without = text.lines().filter(|line| !line.contains("Probe")).collect::<Vec<_>>().join("\n");
    let without = without.replace(&postfix.sendmail().display().to_string(), "/bin/true");
    let builder = Httpd::builder().location("/mail", &text).location("/mail/health", HEALTH);
    let httpd = builder.location("/blind", &without).location("/blind/health", HEALTH).start();
    ask(&httpd, "/mail/health").expect_status(200);
    drop(postfix);
    eventually("it is found out", SECONDS, || (ask(&httpd, "/mail/health").status == 503).then_some(()));
    ask(&httpd, "/blind/health").expect_status(200);
    httpd.expect_log("SM0409");
}

#[test]
fn a_program_is_not_well_while_its_queue_stands_still() {
    let (sendmail, folder) = (Sendmail::new(), Place::new("behind"));
    let queue = folder.folder("queue", 0o755);
    let probe = format!("SendmailHealthProbe \"{}\" 30mi", queue.display());
    let builder = Httpd::builder().mail(&sendmail, &probe).location("/mail/health", HEALTH);
    let httpd = builder.location("/mail/metrics", "SetHandler sendmail-metrics").start();
    let gauge = || {
        let page = ask(&httpd, "/mail/metrics").expect_status(200).text();
        let value = page.lines().find_map(|line| line.strip_prefix("sendmail_queue_oldest_seconds "));
        value.unwrap_or_else(|| panic!("{page}")).parse::<u64>().unwrap()
    };
    ask(&httpd, "/mail/health").expect_status(200);
    assert_eq!(gauge(), 0);
    let file = std::fs::File::create(queue.join("1")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(1900)).unwrap();
    let ill = eventually("it is found out", SECONDS, || {
        Some(ask(&httpd, "/mail/health")).filter(|answer| answer.status == 503)
    });
    assert!(ill.text().contains("waits in the queue"), "{}", ill.text());
    assert!((1900..2000).contains(&gauge()), "{}", gauge());
    std::fs::remove_file(queue.join("1")).unwrap();
    eventually("it moves again", SECONDS, || (ask(&httpd, "/mail/health").status == 200).then_some(()));
    mode(&queue, 0o700);
    if crate::support::place::am_root() {
        let ill = eventually("it cannot be told", SECONDS, || {
            Some(ask(&httpd, "/mail/health")).filter(|answer| answer.status == 503)
        });
        assert!(ill.text().contains("cannot look into the queue"), "{}", ill.text());
    }
    httpd.expect_log("SM0409");
}

#[test]
fn a_location_that_sends_once_is_not_well_while_it_can_keep_no_key() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = Httpd::builder().mail(&sendmail, &keys.directive("")).location("/mail/health", HEALTH).start();
    let well = ask(&httpd, "/mail/health").expect_status(200).text();
    assert!(well.contains("can be kept"), "{well}");
    assert!(keys.files().is_empty(), "asking leaves nothing");
    std::fs::rename(keys.path(), keys.path().with_extension("away")).unwrap();
    let ill = ask(&httpd, "/mail/health").expect_status(503).text();
    assert!(ill.contains("cannot be kept"), "{ill}");
    httpd.expect_log("SM0409");

    let database = Database::new();
    let builder = database.httpd().mail(&sendmail, "SendmailIdempotency dbd").location("/mail/health", HEALTH);
    let httpd = builder.start();
    ask(&httpd, "/mail/health").expect_status(200);
    database.run_sql("DROP TABLE idempotency");
    let ill = eventually("it is found out", SECONDS, || {
        Some(ask(&httpd, "/mail/health")).filter(|answer| answer.status == 503)
    });
    assert!(ill.text().contains("cannot be kept"), "{}", ill.text());
    httpd.expect_log("SM0409");
    httpd.expect_log("processdsn --init");
}

#[test]
fn a_monitor_sees_whether_reports_come_and_events_go() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let builder = database.httpd().mail(&sendmail, "");
    let httpd = builder.location("/metrics", "SetHandler sendmail-metrics\nRequire ip 127.0.0.1").start();
    let shows = |lines: &[&str]| {
        let page = ask(&httpd, "/metrics").expect_status(200).text();
        for line in lines {
            assert!(page.lines().any(|found| found == *line), "{line}\n{page}");
        }
        page
    };
    let page = shows(&["sendmail_status_database_up 1", "sendmail_webhook_events_waiting 0"]);
    assert!(!page.contains("sendmail_last_report"), "there was none");
    database.run_sql("INSERT INTO report (digest, received) VALUES ('a', 1700000000)");
    for (id, dead) in [("1", 0), ("2", 0), ("3", 1)] {
        database.run_sql(&format!(
            "INSERT INTO outbox (id, webhook, envid, address, body, created, expires, attempts, due, dead) VALUES ('{id}', 'w', 'e', 'a', '', 1, 1, 0, 1, {dead})"
        ));
    }
    shows(&[
        "sendmail_last_report_timestamp_seconds 1700000000",
        "sendmail_webhook_events_waiting 2",
        "sendmail_webhook_events_dead 1",
    ]);
    database.run_sql("ALTER TABLE outbox RENAME TO away");
    shows(&["sendmail_status_database_up 0", "sendmail_messages_accepted_total 0"]);
}
