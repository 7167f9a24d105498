//! Handling a request: checks that need no body, the body, the message, the hand-over, the answer. The first octet of the answer is written
//! only once the outcome is known.
#![forbid(unsafe_code)]

use crate::batch_smtp;
use crate::challenge;
use crate::claims::{self, Keyed};
use crate::directives::DirConfig;
use crate::email;
use crate::envelope;
use crate::faults;
use crate::form;
use crate::json::Json;
use crate::metrics::Watch;
use crate::outcome::{self, Refused, Speech};
use crate::paths;
use crate::rates::Rates;
use crate::read;
use crate::settings::{IN_MEMORY, Settings, TEMPORARY};
use crate::submit::{Content, Guards, Outcome, Sent, Wish, submit};
use httpd::{Request, Status};
use mailgate::answer::form::Visitor;
use mailgate::answer::{Accepted, Held, Problem};
use mailgate::input::ways::{BATCH_SMTP, Resource, Way};
use mailgate::input::{self, InputError, framing};
use mailgate::tags;
use sys::spool::Spool;
use web::Response;
use web::fields::value_of;
use web::origin::{self, CorsDecision, Names};

/// Answers a request for the handler `sendmail`.
pub fn handle(request: &Request<'_>, config: &DirConfig) -> Status {
    let watch = Watch::start();
    faults::begin(request);
    let settings = Settings::of(config);
    let resource = paths::resource(request, &settings);
    request.allow_methods(resource.methods());
    if !request.is_main() || request.is_error_document() {
        return Status::http(405);
    }
    claims::announce(request, &settings);
    let fields = request.headers_in().entries();
    let accept = value_of(&fields, "accept");
    let way = match resource {
        Resource::Description | Resource::Mail => settings.inputs().way(|| input::given_type(&fields)),
        Resource::Challenge | Resource::Email(_) | Resource::Json(_) => None,
    };
    let speech = match (resource.dialect(), way) {
        (Some(dialect), _) => Speech::Dialect(dialect),
        (None, Some(Way::Form)) => {
            let language = value_of(&fields, "accept-language");
            Speech::Visitor(Visitor::of(settings.form_languages(), accept.as_deref(), language.as_deref()))
        }
        (None, _) => Speech::Ours { accept: accept.as_deref() },
    };
    let answers_to = |name: &str| request.answers_to(name);
    let names = Names { server_name: request.server_name(), answers_to: &answers_to };
    let cors = origin::check(&fields, settings.allow_origin(), names);
    if let CorsDecision::Allowed(grant) = &cors {
        outcome::grant(request, &grant.fields());
    }
    match (request.method(), resource, cors) {
        (b"POST", _, CorsDecision::Foreign(foreign))
        | (b"GET" | b"HEAD", Resource::Email(_), CorsDecision::Foreign(foreign)) => {
            outcome::refuse(request, &settings, Problem::from(&foreign).into(), speech, &watch)
        }
        (b"GET" | b"HEAD", Resource::Challenge, _) => challenge::answer(request, &settings, speech, &watch),
        (b"GET" | b"HEAD", Resource::Description, _) => outcome::describe_by_openapi(request, &settings),
        (b"GET" | b"HEAD", Resource::Email(id), _) => email::show(request, &settings, id),
        (b"POST", Resource::Description | Resource::Json(_) | Resource::Mail, _) => {
            let asked = Asked { resource, way, speech, accept: accept.as_deref() };
            let outcome = post(request, &settings, &fields, &asked, &watch);
            faults::end(request);
            match outcome {
                Ok(reply) => request.send(&reply),
                Err(refused) => outcome::refuse(request, &settings, refused, speech, &watch),
            }
        }
        (b"OPTIONS", _, CorsDecision::Allowed(grant)) => match origin::preflight(&fields) {
            Some(asked) => {
                let of_use = |name: &str| is_of_use(&settings, resource, name);
                outcome::preflight(request, resource, &grant.preflight(&resource.allow(), &asked, of_use))
            }
            None => outcome::describe(request, &settings, resource, accept.as_deref()),
        },
        (b"OPTIONS", ..) => outcome::describe(request, &settings, resource, accept.as_deref()),
        _ => {
            outcome::allow(request, resource);
            outcome::refuse(request, &settings, method_not_allowed(resource).into(), speech, &watch)
        }
    }
}

/// Whether a page has anything to say by this field of a request.
fn is_of_use(settings: &Settings<'_>, resource: Resource<'_>, name: &str) -> bool {
    let of_resource = match resource {
        Resource::Challenge => false,
        Resource::Email(_) | Resource::Json(_) => OF_SDKS.iter().any(|known| known.eq_ignore_ascii_case(name)),
        Resource::Description | Resource::Mail => {
            input::reaches_mail(name, settings.pass_headers().map(Vec::as_slice), settings.strip_headers())
        }
    };
    of_resource
        || settings.dry_run().is_offered() && name.eq_ignore_ascii_case("Prefer")
        || settings.idempotency().is_some() && name.eq_ignore_ascii_case("Idempotency-Key")
}

