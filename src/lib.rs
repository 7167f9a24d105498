//! mod_sendmail: `SetHandler sendmail` turns an HTTP POST into an e-mail and hands it to a sendmail program, a Maildir or a relay. This crate is
//! the module record, the directives and the way of a request; what a mail is stands in `mailgate`, what httpd is in `httpd`.
#![forbid(unsafe_code)]

mod audit;
mod directives;
mod expressions;
mod faults;
mod handler;
mod handover;
mod ledger;
mod outcome;
mod settings;

use directives::DirConfig;
use httpd::{Directive, Module, ModuleRecord, Request, Server, Status};
use std::ffi::CStr;

struct Sendmail;

impl Module for Sendmail {
    const HANDLER: &'static CStr = c"sendmail";
    const DIRECTIVES: &'static [Directive<DirConfig>] = directives::DIRECTIVES;
    type Config = DirConfig;

    fn record() -> &'static ModuleRecord {
        &sendmail_module
    }

    fn handle(request: &Request<'_>, config: &DirConfig) -> Status {
        handler::handle(request, config)
    }

    fn check(server: &Server<'_>) -> Result<(), String> {
        audit::warn(server);
        Ok(())
    }
}

httpd::module!(sendmail_module, "mod_sendmail.c", Sendmail);
