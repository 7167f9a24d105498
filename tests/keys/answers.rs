//! The answer to the second request with a key.

use super::{Keys, SECONDS, is_replayed, keyed, with_keys};
use crate::circle::Database;
use crate::support::place::Place;
use crate::support::{Behaviour, Httpd, Request, Response, Sendmail, eventually};
use std::sync::Mutex;
use std::time::Duration;

/// `send_again` and the status.
fn problem(request: &Request, httpd: &Httpd) -> (u16, String, Response) {
    let response = request.clone().header("Accept", "application/json").send(httpd);
    let json: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    (response.status, json["send_again"].as_str().unwrap_or_default().to_owned(), response)
}

#[test]
fn the_same_key_is_answered_alike_and_sent_once() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = with_keys(Httpd::builder(), &sendmail, &keys).start();
    let first = keyed("one", "a").send(&httpd).expect_status(202);
    assert_eq!(first.header("Idempotency-Key-Lifetime"), Some("604800"));
    assert!(!is_replayed(&first));
    // Without quotes, and as JSON: the outcome is stored, the answer is generated again.
    let again = keyed("one", "a").without("Idempotency-Key").header("Idempotency-Key", "one");
    let again = again.header("Accept", "application/json").send(&httpd).expect_status(202);
    assert!(is_replayed(&again));
    assert_eq!(again.header("X-Message-ID"), first.header("X-Message-ID"));
    let json: serde_json::Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(json["message_id"].as_str(), first.header("X-Message-ID"));
    // A client that composes its mail again gives it another Date and Message-ID.
    let anew = keyed("one", "a").header("Date", "Thu, 01 Jan 2026 00:00:00 +0000").header("Message-ID", "<x@y.test>");
    assert_eq!(anew.send(&httpd).expect_status(202).header("X-Message-ID"), first.header("X-Message-ID"));
    assert_eq!(sendmail.commits(), 1);
    keyed("two", "a").send(&httpd).expect_status(202);
    Request::mail("/mail").send(&httpd).expect_status(202);
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(sendmail.commits(), 4, "another key, and requests without one");
    assert_eq!(keys.files().len(), 2);
    assert!(httpd.error_log().contains("SM0008: sent before with this key"), "{}", httpd.error_log());
}

#[test]
fn a_key_is_told_in_every_answer_and_by_options_and_only_where_it_is_honoured() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let section =
        format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"", sendmail.program().display());
    let httpd = Httpd::builder()
        .mail(&sendmail, &format!("{}\nSendmailAllowOrigin https://www.example.test", keys.directive("2h")))
        .location("/mail/not", &format!("{section}\nSendmailIdempotency off"))
        .start();
    let lifetime = |response: &Response| response.header("Idempotency-Key-Lifetime").map(str::to_owned);
    let told = Some("7200".to_owned());
    assert_eq!(lifetime(&Request::options("/mail").send(&httpd).expect_status(200)), told);
    assert_eq!(lifetime(&keyed("a", "a").without("To").send(&httpd).expect_status(400)), told);
    assert_eq!(lifetime(&Request::get("/mail").send(&httpd).expect_status(405)), told);
    assert_eq!(lifetime(&Request::mail("/mail").send(&httpd).expect_status(202)), told);
    let asks = |path: &str| {
        let asks = Request::options(path).header("Origin", "https://www.example.test");
        let asks = asks.header("Access-Control-Request-Method", "POST");
        asks.header("Access-Control-Request-Headers", "idempotency-key, subject").send(&httpd).expect_status(204)
    };
    assert_eq!(asks("/mail").header("Access-Control-Allow-Headers"), Some("idempotency-key, subject"));
    assert_eq!(asks("/mail/not").header("Access-Control-Allow-Headers"), Some("subject"));
    let exposed = asks("/mail").header("Access-Control-Expose-Headers").unwrap_or_default().to_owned();
    assert!(exposed.contains("Idempotency-Replayed") && exposed.contains("RateLimit-Policy"), "{exposed}");
    assert_eq!(lifetime(&Request::options("/mail/not").send(&httpd).expect_status(200)), None);
    for _ in 0..2 {
        let request = Request::mail("/mail/not").header("Idempotency-Key", "a, b");
        assert_eq!(lifetime(&request.send(&httpd).expect_status(202)), None);
    }
    assert_eq!(sendmail.commits(), 3, "where keys are not honoured, each is sent");
    httpd.expect_log("SM0105");
    httpd.expect_log("SM0108");
}

#[test]
fn what_is_no_key_is_refused_before_the_body() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = with_keys(Httpd::builder(), &sendmail, &keys).start();
    let with = |value: &str| Request::mail("/mail").header("Idempotency-Key", value);
    for good in ["a", "\"a b\"", &"k".repeat(256)] {
        with(good).send(&httpd).expect_status(202);
    }
    for bad in ["", "a b", "\"a", "\"a\";b=1", &"k".repeat(257)] {
        let response = with(bad).expect_continue().send(&httpd).expect_status(400);
        assert!(response.text().contains("Idempotency-Key"), "{bad}: {}", response.text());
    }
    let two = with("a").header("Idempotency-Key", "b").send(&httpd).expect_status(400);
    assert!(two.text().contains("comma"), "{}", two.text());
    assert_eq!(sendmail.commits(), 3);
    httpd.expect_log("SM0101");
}

