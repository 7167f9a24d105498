//! A message that a check wants held waits in a Maildir until an administrator has looked at it.

use super::{checked, only};
use crate::programs::{SECONDS, steady};
use crate::relay::{relaying, to};
use crate::support::milter::packet;
use crate::support::place::{Place, give, repository};
use crate::support::process::run;
use crate::support::{Milter, Mpm, Policy, Request, Sendmail, Smtp};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn sendmail_hold(folder: &Path, words: &[&str]) -> String {
    static BUILT: std::sync::Once = std::sync::Once::new();
    BUILT.call_once(|| {
        run(Command::new(env!("CARGO")).current_dir(repository()).args([
            "build",
            "--quiet",
            "--package",
            "sendmail-hold",
        ]));
    });
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp is below target");
    let program = target.join("debug/sendmail-hold");
    let output = run(Command::new(program).arg("-d").arg(folder).args(words));
    String::from_utf8(output).expect("text")
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("new")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

pub(super) fn place() -> (Place, PathBuf) {
    let place = Place::new("hold");
    let folder = place.folder("hold", 0o700);
    give(&folder, "www-data");
    (place, folder)
}

#[test]
fn what_a_milter_quarantines_waits_until_it_is_released() {
    let (smtp, milter, (_place, folder)) = (Smtp::start(), Milter::start(), place());
    let text = format!("SendmailHold \"{}\"", folder.display());
    let builder = checked(steady(Mpm::Event), "/mail", &smtp, &milter, &text);
    let builder = builder.location("/metrics", "SetHandler sendmail-metrics\nRequire ip 127.0.0.1");
    let httpd = checked(builder, "/none", &smtp, &milter, "").start();
    milter.says('E', &[packet('q', "looks odd\0"), packet('h', "X-Seen\0yes\0"), packet('c', "")]);
    Request::mail("/none").send(&httpd).expect_status(503);
    let request = Request::mail("/mail").header("Bcc", "secret@example.test").header("X-Hold-ID", "forged");
    let response = request.clone().header("Accept", "application/json").send(&httpd).expect_status(202);
    let answer: serde_json::Value = serde_json::from_str(&response.text()).unwrap();
    assert_eq!(answer["state"], "held");
    assert!(smtp.take().is_empty());
    assert!(httpd.error_log().contains("SM0221: held id=<"));
    let metrics = Request::get("/metrics").send(&httpd).text();
    assert!(metrics.contains("\nsendmail_messages_held_total 1\n"));

    let list: serde_json::Value = serde_json::from_str(&sendmail_hold(&folder, &["list", "--json"])).unwrap();
    let held = &list[0];
    assert_eq!((&held["sender"], &held["subject"]), (&"f@example.test".into(), &"a".into()));
    assert_eq!(held["recipients"], serde_json::json!(["a@example.test", "secret@example.test"]));
    assert!(
        held["reason"].as_str().unwrap().ends_with(": looks odd")
            && held["location"].as_str().unwrap().ends_with("/mail")
    );
    let id = held["id"].as_str().unwrap();
    let shown = sendmail_hold(&folder, &["show", id]);
    assert!(shown.contains("\nX-Seen: yes\n") && !shown.contains("forged") && !shown.contains("\nBcc"), "{shown}");
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    assert_eq!(sendmail_hold(&folder, &["release", id, "--", &program]), format!("{id}: sent\n"));
    let runs = sendmail.wait_for(1, SECONDS);
    assert_eq!(runs[0].arguments(), ["-i", "-f", "f@example.test", "--", "a@example.test", "secret@example.test"]);
    let message = runs[0].text();
    assert!(message.starts_with("Received: ") && !message.contains("X-Hold-") && message.contains("\nX-Seen: yes\n"));
    assert!(message.ends_with("\n\nHello there\n"));
    assert!(files(&folder).is_empty());
    httpd.expect_log("SM0216");
}

#[test]
fn what_a_policy_server_holds_waits_and_is_dropped() {
    let (smtp, policy, (_place, folder)) = (Smtp::start(), Policy::start(), place());
    let text = format!("SendmailPolicy {}\nSendmailHold \"{}\"", policy.endpoint(), folder.display());
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), &text).start();
    policy.answers("HOLD first mail of this user");
    let response = Request::mail("/mail").send(&httpd).expect_status(202);
    assert!(response.text().contains("It is held"), "{}", response.text());
    assert!(smtp.take().is_empty());
    let list = sendmail_hold(&folder, &["list"]);
    assert!(list.contains(": first mail of this user") && list.ends_with("1 held\n"), "{list}");
    let id = list.split(' ').next().unwrap();
    sendmail_hold(&folder, &["drop", id]);
    assert!(sendmail_hold(&folder, &["list"]).starts_with("0 held") && files(&folder).is_empty());
    policy.forget_rules();
    Request::mail("/mail").send(&httpd).expect_status(202);
    only(&smtp);
}

#[test]
fn where_nothing_can_be_held_nothing_is_lost_and_nothing_goes() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "SendmailHold /nonexistent/hold").start();
    milter.says('E', &[packet('q', "odd\0"), packet('c', "")]);
    let response = Request::mail("/mail").send(&httpd);
    assert!([500, 503].contains(&response.status), "{}", response.text());
    assert!(smtp.take().is_empty());
    milter.says('E', &[packet('c', "")]);
    Request::mail("/mail").send(&httpd).expect_status(202);
    httpd.expect_log("SM04");
}
