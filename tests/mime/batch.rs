//! `application/batch-SMTP` (RFC 2442): the envelope stands before the message in the body.

use crate::support::{Httpd, Request, Sendmail};

const APPENDS: &str = "SendmailInputs fields mime\nSendmailArguments -i --\nSendmailRecipients example.test";

const GOOD: &str = "EHLO me\r\nMAIL FROM:<b@example.test> SIZE=100\r\nRCPT TO:<x@example.test>\r\nRCPT TO:<y@example.test>\r\nDATA\r\n\
                    From: f@example.test\r\nTo: list@example.test\r\nSubject: s\r\n\r\n..one dot\r\n.\r\nQUIT\r\n";

fn batch(body: impl Into<Vec<u8>>) -> Request {
    Request::post("/mail").header("Content-Type", "application/batch-SMTP").body(body)
}

#[test]
fn a_transaction_goes_to_whom_its_envelope_names() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, APPENDS).start().allowing("SM0814");
    let without_quit = GOOD.replace("QUIT\r\n", "");
    for body in
        [GOOD.to_owned(), GOOD.replace("\r\n", "\n"), GOOD.replace("EHLO", "helo"), without_quit, format!("{GOOD}\r\n")]
    {
        let answer = batch(body.clone()).send(&httpd).expect_status(202);
        let sent = sendmail.take().pop().unwrap_or_else(|| panic!("{body}"));
        let recipients: Vec<String> = sent.arguments().into_iter().skip_while(|word| word != "--").skip(1).collect();
        assert_eq!(recipients, ["x@example.test", "y@example.test"]);
        let text = sent.text();
        assert!(text.ends_with("\n\n.one dot\n") && text.contains("To: list@example.test"), "{text}");
        assert!(!text.contains("EHLO") && !text.contains("RCPT") && text.contains(answer.message_id()), "{text}");
    }
}

/// A relay is told the sender, and the reports that are asked for.
#[test]
fn a_relay_is_told_the_whole_envelope() {
    let relay = crate::support::Smtp::start();
    let settings = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailRelay 127.0.0.1:{}\nSendmailInputs mime",
        relay.port()
    );
    let httpd = Httpd::builder().location("/mail", &settings).start().allowing("SM0814");
    batch(GOOD).send(&httpd).expect_status(202);
    batch(GOOD.replace("<b@example.test> SIZE=100", "<>")).send(&httpd).expect_status(202);
    let taken = relay.take();
    let senders: Vec<&str> = taken.iter().map(|message| message.mail.split(['<', '>']).nth(1).unwrap()).collect();
    assert_eq!(senders, ["b@example.test", ""]);
}

/// What replaces what in [`GOOD`], the status, what the answer says.
const ROWS: &[(&str, &str, u16, &str)] = &[
    ("EHLO me\r\n", "", 400, "refused: "),
    ("EHLO", "HALLO", 400, "refused: "),
    ("EHLO me\r\n", "EHLO me\r\nAUTH PLAIN AGEAYg==\r\n", 400, "refused: "),
    ("EHLO me\r\n", "EHLO me\r\nSTARTTLS\r\n", 400, "refused: "),
    ("MAIL FROM:<b@example.test> SIZE=100\r\n", "", 400, "refused: "),
    ("<b@example.test>", "b c", 400, "refused: "),
    ("SIZE=100", "SIZE=x", 400, "Parameter SIZE"),
    ("SIZE=100", "SMTPUTF8", 400, "SMTPUTF8 is not supported here"),
    ("SIZE=100", "FUTURE=1", 400, "Parameter FUTURE is not known here"),
    ("RCPT TO:<x@example.test>", "RCPT TO:<x example.test>", 400, "refused: "),
    ("RCPT TO:<x@example.test>", "RCPT TO:<>", 400, "refused: "),
    ("RCPT TO:<x@example.test>", "RCPT TO:<x@example.test> NOTIFY=always", 400, "Parameter NOTIFY"),
    ("RCPT TO:<x@example.test>", "RCPT TO:<x@example.test> NOTIFY=NEVER", 400, "another NOTIFY"),
    ("RCPT TO:<x@example.test>", "RCPT TO:<x@elsewhere.test>", 403, "x@elsewhere.test is not allowed"),
    ("RCPT TO:<x@example.test>\r\nRCPT TO:<y@example.test>\r\n", "", 400, "refused: "),
    ("DATA\r\n", "", 400, "refused: "),
    ("DATA\r\n", "RSET\r\nDATA\r\n", 400, "refused: "),
    (".\r\nQUIT\r\n", "", 400, "ends before its message does"),
    ("QUIT", "MAIL FROM:<>", 400, "there is more than one"),
    ("QUIT\r\n", "QUIT\r\nSubject: lost\r\n", 400, "more stands behind QUIT"),
    ("..one dot", ".\r\none dot", 400, "refused: "),
    ("From: f@example.test\r\n", "no header\r\n", 400, "does not begin with a header"),
    ("From: f@example.test", "From: f@", 400, "From: "),
];

#[test]
fn what_is_no_single_transaction_is_refused_and_nothing_is_sent() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, APPENDS).start().allowing("SM0");
    batch(GOOD).send(&httpd).expect_status(202);
    assert_eq!(sendmail.take().len(), 1);
    let mut faults = Vec::new();
    let mut judge = |what: &str, request: Request, status: u16, says: &str| {
        let answer = request.header("Accept", "text/plain").send(&httpd);
        if answer.status != status || !answer.text().contains(says) || sendmail.starts() > 0 {
            faults.push(format!("{what:?}: {} {} sent: {}", answer.status, sendmail.take().len(), answer.text()));
        }
    };
    for (old, new, status, says) in ROWS {
        assert!(GOOD.contains(old), "{old}");
        judge(new, batch(GOOD.replacen(old, new, 1)), *status, says);
    }
    judge("twice", batch(format!("{}{GOOD}", GOOD.replace("QUIT\r\n", ""))), 400, "there is more than one");
    judge("empty", batch(""), 400, "ends before its message does");
    for name in ["Envelope-To", "Envelope-From", "Envelope-Notify", "Envelope-Ret", "Envelope-Id", "To", "Bcc"] {
        judge(name, batch(GOOD).header(name, "z@example.test"), 400, &format!("{name} stands in the request"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let reading = Httpd::builder().mail(&sendmail, "SendmailInputs mime").start().allowing("SM0");
    batch(GOOD).send(&reading).expect_status(500);
    let elsewhere = Httpd::builder().mail(&sendmail, "").start().allowing("SM0");
    batch(GOOD).header("To", "a@example.test").send(&elsewhere).expect_status(202);
    let attached = sendmail.take().pop().unwrap();
    assert!(attached.text().to_lowercase().contains("\ncontent-type: application/batch-smtp"), "{}", attached.text());
    assert_eq!(attached.arguments().last().unwrap(), "-i", "a file, as ever");
}
