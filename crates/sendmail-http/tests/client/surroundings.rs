//! What a caller's process may pass on: a strange umask, closed descriptors, limits, ignored signals, missing folders. The message is still
//! sent completely, at once and from the queue.

use std::os::unix::fs::chown;
use std::process::{Command, Stdio};

use super::gateway::Gateway;
use super::place::{PROGRAM, Place, am_root, run};

const USER: u32 = 61_004;

const SURROUNDINGS: &[&str] = &[
    ":",
    "umask 777",
    "umask 0",
    "exec >&-",
    "exec 2>&-",
    "exec >&- 2>&-",
    "exec 3</dev/null 4</dev/null 9</dev/null",
    "ulimit -n 12",
    "ulimit -c 0",
    "trap '' HUP INT TERM PIPE CHLD XFSZ",
    "export TMPDIR=/no/such/folder",
    "export TMPDIR=/proc",
    "export HOME=/no/such/folder",
    "export HOME= USER= LOGNAME=",
    "unset PATH HOME",
    "export LANG=xx_YY.nonsense LC_ALL=tlh TZ=../../../etc/passwd",
    "mkdir gone; cd gone; rmdir ../gone",
    "export SSL_CERT_FILE=/no/such HTTPS_PROXY=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 RUST_BACKTRACE=full",
];

#[test]
fn whatever_surrounds_the_caller_his_message_goes_whole() {
    for surroundings in SURROUNDINGS {
        let gateway = Gateway::taking();
        let place = Place::new("surroundings");
        place.settings(&gateway, "");
        if am_root() {
            chown(place.path(), Some(USER), Some(USER)).unwrap();
            chown(place.file("conf"), Some(USER), Some(USER)).unwrap();
        }
        let send = |words: &str, message: &str| {
            let mut command = Command::new(if am_root() { "setpriv" } else { "env" });
            if am_root() {
                command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups", "--"]);
            }
            let script = format!("{surroundings}\nexec \"$1\" --config \"$2\" {words}");
            command.args(["/bin/sh", "-ec", &script, "sh", PROGRAM]).arg(place.file("conf"));
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir(place.path());
            let done = run(command, message.as_bytes());
            assert_eq!(done.status, 0, "{surroundings}: {words}: {done:?}");
        };
        let large = format!("To: wendy@example.net\n\n{}", "a line of text\n".repeat(75_000)); // more than is kept in memory
        let small = "To: wendy@example.net\n\nHi\n";
        send("-t", small);
        send("-t", &large);
        send("-odq -t", small);
        send("-odq -t", &large);
        assert_eq!(place.names("new").len(), 2, "{surroundings}");
        send("-q", "");
        let bodies: Vec<_> =
            gateway.taken().iter().map(|request| request.text().split_once("\n\n").unwrap().1.len()).collect();
        let (small, large) = ("Hi\n".len(), large.split_once("\n\n").unwrap().1.len());
        assert_eq!(bodies, [small, large, small, large], "{surroundings}");
    }
}

#[test]
fn nothing_but_the_queue_needs_to_be_writable() {
    if !am_root() {
        return eprintln!("SKIPPED: needs root, and the right to mount");
    }
    let gateway = Gateway::taking();
    let place = Place::new("readonly-root");
    place.settings(&gateway, "");
    std::fs::create_dir(place.file("queue")).unwrap();
    let script =
        "for folder in /tmp /var/tmp; do mount -t tmpfs -o ro none $folder; done; exec \"$1\" --config \"$2\" -t";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-ec", script, "sh", PROGRAM]).arg(place.file("conf"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let done = run(command, format!("To: wendy@example.net\n\n{}", "a line of text\n".repeat(75_000)).as_bytes());
    assert_eq!((done.status, gateway.taken().len()), (0, 1), "{done:?}");
}
