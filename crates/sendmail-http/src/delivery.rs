//! One attempt to send a message: which gateway to ask, what to record before, and what the answer means if an earlier attempt may have
//! succeeded. Used both for messages sent at once and for queued ones.
//!
//! - Another gateway is asked only as long as this one certainly does not have the message. After that the message stays with its gateway.
//! - A message that may have been taken is sent again only if the gateway recognizes its key, and only for as long as it does
//!   (Idempotency-Key-Lifetime).
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::{self, Read};
use std::time::Duration;

use crate::clock;
use crate::config::Url;
use crate::gateway::answer::{Answer, Verdict};
use crate::gateway::{Exchange, Gateway, Request, Sent};
use crate::message::prepare::Envelope;
use crate::queue::journal::{Event, Possibly, State};

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not sent now.
    Later(Later),
    /// Refused permanently.
    Refused {
        /// Whether a recipient is the reason, not the message.
        is_recipient: bool,
        /// The gateway's explanation.
        words: String,
    },
    /// The gateway has taken it.
    Taken {
        /// The gateway's id for it.
        message_id: String,
        /// The gateway's URL.
        url: String,
    },
    /// It cannot be found out whether the gateway has it: it must not be sent again.
    Unknown {
        /// What is known.
        words: String,
    },
    /// Not known yet; the gateway recognizes its key and is asked again.
    Unsettled {
        /// What is known.
        words: String,
    },
}

/// Why a message was not sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// The gateway asked to wait at least this long.
    pub pause: Option<Duration>,
    /// Whether a person must act.
    pub is_loud: bool,
    /// The gateway's status; `None`: it could not be reached, or the connection broke.
    pub status: Option<u16>,
    /// Why.
    pub words: String,
}

/// A message to send.
pub trait Message {
    /// The key by which gateways recognize it.
    fn key(&self) -> String;
    /// Its sender and recipients.
    fn envelope(&self) -> &Envelope;
    /// Octets of header and body.
    fn size(&self) -> u64;
    /// Header and body, from the start.
    fn octets(&self) -> io::Result<Box<dyn Read + '_>>;
    /// What happened to it.
    fn state(&self) -> State;
    /// Records what happens; `durable`: it is on disk when this returns.
    fn record(&mut self, event: Event, durable: bool) -> io::Result<()>;
}

/// For each gateway, how long it recognizes a key, if at all.
#[derive(Debug, Default)]
pub struct Keys(HashMap<String, Option<Duration>>);

impl Keys {
    fn learn(&mut self, url: &Url, answer: &Answer) {
        if answer.lifetime.is_some() {
            self.0.insert(url.to_string(), answer.lifetime);
        }
    }

    fn is_honoured(&self, url: &Url) -> bool {
        self.0.get(&url.to_string()).is_some_and(Option::is_some)
    }

    /// How long the gateway recognizes a key; `None`: it does not. The gateway is asked once per run.
    fn lifetime(&mut self, gateway: &Gateway, url: &Url) -> Result<Option<Duration>, Later> {
        if let Some(known) = self.0.get(&url.to_string()) {
            return Ok(*known);
        }
        match gateway.options(url) {
            // Only a description is the gateway's own answer; a proxy's page says nothing about the gateway.
            Exchange::Answered(answer) if answer.lifetime.is_some() || answer.is_description() => {
                self.0.insert(url.to_string(), answer.lifetime);
                Ok(answer.lifetime)
            }
            Exchange::Answered(answer) => {
                let words = format!(
                    "OPTIONS was answered with {}, which does not say whether keys are honoured",
                    answer.status
                );
                Err(Later { pause: answer.pause(), is_loud: true, status: Some(answer.status), words })
            }
            Exchange::Broken { words, .. } => Err(Later { pause: None, is_loud: false, status: None, words }),
        }
    }
}

/// Makes one attempt.
pub fn attempt(gateway: &Gateway, keys: &mut Keys, message: &mut impl Message) -> Outcome {
    let possibly = message.state().possibly;
    let urls = match &possibly {
        None => gateway.urls().to_vec(),
        Some(possibly) => match still_known(gateway, keys, possibly) {
            Ok(url) => vec![url],
            Err(outcome) => return outcome,
        },
    };
    let mut missed = Vec::new();
    for (at, url) in urls.iter().enumerate() {
        let has_next = at + 1 < urls.len();
        match ask(gateway, keys, message, url) {
            Asked::Elsewhere(later) if has_next => {
                missed.push(later.words);
                // Without this record the message would stay with a gateway that does not have it.
                if let Err(error) = message.record(Event::NotThere, false) {
                    return unwritable(&error);
                }
            }
            Asked::Elsewhere(later) => {
                missed.push(later.words);
                return Outcome::Later(Later { words: missed.join("; "), ..later });
            }
            // An earlier attempt may have succeeded; this refusal says nothing about that one.
            Asked::Done(Outcome::Refused { words, .. }) if possibly.is_some() => {
                return Outcome::Unknown {
                    words: format!("it may have been delivered before the gateway said {words}"),
                };
            }
            Asked::Done(outcome) => return outcome,
        }
    }
    Outcome::Later(Later { pause: None, is_loud: true, status: None, words: "no gateway is configured".into() })
}

