//! Several messages in one body: all are checked before the first is sent, the failure that stops the rest says what was sent, and a key
//! counts for each message separately.

use super::{INPUTS, post};
use crate::support::smtp::Act;
use crate::support::{Behaviour, Httpd, Sendmail, Smtp};
use serde_json::{Value, json};
use std::time::Duration;

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)))
}

fn resend(to: &[&str]) -> String {
    let mail = |to: &&str| json!({"from": "f@example.test", "to": to, "subject": "s", "text": format!("to {to}")});
    json!(to.iter().map(mail).collect::<Vec<_>>()).to_string()
}

fn postmark(to: &[&str]) -> String {
    let mail = |to: &&str| json!({"From": "f@example.test", "To": to, "Subject": "s", "TextBody": format!("to {to}")});
    json!(to.iter().map(mail).collect::<Vec<_>>()).to_string()
}

fn sendgrid(to: &[&str]) -> String {
    let personalizations: Vec<_> = to.iter().map(|to| json!({"to": [{"email": to}]})).collect();
    json!({
        "from": {"email": "f@example.test"}, "subject": "s", "content": [{"type": "text/plain", "value": "t"}],
        "personalizations": personalizations,
    })
    .to_string()
}

type Write = fn(&[&str]) -> String;

const PATHS: [(&str, Write); 3] =
    [("/mail/emails/batch", resend), ("/mail/email/batch", postmark), ("/mail/v3/mail/send", sendgrid)];

/// A relay that refuses recipients called bad permanently, and those called late temporarily.
fn relaying(settings: &str) -> (Smtp, Httpd) {
    let relay = Smtp::start();
    relay.rule_about("RCPT", "bad@", 100, Act::Say("550 5.1.1 no such user\r\n"));
    relay.rule_about("RCPT", "late@", 100, Act::Say("450 4.2.1 later\r\n"));
    let section = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailRelay smtp://127.0.0.1:{}\n{INPUTS}\n{settings}",
        relay.port()
    );
    let httpd = Httpd::builder().location("/mail", &section).start();
    (relay, httpd)
}

