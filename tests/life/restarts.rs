//! Graceful restart, restart and stop while clients post, and what fifty restarts leave behind.

use super::{Answers, SECONDS, assert_true, send, signed, subjects};
use crate::support::httpd_config::httpd_program;
use crate::support::process::{memory, run};
use crate::support::{Behaviour, Httpd, Mpm, Recorded, Request, Sendmail, eventually};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How many posts have been answered; a disturbance follows after some of them, however slow the machine is.
struct Progress(AtomicUsize);

impl Progress {
    #[track_caller]
    fn wait_for_more(&self, posts: usize) {
        let goal = self.0.load(Ordering::Relaxed) + posts;
        eventually("the clients go on", SECONDS, || (self.0.load(Ordering::Relaxed) >= goal).then_some(()));
    }
}

/// Six clients post until `disturb` returns.
fn under_load(httpd: &mut Httpd, disturb: impl FnOnce(&mut Httpd, &Progress)) -> Answers {
    let (stop, progress) = (AtomicBool::new(false), Progress(AtomicUsize::new(0)));
    let address = httpd.address();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let (stop, progress) = (&stop, &progress);
                scope.spawn(move || {
                    let mut answers = Answers::new();
                    for number in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let subject = format!("load-{client}-{number}");
                        let request = signed(&subject, if number % 3 == 0 { 100_000 } else { 100 });
                        let answer = request.try_send_to(address).ok().map(|response| response.status);
                        match answer {
                            Some(_) => progress.0.fetch_add(1, Ordering::Relaxed),
                            None => {
                                std::thread::sleep(Duration::from_millis(2)); // a stopped server refuses at once
                                0
                            }
                        };
                        answers.insert(subject, answer);
                    }
                    answers
                })
            })
            .collect();
        progress.wait_for_more(15);
        disturb(httpd, &progress);
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("a thread of this test")).collect()
    })
}

fn delivered(sendmail: &Sendmail) -> Vec<String> {
    eventually("every program has come to its end", SECONDS, || (sendmail.unfinished() == 0).then_some(()));
    let runs: Vec<Recorded> = sendmail.messages().into_iter().filter(|run| run.committed).collect();
    assert_eq!(runs.len(), sendmail.commits());
    subjects(runs.iter().map(|run| &run.stdin[..]))
}

fn server(mpm: Mpm, sendmail: &Sendmail) -> Httpd {
    sendmail.behave(&Behaviour::new().reads_all().sleeps(Duration::from_millis(5)));
    Httpd::builder().mpm(mpm).log_level("notice").mail(sendmail, "").start()
}

/// A body being sent breaks off; and event's own race at such an end ([`Httpd`], its drop) kills a child now and then.
fn allow_ungraceful_end(httpd: &Httpd, mpm: Mpm) {
    httpd.allow_log("SM0107");
    if mpm != Mpm::Prefork {
        httpd.allow_log("exit signal Segmentation fault (11)");
    }
}

#[test]
fn a_graceful_restart_loses_no_request_on_any_mpm() {
    for mpm in Mpm::ALL {
        let sendmail = Sendmail::new();
        let mut httpd = server(mpm, &sendmail);
        let answers = under_load(&mut httpd, |httpd, progress| {
            for _ in 0..3 {
                httpd.graceful();
                progress.wait_for_more(10);
            }
        });
        let unanswered: Vec<_> = answers.iter().filter(|(_, answer)| **answer != Some(202)).collect();
        assert!(unanswered.is_empty() && answers.len() > 20, "{mpm:?}: {unanswered:?} of {}", answers.len());
        assert_eq!(delivered(&sendmail), answers.into_keys().collect::<Vec<_>>(), "{mpm:?}");
    }
}

#[test]
fn a_restart_cuts_no_message_and_its_answers_are_true_on_any_mpm() {
    for mpm in Mpm::ALL {
        let sendmail = Sendmail::new();
        let mut httpd = server(mpm, &sendmail);
        allow_ungraceful_end(&httpd, mpm);
        let answers = under_load(&mut httpd, |httpd, progress| {
            for _ in 0..3 {
                httpd.restart();
                progress.wait_for_more(10);
            }
        });
        assert!(answers.values().filter(|answer| **answer == Some(202)).count() > 20);
        assert!(answers.values().all(|answer| matches!(answer, Some(202 | 400) | None)), "{answers:?}");
        assert_true(&answers, &delivered(&sendmail));
        assert_eq!(send(&signed("after", 10), &httpd), Some(202));
    }
}

#[test]
fn a_stop_cuts_no_message_and_its_answers_are_true_on_any_mpm() {
    for mpm in Mpm::ALL {
        for graceful in [false, true] {
            let sendmail = Sendmail::new();
            let mut httpd = server(mpm, &sendmail);
            allow_ungraceful_end(&httpd, mpm);
            let answers = under_load(&mut httpd, |httpd, _| {
                let status = if graceful { httpd.graceful_stop() } else { httpd.stop() };
                assert!(status.success(), "{mpm:?}");
            });
            let there = delivered(&sendmail);
            assert!(there.len() > 10);
            assert_true(&answers, &there);
            let accepted = answers.values().filter(|answer| **answer == Some(202)).count();
            if graceful {
                assert_eq!(there.len(), accepted, "{mpm:?}: what was begun was answered");
            }
        }
    }
}

#[test]
fn fifty_graceful_restarts_leave_the_parent_as_it_was() {
    let sendmail = Sendmail::new();
    let text = "SendmailDomain example.test\nSendmailArguments -t -i -f %{reqenv:SENDMAIL_FROM}\nSendmailRecipients example.test *\n\
        SendmailStripHeaders +X-Inner\nSendmailEnv A=b";
    let many: String = (0..50).map(|n| format!("<Location /mail/{n}>\n{text}\n</Location>\n")).collect();
    let httpd = Httpd::builder().log_level("notice").mail(&sendmail, text).config(&many).start();
    let cycle = |times: usize| {
        for _ in 0..times {
            httpd.graceful();
        }
        Request::mail("/mail").send(&httpd).expect_status(202);
        memory(httpd.pid()).expect("httpd runs")
    };
    let (resident, mappings) = cycle(10);
    let (resident_after, mappings_after) = cycle(50);
    eprintln!("parent: {resident} KiB, {mappings} mappings; 50 restarts later {resident_after} KiB, {mappings_after}");
    assert!(resident_after <= resident + 300, "{resident} KiB before, {resident_after} KiB after 50 restarts");
    assert!(mappings_after <= mappings + 2, "{mappings} mappings before, {mappings_after} after 50 restarts");
    assert_eq!(sendmail.commits(), 2);
}

#[test]
fn the_configuration_can_be_tested_and_the_modules_listed() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "").start();
    assert!(httpd.config_test().passed);
    let file = httpd.root().join("httpd.conf");
    let listed = run(Command::new(httpd_program()).arg("-f").arg(&file).args(["-t", "-D", "DUMP_MODULES"]));
    assert!(String::from_utf8_lossy(&listed).contains("sendmail_module (shared)"));
    httpd.edit_config("SendmailName", "SendmailTimeout never\nSendmailName");
    let refused = httpd.config_test();
    assert!(!refused.passed && refused.output.contains("'never' is not a time"), "{}", refused.output);
    assert_eq!(sendmail.starts(), 0);
    Request::mail("/mail").send(&httpd).expect_status(202);
}
