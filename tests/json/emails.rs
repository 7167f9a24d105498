//! `GET <location>/emails/<id>`: the outcome of a message, shown only to its sender.

use super::{post, sdks};
use crate::circle::Database;
use crate::status::{by, report};
use crate::support::httpd_config::Builder;
use crate::support::process::installed;
use crate::support::{Httpd, Request, Response, Sendmail, skipped};
use serde_json::Value;

const JSON: &str = r#"{"from":"f@example.test","to":["a@example.test","b@example.test"],"subject":"s","text":"t"}"#;

fn server(database: &Database, sendmail: &Sendmail, settings: &str) -> Httpd {
    builder(database, sendmail, settings).start()
}

/// `/mail` with a login that alice and bob have.
pub fn builder(database: &Database, sendmail: &Sendmail, settings: &str) -> Builder {
    let builder = database.httpd().modules(&["auth_basic", "authn_file", "authz_user"]);
    let users = ["alice", "bob"].map(|user| format!("{user}:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")).concat();
    std::fs::write(builder.root().join("users"), users).unwrap();
    let section = format!(
        "SetHandler sendmail\nSendmailName \"{}\"\nSendmailArguments -t -i -V %{{reqenv:SENDMAIL_ENVID}}\n\
         SendmailInputs fields resend\nSendmailBearer On\nSendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn\n{settings}\n\
         AuthType Basic\nAuthName Mail\nAuthUserFile \"${{ROOT}}/users\"\nRequire valid-user",
        sendmail.program().display()
    );
    builder.location("/mail", &section)
}

pub fn read(answer: &Response) -> Value {
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

#[test]
fn the_sender_reads_what_became_of_a_message_and_nobody_else_does() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail, "");
    let sent = by("alice", post("/mail/emails", JSON)).send(&httpd).expect_status(200);
    let id = read(&sent)["id"].as_str().unwrap().to_owned();
    let path = format!("/mail/emails/{id}");
    let get = |user: &str, path: &str| by(user, Request::get(path)).send(&httpd);
    let shown = get("alice", &path).expect_status(200);
    assert_eq!(shown.header("Cache-Control"), Some("no-store"));
    let email = read(&shown);
    assert_eq!(
        (&email["object"], &email["id"], &email["last_event"]),
        (&"email".into(), &id.clone().into(), &"queued".into())
    );
    assert_eq!((&email["from"], email["to"].as_array().map(Vec::len)), (&"f@example.test".into(), Some(2)));
    assert!(email["created_at"].as_str().unwrap().starts_with("20"));

    let unknown = get("alice", &format!("/mail/emails/{}", "0".repeat(32))).expect_status(404);
    let foreign = get("bob", &path).expect_status(404);
    assert_eq!(unknown.body, foreign.body, "unknown and forbidden alike");
    assert_eq!(read(&foreign)["name"], "not_found");
    let closed = Request::get(&path).send(&httpd).expect_status(401);
    assert_eq!(read(&closed)["name"], "missing_api_key");
    let posted = by("alice", post(&path, "{}")).send(&httpd).expect_status(405);
    assert_eq!(
        (posted.header("Allow"), &read(&posted)["name"]),
        (Some("GET, HEAD, OPTIONS"), &"method_not_allowed".into())
    );
    by("alice", Request::get(&path).header("Origin", "https://evil.test")).send(&httpd).expect_status(403);

    let arguments = sendmail.take().pop().unwrap().arguments();
    let envid = arguments.last().unwrap().clone();
    let message_id = format!("{id}@gateway.test");
    report(&database, Some(&envid), &message_id, "a@example.test", "delivered", "2.0.0");
    assert_eq!(read(&get("alice", &path))["last_event"], "queued", "one is not there yet");
    report(&database, Some(&envid), &message_id, "b@example.test", "delivered", "2.0.0");
    assert_eq!(read(&get("alice", &path))["last_event"], "delivered");

    let chosen = JSON.replacen('{', r#"{"headers":{"Message-ID":"<own.1@app.test>"},"#, 1);
    let sent = by("alice", post("/mail/emails", &chosen)).send(&httpd).expect_status(200);
    assert_eq!(read(&sent)["id"], "own.1@app.test");
    assert_eq!(read(&get("alice", "/mail/emails/own.1@app.test").expect_status(200))["message_id"], "own.1@app.test");
    get("bob", "/mail/emails/own.1@app.test").expect_status(404);
    let envid = sendmail.take().pop().unwrap().arguments().last().unwrap().clone();
    report(&database, Some(&envid), "own.1@app.test", "a@example.test", "failed", "5.1.1");
    assert_eq!(read(&get("alice", "/mail/emails/own.1@app.test"))["last_event"], "bounced");
    for tag in ["SM0108", "SM0205"] {
        httpd.expect_log(tag);
    }
    httpd.allow_log("AH");
}

#[test]
fn the_sdks_of_resend_read_it_too() {
    let Some(sdks) = installed("sdks") else { return skipped("the SDKs cannot be installed (tools/sdks)") };
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail, "");
    for (program, name) in [("node", "get_resend.cjs"), ("python3", "get_resend.py")] {
        let answers = sdks::script(program, name, &httpd, "/mail", sdks::GOOD, &sdks);
        let [found, unknown] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!((&found["object"], &found["last_event"]), (&"email".into(), &"queued".into()), "{found}");
        assert!(sendmail.take().pop().unwrap().text().contains(found["id"].as_str().unwrap()));
        assert_eq!(unknown["error"], "not_found", "{unknown}");
    }
}

#[test]
fn where_no_statuses_are_kept_there_is_nothing_and_where_the_database_is_down_nobody_knows() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail, "");
    let sent = by("alice", post("/mail/emails", JSON)).send(&httpd).expect_status(200);
    let path = format!("/mail/emails/{}", read(&sent)["id"].as_str().unwrap());
    by("alice", Request::get(&path)).send(&httpd).expect_status(200);
    database.run_sql("DROP TABLE message");
    let down = by("alice", Request::get(&path)).send(&httpd).expect_status(503);
    assert_eq!(read(&down)["name"], "application_error");
    httpd.expect_log("SM0501");
    let httpd = Httpd::builder().mail(&sendmail, "SendmailInputs resend").start();
    Request::get(&path).send(&httpd).expect_status(404);
    let httpd = Httpd::builder().mail(&sendmail, "SendmailInputs postmark").start();
    Request::get(&path).send(&httpd).expect_status(405);
    httpd.expect_log("SM0108");
}
