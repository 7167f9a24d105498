//! SendmailRedirectTo: a test server sends everything to its own mailbox, with any transport and whatever the request says.

use crate::circle::Database;
use crate::programs::steady;
use crate::support::place::Place;
use crate::support::{Httpd, Mpm, Postfix, Recorded, Request, Sendmail, Smtp, oracle, skipped};
use std::time::Duration;

const TO_STAGING: &str = "SendmailRedirectTo staging@example.org";

fn only(sendmail: &Sendmail) -> Recorded {
    let [message]: [Recorded; 1] = sendmail.take().try_into().ok().expect("one message");
    message
}

/// To, Cc and Bcc, with names, a duplicate, and one that needs a domain.
fn mail(path: &str) -> Request {
    Request::mail(path)
        .without("To")
        .header("To", "Boss <boss@example.test>, Grüße <b@example.test>")
        .header("Cc", "c@example.test, boss@example.test")
        .header("Bcc", "secret@example.test")
}

const INTENDED: &str = "boss@example.test, b@example.test, c@example.test, secret@example.test";

/// Every field that can name recipients, as an independent reader finds them.
#[track_caller]
fn assert_redirected(octets: &[u8], to: &str) {
    let parsed = oracle::read(octets);
    assert_eq!((parsed.fields("To"), parsed.fields("X-Original-Recipients")), (vec![to], vec![INTENDED]));
    for name in ["Cc", "Bcc", "Apparently-To"] {
        assert_eq!(parsed.field(name), None);
    }
    assert_eq!(parsed.wire_faults(), [] as [&str; 0]);
}

#[test]
fn a_program_is_told_of_nobody_else() {
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    let section = |text: &str| format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{program}\"\n{text}");
    let builder = Httpd::builder().config(TO_STAGING).mail(&sendmail, "").location(
        "/appended",
        &section("SendmailArguments -i -f %{reqenv:SENDMAIL_FROM} --\nSendmailRedirectTo qa dev@example.org\nSendmailDomain example.net"),
    );
    let httpd = builder.location("/real", &section("SendmailRedirectTo none")).start();
    mail("/mail").header("X-Original-Recipients", "forged@evil.test").send(&httpd).expect_status(202);
    let message = only(&sendmail);
    assert_redirected(&message.stdin, "staging@example.org");
    assert_eq!(message.arguments(), ["-t", "-i"]);
    assert!(!message.text().contains("forged"));

    mail("/appended").send(&httpd).expect_status(202);
    let message = only(&sendmail);
    assert_redirected(&message.stdin, "qa@example.net, dev@example.org");
    let recipients = ["qa@example.net", "dev@example.org"];
    assert_eq!(message.arguments(), [&["-i", "-f", "f@example.test", "--"], &recipients[..]].concat());
    let log = httpd.error_log();
    assert!(log.contains("rcpts=1") && log.contains("rcpts=2") && log.contains(" redirected=yes intended=5"), "{log}");

    mail("/real").header("X-Original-Recipients", "forged@evil.test").send(&httpd).expect_status(202);
    let message = only(&sendmail);
    let parsed = oracle::read(&message.stdin);
    assert_eq!(parsed.mailboxes("To").len() + parsed.mailboxes("Cc").len() + parsed.mailboxes("Bcc").len(), 5);
    assert!(!message.text().contains("X-Original-Recipients"), "no client writes this field");
    assert!(!httpd.error_log().lines().last().unwrap().contains("redirected"));
}

#[test]
fn a_maildir_and_a_relay_are_told_of_nobody_else() {
    let (smtp, folder) = (Smtp::start(), Place::new("redirect"));
    let maildir = folder.folder("mail", 0o777).join("Maildir");
    let section = |text: &str| format!("SetHandler sendmail\nRequire ip 127.0.0.1\n{TO_STAGING}\n{text}");
    let relay = section(&format!("SendmailRelay 127.0.0.1:{}", smtp.port()));
    let builder = steady(Mpm::Event).location("/relay", &relay);
    let httpd = builder.location("/maildir", &section(&format!("SendmailMaildir \"{}\"", maildir.display()))).start();
    mail("/relay").send(&httpd).expect_status(202);
    let taken = smtp.take().remove(0);
    assert_eq!(taken.rcpts, ["RCPT TO:<staging@example.org>"]);
    assert_redirected(
        &taken.octets.iter().filter(|byte| **byte != b'\r').copied().collect::<Vec<_>>(),
        "staging@example.org",
    );
    mail("/maildir").send(&httpd).expect_status(202);
    let stored = std::fs::read_dir(maildir.join("new")).unwrap().next().unwrap().unwrap().path();
    assert_redirected(&std::fs::read(stored).unwrap(), "staging@example.org");
}

