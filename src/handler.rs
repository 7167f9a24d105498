//! The way of a request: what can be refused without its body, the body, the message, the hand-over, the answer. The first octet of
//! the answer is written when the outcome is known.
#![forbid(unsafe_code)]

use crate::checks::{Look, Looked};
use crate::directives::{DirConfig, Received};
use crate::handover::HandOver;
use crate::ledger;
use crate::metrics::Watch;
use crate::outcome::{self, Refused};
use crate::settings::{Settings, TEMPORARY};
use crate::{expressions, faults};
use httpd::{BodyError, Request, Status};
use mail::address::Domain;
use mail::message_id::Token;
use mailgate::answer::{self, Accepted, Problem};
use mailgate::input::{self, Rules, framing};
use mailgate::message::compose::Trace;
use mailgate::message::draft::Draft;
use mailgate::submission::Submission;
use mailgate::tags;
use web::Response;
use web::fields::value_of;
use web::origin::{self, Standing};

/// Answers a request for the handler `sendmail`.
pub fn handle(request: &Request<'_>, config: &DirConfig) -> Status {
    let watch = Watch::start();
    faults::begin(request);
    let settings = Settings::of(config);
    request.allow_methods(&[c"POST", c"OPTIONS"]);
    if !request.is_main() || request.is_error_document() {
        return Status::http(405);
    }
    let fields = request.headers_in().entries();
    let accept = value_of(&fields, "accept");
    let standing = origin::judge(&fields, settings.allow_origin());
    if let Standing::Allowed(grant) = &standing {
        outcome::grant(request, &grant.fields());
    }
    match (request.method(), standing) {
        (b"POST", Standing::Foreign(foreign)) => {
            outcome::refuse(request, &settings, Problem::from(&foreign).into(), accept.as_deref(), &watch)
        }
        (b"POST", _) => {
            let outcome = post(request, &settings, &fields, &watch);
            faults::end(request);
            match outcome {
                Ok(reply) => request.send(&reply),
                Err(refused) => outcome::refuse(request, &settings, refused, accept.as_deref(), &watch),
            }
        }
        (b"OPTIONS", Standing::Allowed(grant)) => match origin::preflight(&fields) {
            Some(asked) => {
                let of_use = |name: &str| {
                    input::reaches_mail(name, settings.pass_headers(), settings.strip_headers())
                        || settings.dry_run().is_offered() && name.eq_ignore_ascii_case("Prefer")
                };
                outcome::preflight(request, &grant.preflight(&asked, of_use))
            }
            None => outcome::describe(request, &settings),
        },
        (b"OPTIONS", _) => outcome::describe(request, &settings),
        _ => outcome::refuse(request, &settings, method_not_allowed().into(), accept.as_deref(), &watch),
    }
}

fn method_not_allowed() -> Problem {
    Problem::new(&tags::METHOD, "only POST sends mail, and OPTIONS describes how")
}

