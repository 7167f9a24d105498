//! A piece of work for the database: what is done, where its outcome is awaited, and how it is undone when nobody waits any more.

use crate::deadline::Place;
use crate::guard;
use crate::lender::{Lender, no_connection};
use apr::Dbd;
use sql::DatabaseError;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Whether a transaction has begun, of which the work is a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The work begins and ends its own.
    No,
    /// The work ends none.
    Yes,
}

/// A piece of work, whatever its outcome is.
pub(crate) trait Work: Send {
    /// Whether somebody waits for it.
    fn is_awaited(&self) -> bool;
    /// Leaves the socket by which it can be cut off; whether somebody waits for it.
    fn begin(&self, socket: Option<OwnedFd>) -> bool;
    /// Does it. Nobody learns of it before [`Self::finish`].
    fn attempt(&mut self, lent: &mut Dbd<'_>, begun: Begun) -> Result<(), DatabaseError>;
    /// Tells what came of the last attempt, which is in the database now, or undoes it where nobody waits any more.
    fn finish(&mut self, lent: &mut Dbd<'_>);
    /// Tells that nothing is in the database.
    fn fail(&mut self, error: DatabaseError);
}

/// A piece of work; it has failed if it is dropped before it has an end.
pub(crate) struct Piece<T, W, U> {
    place: Arc<Place<T>>,
    work: W,
    undo: Option<U>,
    value: Option<T>,
    ended: bool,
}

impl<T, W, U> Piece<T, W, U> {
    pub(crate) fn new(place: Arc<Place<T>>, work: W, undo: U) -> Self {
        Piece { place, work, undo: Some(undo), value: None, ended: false }
    }

    fn end(&mut self, outcome: Result<T, DatabaseError>, undo: impl FnOnce()) {
        if !std::mem::replace(&mut self.ended, true) {
            self.place.finish(outcome, undo);
        }
    }
}

impl<T, W, U> Work for Piece<T, W, U>
where
    T: Send,
    W: FnMut(&mut Dbd<'_>, Begun) -> Result<T, DatabaseError> + Send,
    U: FnOnce(&mut Dbd<'_>) + Send,
{
    fn is_awaited(&self) -> bool {
        self.place.is_awaited()
    }

    fn begin(&self, socket: Option<OwnedFd>) -> bool {
        self.place.begin(socket)
    }

    fn attempt(&mut self, lent: &mut Dbd<'_>, begun: Begun) -> Result<(), DatabaseError> {
        self.value = Some((self.work)(lent, begun)?);
        Ok(())
    }

    fn finish(&mut self, lent: &mut Dbd<'_>) {
        let (value, undo) = (self.value.take().ok_or_else(no_connection), self.undo.take());
        self.end(value, || undo.into_iter().for_each(|undo| undo(lent)));
    }

    fn fail(&mut self, error: DatabaseError) {
        self.end(Err(error), || ());
    }
}

impl<T, W, U> Drop for Piece<T, W, U> {
    fn drop(&mut self) {
        self.end(Err(DatabaseError::unavailable("the work for the database was given up".into())), || ());
    }
}

/// Does one piece of work with a connection of its own.
pub(crate) fn alone(lender: &Lender, mut piece: Box<dyn Work>) {
    let lent = caught(|| lender.lend(|| piece.is_awaited()));
    match lent {
        Ok(mut lent) => attempt(&mut lent.database, piece),
        Err(error) => piece.fail(error),
    }
}

/// Does one piece of work, if somebody still waits for it.
pub(crate) fn attempt(lent: &mut Dbd<'_>, mut piece: Box<dyn Work>) {
    if !piece.begin(lent.socket()) {
        return piece.fail(no_connection());
    }
    match caught(|| piece.attempt(lent, Begun::No)) {
        Ok(()) => piece.finish(lent),
        Err(error) => piece.fail(error),
    }
}

/// What work came to; a panic is an error of the database.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(DatabaseError::unavailable(format!("a fault of this module: {}", guard::place()))))
}
