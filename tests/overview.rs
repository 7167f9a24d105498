//! The list of messages over the wire: for their owner, for an administrator, in each format; and the suppressed addresses.

use crate::circle::Database;
use crate::support::browser::Browser;
use crate::support::{Httpd, Request, Response, Sendmail};
use base64::Engine;
use std::io::Write;
use std::process::{Command, Stdio};

/// `/mail` and `/dsn` for authenticated users; `anna` is an administrator.
fn server(database: &Database, sendmail: &Sendmail) -> Httpd {
    let login = "AuthType Basic\nAuthName Mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user";
    let mail = format!(
        "SetHandler sendmail\nSendmailName \"{}\"\nSendmailArguments -i -f b@example.test -V %{{reqenv:SENDMAIL_ENVID}} --\n\
         SendmailDSNLocation http://127.0.0.1:${{PORT}}/own\n{login}",
        sendmail.program().display()
    );
    let builder = database
        .httpd()
        .modules(&["auth_basic", "authn_file", "authz_user"])
        .location("/mail", &mail)
        .location("/own", &format!("SetHandler processdsn\nProcessDSNAdmin \"%{{REMOTE_USER}} == 'anna'\"\n{login}"));
    let users = ["peter", "otto", "anna"].map(|name| format!("{name}:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")).concat();
    std::fs::write(builder.root().join("users"), users).unwrap();
    builder.start()
}

fn by(user: &str, request: Request) -> Request {
    let words = base64::engine::general_purpose::STANDARD.encode(format!("{user}:secret"));
    request.header("Authorization", format!("Basic {words}"))
}

fn get(httpd: &Httpd, user: &str, path: &str) -> Response {
    by(user, Request::get(path)).send(httpd)
}

fn json(httpd: &Httpd, user: &str, path: &str) -> serde_json::Value {
    let answer = by(user, Request::get(path).header("Accept", "application/json")).send(httpd).expect_status(200);
    serde_json::from_slice(&answer.body).unwrap()
}

/// Sends a message to these recipients; the `Location` of the answer is not checked.
fn send(httpd: &Httpd, user: &str, id: &str, to: &str) {
    let mail =
        Request::mail("/mail").without("To").header("To", to).header("Message-ID", format!("<{id}@example.test>"));
    by(user, mail.header("Bcc", format!("hidden-{id}@example.test"))).send(httpd).expect_status(303);
}

#[test]
fn an_owner_lists_his_messages_and_nobody_elses() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    send(&httpd, "peter", "one", "a@x.example, b@y.example");
    send(&httpd, "otto", "two", "c@y.example");
    let own = json(&httpd, "peter", "/own/");
    let addresses = |page: &serde_json::Value| {
        let mut found: Vec<String> = page["recipients"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["address"].as_str().unwrap().to_owned())
            .collect();
        found.sort();
        found
    };
    assert_eq!(addresses(&own), ["a@x.example", "b@y.example", "hidden-one@example.test"]);
    assert_eq!((&own["scope"], &own["counts"]["hour"]["queued"]), (&"own".into(), &3.into()), "{own}");
    assert_eq!(addresses(&json(&httpd, "peter", "/own/?domain=y.example")), ["b@y.example"]);
    assert_eq!(addresses(&json(&httpd, "otto", "/own/?recipient=a")), Vec::<String>::new());
    assert_eq!(addresses(&json(&httpd, "peter", "/own/?state=failed")), Vec::<String>::new());
    for (query, name) in
        [("state=gone", "state"), ("cursor=AAAA", "cursor"), ("owner=otto", "owner"), ("since=x", "since")]
    {
        let answer = get(&httpd, "peter", &format!("/own/?{query}")).expect_status(400);
        assert!(answer.text().contains(&format!("The parameter {name} ")), "{}", answer.text());
    }
    let page = by("peter", Request::get("/own/?state=%3Cb%3E&x").header("Accept", "text/html")).send(&httpd);
    assert!(page.status == 400 && !page.shows(b"<b>"), "{}", page.text());
    // An unknown user has no messages, and learns nothing.
    let (nobody, unknown) = (Request::get("/dsn/").send(&httpd), Request::get("/dsn/none%40x/").send(&httpd));
    assert_eq!((nobody.status, &nobody.body), (404, &unknown.body));
    assert_eq!(Request::get("/dsn/suppressions/").send(&httpd).body, unknown.body);

    httpd.expect_log("SM0604");
    let all = json(&httpd, "anna", "/own/");
    assert_eq!(addresses(&all), ["a@x.example", "b@y.example", "c@y.example"], "Bcc is shown to its owner alone");
    // Messages of one second have no defined order.
    let owner = |one: &serde_json::Value| (one["address"] == "c@y.example", one["owner"] == "otto");
    assert_eq!(all["scope"], "all", "{all}");
    assert!(all["recipients"].as_array().unwrap().iter().map(owner).all(|(his, he)| his == he), "{all}");
    let one = get(&httpd, "anna", "/own/one%40example.test/").expect_status(200);
    assert!(one.shows(b"a@x.example") && !one.shows(b"hidden-one"), "{}", one.text());
    get(&httpd, "otto", "/own/one%40example.test/").expect_status(404);
    assert_eq!(httpd.error_log().matches("an administrator looks at").count(), 2);
}

