//! mod_processdsn: `SetHandler processdsn` shows what became of a message, from the database that processdsn fills. This crate is the
//! module record and the directives; what a status looks like stands in `mailgate::status`, what httpd is in `httpd`.
#![forbid(unsafe_code)]

mod directives;
mod handler;

use directives::DirConfig;
use httpd::{Directive, Handler, Module, ModuleRecord, Server};

struct ProcessDsn;

impl Module for ProcessDsn {
    const HANDLERS: &'static [Handler<Self>] = &[Handler { name: c"processdsn", answer: handler::handle }];
    const DIRECTIVES: &'static [Directive<Self>] = directives::DIRECTIVES;
    type Config<'c> = DirConfig;

    fn record() -> &'static ModuleRecord {
        &processdsn_module
    }

    fn check(server: &Server<'_>) -> Result<(), String> {
        handler::remember_locations(mailgate::audit::locations(&httpd::configuration(server), "processdsn"));
        Ok(())
    }

    fn start(server: &Server<'_>) {
        httpd::limit_connecting(server, "ProcessDSNEnable");
    }
}

httpd::module!(processdsn_module, "mod_processdsn.c", ProcessDsn);