#[test]
fn a_key_belongs_to_one_content_one_user_and_one_location() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let builder = Httpd::builder().modules(&["auth_basic", "authn_file"]);
    std::fs::write(
        builder.root().join("users"),
        "peter:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\npaul:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n",
    )
    .unwrap();
    let login = "AuthType Basic\nAuthName mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user";
    let section = |more: &str| {
        let name = sendmail.program().display().to_string();
        format!("SetHandler sendmail\nSendmailName \"{name}\"\n{}\n{more}", keys.directive(""))
    };
    let httpd = builder
        .location("/mail", &section("Require ip 127.0.0.1"))
        .location("/other", &section("Require ip 127.0.0.1"))
        .location("/login", &section(login))
        .start();
    let first = Request::mail("/mail").header("Idempotency-Key", "k");
    first.send(&httpd).expect_status(202);
    let changed: [Request; 6] = [
        first.clone().body("Hello here\n"),
        first.clone().without("Subject").header("Subject", "b"),
        first.clone().without("To").header("To", "b@example.test"),
        first.clone().header("Bcc", "b@example.test"),
        first.clone().without("Content-Type").header("Content-Type", "text/html"),
        first.clone().without("From").header("From", "g@example.test"),
    ];
    for request in &changed {
        let (status, again, response) = problem(request, &httpd);
        assert_eq!((status, again.as_str()), (422, "after-correction"), "{}", response.text());
    }
    assert!(is_replayed(&first.send(&httpd).expect_status(202)), "the first is what it was");
    assert_eq!(sendmail.commits(), 1);
    let at = |path: &str, login: Option<&str>| {
        let request = Request::mail(path).header("Idempotency-Key", "k");
        let request =
            login.iter().fold(request, |request, login| request.header("Authorization", format!("Basic {login}")));
        is_replayed(&request.send(&httpd).expect_status(202))
    };
    let (peter, paul) = ("cGV0ZXI6cGFzc3dvcmQ=", "cGF1bDpwYXNzd29yZA=="); // peter:password, paul:password
    assert!(!at("/other", None) && !at("/login", Some(peter)) && !at("/login", Some(paul)));
    assert!(at("/other", None) && at("/login", Some(peter)) && at("/login", Some(paul)));
    assert_eq!(sendmail.commits(), 4);
    httpd.expect_log("SM0111");
}

#[test]
fn of_twenty_clients_with_one_key_one_sends_and_the_others_are_told() {
    let slow = Behaviour::new().reads_all().sleeps(Duration::from_millis(300));
    let (sendmail, keys) = (Sendmail::behaving(&slow), Keys::new());
    let settings = "ServerLimit 4\nStartServers 4\nThreadsPerChild 8\nThreadLimit 8\nMinSpareThreads 8\nMaxSpareThreads 32\nMaxRequestWorkers 32\n";
    let httpd = with_keys(Httpd::builder().mpm_settings(settings), &sendmail, &keys).start();
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let answer = problem(&keyed("crowd", "a"), &httpd);
                answers.lock().unwrap().push(answer);
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    let (busy, accepted): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, ..)| *status == 409);
    assert!(!busy.is_empty() && !accepted.is_empty());
    assert!(accepted.iter().all(|(status, ..)| *status == 202), "{answers:?}");
    assert_eq!(accepted.iter().filter(|(_, _, response)| !is_replayed(response)).count(), 1);
    for (_, again, response) in busy {
        assert_eq!((again.as_str(), response.header("Retry-After")), ("yes", Some("2")));
    }
    assert_eq!(sendmail.commits(), 1);
    assert!(is_replayed(&keyed("crowd", "a").send(&httpd).expect_status(202)));
    httpd.expect_log("SM0110");
}

