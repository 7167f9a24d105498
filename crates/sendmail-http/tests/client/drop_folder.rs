//! Several users on one machine. Users who may not read the settings drop messages; the runner, a user of its own, believes only the file
//! system about them. Needs root, to become several users; each user's command sees the test's queue as /var/spool/sendmail-http.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::gateway::Gateway;
use super::place::{Done, PROGRAM, Place, am_root, run, wait_until};

const MESSAGE: &str = "To: wendy@example.net\nSubject: Hello\n\nHi there\n";
const RUNNER: u32 = 61_001;
const PETER: u32 = 61_002;
const WENDY: u32 = 61_003;

struct Machine {
    place: Place,
    gateway: Gateway,
}

/// `None` if this process cannot become other users.
fn machine(more: &str) -> Option<Machine> {
    if !am_root() {
        eprintln!("SKIPPED: needs root, to be several users");
        return None;
    }
    let (place, gateway) = (Place::new("users"), Gateway::taking());
    fs::create_dir_all(place.file("spool/sendmail-http")).unwrap();
    chown(place.file("spool/sendmail-http"), Some(RUNNER), Some(RUNNER)).unwrap();
    let queue = format!("queue {}\n", place.file("spool/sendmail-http").display());
    place.settings(&gateway, &format!("{queue}user web1\npassword geheim\n{more}"));
    fs::set_permissions(place.file("conf"), fs::Permissions::from_mode(0o640)).unwrap();
    chown(place.file("conf"), Some(0), Some(RUNNER)).unwrap();
    let machine = Machine { place, gateway };
    assert_eq!(machine.run_queue().status, 0);
    Some(machine)
}

impl Machine {
    fn command(&self, uid: u32, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        let script = "mount --bind \"$1\" /var/spool; user=$2; shift 2
            exec setpriv --reuid=$user --regid=$user --clear-groups --no-new-privs -- \"$@\"";
        command.args(["--mount", "--propagation", "private", "sh", "-ec", script, "sh"]);
        command.arg(self.place.file("spool")).arg(uid.to_string()).arg(PROGRAM);
        command.arg("--config").arg(self.place.file("conf")).args(words);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir("/");
        command
    }

    fn run(&self, uid: u32, words: &[&str], input: &str) -> Done {
        run(self.command(uid, words), input.as_bytes())
    }

