//! A program's path, words and three descriptors -> a running child: empty signal mask, every disposition the default, its own process
//! group, cwd `/`, no descriptor above 2. std's `Command` cannot do the first two: httpd's worker threads block TERM and ignore PIPE, and a
//! child would inherit that. Uses `clone`, or `posix` where the kernel or a seccomp filter does not allow that.
#![deny(unsafe_code)]

mod clone;
mod posix;

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// A child that runs.
pub struct Started {
    /// Its number.
    pub pid: Pid,
    /// Becomes readable when it ends, where the kernel gave one with the child (clone(2), CLONE_PIDFD).
    pub pidfd: Option<OwnedFd>,
}

/// Whether this process has found that [`clone`] does not work here.
static POSIX_ALONE: AtomicBool = AtomicBool::new(false);

/// Starts it. After an error (also of the child's exec) nothing runs and nothing is left to reap.
pub fn start(what: &Start<'_>) -> io::Result<Started> {
    debug_assert!([what.stdin, what.stdout, what.stderr].iter().all(|fd| fd.as_raw_fd() > 2));
    if !POSIX_ALONE.load(Ordering::Relaxed) {
        match clone::start(what) {
            Err(clone::Error::Unsupported) => POSIX_ALONE.store(true, Ordering::Relaxed),
            Err(clone::Error::Failed(error)) => return Err(error),
            Ok(started) => return Ok(started),
        }
    }
    posix::start(what).map(|pid| Started { pid, pidfd: None })
}

fn null_terminated(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect()
}

#[cfg(test)]
mod tests;