#[test]
fn what_was_surely_not_sent_frees_the_key_and_what_nobody_knows_keeps_it() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = Httpd::builder().mail(&sendmail, &format!("{}\nSendmailTimeout 700ms", keys.directive(""))).start();
    for (code, status) in [(65, 400), (69, 502), (70, 500), (75, 503), (74, 503)] {
        sendmail.behave(&Behaviour::reads_all_and_exits(code));
        let key = format!("exit {code}");
        let first = keyed(&key, "a").send(&httpd).expect_status(status);
        sendmail.behave(&Behaviour::new());
        let starts = sendmail.starts();
        let (second, again, response) = problem(&keyed(&key, "a"), &httpd);
        if status == 502 {
            assert_eq!((second, again.as_str(), is_replayed(&response)), (502, "unknown", true));
            assert_eq!(response.header("X-Message-ID"), first.header("X-Message-ID"));
            assert_eq!(sendmail.starts(), starts, "it is never sent again");
        } else {
            assert_eq!((second, is_replayed(&response)), (202, false), "exit {code}");
        }
    }
    sendmail.behave(&Behaviour::new().reads_all().hangs());
    keyed("slow", "a").send(&httpd).expect_status(504);
    sendmail.behave(&Behaviour::new());
    for _ in 0..2 {
        let (status, again, response) = problem(&keyed("slow", "a"), &httpd);
        assert_eq!((status, again.as_str(), is_replayed(&response)), (504, "unknown", true));
    }
    keyed("to nobody", "a").without("To").send(&httpd).expect_status(400);
    keyed("to nobody", "a").send(&httpd).expect_status(202);
    let broken = keyed("broken", "a").body("x".repeat(1000));
    let cut = broken.head_length() + 10;
    let broken = broken.broken_off_after(cut, crate::support::request::Ending::Half);
    let _ = broken.try_send(&httpd);
    keyed("broken", "a").send(&httpd).expect_status(202);
    for tag in ["SM0401", "SM0407", "SM0402", "SM0403", "SM0406", "SM0404", "SM0105"] {
        httpd.expect_log(tag);
    }
    httpd.allow_log("SM0107");
}

#[test]
fn a_dry_run_uses_no_key() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = Httpd::builder().mail(&sendmail, &format!("{}\nSendmailDryRun request", keys.directive(""))).start();
    let dry = || keyed("dry", "a").header("Prefer", "sendmail-dry-run").send(&httpd).expect_status(200);
    dry();
    assert!(!is_replayed(&keyed("dry", "a").send(&httpd).expect_status(202)));
    dry();
    assert_eq!((sendmail.commits(), keys.files().len()), (1, 1));
}

#[test]
fn the_status_of_a_delivery_is_told_again_and_a_key_goes_before_a_message_id() {
    let (sendmail, keys, database) = (Sendmail::new(), Keys::new(), Database::new());
    let text = format!("{}\nSendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn", keys.directive(""));
    let httpd = database.httpd().mail(&sendmail, &text).start();
    let request = keyed("dsn", "a").header("Message-ID", "<own@client.test>");
    let first = request.send(&httpd).expect_status(303);
    let again = request.send(&httpd).expect_status(303);
    assert!(is_replayed(&again), "not 409: it is the same message");
    assert_eq!(again.header("Location"), first.header("Location"));
    let other = keyed("other", "a").header("Message-ID", "<own@client.test>");
    assert!(other.send(&httpd).expect_status(409).header("Link").is_some(), "another key, the same message");
    assert_eq!(sendmail.commits(), 1);
    httpd.expect_log("SM0109");
}

#[test]
fn a_client_that_went_away_is_answered_when_it_comes_back() {
    let slow = Behaviour::new().reads_all().sleeps(Duration::from_millis(300));
    let (sendmail, keys) = (Sendmail::behaving(&slow), Keys::new());
    let httpd = with_keys(Httpd::builder(), &sendmail, &keys).start();
    let gone = keyed("gone", "a").ending(crate::support::request::Ending::Reset).timeout(Duration::from_millis(100));
    let _ = gone.try_send(&httpd);
    eventually("the program runs", SECONDS, || (sendmail.starts() == 1).then_some(()));
    let answer = eventually("the message was sent", SECONDS, || {
        let answer = keyed("gone", "a").send(&httpd);
        (answer.status != 409).then_some(answer)
    });
    assert_eq!((answer.status, is_replayed(&answer), sendmail.commits()), (202, true, 1));
    httpd.allow_log("SM0110");
}

#[test]
fn keys_are_kept_by_a_store_that_is_there_or_nothing_is_sent() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = with_keys(Httpd::builder(), &sendmail, &keys).start();
    keyed("a", "a").send(&httpd).expect_status(202);
    std::fs::rename(keys.path(), keys.path().with_extension("away")).unwrap();
    let response = keyed("b", "a").send(&httpd).expect_status(503);
    assert_eq!(response.header("Retry-After"), Some("60"));
    assert!(!response.text().contains("claims"), "no path: {}", response.text());
    Request::mail("/mail").send(&httpd).expect_status(202); // without a key nothing must be stored
    std::fs::rename(keys.path().with_extension("away"), keys.path()).unwrap();
    assert!(is_replayed(&keyed("a", "a").send(&httpd).expect_status(202)));
    keyed("b", "a").send(&httpd).expect_status(202);
    assert_eq!(sendmail.commits(), 3);
    httpd.expect_log("SM0305");
    let missing = Place::new("none").path().join("missing").display().to_string();
    httpd.edit_config(&keys.path().display().to_string(), &missing);
    let refused = httpd.config_test();
    assert!(!refused.passed && refused.output.contains("install -d -m 700"), "{}", refused.output);
}
