//! What a `sendmail` can do to us; each case is a real child.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::tests::alone;
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A directory for one test, removed afterwards.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mailgate-transport-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Place(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn message(size: usize) -> Message {
    let octets: Vec<u8> = (0..size).map(|i| if i % 60 == 59 { b'\n' } else { b'a' + (i % 26) as u8 }).collect();
    Message::compose(&std::env::temp_dir(), b"", |w| w.write_all(&octets)).unwrap()
}

fn run(path: &str, arguments: &[&str], message: &Message, timeout: Duration) -> Result<Accepted, Failure> {
    let arguments: Vec<Vec<u8>> = arguments.iter().map(|a| a.as_bytes().to_vec()).collect();
    let environment = environment(&[]);
    let program = Program { path: Path::new(path), arguments: &arguments, environment: &environment, timeout };
    hand_over(&program, message, &std::env::temp_dir(), &mut || Ok(()))
}

fn script(text: &str, message: &Message) -> Result<Accepted, Failure> {
    run("/bin/sh", &["-c", text], message, MINUTE)
}

fn script_within(timeout: Duration, text: &str, message: &Message) -> (Failure, Duration) {
    let began = Instant::now();
    let failure = run("/bin/sh", &["-c", text], message, timeout).unwrap_err();
    (failure, began.elapsed())
}

/// Open pipes, pidfds and unnamed files: what this module makes, and nothing that other tests open meanwhile.
fn descriptors() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    let is_ours = |link: &str| ["pipe:", "pidfd", "(deleted)"].iter().any(|kind| link.contains(kind));
    links.filter(|link| is_ours(&link.to_string_lossy())).count()
}

/// This process has no child left, dead or alive. Only while [`alone`].
fn assert_no_child() {
    let wait =
        rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT);
    assert_eq!(wait.err(), Some(rustix::io::Errno::CHILD));
}

use rustix::process::{WaitId, WaitIdOptions};

/// Sizes on both sides of what a pipe takes.
const SIZES: [usize; 8] = [0, 1, 4_096, 65_536, 65_537, 262_144, 262_145, 3_000_000];

#[test]
fn a_program_gets_every_octet_once_and_then_the_end() {
    let _alone = alone();
    let place = Place::new();
    let before = descriptors();
    for size in SIZES {
        let message = message(size);
        assert_eq!(message.is_file(), size > 262_144);
        let accepted = script(&format!("cat > {}", place.file("got")), &message).unwrap();
        assert_eq!((accepted.exit, accepted.warning), (Some(0), None));
        let mut sent = String::new();
        std::io::Read::read_to_string(&mut message.reader(), &mut sent).unwrap();
        assert!(place.read("got") == sent, "{size} octets");
    }
    assert_eq!(descriptors(), before);
    assert_no_child();
}

#[test]
fn exit_0_is_not_believed_unless_everything_was_read() {
    let _alone = alone();
    for size in SIZES.into_iter().filter(|&size| size > 1) {
        let message = message(size);
        assert!(script("cat > /dev/null", &message).is_ok());
        for text in ["exit 0", "head -c 1 > /dev/null", &format!("head -c {} > /dev/null", size - 1)] {
            let failure = script(text, &message).unwrap_err();
            assert_eq!((failure.kind, failure.exit), (FailureKind::Unknown, Some(Exit::Code(0))), "{size}: {text}");
            assert!(failure.started && failure.detail.contains("octets read"), "{failure}");
        }
    }
    let failure = script("cat /dev/stdin > /dev/null", &message(300_000)).unwrap_err();
    assert!(failure.detail.contains("opened /dev/stdin anew"), "{failure}");
    assert!(script("cat /dev/stdin > /dev/null", &message(100_000)).is_ok(), "a pipe opened anew is the same pipe");
}

#[test]
fn every_exit_code_is_reported_whether_the_message_was_read_or_not() {
    let _alone = alone();
    let (small, large) = (message(100), message(70_000));
    for code in 1..=255 {
        let text = format!("echo 'no: {code}' >&2; exit {code}");
        let failure = script(&text, if code % 2 == 0 { &small } else { &large }).unwrap_err();
        assert_eq!(failure.exit, Some(Exit::Code(code)));
        assert_eq!(failure.kind, sysexits::kind(mta::Mta::Unknown, code, &[]));
        assert_eq!(failure.words, Some(format!("no: {code}")));
    }
    assert_no_child();
}

