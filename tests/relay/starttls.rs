//! SendmailRelayTLS: STARTTLS is not used, used if it works, or mandatory.

use super::{relaying, to};
use crate::programs::{promised, steady};
use crate::support::smtp::Act::{self, Close, Hang, Say, SayAndClose};
use crate::support::{Certificates, Mpm, Request, Smtp};

fn count(smtp: &Smtp, start: &str) -> usize {
    smtp.commands().iter().filter(|command| command.starts_with(start)).count()
}

fn authority(certificates: &Certificates) -> String {
    format!("SendmailRelayCAFile \"{}\"", certificates.authority().display())
}

/// Ways in which an offered STARTTLS does not work.
const BROKEN: [Act; 7] = [
    Say("454 4.7.0 TLS not available\r\n"),
    Say("502 5.5.1 what\r\n"),
    Say("220 go ahead\r\n250 injected\r\n"),
    SayAndClose("220 go ahead\r\n"),
    SayAndClose("220 go ahead\r\nthis is no TLS, whatever was said before"),
    Close,
    Hang,
];

#[test]
fn a_relay_whose_starttls_is_broken_is_used_without_it_unless_there_is_something_to_protect() {
    let certificates = Certificates::new();
    for act in BROKEN {
        for (user, text, goes) in [
            ("", String::new(), true),
            ("", "SendmailRelayTLS may".to_owned(), true),
            ("", "SendmailRelayTLS never".to_owned(), true),
            ("", format!("SendmailRelayTLS must\n{}", authority(&certificates)), false),
            ("", authority(&certificates), false),
            ("me:geheim@", authority(&certificates), false),
        ] {
            let smtp = Smtp::with_starttls(&certificates);
            let url = format!("smtp://{user}localhost:{}", smtp.port());
            let text = format!("{text}\nSendmailTimeout 2s");
            let httpd = relaying(steady(Mpm::Event), "/mail", &url, &text).start();
            Request::mail("/mail").send(&httpd).expect_status(202);
            smtp.take();
            smtp.rule("STARTTLS", act);
            smtp.once("MAIL", Close); // the kept connection cannot be used any more
            let status = promised(&Request::mail("/mail").send(&httpd));
            let taken = smtp.take().len();
            if goes {
                assert_eq!((status, taken), (202, 1), "{act:?} {text}: {}", httpd.error_log());
                let asked = count(&smtp, "STARTTLS");
                let never = text.contains("never");
                assert_eq!(asked, if never { 0 } else { 2 }, "{act:?} {text}");
                if !never {
                    httpd.expect_log("SM0410: ");
                }
                assert!(httpd.error_log().contains("tls=off verify=off"));
                // It is not tried again soon: a relay that hangs would take half of the time of every message.
                smtp.once("MAIL", Close);
                Request::mail("/mail").send(&httpd).expect_status(202);
                assert_eq!(count(&smtp, "STARTTLS"), asked, "{act:?} {text}");
            } else {
                assert!([500, 503].contains(&status) && taken == 0, "{act:?} {text}: {status}");
                assert_eq!(count(&smtp, "MAIL"), 2, "{act:?} {text}");
                httpd.expect_log("SM040");
            }
        }
    }
}

#[test]
fn must_is_tls_with_a_certificate_that_holds_or_nothing() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    for (offers, authorities, status) in [(true, &certificates, 202), (false, &certificates, 500), (true, &others, 500)]
    {
        let smtp = if offers { Smtp::with_starttls(&certificates) } else { Smtp::start() };
        let url = format!("localhost:{}", smtp.port());
        let builder = relaying(steady(Mpm::Event), "/mail", &url, "SendmailRelayTLS must");
        let builder = builder.environment("SSL_CERT_FILE", &authorities.authority().display().to_string());
        let httpd = builder.start();
        assert_eq!(promised(&Request::mail("/mail").send(&httpd)), status, "{}", httpd.error_log());
        assert_eq!((smtp.take().len(), count(&smtp, "MAIL")), if status == 202 { (1, 1) } else { (0, 0) });
        if status == 202 {
            assert!(httpd.error_log().contains("verify=ok"));
        } else {
            httpd.expect_log("SM0402");
        }
    }
}

#[test]
fn an_inner_relay_inherits_must_and_not_never() {
    let certificates = Certificates::new();
    for (word, status, asked) in [("never", 202, 1), ("must", 500, 0)] {
        let (outer, inner) = (Smtp::start(), Smtp::with_starttls(&certificates));
        if word == "must" {
            inner.offer_no("STARTTLS");
        }
        let builder = relaying(steady(Mpm::Event), "/mail", &to(&outer), &format!("SendmailRelayTLS {word}"));
        let httpd = relaying(builder, "/mail/inner", &to(&inner), "").start();
        assert_eq!(promised(&Request::mail("/mail/inner").send(&httpd)), status, "{word}");
        assert_eq!((inner.take().len(), count(&inner, "STARTTLS")), (usize::from(status == 202), asked), "{word}");
        httpd.allow_log("does not offer STARTTLS");
    }
}

/// A combination from several sections is known only when there is a message.
#[test]
fn never_beside_what_needs_tls_sends_nothing_and_names_the_remedy() {
    let certificates = Certificates::new();
    let smtp = Smtp::with_starttls(&certificates);
    let builder = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "SendmailRelayTLS never");
    let builder = builder.location("/mail/inner", &authority(&certificates));
    let httpd = builder.location("/mail/inner/health", "SetHandler sendmail-health").start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    let connections = smtp.connections();
    assert_eq!(promised(&Request::mail("/mail/inner").send(&httpd)), 500);
    Request::get("/mail/inner/health").send(&httpd).expect_status(503);
    assert_eq!((smtp.take().len(), smtp.connections()), (1, connections));
    httpd.expect_log("SM0402: relay");
    httpd.expect_log("SendmailRelayTLS never and SendmailRelayCAFile exclude each other");
}
