//! A virtual host that speaks a protocol other than HTTP: its connections go to the module before HTTP is tried.

use crate::{Connection, Module, Server, guard, log, transaction};
use apache_sys as sys;
use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};

/// A list of names for APR's order of hooks.
#[repr(transparent)]
struct Names<const N: usize>([*const c_char; N]);

// SAFETY: pointers to constants that nobody writes to.
unsafe impl<const N: usize> Sync for Names<N> {}

/// mod_ssl's handshake must come first.
static BEFORE: Names<2> = Names([c"mod_ssl.c".as_ptr(), ptr::null()]);
/// mod_http2 would wait for the client to speak.
static AFTER: Names<2> = Names([c"mod_http2.c".as_ptr(), ptr::null()]);

pub(crate) unsafe fn register<M: Module>() {
    // SAFETY: called while httpd loads the module, when hooks may be registered; the function and the names live as long as the process.
    unsafe {
        sys::ap_hook_process_connection(
            Some(process_connection::<M>),
            BEFORE.0.as_ptr(),
            AFTER.0.as_ptr(),
            sys::APR_HOOK_MIDDLE as c_int,
        );
        transaction::register::<M>();
    }
}

unsafe extern "C" fn process_connection<M: Module>(raw: *mut sys::conn_rec) -> c_int {
    let (Some(protocol), Some(raw)) = (M::PROTOCOL, NonNull::new(raw)) else { return sys::DECLINED };
    // SAFETY: httpd passes a live connection; a secondary one is a stream of HTTP/2.
    if !unsafe { (*raw.as_ptr()).master.is_null() } {
        return sys::DECLINED;
    }
    // SAFETY: the connection is this thread's until the hook returns, and all that Connection holds goes before that.
    let connection = unsafe { Connection::from_raw(raw) };
    let Some(config) = connection.config::<M>().filter(|config| (protocol.enabled)(config)) else {
        return sys::DECLINED;
    };
    // SAFETY: the virtual host outlives its connections.
    let server = unsafe { Server::from_raw(&*(*raw.as_ptr()).base_server) };
    guard::aside::<M>(log::during_setup(&server), "process_connection", || (protocol.serve)(connection, config));
    // SAFETY: cs is NULL or the state that the MPM keeps for this connection; LINGER is what a module may set (httpd.h).
    unsafe {
        if let Some(state) = (*raw.as_ptr()).cs.as_mut() {
            state.state = sys::CONN_STATE_LINGER;
        }
    }
    sys::OK as c_int
}
