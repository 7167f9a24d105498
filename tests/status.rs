//! The status service over the wire: who may see what, the effect of forged and strange input, and what happens while the database is down.

use crate::circle::Database;
use crate::hostile::ABOUT_STATUS;
use crate::support::browser::Browser;
use crate::support::{Behaviour, Certificates, Httpd, Request, Response, Sendmail, hostile, skipped};
use base64::Engine;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

/// `/mail` for authenticated users, and for anybody at `/open`; with a status for both.
fn server(database: &Database, sendmail: &Sendmail) -> Httpd {
    let program = sendmail.program().display().to_string();
    let mail = format!(
        "SetHandler sendmail\nSendmailName \"{program}\"\nSendmailTimeout 2s\nSendmailArguments -t -i -f b@example.test -V %{{reqenv:SENDMAIL_ENVID}}\n\
         SendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn"
    );
    let basic = "AuthType Basic\nAuthName Mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user";
    let builder = database
        .httpd()
        .modules(&["auth_basic", "authn_file", "authz_user"])
        .location("/mail", &format!("{mail}\n{basic}"))
        .location("/open", &format!("{mail}\nRequire ip 127.0.0.1"))
        .location("/dsn", &format!("{basic}\n<RequireAny>\nRequire valid-user\nRequire ip 127.0.0.1\n</RequireAny>"))
        .location("/own", &format!("SetHandler processdsn\n{basic}"));
    let users = USERS.map(|name| [name, b":{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"].concat()).concat();
    std::fs::write(builder.root().join("users"), users).unwrap();
    builder.start()
}

/// Two of them in ISO 8859-1, one in UTF-8, one with the name that the tables use for nobody.
const USERS: [&[u8]; 6] = [b"alice", b"bob", b"m\xfcller", b"m\xf6ller", b"m\xc3\xbcller", b"?"];

pub fn by(user: impl AsRef<[u8]>, request: Request) -> Request {
    let words = base64::engine::general_purpose::STANDARD.encode([user.as_ref(), b":secret"].concat());
    request.header("Authorization", format!("Basic {words}"))
}

fn get(httpd: &Httpd, user: impl AsRef<[u8]>, path: &str) -> Response {
    by(user, Request::get(path)).send(httpd)
}

/// A report with this action, with or without the envelope id that verifies it.
pub fn report(database: &Database, envid: Option<&str>, message_id: &str, address: &str, action: &str, status: &str) {
    let envid = envid.map_or(String::new(), |envid| format!("Original-Envelope-Id: {envid}\n"));
    let mail = format!(
        "From: MAILER-DAEMON@mx.example\nTo: b@example.test\nSubject: report\nMIME-Version: 1.0\n\
         Message-ID: <{action}.{address}.{}@mx.example>\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=cut\n\n--cut\n\nwords\n--cut\n\
         Content-Type: message/delivery-status\n\n{envid}Reporting-MTA: dns; mx.example\n\n\
         Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; <blink>550</blink> & \"no\"\n\n--cut\n\
         Content-Type: text/rfc822-headers\n\nMessage-ID: <{message_id}>\n\n--cut--\n",
        envid.len()
    );
    let mut child = database.processdsn().stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn envid(sendmail: &Sendmail) -> String {
    sendmail.take()[0].arguments().last().unwrap().clone()
}

#[test]
fn a_status_is_shown_to_its_owner_and_to_nobody_else() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    let mail = Request::mail("/mail").header("Message-ID", "<one@example.test>").header("Bcc", "hidden@example.test");
    by("alice", mail.clone()).send(&httpd).expect_status(303);
    let alice = envid(&sendmail);
    let path = "/own/one%40example.test/";
    let seen = get(&httpd, "alice", path).expect_status(200);
    assert!(seen.shows(b"queued") && seen.shows(b"hidden@example.test"), "{}", seen.text());
    let (foreign, unknown) = (get(&httpd, "bob", path), get(&httpd, "bob", "/own/none%40example.test/"));
    assert_eq!((foreign.status, &foreign.body), (404, &unknown.body));
    assert_eq!(unknown.status, 404);
    Request::get("/dsn/one%40example.test/").send(&httpd).expect_status(404);

    httpd.expect_log("SM0109");
    let again = by("alice", mail.clone().expect_continue()).send(&httpd).expect_status(409);
    assert_eq!(again.interim, Vec::<u16>::new(), "known before the body is asked for");
    assert!(again.header("Link").unwrap().contains("/dsn/one%40example.test/"), "{again:?}");
    assert_eq!(sendmail.messages().len(), 0, "a message that was submitted is not sent again");
    by("bob", mail).send(&httpd).expect_status(303);
    let bob = envid(&sendmail);
    assert_ne!(alice, bob);
    report(&database, Some(&bob), "one@example.test", "a@example.test", "failed", "5.0.0");
    assert!(get(&httpd, "bob", path).shows(b"failed"));
    assert!(!get(&httpd, "alice", path).shows(b"failed"), "bob's report changes nothing of alice's");
}

