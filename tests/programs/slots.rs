//! SendmailMaxProcesses: above the limit a request waits, and is refused after it has waited as long as a program may take.

use super::{Holdings, SECONDS, expect_logs, notes, place, promised, steady};
use crate::support::{Behaviour, Mpm, Request, Sendmail, eventually};
use std::time::Duration;

#[test]
fn no_more_programs_run_than_allowed_and_the_others_wait_their_turn() {
    let slow = Behaviour::new().reads_all().sleeps(Duration::from_millis(300));
    let sendmail = Sendmail::behaving(&slow);
    let httpd = place(steady(Mpm::Event), "/mail", &sendmail, "SendmailMaxProcesses 2").start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Request::mail("/mail").send(&httpd).expect_status(202));
        }
    });
    let runs: Vec<(u64, u64)> =
        sendmail.messages().iter().map(|run| (run.number("started"), run.number("finished"))).collect();
    let at_once = |time: u64| runs.iter().filter(|(begin, end)| (*begin..*end).contains(&time)).count();
    assert_eq!((runs.len(), runs.iter().map(|(begin, _)| at_once(*begin)).max()), (8, Some(2)));
}

#[test]
fn a_request_that_finds_no_slot_in_time_is_refused_and_nothing_was_started() {
    let stubborn = Sendmail::behaving(&Behaviour::new().ignores(15).reads_all().hangs());
    let text = "SendmailMaxProcesses 1\nSendmailTimeout 700ms";
    let httpd = place(steady(Mpm::Event), "/mail", &stubborn, text).start();
    let before = Holdings::of(&httpd);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| Request::mail("/mail?first").send(&httpd));
        eventually("the first program runs", SECONDS, || (stubborn.unfinished() == 1).then_some(()));
        let second = Request::mail("/mail?second").send(&httpd);
        assert_eq!((promised(&second), second.header("Retry-After")), (503, Some("60")));
        assert_eq!(promised(&first.join().expect("a thread of this test")), 504);
    });
    assert_eq!(notes(&httpd, "/mail?second")[1..3], ["SM0302", "-"]);
    assert_eq!(stubborn.starts(), 1);
    stubborn.behave(&Behaviour::new());
    Request::mail("/mail?third").send(&httpd).expect_status(202);
    expect_logs(&httpd, &["SM0302", "SendmailMaxProcesses 1 ", "SM0404"]);
    before.assert_same(&httpd);
}
