//! APR DBD: a database behind one of APR's drivers, spoken to in prepared statements only. Implements [`mailgate::store::Database`], so that
//! the SQL and its meaning stand in one place for every program.

use crate::pool::{OwnPool, Pool};
use apache_sys as sys;
use mailgate::store::{Database, DatabaseError, Dialect, Row, Statement};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// A connection, and where the statements prepared on it are kept: with the connection, for as long as it lives.
#[derive(Debug)]
pub struct Dbd<'p> {
    driver: *const sys::apr_dbd_driver_t,
    handle: NonNull<sys::apr_dbd_t>,
    /// Lives as long as the connection.
    connection_pool: NonNull<sys::apr_pool_t>,
    /// Statements by their label, in the connection's pool.
    prepared: NonNull<sys::apr_hash_t>,
    /// Whether it is ours to close.
    own: bool,
    pool: PhantomData<Pool<'p>>,
}

impl Drop for Dbd<'_> {
    fn drop(&mut self) {
        if self.own {
            // SAFETY: opened in `open`, closed once. SQLite writes its log back and takes the files beside the database away.
            unsafe { sys::apr_dbd_close(self.driver, self.handle.as_ptr()) };
        }
    }
}

impl<'p> Dbd<'p> {
    /// Connects. `driver` is one of APR's (`sqlite3`, `pgsql`), `params` what its documentation says.
    pub fn open(pool: Pool<'p>, driver: &str, params: &str) -> Result<Self, DatabaseError> {
        let (driver_name, params) = (c_string(driver)?, c_string(params)?);
        let (mut found, mut handle, mut error) = (ptr::null(), ptr::null_mut(), ptr::null());
        // SAFETY: APR is initialized (a pool exists); apr_dbd_init may be called more than once.
        let status = unsafe { sys::apr_dbd_init(pool.as_ptr()) };
        if status != 0 {
            return Err(DatabaseError::unavailable(crate::Status(status).to_string()));
        }
        // SAFETY: found is set on success.
        let status = unsafe { sys::apr_dbd_get_driver(pool.as_ptr(), driver_name.as_ptr(), &mut found) };
        if status != 0 {
            let hint =
                format!("no DBD driver '{driver}' ({}); install libaprutil1-dbd-{driver}", crate::Status(status));
            return Err(DatabaseError::misconfigured(hint));
        }
        // SAFETY: handle is set on success, error to a C string in the pool or left alone.
        let status = unsafe { sys::apr_dbd_open_ex(found, pool.as_ptr(), params.as_ptr(), &mut handle, &mut error) };
        let Some(handle) = NonNull::new(handle).filter(|_| status == 0) else {
            // SAFETY: NULL or a C string in the pool.
            let words = (!error.is_null()).then(|| unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned());
            return Err(DatabaseError::unavailable(words.unwrap_or_else(|| "the database cannot be opened".into())));
        };
        // SAFETY: a hash in a live pool; never NULL.
        let prepared = unsafe { NonNull::new(sys::apr_hash_make(pool.as_ptr())) }
            .expect("APR ends the process when out of memory");
        let connection_pool = NonNull::new(pool.as_ptr()).expect("a pool is not NULL");
        Ok(Dbd { driver: found, handle, connection_pool, prepared, own: true, pool: PhantomData })
    }

    /// Wraps a connection that mod_dbd lent.
    ///
    /// # Safety
    /// All four belong to one connection that is this thread's until the end of `'p`; `prepared` maps labels to statements of this connection.
    pub unsafe fn from_raw(
        driver: *const sys::apr_dbd_driver_t,
        handle: NonNull<sys::apr_dbd_t>,
        connection_pool: NonNull<sys::apr_pool_t>,
        prepared: NonNull<sys::apr_hash_t>,
    ) -> Self {
        Dbd { driver, handle, connection_pool, prepared, own: false, pool: PhantomData }
    }

    /// Whether the statement has been prepared on this connection.
    pub fn is_prepared(&self, statement: &Statement) -> bool {
        !self.known(statement).is_null()
    }

    /// Prepares the statement on this connection, unless that was done before.
    pub fn prepare(&self, statement: &Statement) -> Result<(), DatabaseError> {
        self.statement(statement).map(|_| ())
    }

    fn known(&self, statement: &Statement) -> *mut sys::apr_dbd_prepared_t {
        let (key, length) = key(statement);
        // SAFETY: a hash of C string keys and statement pointers.
        unsafe { sys::apr_hash_get(self.prepared.as_ptr(), key, length) }.cast()
    }

