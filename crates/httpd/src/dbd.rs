//! The database of mod_dbd, with a deadline. APR's drivers block without a limit: on a PostgreSQL that accepts and never answers, on a disk
//! that hangs, on the lock of mod_dbd's pool while somebody connects. So each job runs on its own thread, which borrows a connection and
//! returns it, and the request waits no longer than it wants to. No job runs on for long: a wait for PostgreSQL is cut off, and SQLite and
//! connecting have their own limits. Statements prepared on a connection stay with it.

use crate::{Request, Server, configuration, deadline, guard};
use apache_sys as sys;
use apr::{Dbd, OwnPool};
use conftree::Directive;
use sql::{Database, DatabaseError, Dialect, Statement};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Marks a connection on which [`BUSY`] has been set; never run.
const READY: Statement = Statement { name: c"dsn_ready", sql: c"SELECT 1", columns: 1 };

/// How long SQLite waits for another writer, each of the 16 times that the driver asks, with 100 ms between them (apr_dbd_sqlite3.c): about
/// 3 s in all. DBDInitSQL cannot set it: mod_dbd takes the answer for an error.
const BUSY: &std::ffi::CStr = c"PRAGMA busy_timeout=80";

/// Held while a connection is requested. A thread that waits here can still give up; threads that wait for mod_dbd's lock connect one after
/// the other, and each takes as long as connecting takes.
static OPENING: Mutex<()> = Mutex::new(());

type Open = unsafe extern "C" fn(*mut sys::apr_pool_t, *mut sys::server_rec) -> *mut sys::ap_dbd_t;
type Close = unsafe extern "C" fn(*mut sys::server_rec, *mut sys::ap_dbd_t);

/// Held by the one thread of this process that may use SQLite. The driver runs one statement at a time per process. A statement that waits
/// for another writer blocks that writer, if it is in the same process, until [`BUSY`] is over.
static TURN: Mutex<()> = Mutex::new(());

impl Request<'_> {
    /// Runs `work` with a connection of mod_dbd. After `limit` the database counts as down; whatever `work` still does after that, `undo`
    /// reverts on the same connection.
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
        // SAFETY: r->server lives as long as the configuration, longer than a request.
        let lender = Lender::of(unsafe { (*self.as_ptr()).server })?;
        deadline::run(limit, move |theirs| {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                lender.lend(
                    || theirs.is_awaited(),
                    |lent| {
                        if theirs.begin(lent.socket()) {
                            let result = work(lent);
                            theirs.finish(result, || undo(lent));
                        } else {
                            theirs.finish(Err(no_connection()), || ());
                        }
                    },
                )
            }));
            let failed = match outcome {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(_) => DatabaseError::unavailable(format!("a fault of this module: {}", guard::place())),
            };
            theirs.finish(Err(failed), || ());
        })
    }
}

/// mod_dbd, on one server.
struct Lender {
    server: *mut sys::server_rec,
    open: Open,
    close: Close,
}

// SAFETY: mod_dbd only reads the server's configuration, and its functions may be called by any thread (mod_dbd.c). A child of httpd keeps
// its configuration to its end, and so the server.
unsafe impl Send for Lender {}

impl Lender {
    fn of(server: *mut sys::server_rec) -> Result<Self, DatabaseError> {
        let missing =
            || DatabaseError::misconfigured("mod_dbd is not loaded; load it and set DBDriver and DBDParams".into());
        // SAFETY: both look a registered function up by its name, None without mod_dbd.
        let (open, close) = unsafe {
            (
                sys::apr_dynamic_fn_retrieve(c"ap_dbd_open".as_ptr()),
                sys::apr_dynamic_fn_retrieve(c"ap_dbd_close".as_ptr()),
            )
        };
        let (open, close) = (open.ok_or_else(missing)?, close.ok_or_else(missing)?);
        // SAFETY: mod_dbd.h declares the optional functions of these names with these signatures.
        let (open, close) = unsafe {
            (
                mem::transmute::<unsafe extern "C" fn(), Open>(open),
                mem::transmute::<unsafe extern "C" fn(), Close>(close),
            )
        };
        Ok(Lender { server, open, close })
    }

    /// Runs `work` with a connection and returns it to mod_dbd in every case. Runs without a connection if it is no longer `wanted`.
    fn lend(&self, wanted: impl Fn() -> bool, work: impl FnOnce(&mut Dbd<'_>)) -> Result<(), DatabaseError> {
        let pool = OwnPool::new();
        let opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        if !wanted() {
            return Err(no_connection());
        }
        // SAFETY: pool and server live; NULL or a connection that is ours until it is closed.
        let raw =
            NonNull::new(unsafe { (self.open)(pool.borrow().as_ptr(), self.server) }).ok_or_else(no_connection)?;
        drop(opening);
        let _given_back = GivenBack { raw, lender: self };
        // SAFETY: a connection that mod_dbd lent is complete: handle, pool and hash are set before it is lent.
        let lent = unsafe { raw.as_ref() };
        let part = |name: &str| DatabaseError::unavailable(format!("mod_dbd lent a connection without {name}"));
        let handle = NonNull::new(lent.handle).ok_or_else(|| part("a handle"))?;
        let connection_pool = NonNull::new(lent.pool).ok_or_else(|| part("a pool"))?;
        let prepared = NonNull::new(lent.prepared).ok_or_else(|| part("its statements"))?;
        // SAFETY: all of one connection, which is this thread's until it is closed; mod_dbd made the hash in the connection's pool, its
        // keys are the labels of DBDPrepareSQL and ours, which all start with "dsn_".
        let mut database = unsafe { Dbd::from_raw(lent.driver, handle, connection_pool, prepared) };
        let is_sqlite = database.dialect() == Dialect::Sqlite;
        let _turn = is_sqlite.then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
        if is_sqlite && !database.is_prepared(&READY) {
            database.execute(BUSY)?;
            database.prepare(&READY)?;
        }
        work(&mut database);
        Ok(())
    }
}

fn no_connection() -> DatabaseError {
    DatabaseError::unavailable("mod_dbd has no connection to its database".into())
}

/// Gives a connection back when it is dropped.
struct GivenBack<'l> {
    raw: NonNull<sys::ap_dbd_t>,
    lender: &'l Lender,
}

impl Drop for GivenBack<'_> {
    fn drop(&mut self) {
        // SAFETY: mod_dbd lent this connection for this server, and it is given back once.
        unsafe { (self.lender.close)(self.lender.server, self.raw.as_ptr()) };
    }
}

/// How long libpq may try to connect, in seconds, if neither DBDParams nor the environment says so. Without a limit it waits forever for a
/// server that accepts and says nothing, at the start of each child and under the lock of mod_dbd's pool.
const CONNECT_TIMEOUT: &str = "2";

/// Limits the time for connecting to PostgreSQL, if this directive with this first word is in the configuration. For
/// [`Module::start`](crate::Module::start).
pub fn limit_connecting(server: &Server<'_>, (directive, word): (&str, &str)) {
    fn is_set(directives: &[Directive], name: &str, word: &str) -> bool {
        directives
            .iter()
            .any(|directive| directive.is(name) && directive.first_is(word) || is_set(&directive.children, name, word))
    }
    if std::env::var_os("PGCONNECT_TIMEOUT").is_none() && is_set(&configuration(server), directive, word) {
        // SAFETY: httpd calls post_config in the parent before it makes children, on the thread that reads the configuration. Another
        // module may have a thread by then; glibc never frees the first environment, so a reader on it finds a valid one.
        unsafe { std::env::set_var("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT) };
    }
}
