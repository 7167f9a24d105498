//! A real Postfix as the relay.

use super::relaying;
use crate::programs::{promised, steady};
use crate::support::place::{Place, mode};
use crate::support::process::required;
use crate::support::{Certificates, Mpm, Postfix, Request};
use std::io::Write;
use std::process::{Command, Stdio};
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

/// The sender's address contains the envelope id only to show what it was. RET applies only to failures (RFC 3461 4.3).
#[test]
fn postfix_reports_what_it_was_asked_to_under_the_envelope_id() {
    let main = "transport_maps = inline:{ {closed.test = smtp:[127.0.0.1]:1} }\nmaximal_queue_lifetime = 1s\n";
    let Some(postfix) = Postfix::start_with(main) else { return };
    let url = format!("127.0.0.1:{}", postfix.port());
    let text = "SendmailRelayFrom user+%{reqenv:SENDMAIL_ENVID}@test.local\nSendmailRelayDSN ";
    let builder = relaying(steady(Mpm::Event), "/headers", &url, &format!("{text}success failure RET=hdrs"));
    let builder = relaying(builder, "/never", &url, &format!("{text}never"));
    let httpd = relaying(builder, "/full", &url, &format!("{text}failure RET=full")).start();
    let post = |path: &str, to: &str| {
        let request = Request::mail(path).without("To").header("To", to);
        request.body("the body of it\n").send(&httpd).expect_status(202);
    };
    for to in ["alice@test.local", "a@closed.test"] {
        post("/never", to);
    }
    let cases = [
        ("/headers", "alice@test.local", "delivered", false),
        ("/headers", "a@closed.test", "failed", false),
        ("/full", "a@closed.test", "failed", true),
    ];
    for (number, (path, to, action, whole)) in cases.into_iter().enumerate() {
        post(path, to);
        let reports = postfix.wait_for_mail("user", number + 1, PATIENCE);
        let text = String::from_utf8_lossy(&reports[number]);
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let envid = field("Original-Envelope-Id:");
        assert_eq!(envid.len(), 32, "{text}");
        assert_eq!(field("Delivered-To:"), format!("user+{envid}@test.local"), "{text}");
        assert_eq!((field("Action:"), text.contains("the body of it")), (action, whole), "{text}");
    }
    postfix.wait_until_idle(PATIENCE);
    assert_eq!(postfix.mail("user").len(), cases.len(), "{}", postfix.log());
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

/// Cyrus SASL behind it, with a database of one user.
#[test]
fn postfix_relays_for_who_has_the_password_alone() {
    let certificates = Certificates::new();
    let sasl = Place::new("sasl");
    let database = sasl.path().join("sasldb2");
    let mut command = Command::new(required("saslpasswd2", "sasl2-bin"));
    command.args(["-p", "-c", "-u", "test.local", "-f"]).arg(&database).arg("me").stdin(Stdio::piped());
    let mut program = command.spawn().unwrap();
    program.stdin.take().unwrap().write_all(b"geheim").unwrap();
    assert!(program.wait().unwrap().success());
    mode(&database, 0o644);
    let library = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
        database.display()
    );
    sasl.write("smtpd.conf", &library);
    let server = certificates.server();
    let main = format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\nsmtpd_tls_auth_only = yes\n\
         smtpd_sasl_auth_enable = yes\nsmtpd_sasl_local_domain = test.local\ncyrus_sasl_config_path = {}\n\
         smtpd_recipient_restrictions = permit_sasl_authenticated, reject\nmax_use = 1\n",
        server.certificate.display(),
        server.key.display(),
        sasl.path().display()
    );
    let Some(postfix) = Postfix::start_with(&main) else { return };
    // Debian's smtpd looks here instead; a process started earlier has served its one client.
    std::fs::create_dir(postfix.root().join("etc/sasl")).unwrap();
    std::fs::write(postfix.root().join("etc/sasl/smtpd.conf"), &library).unwrap();
    let authority = format!("SendmailRelayCAFile \"{}\"", certificates.authority().display());
    let mut builder = steady(Mpm::Event);
    for (path, user) in [("/right", "me:geheim@"), ("/wrong", "me:falsch@"), ("/none", "")] {
        builder = relaying(builder, path, &format!("smtp://{user}localhost:{}", postfix.port()), &authority);
    }
    let httpd = builder.start();
    for (path, status) in [("/right", 202), ("/wrong", 500), ("/none", 400), ("/right", 202)] {
        let response = Request::mail(path).without("To").header("To", "alice@test.local").send(&httpd);
        assert_eq!(promised(&response), status, "{path}\n{}", httpd.error_log());
    }
    postfix.wait_for_mail("alice", 2, PATIENCE);
    postfix.wait_until_idle(PATIENCE);
    assert_eq!(postfix.mail("alice").len(), 2);
    let log = httpd.error_log();
    assert!(log.contains("verify=ok auth=PLAIN") && !log.contains("geheim") && !log.contains("falsch"), "{log}");
    httpd.expect_log("535 5.7.8");
    httpd.expect_log("SM0408");
}
