//! mod_submission in a real httpd: real mail clients send through it, and nobody else does.

mod applications;
mod clients;
mod dsn;
mod endure;
mod hostile;
mod limits;
mod settings;
mod twice;

use crate::support::artifacts::artifacts;
use crate::support::httpd_config::Builder;
use crate::support::place::free_port;
use crate::support::{Httpd, Mpm, Smtp};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// An SMTP server on this port, with text for its virtual host.
fn submission(builder: Builder, port: u16, text: &str) -> Builder {
    submission_of(builder, &artifacts().module, port, text)
}

/// The same with this build of the module.
fn submission_of(builder: Builder, module: &Path, port: u16, text: &str) -> Builder {
    let listen = format!("Listen 127.0.0.1:{port} smtp\nAcceptFilter smtp none");
    let host = format!(
        "<VirtualHost 127.0.0.1:{port}>\nServerName smtp.gateway.test\nSubmissionEnable On\n{text}\n</VirtualHost>"
    );
    builder.load("submission_module", module).config(&listen).config(&host)
}

/// This machine may send, to this relay.
fn open(builder: Builder, port: u16, relay: &Smtp, text: &str) -> Builder {
    submission(builder, port, &location(relay, text))
}

fn location(relay: &Smtp, text: &str) -> String {
    format!("<Location \"/\">\nRequire local\nSendmailRelay 127.0.0.1:{}\n{text}\n</Location>", relay.port())
}

/// Clients that authenticate as `user` may send.
fn users(builder: Builder, port: u16, relay: &Smtp, text: &str) -> Builder {
    // {SHA} of "secret".
    let file = builder.root().join("users");
    std::fs::write(&file, "user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    let location = format!(
        "{text}\n<Location \"/\">\nAuthType Basic\nAuthName mail\nAuthBasicProvider file\nAuthUserFile \"{}\"\nRequire valid-user\n\
         SendmailRelay 127.0.0.1:{}\n</Location>",
        file.display(),
        relay.port()
    );
    submission(builder.modules(&["auth_basic", "authn_file"]), port, &location)
}

/// The words of `user` and `secret` for AUTH PLAIN.
const GOOD: &str = "AUTH PLAIN AHVzZXIAc2VjcmV0";
const WRONG: &str = "AUTH PLAIN AHVzZXIAd3Jvbmc=";

/// A client that sends what it is told.
struct Dialogue(TcpStream);

impl Dialogue {
    fn connect(port: u16) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Dialogue(socket)
    }

    /// Connected and greeted.
    #[track_caller]
    fn greeted(port: u16) -> Self {
        let mut dialogue = Self::connect(port);
        dialogue.expect("220 smtp.gateway.test ESMTP");
        dialogue
    }

    fn send(&mut self, octets: impl AsRef<[u8]>) {
        // The server may have closed; its reply tells.
        let _ = self.0.write_all(octets.as_ref());
    }

    /// The last line of the next reply.
    fn reply(&mut self) -> String {
        let mut line = Vec::new();
        let mut octet = [0];
        loop {
            match self.0.read(&mut octet) {
                Ok(0) => return "closed".to_owned(),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return "silent".to_owned();
                }
                Err(_) => return "closed".to_owned(),
            }
            line.push(octet[0]);
            if line.ends_with(b"\r\n") {
                if line.get(3) != Some(&b'-') {
                    return String::from_utf8_lossy(&line).trim_end().to_owned();
                }
                line.clear();
            }
        }
    }

    /// Every line up to the reply to NOOP.
    fn lines(&mut self) -> Vec<String> {
        let (mut octets, mut octet) = (Vec::new(), [0]);
        while !octets.ends_with(b"250 2.0.0 Ok\r\n") && matches!(self.0.read(&mut octet), Ok(1)) {
            octets.push(octet[0]);
        }
        String::from_utf8_lossy(&octets).lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn expect(&mut self, start: &str) {
        let reply = self.reply();
        assert!(reply.starts_with(start), "wanted {start}, got {reply}");
    }

    /// Sends a line and checks the start of the reply.
    #[track_caller]
    fn say(&mut self, line: &str, start: &str) {
        self.send(format!("{line}\r\n"));
        let reply = self.reply();
        assert!(reply.starts_with(start), "{line}: wanted {start}, got {reply}");
    }

    /// Sends a whole message to `b@b.test`, after EHLO; returns the last reply.
    #[track_caller]
    fn message(&mut self) -> String {
        self.say("MAIL FROM:<a@a.test>", "250");
        self.say("RCPT TO:<b@b.test>", "250");
        self.say("DATA", "354");
        self.send("From: a@a.test\r\nTo: b@b.test\r\nSubject: x\r\n\r\nHi\r\n.\r\n");
        self.reply()
    }
}

