//! The contact page of examples/contact, in a real browser against conf/examples/contact-form.conf: what a visitor writes arrives
//! completely, the server decides what a visitor must not decide, and each refusal is explained. Screenshots are kept in
//! target/tmp/contact.

use crate::support::browser::Browser;
use crate::support::place::repository;
use crate::support::{Behaviour, Httpd, Sendmail, httpd_config, oracle, within};
use std::path::Path;
use std::time::Duration;

/// httpd with the page at /write-to-us/ and the form's location as shipped, with the changes of `edit`.
fn server(sendmail: &Sendmail, edit: impl Fn(String) -> String) -> Httpd {
    let builder: httpd_config::Builder = Httpd::builder().modules(&["headers", "mime", "dir"]);
    let folder = builder.root().join("htdocs/write-to-us");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["index.html", "contact.css", "contact.js"] {
        std::fs::copy(repository().join("examples/contact").join(file), folder.join(file)).unwrap();
    }
    let shipped = std::fs::read_to_string(repository().join("conf/examples/contact-form.conf")).unwrap();
    let text = edit(shipped.replace("/usr/sbin/sendmail", &sendmail.program().display().to_string()));
    let page = "TypesConfig /dev/null\nAddType text/html .html\nAddType text/css .css\nAddType text/javascript .js\nDirectoryIndex index.html\n\
         <Directory \"${ROOT}/htdocs\">\nHeader set Content-Security-Policy \"default-src 'self'; connect-src *\"\n</Directory>";
    builder.config(page).config(&text).start()
}

fn open(browser: &Browser, httpd: &Httpd) {
    browser.open(&format!("http://127.0.0.1:{}/write-to-us/", httpd.port()));
}

/// Fills in the form and sends it, as a visitor would.
fn send(browser: &Browser, subject: &str, text: &str) {
    browser.run(&format!(
        "const form = document.forms[0].elements;\
         form.name.value = 'Zażółć \"gęślą\" jaźń'; form.email.value = 'visitor@bücher.example';\
         form.subject.value = {}; form.text.value = {}; document.forms[0].requestSubmit();",
        serde_json::json!(subject),
        serde_json::json!(text)
    ));
}

/// The final text of the page.
#[track_caller]
fn outcome(browser: &Browser) -> String {
    let read = || {
        let said = browser.run("return document.getElementById('outcome').innerText");
        said.as_str().filter(|said| !said.is_empty()).map(str::to_owned)
    };
    within(Duration::from_secs(20), read).unwrap_or_else(|| panic!("nothing was said: {}", browser.text()))
}

fn picture(browser: &Browser, name: &str) {
    use base64::Engine;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contact");
    std::fs::create_dir_all(&folder).unwrap();
    let picture = base64::engine::general_purpose::STANDARD.decode(browser.picture()).unwrap();
    std::fs::write(folder.join(name).with_extension("png"), picture).unwrap();
}

#[test]
fn what_a_visitor_writes_arrives_whole_and_goes_where_the_server_says() {
    let sendmail = Sendmail::new();
    let httpd = server(&sendmail, |text| text);
    let browser = Browser::start();
    for (width, height, dark, name) in [
        (390, 844, false, "phone"),
        (390, 844, true, "phone-dark"),
        (1280, 900, false, "desk"),
        (1280, 900, true, "desk-dark"),
    ] {
        browser.screen(width, height, dark);
        open(&browser, &httpd);
        let wide = browser.run("return document.documentElement.scrollWidth > innerWidth");
        assert_eq!(wide, false, "{name}");
        picture(&browser, name);
    }
    let subject = "Pytanie o godziny otwarcia: czy w sobotę też? 🚲 Dziękuję, źdźbło";
    send(&browser, subject, "Dzień dobry 🙂\n.\nFrom here\n");
    let said = outcome(&browser);
    assert!(said.starts_with("Thank you"), "{said}");
    picture(&browser, "accepted-dark");
    let focus = browser.run("return [document.activeElement.id, document.forms[0].hidden, document.title]");
    assert_eq!(focus, serde_json::json!(["outcome", true, "Write to us"]));
    let mail = oracle::read(&sendmail.take()[0].stdin);
    assert_eq!(mail.subject(), Some(subject));
    assert_eq!(
        String::from_utf8_lossy(&mail.body()).trim_end(),
        "Dzień dobry 🙂\r\n.\r\nFrom here",
        "base64 holds CRLF"
    );
    let reply = &mail.mailboxes("Reply-To")[0];
    assert_eq!(
        (reply.name.as_str(), reply.address.as_str()),
        ("Zażółć \"gęślą\" jaźń", "visitor@xn--bcher-kva.example")
    );
    assert_eq!(mail.mailboxes("To")[0].address, "office@example.org");

    // What a visitor's script adds has no effect.
    let status = browser.run(
        "return fetch('/contact', {method: 'POST', body: 'Hi', headers: {To: 'z@evil.test', Cc: 'z@evil.test', Bcc: 'z@evil.test',\
         From: 'z@evil.test', Subject: 'Hi', 'Content-Type': 'text/html'}}).then(answer => answer.status)",
    );
    assert_eq!(status, 202);
    let text = sendmail.take()[0].text();
    assert!(!text.contains("evil") && text.contains("office@example.org"), "{text}");
}