/// The gateway that may have the message, if it still recognizes the key.
fn still_known(gateway: &Gateway, keys: &mut Keys, possibly: &Possibly) -> Result<Url, Outcome> {
    let gone = |what: &str| Outcome::Unknown { words: format!("{}: {what}", possibly.url) };
    let url = gateway.urls().iter().find(|url| url.to_string() == possibly.url);
    let url = url.ok_or_else(|| {
        gone("the connection broke after the message had left, and this gateway is no longer configured")
    })?;
    let lifetime = keys.lifetime(gateway, url).map_err(Outcome::Later)?;
    let lifetime = lifetime
        .ok_or_else(|| gone("the connection broke after the message had left, and this gateway honours no key"))?;
    // If the clock was set back by more than a little, the age is unknown.
    let age = u64::try_from((clock::now() - possibly.since + SMALL_STEP).max(-1));
    match age {
        Ok(age) if Duration::from_secs(age) < lifetime.mul_f64(USED_OF_LIFETIME) => Ok(url.clone()),
        _ => Err(gone("the connection broke after the message had left, and this gateway has forgotten its key")),
    }
}

/// A clock step, in seconds, that is not a reason to give up.
const SMALL_STEP: i64 = 300;
/// The part of a key's lifetime that we use.
const USED_OF_LIFETIME: f64 = 0.9;

enum Asked {
    Done(Outcome),
    /// Not by this gateway; another may be asked.
    Elsewhere(Later),
}

fn ask(gateway: &Gateway, keys: &mut Keys, message: &mut impl Message, url: &Url) -> Asked {
    let is_key_honoured = keys.is_honoured(url);
    // If keys are honoured, losing this record in a power cut does no harm.
    if let Err(error) = message.record(Event::Sending { url: url.to_string() }, !is_key_honoured) {
        return Asked::Done(unwritable(&error));
    }
    let (key, size) = (message.key(), message.size());
    let request = Request { key: &key, envelope: message.envelope(), size, is_key_honoured, dry_run: false };
    let exchange = match message.octets() {
        Ok(octets) => gateway.post(url, &request, octets),
        Err(error) => Exchange::Broken { sent: Sent::Nothing, words: error.to_string() },
    };
    let later = |pause, is_loud, status, words| Later { pause, is_loud, status, words };
    match exchange {
        Exchange::Broken { sent: Sent::Nothing, words } => Asked::Elsewhere(later(None, false, None, words)),
        Exchange::Broken { sent: Sent::Part, words } => Asked::Done(Outcome::Later(later(None, false, None, words))),
        Exchange::Broken { sent: Sent::Whole, words } => {
            Asked::Done(Outcome::Unsettled { words: format!("{words}, after the whole message had left") })
        }
        Exchange::Answered(answer) => {
            keys.learn(url, &answer);
            let status = Some(answer.status);
            match answer.verdict() {
                Verdict::Later { pause, is_loud, elsewhere: true, words } => {
                    Asked::Elsewhere(later(pause, is_loud, status, words))
                }
                Verdict::Later { pause, is_loud, elsewhere: false, words } => {
                    Asked::Done(Outcome::Later(later(pause, is_loud, status, words)))
                }
                Verdict::Refused { is_recipient, words } => Asked::Done(Outcome::Refused { is_recipient, words }),
                Verdict::Taken { message_id } => Asked::Done(Outcome::Taken { message_id, url: url.to_string() }),
                Verdict::Unknown { words, is_final: true } => Asked::Done(Outcome::Unknown { words }),
                Verdict::Unknown { words, is_final: false } => Asked::Done(Outcome::Unsettled { words }),
            }
        }
    }
}

/// An action that cannot be recorded must not be taken.
fn unwritable(error: &io::Error) -> Outcome {
    let words = format!("not sent, because that could not be written down: {error}");
    Outcome::Later(Later { pause: None, is_loud: true, status: None, words })
}
