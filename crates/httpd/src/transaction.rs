//! A request that no HTTP client made. It carries what a protocol module reads from its client, in the form that httpd's hooks for access,
//! authentication and logging expect. It is a request for the location `/` of the virtual host.

use crate::{Connection, Module, Request};
use apache_sys as sys;
use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// One request of a protocol module. It is written to the access log when it is dropped, if not before; then its pool is destroyed.
///
/// Its request does not outlive it:
///
/// ```no_run
/// fn user<'t>(transaction: &'t httpd::Transaction<'_>) -> Option<&'t [u8]> {
///     transaction.request().user()
/// }
/// ```
///
/// ```compile_fail,E0515
/// fn user(transaction: httpd::Transaction<'_>) -> Option<&[u8]> {
///     transaction.request().user()
/// }
/// ```
#[derive(Debug)]
pub struct Transaction<'c> {
    raw: NonNull<sys::request_rec>,
    logged: Cell<bool>,
    lifetime: PhantomData<(&'c (), *mut ())>,
}

impl<'c> Transaction<'c> {
    /// `line` is what the access log shows as `%r`; `protocol` is its last word.
    pub fn new<M: Module>(connection: &Connection<'c>, line: &str, protocol: &CStr) -> Self {
        // SAFETY: the connection is live and this thread's; ap_create_request never returns NULL (out of memory ends the process).
        let raw = unsafe { NonNull::new(sys::ap_create_request(connection.as_ptr())) }.expect("memory for a request");
        let transaction = Transaction { raw, logged: Cell::new(false), lifetime: PhantomData };
        let pool = transaction.request().pool();
        let (line, protocol) = (pool.string(line.as_bytes()), pool.string(protocol.to_bytes()));
        // SAFETY: every string lives in r->pool, is a constant, or is one of the configuration. The fields are those that
        // ap_read_request sets (server/protocol.c); ap_parse_uri copies what it takes.
        unsafe {
            let r = raw.as_ptr();
            (*r).method = c"POST".as_ptr();
            (*r).method_number = sys::M_POST as c_int;
            (*r).the_request = line.as_ptr().cast_mut();
            (*r).protocol = protocol.as_ptr().cast_mut();
            (*r).proto_num = 1001;
            (*r).hostname = (*(*r).server).server_hostname;
            (*r).request_time = sys::apr_time_now();
            // If there is none, mod_dir looks for FallbackResource.
            (*r).handler = c"submission".as_ptr();
            sys::ap_parse_uri(r, c"/".as_ptr());
            sys::ap_set_module_config((*r).request_config, M::record().as_ptr(), r.cast());
        }
        transaction
    }

