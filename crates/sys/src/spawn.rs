//! A program's path, words and three descriptors -> a running child, by posix_spawn(3): signal mask empty, every
//! disposition the default, a process group of its own, cwd `/`, no descriptor above 2. std's `Command` can give none
//! of the first two away: httpd's worker threads block TERM and ignore PIPE, and a child would inherit that. The one
//! file with `unsafe`.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_short};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use rustix::process::Pid;

/// What is to be started.
pub struct Start<'a> {
    /// Absolute; no search in PATH.
    pub path: &'a CStr,
    /// All words, the program's own name first.
    pub words: &'a [CString],
    /// `NAME=value`, the whole environment.
    pub environment: &'a [CString],
    /// Becomes 0. None of the three may be 0, 1 or 2 itself.
    pub stdin: BorrowedFd<'a>,
    /// Becomes 1.
    pub stdout: BorrowedFd<'a>,
    /// Becomes 2.
    pub stderr: BorrowedFd<'a>,
}

/// Starts it. An error, the child's own exec failing included, means that nothing runs and nothing is left to reap.
pub fn start(what: &Start<'_>) -> io::Result<Pid> {
    debug_assert!([what.stdin, what.stdout, what.stderr].iter().all(|fd| fd.as_raw_fd() > 2));
    let attributes = Attributes::clean()?;
    let actions = Actions::new(what)?;
    let words = null_terminated(what.words);
    let environment = null_terminated(what.environment);
    let mut pid = 0;
    // SAFETY: path and every element of the two arrays are C strings that outlive the call, both arrays end in a null
    // pointer, attributes and actions were initialised, and posix_spawn writes none of them.
    let errno = unsafe {
        libc::posix_spawn(&mut pid, what.path.as_ptr(), &actions.0, &attributes.0, words.as_ptr(), environment.as_ptr())
    };
    check(errno)?;
    Pid::from_raw(pid).ok_or_else(|| io::ErrorKind::Other.into())
}

fn null_terminated(strings: &[CString]) -> Vec<*mut c_char> {
    strings.iter().map(|s| s.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

/// The posix_spawn family returns its errno.
fn check(errno: c_int) -> io::Result<()> {
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    /// No signal blocked, none ignored or caught, a group of its own.
    fn clean() -> io::Result<Attributes> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: raw is memory for one posix_spawnattr_t, which this call initialises.
        check(unsafe { libc::posix_spawnattr_init(raw.as_mut_ptr()) })?;
        // SAFETY: initialised by the call above, which succeeded.
        let mut attributes = Attributes(unsafe { raw.assume_init() });
        let this = &mut attributes.0;
        let (none, all) = (signal_set(libc::sigemptyset), signal_set(libc::sigfillset));
        let flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETPGROUP;
        // SAFETY: this is an initialised attribute object.
        check(unsafe { libc::posix_spawnattr_setflags(this, flags as c_short) })?;
        // SAFETY: this is an initialised attribute object, none an initialised set.
        check(unsafe { libc::posix_spawnattr_setsigmask(this, &none) })?;
        // SAFETY: this is an initialised attribute object, all an initialised set.
        check(unsafe { libc::posix_spawnattr_setsigdefault(this, &all) })?;
        // SAFETY: this is an initialised attribute object.
        check(unsafe { libc::posix_spawnattr_setpgroup(this, 0) })?;
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in clean() and destroyed only here.
        unsafe { libc::posix_spawnattr_destroy(&mut self.0) };
    }
}

fn signal_set(fill: unsafe extern "C" fn(*mut libc::sigset_t) -> c_int) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: fill is sigemptyset or sigfillset, which write the whole set and cannot fail for a valid pointer.
    unsafe { fill(set.as_mut_ptr()) };
    // SAFETY: written by the call above.
    unsafe { set.assume_init() }
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new(what: &Start<'_>) -> io::Result<Actions> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: raw is memory for one posix_spawn_file_actions_t, which this call initialises.
        check(unsafe { libc::posix_spawn_file_actions_init(raw.as_mut_ptr()) })?;
        // SAFETY: initialised by the call above, which succeeded.
        let mut actions = Actions(unsafe { raw.assume_init() });
        let this = &mut actions.0;
        for (fd, place) in [(what.stdin, 0), (what.stdout, 1), (what.stderr, 2)] {
            // SAFETY: this is initialised; fd is open while Start is borrowed.
            check(unsafe { libc::posix_spawn_file_actions_adddup2(this, fd.as_raw_fd(), place) })?;
        }
        // SAFETY: this is initialised; the path is a C string, and is copied (glibc 2.29, musl 1.1.24).
        check(unsafe { libc::posix_spawn_file_actions_addchdir_np(this, c"/".as_ptr()) })?;
        // SAFETY: this is initialised (glibc 2.34).
        check(unsafe { libc::posix_spawn_file_actions_addclosefrom_np(this, 3) })?;
        Ok(actions)
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised in new() and destroyed only here.
        unsafe { libc::posix_spawn_file_actions_destroy(&mut self.0) };
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::alone;
    use crate::child::{Ending, Exit, Outlets, Watched};

    fn run(words: &[&CStr]) -> Watched {
        let (stdin, _) = crate::calls::pipe().unwrap();
        let words: Vec<CString> = words.iter().map(|&word| word.to_owned()).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        Outlets::new().unwrap().run(&words[0].clone(), &words, &[], stdin.as_fd(), deadline).unwrap()
    }

    /// As in a worker thread of httpd: every signal blocked, PIPE ignored (Rust's runtime does that).
    #[test]
    fn a_child_of_a_thread_that_blocks_all_signals_blocks_none() {
        let _alone = alone();
        let all = signal_set(libc::sigfillset);
        // SAFETY: all is an initialised set, and no old set is asked for.
        assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &all, ptr::null_mut()) }, 0);
        // No shell: dash unblocks everything itself when it starts.
        let watched = run(&[c"/bin/grep", c"^Sig\\(Blk\\|Ign\\)", c"/proc/self/status"]);
        // SAFETY: as above.
        assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &all, ptr::null_mut()) }, 0);
        let said = String::from_utf8(watched.stdout.kept).unwrap();
        // 32 and 33 are glibc's own: its posix_spawn ignores them, and a program that uses them sets them.
        let clean = ["0000000000000000", "0000000180000000"]
            .map(|ignored| format!("SigBlk:\t0000000000000000\nSigIgn:\t{ignored}\n"));
        assert!(clean.contains(&said), "{said}");
    }

    #[test]
    fn where_sigchld_is_ignored_the_ending_is_lost() {
        let _alone = alone();
        assert_eq!(run(&[c"/bin/true"]).ending, Ending::Exited(Exit::Code(0)));
        // SAFETY: SIG_IGN is a disposition, no handler that could run.
        let before = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        let watched = run(&[c"/bin/sh", c"-c", c"sleep 0.1; exit 75"]);
        // SAFETY: the disposition that was there.
        unsafe { libc::signal(libc::SIGCHLD, before) };
        assert_eq!(watched.ending, Ending::Lost);
    }
}
