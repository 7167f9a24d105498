//! A queue that belongs to another user than the one who sends. Needs root, to become several users.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Stdio};

use super::place::{PROGRAM, Place, am_root, run};

const MESSAGE: &str = "To: wendy@example.net\nSubject: Hello\n\nHi there\n";
const PETER: u32 = 61_005;

#[test]
fn a_queue_of_somebody_else_is_told_and_loses_nothing_silently() {
    if !am_root() {
        return eprintln!("SKIPPED: needs root, to be several users");
    }
    // A container whose user was changed, but not the owner of its volume.
    let place = Place::new("owner");
    let queue = place.file("queue");
    let environment = format!(
        "SENDMAIL_HTTP_URL=http://127.0.0.1:9/mail SENDMAIL_HTTP_DOMAIN=example.org SENDMAIL_HTTP_QUEUE={}",
        queue.display()
    );
    let as_peter = |words: &[&str], input: &str| {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={PETER}"), &format!("--regid={PETER}"), "--clear-groups", "--", "env", "-i"]);
        command.args(environment.split(' ')).arg("SENDMAIL_HTTP_BACKGROUND=no").arg(PROGRAM).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir("/");
        run(command, input.as_bytes())
    };
    let names = |folder: &str| fs::read_dir(queue.join(folder)).unwrap().count();
    fs::create_dir(&queue).unwrap();
    chown(&queue, Some(PETER), Some(PETER)).unwrap();
    assert_eq!(as_peter(&["-t"], MESSAGE).status, 0);
    assert_eq!(names("new"), 1);
    // Now the queue and its contents belong to root.
    for folder in ["", "new", "tmp", "failed", "drop", "shown"] {
        chown(queue.join(folder), Some(0), Some(0)).unwrap();
    }
    assert_eq!(as_peter(&["-t"], MESSAGE).status, 0, "dropped, for root's runner");
    assert_eq!((names("new"), names("drop")), (1, 1));
    let done = as_peter(&["-q"], "");
    assert!(done.status == 77 && done.stderr.contains("the queue of another user"), "{done:?}");
    fs::set_permissions(queue.join("drop"), fs::Permissions::from_mode(0o700)).unwrap();
    let done = as_peter(&["-t"], MESSAGE);
    assert!(done.status == 75 && done.stderr.contains("drop"), "the caller knows: {done:?}");
    let check = as_peter(&["--check"], "");
    assert!(check.status == 1 && check.stdout.contains("chmod 3733"), "{check:?}");
}
