//! Delivery reports that clients ask for (RFC 3461): promised if the transport can deliver them, and otherwise refused with a reason.

use super::{Dialogue, location, submission};
use crate::support::httpd_config::Builder;
use crate::support::place::{Place, free_port, give};
use crate::support::{Httpd, Postfix, Request, Smtp};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn server(port: u16, way_out: &str) -> Builder {
    submission(Httpd::builder(), port, &format!("<Location \"/\">\nRequire local\n{way_out}\n</Location>"))
}

/// Whether a session is offered DSN.
fn offers_dsn(port: u16) -> bool {
    let mut dialogue = Dialogue::greeted(port);
    dialogue.send("EHLO me\r\nNOOP\r\n");
    dialogue.lines().iter().any(|line| line.ends_with("DSN"))
}

/// Sends one message with these parameters; returns the replies to MAIL, RCPT and the message.
fn send(port: u16, mail: &str, rcpts: &[&str]) -> Vec<String> {
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    let mut ask = |line: String| {
        dialogue.send(format!("{line}\r\n"));
        dialogue.reply()
    };
    let mut replies = vec![ask(format!("MAIL FROM:{mail}"))];
    replies.extend(rcpts.iter().map(|rcpt| ask(format!("RCPT TO:{rcpt}"))));
    replies.push(ask("DATA".to_owned()));
    if replies.last().is_some_and(|reply| reply.starts_with("354")) {
        let message = "From: user@test.local\r\nTo: alice@test.local\r\nSubject: asked\r\n\r\nHi\r\n.";
        *replies.last_mut().unwrap() = ask(message.to_owned());
    }
    replies
}

/// The codes and enhanced codes of replies.
fn codes(replies: &[String]) -> Vec<&str> {
    replies.iter().map(|reply| reply.get(..9).unwrap_or(reply)).collect()
}

const TAKEN: &str = "250 2.0.0";

#[test]
fn what_a_client_asks_for_reaches_a_relay_that_offers_dsn_as_it_was_said() {
    let (relay, port) = (Smtp::start(), free_port());
    let alias = "SendmailAlias sales a@test.local,b@test.local";
    let _httpd = submission(Httpd::builder(), port, &location(&relay, alias)).start();
    assert!(offers_dsn(port));
    let rcpts = [
        "<x@test.local> notify=Success,DELAY ORCPT=rfc822;list+2Bx@test.local",
        "<y@test.local> NOTIFY=NEVER",
        "<z@test.local>",
        "<sales> NOTIFY=FAILURE",
    ];
    let replies = send(port, "<user@test.local> RET=hdrs ENVID=q+2B1", &rcpts);
    assert_eq!(codes(&replies).last(), Some(&TAKEN), "{replies:?}");
    let taken = relay.take();
    assert!(taken[0].mail.contains(" RET=HDRS ENVID=q+2B1"), "{}", taken[0].mail);
    assert_eq!(
        taken[0].rcpts,
        [
            "RCPT TO:<x@test.local> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;list+2Bx@test.local",
            "RCPT TO:<y@test.local> NOTIFY=NEVER",
            "RCPT TO:<z@test.local>",
            "RCPT TO:<a@test.local> NOTIFY=FAILURE",
            "RCPT TO:<b@test.local> NOTIFY=FAILURE",
        ]
    );
    // Nobody asked: no option is passed.
    send(port, "<user@test.local>", &["<x@test.local>"]);
    let taken = relay.take();
    assert!(!taken[0].mail.contains("RET") && !taken[0].mail.contains("ENVID"), "{}", taken[0].mail);
    assert_eq!(taken[0].rcpts, ["RCPT TO:<x@test.local>"]);
}

#[test]
fn what_does_not_fit_the_rfc_is_refused_at_its_command() {
    let (relay, port) = (Smtp::start(), free_port());
    let _httpd = submission(Httpd::builder(), port, &location(&relay, "")).start();
    let long = "a".repeat(101);
    let mut refused = 0;
    for (mail, rcpt, good) in [
        ("RET=FULL ENVID=a", "NOTIFY=NEVER ORCPT=rfc822;a", true),
        ("RET=ALL", "", false),
        ("RET", "", false),
        ("RET=FULL RET=FULL", "", false),
        ("ENVID=", "", false),
        ("ENVID=a=b", "", false),
        ("ENVID=+0D+0ABcc:", "", false),
        ("ENVID=+e4", "", false),
        (&format!("ENVID={long}"), "", false),
        ("", "NOTIFY=", false),
        ("", "NOTIFY=NEVER,SUCCESS", false),
        ("", "NOTIFY=SUCCESS,,DELAY", false),
        ("", "NOTIFY=ALWAYS", false),
        ("", "NOTIFY=NEVER NOTIFY=NEVER", false),
        ("", "ORCPT=a@b.test", false),
        ("", "ORCPT=rfc822;", false),
        ("", "ORCPT=rfc822;a+0Ab", false),
        ("", &format!("ORCPT=rfc822;{}", "a".repeat(494)), false),
        ("NOTIFY=NEVER", "", false),
        ("", "RET=FULL", false),
    ] {
        let replies = send(port, &format!("<user@test.local> {mail}"), &[&format!("<a@test.local> {rcpt}")]);
        assert_eq!(replies.last().unwrap().starts_with(TAKEN), good, "{mail} {rcpt}: {replies:?}");
        if !good {
            let first = replies.iter().find(|reply| !reply.starts_with("250")).unwrap();
            assert!(first.starts_with("501 5.5.4") || first.starts_with("555 5.5.4"), "{mail} {rcpt}: {first}");
            refused += 1;
        }
    }
    assert_eq!((relay.take().len(), refused), (1, 19));
}