/// What SDKs send beside their JSON. A page of theirs has the key itself, where a form relies on the login of its browser.
const OF_SDKS: &[&str] =
    &["Authorization", "Content-Type", "User-Agent", "X-Batch-Validation", "X-Postmark-Server-Token"];

fn method_not_allowed(resource: Resource<'_>) -> Problem {
    let detail = match resource {
        Resource::Challenge => "only GET asks for a challenge; forms are sent to the path above",
        Resource::Email(_) => "only GET shows what became of a message",
        Resource::Description | Resource::Json(_) | Resource::Mail => "only POST sends mail, and OPTIONS describes how",
    };
    Problem::new(&tags::METHOD, detail)
}

/// What a POST is for, and in whose words it is answered.
struct Asked<'a> {
    resource: Resource<'a>,
    /// Of a message that is no JSON; `None` where none is offered.
    way: Option<Way>,
    speech: Speech<'a>,
    accept: Option<&'a str>,
}

/// Takes the message in the way that the request chooses.
fn post(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    asked: &Asked<'_>,
    watch: &Watch,
) -> Result<Response, Refused> {
    let dry_run = settings.dry_run().judge(fields).map_err(Problem::from)?;
    let rates = Rates::message(request, settings, dry_run.is_some())?;
    let keyed = if dry_run.is_none() { Keyed::of(request, settings, fields)? } else { None };
    let mut guards = Guards { rates, keyed, is_unknown: false };
    framing::check(fields, framing(request, settings))?;
    let wish = Wish { dry_run, accept: asked.accept };
    let response = match (asked.resource, asked.speech) {
        (Resource::Json(call), _) => Json { request, settings, fields, call, watch }.post(wish, &mut guards)?,
        (_, Speech::Visitor(visitor)) => form::post(request, settings, fields, visitor, wish, &mut guards, watch)?,
        (Resource::Challenge | Resource::Description | Resource::Email(_) | Resource::Mail, _) => {
            message(request, settings, fields, asked.way, wish, &mut guards, watch)?
        }
    };
    guards.keyed.iter().for_each(Keyed::sweep);
    guards.rates.answered(&response);
    Ok(response)
}

/// The format chosen by the body's type: the fields of the request and its body, or a whole message.
fn message(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    way: Option<Way>,
    wish: Wish<'_>,
    guards: &mut Guards<'_>,
    watch: &Watch,
) -> Result<Response, Refused> {
    let outcome = match way {
        Some(Way::Fields) => submit(request, settings, fields, &Content::Request, wish, guards, watch)?,
        Some(Way::Mime) => mime(request, settings, fields, wish, guards, watch)?,
        Some(Way::Form | Way::Json(_)) | None => {
            return Err(InputError::NotOffered { offered: settings.inputs().words() }.into());
        }
    };
    Ok(match outcome {
        Outcome::DryRun(response) => response,
        Outcome::Held { message_id } => Held { message_id: &message_id }.reply(wish.accept),
        Outcome::Sent(Sent { message_id, status_url, .. }) => {
            let (status_url, redirect) = (status_url.as_deref(), settings.dsn_redirect());
            Accepted { message_id: &message_id, status_url, redirect }.reply(wish.accept)
        }
    })
}

/// A whole message as the body, with an envelope of its own if the request names one or the body has it.
fn mime(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    wish: Wish<'_>,
    guards: &mut Guards<'_>,
    watch: &Watch,
) -> Result<Outcome, Refused> {
    let (envelope, spool) = if input::given_type(fields).is_some_and(|given| given.essence() == BATCH_SMTP) {
        input::mime::no_envelope(fields)?;
        let (envelope, spool) = batch_smtp::read(request, settings)?;
        let envelope = envelope::of_transaction(&envelope, settings);
        settings.check_envelope(&envelope)?;
        (envelope, spool)
    } else {
        let envelope = input::mime::envelope(fields)?;
        settings.check_envelope(&envelope)?;
        let mut spool = Spool::new(&TEMPORARY, IN_MEMORY);
        read::body(request, settings, &mut |octets| spool.write(octets))?;
        (envelope, spool)
    };
    let (fields, body) = input::mime::header(&spool)?;
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    let content = Content::Message { spool: &spool, body, envelope: &envelope };
    submit(request, settings, &fields, &content, wish, guards, watch)
}

fn framing(request: &Request<'_>, settings: &Settings<'_>) -> framing::Framing {
    framing::Framing {
        http10: request.is_http10(),
        http2: request.is_http2(),
        input_filter: request.has_input_filter(),
        max_size: settings.max_size(),
    }
}