#[test]
fn the_overview_comes_in_every_form_and_is_not_sent_twice() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    for number in 0..3 {
        send(&httpd, "peter", &format!("m{number}"), &format!("=1+{number}@x.example, u{number}@x.example"));
    }
    for (form, kind) in [
        ("text", "text/plain"),
        ("html", "text/html"),
        ("json", "application/json"),
        ("jsonl", "application/x-ndjson"),
        ("csv", "text/csv"),
        ("xml", "application/xml"),
    ] {
        let by_name = get(&httpd, "peter", &format!("/own/?format={form}")).expect_status(200);
        assert!(by_name.header("Content-Type").unwrap().starts_with(kind), "{form}: {by_name:?}");
        let by_type = by("peter", Request::get("/own/").header("Accept", kind)).send(&httpd).expect_status(200);
        assert!(by_type.header("Content-Type").unwrap().starts_with(kind) && by_type.shows(b"u2@x.example"), "{form}");
        assert_eq!(by_type.header("Cache-Control"), Some("no-store"));
        let tag = by_type.header("ETag").unwrap();
        let known = Request::get("/own/").header("Accept", kind).header("If-None-Match", tag);
        let known = by("peter", known).send(&httpd).expect_status(304);
        assert!(known.body.is_empty() && known.header("ETag") == Some(tag));
        let stale = Request::get("/own/?domain=x.example").header("Accept", kind).header("If-None-Match", tag);
        by("peter", stale).send(&httpd).expect_status(200);
    }
    by("peter", Request::get("/own/").header("Accept", "image/png")).send(&httpd).expect_status(406);
    let csv = get(&httpd, "peter", "/own/?format=csv").text();
    assert!(csv.contains("\"'=1+0@x.example\"") && csv.lines().count() == 10, "{csv}");
    let lines = get(&httpd, "peter", "/own/?format=jsonl").text();
    assert!(
        lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()) && lines.lines().count() == 9
    );

    // From page to page by the links in the answers.
    let (mut path, mut seen) = (Some("/own/?limit=2".to_owned()), Vec::new());
    while let Some(next) = path.take() {
        let page = json(&httpd, "peter", &next);
        seen.extend(page["recipients"].as_array().unwrap().iter().map(|one| one["address"].to_string()));
        path = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), 9);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 9);

    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/overview.schema.json");
    let script = "import json, sys, jsonschema; jsonschema.Draft202012Validator(json.load(open(sys.argv[1]))).validate(json.load(sys.stdin))";
    let mut python = Command::new("python3").args(["-c", script, schema]).stdin(Stdio::piped()).spawn().unwrap();
    let page = get(&httpd, "peter", "/own/?format=json&limit=2");
    python.stdin.take().unwrap().write_all(&page.body).unwrap();
    assert!(python.wait().unwrap().success());
    let mut lint = Command::new("xmllint").args(["--noout", "--nonet", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    lint.stdin.take().unwrap().write_all(&get(&httpd, "peter", "/own/?format=html").body).unwrap();
    assert!(lint.wait().unwrap().success());
    httpd.expect_log("SM0604");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/overview.xsd");
    for (user, query) in [("peter", "format=xml&limit=2"), ("peter", "format=xml"), ("anna", "format=xml&state=failed")]
    {
        let page = get(&httpd, user, &format!("/own/?{query}")).expect_status(200);
        let words = ["--noout", "--nonet", "--schema", schema, "-"];
        let mut lint = Command::new("xmllint").args(words).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        lint.stdin.take().unwrap().write_all(&page.body).unwrap();
        assert!(lint.wait().unwrap().success(), "{query}: {}", page.text());
    }
}

#[test]
fn a_person_finds_what_failed_without_a_script() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    send(&httpd, "peter", "m1", "ann@gmail.example, bob@x.example");
    send(&httpd, "peter", "m2", "strange@gmail.example");
    database
        .run_sql("UPDATE recipient SET state = 'failed', reason = 'userunknown' WHERE address = 'ann@gmail.example'");
    database
        .run_sql("UPDATE recipient SET state = 'delayed', reason = 'blocked' WHERE address = 'strange@gmail.example'");
    database.run_sql("UPDATE message SET sender = '<blink>x</blink>@x.example'");
    let browser = Browser::start();
    for (name, width, height, dark) in [
        ("phone", 390, 844, false),
        ("phone-dark", 390, 844, true),
        ("desktop", 1280, 900, false),
        ("desktop-dark", 1280, 900, true),
    ] {
        browser.screen(width, height, dark);
        browser.open(&format!("http://peter:secret@127.0.0.1:{}/own/", httpd.port()));
        let text = browser.text();
        for word in ["ann@gmail.example", "the mailbox does not exist", "<blink>x</blink>", "gmail.example", "By state"]
        {
            assert!(text.contains(word), "{word} is not to be seen: {text}");
        }
        let facts = browser.run(
            "return {strange: document.querySelectorAll('blink, script').length, wide: document.documentElement.scrollWidth > innerWidth,\
             refresh: !!document.querySelector('meta[http-equiv=refresh]'), heading: document.querySelectorAll('h1').length,\
             bars: [...document.querySelectorAll('.bars svg[role=img]')].map(bar => bar.getAttribute('aria-label')),\
             drawn: [...document.querySelectorAll('.bars rect')].every(piece => piece.getBoundingClientRect().width > 2 && getComputedStyle(piece).fill.startsWith('rgb(')),\
             labels: [...document.querySelectorAll('input, select')].every(field => field.labels.length === 1)}",
        );
        assert_eq!((&facts["strange"], &facts["wide"]), (&0.into(), &false.into()), "{name}: {facts}");
        assert_eq!(
            (&facts["refresh"], &facts["heading"], &facts["labels"]),
            (&true.into(), &1.into(), &true.into()),
            "{name}: {facts}"
        );
        let said = |period: &str| format!("{period}: 1 failed, 1 delayed, 3 queued");
        assert_eq!(
            facts["bars"],
            serde_json::json!(["Last hour", "Last day", "Last week"].map(said)),
            "{name}: {facts}"
        );
        assert_eq!(facts["drawn"], true, "{name}: {facts}");
        if let Some(folder) = std::env::var_os("MOD_SENDMAIL_PICTURES") {
            let picture = base64::engine::general_purpose::STANDARD.decode(browser.picture()).unwrap();
            std::fs::write(std::path::Path::new(&folder).join(format!("overview-{name}.png")), picture).unwrap();
        }
    }
    // The form requests the same page; its policy allows that.
    browser.run(
        "document.querySelector('select[name=state]').value = 'failed'; document.querySelector('form button').click()",
    );
    let found = crate::support::within(std::time::Duration::from_secs(10), || {
        let text = browser.text();
        (text.contains("ann@gmail.example") && !text.contains("bob@x.example")).then_some(text)
    });
    assert!(found.is_some(), "{}", browser.text());
}

