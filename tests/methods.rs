//! Which methods each path has: Allow, 405, OPTIONS, the preflight of a browser and the two descriptions say the same.

use crate::circle::Database;
use crate::json::emails;
use crate::keys::Keys;
use crate::status::by;
use crate::support::{Httpd, Request, Response, Sendmail};
use serde_json::Value;
use std::collections::BTreeSet;

const PAGE: &str = "https://www.example.test";

/// Everything that has a path of its own.
const SETTINGS: &str = "SendmailInputs fields form mime postmark resend sendgrid\nSendmailFormTo office@example.test\n\
    SendmailFormFrom form@example.test\nSendmailChallenge altcha 1000\nSendmailAllowOrigin https://www.example.test";

/// A path, and its methods beside OPTIONS.
const ROWS: &[(&str, &[&str])] = &[
    ("", &["POST"]),
    ("/anything", &["POST"]),
    ("/challenge", &["GET", "HEAD"]),
    ("/email", &["POST"]),
    ("/email/batch", &["POST"]),
    ("/emails", &["POST"]),
    ("/emails/batch", &["POST"]),
    ("/emails/some.id@h", &["GET", "HEAD"]),
    ("/openapi.json", &["GET", "HEAD", "POST"]),
    ("/v3/mail/send", &["POST"]),
];

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

fn server(sendmail: &Sendmail, keys: &Keys) -> Httpd {
    Httpd::builder().mail(sendmail, &format!("{SETTINGS}\n{}", keys.directive(""))).start().allowing("SM0")
}

fn words(response: &Response, name: &str) -> BTreeSet<String> {
    let lists = response.all(name).flat_map(|line| line.split(','));
    lists.map(|word| word.trim().to_owned()).collect()
}

fn preflight(path: &str, method: &str, asked: &str) -> Request {
    let request = Request::options(path).header("Origin", PAGE).header("Access-Control-Request-Method", method);
    request.header("Access-Control-Request-Headers", asked)
}

#[test]
fn each_path_has_its_methods_and_says_so_everywhere() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = server(&sendmail, &keys);
    for (rest, methods) in ROWS {
        let path = format!("/mail{rest}");
        let all: BTreeSet<String> = methods.iter().chain(&["OPTIONS"]).map(|method| (*method).to_owned()).collect();
        for method in METHODS {
            let answer = Request::new(method, &path).header("Origin", PAGE).send(&httpd);
            assert_eq!(answer.status == 405, !methods.contains(method), "{method} {path}: {answer:?}");
            if answer.status == 405 {
                assert_eq!(words(&answer, "Allow"), all, "{method} {path}");
            }
            assert_eq!(answer.header("Access-Control-Allow-Origin"), Some(PAGE), "{method} {path}");
        }
        let options = Request::options(&path).send(&httpd).expect_status(200);
        assert_eq!(words(&options, "Allow"), all, "{path}");
        for method in *methods {
            let leave = preflight(&path, method, "").send(&httpd).expect_status(204);
            assert_eq!(words(&leave, "Allow"), all, "{path}");
            assert_eq!(words(&leave, "Access-Control-Allow-Methods"), all, "{path}");
        }
    }
}

#[test]
fn the_descriptions_show_the_same_methods() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = server(&sendmail, &keys);
    let document: Value = serde_json::from_slice(&Request::get("/mail/openapi.json").send(&httpd).body).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let wadl = Request::options("/mail").send(&httpd).text();
    // Any other path is that of the location; a mail that is sent to that of the description is one by accident.
    for (rest, methods) in ROWS.iter().filter(|(rest, _)| *rest != "/anything") {
        let (shown, main) = match *rest {
            "" => ("/", "POST"),
            "/emails/some.id@h" => ("/emails/{id}", "GET"),
            other => (other, methods[0]),
        };
        let described: Vec<&String> = paths[shown].as_object().unwrap().keys().collect();
        assert_eq!(described, [&main.to_lowercase()], "{rest}");
        let resource =
            format!("<resource path=\"{}\">\n        <method name=\"{main}\"", shown.trim_start_matches('/'));
        assert!(rest.is_empty() || wadl.contains(&resource), "{rest}: {wadl}");
    }
    assert_eq!(paths.len(), ROWS.len() - 1, "{:?}", paths.keys());
    assert_eq!(wadl.matches("<resource path").count(), ROWS.len() - 1, "{wadl}");
    let plain = Httpd::builder().mail(&sendmail, "").start();
    let wadl = Request::options("/mail").send(&plain).text();
    assert_eq!(wadl.matches("<resource path").count(), 2, "the location and its description: {wadl}");
}

/// What a page asks for by name: a key of its own goes to the SDKs' paths alone.
#[test]
fn a_page_may_send_what_its_path_reads() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = server(&sendmail, &keys);
    let asked = "authorization, content-type, subject, x-postmark-server-token, cookie, idempotency-key";
    for (rest, allowed) in [
        ("", "content-type, subject, idempotency-key"),
        ("/emails", "authorization, content-type, x-postmark-server-token, idempotency-key"),
        ("/email/batch", "authorization, content-type, x-postmark-server-token, idempotency-key"),
        ("/v3/mail/send", "authorization, content-type, x-postmark-server-token, idempotency-key"),
        ("/emails/some.id@h", "authorization, content-type, x-postmark-server-token, idempotency-key"),
        ("/challenge", "idempotency-key"),
    ] {
        let leave = preflight(&format!("/mail{rest}"), "POST", asked).send(&httpd).expect_status(204);
        assert_eq!(leave.header("Access-Control-Allow-Headers"), Some(allowed), "{rest}");
    }
}

#[test]
fn a_page_of_another_origin_reads_with_its_key_what_became_of_its_mail() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let settings = "SendmailAllowOrigin https://www.example.test\n<RequireAny>\nRequire method OPTIONS\nRequire valid-user\n</RequireAny>";
    let httpd = emails::builder(&database, &sendmail, settings).start();
    let json = r#"{"from":"f@example.test","to":"a@example.test","subject":"s","text":"t"}"#;
    let post =
        by("alice", Request::post("/mail/emails").header("Content-Type", "application/json").header("Origin", PAGE));
    let sent = emails::read(&post.body(json).send(&httpd).expect_status(200));
    let path = format!("/mail/emails/{}", sent["id"].as_str().unwrap());
    let leave = preflight(&path, "GET", "authorization").send(&httpd).expect_status(204);
    assert_eq!(leave.header("Access-Control-Allow-Headers"), Some("authorization"));
    assert!(words(&leave, "Access-Control-Allow-Methods").contains("GET"), "{leave:?}");
    for (origin, status) in [(PAGE, 200), ("https://evil.test", 403)] {
        let shown = by("alice", Request::get(&path).header("Origin", origin)).send(&httpd).expect_status(status);
        assert_eq!(shown.header("Access-Control-Allow-Origin"), (status == 200).then_some(PAGE));
        assert_eq!(shown.header("Access-Control-Allow-Credentials"), (status == 200).then_some("true"));
    }
    let closed = Request::get(&path).header("Origin", PAGE).send(&httpd).expect_status(401);
    assert!(closed.text().contains("missing_api_key"), "{closed:?}");
    httpd.expect_log("SM0205");
    httpd.allow_log("AH");
}