/// Sendmail prints nothing when it delivers at once: a failure for one recipient is mailed to the sender, and the others get the message.
#[test]
fn a_silent_exit_of_sendmail_leaves_the_outcome_unknown() {
    let _alone = alone();
    let place = Place::new();
    for (name, silent) in [("sendmail.sendmail", FailureKind::Unknown), ("other", FailureKind::BadMessage)] {
        for (words, kind) in [("", silent), ("echo no >&2", FailureKind::BadMessage)] {
            let path = place.file(name);
            std::fs::write(&path, format!("#!/bin/sh\ncat > /dev/null\n{words}\nexit 65\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
            assert_eq!(run(&path, &[], &message(10), MINUTE).unwrap_err().kind, kind, "{name} {words}");
        }
    }
}

#[test]
fn a_signal_that_was_not_ours_leaves_the_outcome_unknown() {
    let _alone = alone();
    for signal in ["TERM", "KILL", "SEGV", "PIPE"] {
        let failure = script(&format!("cat > /dev/null; kill -{signal} $$"), &message(10)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unknown, "{signal}");
        assert!(matches!(failure.exit, Some(Exit::Signal(_))), "{failure}");
    }
}

#[test]
fn words_beside_an_exit_0_are_a_warning() {
    let _alone = alone();
    let accepted = script("cat >/dev/null; echo 'No recipient addresses found in header'", &message(9)).unwrap();
    assert_eq!(accepted.warning.as_deref(), Some("stdout: No recipient addresses found in header"));
    let failure = script("echo out; printf '\\033[2Jerr\\nmore\\n' >&2; exit 75", &message(9)).unwrap_err();
    assert_eq!(failure.words.as_deref(), Some("\\u{1b}[2Jerr"));
    assert!(failure.detail.ends_with("stderr: \\u{1b}[2Jerr | more; stdout: out"), "{failure}");
    let failure = script("cat >/dev/null; echo 'fatal: message file too big' >&2; exit 75", &message(9)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TooLarge);
}

#[test]
fn a_flood_on_both_outlets_blocks_nobody() {
    let _alone = alone();
    let text = "yes out | head -c 5000000 & yes err | head -c 5000000 >&2; wait; cat > /dev/null; exit 70";
    let failure = script(text, &message(70_000)).unwrap_err();
    assert_eq!(failure.exit, Some(Exit::Code(70)));
    assert_eq!(failure.words.as_deref(), Some("err"));
    assert_eq!(failure.detail.matches("(and 4991808 octets more)").count(), 2, "{failure}");
}

#[test]
fn a_slow_reader_is_given_its_time() {
    let _alone = alone();
    let text = "for i in 1 2 3; do dd bs=1 count=1 2>/dev/null; sleep 0.3; done; cat";
    assert!(script(text, &message(10)).unwrap().elapsed > Duration::from_millis(900));
}

#[test]
fn at_the_deadline_the_program_is_ended_and_its_exit_does_not_count() {
    let _alone = alone();
    let timeout = Duration::from_millis(300);
    for text in ["sleep 100", "cat > /dev/null; sleep 100", "trap 'exit 0' TERM; cat > /dev/null; sleep 100 & wait"] {
        let (failure, elapsed) = script_within(timeout, text, &message(100));
        assert_eq!(failure.kind, FailureKind::DeadlinePassed, "{text}");
        assert!(elapsed >= timeout && elapsed < timeout + GRACE, "{text}: {elapsed:?}");
        assert_no_child();
    }
    let (failure, elapsed) = script_within(timeout, "trap '' TERM; sleep 100", &message(100));
    assert_eq!((failure.kind, failure.exit), (FailureKind::DeadlinePassed, Some(Exit::Signal(9))));
    assert!(elapsed >= timeout + GRACE && elapsed < timeout + 2 * GRACE, "{elapsed:?}");
    let (_, elapsed) = script_within(timeout, "trap '' TERM; while :; do echo flood; done", &message(100));
    assert!(elapsed < timeout + 2 * GRACE, "{elapsed:?}");
    assert_no_child();
}

const GRACE: Duration = Duration::from_secs(1);

#[test]
fn at_the_deadline_the_whole_group_is_ended() {
    let _alone = alone();
    let place = Place::new();
    let text = format!("(trap '' TERM; sleep 100; :) & echo $! > {}; exec sleep 100", place.file("pid"));
    let (failure, _) = script_within(Duration::from_millis(300), &text, &message(100));
    assert_eq!(failure.kind, FailureKind::DeadlinePassed);
    let grandchild = format!("/proc/{}/stat", place.read("pid").trim());
    let until = Instant::now() + GRACE;
    let alive = || std::fs::read_to_string(&grandchild).is_ok_and(|stat| !stat.contains(") Z "));
    while alive() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!alive(), "{grandchild}");
}

#[test]
fn a_grandchild_that_keeps_stderr_is_waited_for_one_second_and_left_alone() {
    let _alone = alone();
    let place = Place::new();
    let text =
        format!("cat > /dev/null; (read go < {0}; echo done > {1}) & exit 0", place.file("go"), place.file("later"));
    let owner = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, place.file("go"), rustix::fs::FileType::Fifo, owner, 0).unwrap();
    let began = Instant::now();
    let before = descriptors();
    assert!(script(&text, &message(100)).is_ok());
    assert!(began.elapsed() >= GRACE && place.read("later").is_empty(), "{:?}", began.elapsed());
    assert_eq!(descriptors(), before);
    let mut go = std::fs::OpenOptions::new().read(true).write(true).open(place.file("go")).unwrap();
    io::Write::write_all(&mut go, b"now\n").unwrap();
    let until = Instant::now() + MINUTE;
    while place.read("later") != "done\n" && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(place.read("later"), "done\n");
    let quick = script("cat > /dev/null; (sleep 0.2; echo late >&2) & exit 0", &message(100)).unwrap();
    assert_eq!(quick.warning.as_deref(), Some("stderr: late"));
}

