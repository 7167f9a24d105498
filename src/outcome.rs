//! The outcome of a request -> the error log, the notes for the access log, and the answer.
#![forbid(unsafe_code)]

use crate::metrics::Watch;
use crate::paths;
use crate::settings::Settings;
use httpd::{Request, Status};
use mail::message_id::MessageId;
use mail::redact::redact;
use mail::text::log_value;
use mailgate::answer::form::Visitor;
use mailgate::answer::{Problem, dialect, openapi, wadl};
use mailgate::input::InputError;
use mailgate::input::json::{Dialect, JsonError};
use mailgate::input::mime::MimeInputError;
use mailgate::input::ways::Resource;
use mailgate::message::compose::ComposeError;
use mailgate::policy::PolicyError;
use mailgate::submission::Submission;
use mailgate::tags;
use mailgate::transport::{self, Exit, Failure};
use web::Response;
use web::accept::preferred;
use web::escape::harmless_json;

/// Why a request did not send, or may not have sent.
pub enum Refused {
    /// The body was incomplete; httpd answers with this status.
    Broken(i32),
    /// We answer.
    Problem { problem: Box<Problem>, message_id: Option<MessageId>, exit: Option<Exit> },
}

impl Refused {
    /// The program, the Maildir or the relay did not take the message.
    pub fn failed(failure: &Failure, submission: &Submission) -> Self {
        let problem = Problem::from(failure);
        let problem = Box::new(Problem { log: redact(&problem.log, &submission.hidden), ..problem });
        Refused::Problem { problem, message_id: Some(submission.message_id.clone()), exit: failure.exit }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Refused::Problem { problem: Box::new(problem), message_id: None, exit: None }
    }
}

impl From<InputError> for Refused {
    fn from(error: InputError) -> Self {
        Problem::from(&error).into()
    }
}

impl From<JsonError> for Refused {
    fn from(error: JsonError) -> Self {
        Problem::from(&error).into()
    }
}

impl From<MimeInputError> for Refused {
    fn from(error: MimeInputError) -> Self {
        Problem::from(&error).into()
    }
}

impl From<PolicyError> for Refused {
    fn from(error: PolicyError) -> Self {
        Problem::from(&error).into()
    }
}

impl From<ComposeError> for Refused {
    fn from(error: ComposeError) -> Self {
        Problem::from(&error).into()
    }
}

/// Counts and logs a message that was taken, and leaves the notes for the access log.
pub fn accepted(
    request: &Request<'_>,
    submission: &Submission,
    bytes: u64,
    taken: &transport::Accepted,
    watch: &Watch,
) {
    let usec = watch.accepted().as_micros();
    let id = || log_value(submission.message_id.as_str());
    let exit = taken.exit.map_or("-".to_owned(), |exit| exit.to_string());
    // By default this level is off, and formatting is most of the work.
    if tracing::enabled!(tracing::Level::INFO) {
        let (id, rcpts, ms) = (id(), submission.recipients.len(), usec / 1000);
        let (from, user, redirected) = parties(request, submission);
        let reply = taken.reply.as_ref().map_or(String::new(), |reply| format!(" reply={}", log_value(reply)));
        tracing::info!(
            "{}: accepted id={id} from={from} rcpts={rcpts} bytes={bytes} exit={exit} ms={ms} user={user}{redirected}{reply}",
            tags::ACCEPTED,
        );
    }
    if let Some(words) = &taken.warning {
        let words = redact(words, &submission.hidden);
        tracing::warn!("{}: the program took the message and said: {words} id={}", tags::WORDS, id());
    }
    notes(request, submission, "accepted", bytes, usec);
    note(request, "sendmail-exit", &exit);
}

/// A message that was taken but not handed over: the check that caused this, and why.
pub enum Kept {
    /// Nobody gets it, and its client is not told.
    Discarded(String),
    /// It is held for a person to decide.
    Held(String),
}

