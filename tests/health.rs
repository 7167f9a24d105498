//! `SetHandler sendmail-health`: says what works and what does not, sends nothing, leaves nothing behind, shows no secret.

use crate::programs::steady;
use crate::relay::{relaying, to};
use crate::support::place::{Place, am_root, give, mode};
use crate::support::smtp::Act;
use crate::support::{Certificates, Httpd, Mpm, Request, Sendmail, Smtp, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

const HEALTH: &str = "SetHandler sendmail-health";

fn ask(httpd: &Httpd, path: &str) -> crate::support::Response {
    Request::get(path).send(httpd)
}

#[test]
fn a_program_is_well_while_httpd_may_run_it() {
    let (sendmail, folder) = (Sendmail::new(), Place::new("health"));
    let program = folder.write("program", "#!/bin/sh\n");
    mode(&program, 0o755);
    let section = format!("SendmailName \"{}\"", program.display());
    let builder = Httpd::builder().mail(&sendmail, "").location("/mail/health", HEALTH);
    let builder = builder.location("/other", &format!("{HEALTH}\nRequire local\n{section}"));
    let httpd = builder.location("/other/told", "SendmailErrorDetail on").start();
    let well = ask(&httpd, "/mail/health").expect_status(200);
    assert!(
        well.text().starts_with("ok: the program is there") && well.text().contains("not checked: "),
        "{}",
        well.text()
    );
    assert!(well.text().contains("a program that queues does so also while that is down"));
    assert_eq!(well.header("Cache-Control"), Some("no-store"));
    assert_eq!(sendmail.starts(), 0);
    Request::mail("/mail").send(&httpd).expect_status(202);
    let path = program.display().to_string();
    ask(&httpd, "/other").expect_status(200);
    mode(&program, 0o644);
    for change in [0, 1] {
        if change == 1 {
            std::fs::remove_file(&program).unwrap();
        }
        let reason = ["may not run the program", "the program is missing"][change];
        let ill = ask(&httpd, "/other").expect_status(503);
        assert!(ill.text().contains(reason) && !ill.shows(path.as_bytes()), "{}", ill.text());
        assert!(httpd.error_log().contains("SM0409: the health check failed: ") && httpd.error_log().contains(&path));
        let told = ask(&httpd, "/other/told").expect_status(503);
        assert!(told.text().contains(reason) && told.shows(path.as_bytes()), "{}", told.text());
        let json = Request::get("/other").header("Accept", "application/json").send(&httpd).expect_status(503);
        let json: Value = serde_json::from_slice(&json.body).unwrap();
        assert!(json["reason"].as_str().unwrap().contains(reason) && json["detail"].is_null(), "{json}");
    }
    httpd.expect_log("SM0409");
}

#[test]
fn only_get_and_head_ask_and_nobody_posts() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "").location("/mail/health", HEALTH).start();
    let head = Request::new("HEAD", "/mail/health").without_length().send(&httpd).expect_status(200);
    assert!(head.body.is_empty());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer =
            Request::new(method, "/mail/health").header("To", "a@example.test").header("From", "f@example.test");
        let answer = answer.body("hi").send(&httpd).expect_status(405);
        assert!(
            answer.all("Allow").any(|allow| allow.contains("GET") && allow.contains("HEAD")),
            "{method}: {answer:?}"
        );
    }
    assert_eq!(sendmail.starts(), 0);
}

#[test]
fn a_maildir_is_well_while_it_can_be_written_and_stays_empty() {
    let folder = Place::new("health");
    let home = folder.folder("home", 0o700);
    give(&home, "www-data");
    let maildir = home.join("Maildir");
    let section = format!("SetHandler sendmail\nRequire local\nSendmailMaildir \"{}\"", maildir.display());
    let httpd = Httpd::builder().location("/mail", &section).location("/mail/health", HEALTH).start();
    ask(&httpd, "/mail/health").expect_status(200);
    assert!(!maildir.exists(), "asking makes nothing");
    Request::mail("/mail").send(&httpd).expect_status(202);
    let files = |part: &str| std::fs::read_dir(maildir.join(part)).unwrap().count();
    for _ in 0..20 {
        ask(&httpd, "/mail/health").expect_status(200);
    }
    assert_eq!((files("tmp"), files("new"), files("cur")), (0, 1, 0));
    if !am_root() {
        return; // the owner of the folder may not write there either way
    }
    for part in ["tmp", "new", "cur"] {
        mode(&maildir.join(part), 0o500);
        let ill = ask(&httpd, "/mail/health").expect_status(503);
        assert!(ill.text().contains("cannot write into the Maildir") && !ill.shows(b"/Maildir"), "{}", ill.text());
        mode(&maildir.join(part), 0o700);
    }
    ask(&httpd, "/mail/health").expect_status(200);
    httpd.expect_log("SM0409");
}

