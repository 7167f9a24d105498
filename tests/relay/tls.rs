//! TLS and passwords: nothing that needs protection is sent without it, whatever the server offers or an attacker removes.

use super::relaying;
use crate::programs::{promised, steady};
use crate::support::place::{Place, mode};
use crate::support::smtp::Act::Say;
use crate::support::{Certificates, Mpm, Request, Smtp};

fn authority(certificates: &Certificates) -> String {
    format!("SendmailRelayCAFile \"{}\"", certificates.authority().display())
}

fn said(smtp: &Smtp, verb: &str) -> bool {
    smtp.commands().iter().any(|command| command.starts_with(verb))
}

#[test]
fn a_password_goes_through_verified_tls_alone() {
    let certificates = Certificates::new();
    let folder = Place::new("relay");
    let secret = folder.write("secret", "me:geheim\n");
    mode(&secret, 0o600);
    for (login_only, implicit, file) in [(false, false, false), (true, false, true), (false, true, false)] {
        let smtp = if implicit { Smtp::with_tls(&certificates) } else { Smtp::with_starttls(&certificates) };
        if login_only {
            smtp.offer_no("AUTH");
            smtp.offer(&["AUTH LOGIN CRAM-MD5"]);
        }
        let scheme = if implicit { "smtps" } else { "smtp" };
        let user = if file { "" } else { "me:geheim@" };
        let mut text = authority(&certificates);
        if file {
            text += &format!("\nSendmailRelayAuth \"{}\"", secret.display());
        }
        let url = format!("{scheme}://{user}localhost:{}", smtp.port());
        let httpd = relaying(steady(Mpm::Event), "/mail", &url, &text).start();
        for _ in 0..3 {
            Request::mail("/mail").send(&httpd).expect_status(202);
        }
        assert_eq!(smtp.take().len(), 3);
        assert_eq!(smtp.commands().iter().filter(|command| command.starts_with("AUTH")).count(), 1);
        let log = httpd.error_log();
        let mechanism = if login_only { "auth=LOGIN" } else { "auth=PLAIN" };
        assert!(log.contains("tls=TLSv1_3 cipher=TLS13_") && log.contains(&format!("verify=ok {mechanism}")), "{log}");
        assert!(!log.contains("geheim"));
    }
}

#[test]
fn without_tls_there_is_no_password_and_no_message() {
    let certificates = Certificates::new();
    type Change = fn(&Smtp);
    let rows: [(&str, Change, u16, &str); 6] = [
        ("me:geheim@", |smtp| smtp.offer_no("STARTTLS"), 500, "does not offer STARTTLS"),
        ("", |smtp| smtp.offer_no("STARTTLS"), 500, "does not offer STARTTLS"),
        ("me:geheim@", |smtp| smtp.rule("STARTTLS", Say("454 not now\r\n")), 503, "454 not now"),
        ("me:geheim@", |smtp| smtp.rule("STARTTLS", Say("502 what\r\n")), 500, "502 what"),
        ("me:geheim@", |smtp| smtp.rule("STARTTLS", Say("220 go\r\n250 injected\r\n")), 503, "in the clear"),
        ("me:falsch@", |_| {}, 500, "535 5.7.8"),
    ];
    for (user, change, status, words) in rows {
        let smtp = Smtp::with_starttls(&certificates);
        change(&smtp);
        let url = format!("smtp://{user}localhost:{}", smtp.port());
        let httpd = relaying(steady(Mpm::Event), "/mail", &url, &authority(&certificates)).start();
        assert_eq!(promised(&Request::mail("/mail").send(&httpd)), status, "{words}\n{}", httpd.error_log());
        assert!(smtp.take().is_empty() && !said(&smtp, "MAIL"), "{words}");
        assert_eq!(said(&smtp, "AUTH"), user == "me:falsch@");
        httpd.expect_log(words);
    }
}

#[test]
fn a_certificate_must_hold_where_there_is_something_to_protect() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    // The certificates that httpd uses as the system's are those of another CA.
    for (url, at, text) in [
        ("smtp://me:geheim@localhost", "127.0.0.1", String::new()),
        ("smtp://localhost", "127.0.0.1", authority(&others)),
        ("smtp://me:geheim@127.0.0.2", "127.0.0.2", authority(&certificates)),
    ] {
        let smtp = Smtp::with_starttls_at(at, &certificates);
        let httpd = relaying(steady(Mpm::Event), "/mail", &format!("{url}:{}", smtp.port()), &text);
        let httpd = httpd.environment("SSL_CERT_FILE", &others.authority().display().to_string()).start();
        assert_eq!(promised(&Request::mail("/mail").send(&httpd)), 500, "{}", httpd.error_log());
        assert!(smtp.take().is_empty() && !said(&smtp, "AUTH") && !said(&smtp, "MAIL"));
        httpd.expect_log("its certificate does not hold");
    }
}

#[test]
fn where_nothing_is_to_be_protected_tls_is_taken_as_it_comes() {
    let certificates = Certificates::new();
    for strip in [false, true] {
        let smtp = Smtp::with_starttls(&certificates);
        if strip {
            smtp.rule("STARTTLS", Say("454 not now\r\n"));
        }
        let url = format!("localhost:{}", smtp.port());
        let httpd = relaying(steady(Mpm::Event), "/mail", &url, "").start();
        Request::mail("/mail").send(&httpd).expect_status(202);
        assert_eq!(smtp.take().len(), 1);
        let expected = if strip { "tls=off verify=off" } else { "TLSv1_3" };
        if strip {
            httpd.expect_log("SM0410");
        }
        assert!(httpd.error_log().contains(expected) && httpd.error_log().contains("verify=off"));
    }
}

