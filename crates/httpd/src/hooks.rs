//! The hooks a module takes part in, each a trampoline from httpd into [`crate::guard`] and from there into the [`Module`].

use crate::{Fault, Module, Request, Server, Status, StatusPage, errors, guard, inject, log, workers};
use apache_sys as sys;
use std::ffi::{CStr, c_int};
use std::ptr;

/// httpd's register_hooks, called each time the module is loaded.
pub(crate) unsafe extern "C" fn register<M: Module>(_: *mut sys::apr_pool_t) {
    guard::setting_up(|| {
        guard::install();
        log::install::<M>();
        inject::injected("register");
    });
    // SAFETY: called while httpd loads the module, when hooks may be registered; the functions live as long as the process.
    unsafe {
        sys::ap_hook_check_config(Some(check::<M>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE as c_int);
        sys::ap_hook_post_config(Some(start::<M>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE as c_int);
        sys::ap_hook_child_init(Some(child_starts::<M>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE as c_int);
        sys::ap_hook_child_status(Some(child_status::<M>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE as c_int);
        sys::ap_hook_handler(Some(handle::<M>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE as c_int);
    }
    if M::HEADER_PARSER.is_some() {
        // SAFETY: as above.
        unsafe {
            sys::ap_hook_header_parser(
                Some(parse_header::<M>),
                ptr::null(),
                ptr::null(),
                sys::APR_HOOK_MIDDLE as c_int,
            );
        }
    }
    if M::ERRORS.is_some() {
        // SAFETY: as above.
        unsafe { errors::register::<M>() };
    }
    if M::PROTOCOL.is_some() {
        // SAFETY: as above.
        unsafe { crate::protocol::register::<M>() };
    }
    let status: StatusHook = status::<M>;
    // SAFETY: mod_status.h declares the optional hook of that name with this signature; APR calls it through a pointer of that type, and
    // not at all without mod_status.
    unsafe {
        let status = std::mem::transmute::<StatusHook, unsafe extern "C" fn()>(status);
        let order = sys::APR_HOOK_MIDDLE as c_int;
        sys::apr_optional_hook_add(c"status_hook".as_ptr(), Some(status), ptr::null(), ptr::null(), order);
    }
}

type StatusHook = unsafe extern "C" fn(*mut sys::request_rec, c_int) -> c_int;

unsafe extern "C" fn check<M: Module>(
    _: *mut sys::apr_pool_t,
    _: *mut sys::apr_pool_t,
    _: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
) -> c_int {
    // SAFETY: httpd gives its main server, which lives until the next reading of the configuration.
    let server = unsafe { Server::from_raw(&*server) };
    let _current = log::during_setup(&server);
    let outcome = guard::setting_up(|| {
        inject::injected("check");
        M::check(&server)
    })
    .unwrap_or(Ok(()));
    if let Some(place) = guard::take_setup_panic() {
        M::faulted(&Fault::Setup, &place);
        return sys::HTTP_INTERNAL_SERVER_ERROR as c_int;
    }
    match outcome {
        Ok(()) => sys::OK as c_int,
        Err(message) => {
            tracing::error!("{message}");
            sys::HTTP_INTERNAL_SERVER_ERROR as c_int
        }
    }
}

/// httpd's post_config.
unsafe extern "C" fn start<M: Module>(
    _: *mut sys::apr_pool_t,
    _: *mut sys::apr_pool_t,
    _: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
) -> c_int {
    // SAFETY: httpd gives its main server, which lives until the next reading of the configuration.
    let server = unsafe { Server::from_raw(&*server) };
    guard::aside::<M>(log::during_setup(&server), "start", || M::start(&server));
    sys::OK as c_int
}

unsafe extern "C" fn child_starts<M: Module>(pool: *mut sys::apr_pool_t, server: *mut sys::server_rec) {
    // SAFETY: httpd gives the pool of the child.
    unsafe { workers::wait_at_end(pool) };
    // SAFETY: as above; a child keeps the configuration to its end.
    let server = unsafe { Server::from_raw(&*server) };
    guard::aside::<M>(log::during_setup(&server), "child_starts", M::child_starts);
}

/// httpd's child_status, called by the MPM in the parent.
unsafe extern "C" fn child_status<M: Module>(
    server: *mut sys::server_rec,
    pid: sys::pid_t,
    _: sys::ap_generation_t,
    _: c_int,
    state: sys::mpm_child_status,
) {
    let (sys::MPM_CHILD_EXITED, Ok(pid)) = (state, u64::try_from(pid)) else { return };
    // SAFETY: as above.
    let server = unsafe { Server::from_raw(&*server) };
    guard::aside::<M>(log::during_setup(&server), "child_ended", || M::child_ended(pid));
}

/// What mod_status asks of every module while it writes its page.
unsafe extern "C" fn status<M: Module>(raw: *mut sys::request_rec, flags: c_int) -> c_int {
    // SAFETY: mod_status passes the live request that it answers.
    let Some(request) = (unsafe { Request::from_raw(raw) }) else { return sys::DECLINED };
    let has = |flag: u32| flags & flag as c_int != 0;
    let page = match (has(sys::AP_STATUS_SHORT), has(sys::AP_STATUS_NOTABLE)) {
        (true, _) => StatusPage::Lines,
        (false, true) => StatusPage::Plain,
        (false, false) => StatusPage::Tables,
    };
    guard::aside::<M>(log::during_request(&request), "status", || {
        if let Some(text) = M::status(page) {
            request.write(text.as_bytes());
        }
    });
    sys::OK as c_int
}

unsafe extern "C" fn parse_header<M: Module>(raw: *mut sys::request_rec) -> c_int {
    // SAFETY: httpd passes a live request, ours alone for the time of the call.
    let Some(request) = (unsafe { Request::from_raw(raw) }) else { return sys::DECLINED };
    // SAFETY: as in `handle`; the sections are merged by now.
    let config = unsafe {
        sys::ap_get_module_config((*raw).per_dir_config, M::record().as_ptr()).cast::<M::Config<'_>>().as_ref()
    };
    let (Some(parse), Some(config)) = (M::HEADER_PARSER, config) else { return sys::DECLINED };
    guard::answer::<M>(&request, || {
        parse(&request, config);
        Status::DECLINED
    })
    .code()
}

unsafe extern "C" fn handle<M: Module>(raw: *mut sys::request_rec) -> c_int {
    // SAFETY: httpd passes a live request, ours alone for the time of the call.
    let Some(request) = (unsafe { Request::from_raw(raw) }) else { return sys::DECLINED };
    // SAFETY: not NULL; handler is NULL or a C string that the configuration or a module set before the handlers run.
    let asked = unsafe { (!(*raw).handler.is_null()).then(|| CStr::from_ptr((*raw).handler)) };
    let Some(handler) = M::HANDLERS.iter().find(|handler| Some(handler.name) == asked) else { return sys::DECLINED };
    let status = guard::answer::<M>(&request, || {
        // SAFETY: the settings were made by config::create or config::merge for M's record, in pools that outlive the handler.
        let config = unsafe {
            sys::ap_get_module_config((*raw).per_dir_config, M::record().as_ptr()).cast::<M::Config<'_>>().as_ref()
        };
        match config {
            Some(config) => (handler.answer)(&request, config),
            None => {
                let place = guard::take_setup_panic().unwrap_or_default();
                M::faulted(&Fault::NoSettings, &place);
                Status::http(500)
            }
        }
    });
    status.code()
}
