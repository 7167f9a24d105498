//! The boundary between httpd and Rust. A panic that leaves an `extern "C"` function aborts the process, and with it every request of that
//! child. Here it is caught and logged with its place, and becomes one failed request or a refused start.

use crate::inject::injected;
use crate::{Fault, Module, Request, Status, log};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

thread_local! {
    /// What the panic hook saw last on this thread.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
    /// Whether the request of this thread has already handed something over.
    static COMMITTED: Cell<bool> = const { Cell::new(false) };
}

/// The first panic while the configuration was read; a start is refused for it.
static SETUP: Mutex<Option<String>> = Mutex::new(None);

/// Makes panics store their message and place for the guards, instead of writing to stderr.
pub(crate) fn install() {
    panic::set_hook(Box::new(|info| {
        // A thread that is about to end may have no PLACE any more; a panic in this hook would abort.
        let _ = PLACE.try_with(|place| place.replace(info.to_string()));
    }));
}

/// From here on, a panic of this request is answered with 502: something may have been handed over.
pub fn committed() {
    COMMITTED.set(true);
}

/// Runs a request hook. After a panic: [`Module::faulted`], then 500, or 502 once [`committed`].
pub(crate) fn answer<M: Module>(request: &Request<'_>, hook: impl FnOnce() -> Status) -> Status {
    COMMITTED.set(false);
    let _current = log::during_request(request);
    panic::catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|_| {
        let committed = COMMITTED.get();
        M::faulted(&Fault::Request { request, committed }, &place());
        if request.response_started() {
            request.abort_connection();
            return Status::DONE;
        }
        Status::http(if committed { 502 } else { 500 })
    })
}

/// A request that ended in a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulted {
    /// Whether it was [`committed`].
    pub committed: bool,
}

/// Serves one request of a protocol that is not HTTP. After a panic: [`Module::faulted`], and the caller answers.
pub fn attempt<M: Module, T>(request: &Request<'_>, serve: impl FnOnce() -> T) -> Result<T, Faulted> {
    COMMITTED.set(false);
    let _current = log::during_request(request);
    panic::catch_unwind(AssertUnwindSafe(serve)).map_err(|_| {
        let committed = COMMITTED.get();
        M::faulted(&Fault::Request { request, committed }, &place());
        Faulted { committed }
    })
}

/// Runs a hook that no request and no start depends on. After a panic everything goes on without it.
pub(crate) fn aside<M: Module>(_log: log::Current<'_>, name: &'static str, hook: impl FnOnce()) {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        injected(name);
        hook();
    }));
    if outcome.is_err() {
        M::faulted(&Fault::Hook(name), &place());
    }
}

/// Runs a configuration hook; `None` after a panic, which is kept for [`take_setup_panic`].
pub(crate) fn setting_up<T>(hook: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(hook))
        .inspect_err(|_| {
            let mut first = SETUP.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            first.get_or_insert_with(place);
        })
        .ok()
}

/// The first panic of a configuration hook since the last call.
pub(crate) fn take_setup_panic() -> Option<String> {
    SETUP.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
}

/// "panicked at src/x.rs:1:2: message", on one line, without the text that the message quotes: that may come from a request, and must not
/// be logged.
pub(crate) fn place() -> String {
    let place = PLACE.with(|place| place.take()).replace('\n', " ");
    place.split(['`', '"']).next().unwrap_or_default().to_owned()
}
