//! A child by clone(2) that shares our memory until it calls exec, as glibc's posix_spawn(3) makes one, but on a stack that is kept for the
//! next child: glibc maps and unmaps one each time, and to unmap it interrupts every core that runs a thread of this process.
#![allow(unsafe_code)]

use super::{Start, Started, null_terminated};
use crate::calls;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{LazyLock, Mutex};

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions};
use syscalls::{Sysno, syscall};

/// Why no child runs.
pub enum Error {
    /// The program cannot be started.
    Failed(io::Error),
    /// Not in this way: the kernel is too old, or a seccomp filter forbids a call (EPERM or ENOSYS in containers).
    Unsupported,
}

impl Error {
    /// Of clone(2) itself.
    fn of(error: io::Error) -> Error {
        match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM | libc::EINVAL) => Error::Unsupported,
            _ => Error::Failed(error),
        }
    }
}

/// Starts it.
pub fn start(what: &Start<'_>) -> Result<Started, Error> {
    let words = null_terminated(what.words);
    let environment = null_terminated(what.environment);
    let plan = Plan {
        path: what.path,
        words: &words,
        environment: &environment,
        stdio: [what.stdin.as_raw_fd(), what.stdout.as_raw_fd(), what.stderr.as_raw_fd()],
        signals: STANDARD | *REAL_TIME,
        failed: AtomicI32::new(0),
        unsupported: AtomicI32::new(0),
    };
    calls::turn().map_err(|errno| Error::of(errno.into()))?;
    let stack = Stack::take().map_err(Error::Failed)?;
    let mut pidfd: c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let before = block_signals();
    // SAFETY: the stack is ours, large enough for `child`, and grows down from its top on every machine Linux runs Rust on. CLONE_VFORK
    // lets this thread, which owns all that `plan` points to, go on only when the child has called exec or exit. No signal handler can
    // run on the child's stack: all signals are blocked until it has none.
    let pid = unsafe {
        libc::clone(child, stack.top(), flags, ptr::from_ref(&plan).cast_mut().cast::<c_void>(), &raw mut pidfd)
    };
    let refused = io::Error::last_os_error(); // before anything else can set errno
    restore_signals(before);
    drop(stack);
    let Some(pid) = Pid::from_raw(pid.max(0)) else {
        return Err(Error::of(refused));
    };
    // SAFETY: the kernel has made this descriptor for us alone (clone(2), CLONE_PIDFD); a kernel before 5.2 has left the -1.
    let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
    if plan.unsupported.load(Ordering::Relaxed) != 0 {
        reap(pid);
        return Err(Error::Unsupported);
    }
    match plan.failed.load(Ordering::Relaxed) {
        0 => Ok(Started { pid, pidfd }),
        errno => {
            reap(pid);
            Err(Error::Failed(io::Error::from_raw_os_error(errno)))
        }
    }
}

/// All that the child needs, prepared before it exists; and its answer.
struct Plan<'a> {
    path: &'a CStr,
    words: &'a [*const c_char],
    environment: &'a [*const c_char],
    stdio: [c_int; 3],
    /// Those that get their default.
    signals: SignalSet,
    /// The errno of the call that failed, exec's at last; 0 while none has.
    failed: AtomicI32,
    /// Not 0: a call is missing or forbidden here that posix_spawn can do without.
    unsupported: AtomicI32,
}

/// The kernel's set of 64 signals, of which libc hides two.
type SignalSet = u64;

/// The size of a [`SignalSet`], as the calls want it.
const SET: usize = size_of::<SignalSet>();

/// The signals 1 to 31 but KILL and STOP, which have the default always. Libraries change what these do at any time (curl ignores PIPE for a
/// while), so each child gets the default anew.
const STANDARD: SignalSet = 0x7fff_ffff & !(1 << (libc::SIGKILL - 1)) & !(1 << (libc::SIGSTOP - 1));

/// Those of 32 to 64 that had not the default when the first program was started. Who uses one sets it up when the process begins; to ask for
/// all of them, or to reset them, for each child would be half of the calls of its start.
static REAL_TIME: LazyLock<SignalSet> = LazyLock::new(|| changed(32..=64));

/// The signals of these that are caught or ignored.
pub(super) fn changed(signals: RangeInclusive<usize>) -> SignalSet {
    let is_changed = |signal: &usize| {
        let mut action = DEFAULT;
        // SAFETY: writes one `struct sigaction` of the kernel into memory of its size; changes nothing.
        let asked = unsafe { syscall!(Sysno::rt_sigaction, *signal, 0, action.as_mut_ptr(), SET) };
        asked.is_err() || action[0] != DEFAULT[0]
    };
    signals.filter(is_changed).fold(0, |set, signal| set | 1 << (signal - 1))
}

/// `struct sigaction` of the kernel, all zero: SIG_DFL, no flags, nothing blocked.
static DEFAULT: [u64; 4] = [0; 4];

