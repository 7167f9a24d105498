//! mod_sendmail: `SetHandler sendmail` turns an HTTP POST into an e-mail and hands it to a sendmail program, a Maildir or a relay;
//! `sendmail-health` says whether that would work. This crate is the module record, the directives and the handling of a request;
//! `mailgate` makes the mail, `httpd` wraps httpd.
#![forbid(unsafe_code)]

mod audit;
mod batch_smtp;
mod bearer;
mod challenge;
mod checks;
mod claims;
mod delivery;
mod directives;
mod email;
mod envelope;
mod expressions;
mod faults;
mod form;
mod gauges;
mod handler;
mod health;
mod host;
mod json;
mod metrics;
mod outcome;
mod paths;
mod rates;
mod read;
mod settings;
mod status;
mod submission;
mod submit;
mod suppress;

use directives::DirConfig;
use httpd::{
    ChooseErrors, Directive, Fault, Handler, HeaderParser, LogFilter, Module, ModuleRecord, Server, StatusPage,
};
use mailgate::tags;
use settings::Settings;

/// The module record `sendmail_module`.
struct Sendmail;

impl Module for Sendmail {
    const HANDLERS: &'static [Handler<Self>] = &[
        Handler { name: c"sendmail", answer: handler::handle },
        Handler { name: c"sendmail-metrics", answer: metrics::handle },
        Handler { name: c"sendmail-health", answer: health::handle },
    ];
    const DIRECTIVES: &'static [Directive<Self>] = directives::DIRECTIVES;
    const HEADER_PARSER: Option<HeaderParser<Self>> = Some(bearer::rename);
    const LOG_FILTER: Option<LogFilter<Self>> = Some(|config, line| Settings::of(config).log_addresses().in_line(line));
    const ERRORS: Option<ChooseErrors<Self>> = Some(json::errors);
    type Config<'c> = DirConfig<'c>;

    fn record() -> &'static ModuleRecord {
        &sendmail_module
    }

    fn check(server: &Server<'_>) -> Result<(), String> {
        let tree = httpd::configuration(server);
        audit::warn(&tree);
        paths::remember_locations(conftree::sections::locations(&tree, "sendmail"));
        Ok(())
    }

    fn faulted(fault: &Fault<'_>, place: &str) {
        match fault {
            Fault::Request { request, committed } => {
                let sent = if *committed { "the message may or may not have been queued" } else { "nothing was sent" };
                tracing::error!("{}: a fault of this module: {place}; {sent}", tags::FAULT);
                request.notes().set_text("sendmail-status", tags::FAULT.number);
            }
            Fault::Setup => tracing::error!(
                "{}: a fault of this module while the configuration was read: {place}",
                tags::SETUP_FAULT
            ),
            Fault::NoSettings => {
                tracing::error!("{}: no settings for this request, a fault of this module: {place}", tags::NO_SETTINGS)
            }
            Fault::Hook(name) => {
                tracing::error!(
                    "{}: a fault of this module in the hook {name}: {place}; no request is concerned",
                    tags::HOOK_FAULT
                );
            }
        }
    }

    fn start(server: &Server<'_>) {
        httpd::limit_connecting(server, ("ProcessDSNEnable", "on"));
        httpd::limit_connecting(server, ("SendmailIdempotency", "dbd"));
        status::start(server);
        metrics::start(server);
        rates::start(server);
        challenge::start(server);
    }

    fn child_starts() {
        metrics::child_starts();
        settings::child_starts();
    }

    fn child_ended(pid: u64) {
        metrics::child_ended(pid);
    }

    fn status(page: StatusPage) -> Option<String> {
        metrics::status(page)
    }
}

httpd::module!(sendmail_module, "mod_sendmail.c", Sendmail);
