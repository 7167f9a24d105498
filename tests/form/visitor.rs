//! The answer to a visitor, or to a script.

use super::{BROWSER, builder, only, urlencoded};
use crate::support::{Behaviour, Httpd, Request, Response, Sendmail};

/// A page's answer to an invalid form.
#[track_caller]
fn refused(httpd: &Httpd, body: &str, status: u16, tag: &str) -> [Response; 2] {
    httpd.expect_log(tag);
    let page =
        urlencoded(body).header("Accept", BROWSER).header("Accept-Language", "de").send(httpd).expect_status(status);
    let script = urlencoded(body).header("Accept", "application/json").send(httpd).expect_status(status);
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(script.header("Content-Type"), Some("application/problem+json"));
    [page, script]
}

#[test]
fn what_is_wrong_is_said_at_the_field_and_what_was_typed_is_kept() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "SendmailFormRequire email message\nSendmailFormTrap hp").start();
    urlencoded("email=a@b.example&message=x&hp=").send(&httpd).expect_status(202);
    assert_eq!(sendmail.take().len(), 1);

    let [page, script] = refused(&httpd, "email=nobody&message=&name=%3Cb%3E", 422, "SM0114");
    assert!(
        page.text().contains("Bitte geben Sie eine E-Mail-Adresse an") && page.text().contains("value=\"&lt;b&gt;\""),
        "{}",
        page.text()
    );
    assert!(script.text().contains("message: fill this in; email: write one address"), "{}", script.text());
    let [page, _] = refused(&httpd, "email=a@b.example&message=x&hp=robot", 422, "SM0114");
    assert!(page.text().contains("Bitte lassen Sie dieses Feld leer"), "{}", page.text());
    let [page, _] = refused(&httpd, "", 400, "SM0106");
    assert!(page.text().contains("Das Formular ist leer"), "{}", page.text());
    assert_eq!(sendmail.messages().len() + sendmail.starts(), 0, "nothing but the good one");

    httpd.expect_log("SM0407");
    sendmail.behave(&Behaviour::reads_all_and_exits(1));
    let page = urlencoded("email=a@b.example&message=x").header("Accept", BROWSER).send(&httpd).expect_status(502);
    assert!(page.text().contains("Nobody can say") && !page.text().contains("<form"), "{}", page.text());
    let malformed = Request::post("/mail")
        .header("Content-Type", "multipart/form-data; boundary=x")
        .body("--x\r\nA: b\r\n\r\n1\r\n--x--");
    let answer = malformed.send(&httpd).expect_status(400);
    assert!(answer.text().contains("octet 13: a part has no Content-Disposition"), "{}", answer.text());
}

#[test]
fn a_trap_is_a_mark_or_looks_like_success_where_the_administrator_says_so() {
    let body = "email=a@b.example&message=x&hp=robot";
    let sendmail = Sendmail::new();
    let tag = builder(&sendmail, "SendmailFormTrap hp tag").start();
    urlencoded(body).send(&tag).expect_status(202);
    assert_eq!(only(&sendmail).1.field("X-Form-Trap"), Some("yes"));

    let drop = builder(&sendmail, "SendmailFormTrap hp drop\nSendmailFormRequire message").start();
    let shape = |answer: &Response| {
        let mut shown = String::from_utf8_lossy(&answer.body).replace(answer.message_id(), "ID");
        for (name, value) in answer.headers.iter().filter(|(name, _)| name != "Date") {
            shown += &format!("\n{name}: {}", String::from_utf8_lossy(value).replace(answer.message_id(), "ID"));
        }
        shown
    };
    for accept in [BROWSER, "application/json"] {
        let good = urlencoded("message=x&hp=").header("Accept", accept).send(&drop).expect_status(202);
        assert_eq!(sendmail.take().len(), 1);
        for body in [body, "email=junk&hp=robot"] {
            let robot = urlencoded(body).header("Accept", accept).send(&drop).expect_status(202);
            assert_eq!(shape(&robot), shape(&good));
        }
        assert_eq!(sendmail.messages().len(), 0);
    }
    assert!(drop.error_log().contains("SM0009"));
}

#[test]
fn a_form_without_addresses_is_a_fault_of_the_server_and_one_that_is_not_offered_is_refused_as_ever() {
    let sendmail = Sendmail::new();
    for settings in [
        "SendmailFormTo a@example.test",
        "SendmailFormFrom a@example.test",
        "SendmailFormTo %{HTTP:X}\nSendmailFormFrom a@example.test\nSendmailRecipients example.test",
    ] {
        let httpd = Httpd::builder().mail(&sendmail, &format!("SendmailInputs form\n{settings}")).start();
        httpd.allow_log("SM0812");
        httpd.allow_log("SM0801");
        httpd.expect_log("SM0402");
        urlencoded("a=1").send(&httpd).expect_status(500);
    }
    let chosen = "SendmailInputs form\nSendmailFormTo %{HTTP:X}@example.test\nSendmailFormFrom a@example.test";
    let free = Httpd::builder().mail(&sendmail, chosen).start();
    free.allow_log("SM0801");
    free.expect_log("SM0812");
    free.expect_log("SM0201");
    urlencoded("a=1").header("X", "a").send(&free).expect_status(403);
    assert_eq!(sendmail.messages().len() + sendmail.starts(), 0);
    let fixed = Httpd::builder().mail(&sendmail, &format!("{chosen}\nSendmailRecipients b@example.test")).start();
    fixed.expect_log("SM0201");
    urlencoded("a=1").header("X", "a").send(&fixed).expect_status(403);
    assert_eq!(sendmail.messages().len() + sendmail.starts(), 0);
    urlencoded("a=1").header("X", "b").send(&fixed).expect_status(202);
    assert_eq!(only(&sendmail).1.mailboxes("To")[0].address, "b@example.test");

    let httpd = Httpd::builder().mail(&sendmail, "").start();
    httpd.expect_log("SM0103");
    let answer = Request::mail("/mail")
        .without("Content-Type")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .send(&httpd);
    assert!(answer.expect_status(415).text().contains("SendmailInputs"));
    assert_eq!(sendmail.messages().len(), 0);
}

#[test]
fn a_browser_goes_to_the_page_that_the_configuration_names() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "SendmailFormThanks /thanks.html").start();
    let answer = urlencoded("a=1&_next=https://evil.test/").header("Accept", BROWSER).send(&httpd).expect_status(303);
    assert_eq!(answer.header("Location"), Some("/thanks.html"));
    urlencoded("a=1").send(&httpd).expect_status(202);
    assert_eq!(sendmail.take().len(), 2);
}

#[test]
fn a_page_of_the_site_for_errors_never_takes_the_place_of_what_was_typed() {
    let sendmail = Sendmail::new();
    let pages = "ErrorDocument 422 \"site 422\"\nErrorDocument 400 \"site 400\"\nSendmailFormRequire message";
    let httpd = builder(&sendmail, pages).start();
    let typed = urlencoded("name=Anna").header("Accept", BROWSER).send(&httpd).expect_status(422);
    assert!(typed.text().contains("value=\"Anna\"") && !typed.text().contains("site"), "{}", typed.text());
    let malformed = Request::post("/mail").header("Content-Type", "multipart/form-data; boundary=x").body("x");
    let malformed = malformed.header("Accept", BROWSER).send(&httpd).expect_status(400);
    assert_eq!(malformed.text().trim(), "site 400", "nothing could be read");
    httpd.expect_log("SM0114");
    httpd.expect_log("SM0106");
}
