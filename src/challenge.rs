//! SendmailChallenge: `GET <location>/challenge`, and the secret that challenges are signed with.
#![forbid(unsafe_code)]

use crate::directives::Challenge;
use crate::outcome::{Refused, note};
use crate::settings::Settings;
use httpd::{Request, Server, Shared, Status};
use mailgate::answer::Problem;
use mailgate::input::InputError;
use mailgate::input::form::challenge::Challenger;
use mailgate::tags;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use web::Response;
use web::fields::value_of;

/// What stands behind the path of a location where challenges are asked for.
pub const PATH: &[u8] = b"/challenge";

/// Made up once by the parent, so that all children know each other's challenges, also after a restart.
static SECRET: Shared<AtomicU64> = Shared::new("mod_sendmail-challenge");

/// Another one for another meaning of the words of [`SECRET`].
const LAYOUT: u64 = 1;

/// 256 bits.
const WORDS: usize = 4;

/// Makes the secret, in the parent.
pub fn start(server: &Server<'_>) {
    if let Err(error) = make(server) {
        tracing::error!(
            "{}: forms under a SendmailChallenge without key= are answered with 503: {error}",
            tags::RANDOM
        );
    }
}

fn make(server: &Server<'_>) -> Result<(), String> {
    SECRET.make(server, LAYOUT, WORDS)?;
    let words = SECRET.items();
    if words.iter().all(|word| word.load(Ordering::Relaxed) == 0) {
        for word in words {
            word.store(mailgate::input::form::challenge::random()?, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// The secret of a location: that of its file, else that of this server.
pub fn secret<'c>(challenge: &'c Challenge) -> Result<Cow<'c, [u8]>, Problem> {
    if let Some(secret) = &challenge.secret {
        return Ok(Cow::Borrowed(secret));
    }
    let octets: Vec<u8> = SECRET.items().iter().flat_map(|word| word.load(Ordering::Relaxed).to_be_bytes()).collect();
    // All zero where the kernel had no random numbers to give.
    match octets.iter().any(|octet| *octet != 0) {
        true => Ok(Cow::Owned(octets)),
        false => Err((&InputError::Random("there is no secret for challenges; the start says why".to_owned())).into()),
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Answers a request for a challenge.
pub fn answer(request: &Request<'_>, settings: &Settings<'_>, challenge: &Challenge) -> Status {
    request.allow_methods(&[c"GET", c"HEAD"]);
    let accept = value_of(&request.headers_in().entries(), "accept");
    if !matches!(request.method(), b"GET" | b"HEAD") {
        request.headers_out().set(c"Allow", c"GET, HEAD");
        let problem = Problem::new(&tags::METHOD, "GET asks for a challenge; forms are sent to the path above");
        return request.send(&problem.reply(accept.as_deref(), None, false));
    }
    match made(settings, challenge) {
        Ok(reply) => request.send(&reply),
        Err(problem) => {
            tracing::error!("{}: {}", problem.tag, problem.log);
            note(request, "sendmail-status", problem.tag.number);
            request.send(&problem.reply(accept.as_deref(), None, false))
        }
    }
}

fn made(settings: &Settings<'_>, challenge: &Challenge) -> Result<Response, Problem> {
    check(settings)?;
    let secret = secret(challenge)?;
    let challenger = Challenger { secret: &secret, difficulty: challenge.difficulty };
    let json = challenger.challenge(now()).map_err(|error| Problem::from(&InputError::Random(error)))?;
    Ok(Response {
        status: 200,
        fields: vec![("Cache-Control", "no-store".to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())],
        content_type: "application/json",
        body: format!("{json}\n").into_bytes(),
    })
}

/// A challenge lets one message pass, and that is known only where keys are kept.
pub fn check(settings: &Settings<'_>) -> Result<(), Problem> {
    if settings.idempotency().is_some() {
        return Ok(());
    }
    let log = "SendmailChallenge needs SendmailIdempotency, where it is kept which challenges were used";
    Err(Problem::hidden(&tags::MISCONFIGURED, "this server is not set up to take forms", log))
}

/// A form whose challenge is its key has no other one.
pub fn only_key(fields: &[(&[u8], &[u8])]) -> Result<(), Refused> {
    match value_of(fields, "idempotency-key") {
        None => Ok(()),
        Some(_) => Err(Problem::new(
            &tags::FIELD,
            "the challenge is the key of this form, which is sent once with it; leave Idempotency-Key away",
        )
        .into()),
    }
}
