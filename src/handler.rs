//! The way of a request: what can be refused without its body, the body, the message, the hand-over, the answer. The first octet of
//! the answer is written when the outcome is known.
#![forbid(unsafe_code)]

use crate::claims::{self, Keyed};
use crate::directives::DirConfig;
use crate::faults;
use crate::metrics::Watch;
use crate::outcome::{self, Refused, Speech};
use crate::rates::Rates;
use crate::settings::{Settings, TEMPORARY};
use crate::submit::{Content, Guards, Outcome, Sent, Wish, read_body, submit};
use conftree::sections::below;
use httpd::{Request, Status};
use mailgate::answer::dialect;
use mailgate::answer::{Accepted, Held, Problem};
use mailgate::input::json::Dialect;
use mailgate::input::ways::Way;
use mailgate::input::{self, InputError, framing};
use mailgate::tags;
use std::sync::{PoisonError, RwLock};
use sys::spool::Spool;
use web::Response;
use web::fields::value_of;
use web::origin::{self, CorsDecision, Names};

/// The paths of the `<Location>` sections with our handler, as the last reading of the configuration had them.
static LOCATIONS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Keeps the paths behind which those of the SDKs stand.
pub fn remember_locations(paths: Vec<String>) {
    *LOCATIONS.write().unwrap_or_else(PoisonError::into_inner) = paths;
}

/// Whose JSON the path of this request takes: what stands behind the path of SendmailLocation, else of the longest `<Location>`.
fn dialect(request: &Request<'_>, settings: &Settings<'_>) -> Option<Dialect> {
    let locations = LOCATIONS.read().unwrap_or_else(PoisonError::into_inner);
    let public = settings.location().and_then(|url| url.splitn(4, '/').nth(3).map(|path| format!("/{path}")));
    let public = below(public.as_deref(), request.uri());
    let (_, rest) = public.or_else(|| below(locations.iter().map(String::as_str), request.uri()))?;
    settings.inputs().dialect(rest)
}

/// Answers a request for the handler `sendmail`.
pub fn handle(request: &Request<'_>, config: &DirConfig) -> Status {
    let watch = Watch::start();
    faults::begin(request);
    let settings = Settings::of(config);
    request.allow_methods(&[c"POST", c"OPTIONS"]);
    if !request.is_main() || request.is_error_document() {
        return Status::http(405);
    }
    claims::announce(request, &settings);
    let fields = request.headers_in().entries();
    let accept = value_of(&fields, "accept");
    let dialect = dialect(request, &settings);
    let speech = dialect.map_or(Speech::Ours { accept: accept.as_deref() }, Speech::Dialect);
    let answers_to = |name: &str| request.answers_to(name);
    let names = Names { server_name: request.server_name(), answers_to: &answers_to };
    let cors = origin::check(&fields, settings.allow_origin(), names);
    if let CorsDecision::Allowed(grant) = &cors {
        outcome::grant(request, &grant.fields());
    }
    match (request.method(), cors) {
        (b"POST", CorsDecision::Foreign(foreign)) => {
            outcome::refuse(request, &settings, Problem::from(&foreign).into(), speech, &watch)
        }
        (b"POST", _) => {
            let outcome = post(request, &settings, &fields, accept.as_deref(), dialect, &watch);
            faults::end(request);
            match outcome {
                Ok(reply) => request.send(&reply),
                Err(refused) => outcome::refuse(request, &settings, refused, speech, &watch),
            }
        }
        (b"OPTIONS", CorsDecision::Allowed(grant)) => match origin::preflight(&fields) {
            Some(asked) => {
                let of_use = |name: &str| {
                    input::reaches_mail(name, settings.pass_headers().map(Vec::as_slice), settings.strip_headers())
                        || settings.dry_run().is_offered() && name.eq_ignore_ascii_case("Prefer")
                        || settings.idempotency().is_some() && name.eq_ignore_ascii_case("Idempotency-Key")
                };
                outcome::preflight(request, &grant.preflight(&asked, of_use))
            }
            None => outcome::describe(request, &settings),
        },
        (b"OPTIONS", _) => outcome::describe(request, &settings),
        _ => outcome::refuse(request, &settings, method_not_allowed().into(), speech, &watch),
    }
}

fn method_not_allowed() -> Problem {
    Problem::new(&tags::METHOD, "only POST sends mail, and OPTIONS describes how")
}

