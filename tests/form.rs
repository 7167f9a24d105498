//! HTML forms: what a visitor fills in arrives whole, as text and attachments; nothing of it decides who writes to whom; and the answer is in a
//! visitor's words, with scripts and without.

use crate::support::browser::Browser;
use crate::support::place::Place;
use crate::support::process::required;
use crate::support::{Behaviour, Httpd, Recorded, Request, Response, Sendmail, eventually, httpd_config, oracle};
use std::process::Command;
use std::time::Duration;

const FORM: &str = "SendmailInputs fields form\nSendmailFormTo office@example.test\nSendmailFormFrom web@example.test\nSendmailRecipients example.test";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn builder(sendmail: &Sendmail, more: &str) -> httpd_config::Builder {
    Httpd::builder().mail(sendmail, &format!("{FORM}\n{more}"))
}

fn urlencoded(body: &str) -> Request {
    Request::post("/mail").header("Content-Type", "application/x-www-form-urlencoded").body(body)
}

/// A form as curl sends it: status and body.
#[track_caller]
fn curl(httpd: &Httpd, options: &[&str]) -> (u16, String) {
    let place = Place::new("form");
    let answer = place.path().join("answer");
    let mut curl = Command::new(required("curl", "curl"));
    curl.args([
        "--disable",
        "--silent",
        "--noproxy",
        "*",
        "--max-time",
        "60",
        "--write-out",
        "%{http_code}",
        "--output",
    ]);
    curl.arg(&answer).args(options).arg(format!("http://127.0.0.1:{}/mail", httpd.port()));
    let output = curl.output().unwrap();
    let status = String::from_utf8(output.stdout).unwrap().parse().unwrap();
    (status, std::fs::read_to_string(answer).unwrap_or_default())
}

#[track_caller]
fn only(sendmail: &Sendmail) -> (Recorded, oracle::Parsed) {
    let mut messages = sendmail.take();
    assert_eq!(messages.len(), 1);
    let message = messages.remove(0);
    let parsed = oracle::read(&message.stdin);
    assert_eq!(parsed.wire_faults(), [""; 0], "{}", message.text());
    (message, parsed)
}

fn text(part: &oracle::Part) -> String {
    String::from_utf8_lossy(&part.body).replace("\r\n", "\n").trim_end().to_owned()
}

