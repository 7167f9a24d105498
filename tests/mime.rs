//! `SendmailInputs mime`: a whole message as the body, with its own envelope if the request names one; and the client that sends in this
//! way.

mod bad;
mod batch;

use crate::support::artifacts::client;
use crate::support::place::Place;
use crate::support::process::exit_of;
use crate::support::{Httpd, Request, Sendmail};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

const APPENDS: &str = "SendmailInputs fields mime\nSendmailArguments -i --";

const MESSAGE: &str = "Received: from there\r\nTo: a@example.test\r\nCc: b@example.test\r\nBcc: c@example.test\r\nFrom: me@example.test\r\n\
                       Subject: gr\u{fc}n\r\nUser-Agent: mutt\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                       --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ngr\u{fc}n\r\n--b--\r\n";

fn message(path: &str) -> Request {
    Request::post(path).header("Content-Type", "message/rfc822").body(MESSAGE)
}

fn recipients(sendmail: &Sendmail) -> Vec<Vec<String>> {
    let after = |arguments: Vec<String>| arguments.into_iter().skip_while(|word| word != "--").skip(1).collect();
    sendmail.take().iter().map(|recorded| after(recorded.arguments())).collect()
}

#[test]
fn the_header_or_the_envelope_says_who_gets_a_message() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, APPENDS).start();
    httpd.allow_log("SM0814");
    message("/mail").send(&httpd).expect_status(202);
    let taken = sendmail.messages();
    let text = taken[0].text();
    assert!(text.contains("Subject: =?utf-8?") && text.contains("\nFrom: me@example.test\n"), "{text}");
    assert!(text.contains("\nReceived: from there\n") && text.contains("\nUser-Agent: mutt\n"), "{text}");
    assert!(!text.contains("Bcc") && !text.contains("Content-Type: message/rfc822"), "{text}");
    assert_eq!(recipients(&sendmail), [["a@example.test", "b@example.test", "c@example.test"]]);

    let named = message("/mail").header("Envelope-To", "x@example.test, y@example.test");
    named.header("Envelope-From", "<>").send(&httpd).expect_status(202);
    assert_eq!(recipients(&sendmail), [["x@example.test", "y@example.test"]]);
}

#[test]
fn nothing_is_sent_of_what_is_no_message_or_has_two_sources() {
    let sendmail = Sendmail::new();
    let restricted = "SendmailInputs mime\nSendmailArguments -i --\nSendmailRecipients example.test";
    let httpd = Httpd::builder().mail(&sendmail, restricted).start();
    httpd.allow_log("SM0814");
    message("/mail").send(&httpd).expect_status(202);
    sendmail.take();
    for (request, status, tag) in [
        (message("/mail").header("To", "z@example.test"), 400, "SM0101"),
        (message("/mail").header("Envelope-To", "z@example.test|x"), 400, "SM0105"),
        (message("/mail").header("Envelope-To", "z@elsewhere.test"), 403, "SM0201"),
        (message("/mail").body("no header\r\n"), 400, "SM0101"),
        (message("/mail").body("Subject: nobody\r\n\r\nx"), 400, "SM0105"),
        (message("/mail").body("To: a@elsewhere.test\r\nFrom: b@example.test\r\n\r\nx"), 403, "SM0201"),
        (message("/mail").body(format!("{}{MESSAGE}", "Received: x\r\n".repeat(60))), 400, "SM0101"),
        (Request::mail("/mail"), 415, "SM0103"),
    ] {
        request.send(&httpd).expect_status(status);
        httpd.expect_log(tag);
    }
    assert_eq!(sendmail.starts(), 0);
}

#[test]
fn an_envelope_needs_a_program_that_takes_it() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "SendmailInputs mime").start();
    httpd.expect_log("SM0814");
    message("/mail").send(&httpd).expect_status(202);
    message("/mail").header("Envelope-To", "x@example.test").send(&httpd).expect_status(500);
    assert_eq!(sendmail.take().len(), 1);
    httpd.expect_log("SM0402");
}

#[test]
fn where_it_is_not_offered_a_message_is_an_attachment_as_ever() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "").start();
    let attached = Request::mail("/mail").without("Content-Type").header("Content-Type", "message/rfc822");
    attached.header("Envelope-To", "stranger@elsewhere.test").body(MESSAGE).send(&httpd).expect_status(202);
    let text = sendmail.take()[0].text();
    assert!(text.contains("\nContent-Type: message/rfc822\n") && !text.contains("stranger"), "{text}");
}

/// The command as a program calls it on a machine without a mail system.
#[test]
fn the_client_hands_a_message_to_the_gateway() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, APPENDS).start();
    httpd.allow_log("SM0814");
    let place = Place::new("client");
    let mut command = Command::new(client())
        .args(["-i", "-f", "cron@example.test", "--", "ops@example.test"])
        .env_clear()
        .env("HOME", place.path())
        .env("SENDMAIL_HTTP_URL", format!("http://127.0.0.1:{}/mail", httpd.port()))
        .env("SENDMAIL_HTTP_DOMAIN", "example.test")
        .env("SENDMAIL_HTTP_QUEUE", "none")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the client starts");
    let mut stdin = command.stdin.take().expect("piped");
    stdin.write_all(b"Subject: nightly\n\nall is well\n").expect("it reads");
    drop(stdin);
    let status = exit_of(&mut command, Duration::from_secs(60)).expect("it ends");
    assert!(status.success(), "{status}");
    let taken = sendmail.messages();
    let text = taken[0].text();
    assert!(text.contains("\nSubject: nightly\n") && text.ends_with("\n\nall is well\n"), "{text}");
    assert_eq!(recipients(&sendmail), [["ops@example.test"]]);
}
