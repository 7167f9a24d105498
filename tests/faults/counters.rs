//! A fault in counting costs no mail: no shared memory, and a panic in each hook that counts.

use super::server;
use crate::keys::Keys;
use crate::support::process::signal;
use crate::support::{Mpm, Request, Sendmail, eventually};
use rustix::process::Signal;
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(20);
const PAGES: &str = "<Location /metrics>\nSetHandler sendmail-metrics\nRequire ip 127.0.0.1\n</Location>\n\
                     <Location /server-status>\nSetHandler server-status\nRequire ip 127.0.0.1\n</Location>";

#[test]
fn without_shared_memory_mail_is_sent_and_nothing_counted() {
    let sendmail = Sendmail::new();
    let builder = server(Mpm::Event, &sendmail).modules(&["status"]).config(PAGES);
    let builder = builder.location("/mail/limited", "SendmailRateLimit 10/1h");
    let keys = Keys::new();
    let form =
        "SetHandler sendmail\nSendmailInputs form\nSendmailFormTo a@example.test\nSendmailFormFrom f@example.test";
    let form = format!("{form}\nSendmailChallenge altcha 1\n{}", keys.directive(""));
    let builder = builder.location("/mail/form", &form).environment("MOD_SENDMAIL_FAIL", "map");
    assert!(builder.config_test().passed, "the check needs none");
    let httpd = builder.start();
    httpd.expect_log("SM0805: nothing is counted, and sendmail-metrics answers 503");
    Request::mail("/mail").send(&httpd).expect_status(202);
    httpd.expect_log("SM0805: requests under a SendmailRateLimit are answered with 503");
    Request::mail("/mail/limited").send(&httpd).expect_status(503);
    httpd.expect_log("SM0302: there is no memory to count for SendmailRateLimit in");
    httpd.expect_log("SM0303: forms under a SendmailChallenge without key= are answered with 503");
    Request::get("/mail/form/challenge").send(&httpd).expect_status(503);
    let urlencoded = Request::post("/mail/form").header("Content-Type", "application/x-www-form-urlencoded");
    urlencoded.body("a=1").send(&httpd).expect_status(503);
    httpd.expect_log("SM0303: there is no secret for challenges");
    Request::get("/metrics").send(&httpd).expect_status(503);
    assert!(!Request::get("/server-status?auto").send(&httpd).expect_status(200).shows(b"Sendmail"));
    httpd.graceful();
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(sendmail.commits(), 2);
}

#[test]
fn a_panic_in_a_hook_that_counts_costs_no_mail() {
    for (hook, metrics) in [("start", 503), ("child_starts", 200), ("child_ended", 200), ("status", 200)] {
        let sendmail = Sendmail::new();
        let builder = server(Mpm::Event, &sendmail).modules(&["status"]).config(PAGES);
        let httpd = builder.environment("MOD_SENDMAIL_PANIC", hook).start();
        Request::mail("/mail").send(&httpd).expect_status(202);
        Request::get("/metrics").send(&httpd).expect_status(metrics);
        let page = Request::get("/server-status").send(&httpd).expect_status(200).text();
        assert!(page.trim_end().ends_with("</body></html>"), "{hook}: {page}");
        let child = httpd.children();
        child.iter().for_each(|child| signal(*child, Signal::KILL));
        eventually("another child serves", SECONDS, || {
            Request::mail("/mail").try_send(&httpd).is_ok_and(|answer| answer.status == 202).then_some(())
        });
        httpd.expect_log(&format!("SM0903: a fault of this module in the hook {hook}: panicked at"));
        assert_eq!(sendmail.commits(), 2, "{hook}");
    }
}

#[test]
fn a_request_that_panics_is_counted_once() {
    let sendmail = Sendmail::new();
    let httpd = server(Mpm::Event, &sendmail).config(PAGES).start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    for (place, status) in [("start", 500), ("message", 500), ("accepted", 502)] {
        Request::mail("/mail").header("X-Panic", place).send(&httpd).expect_status(status);
    }
    httpd.expect_log("SM0900");
    let page = Request::get("/metrics").send(&httpd).expect_status(200).text();
    for line in [
        "sendmail_messages_accepted_total 1",
        "sendmail_failed_total{tag=\"SM0900\",reason=\"fault\"} 3",
        "sendmail_duration_seconds_count{outcome=\"failed\"} 3",
        "sendmail_programs_running 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
}
