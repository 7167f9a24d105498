//! What a mail server offers is used, and nothing else (RFC 5321 2.2): size, 8-bit octets, reports, pipelining, AUTH.

use super::{relaying, to};
use crate::programs::{promised, steady};
use crate::support::smtp::Act::Say;
use crate::support::{Certificates, Mpm, Request, Smtp};

fn count(smtp: &Smtp, start: &str) -> usize {
    smtp.commands().iter().filter(|command| command.starts_with(start)).count()
}

/// RFC 1870 5: doubled dots do not count.
#[test]
fn the_size_is_that_of_the_message_without_doubled_dots() {
    let smtp = Smtp::start();
    smtp.offer_no("SIZE");
    smtp.offer(&["SIZE 4000"]);
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
    let lines = |count: usize| Request::mail("/mail").body(".x\n".repeat(count));
    lines(800).send(&httpd).expect_status(202);
    let taken = smtp.take();
    let octets = taken[0].octets.len();
    assert!((3400..4000).contains(&octets) && octets + 800 > 4000, "{octets}");
    assert!(taken[0].mail.split(' ').any(|word| word == format!("SIZE={octets}")), "{}", taken[0].mail);
    assert_eq!(promised(&lines(1000).send(&httpd)), 413);
    assert_eq!((smtp.take().len(), count(&smtp, "MAIL")), (0, 1));
    httpd.expect_log("SM0405");
}

/// RFC 6152 3. The parts of a signed message cannot be re-encoded without breaking the signature.
#[test]
fn eight_bit_octets_never_reach_a_server_that_does_not_offer_8bitmime() {
    let (offering, other, old) = (Smtp::start(), Smtp::start(), Smtp::start());
    other.offer_no("8BITMIME");
    old.rule("EHLO", Say("502 5.5.1 what\r\n"));
    let mut builder = steady(Mpm::Event);
    for (path, smtp) in [("/offering", &offering), ("/other", &other), ("/old", &old)] {
        builder = relaying(builder, path, &to(smtp), "");
    }
    let httpd = builder.start();
    let signed = "multipart/signed; boundary=b; protocol=\"application/pgp-signature\"; micalg=pgp-sha256";
    let body = "--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ngr\u{fc}n\n--b\n\
                Content-Type: application/pgp-signature\n\nx\n--b--\n";
    let request = |path: &str| Request::mail(path).without("Content-Type").header("Content-Type", signed);
    request("/offering").body(body).send(&httpd).expect_status(202);
    let taken = offering.take();
    assert!(taken[0].mail.ends_with(" BODY=8BITMIME") && !taken[0].octets.is_ascii(), "{}", taken[0].mail);
    for (path, smtp) in [("/other", &other), ("/old", &old)] {
        request(path).body(body.replace('\u{fc}', "ue")).send(&httpd).expect_status(202);
        Request::mail(path).body("gr\u{fc}n\n").send(&httpd).expect_status(202);
        let mixed = "multipart/mixed; boundary=b";
        let parts = body.replace("application/pgp-signature", "text/plain");
        request(path).without("Content-Type").header("Content-Type", mixed).body(parts).send(&httpd).expect_status(202);
        let taken = smtp.take();
        let encoded = String::from_utf8_lossy(&taken[2].octets);
        assert!(encoded.contains("base64\r\n\r\nZ3LDvG4=\r\n--b\r\n"), "{encoded}");
        assert!(taken.iter().all(|message| message.octets.is_ascii() && !message.mail.contains("BODY")), "{taken:?}");
        let response = request(path).body(body).send(&httpd);
        assert_eq!(promised(&response), 400);
        assert!(response.text().contains("encode its parts"), "{}", response.text());
        assert_eq!((taken.len(), smtp.take().len(), count(smtp, "MAIL")), (3, 0, 3), "refused before MAIL");
        assert_eq!(smtp.connections(), 1, "the connection is as good as before");
    }
    httpd.expect_log("SM0411");
}