#[test]
fn a_form_becomes_a_text_that_lists_its_fields() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "").start();
    let (status, answer) = curl(
        &httpd,
        &[
            "--data-urlencode",
            "email=anna@bücher.example",
            "--data-urlencode",
            "name=Anna \"A\" Bär",
            "--data-urlencode",
            "subject=Grüße\r\nBcc: z@evil.test",
            "--data-urlencode",
            "message=One\n.\nFrom here\nTo: z@evil.test",
            "--data-urlencode",
            "colour=red",
            "--data-urlencode",
            "colour=blue",
            "--data-urlencode",
            "_secret=1",
        ],
    );
    assert_eq!(status, 202, "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["success"], &answer["ok"]), (&true.into(), &true.into()));
    let (message, mail) = only(&sendmail);
    assert_eq!(answer["id"].as_str().unwrap(), format!("<{}>", mail.message_id().unwrap()));
    let addresses = |field: &str| mail.mailboxes(field).into_iter().map(|mailbox| mailbox.address).collect::<Vec<_>>();
    assert_eq!(
        (addresses("To"), addresses("From")),
        (vec!["office@example.test".to_owned()], vec!["web@example.test".to_owned()])
    );
    let reply = &mail.mailboxes("Reply-To")[0];
    assert_eq!((reply.name.as_str(), reply.address.as_str()), ("Anna \"A\" Bär", "anna@xn--bcher-kva.example"));
    assert_eq!(mail.subject(), Some("Grüße Bcc: z@evil.test"));
    assert_eq!(mail.field("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.field("Bcc").is_none() && mail.field("Cc").is_none(), "{}", message.text());
    assert!(mail.field("Received").unwrap().starts_with("from client"), "{}", message.text());
    let expected = "message:\n  One\n  .\n  From here\n  To: z@evil.test\n\ncolour:\n  red\n  blue";
    assert_eq!(text(&mail.parts()[0]), expected);
    assert_eq!(mail.content_type(), "text/plain");
}

#[test]
fn files_are_attached_octet_for_octet_under_names_that_are_no_paths() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "SendmailFormFiles image/* text/csv").start();
    let place = Place::new("files");
    let picture: Vec<u8> = (0..300_000_u32).flat_map(|n| (n * 7919).to_le_bytes()).chain(*b"\r\n--\r\n").collect();
    let table = b"a;b\r\nc\rd\n\xfc\n";
    let (picture_file, table_file) = (place.write("picture", &picture), place.write("table", table));
    let options = [
        "-F".to_owned(),
        "message=Hello".to_owned(),
        "-F".to_owned(),
        format!("photo=@{};type=image/png;filename=../../Bär \u{202e}gnp.exe", picture_file.display()),
        "-F".to_owned(),
        format!("list=@{};type=text/csv;filename=list.csv", table_file.display()),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let (status, answer) = curl(&httpd, &options);
    assert_eq!(status, 202, "{answer}");
    let (message, mail) = only(&sendmail);
    assert_eq!(mail.content_type(), "multipart/mixed");
    let parts = mail.parts();
    assert_eq!(parts.len(), 3);
    assert_eq!(
        text(&parts[0]),
        format!(
            "message: Hello\nphoto: Bär gnp.exe (attached, {} octets)\nlist: list.csv (attached, {} octets)",
            picture.len(),
            table.len()
        )
    );
    assert_eq!((parts[1].filename.as_deref(), parts[1].content_type.as_str()), (Some("Bär gnp.exe"), "image/png"));
    assert!(parts[1].body == picture, "the picture is another one");
    assert_eq!((parts[2].filename.as_deref(), parts[2].body.as_slice()), (Some("list.csv"), &table[..]));
    assert_eq!(message.text().matches("Content-Disposition: attachment;").count(), 2);

    httpd.expect_log("SM0103");
    let (status, answer) =
        curl(&httpd, &["-F", "a=1", "-F", &format!("x=@{};type=text/html;filename=evil.html", table_file.display())]);
    assert!(status == 415 && answer.contains("evil.html") && answer.contains("image/*"), "{status} {answer}");
    assert_eq!(sendmail.messages().len(), 0);
    assert_eq!(httpd.stray_files(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn nothing_in_the_request_but_the_form_reaches_the_mail() {
    let sendmail = Sendmail::new();
    let httpd = builder(
        &sendmail,
        "SendmailFormSubject \"From %{HTTP_HOST}\"\nSendmailFormCc \"copy@example.test, two@example.test\"",
    )
    .start();
    let request =
        urlencoded("to=z@evil.test&subject=Mine&a=1").header("To", "z@evil.test").header("Bcc", "z@evil.test");
    let request = request.header("Subject", "evil").header("X-Evil", "1").header("Content-Disposition", "inline");
    request.send(&httpd).expect_status(202);
    let (message, mail) = only(&sendmail);
    assert_eq!(mail.mailboxes("Cc").len(), 2);
    assert_eq!(text(&mail.parts()[0]), "to: z@evil.test\nsubject: Mine\na: 1");
    assert!(mail.subject().unwrap().starts_with("From 127.0.0.1"), "{:?}", mail.subject());
    let names = mail.names();
    assert!(
        !names.iter().any(|name| ["bcc", "x-evil", "content-disposition"].contains(&name.to_lowercase().as_str())),
        "{}",
        message.text()
    );
}

/// A page's answer to what is wrong.
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

    let [page, script] = refused(&httpd, "email=nobody&message=&name=%3Cb%3E", 422, "SM0110");
    assert!(
        page.text().contains("Bitte geben Sie eine E-Mail-Adresse an") && page.text().contains("value=\"&lt;b&gt;\""),
        "{}",
        page.text()
    );
    assert!(script.text().contains("message: fill this in; email: write one address"), "{}", script.text());
    let [page, _] = refused(&httpd, "email=a@b.example&message=x&hp=robot", 422, "SM0110");
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
    assert!(drop.error_log().contains("SM0008"));
}

#[test]
fn a_form_without_addresses_is_a_fault_of_the_server_and_one_that_is_not_offered_is_refused_as_ever() {
    let sendmail = Sendmail::new();
    for settings in [
        "SendmailFormTo a@example.test",
        "SendmailFormFrom a@example.test",
        "SendmailFormTo %{HTTP:X}\nSendmailFormFrom a@example.test",
    ] {
        let httpd = Httpd::builder().mail(&sendmail, &format!("SendmailInputs form\n{settings}")).start();
        httpd.allow_log("SM0812");
        httpd.allow_log("SM0801");
        httpd.expect_log("SM0402");
        urlencoded("a=1").send(&httpd).expect_status(500);
    }
    let httpd = Httpd::builder().mail(&sendmail, "").start();
    httpd.expect_log("SM0103");
    let answer = Request::mail("/mail")
        .without("Content-Type")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .send(&httpd);
    assert!(answer.expect_status(415).text().contains("SendmailInputs"));
    assert_eq!(sendmail.messages().len(), 0);
}

const PAGE: &str = "<!DOCTYPE html><title>Contact</title><form action='/mail' method='post' enctype='multipart/form-data' accept-charset='utf-8'>\
    <input name='email' id='email'><textarea name='message' id='message'></textarea><input type='file' name='photo' id='photo'>\
    <input name='hp' hidden><button id='send'>Send</button></form>";

#[track_caller]
fn arrives(browser: &Browser, words: &str) {
    eventually(words, Duration::from_secs(20), || browser.text().contains(words).then_some(()));
}

#[test]
fn a_page_sends_without_a_script_and_the_error_page_sends_again() {
    let sendmail = Sendmail::new();
    let builder = builder(&sendmail, "SendmailFormRequire email message\nSendmailFormFiles */*\nSendmailFormTrap hp")
        .modules(&["mime"]);
    let folder = builder.root().join("htdocs");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("contact.html"), PAGE).unwrap();
    let httpd = builder.config("TypesConfig /dev/null\nAddType text/html .html\nAddDefaultCharset utf-8").start();
    httpd.expect_log("SM0110");
    let browser = Browser::start();
    browser.open(&format!("http://127.0.0.1:{}/contact.html", httpd.port()));
    // The driver fills in and presses; the pages themselves have no script.
    browser.run("email.value = 'nobody'; message.value = '\\nZażółć\\n\\n🙂'; send.click();");
    arrives(&browser, "Please write one e-mail address");
    let state = browser
        .run("return [document.activeElement.name, document.querySelector('textarea').value, document.scripts.length]");
    assert_eq!(state, serde_json::json!(["email", "\nZażółć\n\n🙂", 0]));
    browser.run("document.activeElement.value = 'anna@example.org'; document.querySelector('button').click();");
    arrives(&browser, "Thank you");
    let (_, mail) = only(&sendmail);
    assert_eq!(mail.mailboxes("Reply-To")[0].address, "anna@example.org");
    assert_eq!(text(&mail.parts()[0]), "message:\n  Zażółć\n\n  🙂");
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
