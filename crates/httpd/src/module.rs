//! What a module is made of: its handlers, its directives, its settings, and its part in the life of the server.

use crate::{ChooseErrors, Config, Connection, Directive, ModuleRecord, Request, Server, Status};
use std::ffi::CStr;

/// What a module is made of. All of it is safe code; httpd reaches it through [`crate::guard`].
pub trait Module: Sized + 'static {
    /// The names that `SetHandler` gives, and who answers each.
    const HANDLERS: &'static [Handler<Self>];
    /// The directives, one row each.
    const DIRECTIVES: &'static [Directive<Self>];
    /// The protocol it serves instead of HTTP, if any.
    const PROTOCOL: Option<Protocol<Self>> = None;
    /// Looks at the header fields of a request before access and authentication, if set.
    const HEADER_PARSER: Option<HeaderParser<Self>> = None;
    /// Changes a log line about a request, by its settings.
    const LOG_FILTER: Option<LogFilter<Self>> = None;
    /// Chooses the pages that httpd writes for errors of a request, if set.
    const ERRORS: Option<ChooseErrors<Self>> = None;
    /// The settings of one section of a configuration that lives for `'c`.
    type Config<'c>: Config;

    /// The record that [`module!`](crate::module!) made.
    fn record() -> &'static ModuleRecord;

    /// Checks the whole configuration, at `httpd -t` and at each start; `Err` refuses the start with its message.
    fn check(server: &Server<'_>) -> Result<(), String>;

    /// Called once the configuration is read, at each start and restart but not at `httpd -t`: in the parent, before there are children.
    fn start(_server: &Server<'_>) {}

    /// Called at the start of each child, in the child.
    fn child_starts() {}

    /// Called after the end of each child, in the parent.
    fn child_ended(_pid: u64) {}

    /// Logs a panic of this module; `place` is where it panicked, and its message.
    fn faulted(fault: &Fault<'_>, place: &str);

    /// What this module adds to the page of mod_status.
    fn status(_page: StatusPage) -> Option<String> {
        None
    }
}

/// The forms of mod_status's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusPage {
    /// `?auto`: lines of `key: value`.
    Lines,
    /// HTML without tables (`?notable`).
    Plain,
    /// HTML.
    Tables,
}

/// Changes a log line as the settings of its request want it shown.
pub type LogFilter<M> = for<'c> fn(&<M as Module>::Config<'c>, String) -> String;

/// httpd's header_parser: once the sections of a request are merged, before access and authentication. Not for subrequests.
pub type HeaderParser<M> = for<'c> fn(&Request<'_>, &<M as Module>::Config<'c>);

/// A protocol other than HTTP, for virtual hosts of its own.
pub struct Protocol<M: Module> {
    /// Whether a virtual host with these settings speaks it.
    pub enabled: for<'c> fn(&M::Config<'c>) -> bool,
    /// Serves a connection to its end.
    pub serve: for<'c> fn(Connection<'_>, &M::Config<'c>),
}

/// A handler: its name in the configuration, and what answers a request for it.
pub struct Handler<M: Module> {
    /// The name that `SetHandler` gives.
    pub name: &'static CStr,
    /// Answers the request.
    pub answer: for<'c> fn(&Request<'_>, &M::Config<'c>) -> Status,
}

/// What a panic of a module has ended.
#[derive(Debug)]
pub enum Fault<'a> {
    /// A hook that no request depends on, by name; everything goes on without it.
    Hook(&'static str),
    /// Nothing more: the settings of this request were lost earlier. It is answered with 500.
    NoSettings,
    /// A request. It is answered with 500, or with 502 where it was `committed`: after [`guard::committed`](crate::guard::committed).
    Request {
        /// The request.
        request: &'a Request<'a>,
        /// Whether something may have been handed over.
        committed: bool,
    },
    /// Reading the configuration. httpd does not start.
    Setup,
}