#[test]
fn each_refusal_is_said_in_words_and_keeps_the_text() {
    let sendmail = Sendmail::new();
    let httpd = server(&sendmail, |text| text);
    let browser = Browser::start();
    browser.screen(390, 844, false);
    open(&browser, &httpd);

    browser.run("document.forms[0].requestSubmit()");
    let wrong = browser.run(
        "return [document.activeElement.id, document.getElementById('email-wrong').innerText,\
         document.getElementById('email').getAttribute('aria-invalid'), document.getElementById('name').getAttribute('aria-invalid')]",
    );
    assert_eq!(wrong, serde_json::json!(["email", "Please give an address for our answer.", "true", null]));
    picture(&browser, "incomplete");

    httpd.expect_log("SM0104");
    httpd.expect_log("SM0403");
    httpd.expect_log("SM0407");
    httpd.expect_log("SM0402");
    let long = "a long text\n".repeat(6000);
    for (code, text, title, advice) in [
        (0, long.as_str(), "The message is too long", "change it and send again"),
        (75, "Hi", "Our mail system is busy", "try again in a few minutes"),
        (1, "Hi", "Nobody can say whether", "Please wait for our answer"),
        (78, "Hi", "The message was not sent", "a fault of ours"),
    ] {
        sendmail.behave(&Behaviour::reads_all_and_exits(code));
        send(&browser, "Hi", text);
        let said = outcome(&browser);
        assert!(said.contains(title) && said.contains(advice), "{code}: {said}");
        let kept = browser.run("return [document.forms[0].elements.text.value.length > 1, document.forms[0].hidden, document.activeElement.id]");
        assert_eq!(kept, serde_json::json!([true, false, "outcome"]), "{code}");
        let ready = browser.run("return document.querySelector('button').getAttribute('aria-disabled')");
        assert_eq!(ready, "false");
    }
    picture(&browser, "refused");
}

#[test]
fn pages_of_other_origins_send_only_where_they_are_listed() {
    let post = |port: u16| {
        format!(
            "return fetch('http://127.0.0.1:{port}/contact', {{method: 'POST', body: 'Hi', headers: {{Subject: 'Hi'}}}})\
             .then(answer => answer.status, () => 'refused')"
        )
    };
    let sendmail = Sendmail::new();
    let closed = server(&sendmail, |text| text);
    let browser = Browser::start();
    browser.open(&format!("http://localhost:{}/write-to-us/", closed.port()));
    closed.allow_log("SM0205");
    assert_eq!(browser.run(&post(closed.port())), "refused");
    assert_eq!(sendmail.messages().len() + sendmail.starts(), 0);

    let listed = server(&sendmail, |text| {
        text.replace("</Location>", &format!("SendmailAllowOrigin http://localhost:{}\n</Location>", closed.port()))
    });
    assert_eq!(browser.run(&post(listed.port())), 202);
    assert_eq!(sendmail.messages().len(), 1);
}
