//! The border between httpd and Rust. A panic that leaves an `extern "C"` function aborts the process, and with it every request of
//! that child; here it is caught, logged with its place, and becomes one failed request or a refused start.

use crate::{Request, Status, log};
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

/// Where a test may ask for a panic: `MOD_SENDMAIL_PANIC` in httpd's environment names the hook.
#[cfg(feature = "panics")]
pub(crate) fn injected(hook: &str) {
    assert!(std::env::var_os("MOD_SENDMAIL_PANIC").is_none_or(|wanted| wanted != hook), "injected in {hook}");
}

#[cfg(not(feature = "panics"))]
#[inline(always)]
pub(crate) fn injected(_: &str) {}

/// Whether a test wants this to fail: `MOD_SENDMAIL_FAIL` in httpd's environment names it.
pub(crate) fn fails(what: &str) -> bool {
    cfg!(feature = "panics") && std::env::var_os("MOD_SENDMAIL_FAIL").is_some_and(|wanted| wanted == what)
}

/// Makes panics leave their message and place where the guards find them, instead of on stderr.
pub(crate) fn install() {
    panic::set_hook(Box::new(|info| {
        // A thread that is about to end may have no PLACE any more; a panic of this hook would abort.
        let _ = PLACE.try_with(|place| place.replace(info.to_string()));
    }));
}

/// From here on to its end, a panic of this request means "unknown" (502), since something may have been handed over.
pub fn committed() {
    COMMITTED.set(true);
}

/// Runs a request hook. After a panic: `faulted`, then 500, or 502 once [`committed`]; the place goes to the error log.
pub(crate) fn answer(request: &Request<'_>, faulted: fn(&Request<'_>), hook: impl FnOnce() -> Status) -> Status {
    COMMITTED.set(false);
    let _current = log::during_request(request);
    panic::catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|_| {
        let (status, outcome) = if COMMITTED.get() {
            (502, "the message may or may not have been queued")
        } else {
            (500, "nothing was sent")
        };
        tracing::error!("SM0900: a fault of this module: {}; {outcome}", place());
        faulted(request);
        if request.response_started() {
            request.abort_connection();
            return Status::DONE;
        }
        Status::http(status)
    })
}

/// What a panic left of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether something may have been handed over.
    pub committed: bool,
}

/// Serves one request of a protocol that is not HTTP. After a panic: the place goes to the error log, and the caller answers.
pub fn attempt<T>(request: &Request<'_>, serve: impl FnOnce() -> T) -> Result<T, Fault> {
    COMMITTED.set(false);
    let _current = log::during_request(request);
    panic::catch_unwind(AssertUnwindSafe(serve)).map_err(|_| {
        let fault = Fault { committed: COMMITTED.get() };
        let outcome = if fault.committed { "the message may or may not have been queued" } else { "nothing was sent" };
        tracing::error!("SM0900: a fault of this module: {}; {outcome}", place());
        fault
    })
}

/// Runs a hook that no request and no start depends on; after a panic all goes on without what it does.
pub(crate) fn aside(_log: log::Current<'_>, name: &str, hook: impl FnOnce()) {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        injected(name);
        hook();
    }));
    if outcome.is_err() {
        tracing::error!("SM0903: a fault of this module in the hook {name}: {}; no request is concerned", place());
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

/// "panicked at src/x.rs:1:2: message", on one line.
pub(crate) fn place() -> String {
    PLACE.with(|place| place.take()).replace('\n', " ")
}
