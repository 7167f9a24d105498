//! No line of the error log names a Bcc recipient: not in the module's messages about the field, not in what a program repeats.

use crate::support::{Behaviour, Httpd, Request, Sendmail};

const DOMAIN: &str = "SendmailDomain example.test";

#[test]
fn no_log_repeats_whom_a_program_names_of_bcc() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, DOMAIN).start();
    let long = format!("{} bob@hidden.test", "x".repeat(1985)); // longer than what is logged
    for (bcc, words, hidden) in [
        ("bob@hidden.test", "fine; bob@hidden.test... User unknown", &["bob@"][..]),
        ("Bob@Hidden.test", "fine; <BOB@HIDDEN.TEST>: refused for bob@hidden.test", &["bob@", "hidden"]),
        ("a@hidden.test, b@hidden.test", "fine; Bcc: a@hidden.test,\n b@hidden.test", &["hidden"]),
        ("root", "fine; root... User unknown, root@example.test", &["root"]),
        ("bob@b\u{fc}cher.test", "fine; bob@xn--bcher-kva.test bob@b\u{fc}cher.test", &["bob@", "cher"]),
        ("Robert Tables <bob@hidden.test>", "fine; Robert Tables is not here", &["tables"]),
        ("bob@hidden.test", &long, &["bob"]),
    ] {
        for (code, tag) in [(0, "SM0003"), (65, "SM0401"), (70, "SM0402"), (75, "SM0403"), (1, "SM0407")] {
            // A complaint about one address: others may have the message.
            let tag = if words.contains("... User") && !matches!(code, 0 | 75) { "SM0407" } else { tag };
            sendmail.behave(&Behaviour::new().reads_all().complains(words).exits(code));
            Request::mail("/mail").send(&httpd);
            Request::mail("/mail").header("Bcc", bcc).send(&httpd);
            let log = httpd.error_log().to_lowercase();
            let mut lines = log.lines().rev().filter(|line| line.contains(&tag.to_lowercase()));
            let (redacted, plain) = (lines.next().expect("of the second"), lines.next().expect("of the first"));
            for secret in hidden {
                assert!(plain.contains(secret), "without Bcc it is a word like others: {plain}");
                assert!(!redacted.contains(secret), "{bcc}: {redacted}");
            }
            assert!(
                redacted.contains("(recipient)") && redacted.contains(words.split_once(' ').unwrap().0),
                "{redacted}"
            );
            httpd.expect_log(tag);
        }
    }
}

#[test]
fn an_address_that_cannot_stand_in_a_mail_is_for_the_client_alone() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, DOMAIN).start();
    Request::mail("/mail").header("Bcc", "bob@hidden.test").send(&httpd).expect_status(202);
    for (field, value, tag) in [
        ("Bcc", &b"bob@hidden.test\x85"[..], "SM0101"),
        ("bcc", b"bob@hidden.test =?utf-8?Q?=0A?=", "SM0101"),
        ("Bcc", b"bob@hidden.test;", "SM0105"),
        ("To", b"bob@hidden.test\x85", "SM0101"),
        ("Sender", b"bob@hidden.test\x85", "SM0101"),
    ] {
        let answer = Request::mail("/mail").without(field).header(field, value).send(&httpd).expect_status(400);
        assert!(
            answer.text().to_lowercase().contains(&field.to_lowercase()),
            "the client learns what is wrong: {}",
            answer.text()
        );
        assert!(!httpd.error_log().contains("hidden.test"), "{}", httpd.error_log());
        httpd.expect_log(tag);
    }
    assert_eq!(sendmail.take().len(), 1);
}
