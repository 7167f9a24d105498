//! The database of mod_dbd: a connection lent for one piece of work and given back at once, since a request may wait long for a client
//! or a mail program. The statements prepared on a connection stay with it.

use crate::Request;
use apache_sys as sys;
use apr::Dbd;
use sql::{Database, DatabaseError, Dialect, Statement};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard};

/// Marks a connection on which [`BUSY`] has been set; never run.
const READY: Statement = Statement { name: c"dsn_ready", sql: c"SELECT 1", columns: 1 };

/// How long SQLite waits for another writer each of the 16 times that the driver asks: about 10 s in all (apr_dbd_sqlite3.c). mod_dbd cannot set
/// it by DBDInitSQL, since it takes the answer for an error.
const BUSY: &std::ffi::CStr = c"PRAGMA busy_timeout=500";

type Open = unsafe extern "C" fn(*mut sys::apr_pool_t, *mut sys::server_rec) -> *mut sys::ap_dbd_t;
type Close = unsafe extern "C" fn(*mut sys::server_rec, *mut sys::ap_dbd_t);

/// Whose turn it is with SQLite, of all threads of this process. Its driver runs one statement at a time for a whole process; one that waits
/// for another writer there keeps that writer from going on, if it is of the same process, until [`BUSY`] is over.
static TURN: Mutex<()> = Mutex::new(());

/// A connection of mod_dbd, given back when it is dropped. A thread has one at a time.
#[derive(Debug)]
pub struct Lent<'r> {
    database: Dbd<'r>,
    /// With SQLite.
    _turn: Option<MutexGuard<'static, ()>>,
    raw: NonNull<sys::ap_dbd_t>,
    server: *mut sys::server_rec,
    close: Close,
}

impl<'r> Deref for Lent<'r> {
    type Target = Dbd<'r>;

    fn deref(&self) -> &Dbd<'r> {
        &self.database
    }
}

impl<'r> DerefMut for Lent<'r> {
    fn deref_mut(&mut self) -> &mut Dbd<'r> {
        &mut self.database
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // SAFETY: mod_dbd lent this connection for this server, and it is given back once.
        unsafe { (self.close)(self.server, self.raw.as_ptr()) };
    }
}

impl<'r> Request<'r> {
    /// A connection of mod_dbd.
    pub fn database(&self) -> Result<Lent<'r>, DatabaseError> {
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
                std::mem::transmute::<unsafe extern "C" fn(), Open>(open),
                std::mem::transmute::<unsafe extern "C" fn(), Close>(close),
            )
        };
        // SAFETY: r->server lives as long as the configuration, longer than a request.
        let server = unsafe { (*self.as_ptr()).server };
        // SAFETY: pool and server of a live request; NULL or a connection that is ours until it is closed.
        let raw = NonNull::new(unsafe { open(self.pool().as_ptr(), server) });
        let raw = raw.ok_or_else(|| DatabaseError::unavailable("mod_dbd has no connection to its database".into()))?;
        // SAFETY: a connection that mod_dbd lent is complete: handle, pool and hash are set before it is lent.
        let lent = unsafe { raw.as_ref() };
        let part = |name: &str| DatabaseError::unavailable(format!("mod_dbd lent a connection without {name}"));
        let handle = NonNull::new(lent.handle).ok_or_else(|| part("a handle"))?;
        let pool = NonNull::new(lent.pool).ok_or_else(|| part("a pool"))?;
        let prepared = NonNull::new(lent.prepared).ok_or_else(|| part("its statements"))?;
        // SAFETY: all of one connection, which is this thread's until it is closed; mod_dbd made the hash in the connection's pool, its
        // keys are the labels of DBDPrepareSQL and ours, which all start with "dsn_".
        let database = unsafe { Dbd::from_raw(lent.driver, handle, pool, prepared) };
        let is_sqlite = database.dialect() == Dialect::Sqlite;
        let turn = is_sqlite.then(|| TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let mut lent = Lent { database, _turn: turn, raw, server, close };
        if is_sqlite && !lent.is_prepared(&READY) {
            lent.execute(BUSY)?;
            lent.prepare(&READY)?;
        }
        Ok(lent)
    }
}