#[test]
fn a_relay_without_dsn_gets_what_means_the_same_and_nothing_that_it_cannot_promise() {
    let (relay, port) = (Smtp::start(), free_port());
    relay.offer_no("DSN");
    let httpd = submission(Httpd::builder(), port, &location(&relay, "")).start();
    // Before the first message the relay's extensions are not known.
    let mut early = Dialogue::greeted(port);
    early.send("EHLO me\r\nNOOP\r\n");
    assert!(early.lines().iter().any(|line| line.ends_with("DSN")));
    assert_eq!(codes(&send(port, "<user@test.local>", &["<x@test.local> NOTIFY=FAILURE,DELAY"])).last(), Some(&TAKEN));
    assert_eq!(relay.take()[0].rcpts, ["RCPT TO:<x@test.local>"]);
    for notify in ["SUCCESS", "NEVER", "DELAY"] {
        early.say("MAIL FROM:<user@test.local> RET=FULL ENVID=a", "250");
        early.say(&format!("RCPT TO:<x@test.local> NOTIFY={notify} ORCPT=rfc822;y@test.local"), "250");
        early.say("DATA", "354");
        early.send("From: user@test.local\r\nTo: x@test.local\r\n\r\nHi\r\n.\r\n");
        early.expect("554 5.3.3 The delivery reports");
    }
    // ENVID, RET and ORCPT only change the contents of a report.
    early.say("MAIL FROM:<user@test.local> RET=FULL ENVID=a", "250");
    early.say("RCPT TO:<x@test.local> ORCPT=rfc822;y@test.local", "250");
    early.say("DATA", "354");
    early.send("From: user@test.local\r\nTo: x@test.local\r\n\r\nHi\r\n.\r\n");
    early.expect(TAKEN);
    let taken = relay.take();
    assert!(taken.len() == 1 && !taken[0].mail.contains("ENVID") && taken[0].rcpts == ["RCPT TO:<x@test.local>"]);
    // From now on it is known, and not offered.
    assert!(!offers_dsn(port));
    let replies = send(port, "<user@test.local>", &["<x@test.local> NOTIFY=SUCCESS"]);
    assert_eq!(codes(&replies), ["250 2.1.0", "555 5.5.4", "554 5.5.1"], "{replies:?}");
    httpd.expect_log("SM0412");
}

#[test]
fn ways_out_that_know_no_reports_do_not_offer_them() {
    let (relay, place) = (Smtp::start(), Place::new("reports"));
    let maildir = place.folder("box", 0o700);
    give(&maildir, "www-data");
    let program = crate::support::Sendmail::new();
    let to_program = format!("SendmailName \"{}\"\nSendmailArguments -i --", program.program().display());
    for (way_out, offered) in [
        (format!("SendmailRelay 127.0.0.1:{}", relay.port()), true),
        (format!("SendmailRelay 127.0.0.1:{}\nSendmailRelayDSN success", relay.port()), false),
        (format!("SendmailMaildir \"{}\"", maildir.display()), false),
        (to_program, false),
    ] {
        let port = free_port();
        let _httpd = server(port, &way_out).start();
        assert_eq!(offers_dsn(port), offered, "{way_out}");
        let replies = send(port, "<user@test.local>", &["<alice@test.local> NOTIFY=SUCCESS"]);
        assert_eq!(codes(&replies)[1], if offered { "250 2.1.5" } else { "555 5.5.4" }, "{way_out}: {replies:?}");
    }
}

/// The received reports, each as one line of words in upper case.
fn reports(postfix: &Postfix, count: usize) -> Vec<String> {
    let mail = postfix.wait_for_mail("user", count, MINUTE);
    mail.iter().map(|octets| String::from_utf8_lossy(octets).into_owned()).collect()
}

