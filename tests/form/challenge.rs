//! SendmailChallenge: what solves ALTCHA's challenges solves ours, and each permits one message.

use super::{BROWSER, FORM, builder, urlencoded};
use crate::circle::Database;
use crate::keys::{Keys, is_replayed};
use crate::programs::steady;
use crate::support::httpd_config::Builder;
use crate::support::place::{Place, mode, repository};
use crate::support::process::{installed, run};
use crate::support::{Behaviour, Httpd, Mpm, Request, Response, Sendmail, skipped};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const SECRET: &str = "6b8f0c1e5d2a4f7390e1b2c3d4a5f607";

/// `/mail` accepts forms with a challenge whose number is 0 or 1.
fn challenged(builder: Builder, sendmail: &Sendmail, keys: &Keys, more: &str) -> Builder {
    let form = FORM.replace("fields form", "form");
    builder.mail(sendmail, &format!("{form}\n{}\nSendmailChallenge altcha 1 {more}", keys.directive("")))
}

/// A challenge with both possible numbers, one of which solves it.
fn guesses(httpd: &Httpd) -> [String; 2] {
    let answer = Request::get("/mail/challenge").send(httpd).expect_status(200);
    let challenge: Value = serde_json::from_slice(&answer.body).unwrap();
    [0, 1].map(|number| {
        let mut solution = challenge.clone();
        solution["number"] = number.into();
        STANDARD.encode(solution.to_string())
    })
}

fn form(text: &str, solution: &str) -> Request {
    form_to("/mail", text, solution)
}

fn form_to(path: &str, text: &str, solution: &str) -> Request {
    let request = Request::post(path).header("Content-Type", "application/x-www-form-urlencoded");
    request.body(format!("text={text}&altcha={}", solution.replace('+', "%2B")))
}

/// The solution, after one form was sent with it.
#[track_caller]
fn spent(httpd: &Httpd, text: &str) -> (String, Response) {
    let [zero, one] = guesses(httpd);
    let first = form(text, &zero).send(httpd);
    if first.status == 202 {
        return (zero, first);
    }
    httpd.expect_log("SM0114");
    first.expect_status(422);
    let answer = form(text, &one).send(httpd).expect_status(202);
    (one, answer)
}

#[test]
fn a_challenge_is_made_for_everybody_and_never_stored() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = challenged(Httpd::builder(), &sendmail, &keys, "").start();
    let answer = Request::get("/mail/challenge").send(&httpd).expect_status(200);
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    let head = Request::new("HEAD", "/mail/challenge").send(&httpd).expect_status(200);
    assert!(head.body.is_empty() && head.header("Cache-Control") == Some("no-store"));
    let challenge: Value = serde_json::from_slice(&answer.body).unwrap();
    let names: Vec<&str> = challenge.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["algorithm", "challenge", "maxnumber", "salt", "signature"]);
    assert_eq!((challenge["algorithm"].as_str(), challenge["maxnumber"].as_u64()), (Some("SHA-256"), Some(1)));
    assert!(challenge["salt"].as_str().unwrap().ends_with('&'), "{challenge}");
    let post = Request::post("/mail/challenge").body("a=1").send(&httpd).expect_status(405);
    assert_eq!(post.header("Allow"), Some("GET, HEAD, OPTIONS"));
    Request::get("/mail/challenges").send(&httpd).expect_status(405);
    Request::get("/mail").send(&httpd).expect_status(405);
    httpd.expect_log("SM0108");
    let without = builder(&sendmail, "").start();
    Request::get("/mail/challenge").send(&without).expect_status(405);
    without.expect_log("SM0108");
}