#[test]
fn what_cannot_be_started_is_named_and_was_not_started() {
    use std::os::unix::fs::PermissionsExt;
    let _alone = alone();
    let place = Place::new();
    let make = |name: &str, content: &[u8], mode: u32| {
        let path = place.file(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path
    };
    let mut foreign = std::fs::read("/bin/true").unwrap();
    foreign[18..20].copy_from_slice(&[0x08, 0]); // e_machine: MIPS
    let cases = [
        (place.file("missing"), "No such file"),
        (make("interpreter", b"#!/nonexistent/sh\n", 0o755), "interpreter"),
        (make("plain", b"#!/bin/sh\n", 0o644), "not executable"),
        (make("elf", &foreign, 0o755), "another machine"),
        (make("text", b"cat\n", 0o755), "#!"),
        (place.file("."), "not executable"),
        ("sendmail".to_string(), "not absolute"),
    ];
    let before = descriptors();
    for (path, words) in cases {
        for size in [10, 70_000, 300_000] {
            let failure = run(&path, &["-t"], &message(size), MINUTE).unwrap_err();
            assert_eq!((failure.kind, failure.started), (FailureKind::Misconfigured, false), "{failure}");
            assert!(failure.detail.contains(words) && failure.exit.is_none(), "{failure}");
        }
    }
    assert_eq!(descriptors(), before);
    assert_no_child();
}

#[test]
fn the_child_starts_clean() {
    let _alone = alone();
    let place = Place::new();
    let leak = std::fs::File::open("/dev/null").unwrap();
    let _without_cloexec = rustix::io::dup(&leak).unwrap();
    let text = format!(
        "grep -E '^(SigBlk|SigIgn)' /proc/self/status > {signals}; pwd -P > {cwd}; \
         ps -o pid=,pgid= -p $$ > {group}; readlink /proc/$$/fd/0 > {stdin}; env > {env}; cat > /dev/null",
        signals = place.file("signals"),
        cwd = place.file("cwd"),
        group = place.file("group"),
        stdin = place.file("stdin"),
        env = place.file("env"),
    );
    for size in [10, 70_000, 300_000] {
        script(&text, &message(size)).unwrap();
        let failure = script("ls /proc/$$/fd; exit 1", &message(size)).unwrap_err();
        assert!(failure.detail.ends_with("stdout: 0 | 1 | 2"), "{failure}");
        let signals = place.read("signals");
        let sets: Vec<u64> = signals
            .lines()
            .filter_map(|line| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok())
            .map(|set| set & !(0b11 << 31)) // 32 and 33 are glibc's own: its posix_spawn ignores them, its programs set them
            .collect();
        assert_eq!(sets, [0, 0], "blocked, ignored: {signals}");
        assert_eq!(place.read("cwd"), "/\n");
        let group = place.read("group");
        let ids: Vec<&str> = group.split_whitespace().collect();
        assert_eq!(ids.len(), 2);
        assert_eq!(ids[0], ids[1], "a group of its own");
        assert_eq!(place.read("stdin").starts_with("pipe:"), size < 300_000);
        let env = place.read("env");
        let names: Vec<&str> = env.lines().filter_map(|line| line.split('=').next()).collect();
        assert!(names.iter().all(|name| ["PATH", "LANG", "TZ", "PWD", "OLDPWD", "SHLVL", "_"].contains(name)), "{env}");
    }
}

#[test]
fn the_child_cannot_write_to_the_message() {
    let _alone = alone();
    for size in [10, 70_000, 300_000] {
        assert!(script("cat > /dev/null; echo x >&0", &message(size)).is_err());
    }
}

#[test]
fn words_reach_the_program_unsplit_and_unchanged() {
    let _alone = alone();
    let failure = run(
        "/bin/sh",
        &["-c", "printf '<%s>' \"$@\"; exit 69", "sh", "a b", "", "$(id) `id`; \"'", "gr\u{fc}n"],
        &message(1),
        MINUTE,
    );
    assert_eq!(failure.unwrap_err().words.as_deref(), Some("<a b><><$(id) `id`; \"'><gr\u{fc}n>"));
    let failure = run("/bin/sh", &["a\0b"], &message(1), MINUTE).unwrap_err();
    assert_eq!((failure.kind, failure.started), (FailureKind::Misconfigured, false));
}

#[test]
fn the_environment_is_the_one_that_was_asked_for() {
    let pair = |name: &str, value: &str| CString::new(format!("{name}={value}")).unwrap();
    let own = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let extra = [
        (b"CARGO_MANIFEST_DIR".to_vec(), None),
        (b"MAILGATE_NOT_SET".to_vec(), None),
        (b"LANG".to_vec(), Some(b"de".to_vec())),
        (b"A=B".to_vec(), Some(b"x".to_vec())),
        (b"".to_vec(), Some(b"x".to_vec())),
        (b"NUL".to_vec(), Some(b"x\0".to_vec())),
    ];
    let environment = environment(&extra);
    assert!(environment.contains(&pair("CARGO_MANIFEST_DIR", &own)));
    assert!(environment.contains(&pair("LANG", "de")) && !environment.contains(&pair("LANG", "C")));
    assert_eq!(environment.iter().filter(|pair| !pair.to_bytes().starts_with(b"TZ=")).count(), 3);
}

#[test]
fn a_pipe_that_takes_too_little_gives_way_to_a_file() {
    let _alone = alone();
    let (_reader, writer) = calls::pipe().unwrap();
    calls::set_nonblocking(writer.as_fd()).unwrap();
    assert!(fits(writer.as_fd(), &[b'x'; PIPE_CAPACITY]).unwrap());
    assert!(!fits(writer.as_fd(), b"x").unwrap());
    calls::set_pipe_size(writer.as_fd(), PIPE_CAPACITY + 1).unwrap();
    assert!(fits(writer.as_fd(), b"x").unwrap(), "it has been made larger");
}

#[test]
fn a_status_that_somebody_else_took_is_unknown() {
    let _alone = alone();
    let place = Place::new();
    let pid_file = place.file("pid");
    let thief = std::thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            let written = std::fs::read_to_string(&pid_file).unwrap_or_default();
            if let (true, Ok(pid)) = (written.ends_with('\n'), written.trim().parse()) {
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                return rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED).is_ok();
            }
        }
        false
    });
    // The thief blocks in waitid before the exit; whoever of the two is first, the outcome is one of these.
    let outcome = script(&format!("echo $$ > {}; cat > /dev/null; sleep 0.3", place.file("pid")), &message(10));
    if thief.join().unwrap() {
        let failure = outcome.unwrap_err();
        assert_eq!((failure.kind, failure.exit, failure.started), (FailureKind::Unknown, None, true), "{failure}");
    } else {
        assert!(outcome.is_ok());
    }
    assert_no_child();
}

