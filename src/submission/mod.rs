//! mod_submission: a virtual host that takes mail by SMTP (RFC 6409) and hands each message over like an HTTP request for its location `/`.
//! The crate `smtp` is the dialogue; httpd controls access; mod_sendmail's settings say what may be sent, and where.
#![forbid(unsafe_code)]

mod check;
mod clock;
mod deliver;
mod directives;
mod host;
mod limits;
mod serve;

use crate::Sendmail;
use directives::SubmissionConfig;
use httpd::{Directive, Fault, Handler, Module, ModuleRecord, Protocol, Server};

/// The second module of this library. It is one library because both share programs, connections and counters.
pub struct Submission;

impl Module for Submission {
    const HANDLERS: &'static [Handler<Self>] = &[];
    const DIRECTIVES: &'static [Directive<Self>] = directives::DIRECTIVES;
    const PROTOCOL: Option<Protocol<Self>> =
        Some(Protocol { enabled: SubmissionConfig::is_enabled, serve: serve::serve });
    type Config<'c> = SubmissionConfig;

    fn record() -> &'static ModuleRecord {
        &submission_module
    }

    fn check(server: &Server<'_>) -> Result<(), String> {
        check::check(server)
    }

    fn faulted(fault: &Fault<'_>, place: &str) {
        Sendmail::faulted(fault, place);
    }

    fn start(server: &Server<'_>) {
        limits::start(server);
    }

    fn child_ended(pid: u64) {
        limits::child_ended(pid);
    }
}

httpd::module!(submission_module, "mod_submission.c", Submission);
