//! The hand-over: what a way out needs of a request is prepared before the body is read, then a program, a Maildir or a relay gets the
//! finished message. From that moment on nobody may say "nothing was sent" but the one who took it.
#![forbid(unsafe_code)]

use crate::directives::Transport;
use crate::expressions::{self, ExpressionVars};
use crate::metrics;
use crate::outcome::Refused;
use crate::settings::{Settings, TEMPORARY};
use httpd::Request;
use mail::address::Address;
use mail::dsn::Reports;
use mailgate::answer::dry_run::{DryRun, DryRunReport, Route};
use mailgate::answer::{self, Problem};
use mailgate::checks::letter::Envelope;
use mailgate::message::Message;
use mailgate::policy::arguments::Addressing;
use mailgate::tags;
use mailgate::transport::smtp::{self, Relay};
use mailgate::transport::store::Store;
use mailgate::transport::{self, Accepted, Commit, Failure, Program, program, slots};
use std::path::Path;
use web::Response;

/// A way out, with what this request says of it.
pub enum Delivery<'c> {
    Program { path: &'c Path, arguments: Vec<Vec<u8>> },
    Relay { relay: Relay, sender: Option<String>, recipients: Vec<String>, reports: Reports },
    Store(&'static Store, &'c Path),
}

impl<'c> Delivery<'c> {
    pub fn prepare(
        request: &Request<'_>,
        settings: &Settings<'_>,
        vars: &ExpressionVars<'_>,
        transport: &'c Transport,
    ) -> Result<Self, Refused> {
        Ok(match transport {
            Transport::Program(path) => {
                keep_redirected(settings)?;
                Delivery::Program { path, arguments: expressions::arguments(request, settings, vars)? }
            }
            Transport::Relay(server) => Delivery::Relay {
                relay: settings.relay(server, request.server_name()),
                sender: expressions::relay_sender(request, settings, vars)?.map(|sender| sender.to_string()),
                recipients: expressions::recipients(vars),
                reports: settings.relay_dsn().map(|dsn| dsn.reports(vars.envid.as_str())).unwrap_or_default(),
            },
            Transport::Store(store, path) => Delivery::Store(store, path),
        })
    }

    /// Where reports go, as far as that is known here: for a program it stands in its own arguments.
    pub fn sender(&self, vars: &ExpressionVars<'_>) -> Option<Address> {
        match self {
            Delivery::Relay { sender, .. } => sender.as_deref().and_then(|sender| Address::parse(sender).ok()),
            Delivery::Program { .. } | Delivery::Store(..) => {
                vars.submission.from.as_ref().map(|from| from.address().clone())
            }
        }
    }

    /// Goes to others than the header says. A Maildir has no envelope.
    pub fn readdress(&mut self, settings: &Settings<'_>, vars: &ExpressionVars<'_>, envelope: &Envelope) {
        let others = envelope.recipients.iter().map(ToString::to_string);
        match self {
            Delivery::Program { arguments, .. } if settings.appends_recipients() => {
                arguments.truncate(arguments.len() - expressions::recipients(vars).len());
                arguments.extend(others.map(String::into_bytes));
            }
            Delivery::Relay { sender, recipients, .. } => {
                *sender = envelope.sender.as_ref().map(ToString::to_string);
                *recipients = others.collect();
            }
            Delivery::Program { .. } | Delivery::Store(..) => {}
        }
    }

    /// Where reports go for a message with an envelope of its own, unless the configuration says so.
    pub fn envelope_from(&mut self, from: Option<&Address>, settings: &Settings<'_>) {
        if let Delivery::Relay { sender, .. } = self
            && settings.relay_from().is_none()
            && settings.sender_mail().is_none()
        {
            *sender = from.map(ToString::to_string);
        }
    }