#[test]
fn an_owner_says_whom_not_to_write_to() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    let one = "/own/suppressions/Ann%40x.example";
    let ask = |user: &str, method: &str, path: &str| by(user, Request::new(method, path)).send(&httpd);
    ask("peter", "GET", one).expect_status(404);
    ask("peter", "DELETE", one).expect_status(404);
    ask("peter", "PUT", one).expect_status(204);
    ask("peter", "PUT", one).expect_status(204);
    let found = json(&httpd, "peter", one);
    assert_eq!(
        (&found["suppressions"][0]["address"], &found["suppressions"][0]["cause"]),
        (&"ann@x.example".into(), &"manual".into())
    );
    assert!(get(&httpd, "peter", "/own/suppressions/").shows(b"ann@x.example"));
    ask("otto", "GET", one).expect_status(404);
    assert!(!get(&httpd, "otto", "/own/suppressions").shows(b"ann@x.example"));
    ask("otto", "DELETE", one).expect_status(404);

    httpd.expect_log("SM0606");
    let foreign = by("peter", Request::new("DELETE", one)).header("Origin", "https://evil.example");
    foreign.send(&httpd).expect_status(403);
    let refused = ask("peter", "POST", one).expect_status(405);
    assert!(refused.header("Allow").unwrap().contains("PUT"), "{refused:?}");
    ask("peter", "PUT", "/own/").expect_status(405);
    ask("peter", "GET", "/own/suppressions/?offset=5").expect_status(400);

    httpd.expect_log("SM0604");
    assert!(get(&httpd, "anna", "/own/suppressions/").shows(b"for peter"));
    ask("anna", "PUT", "/own/suppressions/all%40x.example").expect_status(204);
    assert!(get(&httpd, "otto", "/own/suppressions/all%40x.example").shows(b"for everybody"));
    ask("otto", "DELETE", "/own/suppressions/all%40x.example").expect_status(404);
    ask("anna", "DELETE", one).expect_status(204);
    ask("peter", "GET", one).expect_status(404);
}

#[test]
fn an_overview_of_a_database_that_is_down_is_503() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail);
    get(&httpd, "peter", "/own/").expect_status(200);
    database.run_sql("DROP TABLE recipient");
    httpd.expect_log("SM0603");
    let down = get(&httpd, "peter", "/own/").expect_status(503);
    assert!(down.header("Retry-After").is_some() && !down.shows(b"recipient"), "{}", down.text());
    database.run_sql("DROP TABLE suppression");
    get(&httpd, "peter", "/own/suppressions/").expect_status(503);
}

#[test]
fn a_condition_that_is_none_stops_the_start() {
    let test = |condition: &str| {
        let database = Database::new();
        let text = format!("SetHandler processdsn\nRequire local\nProcessDSNAdmin \"{condition}\"");
        database.httpd().location("/all", &text).config_test()
    };
    let good = test("%{REMOTE_USER} in { 'ann', 'otto' }");
    assert!(good.passed, "{}", good.output);
    let bad = test("%{REMOTE_USER} ==");
    assert!(!bad.passed && bad.output.contains("ProcessDSNAdmin"), "{}", bad.output);
}