    /// The request, for as long as this lives.
    pub fn request(&self) -> Request<'_> {
        // SAFETY: live until drop, which takes self.
        unsafe { Request::from_raw(self.raw.as_ptr()) }.expect("not NULL")
    }

    /// Runs httpd's hooks up to the fixups, which find the settings and check access and the user. `Err` holds the HTTP status.
    pub fn admit(&self) -> Result<(), u16> {
        let r = self.raw.as_ptr();
        // SAFETY: a live request of this thread, with all that the hooks expect set in new.
        let status = unsafe {
            match sys::ap_run_post_read_request(r) {
                declined_or_ok if declined_or_ok == sys::DECLINED || declined_or_ok == sys::OK as c_int => {
                    sys::ap_process_request_internal(r)
                }
                status => status,
            }
        };
        if status == sys::OK as c_int {
            return Ok(());
        }
        let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status)).unwrap_or(500);
        self.set_status(status);
        Err(status)
    }

    /// Takes over the user who authenticated in `earlier`, and the environment that the authentication left, so that no module asks again.
    pub fn authenticated_as(&self, earlier: &Transaction<'_>) {
        let pool = self.request().pool();
        let Some(user) = earlier.request().user() else { return };
        // SAFETY: the copy lives in r->pool.
        unsafe { (*self.raw.as_ptr()).user = pool.string(user).as_ptr().cast_mut() };
        for (name, value) in earlier.request().environment().entries() {
            if name.starts_with(b"AUTHENTICATE_") || name.starts_with(b"AUTHORIZE_") {
                self.request().environment().set(pool.string(name), pool.string(value));
            }
        }
    }

    /// The status that the access log shows.
    pub fn set_status(&self, status: u16) {
        // SAFETY: a number of a live request.
        unsafe { (*self.raw.as_ptr()).status = status.into() };
    }

    /// Writes the request to the access log, once.
    pub fn log(&self) {
        if !self.logged.replace(true) {
            // SAFETY: a live request; the hooks read it alone.
            unsafe { sys::ap_run_log_transaction(self.raw.as_ptr()) };
        }
    }

    /// The settings of a module for the location.
    pub fn config<M: Module>(&self) -> Option<&M::Config<'_>> {
        if !M::record().is_loaded() {
            return None;
        }
        // SAFETY: M has an index; per_dir_config holds what its create or merge made, in pools that live as long as the request.
        unsafe {
            sys::ap_get_module_config((*self.raw.as_ptr()).per_dir_config, M::record().as_ptr())
                .cast::<M::Config<'_>>()
                .as_ref()
        }
    }

    /// AuthType of the location.
    pub fn auth_type(&self) -> Option<String> {
        // SAFETY: reads the core's settings of a live request: NULL or a C string.
        unsafe {
            let name = sys::ap_auth_type(self.raw.as_ptr());
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.log();
        // SAFETY: the request is live and nobody else holds it; its pool is a child of the connection's and destroyed once.
        unsafe { sys::apr_pool_destroy((*self.raw.as_ptr()).pool) };
    }
}

/// Hooks that answer for requests of `M`, before the hooks that would look for a file.
pub(crate) unsafe fn register<M: Module>() {
    let first = sys::APR_HOOK_REALLY_FIRST as c_int;
    // SAFETY: called while httpd loads the module, when hooks may be registered; the functions live as long as the process.
    unsafe {
        sys::ap_hook_translate_name(Some(translate_name::<M>), ptr::null(), ptr::null(), first);
        sys::ap_hook_map_to_storage(Some(map_to_storage::<M>), ptr::null(), ptr::null(), first);
        // As for map_to_storage: mod_negotiation and mod_mime look at a file name.
        sys::ap_hook_type_checker(Some(map_to_storage::<M>), ptr::null(), ptr::null(), first);
        let kind = sys::AP_AUTH_INTERNAL_PER_CONF as c_int;
        sys::ap_hook_check_authn(Some(check_authn::<M>), ptr::null(), ptr::null(), first, kind);
    }
}

/// Whether [`Transaction::new`] made this request for `M`.
///
/// # Safety
/// `r` is a live request.
unsafe fn is_own<M: Module>(r: *mut sys::request_rec) -> bool {
    // SAFETY: every request has a vector of settings, NULL where a module has set none.
    unsafe { !sys::ap_get_module_config((*r).request_config, M::record().as_ptr()).is_null() }
}

unsafe extern "C" fn translate_name<M: Module>(r: *mut sys::request_rec) -> c_int {
    // SAFETY: httpd passes a live request; the name is a constant.
    unsafe {
        if !is_own::<M>(r) {
            return sys::DECLINED;
        }
        // There is no file, but modules read the name.
        (*r).filename = sys::apr_pstrdup((*r).pool, c"/".as_ptr());
        sys::OK as c_int
    }
}

unsafe extern "C" fn map_to_storage<M: Module>(r: *mut sys::request_rec) -> c_int {
    // SAFETY: httpd passes a live request.
    if unsafe { is_own::<M>(r) } { sys::OK as c_int } else { sys::DECLINED }
}

unsafe extern "C" fn check_authn<M: Module>(r: *mut sys::request_rec) -> c_int {
    // SAFETY: httpd passes a live request; user is NULL, or what authenticated_as has set.
    unsafe {
        if !is_own::<M>(r) || (*r).user.is_null() {
            return sys::DECLINED;
        }
        (*r).ap_auth_type = c"Basic".as_ptr().cast_mut();
        sys::OK as c_int
    }
}
