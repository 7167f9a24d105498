//! Whole messages that cannot be mailed: the status, what the answer says, and nothing sent.

use super::{APPENDS, MESSAGE, message};
use crate::support::{Httpd, Request, Sendmail};

/// A field of the request beside [`MESSAGE`], the status, what the answer says.
const BESIDE: &[(&str, &str, u16, &str)] = &[
    ("To", "z@example.test", 400, "To stands in the request"),
    ("cc", "z@example.test", 400, "Cc stands in the request"),
    ("BCC", "z@example.test", 400, "Bcc stands in the request"),
    ("From", "z@example.test", 400, "From stands in the request"),
    ("Sender", "z@example.test", 400, "Sender stands in the request"),
    ("Reply-To", "z@example.test", 400, "Reply-To stands in the request"),
    ("Envelope-To", "z@example.test|x", 400, "Envelope-To: "),
    ("Envelope-To", "z example.test", 400, "Envelope-To: "),
    ("Envelope-To", "\"z@example.test", 400, "Envelope-To: "),
    ("Envelope-To", "Z <z@example.test", 400, "Envelope-To: "),
    ("Envelope-To", "-oQ/tmp@example.test", 400, "Envelope-To: "),
    ("Envelope-To", "z@elsewhere.test", 403, "z@elsewhere.test is not allowed"),
    ("Envelope-To", "a@example.test, z@elsewhere.test", 403, "z@elsewhere.test is not allowed"),
    ("Envelope-From", "me", 0, ""),
    ("Envelope-From", "me@example.test, you@example.test", 400, "Envelope-From: "),
    ("Envelope-From", "Me <me@example.test>", 400, "Envelope-From: "),
    ("Envelope-From", "me@example.test\x0b", 400, ""),
    ("Envelope-From", "m\u{e9}@example.test", 400, "Envelope-From: "),
    ("Envelope-Notify", "never, success", 400, "Envelope-Notify: write success"),
    ("Envelope-Notify", "always", 400, "Envelope-Notify: write success"),
    ("Envelope-Notify", "success", 400, "reports"),
    ("Envelope-Ret", "all", 400, "Envelope-Ret: write full or hdrs"),
    ("Envelope-Id", "a\tb", 400, "Envelope-Id: "),
    ("Content-Encoding", "gzip", 415, "Content-Encoding"),
    ("Content-Range", "bytes 0-9/20", 400, "Content-Range"),
];

/// What replaces what in [`MESSAGE`], the status, what the answer says.
const INSIDE: &[(&str, &str, u16, &str)] = &[
    ("Received: from there\r\n", "no header\r\n", 400, "does not begin with a header"),
    ("Received: from there\r\n", ": nameless\r\n", 400, "does not begin with a header"),
    ("Received: from there\r\n", "\r\n", 400, "no recipient"),
    ("Subject: ", "Sub ject: ", 400, "Sub ject"),
    ("Subject: ", "Sub\u{e9}ject: ", 400, "Sub"),
    ("Subject: ", "Subject: \x0b", 400, "Subject: control character"),
    ("Subject: ", "Subject: \0", 400, "Subject: control character"),
    ("Subject: ", "Subject: a\rBcc: z@example.test", 400, "Subject: control character"),
    ("To: a@example.test", "To: a@elsewhere.test", 403, "a@elsewhere.test is not allowed"),
    ("Bcc: c@example.test", "Bcc: c@elsewhere.test", 403, "is not allowed"),
    ("To: a@example.test", "To: a b@example.test", 400, "To: "),
    ("To: a@example.test", "To: a@example.test;", 400, "To: "),
    ("To: a@example.test", "To: <a@example.test", 400, "To: "),
    ("To: a@example.test", "To: -f@example.test", 400, "To: "),
    ("From: me@example.test", "From: me@example.test, you@example.test", 400, "From"),
    ("From: me@example.test", "From: me@", 400, "From: "),
    ("From: me@example.test", "From: me@example.test\r\nFrom: you@example.test", 400, "From"),
    ("Cc: b@example.test", "Resent-To: b@example.test", 400, "Resent-To is refused"),
    ("Cc: b@example.test", "Resent-Bcc: b@example.test", 400, "Resent-Bcc is refused"),
    ("User-Agent: mutt", "References: nonsense", 400, "References: "),
    ("User-Agent: mutt", "Message-ID: nonsense", 400, "Message-ID: "),
    ("User-Agent: mutt", "Date: yesterday", 400, "Date: "),
    ("multipart/mixed; boundary=b", "multipart/mixed", 400, "boundary"),
    ("multipart/mixed; boundary=b", "message/partial; id=a", 415, "message/partial"),
];

#[test]
fn what_cannot_be_mailed_as_a_message_is_refused_by_name_and_nothing_is_sent() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, &format!("{APPENDS}\nSendmailRecipients example.test")).start();
    httpd.allow_log("SM0");
    let mut faults = Vec::new();
    let mut judge = |what: String, request: Request, status: u16, says: &str| {
        message("/mail").send(&httpd).expect_status(202);
        assert_eq!(sendmail.take().len(), 1, "the good case");
        let answer = request.header("Accept", "text/plain").send(&httpd);
        let started = sendmail.take().len();
        let good = if status == 0 { answer.status < 300 } else { answer.status == status && started == 0 };
        if !good || !answer.text().contains(says) {
            faults.push(format!("{what}: {} and {started} sent: {}", answer.status, answer.text()));
        }
    };
    for (name, value, status, says) in BESIDE {
        judge(format!("{name}: {value}"), message("/mail").header(name, value), *status, says);
    }
    for (old, new, status, says) in INSIDE {
        assert!(MESSAGE.contains(old), "{old}");
        let body = MESSAGE.replacen(old, new, 1);
        judge(format!("{new:?}"), message("/mail").body(body), *status, says);
    }
    let loops = format!("{}{MESSAGE}", "Received: x\r\n".repeat(60));
    judge("a loop".to_owned(), message("/mail").body(loops), 400, "a loop");
    let long = format!("X-Long: {}\r\n{MESSAGE}", "x ".repeat(200 * 1024));
    judge("a long header".to_owned(), message("/mail").body(long), 400, "256 KiB");
    judge("nothing".to_owned(), message("/mail").body(""), 400, "no recipient");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