    fn run_queue(&self) -> Done {
        self.run(RUNNER, &["-q"], "")
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.place.file("spool/sendmail-http").join(name)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.folder(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The file that this user has dropped.
    fn dropped(&self, uid: u32) -> PathBuf {
        let before = self.names("drop");
        let done = self.run(uid, &["-t"], MESSAGE);
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
        let name = self.names("drop").into_iter().find(|name| !before.contains(name)).unwrap();
        self.folder("drop").join(name)
    }
}

#[test]
fn a_user_who_may_not_read_the_settings_sends_all_the_same() {
    let Some(machine) = machine("from alerts@example.org\n") else { return };
    let done = machine.run(
        PETER,
        &["-t", "-f", "peter", "-N", "failure"],
        "To: root, wendy@example.net\nBcc: bob@example.net\n\nHi there\n",
    );
    assert_eq!((done.status, done.stderr.as_str(), machine.gateway.posts().len()), (0, "", 0));
    let file = machine.folder("drop").join(&machine.names("drop")[0]);
    let mode = fs::metadata(&file).unwrap();
    assert_eq!(mode.permissions().mode() & 0o7777, 0o640);
    assert_eq!(std::os::unix::fs::MetadataExt::gid(&mode), RUNNER, "the folder gives it its group");
    assert_eq!(machine.run_queue().status, 0);
    let request = machine.gateway.only();
    assert_eq!(request.field("envelope-to"), "ops@example.org, wendy@example.net, bob@example.net");
    assert_eq!(request.field("envelope-from"), "alerts@example.org");
    assert_eq!(request.field("envelope-notify"), "failure");
    assert_eq!(request.field("authorization"), "Basic d2ViMTpnZWhlaW0=");
    let text = request.text();
    assert!(text.starts_with("Received: by ") && text.contains(&format!("from uid {PETER}")), "{text}");
    assert!(text.contains("\nTo: root <ops@example.org>, wendy@example.net\n") && !text.contains("bob"), "{text}");
    assert_eq!((machine.names("drop"), machine.names("new")), (vec![], vec![]));
}

#[test]
fn what_a_caller_must_know_at_once_he_hears_at_once() {
    let Some(machine) = machine("") else { return };
    assert_eq!(machine.run(PETER, &["-t"], MESSAGE).status, 0);
    for (words, message, status) in [
        (&["-t"][..], "Subject: nobody\n\n", 64),
        (&["-t"], "To: a@b@c\n\n", 67),
        (&["a@b@c"], MESSAGE, 67),
        (&["-f"], MESSAGE, 64),
    ] {
        assert_eq!(machine.run(PETER, words, message).status, status, "{words:?}");
    }
    assert_eq!(machine.names("drop").len(), 1);
}

#[test]
fn the_runner_that_stays_takes_it_within_the_second() {
    let Some(machine) = machine("") else { return };
    let mut runner = machine.command(RUNNER, &["-q10m"]).spawn().unwrap();
    machine.dropped_without_looking();
    let begun = std::time::Instant::now();
    machine.gateway.wait_for(1);
    wait_until("the second one", || {
        if machine.gateway.taken().len() == 1 {
            machine.dropped_without_looking();
        }
        machine.gateway.taken().len() > 1
    });
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    runner.kill().unwrap();
    runner.wait().unwrap();
}

impl Machine {
    fn dropped_without_looking(&self) {
        assert_eq!(self.run(PETER, &["-t"], MESSAGE).status, 0);
    }
}

#[test]
fn nobody_reads_lists_or_removes_the_mail_of_another() {
    let Some(machine) = machine("") else { return };
    let file = machine.dropped(PETER);
    let try_as = |uid: u32, script: &str| {
        let mut command = Command::new("setpriv");
        command.args([
            &format!("--reuid={uid}"),
            &format!("--regid={uid}"),
            "--clear-groups",
            "sh",
            "-c",
            script,
            "sh",
        ]);
        command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    };
    assert!(try_as(PETER, "cat \"$1\""), "the owner");
    for script in [
        "cat \"$1\"",
        "ls \"$(dirname \"$1\")\"",
        "rm -f \"$1\"",
        "mv \"$1\" \"$1.x\"",
        "ln \"$1\" \"$1.x\"",
        ": > \"$1\"",
        "echo x >> \"$1\"",
        "touch \"$1\"",
    ] {
        assert!(!try_as(WENDY, script), "{script}");
    }
    for folder in ["new", "tmp", "failed", "shown"] {
        assert!(!try_as(WENDY, &format!("ls {}", machine.folder(folder).display())), "{folder}");
    }
    assert_eq!(machine.run_queue().status, 0);
    assert!(machine.gateway.only().text().contains("Hi there"));
    // None of them can run the queue or take messages from it.
    for words in [&["-q"][..], &["--remove", "69258d50abcdefghijklmnopqrstuvwx"]] {
        assert_eq!(machine.run(WENDY, words, "").status, 77, "{words:?}");
    }
}

#[test]
fn what_is_no_mail_is_removed_and_stops_nobody() {
    let Some(machine) = machine("max_size 1M\n") else { return };
    let drop = machine.folder("drop");
    let name = |n: u32| drop.join(format!("m.{n:032}"));
    let secret = machine.place.file("secret");
    fs::write(
        &secret,
        "{\"sendmail-http-drop\":1,\"time\":1,\"words\":[\"evil@example.net\"]}\nSubject: s\n\nsecret\n",
    )
    .unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&secret, Some(RUNNER), Some(RUNNER)).unwrap();
    let template = fs::read_to_string(machine.dropped(PETER)).unwrap();
    symlink(&secret, name(1)).unwrap();
    fs::hard_link(&secret, name(2)).unwrap();
    let fifo = Command::new("mkfifo").arg(name(3)).status().unwrap();
    assert!(fifo.success());
    fs::create_dir(name(4)).unwrap();
    let open = fs::File::open(&drop).unwrap(); // the name of a socket has room for 107 octets
    let short = format!("/proc/self/fd/{}/m.{:032}", std::os::fd::AsRawFd::as_raw_fd(&open), 5);
    let _socket = UnixListener::bind(short).unwrap();
    fs::write(name(6), "").unwrap();
    fs::write(name(7), "{}\n").unwrap();
    fs::write(name(8), "\0\u{fc}\n").unwrap();
    fs::write(name(9), template.clone() + &"x".repeat(6 << 20)).unwrap(); // over max_size and the longest head
    fs::write(name(10), "x".repeat(3 << 20)).unwrap(); // a head without an end
    fs::write(drop.join("m.short"), &template).unwrap();
    fs::write(drop.join("m.."), &template).unwrap();
    fs::write(drop.join("nonsense"), &template).unwrap();
    fs::create_dir(drop.join("full")).unwrap();
    fs::write(drop.join("full/file"), "").unwrap();
    let hostile = machine.names("drop").len() - 2; // without the honest one, and the folder that is not empty
    let done = machine.run_queue();
    assert_eq!(done.status, 0, "{done:?}");
    assert!(machine.gateway.only().text().contains("Hi there"), "only the honest one");
    assert_eq!(machine.names("drop"), ["full"], "a folder that is not empty cannot be removed");
    assert_eq!(done.stderr.matches("; removed").count(), hostile, "{done:?}");
    assert_eq!(fs::read_to_string(&secret).unwrap().matches("secret\n").count(), 1, "what a link led to is untouched");
    assert_eq!((machine.names("new"), machine.names("tmp"), machine.names("failed")), (vec![], vec![], vec![]));
}

#[test]
fn a_message_that_another_user_put_under_a_false_name_is_his_own() {
    let Some(machine) = machine("") else { return };
    let file = machine.dropped(PETER);
    let id = file.file_name().unwrap().to_str().unwrap().strip_prefix("m.").unwrap().to_owned();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(machine.run_queue().status, 0);
    // Wendy knows the id of peter's message and the format of a head.
    let forged = text.replacen("\"time\"", "\"uid\":61002,\"account\":\"peter\",\"time\"", 1);
    fs::write(&file, forged).unwrap();
    chown(&file, Some(WENDY), Some(RUNNER)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(machine.run_queue().status, 0);
    let taken = machine.gateway.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].field("idempotency-key"), format!("\"{id}.{PETER}\""));
    assert_eq!(taken[1].field("idempotency-key"), format!("\"{id}.{WENDY}\""), "peter's key is not used up");
    assert!(taken[1].text().contains(&format!("from uid {WENDY} ")), "{}", taken[1].text());
}

