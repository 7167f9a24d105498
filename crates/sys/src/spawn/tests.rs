//! What a child finds when it begins, whichever way it was made.

use super::*;
use crate::alone;
use crate::calls;
use crate::child::{Ending, Exit, Outlets};
use rustix::process::{WaitId, WaitIdOptions};
use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

type Way = fn(&Start<'_>) -> io::Result<Pid>;

fn by_clone(what: &Start<'_>) -> io::Result<Pid> {
    match clone::start(what) {
        Ok(started) => Ok(started.pid),
        Err(clone::Error::Failed(error)) => Err(error),
        Err(clone::Error::Unsupported) => panic!("clone is not supported here: nothing was tested"),
    }
}

const WAYS: [(&str, Way); 2] = [("clone", by_clone), ("posix_spawn", posix::start)];

/// Runs it to its end: exit status and stdout.
fn run(way: Way, words: &[&CStr]) -> io::Result<(Option<i32>, String)> {
    let (stdin, _writer) = calls::pipe()?;
    let (reader, stdout) = calls::pipe()?;
    let words: Vec<CString> = words.iter().map(|&word| word.to_owned()).collect();
    let environment = [c"A=b".to_owned()];
    let stderr = std::fs::File::options().write(true).open("/dev/null")?;
    let stderr = calls::duplicate(stderr.as_fd())?;
    let (path, fd) = (&words[0], stdout.as_fd());
    let started = way(&Start {
        path,
        words: &words,
        environment: &environment,
        stdin: stdin.as_fd(),
        stdout: fd,
        stderr: stderr.as_fd(),
    });
    drop(stdout);
    let pid = started?;
    let mut said = String::new();
    std::fs::File::from(reader).read_to_string(&mut said)?;
    let status = rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED)?;
    Ok((status.and_then(|status| status.exit_status()), said))
}

fn no_child_is_left() {
    let any = rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    assert_eq!(any.err(), Some(rustix::io::Errno::CHILD));
}

/// As in a worker thread of httpd: every signal blocked, PIPE ignored (Rust's runtime does that).
#[test]
fn a_child_of_a_thread_that_blocks_all_signals_blocks_and_ignores_none() {
    let _alone = alone();
    for (name, way) in WAYS {
        let every = block_all();
        // No shell: dash unblocks everything itself when it starts.
        let said = run(way, &[c"/bin/grep", c"^Sig\\(Blk\\|Ign\\)", c"/proc/self/status"]);
        restore(&every);
        let (status, said) = said.unwrap();
        // 32 and 33 are glibc's own: its posix_spawn ignores them, and a program that uses them sets them.
        let clean = ["0000000000000000", "0000000180000000"]
            .map(|ignored| format!("SigBlk:\t0000000000000000\nSigIgn:\t{ignored}\n"));
        assert_eq!(status, Some(0));
        assert!(clean[..if name == "clone" { 1 } else { 2 }].contains(&said), "{name}: {said}");
    }
}

/// What libraries do while the process runs; a signal of the real-time ones belongs to who sets it up when the process begins.
#[test]
fn a_signal_that_was_ignored_after_the_first_start_is_not_ignored_by_the_next_program() {
    let _alone = alone();
    for (name, way) in WAYS {
        let ignored = || run(way, &[c"/bin/grep", c"^SigIgn", c"/proc/self/status"]).unwrap();
        let first = ignored();
        let before = ignore(libc::SIGURG);
        let own = std::fs::read_to_string("/proc/self/status").unwrap();
        let next = ignored();
        set(libc::SIGURG, before);
        let own = own.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        assert_ne!(u64::from_str_radix(own, 16).unwrap() & 1 << (libc::SIGURG - 1), 0);
        assert_eq!(next, first, "{name}");
    }
}

#[test]
fn real_time_signals_that_do_something_are_found() {
    let _alone = alone();
    let signal = libc::SIGRTMAX() - 1;
    let of_signal = 1 << (signal - 1);
    assert_eq!(clone::changed(32..=64) & of_signal, 0);
    let before = ignore(signal);
    let changed = clone::changed(32..=64);
    set(signal, before);
    assert_eq!(changed & of_signal, of_signal);
    assert_eq!(clone::changed(32..=64) & of_signal, 0);
}

#[test]
fn the_thread_that_starts_a_child_keeps_its_own_signal_mask() {
    let _alone = alone();
    let mask = || {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        status.lines().find(|line| line.starts_with("SigBlk")).unwrap().to_owned()
    };
    for (name, way) in WAYS {
        let before = mask();
        run(way, &[c"/bin/true"]).unwrap();
        run(way, &[c"/no/such/program"]).unwrap_err();
        assert_eq!(mask(), before, "{name}");
    }
}