#[test]
fn httpd_says_who_may_send() {
    let (relay, port) = (Smtp::start(), free_port());
    let httpd = users(Httpd::builder(), port, &relay, "SubmissionLoopbackAuth On").start();
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250 ENHANCEDSTATUSCODES");
    dialogue.say("MAIL FROM:<a@a.test>", "530 5.7.0");
    dialogue.say(WRONG, "535 5.7.8");
    dialogue.say("MAIL FROM:<a@a.test>", "530 5.7.0");
    // With a colon it would be another name and password.
    dialogue.say("AUTH PLAIN AHVzZXI6c2VjcmV0AHg=", "535 5.7.8");
    dialogue.say(GOOD, "235");
    assert!(dialogue.message().starts_with("250 2.0.0 Taken as <"));
    assert!(dialogue.message().starts_with("250 2.0.0 Taken as <"));
    assert_eq!(relay.take().len(), 2);
    assert!(httpd.error_log().contains("user=user"), "{}", httpd.error_log());
    httpd.expect_log("AH01617");
}

#[test]
fn passwords_are_taken_over_tls_alone_unless_loopback_is_trusted() {
    let (relay, port) = (Smtp::start(), free_port());
    let _httpd = users(Httpd::builder(), port, &relay, "").start();
    let mut dialogue = Dialogue::greeted(port);
    dialogue.send("EHLO me\r\n");
    dialogue.expect("250 ENHANCEDSTATUSCODES");
    dialogue.say(GOOD, "538 5.7.11");
    dialogue.say("MAIL FROM:<a@a.test>", "530");
}

#[test]
fn who_is_not_let_in_gets_no_greeting() {
    let (relay, port) = (Smtp::start(), free_port());
    let location =
        format!("<Location \"/\">\nRequire ip 192.0.2.1\nSendmailRelay 127.0.0.1:{}\n</Location>", relay.port());
    let httpd = submission(Httpd::builder(), port, &location).start();
    let mut dialogue = Dialogue::connect(port);
    dialogue.expect("554 5.7.1");
    dialogue.expect("closed");
    httpd.expect_log("AH01630");
}

#[test]
fn the_envelope_says_who_gets_it() {
    let (relay, port) = (Smtp::start(), free_port());
    let httpd = open(Httpd::builder(), port, &relay, "SendmailRecipients b.test .b.test").start();
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    dialogue.say("MAIL FROM:<bounces@a.test>", "250");
    dialogue.say("RCPT TO:<other@evil.test>", "550 5.7.1");
    dialogue.say("RCPT TO:<hidden@b.test>", "250");
    dialogue.say("RCPT TO:<c@sub.b.test>", "250");
    dialogue.say("DATA", "354");
    dialogue.send("From: a@a.test\r\nTo: seen@b.test\r\nBcc: blind@b.test\r\nSubject: x\r\n y\r\n\r\n..dot\r\n.\r\n");
    dialogue.expect("250 2.0.0 Taken as <");
    let taken = relay.take();
    let [taken] = &taken[..] else { panic!("{} messages", taken.len()) };
    assert!(taken.mail.starts_with("MAIL FROM:<bounces@a.test>"), "{}", taken.mail);
    let rcpts: Vec<_> = taken.rcpts.iter().map(|rcpt| rcpt.split([' ', '\r']).nth(1).unwrap().to_owned()).collect();
    assert_eq!(rcpts, ["TO:<hidden@b.test>", "TO:<c@sub.b.test>"]);
    let text = String::from_utf8_lossy(&taken.octets);
    assert!(
        text.contains("To: seen@b.test\r\n") && text.contains("Subject: x y\r\n") && text.contains("\r\n.dot\r\n"),
        "{text}"
    );
    assert!(!text.contains("hidden") && !text.contains("blind") && text.contains(" with ESMTP id "), "{text}");
    drop(httpd);
}

