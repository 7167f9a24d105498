//! `SetHandler sendmail-health`, in a location below one that sends, whose settings it inherits: whether a message could be handed over
//! now. Nothing is sent.
#![forbid(unsafe_code)]

use crate::directives::{DirConfig, Probe, Transport};
use crate::host::check_host;
use crate::outcome::note;
use crate::settings::Settings;
use crate::{checks, claims};
use httpd::{Request, Status};
use mailgate::answer::{self, Problem};
use mailgate::tags;
use mailgate::transport;
use mailgate::transport::health::{self, HealthError, Healthy, Scope};
use mailgate::transport::smtp::{Relay, StartTls};
use std::time::Duration;
use web::fields::value_of;

/// Longest wait for a relay; whoever asks for the health of a service asks often.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers a request for the handler `sendmail-health`.
pub fn handle(request: &Request<'_>, config: &DirConfig) -> Status {
    let settings = Settings::of(config);
    let accept = value_of(&request.headers_in().entries(), "accept");
    request.allow_methods(&[c"GET", c"HEAD"]);
    if !matches!(request.method(), b"GET" | b"HEAD") {
        let problem = Problem::new(&tags::METHOD, "GET asks for the health; nothing is sent from here");
        request.headers_out().set(c"Allow", c"GET, HEAD");
        return request.send(&problem.reply(accept.as_deref(), None, false));
    }
    if let Err(problem) = check_host(request) {
        tracing::warn!("{}: {}", problem.tag, problem.log);
        note(request, "sendmail-status", problem.tag.number);
        return request.send(&problem.reply(accept.as_deref(), None, false));
    }
    let health = examine(request, &settings);
    match &health {
        Ok(_) => note(request, "sendmail-status", "healthy"),
        Err(HealthError { reason, detail }) => {
            tracing::warn!("{}: the health check failed: {reason}: {detail}", tags::UNHEALTHY);
            note(request, "sendmail-status", tags::UNHEALTHY.0);
        }
    }
    request.send(&answer::health::reply(&health, accept.as_deref(), settings.error_detail()))
}

fn examine(request: &Request<'_>, settings: &Settings<'_>) -> Result<Healthy, HealthError> {
    let mut health = Healthy::new(way_out(request, settings)?);
    if let Some(probe) = settings.health_probe() {
        behind(request, settings, probe)?;
        health.behind();
    }
    if settings.idempotency().is_some() {
        claims::probe(request, settings)?;
        health.also.push("the keys of messages that are sent once can be kept");
    }
    if settings.has_checks() {
        checks::probe(settings, PATIENCE)?;
    }
    Ok(health)
}

/// What sits behind a program that takes everything.
fn behind(request: &Request<'_>, settings: &Settings<'_>, probe: &Probe) -> Result<(), HealthError> {
    match probe {
        Probe::Queue(directory, age) => health::queue(directory, *age),
        Probe::Smtp(server) => {
            let server = Relay {
                server: server.clone(),
                credentials: None,
                authorities: None,
                identity: None,
                starttls: StartTls::Never,
                name: request.server_name().to_owned(),
            };
            health::behind(&server, settings.timeout().min(PATIENCE))
        }
    }
}

fn way_out(request: &Request<'_>, settings: &Settings<'_>) -> Result<Scope, HealthError> {
    match settings.transport() {
        Some(Transport::Program(path)) => health::program(path),
        Some(Transport::Relay(server)) => {
            health::relay(&settings.relay(server, request.server_name()), settings.timeout().min(PATIENCE))
        }
        Some(Transport::Store(store, path)) => (store.check)(path),
        None => Err(HealthError {
            reason: "nothing is set that takes mail",
            detail: format!("none of {} is set for this location", transport::directives_in_words()),
        }),
    }
}