#[cfg(feature = "faults")]
#[test]
fn whatever_call_fails_the_answer_is_true_and_nothing_is_left() {
    let _alone = alone();
    let place = Place::new();
    let text = format!("cat > {}", place.file("got"));
    for size in [10, 70_000, 300_000] {
        let message = message(size);
        let mut all = String::new();
        std::io::Read::read_to_string(&mut message.reader(), &mut all).unwrap();
        for errno in [libc::EMFILE, libc::ENOSPC, libc::EIO, libc::EAGAIN, libc::EINTR, libc::EPERM] {
            let before = descriptors();
            let mut points = 0;
            for n in 1.. {
                let _ = std::fs::remove_file(place.file("got"));
                calls::fail_nth(n, errno);
                let outcome = script(&text, &message);
                let hit = calls::fault_hit();
                calls::never_fail();
                assert_no_child();
                assert_eq!(descriptors(), before, "errno {errno} at call {n}");
                match &outcome {
                    Ok(_) => assert!(place.read("got") == all, "errno {errno} at call {n}"),
                    Err(failure) if !failure.started => {
                        assert!(!std::fs::exists(place.file("got")).unwrap(), "{failure}");
                        assert!(matches!(failure.kind, FailureKind::NoResources | FailureKind::Misconfigured));
                    }
                    Err(failure) => assert_eq!(failure.kind, FailureKind::Unknown, "{failure}"),
                }
                if !hit {
                    assert!(outcome.is_ok());
                    break;
                }
                points += 1;
                assert!(errno != libc::EINTR || outcome.is_ok() || outcome.is_err_and(|f| !f.started), "EINTR at {n}");
            }
            assert!(points >= 9, "only {points} calls");
        }
    }
}