    /// Asks for the reports that the client wants. Those that nobody could promise or withhold are refused; RET, ENVID and ORCPT only say what
    /// stands in a report, and are left out where there is none.
    pub fn ask_for_reports(
        &mut self,
        wanted: &Reports,
        settings: &Settings<'_>,
        vars: &ExpressionVars<'_>,
    ) -> Result<(), Refused> {
        if wanted.is_empty() || vars.submission.redirected.is_some() {
            return Ok(());
        }
        if !settings.passes_reports_on() {
            let why = "it needs a relay without SendmailRelayDSN, or the program of Postfix or Sendmail with -- as last word and without -N";
            return if wanted.needs_dsn() { Err(answer::no_reports(why).into()) } else { Ok(()) };
        }
        match self {
            Delivery::Relay { reports, .. } => *reports = wanted.clone(),
            Delivery::Program { arguments, .. } => {
                let end_of_options = arguments.len() - expressions::recipients(vars).len() - 1;
                arguments.splice(end_of_options..end_of_options, program::dsn::options(wanted));
            }
            Delivery::Store(..) => {}
        }
        Ok(())
    }

    /// What [`Delivery::send`] would do, shown and not done.
    pub fn describe(
        &self,
        settings: &Settings<'_>,
        vars: &ExpressionVars<'_>,
        message: &Message,
        dry_run: DryRun,
        accept: Option<&str>,
    ) -> std::io::Result<Response> {
        let recipients = expressions::recipients(vars);
        let server;
        let route = match self {
            Delivery::Program { path, arguments } => Route::Program { path, arguments },
            Delivery::Relay { relay, sender, .. } => {
                server = relay.server.to_string();
                Route::Relay { server: &server, sender: sender.as_deref() }
            }
            Delivery::Store(store, path) => Route::Store(store, path),
        };
        let by_arguments = settings.addressing() == Addressing::Arguments;
        let recipients = (!by_arguments).then_some(recipients.as_slice());
        DryRunReport { message_id: &vars.submission.message_id, route, recipients, message, dry_run }.reply(accept)
    }

    /// `commit` is called at the last moment before the message can be taken.
    pub fn send(
        &self,
        settings: &Settings<'_>,
        message: &Message,
        commit: &mut Commit<'_>,
    ) -> Result<Accepted, Failure> {
        if let Delivery::Store(store, path) = self {
            return (store.deliver)(path, message, commit);
        }
        let _slot = slots::acquire(settings.max_processes(), settings.timeout())
            .ok_or_else(|| Failure::busy(settings.max_processes()))?;
        let _running = metrics::running();
        match self {
            Delivery::Program { path, arguments } => {
                tracing::trace!(
                    "{}: running {} with {} words, {} octets of message",
                    tags::RUNNING,
                    path.display(),
                    arguments.len(),
                    message.len()
                );
                let (environment, timeout) = (settings.environment(), settings.timeout());
                let program = Program { path, arguments, environment, timeout };
                transport::hand_over(&program, message, &TEMPORARY, commit)
            }
            Delivery::Relay { relay, sender, recipients, reports } => {
                let needs_reports = settings.relay_dsn().is_none();
                let envelope = smtp::Envelope { sender: sender.as_deref(), recipients, reports, needs_reports };
                smtp::deliver(relay, &envelope, message, settings.timeout(), commit)
            }
            Delivery::Store(store, path) => (store.deliver)(path, message, commit),
        }
    }
}

/// Refuses words of SendmailArguments by which a program would write to others than SendmailRedirectTo says. The start warns of them; only
/// here all sections are merged.
fn keep_redirected(settings: &Settings<'_>) -> Result<(), Refused> {
    match (settings.redirect_to(), &settings.arguments().escape) {
        (Some(_), Some(why)) => {
            let log = format!(
                "SendmailArguments may send past SendmailRedirectTo: {why}; use -t, or -- as the last word, and no recipient"
            );
            let detail = "this server is not set up to send mail";
            Err(Problem::hidden(&tags::REDIRECT, detail, log).into())
        }
        _ => Ok(()),
    }
}
