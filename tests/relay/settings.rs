//! The values of a relay's directives, and those that they refuse.

use super::{relaying, to};
use crate::programs::steady;
use crate::support::place::{Place, mode};
use crate::support::{Certificates, Httpd, Mpm, Request, Smtp};

#[test]
fn a_bad_value_is_refused_with_the_remedy_and_without_the_password() {
    let (folder, certificates) = (Place::new("relay"), Certificates::new());
    let secret = folder.write("secret", "me:geheim\n");
    mode(&secret, 0o644);
    let secret = secret.display();
    let key = certificates.server().key.display().to_string();
    let alone = certificates.authority().display().to_string();
    for (section, words) in [
        ("SendmailRelay mx.example.org".to_owned(), &["SendmailRelay:", "'mx.example.org'", "no port"][..]),
        ("SendmailRelay smtp://me:geheim@mx:x".into(), &["'smtp://...@mx:x'", "port"]),
        ("SendmailRelay ftp://mx".into(), &["scheme"]),
        ("SendmailRelay mx:25\nSendmailName /a".into(), &["exclude each other"]),
        ("SendmailMaildir /a\nSendmailRelay mx:25".into(), &["exclude each other"]),
        (format!("SendmailRelayAuth {secret}"), &["SendmailRelayAuth", "chmod 600"]),
        ("SendmailRelayAuth secret".into(), &["'secret'", "absolute"]),
        ("SendmailRelayAuth /no/such".into(), &["'/no/such' cannot be read"]),
        (format!("SendmailRelayCAFile {key}"), &["holds no certificate"]),
        ("SendmailRelayCAFile /no/such".into(), &["cannot be read"]),
        (format!("SendmailRelayCertificate {alone}"), &["no private key"]),
        ("SendmailRelayFrom a@@b".into(), &["SendmailRelayFrom", "a@@b"]),
        ("SendmailRelayFrom %{HTTP:X".into(), &["SendmailRelayFrom", "'}'"]),
        ("SendmailRelayDSN often".into(), &["SendmailRelayDSN", "'often'", "never"]),
        ("SendmailRelayTLS often".into(), &["SendmailRelayTLS", "'often'", "never, may or must"]),
        ("SendmailRelayTLS never\nSendmailRelay smtps://mx".into(), &["SendmailRelay:", "never and smtps:// exclude"]),
        (
            "SendmailRelay smtps://mx\nSendmailRelayTLS never".into(),
            &["SendmailRelayTLS:", "never and smtps:// exclude"],
        ),
        ("SendmailRelay smtp://me:geheim@mx\nSendmailRelayTLS never".into(), &["never and a password exclude", "take"]),
        (format!("SendmailRelayTLS never\nSendmailRelayCAFile {alone}"), &["never and SendmailRelayCAFile exclude"]),
    ] {
        let section = format!("SetHandler sendmail\nRequire ip 127.0.0.1\n{section}");
        let test = Httpd::builder().location("/mail", &section).config_test();
        let missing: Vec<_> = words.iter().filter(|word| !test.output.contains(**word)).collect();
        assert!(!test.passed && missing.is_empty(), "{section}: without {missing:?}: {}", test.output);
        assert!(!test.output.contains("geheim"), "{}", test.output);
    }
    mode(&folder.path().join("secret"), 0o600);
    let good = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailRelay smtps://mx.example.org\nSendmailRelayAuth {secret}\nSendmailRelayCAFile {alone}\n\
         SendmailRelayTLS must\nSendmailRelayFrom bounces+%{{reqenv:SENDMAIL_TOKEN}}@example.org\nSendmailRelayDSN success,failure RET=hdrs"
    );
    let test = Httpd::builder().location("/mail", &good).config_test();
    assert!(test.passed && !test.output.contains("SM08"), "{}", test.output);
}

/// RFC 5321 4.1.3: a DNS name, otherwise the address that the relay sees.
#[test]
fn what_we_are_called_by_is_a_name_of_the_dns_or_our_address() {
    for (name, expected) in [
        ("gateway.example.test", "gateway.example.test"),
        ("gateway.example.test.", "gateway.example.test"),
        ("m\u{fc}ller.example", "xn--mller-kva.example"),
        ("under_score.example.test", "[127.0.0.1]"),
        ("gateway", "[127.0.0.1]"),
        ("192.0.2.7", "[192.0.2.7]"),
    ] {
        let smtp = Smtp::start();
        let section = format!(
            "<Location /mail>\nSetHandler sendmail\nRequire ip 127.0.0.1\nSendmailReceived off\nSendmailRelay {}\n</Location>",
            to(&smtp)
        );
        let httpd = steady(Mpm::Event).virtual_host(name, &section).start();
        Request::mail("/mail").send(&httpd).expect_status(202);
        assert_eq!(smtp.commands().first(), Some(&format!("EHLO {expected}")), "{name}");
    }
}

