//! Clients, runners and the gateway are killed at random moments while messages are sent: every message reported as taken arrives, exactly
//! once.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::gateway::{Act, Answer, Gateway};
use super::place::{Place, is_long, random};

fn kills() -> usize {
    if is_long() { 1000 } else { 50 }
}

/// How often each number arrived; the number is in a header field of the message.
fn counted(gateway: &Gateway) -> HashMap<usize, usize> {
    let mut arrived = HashMap::new();
    for request in gateway.taken() {
        let text = request.text();
        let number = text.lines().find_map(|line| line.strip_prefix("X-Number: ")).unwrap_or_else(|| panic!("{text}"));
        *arrived.entry(number.parse().unwrap()).or_insert(0) += 1;
    }
    arrived
}

/// A gateway whose children die: before they have the message, with it, or after it.
fn moody() -> Gateway {
    Gateway::new(|_, _| match random(12) {
        0 => Act::CloseEarly,
        1 => Act::CloseLate,
        2 | 3 => Act::TakeAndClose,
        4 => Act::TakeAndBreak,
        5 => Answer::problem(503, "yes", "SM0406"),
        n => Act::TakeAndWait(Duration::from_millis(n % 4)),
    })
}

fn kill_at_random(child: &mut Child) {
    std::thread::sleep(Duration::from_micros(random(9000)));
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_runner_that_is_killed_loses_nothing_and_sends_nothing_twice() {
    let gateway = moody();
    let place = Place::new("kills");
    place.settings(&gateway, "");
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    std::thread::scope(|scope| {
        let mut senders = Vec::new();
        for _ in 0..4 {
            let (place, stop, told) = (&place, stop.clone(), told.clone());
            senders.push(scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let number = told.fetch_add(1, Ordering::SeqCst);
                    let done = place.send("-odq wendy@example.net", format!("X-Number: {number}\n\nx\n"));
                    assert_eq!(done.status, 0, "{done:?}");
                }
            }));
        }
        for _ in 0..kills() {
            kill_at_random(&mut place.command(["-q"]).stdin(Stdio::null()).spawn().unwrap());
        }
        stop.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().unwrap();
        }
    });
    settle(&place, &gateway, &(0..told.load(Ordering::SeqCst)).collect::<Vec<_>>());
}

#[test]
fn a_command_that_is_killed_has_told_the_truth() {
    let gateway = moody();
    let place = Place::new("killed");
    place.settings(&gateway, "");
    let mut told = Vec::new();
    for number in 0..kills() {
        let mut command = place.command(["wendy@example.net"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(format!("X-Number: {number}\n\nx\n").as_bytes());
        std::thread::sleep(Duration::from_micros(random(40_000)));
        let _ = child.kill();
        if child.wait().unwrap().success() {
            told.push(number);
        }
    }
    assert!(!told.is_empty() && told.len() < kills(), "{} of {} lived", told.len(), kills());
    settle(&place, &gateway, &told);
}

/// Runs the queue until it is empty: each number reported as taken has arrived, none more than once, none is unknown.
fn settle(place: &Place, gateway: &Gateway, told: &[usize]) {
    for _ in 0..200 {
        if place.names("new").is_empty() {
            break;
        }
        place.let_time_pass();
        assert_eq!(place.run_queue().status, 0);
    }
    let arrived = counted(gateway);
    let lost: Vec<_> = told.iter().filter(|number| !arrived.contains_key(number)).collect();
    let twice: Vec<_> = arrived.iter().filter(|(_, count)| **count > 1).collect();
    assert!(lost.is_empty() && twice.is_empty(), "lost {lost:?}, twice {twice:?}");
    assert_eq!((place.names("new"), place.names("failed")), (vec![], vec![]));
    eprintln!("{} kills: {} messages, 0 lost, 0 twice", kills(), told.len());
}

#[test]
fn all_at_once() {
    // Clients, two runners and the gateway's children, killed while four users send.
    let gateway = moody();
    let place = Place::new("all");
    place.settings(&gateway, "");
    let (next, told, stop) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let runners: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        let mut command: Command = place.command(["-q"]);
                        kill_at_random(&mut command.stdin(Stdio::null()).process_group(0).spawn().unwrap());
                    }
                })
            })
            .collect();
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..kills() / 4 {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        let mut child = place.command(["wendy@example.net"]).stderr(Stdio::null()).spawn().unwrap();
                        let _ = child.stdin.take().unwrap().write_all(format!("X-Number: {number}\n\nx\n").as_bytes());
                        if random(3) == 0 {
                            std::thread::sleep(Duration::from_micros(random(12_000)));
                            let _ = child.kill();
                        }
                        if child.wait().unwrap().success() {
                            told.lock().unwrap().push(number);
                        }
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        stop.store(true, Ordering::SeqCst);
        for runner in runners {
            runner.join().unwrap();
        }
    });
    let told = told.into_inner().unwrap();
    settle(&place, &gateway, &told);
}
