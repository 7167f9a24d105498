//! The checks of a location for one request: what they are told, when they are asked, and what becomes of the way out when they have changed
//! the envelope.
#![forbid(unsafe_code)]

use crate::delivery::Delivery;
use crate::directives::Transport;
use crate::expressions::{self, ExpressionVars};
use crate::metrics;
use crate::outcome::{self, Kept, Refused};
use crate::settings::Settings;
use httpd::{Certificate as CorsDecision, Request};
use mail::address::Address;
use mailgate::answer::Problem;
use mailgate::checks::change::Rules;
use mailgate::checks::client::{Certificate, Client, Text, Tls};
use mailgate::checks::hold::{self, Ticket};
use mailgate::checks::letter::Envelope;
use mailgate::checks::milter::Custom;
use mailgate::checks::sequence::{Checks, Marks, Outcome};
use mailgate::message::Message;
use mailgate::policy::arguments::Addressing;
use mailgate::tags;
use mailgate::transport::health::HealthError;
use mailgate::transport::{Commit, Failure, slots};
use std::time::Duration;
use web::fields::value_of;

/// What is known before the body.
pub struct Look {
    client: Client,
    macros: Vec<Custom>,
    envelope: Envelope,
    marks: Marks,
}

/// What has become of a message.
pub enum Looked {
    /// It may go, to these recipients by this way.
    Pass(Message, Envelope),
    /// It was thrown away, or kept back; the answer says no more than that it was taken.
    Taken(Kept),
}

impl Look {
    /// Asks what can be asked before the body; `None`: nothing is checked here.
    pub fn prepare(
        request: &Request<'_>,
        settings: &Settings<'_>,
        vars: &ExpressionVars<'_>,
        way: &Delivery<'_>,
    ) -> Result<Option<Look>, Refused> {
        if !settings.has_checks() {
            return Ok(None);
        }
        if !settings.milters().is_empty() && settings.addressing() != Addressing::Appended {
            let log = "SendmailMilter needs an envelope of its own, which a milter can change and a signature does not cover: use SendmailRelay, \
                       SendmailMaildir, or SendmailArguments with -- as its last word";
            return Err(
                Problem::hidden(&tags::CHECK_MISCONFIGURED, "this server is not set up to send mail", log).into()
            );
        }
        let macros = expressions::macros(request, settings, vars)?;
        let client = client(request, vars.token.as_str());
        let mut envelope = Envelope { sender: way.sender(vars), recipients: recipients(vars) };
        let size = value_of(&request.headers_in().entries(), "content-length").and_then(|size| size.parse().ok());
        let checks = checks(settings, &macros);
        let marks = {
            let _slot = settings.policy().map(|_| slot(settings)).transpose()?;
            let _running = settings.policy().map(|_| metrics::running());
            checks.before_body(&client, &mut envelope, size.unwrap_or(0)).map_err(|refused| Problem::from(&refused))?
        };
        Ok(Some(Look { client, macros, envelope, marks }))
    }

    /// Has the finished message looked at.
    pub fn run(
        self,
        request: &Request<'_>,
        settings: &Settings<'_>,
        message: Message,
        is_traced: bool,
        commit: &mut Commit<'_>,
    ) -> Result<Looked, Refused> {
        let checks = checks(settings, &self.macros);
        let outcome = {
            let _slot = slot(settings)?;
            let _running = metrics::running();
            checks.after_body(&self.client, self.marks, message, is_traced, self.envelope)
        };
        match outcome.map_err(|refused| Problem::from(&refused))? {
            Outcome::Pass { message, envelope } => Ok(Looked::Pass(message, envelope)),
            Outcome::Discard(reason) => {
                commit().map_err(|error| Problem::from(&Failure::not_recorded(error)))?;
                Ok(Looked::Taken(Kept::Discarded(reason)))
            }
            Outcome::Hold { message, envelope, reason } => {
                let folder = settings.hold().ok_or_else(no_hold)?;
                let owner = self.client.user.as_ref().map_or("", Text::as_str);
                let ticket = Ticket::new(&self.client.queue_id, &reason, owner, &outcome::own_url(request), envelope);
                hold::store(folder, &ticket, &message, commit).map_err(|failure| Problem::from(&failure))?;
                Ok(Looked::Taken(Kept::Held(reason)))
            }
        }
    }
}

fn no_hold() -> Problem {
    Problem::hidden(
        &tags::CHECK_LATER,
        "a check of this server refuses the message for now",
        "SendmailHold names no place",
    )
}

/// Whether the checks without which nothing goes would answer now.
pub fn probe(settings: &Settings<'_>, patience: Duration) -> Result<(), HealthError> {
    let checks = checks(settings, &[]);
    let checks = Checks { timeout: checks.timeout.min(patience), ..checks };
    // Who asks for the health is not always known: no more at a time than messages.
    let slot = slots::acquire(settings.max_processes(), patience);
    let _slot = slot.ok_or_else(|| HealthError {
        reason: "too many messages are at work",
        detail: Failure::busy(settings.max_processes()).detail,
    })?;
    checks.probe().map_err(|detail| HealthError { reason: "a check does not answer", detail })
}

/// What the configuration says for this request.
fn checks<'a>(settings: &Settings<'a>, macros: &'a [Custom]) -> Checks<'a> {
    let transport = settings.transport();
    let appends = settings.addressing() == Addressing::Appended;
    Checks {
        policy: settings.policy(),
        policy_default: settings.policy_default(),
        clamd: settings.clamd(),
        milters: settings.milters(),
        milter_default: settings.milter_default(),
        shows_client: settings.milter_client(),
        macros,
        timeout: settings.milter_timeout().min(settings.timeout()),
        rules: Rules {
            sender: matches!(transport, Some(Transport::Relay(_))),
            recipients: appends && !matches!(transport, Some(Transport::Store(..))),
            allowed: settings.recipients(),
            redirected: settings.redirect_to().is_some(),
        },
        may_hold: appends && settings.hold().is_some(),
        max_body: settings.max_size().saturating_mul(3) / 2 + (1 << 20),
    }
}

/// Checks take a place as programs do: so many at a time.
fn slot(settings: &Settings<'_>) -> Result<slots::Slot, Refused> {
    let failure = Failure::busy(settings.max_processes());
    slots::acquire(settings.max_processes(), settings.timeout()).ok_or_else(|| Problem::from(&failure).into())
}

fn recipients(vars: &ExpressionVars<'_>) -> Vec<Address> {
    let mut seen = std::collections::HashSet::new();
    vars.submission.recipients.iter().filter(|address| seen.insert(*address)).cloned().collect()
}

fn client(request: &Request<'_>, queue_id: &str) -> Client {
    let text = |name| request.variable(name).map(Text::of).unwrap_or_default();
    let user = request.user().map(Text::of);
    Client {
        address: request.client_ip(),
        auth_type: request.auth_type().filter(|_| user.is_some()).map(Text::of),
        user,
        tls: (request.scheme() == "https").then(|| Tls {
            version: text(c"SSL_PROTOCOL"),
            cipher: text(c"SSL_CIPHER"),
            bits: text(c"SSL_CIPHER_USEKEYSIZE"),
        }),
        certificate: (request.certificate() == CorsDecision::Verified)
            .then(|| Certificate { subject: text(c"SSL_CLIENT_S_DN"), issuer: text(c"SSL_CLIENT_I_DN") }),
        server_name: request.server_name().to_owned(),
        queue_id: queue_id.to_owned(),
    }
}