/// Takes the message in the way that the request chooses.
fn post(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    accept: Option<&str>,
    dialect: Option<Dialect>,
    watch: &Watch,
) -> Result<Response, Refused> {
    let dry_run = settings.dry_run().judge(fields).map_err(Problem::from)?;
    let rates = Rates::message(request, settings, dry_run.is_some())?;
    let keyed = if dry_run.is_none() { Keyed::of(request, settings, fields)? } else { None };
    let mut guards = Guards { rates, keyed };
    framing::check(fields, framing(request, settings))?;
    let wish = Wish { dry_run, accept };
    let response = match dialect {
        Some(dialect) => json(request, settings, fields, wish, dialect, &mut guards, watch)?,
        None => message(request, settings, fields, wish, &mut guards, watch)?,
    };
    guards.keyed.iter().for_each(Keyed::sweep);
    guards.rates.answered(&response);
    Ok(response)
}

/// What the type of the body chooses: the fields of the request and its body, or a whole message.
fn message(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    wish: Wish<'_>,
    guards: &mut Guards<'_>,
    watch: &Watch,
) -> Result<Response, Refused> {
    let (inputs, accept) = (settings.inputs(), wish.accept);
    let outcome = match inputs.way(input::given_type(fields).as_ref()) {
        Some(Way::Fields) => submit(request, settings, fields, &Content::Request, wish, guards, watch)?,
        Some(Way::Mime) => mime(request, settings, fields, wish, guards, watch)?,
        Some(Way::Json(_)) | None => return Err(InputError::NotOffered { offered: inputs.words() }.into()),
    };
    Ok(match outcome {
        Outcome::DryRun(response) => response,
        Outcome::Held { message_id } => Held { message_id: &message_id }.reply(accept),
        Outcome::Sent(Sent { message_id, status_url, .. }) => {
            let (status_url, redirect) = (status_url.as_deref(), settings.dsn_redirect());
            Accepted { message_id: &message_id, status_url, redirect }.reply(accept)
        }
    })
}

/// The JSON of an SDK, answered in its words.
fn json(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    wish: Wish<'_>,
    dialect: Dialect,
    guards: &mut Guards<'_>,
    watch: &Watch,
) -> Result<Response, Refused> {
    input::no_second_source(fields)?;
    if input::given_type(fields).is_none_or(|given| given.essence() != "application/json") {
        return Err(InputError::NotJson.into());
    }
    let mut body = Spool::new(&TEMPORARY, IN_MEMORY);
    read_body(request, settings, &mut |octets| body.write(octets))?;
    let mut contents = Spool::new(&TEMPORARY, IN_MEMORY);
    let mail = input::json::read(dialect, &body, &mut contents)?;
    drop(body);
    let fields: Vec<_> = mail.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let content = Content::Parts { spool: &contents, root: &mail.root };
    let to = mail.field("To");
    Ok(match submit(request, settings, &fields, &content, wish, guards, watch)? {
        Outcome::DryRun(response) => response,
        Outcome::Held { message_id } => {
            dialect::accepted(dialect, dialect::Sent { to, message_id: &message_id, status_url: None, suppressed: &[] })
        }
        Outcome::Sent(Sent { message_id, status_url, left_out }) => {
            let status_url = status_url.as_deref();
            let sent = dialect::Sent { to, message_id: &message_id, status_url, suppressed: &left_out };
            dialect::accepted(dialect, sent)
        }
    })
}

/// A whole message as the body, with an envelope of its own if the request names one.
fn mime(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    wish: Wish<'_>,
    guards: &mut Guards<'_>,
    watch: &Watch,
) -> Result<Outcome, Refused> {
    let envelope = input::mime::envelope(fields)?;
    settings.check_envelope(&envelope)?;
    let mut spool = Spool::new(&TEMPORARY, IN_MEMORY);
    read_body(request, settings, &mut |octets| spool.write(octets))?;
    let (fields, body) = input::mime::header(&spool)?;
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    let content = Content::Message { spool: &spool, body, envelope: &envelope };
    submit(request, settings, &fields, &content, wish, guards, watch)
}

/// What stays in memory of a body that is read before it is looked at, in octets.
const IN_MEMORY: usize = 64 * 1024;

fn framing(request: &Request<'_>, settings: &Settings<'_>) -> framing::Framing {
    framing::Framing {
        http10: request.is_http10(),
        http2: request.is_http2(),
        input_filter: request.has_input_filter(),
        max_size: settings.max_size(),
    }
}