#[test]
fn logins_that_are_the_same_in_no_encoding_alone_have_messages_of_their_own() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    for (number, user) in USERS.iter().enumerate() {
        let mail = Request::mail("/mail").header("Message-ID", format!("<{number}@example.test>"));
        by(user, mail.header("Bcc", "hidden@example.test")).send(&httpd).expect_status(303);
    }
    for (number, _) in USERS.iter().enumerate() {
        let path = format!("/own/{number}%40example.test/");
        for (other, user) in USERS.iter().enumerate() {
            let seen = get(&httpd, user, &path);
            assert_eq!(seen.status, if other == number { 200 } else { 404 }, "{number} by {other}");
            assert_eq!(seen.shows(b"hidden@"), other == number);
        }
    }
}

#[test]
fn what_is_known_from_reports_alone_belongs_to_no_login() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    by("?", Request::mail("/mail").header("Message-ID", "<own@example.test>")).send(&httpd).expect_status(303);
    get(&httpd, "?", "/own/own%40example.test/").expect_status(200);
    report(&database, None, "strange@example.test", "a@example.test", "failed", "5.0.0");
    get(&httpd, "?", "/own/strange%40example.test/").expect_status(404);
}

#[test]
fn a_certificate_with_capitals_in_its_mail_domain_owns_what_was_sent_with_it() {
    let (database, sendmail, certificates) = (Database::new(), Sendmail::new(), Certificates::new());
    let mail = format!(
        "<Location \"/mail\">\nSetHandler sendmail\nSendmailName \"{}\"\nSendmailSenderMail SSL_CLIENT_S_DN_Email\n\
         SendmailArguments -t -i -f %{{reqenv:SENDMAIL_FROM}}\nSendmailDSNLocation https://127.0.0.1:${{TLS_PORT}}/dsn\n</Location>",
        sendmail.program().display()
    );
    let httpd = database.httpd().tls(&certificates, &format!("SSLVerifyClient require\n{mail}")).start();
    let peter = certificates.client("peter", "/CN=Peter/emailAddress=Peter@Example.TEST");
    let other = certificates.client("other", "/CN=Peter/emailAddress=peter@Example.TEST");
    let message = Request::mail("/mail").without("From").header("Message-ID", "<c@example.test>");
    message.send_tls(&httpd, &certificates, Some(&peter)).expect_status(303);
    let status = Request::get("/dsn/c%40example.test/");
    status.send_tls(&httpd, &certificates, Some(&peter)).expect_status(200);
    status.send_tls(&httpd, &certificates, Some(&other)).expect_status(404);
}

#[test]
fn a_message_sent_without_authentication_is_readable_by_its_id_and_hides_bcc() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    let mail = Request::mail("/open").header("Message-ID", "<open@example.test>").header("Bcc", "hidden@example.test");
    mail.send(&httpd).expect_status(303);
    let seen = Request::get("/dsn/open%40example.test/").send(&httpd).expect_status(200);
    assert!(seen.shows(b"a@example.test") && !seen.shows(b"hidden@"), "{}", seen.text());
}