/// Between clone and exec. It shares the memory and the thread-local data of the thread that waits for it, so it calls the kernel alone:
/// `syscall!` is the instruction itself and leaves errno be. It allocates nothing, takes no lock, calls no libc, and has nothing that
/// could panic.
extern "C" fn child(plan: *mut c_void) -> c_int {
    // SAFETY: `start` passes its Plan, which it keeps until this process has called exec or exit.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    // SAFETY: each call gets numbers and pointers to live memory of the shape that its manual page names; the strings end in NUL and
    // the arrays in NULL.
    let outcome = unsafe { prepare_and_exec(plan) };
    let failed = match outcome {
        Err(errno) => errno.into_raw(),
        Ok(()) => 0,
    };
    plan.failed.store(failed, Ordering::Relaxed);
    // SAFETY: ends this process alone, not the one it shares memory with.
    unsafe {
        let _ = syscall!(Sysno::exit_group, 127);
    }
    127
}

/// # Safety
/// In the child alone; see [`child`].
#[inline(always)]
unsafe fn prepare_and_exec(plan: &Plan<'_>) -> Result<(), syscalls::Errno> {
    let none: SignalSet = 0;
    // SAFETY: as the caller says.
    unsafe {
        let mut signals = plan.signals;
        while signals != 0 {
            let signal = signals.trailing_zeros().wrapping_add(1);
            // Also for ignored ones: exec resets only those that are caught.
            let _ = syscall!(Sysno::rt_sigaction, signal, DEFAULT.as_ptr(), 0, SET);
            signals &= signals.wrapping_sub(1);
        }
        syscall!(Sysno::setpgid, 0, 0)?;
        let [stdin, stdout, stderr] = plan.stdio;
        syscall!(Sysno::dup3, stdin, 0, 0)?;
        syscall!(Sysno::dup3, stdout, 1, 0)?;
        syscall!(Sysno::dup3, stderr, 2, 0)?;
        syscall!(Sysno::chdir, c"/".as_ptr())?;
        if let Err(errno) = syscall!(Sysno::close_range, 3, u32::MAX, 0) {
            plan.unsupported.store(1, Ordering::Relaxed); // before Linux 5.9, or a filter
            return Err(errno);
        }
        syscall!(Sysno::rt_sigprocmask, libc::SIG_SETMASK, &raw const none, 0, SET)?;
        syscall!(Sysno::execve, plan.path.as_ptr(), plan.words.as_ptr(), plan.environment.as_ptr())?;
    }
    Ok(())
}

/// Blocks every signal for this thread, those too that libc keeps for itself; what was blocked before.
fn block_signals() -> SignalSet {
    let (all, mut before): (SignalSet, SignalSet) = (!0, 0);
    // SAFETY: reads one set and writes the other, both of the size that is told.
    let _ = unsafe { syscall!(Sysno::rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut before, SET) };
    before
}

fn restore_signals(before: SignalSet) {
    // SAFETY: reads one set of the size that is told.
    let _ = unsafe { syscall!(Sysno::rt_sigprocmask, libc::SIG_SETMASK, &raw const before, 0, SET) };
}

/// Takes the status of a child that has called exit without exec. Where somebody else takes it (ECHILD), nothing is left to take.
fn reap(pid: Pid) {
    while matches!(rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED), Err(Errno::INTR)) {}
}

/// Memory for the stack of one child at a time, with a page below it that nobody may touch. Never unmapped.
struct Stack {
    bottom: usize,
}

/// More than [`child`] needs by far, in a build without optimization too.
const SIZE: usize = 64 * 1024;
/// At least a page on every machine.
const GUARD: usize = 64 * 1024;

/// The stacks that no child uses now: as many as children were ever started at one moment.
static STACKS: Mutex<Vec<Stack>> = Mutex::new(Vec::new());

impl Stack {
    fn take() -> io::Result<Lent> {
        let kept = STACKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        kept.map_or_else(Stack::map, Ok).map(|stack| Lent(Some(stack)))
    }

    fn map() -> io::Result<Stack> {
        let (size, flags) = (GUARD + SIZE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK);
        // SAFETY: a new mapping that replaces none; no file is behind it.
        let memory = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the upper part of the mapping made above, which nobody else knows of.
        if unsafe { libc::mprotect(memory.byte_add(GUARD), SIZE, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
            let error = io::Error::last_os_error();
            // SAFETY: the mapping made above, which nobody else knows of.
            unsafe { libc::munmap(memory, size) };
            return Err(error);
        }
        Ok(Stack { bottom: memory.expose_provenance() })
    }
}

/// A stack in use, given back on drop.
struct Lent(Option<Stack>);

impl Lent {
    /// Its upper end, aligned for every machine.
    fn top(&self) -> *mut c_void {
        ptr::with_exposed_provenance_mut(self.0.as_ref().map_or(0, |stack| stack.bottom + GUARD + SIZE))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(stack) = self.0.take() {
            STACKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(stack);
        }
    }
}
