//! A real Postfix as the relay.

use super::relaying;
use crate::programs::{promised, steady};
use crate::support::{Certificates, Mpm, Postfix, Request};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn postfix_delivers_what_it_was_given_by_smtp() {
    let Some(postfix) = Postfix::start() else { return };
    let url = format!("127.0.0.1:{}", postfix.port());
    let httpd = relaying(steady(Mpm::Event), "/mail", &url, "").start();
    let request = Request::mail("/mail").without("To").without("From").header("From", "user@test.local");
    let request = request.header("To", "alice@test.local").header("Bcc", "bob@test.local");
    let body = "one\n.\n..two\nFrom three\n";
    for _ in 0..3 {
        request.clone().body(body).send(&httpd).expect_status(202);
    }
    for user in ["alice", "bob"] {
        let mail = postfix.wait_for_mail(user, 3, PATIENCE);
        assert_eq!(mail.len(), 3);
        let text = String::from_utf8_lossy(&mail[0]).replace("\r\n", "\n");
        assert!(!text.contains("Bcc") && !text.contains("\r"), "{text}");
        assert!(text.contains("Return-Path: <user@test.local>"), "{text}");
    }
    assert_eq!(httpd.error_log().matches("SM0005").count(), 1, "{}", httpd.error_log());
    let unknown = request.without("Bcc").header("Cc", "nobody-here@test.local");
    let response = unknown.send(&httpd);
    assert_eq!(promised(&response), 400);
    assert!(response.text().contains("nobody-here@test.local"));
    postfix.wait_until_idle(PATIENCE);
    assert_eq!(postfix.mail("alice").len(), 3, "one refused recipient refuses the message for all");
    assert!(!httpd.error_log().contains("nobody-here"));
    httpd.expect_log("SM0408");
}

#[test]
fn postfix_takes_messages_through_verified_starttls() {
    let certificates = Certificates::new();
    let server = certificates.server();
    let main = format!(
        "smtpd_tls_security_level = encrypt\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\nmessage_size_limit = 100000\n",
        server.certificate.display(),
        server.key.display()
    );
    let Some(postfix) = Postfix::start_with(&main) else { return };
    let authority = format!("SendmailRelayCAFile \"{}\"", certificates.authority().display());
    let url = format!("smtp://localhost:{}", postfix.port());
    let httpd = relaying(steady(Mpm::Event), "/mail", &url, &authority).start();
    let request = Request::mail("/mail").without("To").header("To", "alice@test.local");
    request.send(&httpd).expect_status(202);
    postfix.wait_for_mail("alice", 1, PATIENCE);
    assert!(httpd.error_log().contains("verify=ok"), "{}", httpd.error_log());
    let large = request.body("a line of text\n".repeat(10_000)).send(&httpd);
    assert_eq!(promised(&large), 413);
    httpd.expect_log("SM0405");
}
