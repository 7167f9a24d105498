//! HTML forms: what a visitor fills in arrives whole, as text and attachments; nothing of it decides who writes to whom (`mail`); the answer is
//! in a visitor's words (`visitor`) and language (`languages`), with scripts and without (`page`); what is no form is refused (`bad`); and no guard of the other ways is
//! passed by (`guards`), nor the proof of work (`challenge`).

mod bad;
mod challenge;
mod guards;
mod languages;
mod mail;
mod page;
mod visitor;

use crate::support::place::Place;
use crate::support::process::required;
use crate::support::{Httpd, Recorded, Request, Sendmail, httpd_config, oracle};
use std::process::Command;

const FORM: &str = "SendmailInputs fields form\nSendmailFormTo office@example.test\nSendmailFormFrom web@example.test\nSendmailRecipients example.test";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn builder(sendmail: &Sendmail, more: &str) -> httpd_config::Builder {
    Httpd::builder().mail(sendmail, &format!("{FORM}\n{more}"))
}

fn urlencoded(body: &str) -> Request {
    Request::post("/mail").header("Content-Type", "application/x-www-form-urlencoded").body(body)
}

/// Sends a form with curl; returns status and body.
#[track_caller]
fn curl(httpd: &Httpd, options: &[&str]) -> (u16, String) {
    let place = Place::new("form");
    let answer = place.path().join("answer");
    let mut curl = Command::new(required("curl", "curl"));
    curl.args([
        "--disable",
        "--silent",
        "--noproxy",
        "*",
        "--max-time",
        "60",
        "--write-out",
        "%{http_code}",
        "--output",
    ]);
    curl.arg(&answer).args(options).arg(format!("http://127.0.0.1:{}/mail", httpd.port()));
    let output = curl.output().unwrap();
    let status = String::from_utf8(output.stdout).unwrap().parse().unwrap();
    (status, std::fs::read_to_string(answer).unwrap_or_default())
}

#[track_caller]
fn only(sendmail: &Sendmail) -> (Recorded, oracle::Parsed) {
    let mut messages = sendmail.take();
    assert_eq!(messages.len(), 1);
    let message = messages.remove(0);
    let parsed = oracle::read(&message.stdin);
    assert_eq!(parsed.wire_faults(), [""; 0], "{}", message.text());
    (message, parsed)
}

fn text(part: &oracle::Part) -> String {
    String::from_utf8_lossy(&part.body).replace("\r\n", "\n").trim_end().to_owned()
}
