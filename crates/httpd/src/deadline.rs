//! Database jobs on their own threads; a request waits for one no longer than it wants to.

use crate::workers;
use sql::DatabaseError;
use std::mem;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// With this many jobs past their deadline, the database counts as down until one of them ends.
const MOST_LATE: usize = 4;

/// Jobs that no request waits for any more.
static LATE: AtomicUsize = AtomicUsize::new(0);

/// Runs `job`, which must call [`Place::finish`], and waits for its outcome.
pub(crate) fn run<T: Send + 'static>(
    limit: Duration,
    job: impl FnOnce(&Place<T>) + Send + 'static,
) -> Result<T, DatabaseError> {
    if LATE.load(Ordering::Relaxed) >= MOST_LATE {
        return Err(DatabaseError::unavailable("the database has not answered earlier requests yet".into()));
    }
    let place = Arc::new(Place { outcome: Mutex::new(Outcome::Awaited(None)), there: Condvar::new() });
    let theirs = Arc::clone(&place);
    workers::run(move || job(&theirs))
        .map_err(|error| DatabaseError::unavailable(format!("no thread for the database: {error}")))?;
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
