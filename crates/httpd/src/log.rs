//! `tracing` -> httpd's error log. One subscriber: each event goes through `ap_log_rerror` of the request being handled, at the level that
//! LogLevel sets for the module in that section, or through `ap_log_error` while the configuration is checked.

use crate::{Module, ModuleRecord, Request, Server};
use apache_sys as sys;
use std::cell::Cell;
use std::ffi::{CString, c_int};
use std::fmt::{self, Write};
use std::ptr;
use std::sync::OnceLock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// Whose log gets the events of this thread.
#[derive(Clone, Copy)]
enum Target {
    Nobody,
    Request(*const sys::request_rec),
    Server(*const sys::server_rec),
}

thread_local! {
    static TARGET: Cell<Target> = const { Cell::new(Target::Nobody) };
}

static RECORD: OnceLock<&'static ModuleRecord> = OnceLock::new();

/// What [`Module::LOG_FILTER`] makes of a log line about a request.
static FILTER: OnceLock<unsafe fn(*const sys::request_rec, String) -> String> = OnceLock::new();

/// Installs the subscriber. When httpd loads the module again, the first one stays, and still works.
pub(crate) fn install<M: Module>() {
    RECORD.get_or_init(M::record);
    if M::LOG_FILTER.is_some() {
        FILTER.get_or_init(|| filter::<M>);
    }
    let _ = tracing::subscriber::set_global_default(ErrorLog);
}

/// A log line as the settings of the request want it shown.
///
/// # Safety
/// The request is live.
unsafe fn filter<M: Module>(request: *const sys::request_rec, line: String) -> String {
    // SAFETY: the settings of the request were made by config::create or config::merge for M's record, in pools that outlive it. Where they
    // were lost, ap_get_module_config answers NULL.
    let config = unsafe {
        sys::ap_get_module_config((*request).per_dir_config, M::record().as_ptr()).cast::<M::Config<'_>>().as_ref()
    };
    match (M::LOG_FILTER, config) {
        (Some(filter), Some(config)) => filter(config, line),
        _ => line,
    }
}

/// Sends the events of this thread to the log of `request` until the result is dropped.
pub(crate) fn during_request<'a>(request: &'a Request<'_>) -> Current<'a> {
    Current::set(Target::Request(request.as_ptr()))
}

/// Sends the events of this thread to the log of `server` until the result is dropped.
pub(crate) fn during_setup<'a>(server: &'a Server<'_>) -> Current<'a> {
    Current::set(Target::Server(server.as_ptr()))
}

/// Restores the target that was there before.
pub(crate) struct Current<'a> {
    before: Target,
    borrowed: std::marker::PhantomData<&'a ()>,
}

impl Current<'_> {
    fn set(target: Target) -> Self {
        Current { before: TARGET.replace(target), borrowed: std::marker::PhantomData }
    }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        TARGET.set(self.before);
    }
}

struct ErrorLog;

impl Subscriber for ErrorLog {
    /// Never cached: LogLevel differs from section to section and changes with a restart.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let index = RECORD.get().map_or(-1, |record| record.index());
        let wanted = match TARGET.get() {
            Target::Nobody => return false,
            // SAFETY: during_request borrows the request for as long as it is the target.
            Target::Request(request) => unsafe { sys::ap_get_request_module_loglevel(request, index) },
            // SAFETY: during_setup borrows the server for as long as it is the target.
            Target::Server(server) => unsafe { sys::ap_get_server_module_loglevel(server, index) },
        };
        level(metadata.level()) <= wanted
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let line = match (TARGET.get(), FILTER.get()) {
            // SAFETY: the request is live (during_request).
            (Target::Request(request), Some(filter)) => unsafe { filter(request, line.0) },
            _ => line.0,
        };
        let Ok(text) = CString::new(line.replace('\0', "\\0")) else { return };
        let (index, level) = (RECORD.get().map_or(-1, |record| record.index()), level(event.metadata().level()));
        match TARGET.get() {
            Target::Nobody => {}
            // SAFETY: the request is live (during_request); the format has one %s and the text is its argument.
            Target::Request(request) => unsafe {
                sys::ap_log_rerror_(ptr::null(), 0, index, level, 0, request, c"%s".as_ptr(), text.as_ptr());
            },
            // SAFETY: the server is live (during_setup); as above.
            Target::Server(server) => unsafe {
                sys::ap_log_error_(ptr::null(), 0, index, level, 0, server, c"%s".as_ptr(), text.as_ptr());
            },
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// httpd's number for a level; `trace!` is trace2, the first level that says more than decisions.
fn level(level: &Level) -> c_int {
    (match *level {
        Level::ERROR => sys::APLOG_ERR,
        Level::WARN => sys::APLOG_WARNING,
        Level::INFO => sys::APLOG_INFO,
        Level::DEBUG => sys::APLOG_DEBUG,
        Level::TRACE => sys::APLOG_TRACE2,
    }) as c_int
}

/// The message, then ` name=value` for each field.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}