#[test]
fn nobody_sends_as_somebody_that_sendmail_senders_does_not_cover() {
    let (relay, port) = (Smtp::start(), free_port());
    let httpd = open(Httpd::builder(), port, &relay, "SendmailSenders a.test").start();
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    dialogue.say("MAIL FROM:<ceo@elsewhere.test>", "550 5.7.1");
    for (sender, author, reply) in [
        ("bounces@a.test", "me@a.test", "250"),
        ("", "me@a.test", "250"),
        ("bounces@a.test", "ceo@elsewhere.test", "550 5.7.1"),
    ] {
        dialogue.say(&format!("MAIL FROM:<{sender}>"), "250");
        dialogue.say("RCPT TO:<b@b.test>", "250");
        dialogue.say("DATA", "354");
        dialogue.send(format!("From: {author}\r\nTo: b@b.test\r\n\r\nx\r\n.\r\n"));
        dialogue.expect(reply);
        assert_eq!(relay.take().len(), usize::from(reply == "250"), "{sender} {author}");
    }
    httpd.expect_log("SM0208");
}

#[test]
fn no_field_of_the_header_changes_who_gets_it_or_whether() {
    let (relay, port) = (Smtp::start(), free_port());
    let _httpd = open(Httpd::builder(), port, &relay, "SendmailPassHeaders From To\nSendmailDryRun request").start();
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    dialogue.say("MAIL FROM:<>", "250");
    dialogue.say("RCPT TO:<hidden@b.test>", "250");
    dialogue.say("DATA", "354");
    dialogue.send("From: a@a.test\r\nTo: b@b.test\r\nPrefer: sendmail-dry-run\r\nBcc: c@b.test\r\n\r\nHi\r\n.\r\n");
    dialogue.expect("250");
    let taken = relay.take();
    assert_eq!(taken.len(), 1, "a dry run");
    assert!(taken[0].mail.starts_with("MAIL FROM:<>"), "{}", taken[0].mail);
    assert!(taken[0].rcpts.len() == 1 && taken[0].rcpts[0].contains("hidden@b.test"), "{:?}", taken[0].rcpts);
}

#[test]
fn with_an_authenticated_sender_no_session_chooses_another() {
    let (relay, port) = (Smtp::start(), free_port());
    let text = "SubmissionLoopbackAuth On\nSendmailSenderMail REMOTE_USER\nSendmailDomain a.test";
    let _httpd = users(Httpd::builder(), port, &relay, text).start();
    let mut dialogue = Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    dialogue.say(GOOD, "235");
    dialogue.say("MAIL FROM:<ceo@a.test>", "250");
    dialogue.say("RCPT TO:<b@b.test>", "250");
    dialogue.say("DATA", "354");
    dialogue.send("From: ceo@a.test\r\nTo: b@b.test\r\n\r\nHi\r\n.\r\n");
    dialogue.expect("250");
    let taken = relay.take();
    assert!(taken[0].mail.starts_with("MAIL FROM:<user@a.test>"), "{}", taken[0].mail);
    let text = String::from_utf8_lossy(&taken[0].octets);
    assert!(text.contains("From: user@a.test\r\n") && text.contains("Reply-To: ceo@a.test\r\n"), "{text}");
}

#[test]
fn every_mpm_takes_mail_and_stops_with_a_word() {
    for mpm in Mpm::ALL {
        let (relay, port) = (Smtp::start(), free_port());
        let mut httpd = open(Httpd::builder().mpm(mpm), port, &relay, "").start();
        let mut dialogue = Dialogue::greeted(port);
        dialogue.say("EHLO me", "250");
        assert!(dialogue.message().starts_with("250"), "{mpm:?}");
        let mut busy = Dialogue::greeted(port);
        busy.say("EHLO me", "250");
        busy.say("MAIL FROM:<a@a.test>", "250");
        busy.say("RCPT TO:<b@b.test>", "250");
        busy.say("DATA", "354");
        busy.send("From: a@a.test\r\n");
        httpd.graceful();
        // Between messages the session ends with a reply, and the client comes back; a message that was begun is read to its end.
        dialogue.expect("421 4.3.2");
        dialogue.expect("closed");
        busy.send("\r\nHi\r\n.\r\n");
        busy.expect("250 2.0.0 Taken");
        busy.expect("421 4.3.2");
        let mut dialogue = Dialogue::greeted(port);
        dialogue.say("EHLO me", "250");
        assert!(dialogue.message().starts_with("250"), "{mpm:?}");
        assert_eq!(relay.take().len(), 3, "{mpm:?}");
        assert!(httpd.graceful_stop().success());
        dialogue.expect("421 4.3.2");
    }
}
