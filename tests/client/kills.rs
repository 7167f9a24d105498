//! The queue of sendmail-http drains while its gateway is killed (children by SIGKILL, graceful and full restarts), and its runner too. A
//! message reported as taken arrives once, or is reported as unknown; nothing arrives twice, or truncated.

use super::Machine;
use crate::keys::{Keys, SECONDS, with_keys};
use crate::life::{Dice, is_long};
use crate::support::process::{children, signal};
use crate::support::{Behaviour, Httpd, Sendmail, within};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SENDERS: u64 = 4;
/// Senders pause while this many messages wait.
const ENOUGH: usize = 60;
const MPM: &str = "ServerLimit 8\nStartServers 4\nThreadsPerChild 3\nThreadLimit 3\nMinSpareThreads 9\nMaxSpareThreads 24\nMaxRequestWorkers 24\n";

fn kills() -> usize {
    if is_long() { 500 } else { 30 }
}

#[test]
fn a_gateway_that_is_killed_while_a_queue_drains_loses_nothing_and_delivers_nothing_twice() {
    let busy = Behaviour::new().reads_all().sleeps(Duration::from_millis(5));
    let (sendmail, keys) = (Sendmail::behaving(&busy), Keys::new());
    let settings = "SendmailInputs mime\nSendmailArguments -i --";
    let builder = with_keys(Httpd::builder().mpm_settings(MPM).log_level("warn"), &sendmail, &keys);
    let httpd = builder.config(&format!("<Location /mail>\n{settings}\n</Location>")).start().allowing("SM0814");
    for part in ["AH10392", "SM0110", "SM0407", "SM0107"] {
        httpd.allow_log(part);
    }
    let machine = Machine::new(&format!("url http://127.0.0.1:{}/mail\n", httpd.port()));
    let (told, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (machine, told, stop) = (&machine, &told, &stop);
            scope.spawn(move || send(machine, sender, told, stop));
        }
        scope.spawn(|| drain(&machine, &stop));
        let _ends = Ends(&stop);
        kill(&httpd);
    });
    settle(&machine);
    judge(&machine, told.load(Ordering::SeqCst), &sendmail);
}

/// Tells the other threads to end, even if this one fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Queues one message after another, and counts those reported as taken.
fn send(machine: &Machine, sender: u64, told: &AtomicUsize, stop: &AtomicBool) {
    let mut dice = Dice::new(20_261_125 + sender);
    while !stop.load(Ordering::SeqCst) {
        if machine.names("new").len() >= ENOUGH {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        let number = told.fetch_add(1, Ordering::SeqCst);
        let lines = [10, 1000, 10_000][dice.below(3) as usize];
        let text = format!("X-Number: {number}\n\n{}the end\n", "a line of text\n".repeat(lines));
        machine.sends("-odq wendy@example.net", &text);
    }
}

/// Runs the queue again and again; every fourth run is killed.
fn drain(machine: &Machine, stop: &AtomicBool) {
    let mut dice = Dice::new(20_261_126);
    while !stop.load(Ordering::SeqCst) {
        let mut runner = machine.command("-q").stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts");
        if dice.below(4) == 0 {
            std::thread::sleep(Duration::from_micros(dice.below(300_000)));
            let _ = runner.kill();
        }
        let done = super::ended(runner);
        assert!(matches!(done.status, None | Some(0)), "{done:?}");
        machine.let_time_pass();
    }
}

/// Children of httpd die; every eighth time httpd is restarted instead, half of these times gracefully.
fn kill(httpd: &Httpd) {
    let mut dice = Dice::new(20_261_127);
    for _ in 0..kills() {
        std::thread::sleep(Duration::from_micros(dice.below(120_000)));
        match dice.below(16) {
            0 => httpd.graceful(),
            1 => httpd.restart(),
            pick => {
                let alive = within(SECONDS, || Some(children(httpd.pid())).filter(|alive| !alive.is_empty()));
                let alive = alive.expect("a child");
                signal(alive[pick as usize % alive.len()], Signal::KILL);
            }
        }
    }
}

/// Runs the queue until it is empty.
fn settle(machine: &Machine) {
    let deadline = Instant::now() + 6 * SECONDS;
    while !machine.names("new").is_empty() {
        assert!(Instant::now() < deadline, "{} messages still wait", machine.names("new").len());
        machine.let_time_pass();
        assert_eq!(machine.run("-q", "").status, Some(0));
    }
}

fn judge(machine: &Machine, told: usize, sendmail: &Sendmail) {
    within(SECONDS, || {
        (sendmail.unfinished_pids().into_iter().all(|pid| !crate::support::process::is_alive(pid))).then_some(())
    })
    .expect("every program has come to its end");
    let mut arrived = BTreeMap::new();
    for run in sendmail.messages().into_iter().filter(|run| run.committed) {
        let text = run.text();
        let Some(number) = number(&text) else { continue };
        assert!(text.ends_with("\nthe end\n"), "message {number} is cut");
        *arrived.entry(number).or_insert(0) += 1;
    }
    let unknown: Vec<usize> = machine
        .names("failed")
        .iter()
        .filter_map(|name| {
            number(&String::from_utf8_lossy(&std::fs::read(machine.file("queue/failed").join(name)).ok()?))
        })
        .collect();
    let twice: Vec<_> = arrived.iter().filter(|(_, count)| **count > 1).collect();
    let lost: Vec<_> = (0..told).filter(|number| !arrived.contains_key(number) && !unknown.contains(number)).collect();
    assert!(lost.is_empty() && twice.is_empty(), "of {told}: lost {lost:?}, twice {twice:?}, unknown {unknown:?}");
    eprintln!("{} kills: {told} messages, 0 lost, 0 twice, {} unknown", kills(), unknown.len());
    assert!(told > kills() && unknown.len() * 10 < told, "{} of {told} are unknown", unknown.len());
}

/// The number of a message. A report has it only in the part about the message.
fn number(text: &str) -> Option<usize> {
    let header = text.split("\n\n").next()?;
    header.lines().find_map(|line| line.strip_prefix("X-Number: "))?.trim().parse().ok()
}
