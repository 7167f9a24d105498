//! One try to send a message: which gateway is asked, what is written down before, and what its answer means for a message that may have left
//! before. Direct from a caller's hand and out of the queue alike.
//!
//! - Another gateway is asked only while this one has certainly not got the message. After that it stays with it.
//! - A message that may have been taken is sent again only where the gateway knows it by its key, and while it does (Idempotency-Key-Lifetime).
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

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not sent now.
    Later(Later),
    /// Refused for good.
    Refused {
        /// Whether a recipient is at fault, and not the message.
        is_recipient: bool,
        /// What the gateway said.
        words: String,
    },
    /// The gateway has it.
    Taken {
        /// What the gateway calls it.
        message_id: String,
        /// Which one.
        url: String,
    },
    /// Nobody will know whether the gateway has it: it must not be sent again.
    Unknown {
        /// What is known.
        words: String,
    },
    /// Nobody knows yet; the gateway knows it by its key and is asked again.
    Unsettled {
        /// What is known.
        words: String,
    },
}

/// Why a message was not sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// Not before this has passed, says the gateway.
    pub pause: Option<Duration>,
    /// Whether a person has to do something.
    pub is_loud: bool,
    /// What the gateway answered; none: it could not be reached, or the message broke off.
    pub status: Option<u16>,
    /// Why.
    pub words: String,
}

/// A message to be sent.
pub trait Message {
    /// What gateways know it by.
    fn key(&self) -> String;
    /// From whom to whom.
    fn envelope(&self) -> &Envelope;
    /// Octets of header and body.
    fn size(&self) -> u64;
    /// Header and body, from the start.
    fn octets(&self) -> io::Result<Box<dyn Read + '_>>;
    /// What happened to it.
    fn state(&self) -> State;
    /// Writes down what happens; `durable`: on disk when this returns.
    fn record(&mut self, event: Event, durable: bool) -> io::Result<()>;
}

/// What is known of gateways: whether they honour keys, and for how long.
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

    /// How long the gateway knows a key; `None`: not at all. It is asked once a run.
    fn lifetime(&mut self, gateway: &Gateway, url: &Url) -> Result<Option<Duration>, Later> {
        if let Some(known) = self.0.get(&url.to_string()) {
            return Ok(*known);
        }
        match gateway.options(url) {
            // Its description is the gateway's own word; a proxy's page says nothing of it.
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

/// Tries once.
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
                // Without this word the message would stay with a gateway that has not got it.
                if let Err(error) = message.record(Event::NotThere, false) {
                    return unwritable(&error);
                }
            }
            Asked::Elsewhere(later) => {
                missed.push(later.words);
                return Outcome::Later(Later { words: missed.join("; "), ..later });
            }
            // It may have been taken before: then this is no word about that.
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

/// The gateway that may have a message, if it still knows it.
fn still_known(gateway: &Gateway, keys: &mut Keys, possibly: &Possibly) -> Result<Url, Outcome> {
    let gone = |what: &str| Outcome::Unknown { words: format!("{}: {what}", possibly.url) };
    let url = gateway.urls().iter().find(|url| url.to_string() == possibly.url);
    let url = url.ok_or_else(|| {
        gone("the connection broke after the message had left, and this gateway is no longer configured")
    })?;
    let lifetime = keys.lifetime(gateway, url).map_err(Outcome::Later)?;
    let lifetime = lifetime
        .ok_or_else(|| gone("the connection broke after the message had left, and this gateway honours no key"))?;
    // A clock that was set back by more than a little cannot tell the age.
    let age = u64::try_from((clock::now() - possibly.since + SMALL_STEP).max(-1));
    match age {
        Ok(age) if Duration::from_secs(age) < lifetime.mul_f64(USED_OF_LIFETIME) => Ok(url.clone()),
        _ => Err(gone("the connection broke after the message had left, and this gateway has forgotten its key")),
    }
}

/// A step of the clock that is no reason to give up, in seconds.
const SMALL_STEP: i64 = 300;
/// How much of the lifetime of a key is used.
const USED_OF_LIFETIME: f64 = 0.9;

enum Asked {
    Done(Outcome),
    /// Not this one; another may be asked.
    Elsewhere(Later),
}

fn ask(gateway: &Gateway, keys: &mut Keys, message: &mut impl Message, url: &Url) -> Asked {
    let is_key_honoured = keys.is_honoured(url);
    // With a key that is honoured a word lost in a power cut does no harm.
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

/// What cannot be written down must not be done.
fn unwritable(error: &io::Error) -> Outcome {
    let words = format!("not sent, because that could not be written down: {error}");
    Outcome::Later(Later { pause: None, is_loud: true, status: None, words })
}