#[test]
fn a_solution_lets_one_message_pass_and_the_same_form_again_is_answered_alike() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = challenged(Httpd::builder(), &sendmail, &keys, "").start();
    let (solution, first) = spent(&httpd, "Hello");
    let sent = sendmail.take();
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].text().contains("altcha"), "{}", sent[0].text());
    // A visitor who reloads the page.
    let again = form("Hello", &solution).send(&httpd).expect_status(202);
    assert!(is_replayed(&again) && again.message_id() == first.message_id());
    // A robot that solved one.
    let page = form("Spam", &solution).header("Accept", BROWSER).send(&httpd).expect_status(422);
    assert!(page.text().contains("Please go back to the form") && page.text().contains("Spam"), "{}", page.text());
    let json: Value = serde_json::from_slice(&form("Spam", &solution).send(&httpd).expect_status(422).body).unwrap();
    assert_eq!(json["errors"][0]["field"], "altcha", "{json}");
    for without in [urlencoded("text=Spam"), form("Spam", ""), form("Spam", "e30=")] {
        without.send(&httpd).expect_status(422);
    }
    httpd.expect_log("SM0114");
    assert_eq!(sendmail.starts(), 0);
    spent(&httpd, "Hello");
    assert_eq!(sendmail.take().len(), 1, "another challenge");
}

#[test]
fn many_at_once_with_one_solution_send_one_message() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = challenged(steady(Mpm::Prefork), &sendmail, &keys, "").start();
    httpd.allow_log("SM0114");
    httpd.allow_log("SM0110");
    let guesses = guesses(&httpd);
    std::thread::scope(|scope| {
        for robot in 0..8 {
            let (guesses, httpd) = (&guesses, &httpd);
            scope.spawn(move || {
                for guess in guesses {
                    form(&format!("Spam {robot}").replace(' ', "+"), guess).send(httpd);
                }
            });
        }
    });
    assert_eq!(sendmail.take().len(), 1);
}

/// Each child of httpd accepts what another has made, even one of an earlier generation.
#[test]
fn all_children_know_a_challenge_also_after_a_restart() {
    for mpm in [Mpm::Prefork, Mpm::Event] {
        let (sendmail, keys) = (Sendmail::new(), Keys::new());
        let httpd = challenged(steady(mpm), &sendmail, &keys, "").start();
        httpd.allow_log("SM0114");
        let made: Vec<_> = (0..12).map(|_| guesses(&httpd)).collect();
        let sends = |guesses: &[[String; 2]]| {
            for guesses in guesses {
                let statuses = guesses.each_ref().map(|guess| form("Hello", guess).send(&httpd).status);
                assert!(statuses == [202, 422] || statuses == [422, 202], "{statuses:?}");
            }
        };
        sends(&made[..6]);
        httpd.graceful();
        sends(&made[6..9]);
        httpd.restart();
        sends(&made[9..]);
        assert_eq!(sendmail.take().len(), 12);
    }
}