#[test]
fn a_head_cannot_lead_a_password_elsewhere() {
    let Some(machine) = machine("") else { return };
    let other = Gateway::taking();
    let file = machine.dropped(PETER);
    let text = fs::read_to_string(&file).unwrap();
    let tried = format!("\"tried\":[{{\"at\":1,\"now\":\"sending\",\"url\":\"{}\"}}]", other.url);
    fs::write(&file, text.replacen("\"tried\":[]", &tried, 1)).unwrap();
    assert_ne!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(machine.run_queue().status, 0);
    assert_eq!((other.posts().len(), other.options()), (0, 0));
    assert_eq!(machine.names("failed").len(), 1, "it claims to be with a gateway that is not configured");
}

#[test]
fn what_counts_is_the_runners_own_copy() {
    let Some(machine) = machine("") else { return };
    let file = machine.dropped(PETER);
    // Its owner keeps writing while it is read: each run takes a whole message or none.
    let text = fs::read_to_string(&file).unwrap();
    let body = "x".repeat(200_000);
    let writer = {
        let (file, text, body) = (file.clone(), text.clone(), body.clone());
        std::thread::spawn(move || {
            for _ in 0..200 {
                let Ok(mut open) = fs::OpenOptions::new().write(true).open(&file) else { return };
                let _ = std::io::Write::write_all(&mut open, format!("{text}{body}").as_bytes());
                let _ = open.set_len(text.len() as u64 + 7);
                let _ = open.set_len(3);
                let _ = std::io::Write::write_all(&mut open, b"x");
            }
        })
    };
    for _ in 0..20 {
        assert_eq!(machine.run_queue().status, 0);
    }
    writer.join().unwrap();
    let _ = machine.run_queue();
    for request in machine.gateway.taken() {
        let sent = request.text();
        assert!(
            sent.contains(&format!("from uid {PETER} ")) && request.field("envelope-to") == "wendy@example.net",
            "{sent}"
        );
    }
    assert!(machine.gateway.taken().len() <= 1, "one name, one message");
    assert_eq!((machine.names("tmp"), machine.names("new")), (vec![], vec![]));
    // The next message is sent as usual.
    let before = machine.gateway.taken().len();
    machine.dropped(WENDY);
    assert_eq!(machine.run_queue().status, 0);
    assert_eq!(machine.gateway.taken().len(), before + 1);
}

