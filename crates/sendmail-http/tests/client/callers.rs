//! The command lines of real callers, with the messages they write.

use super::gateway::{Gateway, Request};
use super::place::{Place, run};

/// Sends a message with these words; returns what arrived.
fn sent(words: &[&str], message: &str) -> Request {
    let gateway = Gateway::taking();
    let place = Place::new("caller");
    place.settings(&gateway, "");
    let done = run(place.command(words), message.as_bytes());
    assert_eq!((done.status, done.stderr.as_str()), (0, ""), "{words:?}");
    gateway.only()
}

#[test]
fn debians_cron() {
    let message = "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@web1> date\nMIME-Version: 1.0\n\
                   Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\nWed\n.\nmore\n";
    let request = sent(&["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"], message);
    assert_eq!(request.field("envelope-to"), "ops@example.org");
    let text = request.text();
    for part in
        ["To: root <ops@example.org>\n", "From: Cron Daemon <root@example.org>\n", "Auto-Submitted: auto-generated\n"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.ends_with("\n\nWed\n.\nmore\n"), "{text}");
    // MAILTO=a, b
    let request = sent(&["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "a@x.example,", "b@x.example"], message);
    assert_eq!(request.field("envelope-to"), "a@x.example, b@x.example");
}

#[test]
fn cronie() {
    let message = "From: \"(Cron Daemon)\" <root>\nTo: root\nSubject: Cron\nAuto-Submitted: auto-generated\nPrecedence: bulk\n\nout\n";
    let request = sent(&["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"], message);
    assert_eq!((request.field("envelope-to"), request.field("envelope-from")), ("ops@example.org", "root@example.org"));
    assert_eq!(request.text().matches("Auto-Submitted").count(), 1);
}

#[test]
fn at() {
    let request = sent(&["-i", "root"], "Subject: Output from your job        1\nTo: root\n\nout\n.\nmore\n");
    assert_eq!(request.field("envelope-to"), "ops@example.org");
    let text = request.text();
    assert!(text.contains("To: root <ops@example.org>\n") && text.ends_with("\n\nout\n.\nmore\n"), "{text}");
}

#[test]
fn php_mixes_line_ends() {
    let message = "To: wendy@example.net\r\nSubject: Hi\r\nX-PHP-Originating-Script: 0:a.php\r\nBcc: bob@example.net\r\n\r\nbody\nof\r\nboth\n";
    let request = sent(&["-t", "-i", "-fbounce@example.org"], message);
    assert_eq!(
        (request.field("envelope-to"), request.field("envelope-from")),
        ("wendy@example.net, bob@example.net", "bounce@example.org")
    );
    let text = request.text();
    assert!(text.ends_with("\n\nbody\nof\nboth\n") && !text.contains("bob") && !text.contains('\r'), "{text}");
}

#[test]
fn fail2ban_without_i() {
    let message = "Subject: [Fail2Ban] sshd: banned\nFrom: Fail2Ban <fail2ban>\nTo: root@example.org\n\nHi,\n\nRegards,\nFail2Ban\n.\nnever\n";
    let request = sent(&["-f", "fail2ban", "root@example.org"], message);
    assert_eq!(
        (request.field("envelope-to"), request.field("envelope-from")),
        ("root@example.org", "fail2ban@example.org")
    );
    assert!(request.text().ends_with("Regards,\nFail2Ban\n"), "{}", request.text());
    assert!(request.text().contains("From: Fail2Ban <fail2ban@example.org>\n"), "{}", request.text());
}

#[test]
fn mutt_asks_for_reports() {
    let words = [
        "-oem",
        "-oi",
        "-f",
        "me@example.org",
        "-N",
        "failure,delay",
        "-R",
        "hdrs",
        "-V",
        "abc",
        "--",
        "wendy@example.net",
    ];
    let request = sent(&words, "To: wendy@example.net\nBcc: bob@example.net\n\nx\n");
    assert_eq!(request.field("envelope-to"), "wendy@example.net");
    let dsn = ["envelope-notify", "envelope-ret", "envelope-id"].map(|name| request.field(name));
    assert_eq!(dsn, ["failure,delay", "hdrs", "abc"]);
    assert!(!request.text().contains("bob"));
}

#[test]
fn git_nodemailer_ruby_python_and_the_rest() {
    let message = "From: A <a@example.org>\nTo: B <b@example.net>\n\nx\n";
    for words in [
        "-f a@example.org -i b@example.net",
        "-i -f a@example.org -- b@example.net",
        "-t -oi -oem -fa@example.org",
        "-oi -t -fa@example.org",
        "-i -f<a@example.org> b@example.net",
        "-a account -f a@example.org b@example.net",
        "-oMr smtp -f a@example.org b@example.net",
        "-h 5 -d 7 -e m -Oa=b -oX -f a@example.org b@example.net",
    ] {
        let request = sent(&words.split_whitespace().collect::<Vec<_>>(), message);
        assert_eq!(
            (request.field("envelope-to"), request.field("envelope-from")),
            ("b@example.net", "a@example.org"),
            "{words}"
        );
    }
    // A null sender.
    for words in [&["-f", "", "b@example.net"][..], &["-f", "<>", "b@example.net"], &["-f<>", "b@example.net"]] {
        assert_eq!(sent(words, message).field("envelope-from"), "<>", "{words:?}");
    }
}

#[test]
fn the_request_is_what_the_gateway_expects() {
    let request = sent(&["-i", "wendy@example.net"], "Subject: x\n\nbody\n");
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/mail"));
    assert_eq!(request.field("content-type"), "message/rfc822");
    assert_eq!(request.field("content-length"), request.body.len().to_string());
    let key = request.field("idempotency-key").trim_matches('"').to_owned();
    assert_eq!(key.split('.').next().unwrap().len(), 32, "{key}");
    assert!(request.text().contains(&format!("Message-ID: <{key}@")), "{}", request.text());
    assert_eq!(request.field("expect"), "");
    assert!(request.field("accept").contains("application/problem+json"));
    for name in ["to", "cc", "bcc", "from", "sender", "reply-to"] {
        assert_eq!(request.field(name), "", "{name}");
    }
}

#[test]
fn strange_messages_arrive_as_they_are() {
    let long = "x".repeat(100_000);
    for (message, body) in [
        ("Subject: no end", ""),
        ("no header at all\nline\n", "no header at all\nline\n"),
        ("", ""),
        ("\n\nonly a body\n", "\nonly a body\n"),
        ("From peter Mon Jan  1 00:00:00 2024\nSubject: mbox\n\nFrom here\n", "From here\n"),
        ("Subject: nul\n\na\0b\n", "a\0b\n"),
        (&format!("Subject: long\n\n{long}\n"), &format!("{long}\n")),
    ] {
        let request = sent(&["-i", "wendy@example.net"], message);
        let text = request.text();
        let (_, rest) = text.split_once("\n\n").unwrap();
        assert_eq!(rest, body, "{message}");
    }
}