    /// The statement, prepared the first time it is asked for on this connection.
    fn statement(&self, statement: &Statement) -> Result<*mut sys::apr_dbd_prepared_t, DatabaseError> {
        let known = self.known(statement);
        if !known.is_null() {
            return Ok(known);
        }
        let mut prepared = ptr::null_mut();
        // SAFETY: all live; the statement is allocated in the connection's pool and kept for its life.
        let code = unsafe {
            sys::apr_dbd_prepare(
                self.driver,
                self.connection_pool.as_ptr(),
                self.handle.as_ptr(),
                statement.sql.as_ptr(),
                statement.name.as_ptr(),
                &mut prepared,
            )
        };
        if code != 0 {
            return Err(self.error(code, statement.name));
        }
        let (key, length) = key(statement);
        // SAFETY: the key is a constant, so it outlives the hash.
        unsafe { sys::apr_hash_set(self.prepared.as_ptr(), key, length, prepared.cast()) };
        Ok(prepared)
    }

    fn error(&self, code: c_int, what: &CStr) -> DatabaseError {
        // SAFETY: the driver answers with a C string or NULL.
        let words = unsafe {
            let words = sys::apr_dbd_error(self.driver, self.handle.as_ptr(), code);
            if words.is_null() { "unknown error".into() } else { CStr::from_ptr(words).to_string_lossy().into_owned() }
        };
        DatabaseError::failed(format!("{}: {words}", what.to_string_lossy()), &words)
    }
}

/// sqlite3.h.
const SQLITE_ROW: c_int = 100;

impl Database for Dbd<'_> {
    fn dialect(&self) -> Dialect {
        // SAFETY: the name of a driver is a constant.
        match unsafe { CStr::from_ptr(sys::apr_dbd_name(self.driver)) }.to_bytes() {
            b"pgsql" => Dialect::Postgres,
            _ => Dialect::Sqlite,
        }
    }

    fn execute(&mut self, sql: &CStr) -> Result<(), DatabaseError> {
        let mut rows = 0;
        // SAFETY: all live; the driver only reads the text.
        let code = unsafe { sys::apr_dbd_query(self.driver, self.handle.as_ptr(), &mut rows, sql.as_ptr()) };
        // A PRAGMA that answers with its value has been carried out; the driver (apr_dbd_sqlite3.c) hands SQLite's "a row" on as an error.
        if code == 0 || (code == SQLITE_ROW && self.dialect() == Dialect::Sqlite) {
            return Ok(());
        }
        Err(self.error(code, sql))
    }

    fn run(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<u64, DatabaseError> {
        let prepared = self.statement(statement)?;
        let (pool, mut rows) = (OwnPool::new(), 0);
        let mut arguments = arguments(pool.borrow(), values);
        // SAFETY: as many C strings (NULL for SQL's NULL) as the statement has places; they live until the call returns.
        let code = unsafe {
            sys::apr_dbd_pquery(
                self.driver,
                pool.borrow().as_ptr(),
                self.handle.as_ptr(),
                &mut rows,
                prepared,
                arguments.len() as c_int,
                arguments.as_mut_ptr(),
            )
        };
        if code == 0 { Ok(u64::try_from(rows).unwrap_or(0)) } else { Err(self.error(code, statement.name)) }
    }

    fn select(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<Vec<Row>, DatabaseError> {
        let prepared = self.statement(statement)?;
        let (pool, mut results) = (OwnPool::new(), ptr::null_mut());
        let mut arguments = arguments(pool.borrow(), values);
        // SAFETY: as in run; 1 asks for the whole result, which then lives in our pool.
        let code = unsafe {
            sys::apr_dbd_pselect(
                self.driver,
                pool.borrow().as_ptr(),
                self.handle.as_ptr(),
                &mut results,
                prepared,
                1,
                arguments.len() as c_int,
                arguments.as_mut_ptr(),
            )
        };
        if code != 0 {
            return Err(self.error(code, statement.name));
        }
        let (mut rows, mut row) = (Vec::new(), ptr::null_mut());
        // SAFETY: -1 walks the rows of a live result in order, until the driver answers with an error, which is also the end.
        while unsafe { sys::apr_dbd_get_row(self.driver, pool.borrow().as_ptr(), results, &mut row, -1) } == 0 {
            let columns = 0..statement.columns;
            // SAFETY: the row is live and has as many columns as the statement says; an entry is NULL or a C string of the result.
            let entry = |column: usize| unsafe {
                let entry = sys::apr_dbd_get_entry(self.driver, row, column as c_int);
                (!entry.is_null()).then(|| CStr::from_ptr(entry).to_string_lossy().into_owned())
            };
            rows.push(Row(columns.map(entry).collect()));
        }
        Ok(rows)
    }
}

/// A statement's key in the hash of a connection.
fn key(statement: &Statement) -> (*const c_void, isize) {
    (statement.name.as_ptr().cast(), statement.name.count_bytes() as isize)
}

fn arguments(pool: Pool<'_>, values: &[Option<&str>]) -> Vec<*const c_char> {
    values.iter().map(|value| value.map_or(ptr::null(), |value| pool.string(value.as_bytes()).as_ptr())).collect()
}

fn c_string(text: &str) -> Result<CString, DatabaseError> {
    CString::new(text)
        .map_err(|_| DatabaseError::misconfigured("a NUL byte in the name or parameters of the database".into()))
}
