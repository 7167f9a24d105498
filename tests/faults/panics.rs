//! A panic in each hook: in a request it costs that request; while the configuration is read it refuses the start and names the place.

use super::server;
use crate::programs::{NOTES, notes};
use crate::support::artifacts::faulty_module;
use crate::support::httpd_config::Builder;
use crate::support::{Behaviour, Httpd, Mpm, Request, Sendmail, eventually};
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(10);

#[test]
fn a_panic_costs_one_request_while_the_others_of_the_child_go_on() {
    for mpm in [Mpm::Event, Mpm::Worker] {
        let sendmail = Sendmail::behaving(&Behaviour::new().reads_all().sleeps(Duration::from_millis(700)));
        let httpd = server(mpm, &sendmail).config(NOTES).start();
        let child = httpd.children();
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| Request::mail("/mail").send(&httpd));
            eventually("the slow program runs", SECONDS, || (sendmail.unfinished() == 1).then_some(()));
            let starts = sendmail.starts();
            for place in ["start", "body", "message"] {
                let path = format!("/mail?{place}");
                let answer = Request::mail(&path).header("X-Panic", place).send(&httpd);
                assert_eq!((answer.status, sendmail.starts()), (500, starts), "{place}");
                assert_eq!(notes(&httpd, &path)[..2], ["500", "SM0900"], "{place}");
                httpd.expect_log(&format!("injected at {place}; nothing was sent"));
            }
            let unknown = Request::mail("/mail?accepted").header("X-Panic", "accepted").send(&httpd);
            assert_eq!(unknown.status, 502, "the message was handed over");
            assert_eq!(notes(&httpd, "/mail?accepted")[..2], ["502", "SM0900"]);
            httpd.expect_log("injected at accepted; the message may or may not have been queued");
            assert_eq!(slow.join().expect("a thread of this test").status, 202);
        });
        assert_eq!((sendmail.commits(), httpd.children()), (2, child), "{mpm:?}");
        Request::mail("/mail").send(&httpd).expect_status(202);
        httpd.expect_log("SM0900: a fault of this module: panicked at src/faults.rs");
    }
}

/// Two servers with their own settings, so that every hook is called.
fn configured(sendmail: &Sendmail) -> Builder {
    server(Mpm::Event, sendmail).config("SendmailTimeout 5s").virtual_host("other.test", "SendmailDomain example.test")
}

/// The module is loaded, but none of its directives is used.
fn idle() -> Builder {
    Httpd::builder().without_mod_sendmail().load("sendmail_module", faulty_module())
}

#[test]
fn a_panic_in_a_configuration_hook_refuses_the_start_and_names_the_place() {
    let sendmail = Sendmail::new();
    let httpd = configured(&sendmail).start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    drop((httpd, idle().start()));
    type Server = fn(&Sendmail) -> Builder;
    let places: [(&str, Server); 8] = [
        ("register", configured),
        ("create", configured),
        ("merge", configured),
        ("setter", configured),
        ("check", configured),
        ("register", |_| idle()),
        ("create", |_| idle()),
        ("check", |_| idle()),
    ];
    for (place, builder) in places {
        let wanted = [format!("injected in {place}"), "panicked at crates/httpd/src/inject.rs".to_owned()];
        let builder = builder(&sendmail).environment("MOD_SENDMAIL_PANIC", place);
        let tested = builder.config_test();
        let tested_log = std::fs::read_to_string(builder.root().join("logs/error.log")).unwrap_or_default();
        let shown = tested.output.clone() + &tested_log;
        assert!(!tested.passed && wanted.iter().all(|part| shown.contains(part)), "{place}: {shown}");
        let Err(words) = builder.try_start() else { panic!("started in spite of a panic in {place}") };
        assert!(wanted.iter().all(|part| words.contains(part)), "{place}: {words}");
    }
    assert_eq!(sendmail.starts(), 1);
}

/// Without virtual hosts settings are merged only for requests.
#[test]
fn a_panic_while_settings_are_merged_for_a_request_is_its_500() {
    let sendmail = Sendmail::new();
    let httpd = server(Mpm::Event, &sendmail).environment("MOD_SENDMAIL_PANIC", "merge").start();
    let child = httpd.children();
    for _ in 0..3 {
        Request::mail("/mail").send(&httpd).expect_status(500);
        Request::get("/none").send(&httpd).expect_status(404);
    }
    httpd.expect_log("SM0902");
    httpd.expect_log("injected in merge");
    assert_eq!((sendmail.starts(), httpd.children()), (0, child));
}
