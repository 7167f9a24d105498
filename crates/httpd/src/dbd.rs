//! The database of mod_dbd, with a deadline. APR's drivers block without end: on a PostgreSQL that accepts and never answers, on a disk that
//! hangs, on the lock of mod_dbd's pool while somebody connects. So each piece of work runs on a thread that is not the request's, which lends a
//! connection and gives it back, and the request waits no longer than it wants to. Nothing is left running for long: what waits for
//! PostgreSQL is cut off, SQLite and connecting have limits of their own.

use crate::lender::{Lender, no_connection};
use crate::piece::{Begun, Piece, alone};
use crate::tree::is_set;
use crate::{Request, Server, configuration, deadline, together, workers};
use apr::Dbd;
use sql::DatabaseError;
use std::time::Duration;

impl Request<'_> {
    /// Runs `work` with a connection of mod_dbd. After `limit` the database counts as down; what `work` then still achieves, `undo` takes
    /// back, on the same connection.
    ///
    /// The connection is lent for the time of the call, and cannot be kept:
    ///
    /// ```no_run
    /// # use {sql::Database, std::time::Duration};
    /// fn use_here(request: &httpd::Request<'_>) {
    ///     let _ = request.with_database(Duration::from_secs(3), |lent| lent.execute(c"SELECT 1"), |_| ());
    /// }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use std::time::Duration;
    /// fn keep(request: &httpd::Request<'_>) {
    ///     let (sender, kept) = std::sync::mpsc::channel();
    ///     let _ = request.with_database(Duration::from_secs(3), move |lent| Ok(drop(sender.send(lent))), |_| ());
    /// }
    /// ```
    ///
    /// Nor can another be left in its place:
    ///
    /// ```compile_fail,E0277
    /// # use std::time::Duration;
    /// fn exchange(request: &httpd::Request<'_>, other: fn() -> apr::Dbd<'static>) {
    ///     let _ = request.with_database(Duration::from_secs(3), move |lent| Ok(std::mem::replace(lent, other())), |_| ());
    /// }
    /// ```
    pub fn with_database<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&mut Dbd<'_>) -> Result<T, DatabaseError> + Send + 'static,
        undo: impl FnOnce(&mut Dbd<'_>) + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let lender = self.lender()?;
        let mut work = Some(work);
        let once = move |lent: &mut Dbd<'_>, _| work.take().map_or_else(|| Err(no_connection()), |work| work(lent));
        deadline::run(limit, |place| {
            let piece = Piece::new(place, once, undo);
            workers::run(move || alone(&lender, Box::new(piece)))
        })
    }

    /// Runs `work`, which is or belongs to one transaction, likewise. With SQLite, which has one writer at a time, it may share the transaction
    /// with the work of other requests; if that fails before its end, each is tried again alone.
    pub fn with_transaction<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnMut(&mut Dbd<'_>, Begun) -> Result<T, DatabaseError> + Send + 'static,
        undo: impl FnOnce(&mut Dbd<'_>) + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let lender = self.lender()?;
        deadline::run(limit, |place| together::join(lender, Box::new(Piece::new(place, work, undo))))
    }

    fn lender(&self) -> Result<Lender, DatabaseError> {
        // SAFETY: r->server lives as long as the configuration, longer than a request.
        unsafe { Lender::of((*self.as_ptr()).server) }
    }
}

/// How long libpq may try to connect, in seconds, where neither DBDParams nor the environment says so: without, it waits for ever for a
/// server that accepts and says nothing, at the start of each child and under the lock of mod_dbd's pool.
const CONNECT_TIMEOUT: &str = "2";

/// Limits the time that connecting to PostgreSQL takes, if this directive with this first word stands somewhere. For [`Module::start`](crate::Module::start).
pub fn limit_connecting(server: &Server<'_>, (directive, word): (&str, &str)) {
    if std::env::var_os("PGCONNECT_TIMEOUT").is_none() && is_set(&configuration(server), directive, word) {
        // SAFETY: httpd calls post_config in the parent before it makes children, on the thread that reads the configuration. Another
        // module may have a thread by then; glibc never frees the first environment, so a reader on it finds a valid one.
        unsafe { std::env::set_var("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT) };
    }
}