#[test]
fn a_relay_is_well_while_it_waits_for_a_message() {
    let smtp = Smtp::start();
    let builder = relaying(Httpd::builder(), "/mail", &to(&smtp), "");
    let mut builder = builder.location("/mail/health", HEALTH);
    let acts = [Act::Say("554 go away\r\n"), Act::Say("421 busy\r\n"), Act::Close, Act::Hang];
    let ailing = acts.map(|act| (Smtp::start(), act));
    for (number, (smtp, act)) in ailing.iter().enumerate() {
        smtp.rule("connect", *act);
        let path = format!("/ailing{number}");
        builder = relaying(builder, &path, &to(smtp), "SendmailTimeout 1s");
        builder = builder.location(&format!("{path}/health"), HEALTH);
    }
    let httpd = builder.start();
    ask(&httpd, "/mail/health").expect_status(200);
    let commands = smtp.commands();
    assert!(
        commands.iter().all(|command| !command.starts_with("MAIL") && !command.starts_with("DATA")),
        "{commands:?}"
    );
    assert!(commands.iter().any(|command| command.starts_with("EHLO")), "{commands:?}");
    assert!(
        crate::support::within(Duration::from_secs(5), || {
            smtp.commands().iter().any(|command| command.starts_with("QUIT")).then_some(())
        })
        .is_some()
    );
    for (number, (_, act)) in ailing.iter().enumerate() {
        let began = Instant::now();
        let ill = ask(&httpd, &format!("/ailing{number}/health")).expect_status(503);
        assert!(
            ill.text().contains("the relay") && !ill.shows(b"127.0.0.1") && !ill.shows(b"go away"),
            "{}",
            ill.text()
        );
        assert!(began.elapsed() < Duration::from_secs(4), "{act:?}");
    }
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0409");
}

/// Otherwise any client could make this server connect to the relay and log in there any number of times.
#[test]
fn a_relay_is_asked_once_in_five_seconds_however_many_want_to_know() {
    let (smtp, other, silent) = (Smtp::start(), Smtp::start(), Smtp::start());
    silent.rule("connect", Act::Hang);
    let mut builder = steady(Mpm::Event);
    for (path, smtp) in [("/mail", &smtp), ("/other", &other), ("/silent", &silent)] {
        builder = relaying(builder, path, &to(smtp), "SendmailMaxProcesses 1\nSendmailTimeout 1s");
        builder = builder.location(&format!("{path}/health"), HEALTH);
    }
    let httpd = builder.start();
    let crowd = |path: &str, status: u16| {
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| ask(&httpd, path).expect_status(status));
            }
        });
    };
    let began = Instant::now();
    crowd("/mail/health", 200);
    crowd("/mail/health", 200);
    assert_eq!((smtp.connections(), other.connections()), (1, 0));
    smtp.rule("connect", Act::Close);
    ask(&httpd, "/mail/health").expect_status(200);
    eventually("its word is not kept for ever", Duration::from_secs(20), || {
        (ask(&httpd, "/mail/health").status == 503).then_some(())
    });
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(smtp.connections(), 2);
    crowd("/other/health", 200);
    assert_eq!(other.connections(), 1, "each relay for itself");
    crowd("/silent/health", 503);
    assert_eq!(silent.connections(), 1, "a fault is remembered too");
    httpd.expect_log("SM0409");
}

#[test]
fn the_password_and_the_certificate_of_a_relay_are_tried_and_never_shown() {
    let certificates = Certificates::new();
    let smtp = Smtp::with_starttls(&certificates);
    let authority = format!("SendmailRelayCAFile \"{}\"\nSendmailErrorDetail on", certificates.authority().display());
    let url = |password: &str, host: &str| format!("smtp://me:{password}@{host}:{}", smtp.port());
    let mut builder = relaying(Httpd::builder(), "/good", &url("geheim", "localhost"), &authority);
    builder = relaying(builder, "/wrong", &url("falsch", "localhost"), &authority);
    builder = relaying(builder, "/stranger", &url("geheim", "localhost"), "SendmailErrorDetail on");
    for path in ["good", "wrong", "stranger"] {
        builder = builder.location(&format!("/{path}/health"), HEALTH);
    }
    let httpd = builder.start();
    ask(&httpd, "/good/health").expect_status(200);
    assert!(smtp.commands().iter().any(|command| command.starts_with("AUTH PLAIN")));
    for (path, words) in [("/wrong/health", "535"), ("/stranger/health", "certificate")] {
        let ill = ask(&httpd, path).expect_status(503);
        assert!(ill.text().contains("cannot be used as it is set up") && ill.text().contains(words), "{}", ill.text());
        assert!(!ill.shows(b"geheim") && !ill.shows(b"falsch"), "{}", ill.text());
    }
    assert!(!httpd.error_log().contains("geheim") && !httpd.error_log().contains("falsch"));
    httpd.expect_log("SM0409");
}

#[test]
fn a_location_that_cannot_send_is_not_well() {
    let httpd = Httpd::builder().location("/health", &format!("{HEALTH}\nRequire local")).start();
    let ill = ask(&httpd, "/health").expect_status(503);
    assert_eq!(ill.text(), "failing: nothing is set that takes mail\n");
    httpd.expect_log("SM0409: the health check failed: nothing is set that takes mail: none of SendmailName");
}
