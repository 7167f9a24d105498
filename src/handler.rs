//! The way of a request: what can be refused without its body, the body, the message, the hand-over, the answer. The first octet of
//! the answer is written when the outcome is known.
#![forbid(unsafe_code)]

use crate::directives::{DirConfig, Received, Transport};
use crate::outcome::{self, Refused};
use crate::settings::{Settings, TEMPORARY};
use crate::{expressions, faults};
use httpd::{BodyError, Request, Status, guard};
use mailgate::address::Domain;
use mailgate::input::{self, Rules, Submission, framing};
use mailgate::message::body::{Facts, Scan};
use mailgate::message::compose::{self, Trace};
use mailgate::message_id::Token;
use mailgate::policy::arguments::Addressing;
use mailgate::reply::{self, Accepted, Again, Problem};
use mailgate::spool::Spool;
use mailgate::transport::{self, Failure, FailureKind, Message, Program, maildir, slots};
use std::path::Path;
use std::time::Instant;

/// What stays in memory while a message is made.
const MEMORY: usize = 64 * 1024;

/// Answers a request for the handler `sendmail`.
pub fn handle(request: &Request<'_>, config: &DirConfig) -> Status {
    faults::begin(request);
    let settings = Settings::of(config);
    request.allow_methods(&[c"POST", c"OPTIONS"]);
    if !request.is_main() || request.is_error_document() {
        return Status::http(405);
    }
    let accept = input::value_of(&request.headers_in().entries(), "accept");
    match request.method() {
        b"POST" => {
            let outcome = post(request, &settings);
            faults::end(request);
            match outcome {
                Ok(reply) => outcome::send(request, &reply),
                Err(refused) => outcome::refuse(request, &settings, refused, accept.as_deref()),
            }
        }
        b"OPTIONS" => outcome::describe(request, &settings),
        _ => outcome::refuse(request, &settings, method_not_allowed().into(), accept.as_deref()),
    }
}

fn method_not_allowed() -> Problem {
    Problem::new(405, "SM0108", Again::AfterCorrection, "only POST sends mail, and OPTIONS describes how")
}

fn post(request: &Request<'_>, settings: &Settings<'_>) -> Result<reply::Reply, Refused> {
    let begin = Instant::now();
    let fields = request.headers_in().entries();
    framing::check(&fields, framing(request, settings))?;
    let transport = settings.transport().ok_or_else(no_transport)?;
    let token = Token::random().map_err(|error| input::InputError::Random(error.to_string()))?;
    let envid = Token::random().map_err(|error| input::InputError::Random(error.to_string()))?;
    let submission = read_fields(request, settings, &fields, &token)?;
    let offered = expressions::Offered { submission: &submission, token: &token, envid: &envid };
    let arguments = match transport {
        Transport::Maildir(_) => Vec::new(),
        Transport::Program(_) => expressions::arguments(request, settings, &offered)?,
    };
    let status_base = expressions::dsn_location(request, settings, &offered)?;

    let (body, facts) = read_body(request, settings)?;
    framing::encoding(&request.headers_in().entries())?;
    let trace = trace(request, settings, &token);
    let message = compose::compose(&submission, trace, &body, &facts, &TEMPORARY)?;
    drop(body);
    faults::point(request, "message");

    let taken = hand_over(settings, transport, &arguments, &message)
        .map_err(|failure| Refused::failed(&failure, submission.message_id.clone()))?;
    faults::point(request, "accepted");
    outcome::accepted(request, &submission, message.len(), &taken, begin);
    let status_url = status_base.map(|base| reply::status_url(&base, &submission.message_id));
    let accepted = Accepted {
        message_id: &submission.message_id,
        status_url: status_url.as_deref(),
        redirect: settings.dsn_redirect(),
    };
    Ok(accepted.reply(input::value_of(&fields, "accept").as_deref()))
}

fn framing(request: &Request<'_>, settings: &Settings<'_>) -> framing::Framing {
    framing::Framing {
        http10: request.is_http10(),
        input_filter: request.has_input_filter(),
        max_size: settings.max_size(),
    }
}

fn no_transport() -> Problem {
    let log = format!("neither SendmailName nor SendmailMaildir is set for this location; {REMEDY}");
    Problem::hidden(500, "SM0402", Again::AfterAdministrator, "this server is not set up to send mail", log)
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
            domain: settings.domain(),
            from_required: matches!(settings.transport(), Some(Transport::Maildir(_))),
            max_recipients: settings.max_recipients(),
            pass: settings.pass_headers(),
            recipients: settings.recipients(),
            sender: sender.as_ref().map(expressions::Sender::vouched),
            server_name: &server_name,
            strip: settings.strip_headers(),
            token,
        },
    )?;
    if !submission.stripped.is_empty() {
        tracing::debug!("SM0002: fields left out of the mail: {}", submission.stripped.join(" "));
    }
    Ok(submission)
}

/// The body to its true end, and what it is made of.
fn read_body(request: &Request<'_>, settings: &Settings<'_>) -> Result<(Spool, Facts), Refused> {
    let mut spool = Spool::new(&TEMPORARY, MEMORY);
    let mut scan = Scan::new();
    let max = settings.max_size();
    request
        .read_body(|octets| {
            faults::point(request, "body");
            if spool.len() + octets.len() as u64 > max {
                return Err(Problem::from(&input::InputError::TooLarge { max }));
            }
            scan.update(octets);
            spool.write(octets).map_err(|error| reply::spool_full(&error))
        })
        .map_err(|error| match error {
            BodyError::Sink(problem) => Refused::from(problem),
            BodyError::Filter(status) => Refused::Broken(status),
        })?;
    Ok((spool, scan.finish()))
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

/// Gives the message to the program or the Maildir. From here on nobody may say "nothing was sent" but the one who took it.
fn hand_over(
    settings: &Settings<'_>,
    transport: &Transport,
    arguments: &[Vec<u8>],
    message: &Message,
) -> Result<transport::Accepted, Failure> {
    let path: &Path = match transport {
        Transport::Maildir(directory) => {
            guard::committed();
            return maildir::deliver(directory, message);
        }
        Transport::Program(path) => path,
    };
    let _slot = slots::acquire(settings.max_processes(), settings.timeout()).ok_or_else(|| Failure {
        kind: FailureKind::NoResources,
        exit: None,
        detail: format!("SendmailMaxProcesses {} are running; none ended in time", settings.max_processes()),
        words: None,
        started: false,
    })?;
    let environment = transport::environment(settings.environment());
    guard::committed();
    transport::hand_over(
        &Program { path, arguments, environment: &environment, timeout: settings.timeout() },
        message,
        &TEMPORARY,
    )
}

/// Whether the header's recipients stand among the arguments.
pub fn appends_recipients(settings: &Settings<'_>) -> bool {
    settings.arguments().addressing == Addressing::Appended
}
