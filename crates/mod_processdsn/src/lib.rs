//! mod_processdsn: `SetHandler processdsn` shows the outcome of a message, from the database that processdsn fills. This crate is the
//! module record and the directives; `tracking::status` writes the status pages, `httpd` wraps httpd.
#![forbid(unsafe_code)]

mod database;
mod directives;
mod handler;
mod overview;
mod suppressions;
mod viewer;

use directives::DirConfig;
use httpd::{Directive, Fault, Handler, Module, ModuleRecord, Server};

struct ProcessDsn;

impl Module for ProcessDsn {
    const HANDLERS: &'static [Handler<Self>] = &[Handler { name: c"processdsn", answer: handler::handle }];
    const DIRECTIVES: &'static [Directive<Self>] = directives::DIRECTIVES;
    type Config<'c> = DirConfig<'c>;

    fn record() -> &'static ModuleRecord {
        &processdsn_module
    }

    fn faulted(fault: &Fault<'_>, place: &str) {
        match fault {
            Fault::Request { .. } => tracing::error!("SM0900: a fault of this module: {place}; no mail is concerned"),
            Fault::Setup => tracing::error!("SM0901: a fault of this module while the configuration was read: {place}"),
            Fault::NoSettings => {
                tracing::error!("SM0902: no settings for this request, a fault of this module: {place}")
            }
            Fault::Hook(name) => {
                tracing::error!("SM0903: a fault of this module in the hook {name}: {place}; no request is concerned");
            }
        }
    }

    fn check(server: &Server<'_>) -> Result<(), String> {
        handler::remember_locations(conftree::sections::locations(&httpd::configuration(server), "processdsn"));
        Ok(())
    }

    fn start(server: &Server<'_>) {
        httpd::limit_connecting(server, ("ProcessDSNEnable", "on"));
    }
}

httpd::module!(processdsn_module, "mod_processdsn.c", ProcessDsn);
