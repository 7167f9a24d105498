//! The page of examples/form with conf/examples/form.conf, in a real browser: with scripts and without, as a visitor uses it.

use super::{FORM, only, text};
use crate::keys::Keys;
use crate::support::browser::Browser;
use crate::support::place::{Place, repository};
use crate::support::process::installed;
use crate::support::{Behaviour, Httpd, Sendmail, eventually, httpd_config, skipped};
use std::time::Duration;

const TYPES: &str = "TypesConfig /dev/null\nAddType text/html .html\nAddType text/css .css\nAddType text/javascript .js\nDirectoryIndex index.html\n\
     <Directory \"${ROOT}/htdocs/contact\">\nHeader set Content-Security-Policy \"default-src 'self'\"\n</Directory>";

/// httpd with the page at /contact/ and the location as it is shipped, but for what `edit` changes there.
fn server(sendmail: &Sendmail, edit: impl Fn(String) -> String) -> Httpd {
    let builder: httpd_config::Builder = Httpd::builder().modules(&["headers", "mime", "dir"]);
    let folder = builder.root().join("htdocs/contact");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["index.html", "form.css", "form.js"] {
        std::fs::copy(repository().join("examples/form").join(file), folder.join(file)).unwrap();
    }
    let shipped = std::fs::read_to_string(repository().join("conf/examples/form.conf")).unwrap();
    let text = edit(shipped.replace("/usr/sbin/sendmail", &sendmail.program().display().to_string()));
    let httpd = builder.config(TYPES).config(&text).start();
    assert!(!httpd.error_log().contains("SM08"), "{}", httpd.error_log());
    httpd
}

fn open(httpd: &Httpd, scripts: bool) -> Browser {
    let browser = Browser::start();
    browser.scripts(scripts);
    browser.open(&format!("http://127.0.0.1:{}/contact/", httpd.port()));
    browser
}

#[track_caller]
fn arrives(browser: &Browser, words: &str) {
    eventually(words, Duration::from_secs(20), || browser.text().contains(words).then_some(()));
}

/// The name of the element with the focus.
fn focus(browser: &Browser) -> String {
    browser.run("return document.activeElement.name").as_str().unwrap_or_default().to_owned()
}

#[test]
fn without_scripts_a_visitor_is_corrected_attaches_a_file_and_is_thanked() {
    let sendmail = Sendmail::new();
    // A browser that does not check by itself.
    let httpd = server(&sendmail, |text| text);
    let browser = open(&httpd, false);
    let place = Place::new("visitor");
    let picture = place.write("B\u{e4}r.png", b"\x89PNG\r\n\x1a\n\0\xff");
    browser.run("document.forms[0].noValidate = true");
    browser.type_into("#name", "Anna B\u{e4}r");
    browser.type_into("#email", "nobody");
    browser.type_into("#message", "Za\u{17c}\u{f3}\u{142}\u{107}\n\n- one\n- two");
    browser.click("button");
    arrives(&browser, "Please write one e-mail address");
    httpd.expect_log("SM0114");
    assert_eq!(focus(&browser), "email", "and it keeps what was typed");
    assert_eq!(
        browser.run("return [document.scripts.length, document.forms[0].elements.message.value]")[1],
        "Za\u{17c}\u{f3}\u{142}\u{107}\n\n- one\n- two"
    );
    assert_eq!(sendmail.starts(), 0);

    browser.run("document.activeElement.value = ''");
    browser.type_into("[name=email]", "anna@example.org");
    browser.type_into("[name=file]", &picture.display().to_string());
    browser.click("button");
    arrives(&browser, "Thank you");
    let (_, mail) = only(&sendmail);
    let reply = &mail.mailboxes("Reply-To")[0];
    assert_eq!((reply.name.as_str(), reply.address.as_str()), ("Anna B\u{e4}r", "anna@example.org"));
    assert_eq!(mail.mailboxes("To")[0].address, "office@example.org");
    let parts = mail.parts();
    assert_eq!((parts[1].filename.as_deref(), parts[1].content_type.as_str()), (Some("B\u{e4}r.png"), "image/png"));
    assert_eq!(parts[1].body, b"\x89PNG\r\n\x1a\n\0\xff");
    let said =
        "message:\n  Za\u{17c}\u{f3}\u{142}\u{107}\n\n  - one\n  - two\n\nfile: B\u{e4}r.png (attached, 10 octets)";
    assert_eq!(text(&parts[0]), said);
}

