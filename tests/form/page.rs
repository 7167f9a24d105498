//! The page of examples/form with conf/examples/form.conf, in a real browser: with scripts and without, as a visitor uses it.

use super::{only, text};
use crate::keys::Keys;
use crate::support::browser::Browser;
use crate::support::place::{Place, repository};
use crate::support::process::{installed, run};
use crate::support::{Behaviour, Httpd, Sendmail, eventually, httpd_config, skipped};
use std::process::Command;
use std::time::Duration;

const TYPES: &str = "TypesConfig /dev/null\nAddType text/html .html\nAddType text/css .css\nAddType text/javascript .js\nDirectoryIndex index.html\n\
     <Directory \"${ROOT}/htdocs/contact\">\nHeader set Content-Security-Policy \"default-src 'self'\"\n</Directory>";

/// httpd with the page at /contact/ and the location as shipped, with the changes of `edit`.
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

/// The name of the focused element.
fn focus(browser: &Browser) -> String {
    browser.run("return document.activeElement.name").as_str().unwrap_or_default().to_owned()
}

#[test]
fn without_scripts_a_visitor_is_corrected_attaches_a_file_and_is_thanked() {
    let sendmail = Sendmail::new();
    // A browser that does not validate by itself.
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
    // Neither the keyboard nor a screen reader reaches it.
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

/// The blocks of this kind in docs/forms.md, unindented.
fn manual(kind: &str) -> Vec<String> {
    let page = std::fs::read_to_string(repository().join("docs/forms.md")).unwrap();
    let mut lines = page.lines().map(str::trim_end);
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim() == format!("```{kind}") {
            let indent = line.len() - line.trim_start().len();
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(block.map(|line| format!("{}\n", &line[indent.min(line.len())..])).collect());
        }
    }
    blocks
}

#[test]
fn the_manual_shows_the_configuration_that_is_shipped_and_its_command_sends() {
    let shipped = std::fs::read_to_string(repository().join("conf/examples/form.conf")).unwrap();
    let bare = |text: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(bare(&manual("apache")[0]), bare(&shipped));
    let sendmail = Sendmail::new();
    let httpd = server(&sendmail, |text| text);
    let command = manual("sh").remove(0);
    assert!(command.contains("http://localhost/write"), "{command}");
    let command = command.replace("http://localhost/", &format!("http://127.0.0.1:{}/", httpd.port()));
    let answer =
        run(Command::new("sh").arg("-c").arg(command).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1"));
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((&answer["success"], &answer["message"]), (&true.into(), &"Your message was sent.".into()));
    let (_, mail) = only(&sendmail);
    assert_eq!(mail.mailboxes("To")[0].address, "office@example.org");
    assert_eq!(mail.mailboxes("Reply-To")[0].address, "you@example.org");
}

#[test]
fn the_page_of_the_manual_with_its_challenge_lets_one_message_pass() {
    let Some(folder) = installed("altcha") else { return skipped("ALTCHA cannot be installed (tools/altcha)") };
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let challenge = manual("apache").remove(1);
    assert!(challenge.contains("SendmailChallenge altcha\n"), "{challenge}");
    let challenge = challenge.replace("altcha\n", "altcha 5000\n");
    let challenge = challenge.replace("/var/lib/mod_sendmail/claims", &keys.path().display().to_string());
    let httpd = server(&sendmail, |text| format!("{text}\n{challenge}"));
    let [page, widget] = &manual("html")[..] else { panic!("two blocks of HTML") };
    let page =
        format!("<!DOCTYPE html><title>x</title>{}", page.replace("<p><button>", &format!("{widget}<p><button>")));
    // Next to the folder with a policy: the widget's worker is a blob, its styles are inside its element.
    std::fs::create_dir_all(httpd.root().join("htdocs/own")).unwrap();
    std::fs::write(httpd.root().join("htdocs/own/index.html"), page).unwrap();
    std::fs::copy(folder.join("node/node_modules/altcha/dist/altcha.js"), httpd.root().join("htdocs/own/altcha.js"))
        .unwrap();
    let browser = Browser::start();
    let solved = || {
        browser.open(&format!("http://127.0.0.1:{}/own/", httpd.port()));
        eventually("the widget solves it", Duration::from_secs(60), || {
            let value = browser.run("return document.querySelector('[name=altcha]')?.value ?? ''");
            value.as_str().filter(|value| !value.is_empty()).map(str::to_owned)
        })
    };
    let solution = solved();
    browser.run("document.forms[0].noValidate = true");
    browser.type_into("[name=email]", "nobody");
    browser.type_into("[name=message]", "Hello");
    browser.click("button:not([type=button])");
    arrives(&browser, "Please write one e-mail address");
    browser.run("document.activeElement.value = 'anna@example.org'");
    browser.click("button");
    arrives(&browser, "Thank you");
    only(&sendmail);
    // The same solution with another text.
    solved();
    browser.type_into("[name=email]", "anna@example.org");
    browser.type_into("[name=message]", "Spam");
    browser.run(&format!("document.querySelector('[name=altcha]').value = '{solution}'"));
    browser.click("button:not([type=button])");
    arrives(&browser, "Please go back to the form");
    assert!(browser.run("return document.querySelector('button')").is_null());
    httpd.expect_log("SM0114");
    assert_eq!(sendmail.starts(), 0);
}

#[test]
fn without_scripts_the_page_of_the_manual_says_where_else_to_write() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let challenge =
        manual("apache").remove(1).replace("/var/lib/mod_sendmail/claims", &keys.path().display().to_string());
    let httpd = server(&sendmail, |text| format!("{text}\n{challenge}"));
    let page = manual("html").concat();
    std::fs::write(httpd.root().join("htdocs/contact/own.html"), format!("<!DOCTYPE html><title>x</title>{page}"))
        .unwrap();
    let browser = open(&httpd, false);
    browser.open(&format!("http://127.0.0.1:{}/contact/own.html", httpd.port()));
    assert!(browser.text().contains("please write to office@example.org"), "{}", browser.text());
    browser.type_into("#email", "anna@example.org");
    browser.type_into("#message", "Hello");
    browser.click("button");
    arrives(&browser, "Please go back to the form");
    httpd.expect_log("SM0114");
    assert_eq!(sendmail.starts(), 0);
}