#[test]
fn what_stops_a_batch_says_what_was_sent() {
    let (relay, httpd) = relaying("");
    for (path, write) in PATHS {
        let good = post(path, &write(&["a@x.test", "b@x.test"])).send(&httpd);
        assert!(good.status < 300, "{path}: {}", good.text());
        assert_eq!(relay.take().len(), 2, "{path}");
        let answer = post(path, &write(&["a@x.test", "late@x.test", "b@x.test"])).send(&httpd);
        let taken: Vec<_> =
            relay.take().into_iter().map(|taken| String::from_utf8_lossy(&taken.octets).into_owned()).collect();
        let body = read(&answer.body);
        if path == "/mail/email/batch" {
            assert_eq!((answer.status, taken.len()), (200, 2), "{body}");
            assert_eq!((&body[1]["ErrorCode"], &body[2]["ErrorCode"]), (&json!(503), &json!(0)), "{body}");
        } else {
            assert_eq!((answer.status, taken.len()), (502, 1), "{body}");
            let sent = body["sent"].as_array().unwrap();
            assert!(sent.len() == 1 && taken[0].contains(sent[0].as_str().unwrap()), "{body}");
            assert!(body["detail"].as_str().unwrap().contains("message 2 of 3"), "{body}");
            assert_eq!(body["send_again"], "rest");
        }
        // The first one fails: nothing was sent, and the answer is its own.
        let answer = post(path, &write(&["late@x.test", "b@x.test"])).send(&httpd);
        let sent = relay.take().len();
        match path {
            "/mail/email/batch" => assert_eq!((answer.status, sent), (200, 1)),
            _ => assert_eq!((answer.status, sent), (503, 0), "{}", answer.text()),
        }
    }
    for tag in ["SM0413", "SM0406"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn a_batch_may_leave_out_what_cannot_be_sent() {
    let (relay, httpd) = relaying("SendmailRecipients x.test");
    let to = ["a@x.test", "bad@x.test", "c@y.test", "d@x.test"];
    let strict = post("/mail/emails/batch", &resend(&to)).send(&httpd).expect_status(403);
    assert!(
        read(&strict.body)["message"].as_str().unwrap().starts_with("[2]: the recipient c@y.test"),
        "{}",
        strict.text()
    );
    assert_eq!(relay.take().len(), 0, "all are looked at before the first is sent");
    let permissive = post("/mail/emails/batch", &resend(&to)).header("x-batch-validation", "permissive");
    let body = read(&permissive.clone().send(&httpd).expect_status(200).body);
    assert_eq!(body["data"].as_array().unwrap().len(), 2);
    let errors: Vec<_> = body["errors"].as_array().unwrap().iter().map(|error| &error["index"]).collect();
    assert_eq!(errors, [&json!(1), &json!(2)]);
    assert_eq!(relay.take().len(), 2);
    permissive.without("x-batch-validation").header("x-batch-validation", "lax").send(&httpd).expect_status(422);
    for tag in ["SM0113", "SM0201", "SM0408"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn a_key_counts_for_each_message_of_a_batch() {
    let keys = crate::support::place::Place::new("keys");
    let folder = keys.folder("claims", 0o777);
    let (relay, httpd) = relaying(&format!("SendmailIdempotency {}", folder.display()));
    for (path, write) in PATHS {
        let to = ["a@x.test", "late@x.test", "b@x.test"];
        let batch = post(path, &write(&to)).header("Idempotency-Key", path);
        let first = batch.clone().send(&httpd);
        let sent = if path == "/mail/email/batch" { 2 } else { 1 };
        assert_eq!(relay.take().len(), sent, "{path}: {}", first.text());
        batch.clone().send(&httpd);
        assert_eq!(relay.take().len(), 0, "{path}: what was sent is not sent again, and the other is still late");
        let other = post(path, &write(&["z@x.test", "b@x.test"])).header("Idempotency-Key", path).send(&httpd);
        assert!(other.shows(b"was used for another message"), "{path}: {}", other.text());
        let sent = if path == "/mail/email/batch" { 1 } else { 0 };
        assert_eq!(relay.take().len(), sent, "{path}: the second message had not been sent by this key");
    }
    for tag in ["SM0413", "SM0406", "SM0111"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn every_message_of_a_batch_counts_for_the_rate() {
    let (relay, httpd) =
        relaying("SendmailRateLimit 3/1d per=address\nSendmailRateLimit 4/1d per=location count=recipients");
    let batch = |number: usize| resend(&["a@x.test", "b@x.test", "c@x.test", "d@x.test"][..number]);
    let four = post("/mail/emails/batch", &batch(4)).send(&httpd).expect_status(400);
    assert!(four.shows(b"more than 3 messages"), "{}", four.text());
    let two = post("/mail/emails/batch", &batch(2)).send(&httpd);
    assert_eq!(two.status, 200, "{}", two.text());
    let sent = relay.take().len();
    let again = post("/mail/emails/batch", &batch(2)).send(&httpd).expect_status(429);
    assert_eq!(read(&again.body)["name"], "rate_limit_exceeded");
    assert_eq!((sent, relay.take().len()), (2, 0));
    for tag in ["SM0105", "SM0214"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn a_batch_that_takes_too_long_begins_no_message_more() {
    let slow = Behaviour::new().reads_all().sleeps(Duration::from_millis(1100)).exits(0);
    let sendmail = Sendmail::behaving(&slow);
    let httpd = Httpd::builder().mail(&sendmail, &format!("{INPUTS}\nSendmailTimeout 2s")).start();
    let answer =
        post("/mail/emails/batch", &resend(&["a@x.test", "b@x.test", "c@x.test"])).send(&httpd).expect_status(502);
    let body = read(&answer.body);
    assert_eq!((body["sent"].as_array().unwrap().len(), sendmail.take().len()), (2, 2), "{body}");
    assert!(
        body["message"].as_str().unwrap().contains("message 3 of 3 stopped the batch: the batch took too long"),
        "{body}"
    );
    httpd.expect_log("SM0413");
}

#[test]
fn a_batch_is_an_array_of_so_many() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, INPUTS).start();
    for (path, write, most, status) in
        [(PATHS[0].0, PATHS[0].1, 100, 422), (PATHS[1].0, PATHS[1].1, 500, 422), (PATHS[2].0, PATHS[2].1, 1000, 400)]
    {
        post(path, &write(&["a@x.test"])).send(&httpd);
        assert_eq!(sendmail.take().len(), 1, "{path}");
        let many = vec!["no address"; most + 1];
        for (body, says) in [
            (write(&many), format!("holds {} messages, more than the {most}", most + 1)),
            (write(&[]), if status == 400 { "personalizations: must be there" } else { "holds no message" }.to_owned()),
            (
                "{}".to_owned(),
                if status == 400 { "personalizations: must be there" } else { "must be an array" }.to_owned(),
            ),
        ] {
            let answer = post(path, &body).send(&httpd).expect_status(status);
            assert!(answer.shows(says.as_bytes()), "{path}: {says}: {}", answer.text());
        }
    }
    assert_eq!(sendmail.starts(), 0);
    httpd.expect_log("SM0113");
}

#[test]
fn a_dry_run_answers_in_json_and_shows_what_each_would_be() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, &format!("{INPUTS}\nSendmailDryRun request")).start();
    let sandbox = |text: String| text.replacen('{', "{\"mail_settings\":{\"sandbox_mode\":{\"enable\":true}},", 1);
    let one = post("/mail/v3/mail/send", &sandbox(sendgrid(&["a@x.test"]))).send(&httpd).expect_status(200);
    let body = read(&one.body);
    assert_eq!((one.header("Content-Type"), &body["dry_run"]), (Some("application/json"), &json!(true)));
    assert!(body["message"].as_str().unwrap().contains("To: a@x.test"), "{body}");
    for (path, write) in PATHS {
        let answer = post(path, &write(&["a@x.test", "b@x.test"])).header("Prefer", "sendmail-dry-run");
        let body = read(&answer.header("Accept", "text/plain").send(&httpd).expect_status(200).body);
        let list = body["data"].as_array().or(body.as_array()).unwrap();
        assert!(list.len() == 2 && list[1]["recipients"] == json!(["b@x.test"]), "{body}");
        assert!(list.iter().all(|one| one["dry_run"] == true && one["message"].is_null()), "{body}");
    }
    assert_eq!(sendmail.starts(), 0);
    let httpd = Httpd::builder().mail(&sendmail, INPUTS).start();
    post("/mail/v3/mail/send", &sandbox(sendgrid(&["a@x.test"]))).send(&httpd).expect_status(403);
    post("/mail/v3/mail/send", &sendgrid(&["a@x.test"])).send(&httpd).expect_status(202);
    assert_eq!(sendmail.take().len(), 1);
    httpd.expect_log("SM0206");
}
