//! Database jobs on their own threads; a request waits for one no longer than it wants to.

use apache_sys as sys;
use sql::DatabaseError;
use std::ffi::c_void;
use std::mem::{self, MaybeUninit};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// With this many jobs past their deadline, the database counts as down until one of them ends.
const MOST_LATE: usize = 4;

/// Jobs that no request waits for any more.
static LATE: AtomicUsize = AtomicUsize::new(0);

/// All running jobs.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Runs `job`, which must call [`Place::finish`], and waits for its outcome.
pub(crate) fn run<T: Send + 'static>(
    limit: Duration,
    job: impl FnOnce(&Place<T>) + Send + 'static,
) -> Result<T, DatabaseError> {
    if LATE.load(Ordering::Relaxed) >= MOST_LATE {
        return Err(DatabaseError::unavailable("the database has not answered earlier requests yet".into()));
    }
    let place = Arc::new(Place { outcome: Mutex::new(Outcome::Awaited(None)), there: Condvar::new() });
    let (theirs, running) = (Arc::clone(&place), Running::new());
    let spawned = spawn(move || {
        let _running = running;
        job(&theirs);
    });
    spawned.map_err(|error| DatabaseError::unavailable(format!("no thread for the database: {error}")))?;
    place.wait(limit)
}

/// Where the thread leaves the result of the job, or learns that the request has gone on without it.
pub(crate) struct Place<T> {
    outcome: Mutex<Outcome<T>>,
    there: Condvar,
}

enum Outcome<T> {
    /// The request waits; with the socket that the job may wait for.
    Awaited(Option<OwnedFd>),
    /// Done; the request takes the result.
    Done(Option<Result<T, DatabaseError>>),
    /// The request has gone on without it.
    Late,
}

impl<T> Place<T> {
    /// Waits for the outcome, at most for `limit`.
    fn wait(&self, limit: Duration) -> Result<T, DatabaseError> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |outcome: &mut Outcome<T>| matches!(outcome, Outcome::Awaited(_));
        let (mut outcome, _) =
            self.there.wait_timeout_while(outcome, limit, waiting).unwrap_or_else(PoisonError::into_inner);
        if let Outcome::Done(result) = &mut *outcome
            && let Some(result) = result.take()
        {
            return result;
        }
        LATE.fetch_add(1, Ordering::Relaxed);
        if let Outcome::Awaited(Some(socket)) = mem::replace(&mut *outcome, Outcome::Late) {
            // Any kind of socket will do: the thread sees the end of the connection. An error means that it already has.
            let _ = UnixStream::from(socket).shutdown(Shutdown::Both);
        }
        Err(DatabaseError::unavailable(format!("the database did not answer within {limit:?}")))
    }

    /// Whether the request still waits.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(*self.outcome.lock().unwrap_or_else(PoisonError::into_inner), Outcome::Awaited(_))
    }

    /// Stores the connection's socket. Returns whether the result is still wanted; if so, the deadline cuts the job off by that socket.
    pub(crate) fn begin(&self, socket: Option<OwnedFd>) -> bool {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let awaited = matches!(*outcome, Outcome::Awaited(_));
        if awaited {
            *outcome = Outcome::Awaited(socket);
        }
        awaited
    }

    /// Stores the result, or undoes the job if no request waits any more.
    pub(crate) fn finish(&self, result: Result<T, DatabaseError>, undo: impl FnOnce()) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        match *outcome {
            Outcome::Awaited(_) => {
                *outcome = Outcome::Done(Some(result));
                self.there.notify_one();
            }
            Outcome::Done(_) => {}
            Outcome::Late => {
                drop(outcome);
                if result.is_ok() {
                    undo();
                }
                LATE.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// Counts a running job until dropped.
struct Running;

impl Running {
    fn new() -> Self {
        RUNNING.fetch_add(1, Ordering::Release);
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Release);
    }
}

/// Makes the end of a child wait for running jobs: mod_dbd then closes every connection, lent or not, and APR ends the process if one is
/// missing.
/// one is missing.
///
/// # Safety
/// `pool` is the pool of the child.
pub(crate) unsafe fn wait_at_end(pool: *mut sys::apr_pool_t) {
    // SAFETY: runs once, before the pools inside that pool go, which hold mod_dbd's connections.
    unsafe { sys::apr_pool_pre_cleanup_register(pool, ptr::null(), Some(wait)) };
}

unsafe extern "C" fn wait(_: *mut c_void) -> sys::apr_status_t {
    // No lock: prefork ends a child inside a signal handler.
    for _ in 0..400 {
        if RUNNING.load(Ordering::Acquire) == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    0
}

/// Starts a thread that gets no signals: in a prefork child, httpd's handlers may run on its main thread only.
fn spawn(job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: sigfillset initializes the set, pthread_sigmask reads it and writes the one before; neither fails with these arguments.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let spawned = std::thread::Builder::new().name("database".into()).spawn(job);
    // SAFETY: the call above has written the set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    spawned.map(drop)
}