#[test]
fn a_user_has_a_quota_that_costs_the_others_nothing() {
    let Some(machine) = machine("quota_messages 3\n") else { return };
    let down = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let conf = fs::read_to_string(machine.place.file("conf")).unwrap();
    fs::write(machine.place.file("conf"), conf.replace(&machine.gateway.url, &format!("http://{down}/mail"))).unwrap();
    for _ in 0..5 {
        machine.dropped(PETER);
    }
    machine.dropped(WENDY);
    let done = machine.run_queue();
    assert!(done.stderr.contains("3 messages waiting, its quota"), "{done:?}");
    let of = |uid: u32| machine.names("new").iter().filter(|name| name.ends_with(&format!(".{uid}"))).count();
    assert_eq!((of(PETER), of(WENDY), machine.names("drop").len()), (3, 1, 2));
    // Nothing is lost: what stays is sent when there is room.
    fs::write(machine.place.file("conf"), conf).unwrap();
    for row in machine.names("new") {
        assert_eq!(machine.run(RUNNER, &["--retry", row.split('.').next().unwrap()], "").status, 0);
    }
    assert_eq!(machine.run_queue().status, 0);
    assert_eq!(machine.run_queue().status, 0);
    assert_eq!(machine.gateway.taken().len(), 6);
}

#[test]
fn mailq_shows_everybody_his_own() {
    let Some(machine) = machine("") else { return };
    let conf = fs::read_to_string(machine.place.file("conf")).unwrap();
    fs::write(machine.place.file("conf"), conf.replace(&machine.gateway.url, "http://127.0.0.1:9/mail")).unwrap();
    machine.dropped(PETER);
    machine.dropped(PETER);
    machine.dropped(WENDY);
    assert_eq!(machine.run_queue().status, 0);
    let count = |uid: u32| {
        let done = machine.run(uid, &["-bp", "--json"], "");
        serde_json::from_str::<Vec<serde_json::Value>>(&done.stdout).unwrap_or_else(|_| panic!("{done:?}")).len()
    };
    assert_eq!((count(0), count(RUNNER), count(PETER), count(WENDY), count(WENDY + 1)), (3, 3, 2, 1, 0));
    // The file for its owner disappears with the message.
    fs::write(machine.place.file("conf"), conf).unwrap();
    for name in machine.names("new") {
        machine.run(RUNNER, &["--retry", name.split('.').next().unwrap()], "");
    }
    assert_eq!(machine.run_queue().status, 0);
    assert_eq!((count(PETER), machine.names("shown").len()), (0, 0));
}

#[test]
fn with_a_broken_configuration_the_message_is_kept_and_the_status_is_78() {
    let Some(machine) = machine("") else { return };
    let conf = fs::read_to_string(machine.place.file("conf")).unwrap();
    fs::write(machine.place.file("conf"), "nonsense 1\n").unwrap();
    let done = machine.run(0, &["-t"], MESSAGE);
    assert!(
        done.status == 78 && done.stderr.contains("'nonsense'") && done.stderr.contains("the message is kept"),
        "{done:?}"
    );
    assert_eq!(machine.run_queue().status, 78);
    assert_eq!(machine.names("drop").len(), 1, "and stays");
    fs::write(machine.place.file("conf"), conf).unwrap();
    assert_eq!(machine.run_queue().status, 0);
    assert!(machine.gateway.only().text().contains("Hi there"));
    // No place is left to keep it.
    fs::remove_dir_all(machine.folder("")).unwrap();
    fs::set_permissions(machine.place.file("spool"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(machine.run(PETER, &["-t"], MESSAGE).status, 75);
}

#[test]
fn roots_messages_belong_to_the_runner_and_root_may_run_the_queue() {
    let Some(machine) = machine("") else { return };
    assert_eq!(machine.run(0, &["-odq", "-t"], MESSAGE).status, 0);
    let owner = |folder: &str| {
        std::os::unix::fs::MetadataExt::uid(
            &fs::metadata(machine.folder(folder).join(&machine.names(folder)[0])).unwrap(),
        )
    };
    assert_eq!(owner("new"), RUNNER);
    assert_eq!(machine.run_queue().status, 0);
    machine.dropped(PETER);
    assert_eq!(machine.run(0, &["-q"], "").status, 0);
    assert_eq!(machine.gateway.taken().len(), 2);
}