#[test]
fn a_child_has_three_descriptors_its_words_its_environment_and_a_group_of_its_own() {
    let _alone = alone();
    let extra = calls::pipe().unwrap();
    rustix::io::fcntl_setfd(&extra.0, rustix::io::FdFlags::empty()).unwrap();
    for (name, way) in WAYS {
        let script = c"pwd; echo \"$0|$1\"; echo $A $B; cut -d' ' -f5 /proc/$$/stat; echo $$";
        let (status, said) = run(way, &[c"/bin/sh", c"-c", script, c"zero", c"a  b'\""]).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!((status, &lines[..3]), (Some(0), &["/", "zero|a  b'\"", "b"][..]), "{name}: {said}");
        assert_eq!(lines[3], lines[4], "{name}: it leads its process group");
        let open = run(way, &[c"/bin/ls", c"/proc/self/fd"]).unwrap().1;
        assert_eq!(open, "0\n1\n2\n3\n", "{name}: 3 is the folder that ls reads");
    }
}

#[test]
fn a_program_that_cannot_be_executed_is_an_error_and_leaves_no_child() {
    let _alone = alone();
    for (name, way) in WAYS {
        assert_eq!(run(way, &[c"/bin/true"]).unwrap().0, Some(0));
        for (path, errno) in [(c"/no/such/program", libc::ENOENT), (c"/etc/passwd", libc::EACCES), (c"/", libc::EACCES)]
        {
            let error = run(way, &[path]).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(errno), "{name}: {path:?}");
            no_child_is_left();
        }
    }
}

#[test]
fn many_threads_start_children_at_once() {
    let _alone = alone();
    for (name, way) in WAYS {
        std::thread::scope(|scope| {
            for thread in 0..8 {
                scope.spawn(move || {
                    for n in 0..25 {
                        let word = CString::new(format!("{thread} {n}")).unwrap();
                        let (status, said) = run(way, &[c"/bin/echo", &word]).unwrap();
                        assert_eq!((status, said), (Some(0), format!("{thread} {n}\n")), "{name}");
                    }
                });
            }
        });
    }
    no_child_is_left();
}

#[test]
fn a_pidfd_comes_with_the_child() {
    let _alone = alone();
    let null = std::fs::File::open("/dev/null").unwrap();
    let null = calls::duplicate(null.as_fd()).unwrap();
    let words = [c"/bin/true".to_owned()];
    let fd = null.as_fd();
    let what = Start { path: c"/bin/true", words: &words, environment: &[], stdin: fd, stdout: fd, stderr: fd };
    let Started { pid, pidfd } = start(&what).unwrap();
    let pidfd = pidfd.expect("Linux 5.2 or newer");
    assert!(rustix::io::fcntl_getfd(&pidfd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    let ended = rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).unwrap();
    assert_eq!(ended.and_then(|status| status.exit_status()), Some(0), "{pid:?}");
}

#[test]
fn where_sigchld_is_ignored_the_ending_of_a_child_is_lost() {
    let _alone = alone();
    let ending = || {
        let (stdin, _) = calls::pipe().unwrap();
        let words = [c"/bin/sh", c"-c", c"sleep 0.1; exit 75"].map(CStr::to_owned);
        let deadline = Instant::now() + Duration::from_secs(60);
        Outlets::new().unwrap().run(&words[0], &words, &[], stdin.as_fd(), deadline).unwrap().ending
    };
    assert_eq!(ending(), Ending::Exited(Exit::Code(75)));
    let before = ignore(libc::SIGCHLD);
    let lost = ending();
    set(libc::SIGCHLD, before);
    assert_eq!(lost, Ending::Lost);
}

use signals::{block_all, ignore, restore, set};

/// The test's own way to the signal mask and to what signals do, the same as a C program's.
#[allow(unsafe_code)]
mod signals {
    use std::mem::MaybeUninit;

    pub fn block_all() -> libc::sigset_t {
        let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: sigfillset writes the whole set; pthread_sigmask reads it and writes the set of before.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            before.assume_init()
        }
    }

    pub fn restore(before: &libc::sigset_t) {
        // SAFETY: an initialised set; none is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
    }

    pub fn ignore(signal: i32) -> libc::sighandler_t {
        // SAFETY: SIG_IGN is a disposition, no handler that could run.
        unsafe { libc::signal(signal, libc::SIG_IGN) }
    }

    pub fn set(signal: i32, before: libc::sighandler_t) {
        // SAFETY: the disposition that was there.
        unsafe { libc::signal(signal, before) };
    }
}
