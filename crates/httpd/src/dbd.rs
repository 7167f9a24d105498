//! The database of mod_dbd: a connection lent for the time of a request, with the statements prepared on it kept for the next one.

use crate::Request;
use apache_sys as sys;
use apr::Dbd;
use mailgate::store::{Database, DatabaseError, Dialect, Statement};
use std::ptr::NonNull;

/// Marks a connection on which [`BUSY`] has been set; never run.
const READY: Statement = Statement { name: c"dsn_ready", sql: c"SELECT 1", columns: 1 };

/// How long SQLite waits for another writer. mod_dbd cannot set it by DBDInitSQL, since it takes the answer for an error.
const BUSY: &std::ffi::CStr = c"PRAGMA busy_timeout=5000";

impl<'r> Request<'r> {
    /// A connection of mod_dbd, given back when the request ends.
    pub fn database(&self) -> Result<Dbd<'r>, DatabaseError> {
        type Acquire = unsafe extern "C" fn(*mut sys::request_rec) -> *mut sys::ap_dbd_t;
        // SAFETY: looks a registered function up by its name, None without mod_dbd.
        let acquire = unsafe { sys::apr_dynamic_fn_retrieve(c"ap_dbd_acquire".as_ptr()) }.ok_or_else(|| {
            DatabaseError::misconfigured("mod_dbd is not loaded; load it and set DBDriver and DBDParams".into())
        })?;
        // SAFETY: mod_dbd.h declares the optional function of that name with this signature.
        let acquire = unsafe { std::mem::transmute::<unsafe extern "C" fn(), Acquire>(acquire) };
        // SAFETY: the request is live; mod_dbd answers with NULL or a connection that is this request's until its end.
        let lent = unsafe { acquire(self.as_ptr()).as_ref() };
        let lent =
            lent.ok_or_else(|| DatabaseError::unavailable("mod_dbd has no connection to its database".into()))?;
        let parts = (NonNull::new(lent.handle), NonNull::new(lent.pool), NonNull::new(lent.prepared));
        let (Some(handle), Some(pool), Some(prepared)) = parts else {
            return Err(DatabaseError::unavailable("mod_dbd has a connection without a handle".into()));
        };
        // SAFETY: all of one connection, which is this thread's until the request ends; mod_dbd made the hash in the connection's pool,
        // its keys are the labels of DBDPrepareSQL and ours, which all start with "dsn_".
        let mut database = unsafe { Dbd::from_raw(lent.driver, handle, pool, prepared) };
        if database.dialect() == Dialect::Sqlite && !database.is_prepared(&READY) {
            database.execute(BUSY)?;
            database.prepare(&READY)?;
        }
        Ok(database)
    }
}
