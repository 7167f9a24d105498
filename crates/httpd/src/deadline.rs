//! Where a request waits for the database, no longer than it wants to.

use sql::DatabaseError;
use std::mem;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// After so many pieces of work that are past their deadline, the database counts as down until one of them ends.
const MOST_LATE: usize = 4;

/// Pieces of work that nobody waits for any more.
static LATE: AtomicUsize = AtomicUsize::new(0);

/// Begins a piece of work, which must call [`Place::finish`], and waits for its outcome.
pub(crate) fn run<T>(
    limit: Duration,
    begin: impl FnOnce(Arc<Place<T>>) -> Result<(), DatabaseError>,
) -> Result<T, DatabaseError> {
    if LATE.load(Ordering::Relaxed) >= MOST_LATE {
        return Err(DatabaseError::unavailable("the database has not answered earlier requests yet".into()));
    }
    let place = Arc::new(Place { outcome: Mutex::new(Outcome::Awaited(None)), there: Condvar::new() });
    begin(Arc::clone(&place))?;
    place.wait(limit)
}

/// Where the thread leaves what came of the work, or finds that the request has gone on without.
pub(crate) struct Place<T> {
    outcome: Mutex<Outcome<T>>,
    there: Condvar,
}

enum Outcome<T> {
    /// With the socket that the work may wait for.
    Awaited(Option<OwnedFd>),
    /// Until the request takes it.
    Done(Option<Result<T, DatabaseError>>),
    /// The request has gone on.
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
            // Whatever kind of socket it is: the thread sees the end of the connection. An error means that it has seen it already.
            let _ = UnixStream::from(socket).shutdown(Shutdown::Both);
        }
        Err(DatabaseError::unavailable(format!("the database did not answer within {limit:?}")))
    }

    /// Whether the request still waits.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(*self.outcome.lock().unwrap_or_else(PoisonError::into_inner), Outcome::Awaited(_))
    }

    /// Leaves the socket of the connection; whether the work is still wanted, and will be cut off by it.
    pub(crate) fn begin(&self, socket: Option<OwnedFd>) -> bool {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let awaited = matches!(*outcome, Outcome::Awaited(_));
        if awaited {
            *outcome = Outcome::Awaited(socket);
        }
        awaited
    }

    /// Leaves the outcome, or undoes it where nobody waits any more.
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
