//! SendmailChallenge: `GET <location>/challenge`, and the secret that signs challenges.
#![forbid(unsafe_code)]

use crate::directives::{Challenge, Idempotency};
use crate::metrics::Watch;
use crate::outcome::{self, Refused, Speech};
use crate::settings::Settings;
use httpd::{Request, Server, Shared, Status};
use mailgate::answer::Problem;
use mailgate::input::InputError;
use mailgate::input::form::challenge::{self, Challenger};
use mailgate::tags;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use web::Response;
use web::fields::value_of;

/// Made up once by the parent, so that all children know each other's challenges, also after a restart.
static SECRET: Shared<AtomicU64> = Shared::new("mod_sendmail-challenge");

/// Changes when the words of [`SECRET`] change their meaning.
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
        let random: Vec<u64> = words.iter().map(|_| challenge::random()).collect::<Result<_, _>>()?;
        words.iter().zip(random).for_each(|(word, random)| word.store(random, Ordering::Relaxed));
    }
    Ok(())
}

/// The challenges of a location.
pub struct Challenges<'c> {
    secret: Cow<'c, [u8]>,
    difficulty: u32,
    /// Where used challenges are recorded.
    pub store: &'c Idempotency,
}

impl<'c> Challenges<'c> {
    fn of(settings: &Settings<'c>, challenge: &'c Challenge) -> Result<Self, Refused> {
        let Some(store) = settings.idempotency() else {
            let log = "SendmailChallenge needs SendmailIdempotency, where it is kept which challenges were used";
            return Err(Problem::hidden(&tags::MISCONFIGURED, "this server is not set up to take forms", log).into());
        };
        let secret = challenge.secret.as_deref().map(Cow::Borrowed).or_else(|| own_secret().map(Cow::Owned));
        let missing = || {
            let log = "there is no secret for challenges; the start says why";
            Problem { retry_after: Some(60), ..Problem::hidden(&tags::RANDOM, "the server cannot take forms now", log) }
        };
        Ok(Challenges { secret: secret.ok_or_else(missing)?, difficulty: challenge.difficulty, store })
    }

    /// For a form: its challenge is its key, so it must not have another one.
    pub fn of_form(
        settings: &Settings<'c>,
        challenge: &'c Challenge,
        fields: &[(&[u8], &[u8])],
    ) -> Result<Self, Refused> {
        if value_of(fields, "idempotency-key").is_some() {
            let detail =
                "the challenge is the key of this form, which is sent once with it; leave Idempotency-Key away";
            return Err(Problem::new(&tags::FIELD, detail).into());
        }
        Self::of(settings, challenge)
    }

    /// Makes and checks the challenges.
    pub fn challenger(&self) -> Challenger<'_> {
        Challenger { secret: &self.secret, difficulty: self.difficulty }
    }
}

/// The secret made by this server; `None` if it could not make one.
fn own_secret() -> Option<Vec<u8>> {
    let words = SECRET.items().iter().map(|word| word.load(Ordering::Relaxed));
    let octets: Vec<u8> = words.flat_map(u64::to_be_bytes).collect();
    Some(octets).filter(|octets| octets.iter().any(|octet| *octet != 0))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Answers a request for a challenge.
pub fn answer(request: &Request<'_>, settings: &Settings<'_>, speech: Speech<'_>, watch: &Watch) -> Status {
    let Some(challenge) = settings.challenge() else { return Status::http(404) };
    match made(settings, challenge) {
        Ok(reply) => request.send(&reply),
        Err(refused) => outcome::refuse(request, settings, refused, speech, watch),
    }
}

fn made(settings: &Settings<'_>, challenge: &Challenge) -> Result<Response, Refused> {
    let json = Challenges::of(settings, challenge)?.challenger().challenge(now()).map_err(InputError::Random)?;
    Ok(Response {
        status: 200,
        fields: vec![("Cache-Control", "no-store".to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())],
        content_type: "application/json",
        body: format!("{json}\n").into_bytes(),
    })
}
