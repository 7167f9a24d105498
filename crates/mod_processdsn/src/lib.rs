//! mod_processdsn: `SetHandler processdsn` shows what became of a message, from the database that processdsn fills. This crate is the
//! module record and the directives; what a status looks like stands in `mailgate::status`, what httpd is in `httpd`.
#![forbid(unsafe_code)]

mod directives;
mod handler;

use directives::DirConfig;
use httpd::{Directive, Module, ModuleRecord, Request, Server, Status};
use std::ffi::CStr;

struct ProcessDsn;

impl Module for ProcessDsn {
    const HANDLER: &'static CStr = c"processdsn";
    const DIRECTIVES: &'static [Directive<DirConfig>] = directives::DIRECTIVES;
    type Config = DirConfig;

    fn record() -> &'static ModuleRecord {
        &processdsn_module
    }

    fn handle(request: &Request<'_>, config: &DirConfig) -> Status {
        handler::handle(request, config)
    }

    fn check(server: &Server<'_>) -> Result<(), String> {
        handler::remember_locations(mailgate::audit::locations(&httpd::configuration(server), "processdsn"));
        Ok(())
    }
}

httpd::module!(processdsn_module, "mod_processdsn.c", ProcessDsn);