/// RFC 4954 6: 504, the server does not know the mechanism; 534, the mechanism is too weak. After 535 the password would be wrong again.
#[test]
fn another_mechanism_is_tried_where_the_first_is_none_and_not_where_the_password_is_wrong() {
    let certificates = Certificates::new();
    for (words, also_login, status, tried) in [
        ("504 5.5.4 unrecognized\r\n", false, 202, &["AUTH PLAIN", "AUTH LOGIN"][..]),
        ("534 5.7.9 too weak\r\n", false, 202, &["AUTH PLAIN", "AUTH LOGIN"]),
        ("504 5.5.4 unrecognized\r\n", true, 500, &["AUTH PLAIN", "AUTH LOGIN"]),
        ("535 5.7.8 no\r\n", false, 500, &["AUTH PLAIN"]),
        ("454 4.7.0 later\r\n", false, 503, &["AUTH PLAIN"]),
    ] {
        let smtp = Smtp::with_starttls(&certificates);
        smtp.rule_about("AUTH", if also_login { "" } else { "PLAIN" }, usize::MAX, Say(words));
        let url = format!("smtp://me:geheim@localhost:{}", smtp.port());
        let httpd = relaying(steady(Mpm::Event), "/mail", &url, &authority(&certificates)).start();
        assert_eq!(promised(&Request::mail("/mail").send(&httpd)), status, "{words}{}", httpd.error_log());
        assert_eq!(smtp.take().len(), usize::from(status == 202));
        let asked: Vec<String> = smtp.commands().into_iter().filter(|command| command.starts_with("AUTH")).collect();
        let right =
            asked.len() == tried.len() && asked.iter().zip(tried).all(|(asked, tried)| asked.starts_with(tried));
        assert!(right, "{words}{asked:?}");
        if status == 202 {
            assert!(httpd.error_log().contains("auth=LOGIN"));
        } else {
            httpd.expect_log("SM040");
        }
    }
}

#[test]
fn an_inner_relay_does_not_get_the_password_of_the_outer_one() {
    let certificates = Certificates::new();
    let folder = Place::new("relay");
    let secret = folder.write("secret", "me:geheim\n");
    mode(&secret, 0o600);
    let (outer, inner) = (Smtp::with_starttls(&certificates), Smtp::with_starttls(&certificates));
    let text = format!("{}\nSendmailRelayAuth \"{}\"", authority(&certificates), secret.display());
    let builder = relaying(steady(Mpm::Event), "/mail", &format!("localhost:{}", outer.port()), &text);
    let httpd = relaying(builder, "/mail/inner", &format!("localhost:{}", inner.port()), "").start();
    for path in ["/mail", "/mail/inner"] {
        Request::mail(path).send(&httpd).expect_status(202);
    }
    assert!(said(&outer, "AUTH") && !said(&inner, "AUTH"));
}

/// httpd first merges the sections of a URL with each other, and the result with the server.
#[test]
fn an_inner_relay_gets_no_password_from_any_section_around_it() {
    let certificates = Certificates::new();
    let folder = Place::new("relay");
    let secret = folder.write("secret", "me:geheim\n");
    mode(&secret, 0o600);
    let client = certificates.client("gateway", "/CN=gateway");
    let both = [&client.certificate, &client.key].map(|file| std::fs::read(file).unwrap()).concat();
    let identity = folder.write("identity.pem", both).display().to_string();
    let auth = format!("SendmailRelayAuth \"{}\"", secret.display());
    let credentials = format!("{auth}\nSendmailRelayCertificate \"{identity}\"");
    let section = "SetHandler sendmail\nRequire ip 127.0.0.1\n";
    for (server, middle, own) in [(true, &*credentials, ""), (true, &credentials, &auth), (false, &credentials, "")] {
        let (outer, inner) = (Smtp::with_starttls(&certificates), Smtp::with_starttls(&certificates));
        let relay = |smtp: &Smtp| format!("SendmailRelay localhost:{}\n", smtp.port());
        let a = if server { relay(&outer) } else { String::new() };
        let builder = steady(Mpm::Event).config(&format!("{a}{}", authority(&certificates)));
        let middle = if server { middle.to_owned() } else { format!("{}{middle}", relay(&outer)) };
        let builder = builder.location("/m", &format!("{section}{middle}"));
        let httpd = builder.location("/m/other", &format!("{section}{}{own}", relay(&inner))).start();
        for path in ["/m", "/m/other"] {
            Request::mail(path).send(&httpd).expect_status(202);
        }
        assert_eq!((outer.take().len(), inner.take().len()), (1, 1));
        assert_eq!((said(&outer, "AUTH"), said(&inner, "AUTH")), (true, !own.is_empty()), "{server} {own}");
    }
}

#[test]
fn a_relay_that_asks_is_shown_the_client_certificate() {
    let certificates = Certificates::new();
    let folder = Place::new("relay");
    let client = certificates.client("gateway", "/CN=gateway");
    let both = [&client.certificate, &client.key].map(|file| std::fs::read(file).unwrap()).concat();
    let identity = folder.write("identity.pem", both).display().to_string();
    for (text, status) in [(format!("SendmailRelayCertificate \"{identity}\""), 202), (String::new(), 503)] {
        let smtp = Smtp::demanding_certificate(&certificates);
        let url = format!("localhost:{}", smtp.port());
        let text = format!("{}\n{text}", authority(&certificates));
        let httpd = relaying(steady(Mpm::Event), "/mail", &url, &text).start();
        assert_eq!(promised(&Request::mail("/mail").send(&httpd)), status, "{}", httpd.error_log());
        assert_eq!(smtp.take().len(), usize::from(status == 202));
        if status != 202 {
            httpd.expect_log("SM0406");
        }
    }
}