/// Counts and logs a message that a check discarded or held, and leaves the notes for the access log.
pub fn kept(request: &Request<'_>, submission: &Submission, kept: &Kept, bytes: u64, watch: &Watch) {
    let (tag, what, status, reason, took) = match kept {
        Kept::Discarded(reason) => (&tags::DISCARDED, "thrown away", "discarded", reason, watch.discarded()),
        Kept::Held(reason) => (&tags::HELD, "held", "held", reason, watch.held()),
    };
    let (id, rcpts, usec) = (log_value(submission.message_id.as_str()), submission.recipients.len(), took.as_micros());
    let (from, user, redirected) = parties(request, submission);
    tracing::info!(
        "{tag}: {what} id={id} from={from} rcpts={rcpts} bytes={bytes} ms={} user={user}{redirected} by={}",
        usec / 1000,
        log_value(reason)
    );
    notes(request, submission, status, bytes, usec);
}

/// Logs a dry run, and leaves the notes for the access log.
pub fn dry_run(request: &Request<'_>, submission: &Submission, bytes: u64, watch: &Watch) {
    let (id, rcpts, usec) =
        (log_value(submission.message_id.as_str()), submission.recipients.len(), watch.dry_run().as_micros());
    let (from, user, redirected) = parties(request, submission);
    tracing::info!(
        "{}: dry run, nothing was sent id={id} from={from} rcpts={rcpts} bytes={bytes} ms={} user={user}{redirected}",
        tags::DRY_RUN,
        usec / 1000
    );
    notes(request, submission, "dry-run", bytes, usec);
}

/// Logs that the answer to an earlier request is repeated, and leaves the notes for the access log.
pub fn replayed(request: &Request<'_>, id: &MessageId) {
    tracing::info!("{}: sent before with this key, not again id={}", tags::REPLAYED, log_value(id.as_str()));
    note(request, "sendmail-id", id.as_str());
    note(request, "sendmail-status", "replayed");
}

/// For the log: the author, the user, and whether the message was redirected.
fn parties(request: &Request<'_>, submission: &Submission) -> (String, String, String) {
    let from = submission.from.as_ref().map_or("-".to_owned(), |from| log_value(&from.address().to_string()));
    let user = request.user().map_or("-".to_owned(), |user| log_value(&String::from_utf8_lossy(user)));
    let redirected = submission.redirected.map(|intended| format!(" redirected=yes intended={intended}"));
    (from, user, redirected.unwrap_or_default())
}

fn notes(request: &Request<'_>, submission: &Submission, status: &str, bytes: u64, usec: u128) {
    note(request, "sendmail-id", submission.message_id.as_str());
    note(request, "sendmail-status", status);
    note(request, "sendmail-rcpts", &submission.recipients.len().to_string());
    note(request, "sendmail-bytes", &bytes.to_string());
    note(request, "sendmail-usec", &usec.to_string());
}

/// Sets a note for the access log.
pub fn note(request: &Request<'_>, name: &str, value: &str) {
    request.notes().set_text(name, value);
}

/// Counts and logs why a request sent nothing, and leaves the notes for the access log; returns the status.
pub fn record(request: &Request<'_>, refused: &Refused, watch: &Watch) -> u16 {
    let (problem, message_id, exit) = match refused {
        Refused::Broken(status) => {
            watch.refused(&tags::BROKEN_OFF);
            tracing::warn!(
                "{}: the body of the request did not come to its end; nothing was sent (status {status})",
                tags::BROKEN_OFF
            );
            note(request, "sendmail-status", tags::BROKEN_OFF.number);
            return 400;
        }
        Refused::Problem { problem, message_id, exit } => (problem, message_id, exit),
    };
    watch.refused(problem.tag);
    let id = message_id.as_ref().map_or(String::new(), |id| format!(" id={}", log_value(id.as_str())));
    if problem.tag.status >= 500 {
        tracing::error!("{}: {}{id}", problem.tag, problem.log);
    } else {
        tracing::warn!("{}: {}{id}", problem.tag, problem.log);
    }
    note(request, "sendmail-status", problem.tag.number);
    if let Some(id) = message_id {
        note(request, "sendmail-id", id.as_str());
    }
    match exit {
        Some(Exit::Code(code)) => note(request, "sendmail-exit", &code.to_string()),
        Some(Exit::Signal(signal)) => note(request, "sendmail-exit", &format!("signal-{signal}")),
        None => {}
    }
    problem.tag.status
}

