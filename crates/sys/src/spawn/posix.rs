//! A child by posix_spawn(3), wherever glibc runs.
#![allow(unsafe_code)]

use super::{Start, null_terminated};
use crate::calls;
use std::ffi::{c_int, c_short};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

use rustix::process::Pid;

/// Starts it.
pub fn start(what: &Start<'_>) -> io::Result<Pid> {
    calls::turn()?;
    let attributes = Attributes::clean()?;
    let actions = Actions::new(what)?;
    let words = null_terminated(what.words);
    let environment = null_terminated(what.environment);
    let mut pid = 0;
    // SAFETY: path and every element of the two arrays are C strings that outlive the call, both arrays end in a null
    // pointer, attributes and actions were initialised, and posix_spawn writes none of them.
    let errno = unsafe {
        libc::posix_spawn(
            &mut pid,
            what.path.as_ptr(),
            &actions.0,
            &attributes.0,
            words.as_ptr().cast(),
            environment.as_ptr().cast(),
        )
    };
    check(errno)?;
    Pid::from_raw(pid).ok_or_else(|| io::ErrorKind::Other.into())
}

/// The posix_spawn family returns its errno.
fn check(errno: c_int) -> io::Result<()> {
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    /// No signal blocked, ignored or caught; its own process group.
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