#[test]
fn postfix_reports_what_was_asked_through_smtp_and_through_its_program() {
    // Names that Postfix accepts, and only then cannot forward.
    let names = "gone-1@test.local=x@elsewhere.test gone-2@test.local=y@elsewhere.test";
    let Some(postfix) = Postfix::start_with(&format!("virtual_alias_maps = inline:{{ {names} }}\n")) else { return };
    let relay = format!("SendmailRelay 127.0.0.1:{}", postfix.port());
    let arguments = "SendmailArguments -i -f %{reqenv:SENDMAIL_FROM} --";
    let program = format!("SendmailName \"{}\"\n{arguments}", postfix.sendmail().display());
    for (way_out, is_program) in [(relay, false), (program, true)] {
        let port = free_port();
        let _httpd = server(port, &way_out).start();
        assert!(offers_dsn(port), "{way_out}");
        let envelope = "<user@test.local> RET=HDRS ENVID=order+2B7";
        let replies = send(port, envelope, &["<alice@test.local> NOTIFY=SUCCESS ORCPT=rfc822;sales@a.test"]);
        assert_eq!(codes(&replies).last(), Some(&TAKEN), "{replies:?}");
        let [report] = &reports(&postfix, 1)[..] else { panic!("more than one report") };
        assert!(report.contains("Original-Envelope-Id: order+7\n"), "{report}");
        assert!(report.contains("Action: delivered\n") && report.contains("Final-Recipient: rfc822; alice@test.local"));
        // The program cannot be told the original recipient.
        assert_eq!(report.contains("Original-Recipient: rfc822;sales@a.test"), !is_program, "{report}");
        clear(&postfix);
        // A failure that must not be reported, and one that must be, with the header only.
        send(port, "<user@test.local>", &["<gone-1@test.local> NOTIFY=NEVER"]);
        send(port, envelope, &["<gone-2@test.local> NOTIFY=FAILURE"]);
        postfix.wait_until_idle(MINUTE);
        let [report] = &reports(&postfix, 1)[..] else { panic!("more than one report") };
        assert!(report.contains("Action: failed\n") && report.contains("y@elsewhere.test"), "{report}");
        assert!(report.contains("text/rfc822-headers") && !report.contains("\nHi\n"), "{report}");
        clear(&postfix);
        if is_program {
            // One NOTIFY per run of the program.
            let replies = send(
                port,
                "<user@test.local>",
                &["<alice@test.local> NOTIFY=NEVER", "<bob@test.local> NOTIFY=SUCCESS"],
            );
            assert_eq!(codes(&replies), ["250 2.1.0", "250 2.1.5", "452 4.5.3", TAKEN], "{replies:?}");
        }
    }
}

fn clear(postfix: &Postfix) {
    for user in ["user", "alice"] {
        let entries = std::fs::read_dir(postfix.root().join("mail").join(user).join("new")).into_iter().flatten();
        entries.flatten().for_each(|entry| std::fs::remove_file(entry.path()).unwrap());
    }
}

#[test]
fn a_whole_message_over_http_asks_for_reports_by_the_fields_of_its_envelope() {
    let (relay, place) = (Smtp::start(), Place::new("reports"));
    let maildir = place.folder("box", 0o700);
    give(&maildir, "www-data");
    let location = |way_out: &str| format!("SetHandler sendmail\nRequire local\nSendmailInputs mime\n{way_out}");
    let httpd = Httpd::builder()
        .location("/relay", &location(&format!("SendmailRelay 127.0.0.1:{}", relay.port())))
        .location("/maildir", &location(&format!("SendmailMaildir \"{}\"", maildir.display())))
        .start()
        .allowing("SM0814");
    let request = |path: &str| {
        let request = Request::post(path).header("Content-Type", "message/rfc822");
        request.body("From: user@test.local\nTo: a@test.local, b@test.local\n\nHi\n")
    };
    let asked = |path: &str| {
        let request = request(path).header("Envelope-Notify", "success, delay");
        request.header("Envelope-Ret", "hdrs").header("Envelope-Id", "order+7")
    };
    asked("/relay").send(&httpd).expect_status(202);
    let taken = relay.take();
    assert!(taken[0].mail.contains(" RET=HDRS ENVID=order+2B7"), "{}", taken[0].mail);
    assert_eq!(
        taken[0].rcpts,
        ["RCPT TO:<a@test.local> NOTIFY=SUCCESS,DELAY", "RCPT TO:<b@test.local> NOTIFY=SUCCESS,DELAY"]
    );
    request("/maildir").send(&httpd).expect_status(202);
    request("/maildir").header("Envelope-Notify", "failure").send(&httpd).expect_status(202);
    let refused = asked("/maildir").send(&httpd).expect_status(400);
    assert!(refused.text().contains("delivery reports"), "{}", refused.text());
    for (name, value) in [("Envelope-Notify", "sometimes"), ("Envelope-Ret", "body"), ("Envelope-Id", "gr\u{fc}n")] {
        let refused = request("/relay").header(name, value).send(&httpd).expect_status(400);
        assert!(refused.text().contains(name), "{}", refused.text());
    }
    assert_eq!(std::fs::read_dir(maildir.join("new")).unwrap().count(), 2);
    assert!(relay.take().is_empty());
    httpd.expect_log("SM0412");
    httpd.expect_log("SM0101");
}
