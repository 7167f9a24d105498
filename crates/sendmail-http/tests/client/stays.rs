//! Who retries: a runner that keeps running, and, without systemd, the process that the command leaves behind.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gateway::{Act, Answer, Gateway};
use super::place::{PROGRAM, Place, wait_until};

const MESSAGE: &str = "To: wendy@example.net\nSubject: Hello\n\nHi there\n";

/// A place where the command leaves a process behind.
fn with_background(name: &str, gateway: &Gateway) -> Place {
    let place = Place::new(name);
    place.settings(gateway, "");
    let conf = fs::read_to_string(place.file("conf")).unwrap().replace("background no", "background yes");
    fs::write(place.file("conf"), conf).unwrap();
    place
}

/// Whether such a process exists: it holds this lock while it runs.
fn stays(place: &Place) -> bool {
    let lock = fs::OpenOptions::new().write(true).open(place.file("queue/runner.lock"));
    lock.is_ok_and(|lock| rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err())
}

/// Removes the one message, and wakes the process (inotify), which then has nothing to wait for.
fn let_it_end(place: &Place) {
    let id = place.queue()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(place.send(&format!("--remove {id}"), "").status, 0);
    fs::write(place.file("queue/drop/t.wake"), "").unwrap();
    fs::rename(place.file("queue/drop/t.wake"), place.file("queue/drop/x")).unwrap();
    wait_until("its end", || !stays(place));
}

#[test]
fn a_runner_that_stays_sends_what_comes_and_ends_when_told() {
    let gateway = Gateway::taking();
    let place = Place::new("stays");
    place.settings(&gateway, "");
    let mut runner = place.command(["-q1"]).spawn().unwrap();
    for n in 1..=3 {
        assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
        gateway.wait_for(n);
    }
    runner.kill().unwrap();
    runner.wait().unwrap();
}

#[test]
fn without_systemd_a_process_stays_behind_until_the_queue_is_empty() {
    let down = Arc::new(AtomicUsize::new(1));
    let script = down.clone();
    let gateway = Gateway::new(move |_, _| match script.fetch_sub(1, Ordering::SeqCst) {
        1 => Answer::problem(503, "yes", "SM0406"),
        _ => Act::Take,
    });
    let place = with_background("behind", &gateway);
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    wait_until("a process that stays", || stays(&place));
    let drain = place.send("--drain", "");
    assert_eq!((drain.status, drain.stderr.as_str()), (0, ""), "one process at most stays");
    let_it_end(&place);
}

#[test]
fn what_stays_behind_holds_nothing_of_the_caller() {
    // A job that holds a lock, as with flock(1), and its own descriptor of the terminal or a pipe.
    let gateway = Gateway::doing(Answer::problem(503, "yes", "SM0406"));
    let place = with_background("descriptors", &gateway);
    let mut job = std::process::Command::new("sh");
    job.args(["-ec", "exec 9>\"$1\"; flock 9; printf 'To: a@example.net\\n\\nx\\n' | \"$2\" --config \"$3\" -t", "sh"]);
    job.arg(place.file("lock")).arg(PROGRAM).arg(place.file("conf"));
    assert!(job.status().unwrap().success());
    wait_until("a process that stays", || stays(&place));
    let lock = fs::File::open(place.file("lock")).unwrap();
    let free = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    assert!(free.is_ok() && stays(&place), "the lock of the job went with the job");
    let_it_end(&place);
}