#[test]
fn a_forged_report_is_shown_as_such_and_undoes_nothing() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    let status = |id: &str| {
        let path = format!("/dsn/{id}%40example.test/");
        let answer = Request::get(&path).header("Accept", "application/json").send(&httpd).expect_status(200);
        let page: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let recipient = &page["recipients"][0];
        (recipient["state"].as_str().unwrap().to_owned(), recipient["verified"].as_bool())
    };
    Request::mail("/open").header("Message-ID", "<m@example.test>").send(&httpd).expect_status(303);
    let secret = envid(&sendmail);
    let to = "a@example.test";
    report(&database, Some("wrong"), "m@example.test", to, "failed", "5.1.1");
    assert_eq!(status("m"), ("failed".into(), Some(false)));
    report(&database, Some(&secret), "m@example.test", to, "delivered", "2.0.0");
    assert_eq!(status("m"), ("delivered".into(), Some(true)), "the real report overrules the forged one");
    report(&database, None, "m@example.test", to, "failed", "5.1.2");
    assert_eq!(status("m"), ("delivered".into(), Some(true)), "and stays");
    let page = Request::get("/dsn/m%40example.test/").header("Accept", "text/html").send(&httpd).expect_status(200);
    assert!(!page.shows(b"<blink>550") && page.shows(b"&lt;blink&gt;550"), "{}", page.text());
}

#[test]
fn what_was_refused_is_taken_back_and_what_nobody_knows_is_unknown() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    sendmail.behave(&Behaviour::reads_all_and_exits(75));
    httpd.expect_log("SM0403");
    let mail = Request::mail("/open").header("Message-ID", "<r@example.test>");
    mail.send(&httpd).expect_status(503);
    Request::get("/dsn/r%40example.test/").send(&httpd).expect_status(404);
    sendmail.behave(&Behaviour::new().reads_all().hangs());
    httpd.expect_log("SM0404");
    mail.clone().timeout(Duration::from_secs(20)).send(&httpd).expect_status(504);
    let unknown =
        Request::get("/dsn/r%40example.test/").header("Accept", "application/json").send(&httpd).expect_status(200);
    let page: serde_json::Value = serde_json::from_slice(&unknown.body).unwrap();
    assert_eq!(page["recipients"][0]["state"], "unknown");
}

#[test]
fn a_database_that_is_down_stops_no_mail() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    database.run_sql("DROP TABLE message");
    httpd.expect_log("SM0501");
    httpd.expect_log("SM0603");
    let answer = Request::mail("/open").send(&httpd).expect_status(202);
    assert_eq!((answer.header("Location"), answer.header("Link")), (None, None));
    assert_eq!(sendmail.messages().len(), 1);
    let down = Request::get("/dsn/x%40example.test/").send(&httpd).expect_status(503);
    assert!(down.header("Retry-After").is_some() && !down.shows(b"message"), "{}", down.text());
}

#[test]
fn every_hostile_row_about_the_status_service() {
    let Some(rows) = hostile::rows() else { return skipped("no ../shared/data/hostile-requests.tsv") };
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    for id in ["a", "other-users-id"] {
        database.run_sql(&format!(
            "INSERT INTO message (envid, message_id, owner, submitted) VALUES ('secret-{id}', '{id}', 'alice', 1)"
        ));
    }
    get(&httpd, "alice", "/own/other-users-id/").expect_status(200);
    httpd.expect_log("AH00127"); // M07: an impossible file name
    let mut sent = 0;
    for row in rows.iter().filter(|row| ABOUT_STATUS.contains(&row.id.as_str())) {
        let outcome = row.send(&httpd);
        row.judge(&outcome);
        assert!(!outcome.is_ok_and(|answer| answer.shows(b"root:") || answer.shows(b"secret-")), "{}", row.id);
        sent += 1;
    }
    assert_eq!(sent, ABOUT_STATUS.len());
    let unknown = Request::get("/dsn/no-such-id/").send(&httpd).expect_status(404);
    assert_eq!(Request::get("/dsn/other-users-id/").send(&httpd).expect_status(404).body, unknown.body);
}

#[test]
fn strange_ids_find_nothing_and_break_nothing() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    Request::mail("/open").header("Message-ID", "<a@example.test>").send(&httpd).expect_status(303);
    Request::get("/dsn/?message-id=%3Ca%40example.test%3E&recipient=a%40example.test").send(&httpd).expect_status(200);
    Request::get("/dsn/a%40example.test/a%40example.test/").send(&httpd).expect_status(200);
    httpd.expect_log("AH00127"); // an impossible file name: core itself answers 403
    let long = format!("/dsn/{}/", "a".repeat(7000));
    for path in [
        "/dsn/%25/",
        "/dsn/_%40example.test/",
        "/dsn/a%00/",
        "/dsn/..%2f..%2fetc%2fpasswd/",
        "/dsn/'%20OR%201=1--/",
        "/dsn/",
        "/dsn",
        "/dsn/a%40example.test/other%40example.test/",
        "/dsn/a%40example.test/b/c/",
        "/dsn/?message-id=%zz",
        "/dsn/%ff%fe/",
        &long,
        "/dsn/?message-id=a%40example.test&message-id=b",
        "/dsn/report:x/",
    ] {
        let answer = Request::get(path).send(&httpd);
        assert!(matches!(answer.status, 400 | 403 | 404 | 414), "{path}: {}", answer.status);
        assert!(!answer.shows(b"queued"), "{path}");
    }
}

