//! Connections that mod_dbd lends. Statements prepared on a connection stay with it.

use apache_sys as sys;
use apr::{Dbd, OwnPool};
use sql::{Database, DatabaseError, Dialect, Statement};
use std::mem;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Marks a connection on which [`BUSY`] has been set; never run.
const READY: Statement = Statement { name: c"dsn_ready", sql: c"SELECT 1", columns: 1 };

/// How long SQLite waits for another writer each of the 16 times that the driver asks, with 100 ms between them (apr_dbd_sqlite3.c): about
/// 3 s in all. mod_dbd cannot set it by DBDInitSQL, since it takes the answer for an error.
const BUSY: &std::ffi::CStr = c"PRAGMA busy_timeout=80";

/// Held while a connection is asked for. Those who wait for it may still leave; those who wait for mod_dbd's lock connect one after the other,
/// each for as long as that takes.
static OPENING: Mutex<()> = Mutex::new(());

type Open = unsafe extern "C" fn(*mut sys::apr_pool_t, *mut sys::server_rec) -> *mut sys::ap_dbd_t;
type Close = unsafe extern "C" fn(*mut sys::server_rec, *mut sys::ap_dbd_t);

/// Whose turn it is with SQLite, of all threads of this process. Its driver runs one statement at a time for a whole process; one that waits
/// for another writer there keeps that writer from going on, if it is of the same process, until [`BUSY`] is over.
static TURN: Mutex<()> = Mutex::new(());

/// mod_dbd, on one server.
#[derive(Clone, Copy)]
pub(crate) struct Lender {
    server: *mut sys::server_rec,
    open: Open,
    close: Close,
}

// SAFETY: mod_dbd only reads the server's configuration, and its functions may be called by any thread (mod_dbd.c). A child of httpd keeps
// its configuration to its end, and so the server.
unsafe impl Send for Lender {}

impl Lender {
    /// # Safety
    /// The server is httpd's own, which lives as long as the configuration.
    pub(crate) unsafe fn of(server: *mut sys::server_rec) -> Result<Self, DatabaseError> {
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

    /// Which server it is.
    pub(crate) fn key(&self) -> usize {
        self.server.addr()
    }

    /// A connection, which mod_dbd gets back when it is dropped; none if it is not `wanted` any more.
    pub(crate) fn lend(&self, wanted: impl Fn() -> bool) -> Result<Lent, DatabaseError> {
        let pool = OwnPool::new();
        let opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        if !wanted() {
            return Err(no_connection());
        }
        // SAFETY: pool and server live; NULL or a connection that is ours until it is closed.
        let raw =
            NonNull::new(unsafe { (self.open)(pool.borrow().as_ptr(), self.server) }).ok_or_else(no_connection)?;
        drop(opening);
        let given_back = GivenBack { raw, lender: *self };
        // SAFETY: a connection that mod_dbd lent is complete: handle, pool and hash are set before it is lent.
        let lent = unsafe { raw.as_ref() };
        let part = |name: &str| DatabaseError::unavailable(format!("mod_dbd lent a connection without {name}"));
        let handle = NonNull::new(lent.handle).ok_or_else(|| part("a handle"))?;
        let connection_pool = NonNull::new(lent.pool).ok_or_else(|| part("a pool"))?;
        let prepared = NonNull::new(lent.prepared).ok_or_else(|| part("its statements"))?;
        // SAFETY: all of one connection, which is this thread's until it is closed, after the last use of `database` in `Lent`; mod_dbd made
        // the hash in the connection's pool, its keys are the labels of DBDPrepareSQL and ours, which all start with "dsn_".
        let mut database = unsafe { Dbd::from_raw(lent.driver, handle, connection_pool, prepared) };
        let is_sqlite = database.dialect() == Dialect::Sqlite;
        let turn = is_sqlite.then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
        if is_sqlite && !database.is_prepared(&READY) {
            database.execute(BUSY)?;
            database.prepare(&READY)?;
        }
        Ok(Lent { database, _turn: turn, _given_back: given_back, _pool: pool })
    }
}

pub(crate) fn no_connection() -> DatabaseError {
    DatabaseError::unavailable("mod_dbd has no connection to its database".into())
}

/// A connection that mod_dbd lent. Given back in this order.
pub(crate) struct Lent {
    pub(crate) database: Dbd<'static>,
    _turn: Option<MutexGuard<'static, ()>>,
    _given_back: GivenBack,
    _pool: OwnPool,
}

/// Gives a connection back when it is dropped.
struct GivenBack {
    raw: NonNull<sys::ap_dbd_t>,
    lender: Lender,
}

impl Drop for GivenBack {
    fn drop(&mut self) {
        // SAFETY: mod_dbd lent this connection for this server, and it is given back once.
        unsafe { (self.lender.close)(self.lender.server, self.raw.as_ptr()) };
    }
}