#[test]
fn the_sender_of_the_envelope_is_the_authors_or_the_configurations() {
    let smtp = Smtp::start();
    let mut builder = steady(Mpm::Event);
    for (number, from) in [
        "",
        "SendmailRelayFrom <>",
        "SendmailRelayFrom desk@example.org",
        "SendmailRelayFrom %{HTTP:X-Return}",
        "SendmailRelayFrom bounces+%{reqenv:SENDMAIL_TOKEN}@example.org",
        "SendmailSenderMail login@example.org",
    ]
    .iter()
    .enumerate()
    {
        builder = relaying(builder, &format!("/m{number}"), &to(&smtp), from);
    }
    let httpd = builder.start();
    let sender = |path: &str, given: &str| {
        let response = Request::mail(path).header("X-Return", given).send(&httpd);
        let taken = smtp.take();
        let mail = taken.first().map(|message| message.mail.clone()).unwrap_or_default();
        let sender = mail.trim_start_matches("MAIL FROM:<").split('>').next().unwrap_or_default().to_owned();
        (response, sender)
    };
    for (path, given, expected) in [
        ("/m0", "x@y.test", "f@example.test"),
        ("/m1", "x@y.test", ""),
        ("/m2", "x@y.test", "desk@example.org"),
        ("/m3", "x@y.test", "x@y.test"),
        ("/m3", "", ""),
        ("/m5", "x@y.test", "login@example.org"),
    ] {
        let (response, sender) = sender(path, given);
        assert_eq!((response.status, sender.as_str()), (202, expected), "{path} {given}");
    }
    let (response, tagged) = sender("/m4", "");
    let token = response.message_id().split('@').next().unwrap().to_owned();
    assert_eq!(tagged, format!("bounces+{token}@example.org"));
    for given in ["a@b.test> SIZE=1", "gr\u{fc}n@b.test", "a@b.test, c@d.test", "@x:a@b.test"] {
        assert_eq!(sender("/m3", given).0.status, 403, "{given}");
    }
    httpd.expect_log("SM0203: SendmailRelayFrom");
}

#[test]
fn reports_are_asked_for_where_they_are_offered() {
    let (offering, other) = (Smtp::start(), Smtp::start());
    other.offer_no("DSN");
    let asks = "SendmailRelayDSN success,failure RET=hdrs";
    let builder = relaying(steady(Mpm::Event), "/mail", &to(&offering), asks);
    let builder = relaying(builder, "/mail/off", &to(&offering), "SendmailRelayDSN off");
    let httpd = relaying(builder, "/other", &to(&other), asks).start();
    for path in ["/mail", "/mail/off", "/other"] {
        Request::mail(path).send(&httpd).expect_status(202);
    }
    let taken = offering.take();
    assert!(taken[0].mail.contains(" RET=HDRS ENVID="), "{}", taken[0].mail);
    assert_eq!(taken[0].mail.split("ENVID=").nth(1).map(str::len), Some(32));
    assert_eq!(taken[0].rcpts, ["RCPT TO:<a@example.test> NOTIFY=SUCCESS,FAILURE"]);
    for message in [&taken[1], &other.take()[0]] {
        assert!(!message.mail.contains("ENVID") && !message.rcpts[0].contains("NOTIFY"), "{message:?}");
    }
}

#[test]
fn an_inner_way_out_replaces_the_outer_one() {
    let (outer, inner) = (Smtp::start(), Smtp::start());
    let folder = Place::new("relay");
    let maildir = folder.folder("mail", 0o777).join("Maildir").display().to_string();
    let builder = relaying(steady(Mpm::Event), "/mail", &to(&outer), "");
    let builder = relaying(builder, "/mail/inner", &to(&inner), "");
    let httpd = builder.location("/mail/disk", &format!("SendmailMaildir \"{maildir}\"")).start();
    for path in ["/mail", "/mail/inner", "/mail/disk"] {
        Request::mail(path).send(&httpd).expect_status(202);
    }
    assert_eq!((outer.take().len(), inner.take().len()), (1, 1));
    assert_eq!(std::fs::read_dir(format!("{maildir}/new")).unwrap().count(), 1);
}