#[test]
fn who_may_be_written_to_is_judged_by_who_was_meant() {
    let sendmail = Sendmail::new();
    let settings = format!("{TO_STAGING}\nSendmailRecipients example.test\nSendmailMaxRecipients 5");
    let httpd = Httpd::builder().mail(&sendmail, &settings).start();
    mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(sendmail.take().len(), 1, "the mailbox itself need not be allowed");
    for (request, status) in [
        (mail("/mail").without("Cc").header("Cc", "x@evil.test"), 403),
        (mail("/mail").without("Bcc").header("Bcc", "staging@example.org"), 403),
        (mail("/mail").header("Cc", "d@example.test"), 400),
        (Request::mail("/mail").without("To"), 400),
        (Request::mail("/mail").without("To").header("To", "no one"), 400),
    ] {
        let answer = request.send(&httpd);
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(sendmail.starts(), 0);
    httpd.expect_log("SM0201");
    httpd.expect_log("SM0105");
}

#[test]
fn arguments_that_would_send_past_it_send_nothing() {
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    let rows = [
        ("-t -i", true),
        ("-t -i -f boss@example.test -V %{reqenv:SENDMAIL_ENVID}", true),
        ("-i boss@example.test", false),
        ("-t -i boss@example.test", false),
        ("-t -i root", false),
        ("-i -- %{HTTP:To}", false),
        ("-i %{HTTP:X-To}", false),
        ("-t -i -f%{HTTP:X-From} boss@example.test", false),
        ("-q", false),
    ];
    let section = |text: &str| format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{program}\"\n{text}");
    let mut builder = Httpd::builder();
    for (number, (arguments, _)) in rows.iter().enumerate() {
        let text = format!("SendmailArguments {arguments}");
        builder = builder.location(&format!("/to{number}"), &section(&format!("{text}\n{TO_STAGING}")));
        builder = builder.location(&format!("/real{number}"), &section(&text));
    }
    let test = builder.config_test();
    for (number, (arguments, fits)) in rows.iter().enumerate() {
        let named = |path: &str| {
            test.output.lines().any(|line| line.contains("SM0806") && line.contains(&format!("/{path}{number}\"")))
        };
        assert_eq!((named("to"), named("real")), (!fits, false), "{arguments}: {}", test.output);
    }
    let httpd = builder.start();
    for (number, (arguments, fits)) in rows.iter().enumerate() {
        let request = |path: &str| {
            mail(&format!("/{path}{number}")).header("X-To", "x@evil.test").header("X-From", "f@example.test")
        };
        let answer = request("to").send(&httpd);
        assert_eq!((answer.status, sendmail.starts()), if *fits { (202, 1) } else { (500, 0) }, "{arguments}");
        assert!(*fits || !answer.shows(b"SendmailArguments"), "{}", answer.text());
        if *fits {
            let message = only(&sendmail);
            assert!(!message.arguments().contains(&"x@evil.test".to_owned()));
            assert_redirected(&message.stdin, "staging@example.org");
        }
        let real = request("real").send(&httpd);
        let list = arguments.contains("%{HTTP:To}"); // several addresses never become one argument
        assert_eq!(real.status, if list { 403 } else { 202 }, "{arguments}: {}", real.text());
        sendmail.take();
    }
    for tag in ["SM0806", "SM0207", "SM0804"] {
        httpd.expect_log(tag);
    }
    httpd.allow_log("SM0203");
}

