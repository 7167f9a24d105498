//! Threads that wait for the database. A thread costs more than a short statement, so one that has done its work stays for the next.

use apache_sys as sys;
use sql::DatabaseError;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a thread without work stays.
const STAYS: Duration = Duration::from_secs(1);

type Job = Box<dyn FnOnce() + Send>;

struct Work {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job, with those that were woken and have not taken it yet.
    idle: usize,
}

static WORK: Mutex<Work> = Mutex::new(Work { jobs: VecDeque::new(), idle: 0 });
static MORE: Condvar = Condvar::new();

/// All threads, at work or not.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// The child ends: nobody waits for work any more.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Has a thread of its own do the job, at once.
pub(crate) fn run(job: impl FnOnce() + Send + 'static) -> Result<(), DatabaseError> {
    let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
    if work.idle > work.jobs.len() {
        work.jobs.push_back(Box::new(job));
        MORE.notify_one();
        return Ok(());
    }
    drop(work);
    let alive = Alive::new();
    spawn(move || {
        let _alive = alive;
        serve(Box::new(job));
    })
    .map_err(|error| DatabaseError::unavailable(format!("no thread for the database: {error}")))
}

fn serve(first: Job) {
    let mut next = Some(first);
    while let Some(job) = next {
        job();
        let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
        work.idle += 1;
        let idle = |work: &mut Work| work.jobs.is_empty() && !ENDING.load(Ordering::Relaxed);
        (work, _) = MORE.wait_timeout_while(work, STAYS, idle).unwrap_or_else(PoisonError::into_inner);
        work.idle -= 1;
        next = work.jobs.pop_front();
    }
}

/// Counts a thread until it ends.
struct Alive;

impl Alive {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Release);
        Alive
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Release);
    }
}

/// Makes the end of a child wait for what still runs, since mod_dbd then closes every connection, lent or not, and APR ends the process if
/// one is missing.
///
/// # Safety
/// `pool` is the pool of the child.
pub(crate) unsafe fn wait_at_end(pool: *mut sys::apr_pool_t) {
    // SAFETY: runs once, before the pools inside that pool go, which hold mod_dbd's connections.
    unsafe { sys::apr_pool_pre_cleanup_register(pool, ptr::null(), Some(wait)) };
}

unsafe extern "C" fn wait(_: *mut c_void) -> sys::apr_status_t {
    ENDING.store(true, Ordering::Relaxed);
    // No lock: prefork ends a child inside a signal handler. A thread that was about to wait hears it the next time.
    for _ in 0..400 {
        MORE.notify_all();
        if ALIVE.load(Ordering::Acquire) == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    0
}

/// Starts a thread that gets no signals: in a prefork child, httpd's handlers may run on its main thread only.
fn spawn(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: sigfillset initializes the set, pthread_sigmask reads it and writes the one before; neither fails with these arguments.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let spawned = thread::Builder::new().name("database".into()).spawn(job);
    // SAFETY: the call above has written the set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    spawned.map(drop)
}