/// The format of an answer.
#[derive(Clone, Copy)]
pub enum Speech<'a> {
    /// That of an SDK, which reads nothing else.
    Dialect(Dialect),
    /// Those of a page whose form somebody filled in.
    Visitor(Visitor<'a>),
    /// Ours, in the form that the client accepts.
    Ours { accept: Option<&'a str> },
}

/// Counts and logs why a request sent nothing, and answers it: with httpd's page if the configuration has one for the status, otherwise
/// with ours.
pub fn refuse(
    request: &Request<'_>,
    settings: &Settings<'_>,
    refused: Refused,
    speech: Speech<'_>,
    watch: &Watch,
) -> Status {
    record(request, &refused, watch);
    let (problem, message_id) = match refused {
        Refused::Broken(status) => return Status::http(status),
        Refused::Problem { problem, message_id, .. } => (problem, message_id),
    };
    let (id, show_words) = (message_id.as_ref(), settings.error_detail());
    let reply = match speech {
        Speech::Dialect(dialect) => dialect::refused(dialect, &problem, id, show_words),
        Speech::Visitor(visitor) => visitor.refused(&problem, id, show_words),
        Speech::Ours { accept } => problem.reply(accept, id, show_words),
    };
    for (name, value) in &reply.fields {
        request.err_headers_out().set_text(name, value);
    }
    let is_ours = match speech {
        Speech::Dialect(_) => false,
        Speech::Visitor(_) => problem.details.as_deref().is_none_or(|details| details.page.is_none()), // a page of the site would not keep what was typed
        Speech::Ours { .. } => true,
    };
    if is_ours && request.has_error_document(reply.status) {
        return Status::http(reply.status.into());
    }
    // The fields are already in err_headers_out.
    request.send(&Response { fields: Vec::new(), ..reply })
}

/// Sets the methods allowed at the path of the request.
pub fn allow(request: &Request<'_>, resource: Resource<'_>) {
    request.headers_out().set_text("Allow", &resource.allow());
}

/// Lets the page behind this request read the answer, even if httpd writes it.
pub fn grant(request: &Request<'_>, fields: &[(&'static str, String)]) {
    for (name, value) in fields {
        request.err_headers_out().set_text(name, value);
    }
}

/// Answers a browser's preflight.
pub fn preflight(request: &Request<'_>, resource: Resource<'_>, fields: &[(&'static str, String)]) -> Status {
    grant(request, fields);
    allow(request, resource);
    request.send(&Response {
        status: 204,
        fields: Vec::new(),
        content_type: "text/plain; charset=utf-8",
        body: Vec::new(),
    })
}

/// Answers OPTIONS with the WADL, or with OpenAPI if the client prefers that.
pub fn describe(
    request: &Request<'_>,
    settings: &Settings<'_>,
    resource: Resource<'_>,
    accept: Option<&str>,
) -> Status {
    allow(request, resource);
    if preferred(accept, &[WADL, openapi::MEDIA_TYPE]) == Some(openapi::MEDIA_TYPE) {
        return describe_by_openapi(request, settings);
    }
    let url = settings.location().cloned().unwrap_or_else(|| own_url(request));
    request.send(&Response {
        status: 200,
        fields: Vec::new(),
        content_type: WADL,
        body: wadl::document(&url, settings.inputs(), settings.challenge().is_some()).into_string().into_bytes(),
    })
}

const WADL: &str = "application/vnd.sun.wadl+xml";

/// Describes the location as OpenAPI, at any of its paths.
pub fn describe_by_openapi(request: &Request<'_>, settings: &Settings<'_>) -> Status {
    let url = settings.location().cloned().unwrap_or_else(|| {
        let base = paths::base(request).unwrap_or_default();
        format!("{}{base}", request.origin())
    });
    let document = openapi::document(&url, settings.inputs(), settings.challenge().is_some());
    request.send(&Response {
        status: 200,
        fields: vec![("X-Content-Type-Options", "nosniff".to_owned())],
        content_type: openapi::MEDIA_TYPE,
        body: harmless_json(&document).into_bytes(),
    })
}

/// The URL of this request. Only its path comes from the client.
pub fn own_url(request: &Request<'_>) -> String {
    format!("{}{}", request.origin(), String::from_utf8_lossy(request.uri()))
}