#[test]
fn a_solution_is_good_again_if_its_message_was_not_sent_and_used_up_if_nobody_knows() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let httpd = challenged(Httpd::builder(), &sendmail, &keys, "\nSendmailDryRun request").start();
    let guesses = guesses(&httpd);
    let send = |text: &str| {
        let answers = guesses.each_ref().map(|guess| form(text, guess).send(&httpd));
        answers.into_iter().find(|answer| answer.status != 422).expect("one of them solves it")
    };
    let dry = guesses.each_ref().map(|guess| form("x", guess).header("Prefer", "sendmail-dry-run").send(&httpd).status);
    assert!(dry.contains(&200), "{dry:?}");
    sendmail.behave(&Behaviour::reads_all_and_exits(75));
    send("Hello").expect_status(503);
    sendmail.behave(&Behaviour::reads_all_and_exits(1));
    send("Hello").expect_status(502);
    sendmail.behave(&Behaviour::new());
    let (commits, again) = (sendmail.commits(), send("Hello").expect_status(502));
    assert!(is_replayed(&again) && sendmail.commits() == commits);
    for tag in ["SM0114", "SM0403", "SM0407"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn a_challenge_without_a_store_of_keys_is_a_fault_of_the_server() {
    let sendmail = Sendmail::new();
    let form = FORM.replace("fields form", "form");
    let httpd = Httpd::builder().mail(&sendmail, &format!("{form}\nSendmailChallenge altcha 1")).start();
    httpd.expect_log("SM0812");
    httpd.expect_log("SM0402");
    Request::get("/mail/challenge").send(&httpd).expect_status(500);
    urlencoded("a=1").send(&httpd).expect_status(500);

    let keys = Keys::new();
    let httpd = challenged(Httpd::builder(), &sendmail, &keys, "").start();
    httpd.expect_log("SM0101");
    let two = urlencoded("a=1").header("Idempotency-Key", "x").send(&httpd).expect_status(400);
    assert!(two.text().contains("the challenge is the key"), "{}", two.text());
    assert_eq!(sendmail.starts(), 0);
}

#[test]
fn gateways_with_one_secret_and_one_database_take_a_solution_once() {
    let (sendmail, keys, place, database) = (Sendmail::new(), Keys::new(), Place::new("secret"), Database::new());
    let file = place.write("secret", SECRET);
    mode(&file, 0o600);
    let driver = format!("DBDriver sqlite3\nDBDParams \"{}\"", database.file().display());
    let gateway = |more: &str| {
        let httpd = challenged(Httpd::builder().modules(&["dbd"]).config(&driver), &sendmail, &keys, more).start();
        httpd.allow_log("[dbd:"); // mod_dbd's own messages
        httpd.allow_log("SM0114");
        httpd
    };
    let shared = format!("key={}\nSendmailIdempotency dbd", file.display());
    let (one, two, stranger) = (gateway(&shared), gateway(&shared), gateway("\nSendmailIdempotency dbd"));
    let guesses = guesses(&one);
    let statuses = |httpd: &Httpd, text: &str| guesses.each_ref().map(|guess| form(text, guess).send(httpd).status);
    assert_eq!(statuses(&stranger, "Hello"), [422, 422], "another secret");
    assert!(statuses(&two, "Hello").contains(&202));
    assert_eq!(sendmail.take().len(), 1);
    for httpd in [&one, &two] {
        assert!(statuses(httpd, "Hello").contains(&202), "the same form");
        assert_eq!(statuses(httpd, "Spam"), [422, 422]);
    }
    assert_eq!(sendmail.starts(), 0);
}

/// The library checks our challenges, and we check the library's.
fn solved_by(library: &str, program: &str, script: &str) {
    let Some(folder) = installed("altcha") else { return skipped("ALTCHA cannot be installed (tools/altcha)") };
    let (sendmail, keys, place) = (Sendmail::new(), Keys::new(), Place::new("secret"));
    let file = place.write("secret", format!("{SECRET}\n"));
    mode(&file, 0o600);
    let more = format!("key={}", file.display());
    let builder = challenged(Httpd::builder(), &sendmail, &keys, "");
    let httpd = builder.location("/hard", &location(&sendmail, &keys, &format!("20000 {more}"))).start();
    let said = solve(&folder, program, script, &[&format!("http://127.0.0.1:{}/hard/challenge", httpd.port()), SECRET]);
    assert_eq!(said["verified"], true, "{library}: {said}");
    httpd.expect_log("SM0114");
    for (name, status) in [("ours", 202), ("theirs", 202), ("stale", 422), ("endless", 422)] {
        let solution = said[name].as_str().unwrap();
        form("Hello", solution).send(&httpd).expect_status(422); // which has another secret
        let answer = form_to("/hard", "Hello", solution).send(&httpd);
        assert_eq!(answer.status, status, "{library}: {name}");
        assert_eq!(sendmail.take().len(), usize::from(status == 202), "{library}: {name}");
    }
}

fn location(sendmail: &Sendmail, keys: &Keys, more: &str) -> String {
    let form = FORM.replace("fields form", "form");
    let program = sendmail.program().display().to_string();
    let keys = keys.directive("");
    format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{program}\"\n{form}\n{keys}\nSendmailChallenge altcha {more}"
    )
}

fn solve(folder: &Path, program: &str, script: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new(program);
    command.arg(repository().join("tests/form").join(script)).args(arguments).current_dir(folder);
    command.env("PYTHONPATH", folder.join("python")).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    serde_json::from_slice(&run(&mut command)).unwrap()
}

#[test]
fn the_library_for_node_solves_our_challenges_and_we_take_its_own() {
    solved_by("altcha-lib", "node", "solve.mjs");
}

#[test]
fn the_library_for_python_solves_our_challenges_and_we_take_its_own() {
    solved_by("altcha", "python3", "solve.py");
}