fn post(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    watch: &Watch,
) -> Result<Response, Refused> {
    let trial = settings.dry_run().judge(fields).map_err(Problem::from)?;
    framing::check(fields, framing(request, settings))?;
    let transport = settings.transport().ok_or_else(no_transport)?;
    let token = Token::random().map_err(|error| input::InputError::Random(error.to_string()))?;
    let envid = Token::random().map_err(|error| input::InputError::Random(error.to_string()))?;
    let submission = read_fields(request, settings, fields, &token)?;
    let offered = expressions::Offered { submission: &submission, token: &token, envid: &envid };
    let mut way = HandOver::prepare(request, settings, &offered, transport)?;
    let status_base = expressions::dsn_location(request, settings, &offered)?;
    let mut entry = ledger::open(request, settings, &offered, status_base.as_deref())?;
    let look = if trial.is_none() { Look::prepare(request, settings, &offered, &way)? } else { None };

    let trace = trace(request, settings, &token);
    let is_traced = trace.is_some();
    let mut draft = Draft::new(&submission, trace, &TEMPORARY);
    read_body(request, settings, &mut draft)?;
    framing::encoding(&request.headers_in().entries())?;
    let mut message = draft.finish()?;
    faults::point(request, "message");
    let accept = value_of(fields, "accept");
    if let Some(trial) = trial {
        let reply = way.rehearse(settings, &offered, &message, trial, accept.as_deref());
        let reply = reply.map_err(|error| answer::spool_full(&error))?;
        outcome::rehearsed(request, &submission, message.len(), watch);
        return Ok(reply);
    }

    let checked;
    let mut recipients = &submission;
    if let Some(look) = look {
        let bytes = message.len();
        match look.run(request, settings, message, is_traced)? {
            Looked::Taken(kept) => {
                return Ok(outcome::kept(request, &submission, &kept, bytes, watch, accept.as_deref()));
            }
            Looked::Pass(checked_message, envelope) => {
                message = checked_message;
                way.readdress(settings, &offered, &envelope);
                checked = Submission { recipients: envelope.recipients, ..submission.clone() };
                recipients = &checked;
            }
        }
    }
    let offered = expressions::Offered { submission: recipients, ..offered };
    let submission = recipients;
    entry.write(request, settings, &offered);
    let taken = way.run(settings, &message).map_err(|failure| {
        entry.failed(request, &failure);
        Refused::failed(&failure, submission.message_id.clone())
    })?;
    faults::point(request, "accepted");
    outcome::accepted(request, submission, message.len(), &taken, watch);
    let accepted = Accepted {
        message_id: &submission.message_id,
        status_url: entry.status_url(settings),
        redirect: settings.dsn_redirect(),
    };
    Ok(accepted.reply(accept.as_deref()))
}

fn framing(request: &Request<'_>, settings: &Settings<'_>) -> framing::Framing {
    framing::Framing {
        http10: request.is_http10(),
        http2: request.is_http2(),
        input_filter: request.has_input_filter(),
        max_size: settings.max_size(),
    }
}

fn no_transport() -> Problem {
    let log = format!("none of SendmailName, SendmailMaildir and SendmailRelay is set for this location; {REMEDY}");
    Problem::hidden(&tags::MISCONFIGURED, "this server is not set up to send mail", log)
}

const REMEDY: &str = "add SendmailName /usr/sbin/sendmail";

fn read_fields(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    token: &Token,
) -> Result<Submission, Refused> {
    let sender = expressions::sender(request, settings)?;
    // A ServerName that is no domain (an IPv6 address) cannot stand behind the @.
    let server_name = Domain::parse(request.server_name()).or_else(|_| Domain::parse("localhost.localdomain"));
    let server_name = server_name.expect("a constant");
    let submission = input::read(
        fields,
        &Rules {
            addressing: settings.addressing(),
            aliases: settings.aliases(),
            domain: settings.domain(),
            from_required: settings.requires_from(),
            max_recipients: settings.max_recipients(),
            pass: settings.pass_headers(),
            recipients: settings.recipients(),
            redirect: settings.redirect_to(),
            sender: sender.as_ref().map(expressions::Sender::vouched),
            server_name: &server_name,
            strip: settings.strip_headers(),
            token,
        },
    )?;
    if !submission.stripped.is_empty() {
        tracing::debug!("{}: fields left out of the mail: {}", tags::STRIPPED, submission.stripped.join(" "));
    }
    Ok(submission)
}

/// The body to its true end.
fn read_body(request: &Request<'_>, settings: &Settings<'_>, draft: &mut Draft<'_>) -> Result<(), Refused> {
    let max = settings.max_size();
    request
        .read_body(|octets| {
            faults::point(request, "body");
            if draft.body_len() + octets.len() as u64 > max {
                return Err(Box::new(Problem::from(&input::InputError::TooLarge { max })));
            }
            draft.write(octets).map_err(|error| Box::new(answer::spool_full(&error)))
        })
        .map_err(|error| match error {
            BodyError::Sink(problem) => Refused::from(*problem),
            BodyError::Filter(status) => Refused::Broken(status),
        })
}

fn trace<'a>(request: &Request<'a>, settings: &Settings<'_>, token: &'a Token) -> Option<Trace<'a>> {
    let received = settings.received();
    (received != Received::Off).then(|| Trace {
        client: request.client_ip().filter(|_| received != Received::Anonymous),
        user: request.user().filter(|_| received == Received::Full),
        server_name: request.server_name(),
        https: request.scheme() == "https",
        token,
    })
}