/// RFC 3207 4.2: anybody may have sent what came before TLS.
#[test]
fn what_was_offered_before_tls_counts_no_more() {
    const BEFORE: &str = "250-mx.test\r\n250-STARTTLS\r\n250-PIPELINING\r\n250-SIZE 100\r\n250-DSN\r\n250-AUTH LOGIN\r\n250 8BITMIME\r\n";
    let certificates = Certificates::new();
    let asks = "SendmailRelayDSN success,failure RET=hdrs";
    for user in ["", "me:geheim@"] {
        let smtp = Smtp::with_starttls(&certificates);
        for offer in ["PIPELINING", "SIZE", "8BITMIME", "DSN", "AUTH"] {
            smtp.offer_no(offer);
        }
        smtp.rule_about("EHLO", "", 1, Say(BEFORE));
        let text = format!("{asks}\nSendmailRelayCAFile \"{}\"", certificates.authority().display());
        let url = format!("smtp://{user}localhost:{}", smtp.port());
        let httpd = relaying(steady(Mpm::Event), "/mail", &url, &text).start();
        let response = Request::mail("/mail").send(&httpd);
        assert_eq!((count(&smtp, "EHLO"), count(&smtp, "AUTH")), (2, 0));
        if user.is_empty() {
            assert_eq!(promised(&response), 202);
            let taken = smtp.take();
            assert_eq!((taken[0].mail.as_str(), taken[0].rcpts[0].as_str()), MAIL_AND_RCPT);
        } else {
            assert_eq!((promised(&response), count(&smtp, "MAIL")), (500, 0));
            httpd.expect_log("neither AUTH PLAIN nor AUTH LOGIN");
        }
    }
}

const MAIL_AND_RCPT: (&str, &str) = ("MAIL FROM:<f@example.test>", "RCPT TO:<a@example.test>");

/// SMTPUTF8 is not supported: an address that needs it is refused before any connection.
#[test]
fn no_address_that_needs_smtputf8_is_sent() {
    let smtp = Smtp::start();
    smtp.offer(&["SMTPUTF8"]);
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
    let request = |to: &str| Request::mail("/mail").without("To").header("To", to).send(&httpd);
    request("a@m\u{fc}ller.example").expect_status(202);
    assert_eq!(smtp.take()[0].rcpts, ["RCPT TO:<a@xn--mller-kva.example>"]);
    request("m\u{fc}ller@example.test").expect_status(400);
    assert_eq!(count(&smtp, "MAIL"), 1);
    httpd.expect_log("SM0105");
}

/// RFC 5321 4.5.3.1.10: 552 is the old code for 452, too many recipients: after a recipient that it accepted, or with an enhanced code that
/// says so.
#[test]
fn too_many_recipients_is_a_refusal_that_passes() {
    for (about, words, status) in [
        ("<u101@", "452 4.5.3 too many recipients\r\n", 503),
        ("<u101@", "552 too many recipients\r\n", 503),
        ("<u101@", "552 5.5.3 too many recipients\r\n", 503),
        ("<u101@", "552 5.2.2 mailbox full\r\n", 400),
        ("<u101@", "550 no such user\r\n", 400),
        ("<u1@", "552 mailbox full\r\n", 400),
    ] {
        let smtp = Smtp::start();
        let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "SendmailMaxRecipients 200").start();
        let all: Vec<String> = (1..=102).map(|number| format!("u{number}@x.test")).collect();
        let request = Request::mail("/mail").without("To").header("To", all.join(", "));
        request.send(&httpd).expect_status(202);
        assert_eq!(smtp.take()[0].rcpts.len(), 102);
        smtp.rule_about("RCPT", about, usize::MAX, Say(words));
        let response = request.send(&httpd);
        assert_eq!((promised(&response), smtp.take().len()), (status, 0), "{words}");
        httpd.expect_log(if status == 503 { "lower SendmailMaxRecipients" } else { "SM0408" });
        httpd.allow_log("SM0406");
    }
}