#[test]
fn without_scripts_a_trap_that_a_password_manager_fills_loses_nothing() {
    let sendmail = Sendmail::new();
    let httpd = server(&sendmail, |text| text);
    let browser = open(&httpd, false);
    // Neither the keyboard nor a screen reader comes to it.
    let hidden = browser.run(
        "const trap = document.getElementById('leave_empty'); const place = trap.getBoundingClientRect();\
         return [trap.tabIndex, trap.autocomplete, !!trap.closest('[aria-hidden=true]'), place.right < 0]",
    );
    assert_eq!(hidden, serde_json::json!([-1, "off", true, true]));
    browser.run("document.getElementById('leave_empty').value = 'secret'");
    browser.type_into("#email", "anna@example.org");
    browser.type_into("#message", "Hello");
    browser.click("button");
    arrives(&browser, "Please leave this empty.");
    httpd.expect_log("SM0114");
    assert_eq!((focus(&browser).as_str(), sendmail.starts()), ("leave_empty", 0));
    browser.run("document.activeElement.value = ''");
    browser.click("button");
    arrives(&browser, "Thank you");
    assert_eq!(text(&only(&sendmail).1.parts()[0]), "message: Hello");
}

#[test]
fn with_scripts_the_visitor_stays_on_the_page_and_each_fault_stands_at_its_field() {
    let sendmail = Sendmail::new();
    let httpd = server(&sendmail, |text| text);
    let browser = open(&httpd, true);
    browser.run("document.forms[0].noValidate = true");
    browser.type_into("#email", "nobody");
    browser.click("button");
    arrives(&browser, "Please write one e-mail address");
    httpd.expect_log("SM0114");
    arrives(&browser, "Please fill this in.");
    eventually("the focus is at a field", Duration::from_secs(20), || (focus(&browser) == "email").then_some(()));
    browser.run("document.activeElement.value = ''");
    browser.type_into("#email", "anna@example.org");
    browser.type_into("#message", "Hello");
    sendmail.behave(&Behaviour::reads_all_and_exits(75));
    browser.click("button");
    arrives(&browser, "Our mail system is busy");
    httpd.expect_log("SM0403");
    sendmail.behave(&Behaviour::new());
    sendmail.take();
    browser.click("button");
    arrives(&browser, "Your message was sent.");
    assert!(browser.run("return document.forms[0].hidden && location.pathname == '/contact/'") == true);
    assert_eq!(text(&only(&sendmail).1.parts()[0]), "message: Hello");
}

#[test]
fn where_the_configuration_names_a_page_the_browser_goes_there() {
    let sendmail = Sendmail::new();
    let httpd =
        server(&sendmail, |text| text.replace("</Location>", "SendmailFormThanks /contact/thanks.html\n</Location>"));
    std::fs::write(httpd.root().join("htdocs/contact/thanks.html"), "<!DOCTYPE html><title>x</title>We will answer.")
        .unwrap();
    let browser = open(&httpd, false);
    browser.type_into("#email", "anna@example.org");
    browser.type_into("#message", "Hello");
    browser.click("button");
    arrives(&browser, "We will answer.");
    only(&sendmail);
}

const WIDGET: &str = "<!DOCTYPE html><title>x</title><script type=module src=altcha.js></script>\
    <form action='/mail' method='post' enctype='multipart/form-data' accept-charset='utf-8'><input name='email'><textarea name='message'></textarea>\
    <altcha-widget challengeurl='/mail/challenge' auto='onload'></altcha-widget><button>Send</button></form>";

#[test]
fn the_widget_of_altcha_solves_our_challenge_and_the_error_page_keeps_the_solution() {
    let Some(folder) = installed("altcha") else { return skipped("ALTCHA cannot be installed (tools/altcha)") };
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let form = FORM.replace("fields form", "form");
    let text = format!("{form}\nSendmailFormRequire message\n{}\nSendmailChallenge altcha 5000", keys.directive(""));
    let builder = Httpd::builder().modules(&["headers", "mime", "dir"]).config(TYPES).mail(&sendmail, &text);
    let page = builder.root().join("htdocs/widget");
    std::fs::create_dir_all(&page).unwrap();
    std::fs::write(page.join("index.html"), WIDGET).unwrap();
    std::fs::copy(folder.join("node/node_modules/altcha/dist/altcha.js"), page.join("altcha.js")).unwrap();
    let httpd = builder.start();
    let browser = Browser::start();
    let solved = || {
        browser.open(&format!("http://127.0.0.1:{}/widget/", httpd.port()));
        eventually("the widget solves it", Duration::from_secs(30), || {
            let value = browser.run("return document.querySelector('[name=altcha]')?.value ?? ''");
            value.as_str().filter(|value| !value.is_empty()).map(str::to_owned)
        })
    };
    let solution = solved();
    browser.type_into("[name=email]", "nobody");
    browser.type_into("[name=message]", "Hello");
    browser.click("button");
    arrives(&browser, "Please write one e-mail address");
    browser.run("document.activeElement.value = 'anna@example.org'");
    browser.click("button");
    arrives(&browser, "Thank you");
    only(&sendmail);
    // The same solution with another text.
    solved();
    browser.type_into("[name=message]", "Spam");
    browser.run(&format!("document.querySelector('[name=altcha]').value = '{solution}'"));
    browser.click("button");
    arrives(&browser, "Please go back to the form");
    assert!(browser.run("return document.querySelector('button')").is_null());
    httpd.expect_log("SM0114");
    assert_eq!(sendmail.starts(), 0);
}
