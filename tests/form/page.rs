//! Pages in a real browser.

use super::{builder, only, text};
use crate::support::browser::Browser;
use crate::support::{Sendmail, eventually};
use std::time::Duration;

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
    httpd.expect_log("SM0114");
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
