//! A connection that a protocol module serves itself: reads with a deadline, writes through httpd's filters, so that mod_ssl sits in
//! between where the virtual host has TLS.

use crate::Module;
use apache_sys as sys;
use apr::{Brigade, Pool};
use std::ffi::{CStr, c_char, c_int};
use std::net::IpAddr;
use std::ptr::NonNull;
use std::time::Duration;

/// Asked of the filters at a time.
const CHUNK: i64 = 16 * 1024;

/// A connection. It belongs to the thread that httpd called, until that thread returns to httpd.
///
/// ```no_run
/// fn serve<'c>(connection: &httpd::Connection<'c>) -> &'c str {
///     connection.server_name()
/// }
/// ```
///
/// ```compile_fail
/// fn serve(connection: httpd::Connection<'_>) {
///     let name: &'static str = connection.server_name();
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn serve_elsewhere(connection: httpd::Connection<'static>) {
///     std::thread::spawn(move || drop(connection));
/// }
/// ```
#[derive(Debug)]
pub struct Connection<'c> {
    raw: NonNull<sys::conn_rec>,
    input: Brigade<'c>,
    output: Brigade<'c>,
}

/// What [`Connection::read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The client has closed it, or it broke.
    Closed,
    /// There is no data yet.
    Nothing,
    /// Octets were appended.
    Some,
}

/// What the scoreboard shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Waiting between commands.
    Idle,
    /// Reading.
    Reading,
    /// At work.
    Working,
}