#[test]
fn hostile_recipients_stay_inside_their_field() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, &format!("{TO_STAGING}\nSendmailStripHeaders -*")).start();
    let many =
        (0..99).map(|i| format!("a-rather-long-name-of-somebody-{i}@example.test")).collect::<Vec<_>>().join(", ");
    mail("/mail")
        .without("To")
        .header("To", &many)
        .header("Apparently-To", "x@evil.test")
        .send(&httpd)
        .expect_status(400);
    let crowd = Request::mail("/mail").without("To").header("To", &many).header("Apparently-To", "x@evil.test");
    crowd.header("X-Original-Recipients", "x@evil.test").send(&httpd).expect_status(202);
    let message = only(&sendmail);
    let parsed = oracle::read(&message.stdin);
    assert_eq!(parsed.field("X-Original-Recipients").unwrap().split(", ").count(), 99);
    assert_eq!((parsed.wire_faults(), parsed.field("Apparently-To")), (Vec::new(), None));
    assert!(
        !message.text().contains("evil") && message.text().lines().all(|line| line.len() <= 78),
        "{}",
        message.text()
    );
    for name in
        ["\"x\r\n Bcc: z@evil.test\" <a@example.test>", "=?utf-8?q?x=0d=0aBcc:_z=40evil.test?= <a@example.test>"]
    {
        let request = Request::mail("/mail").without("To").header("To", name);
        if request.send(&httpd).status == 202 {
            let message = only(&sendmail);
            assert_eq!(oracle::read(&message.stdin).field("X-Original-Recipients"), Some("a@example.test"));
            assert!(!message.text().contains("evil"), "names stay behind: {}", message.text());
        }
    }
    assert_eq!(sendmail.starts(), 0);
    httpd.expect_log("SM0105");
    httpd.expect_log("SM0101");
}

#[test]
fn a_dry_run_shows_the_redirection() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, &format!("{TO_STAGING}\nSendmailDryRun on")).start();
    let answer = mail("/mail").send(&httpd).expect_status(200);
    let text = answer.text();
    let (report, message) = text.split_once("----- message -----\n").unwrap();
    assert_eq!(report.matches("Recipient: ").count(), 1, "{report}");
    assert!(report.contains("Recipient: \"staging@example.org\""), "{report}");
    assert_redirected(message.as_bytes(), "staging@example.org");
    assert!(httpd.error_log().contains("SM0007") && httpd.error_log().contains("redirected=yes intended=5"));
}

#[test]
fn the_status_is_that_of_who_receives() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let program = sendmail.program().display().to_string();
    let section = format!(
        "SetHandler sendmail\nRequire local\nSendmailName \"{program}\"\n{TO_STAGING}\nSendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn"
    );
    let httpd = database.httpd().location("/mail", &section).start();
    let sent = mail("/mail").send(&httpd).expect_status(303);
    let id = sent.message_id().replace('@', "%40");
    let status = Request::get(&format!("/dsn/{id}/")).header("Accept", "application/json").send(&httpd);
    let text = status.expect_status(200).text();
    assert!(text.contains("staging@example.org"), "{text}");
    assert!(["boss@", "b@", "c@", "secret@"].iter().all(|who| !text.contains(&format!("{who}example.test"))), "{text}");
}

#[test]
fn postfix_delivers_to_the_one_mailbox() {
    let Some(postfix) = Postfix::start() else { return skipped("Postfix needs root") };
    let settings = format!(
        "SetHandler sendmail\nRequire local\nSendmailName \"{}\"\nSendmailStripHeaders -Apparently-To",
        postfix.sendmail().display()
    );
    let section = |arguments: &str| format!("{settings}\nSendmailArguments {arguments}");
    let builder = Httpd::builder().config("SendmailRedirectTo alice@test.local");
    let builder = builder.location("/header", &section("-t -i -f user@test.local"));
    let httpd = builder.location("/appended", &section("-i -f user@test.local --")).start();
    for path in ["/header", "/appended"] {
        let request = Request::mail(path).without("To").header("To", "bob@test.local").header("Cc", "user@test.local");
        let request = request.header("Bcc", "bob@test.local").header("Apparently-To", "bob@test.local");
        request.send(&httpd).expect_status(202);
    }
    for mail in postfix.wait_for_mail("alice", 2, Duration::from_secs(20)) {
        let parsed = oracle::read(&mail);
        assert_eq!(parsed.field("X-Original-Recipients"), Some("bob@test.local, user@test.local"));
        assert_eq!(parsed.fields("To"), ["alice@test.local"]);
    }
    for user in ["bob", "user"] {
        assert!(postfix.mail(user).is_empty(), "{user} got something");
    }
}
