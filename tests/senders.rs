//! Which statements about the sender count: a certificate only if it was verified, a login only as one value.

use crate::support::{Certificates, Httpd, Request, Response, Sendmail};

/// The location asks for a client certificate, and accepts anybody's.
fn asked(sendmail: &Sendmail, certificates: &Certificates, settings: &str) -> Httpd {
    let name = sendmail.program().display().to_string();
    let fixed = "SetHandler sendmail\nSendmailRecipients example.test\nSendmailArguments -t -i -f bounces@example.test";
    let location = format!("<Location /mail>\n{fixed}\nSendmailName \"{name}\"\n{settings}\n</Location>");
    let builder = Httpd::builder().modules(&["auth_basic", "authn_file"]);
    std::fs::write(builder.root().join("users"), "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    builder.tls(certificates, &format!("SSLVerifyClient optional_no_ca\n{location}")).start()
}

const LOGIN: &str = "AuthType Basic\nAuthName mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user";

#[test]
fn a_certificate_that_nobody_has_verified_vouches_for_nothing() {
    let (sendmail, certificates) = (Sendmail::new(), Certificates::new());
    let name = "/CN=Boss/emailAddress=boss@example.test";
    let (verified, forged) = (certificates.client("boss", name), certificates.self_signed("forged", name));
    for (settings, tag) in [
        ("SendmailSenderMail SSL_CLIENT_S_DN_Email", "SM0202"),
        ("SendmailSenderMail \"%{SSL_CLIENT_S_DN_Email}\"", "SM0202"),
        ("SendmailSenderMail \"%{tolower:%{SSL_CLIENT_S_DN_Email}}\"", "SM0202"),
        ("SSLOptions +StdEnvVars\nSendmailSenderMail \"%{reqenv:SSL_CLIENT_S_DN_Email}\"", "SM0202"),
        ("SendmailSenderMail boss@example.test\nSendmailSenderName SSL_CLIENT_S_DN_CN", "SM0202"),
        ("SSLUserName SSL_CLIENT_S_DN_Email\nSendmailSenderMail REMOTE_USER", "SM0202"),
        ("SSLUserName SSL_CLIENT_S_DN_Email\nSendmailSenderMail \"%{REMOTE_USER}\"", "SM0202"),
        ("SendmailArguments -t -i -f \"%{SSL_CLIENT_S_DN_Email}\"", "SM0203"),
    ] {
        let httpd = asked(&sendmail, &certificates, settings);
        let mail = Request::mail("/mail");
        mail.send_tls(&httpd, &certificates, Some(&verified)).expect_status(202);
        let message = sendmail.take().pop().expect("one message");
        let (text, arguments) = (message.text(), message.arguments().join(" "));
        assert!(text.contains("boss@example.test") || arguments.contains("boss@example.test"), "{settings}: {text}");
        mail.send_tls(&httpd, &certificates, Some(&forged)).expect_status(403);
        assert_eq!(sendmail.starts(), 0, "{settings}");
        let log = httpd.error_log();
        let complaint = log.lines().find(|line| line.contains(tag)).unwrap_or_default();
        let by_user = settings.contains("SenderMail REMOTE_USER"); // nobody is logged in
        assert!(by_user || complaint.contains("verified") && complaint.contains("SSLVerifyClient require"), "{log}");
        httpd.expect_log(tag);
    }
}

/// A password counts, whatever certificate comes with it.
#[test]
fn a_login_counts_beside_a_certificate_that_nobody_has_verified() {
    let (sendmail, certificates) = (Sendmail::new(), Certificates::new());
    let forged = certificates.self_signed("forged", "/CN=Boss/emailAddress=boss@example.test");
    let settings = format!("{LOGIN}\nSendmailSenderMail REMOTE_USER\nSendmailDomain example.test");
    let httpd = asked(&sendmail, &certificates, &settings);
    let send = |request: Request| -> Response { request.send_tls(&httpd, &certificates, Some(&forged)) };
    send(Request::mail("/mail").header("Authorization", "Basic YWxpY2U6c2VjcmV0")).expect_status(202);
    assert!(sendmail.take().pop().expect("one message").text().contains("From: alice@example.test"));
    send(Request::mail("/mail")).expect_status(401);
    assert_eq!(sendmail.starts(), 0);
}

#[test]
fn a_login_that_looks_like_two_is_one() {
    let sendmail = Sendmail::new();
    let builder = Httpd::builder().modules(&["auth_basic", "authn_file"]);
    let hash = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
    std::fs::write(builder.root().join("users"), format!("ceo:{hash}\nceo; mallory:{hash}\n")).unwrap();
    let name = sendmail.program().display().to_string();
    let settings =
        "SendmailArguments -t -i -f bounces@example.test\nSendmailSenderMail REMOTE_USER\nSendmailDomain example.test";
    let settings = format!("{LOGIN}\nSetHandler sendmail\nSendmailName \"{name}\"\n{settings}");
    let httpd = builder.location("/mail", &settings).start();
    let mail = |login: &str| Request::mail("/mail").header("Authorization", format!("Basic {login}"));
    mail("Y2VvOnNlY3JldA==").send(&httpd).expect_status(202); // ceo:secret
    assert!(sendmail.take().pop().expect("one message").text().contains("From: ceo@example.test"));
    mail("Y2VvOyBtYWxsb3J5OnNlY3JldA==").send(&httpd).expect_status(403); // ceo; mallory:secret
    assert_eq!(sendmail.starts(), 0);
    httpd.expect_log("SM0202");
}

/// In each input format: the fields of a request, a whole message with or without its own envelope, JSON.
#[test]
fn nobody_sends_as_somebody_that_sendmail_senders_does_not_cover() {
    let sendmail = Sendmail::new();
    let settings = "SendmailSenders noreply@example.test .sub.example.test\nSendmailInputs fields mime resend\nSendmailArguments -i --";
    let httpd = Httpd::builder().mail(&sendmail, settings).start().allowing("SM0814");
    let fields = |from: &str, sender: &str| {
        let request = Request::mail("/mail").without("From").header("From", from);
        if sender.is_empty() { request } else { request.header("Sender", sender) }
    };
    let mime = |from: &str, envelope: &str| {
        let request = Request::post("/mail").header("Content-Type", "message/rfc822").header("Envelope-To", "a@x.test");
        let request = request.header("Envelope-From", envelope);
        request.body(format!("From: {from}\nTo: a@x.test\nSubject: s\n\nt\n"))
    };
    let json = |from: &str| {
        let body = format!(r#"{{"from":"{from}","to":"a@x.test","text":"t"}}"#);
        Request::post("/mail/emails").header("Content-Type", "application/json").body(body)
    };
    let own = "NoReply@example.test";
    for request in [
        fields("A <noreply@example.test>", ""),
        fields("b@a.sub.example.test", own),
        mime(own, own),
        mime(own, "<>"),
        json("A <noreply@example.test>"),
    ] {
        let answer = request.send(&httpd);
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
        assert_eq!(sendmail.take().len(), 1);
    }
    for request in [
        fields("billing@example.test", ""),
        fields("noreply@sub.example.test", ""),
        fields(own, "ceo@elsewhere.test"),
        mime("ceo@elsewhere.test", own),
        mime(own, "ceo@elsewhere.test"),
        json("ceo@elsewhere.test"),
    ] {
        let answer = request.send(&httpd).expect_status(403);
        assert!(answer.shows(b"is not allowed here"), "{}", answer.text());
        assert_eq!(sendmail.starts(), 0);
    }
    httpd.expect_log("SM0208");
}