/// The client takes no more octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl<'c> Connection<'c> {
    /// # Safety
    /// `raw` is a live connection, this thread's alone until the end of `'c`.
    pub(crate) unsafe fn from_raw(raw: NonNull<sys::conn_rec>) -> Self {
        // SAFETY: c->pool and c->bucket_alloc are made with the connection and live as long.
        let brigade = || unsafe {
            let pool = Pool::from_raw(NonNull::new((*raw.as_ptr()).pool).expect("every connection has a pool"));
            Brigade::new(pool, (*raw.as_ptr()).bucket_alloc)
        };
        Connection { raw, input: brigade(), output: brigade() }
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::conn_rec {
        self.raw.as_ptr()
    }

    /// The address of the client.
    pub fn client_ip(&self) -> Option<IpAddr> {
        // SAFETY: core sets client_ip when it makes the connection.
        unsafe { text((*self.as_ptr()).client_ip) }?.parse().ok()
    }

    /// ServerName of the virtual host.
    pub fn server_name(&self) -> &'c str {
        // SAFETY: base_server is the virtual host for the address; its name is NULL or a C string of the configuration.
        unsafe { text((*(*self.as_ptr()).base_server).server_hostname) }.unwrap_or("localhost")
    }

    /// Whether mod_ssl encrypts it.
    pub fn is_tls(&self) -> bool {
        // SAFETY: asks mod_ssl's hooks about a live connection.
        unsafe { sys::ap_ssl_conn_is_ssl(self.as_ptr()) != 0 }
    }

    /// The module's settings for the virtual host, outside of all sections.
    pub fn config<M: Module>(&self) -> Option<&'c M::Config<'c>> {
        if !M::record().is_loaded() {
            return None;
        }
        // SAFETY: M has an index; lookup_defaults holds what its create or merge made, in a pool that outlives the connection.
        unsafe {
            let defaults = (*(*self.as_ptr()).base_server).lookup_defaults;
            sys::ap_get_module_config(defaults, M::record().as_ptr()).cast::<M::Config<'c>>().as_ref()
        }
    }

    /// Removes another module's filter by name.
    pub fn remove_filter(&mut self, name: &CStr) {
        // SAFETY: both chains belong to this live connection, end with NULL, and ap_remove_*_filter unlinks one filter; the frec of a
        // filter has a name.
        unsafe {
            let connection = self.as_ptr();
            let mut filter = (*connection).input_filters;
            while let Some(this) = filter.as_ref() {
                let next = this.next;
                if CStr::from_ptr((*this.frec).name) == name {
                    sys::ap_remove_input_filter(filter);
                }
                filter = next;
            }
            let mut filter = (*connection).output_filters;
            while let Some(this) = filter.as_ref() {
                let next = this.next;
                if CStr::from_ptr((*this.frec).name) == name {
                    sys::ap_remove_output_filter(filter);
                }
                filter = next;
            }
        }
    }

    /// Appends what has arrived, without waiting.
    pub fn read(&mut self, into: &mut Vec<u8>) -> Read {
        self.input.clear();
        // SAFETY: the filter chain belongs to this live connection; the brigade is empty.
        let rv = unsafe {
            sys::ap_get_brigade(
                (*self.as_ptr()).input_filters,
                self.input.as_ptr(),
                sys::AP_MODE_READBYTES,
                sys::APR_NONBLOCK_READ,
                CHUNK,
            )
        };
        if apr::Status(rv).is_again() {
            return Read::Nothing;
        }
        if rv != 0 {
            return Read::Closed;
        }
        let before = into.len();
        while let Some(mut bucket) = self.input.first() {
            if bucket.is_eos() {
                break;
            }
            if !bucket.is_metadata() {
                match bucket.read() {
                    Ok(data) => into.extend_from_slice(data),
                    Err(status) if status.is_again() => break,
                    Err(_) => return Read::Closed,
                }
            }
            bucket.delete();
        }
        if into.len() > before { Read::Some } else { Read::Nothing }
    }

    /// Waits at most `most` for data or an end of file on the socket; returns whether there is any.
    pub fn wait(&self, most: Duration) -> bool {
        let mut socket: c_int = -1;
        // SAFETY: reads the number of the connection's own socket, which stays open while it is served.
        unsafe {
            let apr = sys::ap_get_conn_socket(self.as_ptr());
            if apr.is_null() || sys::apr_os_sock_get(&mut socket, apr) != 0 {
                return true;
            }
        }
        let mut poll = libc::pollfd { fd: socket, events: libc::POLLIN, revents: 0 };
        let milliseconds = c_int::try_from(most.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: one pollfd, which lives over the call.
        unsafe { libc::poll(&mut poll, 1, milliseconds) != 0 }
    }

    /// Writes, and flushes what has been written so far. Waits at most Timeout for a client that does not read.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), Gone> {
        // SAFETY: the filter chain belongs to this live connection; ap_fwrite reads a live slice, and ap_fflush passes the brigade down.
        let failed = unsafe {
            let filters = (*self.as_ptr()).output_filters;
            let (data, length) = (octets.as_ptr().cast::<c_char>(), octets.len());
            sys::apr_brigade_write(self.output.as_ptr(), None, std::ptr::null_mut(), data, length) != 0
                || sys::ap_fflush(filters, self.output.as_ptr()) != 0
        };
        self.output.clear();
        // SAFETY: a number of a live connection.
        if failed || unsafe { (*self.as_ptr()).aborted } != 0 { Err(Gone) } else { Ok(()) }
    }

    /// Whether this child of httpd is about to end, gracefully or not.
    pub fn is_stopping(&self) -> bool {
        let mut state: c_int = 0;
        // SAFETY: only writes the number.
        let rv = unsafe { sys::ap_mpm_query(sys::AP_MPMQ_MPM_STATE as c_int, &mut state) };
        rv != 0 || state == sys::AP_MPMQ_STOPPING as c_int
    }

    /// Shows the activity in the scoreboard.
    pub fn show(&self, activity: Activity) {
        let status = match activity {
            Activity::Idle => sys::SERVER_BUSY_KEEPALIVE,
            Activity::Reading => sys::SERVER_BUSY_READ,
            Activity::Working => sys::SERVER_BUSY_WRITE,
        };
        // SAFETY: the scoreboard handle belongs to this connection and its thread.
        unsafe {
            sys::ap_update_child_status_from_conn((*self.as_ptr()).sbh.cast(), status as c_int, self.as_ptr());
        }
    }
}

/// # Safety
/// `text` is NULL or a C string that lives for 'c.
unsafe fn text<'c>(text: *const c_char) -> Option<&'c str> {
    // SAFETY: not NULL, so a C string; the caller vouches for 'c.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().ok()).flatten()
}
