//! APR DBD: a database behind one of APR's drivers, used by prepared statements only. Implements [`sql::Database`], so that the SQL and its
//! meaning are in one place for every program.

use crate::pool::{OwnPool, Pool};
use apache_sys as sys;
use sql::{Database, DatabaseError, Dialect, Row, Statement};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::{Once, OnceLock};

/// A connection and its prepared statements, which live as long as it does.
#[derive(Debug)]
pub struct Dbd<'p> {
    driver: *const sys::apr_dbd_driver_t,
    handle: NonNull<sys::apr_dbd_t>,
    /// Lives as long as the connection.
    connection_pool: NonNull<sys::apr_pool_t>,
    /// Statements by their label, in the connection's pool.
    prepared: NonNull<sys::apr_hash_t>,
    /// Whether we must close the connection.
    owned: bool,
    pool: PhantomData<Pool<'p>>,
}

impl<'p> Dbd<'p> {
    /// Connects. `driver` is one of APR's (`sqlite3`, `pgsql`); `params` is as its documentation says.
    pub fn open(pool: Pool<'p>, driver: &str, params: &str) -> Result<Self, DatabaseError> {
        let (driver_name, params) = (c_string(driver)?, c_string(params)?);
        let (mut found, mut handle, mut error) = (ptr::null(), ptr::null_mut(), ptr::null());
        initialize();
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
            let words = (!error.is_null()).then(|| unsafe { CStr::from_ptr(error) }.to_string_lossy());
            return Err(DatabaseError::not_connected(&words.unwrap_or("the database cannot be opened".into())));
        };
        // SAFETY: a hash in a live pool; never NULL.
        let prepared = unsafe { NonNull::new(sys::apr_hash_make(pool.as_ptr())) }
            .expect("APR ends the process when out of memory");
        let connection_pool = NonNull::new(pool.as_ptr()).expect("a pool is not NULL");
        Ok(Dbd { driver: found, handle, connection_pool, prepared, owned: true, pool: PhantomData })
    }

    /// Connects for a command, which can wait for a lock. A missing SQLite file is not created.
    pub fn connect(pool: Pool<'p>, driver: &str, params: &str) -> Result<Self, DatabaseError> {
        if driver == "sqlite3" && !Path::new(params).exists() {
            return Err(DatabaseError::no_schema(format!("{params}: no such database")));
        }
        Self::create(pool, driver, params)
    }

    /// The same, but creates a missing SQLite file.
    pub fn create(pool: Pool<'p>, driver: &str, params: &str) -> Result<Self, DatabaseError> {
        let mut database = Self::open(pool, driver, params)?;
        let patience = match database.dialect() {
            // Before any other statement, since otherwise preparing one does not wait for a lock. The driver tries 16 times
            // (apr_dbd_sqlite3.c), so this is about ten seconds: enough for many at once, and less than any MTA waits.
            Dialect::Sqlite => c"PRAGMA busy_timeout=500",
            Dialect::Postgres => c"SET lock_timeout='10s'",
        };
        database.execute(patience)?;
        Ok(database)
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
        Dbd { driver, handle, connection_pool, prepared, owned: false, pool: PhantomData }
    }

    /// A duplicate of the socket of a PostgreSQL connection. Another thread can use it to end a call that waits for an answer: libpq waits
    /// in poll(2) without a limit. `None` for other databases, and where libpq is hidden inside the driver.
    pub fn socket(&self) -> Option<OwnedFd> {
        type Socket = unsafe extern "C" fn(*const c_void) -> c_int;
        static SOCKET: OnceLock<Option<Socket>> = OnceLock::new();
        if self.dialect() != Dialect::Postgres {
            return None;
        }
        let function = (*SOCKET.get_or_init(|| {
            // SAFETY: looks a symbol up by its name; APR loads drivers so that all see their libraries (apr_dso_load).
            let function = NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PQsocket".as_ptr()) })?;
            // SAFETY: libpq-fe.h declares the function of that name with this signature; APR never unloads a driver.
            Some(unsafe { std::mem::transmute::<*mut c_void, Socket>(function.as_ptr()) })
        }))?;
        // SAFETY: the native handle of this driver is a live PGconn (apr_dbd_pgsql.c).
        let socket = unsafe { function(sys::apr_dbd_native_handle(self.driver, self.handle.as_ptr())) };
        // SAFETY: not negative, so the open socket of a connection that nobody uses meanwhile.
        (socket >= 0).then(|| unsafe { BorrowedFd::borrow_raw(socket) }.try_clone_to_owned().ok())?
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

    /// The statement, prepared on first use on this connection.
    fn statement(&self, statement: &Statement) -> Result<*mut sys::apr_dbd_prepared_t, DatabaseError> {
        let known = self.known(statement);
        if !known.is_null() {
            return Ok(known);
        }
        // PostgreSQL loses a named statement when mod_dbd reconnects without telling us. Without a name the text is sent each time, in the
        // same message as the values.
        let name = match self.dialect() {
            Dialect::Postgres => ptr::null(),
            Dialect::Sqlite => statement.name.as_ptr(),
        };
        let mut prepared = ptr::null_mut();
        // SAFETY: all live; the statement is allocated in the connection's pool and kept for its life.
        let code = unsafe {
            sys::apr_dbd_prepare(
                self.driver,
                self.connection_pool.as_ptr(),
                self.handle.as_ptr(),
                statement.sql.as_ptr(),
                name,
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

    /// Runs `work` with the statement. SQLite's driver prepares the old way (sqlite3_prepare): after another process changed the tables or
    /// ran VACUUM, a statement fails with SQLITE_SCHEMA every time, without having done anything, and must be prepared again.
    fn with<T>(
        &self,
        statement: &Statement,
        mut work: impl FnMut(*mut sys::apr_dbd_prepared_t) -> Result<T, c_int>,
    ) -> Result<T, DatabaseError> {
        let error = match work(self.statement(statement)?) {
            Ok(value) => return Ok(value),
            Err(code) => self.error(code, statement.name),
        };
        if self.dialect() != Dialect::Sqlite || !error.to_string().contains("schema has changed") {
            return Err(error);
        }
        let (key, length) = key(statement);
        // SAFETY: NULL takes the entry out; the driver closes the statement with the connection.
        unsafe { sys::apr_hash_set(self.prepared.as_ptr(), key, length, ptr::null()) };
        work(self.statement(statement)?).map_err(|code| self.error(code, statement.name))
    }

    fn error(&self, code: c_int, what: &CStr) -> DatabaseError {
        // SAFETY: the driver answers with a C string or NULL.
        let words = unsafe {
            let words = sys::apr_dbd_error(self.driver, self.handle.as_ptr(), code);
            if words.is_null() { "unknown error".into() } else { CStr::from_ptr(words).to_string_lossy().into_owned() }
        };
        DatabaseError::failed(&what.to_string_lossy(), &words)
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
        // A PRAGMA that returns its value has been carried out; the driver (apr_dbd_sqlite3.c) passes SQLite's "a row" on as an error.
        if code == 0 || (code == SQLITE_ROW && self.dialect() == Dialect::Sqlite) {
            return Ok(());
        }
        Err(self.error(code, sql))
    }

    fn run(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<u64, DatabaseError> {
        let pool = OwnPool::new();
        let mut arguments = arguments(pool.borrow(), values);
        self.with(statement, |prepared| {
            let mut rows = 0;
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
            if code == 0 { Ok(u64::try_from(rows).unwrap_or(0)) } else { Err(code) }
        })
    }

    fn select(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<Vec<Row>, DatabaseError> {
        let pool = OwnPool::new();
        let mut arguments = arguments(pool.borrow(), values);
        let results = self.with(statement, |prepared| {
            let mut results = ptr::null_mut();
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
            if code == 0 { Ok(results) } else { Err(code) }
        })?;
        let (mut rows, mut row) = (Vec::new(), ptr::null_mut());
        // SAFETY: -1 walks the rows of a live result in order, until the driver answers with an error, which is also the end.
        while unsafe { sys::apr_dbd_get_row(self.driver, pool.borrow().as_ptr(), results, &mut row, -1) } == 0 {
            rows.push(Row((0..statement.columns).map(|column| self.entry(row, column as c_int)).collect()));
        }
        Ok(rows)
    }
}

impl Dbd<'_> {
    /// A column of a live row. apr_dbd_get_entry would return an empty string for a NULL of PostgreSQL.
    fn entry(&self, row: *mut sys::apr_dbd_row_t, column: c_int) -> Option<String> {
        let mut text: *const c_char = ptr::null();
        let kind = sys::APR_DBD_TYPE_STRING;
        // SAFETY: the row is live; a string is answered by a pointer to a C string of the result, NULL by an error and no change.
        let status = unsafe { sys::apr_dbd_datum_get(self.driver, row, column, kind, (&raw mut text).cast()) };
        if status != 0 || text.is_null() {
            return None;
        }
        // SAFETY: a C string that lives as long as the result.
        Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }
}

impl Drop for Dbd<'_> {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: opened by us, closed once; the statements in the hash are not used any more.
            unsafe { sys::apr_dbd_close(self.driver, self.handle.as_ptr()) };
        }
    }
}

/// Makes APR's table of drivers, once. It dies with the pool it was made in and is never made again (apr_dbd.c), so that pool is kept.
fn initialize() {
    static INITIALIZED: Once = Once::new();
    INITIALIZED.call_once(|| {
        let pool = std::mem::ManuallyDrop::new(OwnPool::new());
        // SAFETY: APR is initialized (a pool exists). Inside httpd, mod_dbd has done it already, which counts.
        let status = unsafe { sys::apr_dbd_init(pool.borrow().as_ptr()) };
        assert_eq!(status, 0, "APR's table of drivers cannot be made");
    });
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
