//! A child of httpd is killed at a random moment, with a real MTA behind it: nothing is delivered truncated, after a refusal, or twice.

use super::{Answers, SECONDS, assert_true, is_long, send, signed, subjects};
use crate::support::process::{children, signal};
use crate::support::{Httpd, Mpm, Postfix, eventually, within};
use rustix::process::Signal;
use std::time::Duration;

/// Numbers that look random and are the same in each run (Steele and Vigna, SplitMix).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

fn kill_children(mpm: Mpm, settings: &str, rounds: usize) {
    let Some(postfix) = Postfix::start() else { return };
    let name = postfix.sendmail().display().to_string();
    let text = format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{name}\"");
    let httpd = Httpd::builder().mpm(mpm).mpm_settings(settings).log_level("notice").location("/mail", &text).start();
    httpd.allow_log("AH10392"); // children are killed one after the other
    let mut dice = Dice::new(20_260_101);
    let mut answers = Answers::new();
    for round in 0..rounds {
        let (pause, pick) = (Duration::from_micros(dice.below(60_000)), dice.below(1000) as usize);
        let sizes: Vec<usize> = (0..4).map(|_| [100, 20_000, 100_000, 400_000][dice.below(4) as usize]).collect();
        let parts: Answers = std::thread::scope(|scope| {
            let clients: Vec<_> = sizes
                .iter()
                .enumerate()
                .map(|(client, &octets)| {
                    let httpd = &httpd;
                    scope.spawn(move || {
                        let subject = format!("round-{round}-{client}");
                        let request = signed(&subject, octets).without("To").header("To", "alice@test.local");
                        (subject, send(&request, httpd))
                    })
                })
                .collect();
            std::thread::sleep(pause);
            // After some of these event replaces one child a second.
            let alive = within(SECONDS, || Some(children(httpd.pid())).filter(|alive| !alive.is_empty()));
            let alive = alive.unwrap_or_else(|| panic!("no child left:\n{}", httpd.error_log()));
            signal(alive[pick % alive.len()], Signal::KILL);
            clients.into_iter().map(|client| client.join().expect("a thread of this test")).collect()
        });
        answers.extend(parts);
    }
    eventually("httpd serves again", SECONDS, || {
        let last = signed("last", 10).without("To").header("To", "alice@test.local");
        (send(&last, &httpd) == Some(202)).then_some(())
    });
    answers.insert("last".to_owned(), Some(202));
    postfix.wait_until_idle(Duration::from_secs(60));
    let mail = postfix.mail("alice");
    let there = subjects(mail.iter().map(|copy| &copy[..]));
    let accepted = answers.values().filter(|answer| **answer == Some(202)).count();
    let unanswered = answers.values().filter(|answer| answer.is_none()).count();
    let (sent, delivered) = (answers.len(), there.len());
    eprintln!(
        "{rounds} children killed on {mpm:?}: {sent} posts, {accepted} accepted, {unanswered} without an answer, {delivered} delivered"
    );
    assert!(accepted * 5 > sent, "most posts found a child that lived");
    assert!(unanswered > 0, "no kill hit a request");
    assert_true(&answers, &there);
    assert!(httpd.stray_files().is_empty(), "what a killed child had stored is gone with it");
}

fn rounds() -> usize {
    if is_long() { 1000 } else { 50 }
}

#[test]
fn a_killed_child_cuts_no_message_on_event() {
    let settings = "ServerLimit 8\nStartServers 4\nThreadsPerChild 3\nThreadLimit 3\nMinSpareThreads 9\nMaxSpareThreads 24\nMaxRequestWorkers 24\n";
    kill_children(Mpm::Event, settings, rounds() / 2);
}

#[test]
fn a_killed_child_cuts_no_message_on_prefork() {
    let settings = "ServerLimit 24\nStartServers 6\nMinSpareServers 4\nMaxSpareServers 8\nMaxRequestWorkers 24\n";
    kill_children(Mpm::Prefork, settings, rounds() - rounds() / 2);
}