#[test]
fn the_answer_has_five_forms_and_says_nothing_to_caches() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    Request::mail("/open").header("Message-ID", "<f@example.test>").send(&httpd).expect_status(303);
    let path = "/dsn/f%40example.test/";
    for (accept, expected) in [
        ("*/*", "text/plain"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("text/xml", "text/xml"),
        ("application/xml", "application/xml"),
        ("application/json", "application/json"),
    ] {
        let answer = Request::get(path).header("Accept", accept).send(&httpd).expect_status(200);
        assert!(answer.header("Content-Type").unwrap().starts_with(expected), "{accept}: {answer:?}");
        assert_eq!((answer.header("Cache-Control"), answer.header("Vary")), (Some("no-store"), Some("Accept")));
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        assert!(answer.header("Content-Security-Policy").unwrap().contains("default-src 'none'"));
        let head = Request::new("HEAD", path).header("Accept", accept).send(&httpd).expect_status(200);
        assert_eq!((head.header("Content-Length"), head.body.len()), (answer.header("Content-Length"), 0));
    }
    Request::get(path).header("Accept", "image/png").send(&httpd).expect_status(406);
    let refused = Request::post(path).body("x").send(&httpd).expect_status(405);
    let allowed = refused.header("Allow").unwrap();
    assert!(allowed.contains("GET") && !allowed.contains("POST"), "{allowed}");
    let described = Request::options("/dsn/").send(&httpd).expect_status(200);
    assert_eq!(described.header("Content-Type"), Some("application/vnd.sun.wadl+xml"));
    assert!(described.text().contains("http://gateway.test:"), "{}", described.text());
}

#[test]
fn a_person_sees_the_state_at_a_glance_and_no_markup_of_strangers() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    let mail = Request::mail("/open").without("To").header("To", "a@example.test, b@example.test");
    mail.header("Message-ID", "<seen@example.test>").send(&httpd).expect_status(303);
    let secret = envid(&sendmail);
    report(&database, Some(&secret), "seen@example.test", "a@example.test", "failed", "5.1.1");
    let browser = Browser::start();
    for (width, height, dark) in [(390, 844, false), (390, 844, true), (1280, 900, false), (1280, 900, true)] {
        browser.screen(width, height, dark);
        browser.open(&format!("http://127.0.0.1:{}/dsn/seen%40example.test/", httpd.port()));
        let text = browser.text();
        for word in ["a@example.test", "b@example.test", "5.1.1", "<blink>550</blink> & \"no\""] {
            assert!(text.contains(word), "{word} is not to be seen: {text}");
        }
        let lower = text.to_lowercase();
        assert!(lower.contains("failed") || lower.contains("not delivered"), "{text}");
        let facts = browser.run(
            "const style = getComputedStyle(document.documentElement), body = getComputedStyle(document.body);\
             const shade = color => color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);\
             const ground = [body, style].map(s => s.backgroundColor).find(c => !/, 0\\)$|transparent/.test(c)) || 'rgb(255, 255, 255)';\
             return {strange: document.querySelectorAll('blink, script').length, wide: document.documentElement.scrollWidth > innerWidth,\
                     ground: shade(ground), ink: shade(body.color), refresh: !!document.querySelector('meta[http-equiv=refresh]'),\
                     lang: document.documentElement.lang, heading: document.querySelectorAll('h1').length}",
        );
        assert_eq!((&facts["strange"], &facts["wide"]), (&0.into(), &false.into()), "{facts}");
        assert_eq!(
            (&facts["refresh"], &facts["lang"], &facts["heading"]),
            (&true.into(), &"en".into(), &1.into()),
            "{facts}"
        );
        let (ground, ink) = (facts["ground"].as_f64().unwrap(), facts["ink"].as_f64().unwrap());
        assert!((ground < ink) == dark && (ground - ink).abs() > 300.0, "dark: {dark}: {facts}");
    }
}
