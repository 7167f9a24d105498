//! The checks of a location in order: the policy server before the body, and again after it if configured, then each milter on the result
//! of the previous one. Changes are made only here, and none is made if a check refuses.
#![forbid(unsafe_code)]

use super::change::{Change, Rules, Unfit};
use super::client::Client;
use super::endpoint::Endpoint;
use super::field::Field;
use super::letter::{Envelope, Letter};
use super::milter::{self, Custom, Decision, Told};
use super::policy_server::{self, Action, Question, State};
use super::{clamd, refused::Refused};
use crate::message::Message;
use crate::tags;
use mail::text::log_value;
use std::time::{Duration, Instant};
use sys::socket::Timed;

/// SendmailMilterDefault, SendmailPolicyDefault: what to do if a check does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Send the message without it.
    Accept,
    /// Refuse the message until the administrator has acted.
    Reject,
    /// Refuse the message temporarily.
    #[default]
    Tempfail,
}

impl OnFailure {
    /// `tempfail`, `reject` or `accept`.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word.to_ascii_lowercase().as_str() {
            "accept" => Ok(OnFailure::Accept),
            "reject" => Ok(OnFailure::Reject),
            "tempfail" => Ok(OnFailure::Tempfail),
            _ => Err(format!("'{word}' is none of tempfail, reject and accept")),
        }
    }
}

/// SendmailPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyServer {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Whether it is asked again when the message is complete.
    pub at_end: bool,
}

impl PolicyServer {
    /// An endpoint, and optionally `state=end`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let (endpoint, at_end) = match words {
            [endpoint] => (endpoint, false),
            [endpoint, option] if option.eq_ignore_ascii_case("state=end") => (endpoint, true),
            [_, other, ..] => return Err(format!("'{other}' is not state=end, which asks once more behind the body")),
            [] => return Err("names no server; write inet:127.0.0.1:10031 or unix:/path".into()),
        };
        Ok(PolicyServer { endpoint: Endpoint::parse(endpoint)?, at_end })
    }
}

/// The configured checks of a request.
#[derive(Clone, Copy, Debug)]
pub struct Checks<'a> {
    /// SendmailPolicy.
    pub policy: Option<&'a PolicyServer>,
    /// SendmailPolicyDefault.
    pub policy_default: OnFailure,
    /// SendmailClamd.
    pub clamd: Option<&'a Endpoint>,
    /// SendmailMilter, in this order.
    pub milters: &'a [Endpoint],
    /// SendmailMilterDefault.
    pub milter_default: OnFailure,
    /// SendmailMilterClient.
    pub shows_client: bool,
    /// SendmailMilterMacros, evaluated.
    pub macros: &'a [Custom],
    /// SendmailMilterTimeout, but at most SendmailTimeout: for all checks before the body together, and for all after it.
    pub timeout: Duration,
    /// The changes allowed to the envelope.
    pub rules: Rules<'a>,
    /// Whether there is a place for held messages.
    pub may_hold: bool,
    /// Most octets of a body that replaces the message's.
    pub max_body: u64,
}

/// The policy server's answers before the body.
#[derive(Debug, Default)]
pub struct Marks {
    prepended: Vec<Field>,
    discard: Option<String>,
    hold: Option<String>,
    defer_if_permit: Option<String>,
    defer_if_reject: Option<String>,
    connection: Option<Timed>,
}

/// The result for a message.
#[derive(Debug)]
pub enum Outcome {
    /// Nobody gets it, and nobody is told; which check, and why.
    Discard(String),
    /// It is held for a person; which check, and why.
    Hold {
        /// Sealed.
        message: Message,
        /// As changed.
        envelope: Envelope,
        /// Which check, and its reason.
        reason: String,
    },
    /// It may be sent.
    Pass {
        /// Sealed.
        message: Message,
        /// As changed.
        envelope: Envelope,
    },
}

/// Why a message cannot be held.
const NO_PLACE: &str = "SendmailHold names no place, or SendmailArguments do not end in -- and so name no envelope";

impl Checks<'_> {
    /// Before the body: asks the policy server about each recipient; it may change the envelope. `size` is the announced size, 0 if there
    /// is none.
    pub fn before_body(&self, client: &Client, envelope: &mut Envelope, size: u64) -> Result<Marks, Refused> {
        let mut marks = Marks::default();
        let Some(server) = self.policy else { return Ok(marks) };
        let deadline = Instant::now() + self.timeout;
        let asked = envelope.clone();
        for recipient in &asked.recipients {
            let state = State::Rcpt(recipient);
            let question =
                Question { client, state, sender: asked.sender.as_ref(), recipients: &asked.recipients, size };
            self.consult(server, &question, &mut marks, envelope, deadline)?;
        }
        if !server.at_end {
            marks.connection = None;
            marks.settle(server)?;
        }
        Ok(marks)
    }

    /// The complete message, whose first field is our trace if `is_traced`.
    pub fn after_body(
        &self,
        client: &Client,
        mut marks: Marks,
        message: Message,
        is_traced: bool,
        mut envelope: Envelope,
    ) -> Result<Outcome, Refused> {
        let deadline = Instant::now() + self.timeout;
        if let Some(server) = self.policy.filter(|server| server.at_end) {
            let asked = envelope.clone();
            let question = Question {
                client,
                state: State::EndOfMessage,
                sender: asked.sender.as_ref(),
                recipients: &asked.recipients,
                size: message.len(),
            };
            self.consult(server, &question, &mut marks, &mut envelope, deadline)?;
            marks.settle(server)?;
        }
        if let Some(reason) = marks.discard {
            return Ok(Outcome::Discard(reason));
        }
        let storage = |error: std::io::Error| Refused::storage(&error);
        let mut letter = Letter::open(message, is_traced, envelope).map_err(storage)?;
        let prepended = marks.prepended.into_iter().rev().map(|field| Change::InsertField { index: 1, field });
        let by_policy = || self.policy.map_or(String::new(), |server| format!("policy server {}", server.endpoint));
        letter.change(prepended.collect(), &self.rules).map_err(|why| Refused::unfit(&by_policy(), &why))?;
        if let Some(endpoint) = self.clamd {
            self.scan(endpoint, &letter, deadline)?;
        }
        let mut hold = marks.hold;
        for endpoint in self.milters {
            match self.milter(endpoint, client, &mut letter, deadline)? {
                Verdict::Well => {}
                Verdict::Discard => return Ok(Outcome::Discard(format!("milter {endpoint}"))),
                Verdict::Hold(reason) => hold = hold.or(Some(format!("milter {endpoint}: {reason}"))),
            }
            if letter.envelope.recipients.is_empty() {
                return Ok(Outcome::Discard(format!("milter {endpoint}, which took every recipient away")));
            }
        }
        let (message, envelope) = letter.close().map_err(storage)?;
        Ok(match hold {
            Some(reason) => Outcome::Hold { message, envelope, reason },
            None => Outcome::Pass { message, envelope },
        })
    }

    /// Whether every mandatory check answers, without a message; the complaint names the one that does not.
    pub fn probe(&self) -> Result<(), String> {
        let deadline = Instant::now() + self.timeout;
        let must = |default: OnFailure| default != OnFailure::Accept;
        if let Some(server) = self.policy.filter(|_| must(self.policy_default)) {
            server.endpoint.connect(deadline).map_err(|error| format!("policy server {}: {error}", server.endpoint))?;
        }
        if let Some(endpoint) = self.clamd.filter(|_| must(self.milter_default)) {
            endpoint.connect(deadline).map_err(|error| format!("clamd {endpoint}: {error}"))?;
        }
        for endpoint in self.milters {
            let stream = endpoint.connect(deadline).map_err(milter::MilterError::Lost);
            match stream.and_then(milter::probe) {
                Ok(abilities) => self.mention(endpoint, abilities),
                Err(trouble) if must(self.milter_default) || matches!(trouble, milter::MilterError::Needs(_)) => {
                    return Err(format!("milter {endpoint}: {trouble}"));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Logs the milter's possible requests that would be refused.
    fn mention(&self, endpoint: &Endpoint, abilities: milter::Abilities) {
        for (may, can, why) in [
            (abilities.recipients, self.rules.recipients, Unfit::NoRecipients),
            (abilities.sender, self.rules.sender, Unfit::NoSender),
        ] {
            if may && !can {
                tracing::info!("{}: milter {endpoint} may ask for what would be refused: {why}", tags::CHECK_SAID);
            }
        }
    }

    fn scan(&self, endpoint: &Endpoint, letter: &Letter, deadline: Instant) -> Result<(), Refused> {
        let by = format!("clamd {endpoint}");
        let found = endpoint.connect(deadline).map_err(clamd::ClamdError::Lost);
        match found.and_then(|mut stream| clamd::scan(&mut stream, letter)) {
            Ok(None) => Ok(()),
            Ok(Some(virus)) => Err(Refused::lasting(&by, &format!("found {virus}"))),
            Err(clamd::ClamdError::Storage(error)) => Err(Refused::storage(&error)),
            Err(trouble) => without(&by, &trouble, self.milter_default),
        }
    }

    fn milter(
        &self,
        endpoint: &Endpoint,
        client: &Client,
        letter: &mut Letter,
        deadline: Instant,
    ) -> Result<Verdict, Refused> {
        let by = format!("milter {endpoint}");
        let Checks { shows_client, macros, max_body, .. } = *self;
        let told = Told { client, shows_client, macros, max_body };
        let stream = endpoint.connect(deadline).map_err(milter::MilterError::Lost);
        let decision = stream.and_then(|stream| milter::converse(stream, letter, &told));
        let (changes, verdict) = match decision {
            Ok(Decision::Accept(changes)) => (changes, Verdict::Well),
            Ok(Decision::Discard) => return Ok(Verdict::Discard),
            Ok(Decision::Quarantine(reason, _)) if !self.may_hold => {
                return Err(Refused::passing(&by, &format!("wants it held ({reason}), and {NO_PLACE}")));
            }
            Ok(Decision::Quarantine(reason, changes)) => (changes, Verdict::Hold(reason)),
            Ok(Decision::Refuse(reply)) if reply.is_lasting => return Err(Refused::lasting(&by, &reply.text)),
            Ok(Decision::Refuse(reply)) => return Err(Refused::passing(&by, &reply.text)),
            Err(milter::MilterError::Storage(error)) => return Err(Refused::storage(&error)),
            Err(trouble @ milter::MilterError::Needs(_)) => return Err(Refused::misconfigured(&by, &trouble)),
            Err(trouble) => return without(&by, &trouble, self.milter_default).map(|()| Verdict::Well),
        };
        if !changes.is_empty() {
            tracing::debug!("{}: {by} makes {} changes", tags::CHECK_SAID, changes.len());
        }
        letter.change(changes, &self.rules).map_err(|why| Refused::unfit(&by, &why))?;
        Ok(verdict)
    }

    /// Asks one question, and stores the meaning of the answer.
    fn consult(
        &self,
        server: &PolicyServer,
        question: &Question<'_>,
        marks: &mut Marks,
        envelope: &mut Envelope,
        deadline: Instant,
    ) -> Result<(), Refused> {
        let by = format!("policy server {}", server.endpoint);
        match ask(server, question, marks, deadline) {
            Ok(action) => self.take(action, &by, marks, envelope),
            Err(trouble) => without(&by, &trouble, self.policy_default),
        }
    }

    fn take(&self, action: Action, by: &str, marks: &mut Marks, envelope: &mut Envelope) -> Result<(), Refused> {
        let unfit = |why: Unfit| Refused::unfit(by, &why);
        match action {
            Action::Permit => {}
            Action::Bcc(address) => envelope.change(Change::AddRecipient(address), &self.rules).map_err(unfit)?,
            Action::Redirect(address) => envelope.change(Change::Redirect(address), &self.rules).map_err(unfit)?,
            Action::Prepend(field) => {
                // The answers for several recipients may bring the same one.
                if !marks.prepended.contains(&field) {
                    marks.prepended.push(field);
                }
            }
            Action::Hold(_) if !self.may_hold => {
                return Err(Refused::passing(by, &format!("wants it held, and {NO_PLACE}")));
            }
            Action::Hold(reason) => marks.hold = Some(format!("{by}: {reason}")),
            Action::Discard(reason) => marks.discard = Some(format!("{by}: {reason}")),
            Action::Log(true, text) => tracing::warn!("{}: {by} says {}", tags::CHECK_SAID, log_value(&text)),
            Action::Log(false, text) => tracing::info!("{}: {by} says {}", tags::CHECK_SAID, log_value(&text)),
            Action::Defer(text) => return Err(Refused::passing(by, &text)),
            Action::DeferIfPermit(text) => marks.defer_if_permit = Some(text),
            Action::DeferIfReject(text) => marks.defer_if_reject = Some(text),
            Action::Reject(text) => {
                return Err(match marks.defer_if_reject.take() {
                    Some(later) => Refused::passing(by, &later),
                    None => Refused::lasting(by, &text),
                });
            }
            Action::Unknown(shown) => {
                return Err(Refused::passing(by, &format!("answered '{shown}', which cannot be done here")));
            }
        }
        Ok(())
    }
}

impl Marks {
    /// All questions have been asked: decides what depended on later answers.
    fn settle(&mut self, server: &PolicyServer) -> Result<(), Refused> {
        match self.defer_if_permit.take() {
            Some(text) => Err(Refused::passing(&format!("policy server {}", server.endpoint), &text)),
            None => Ok(()),
        }
    }
}

enum Verdict {
    Discard,
    Hold(String),
    Well,
}

/// One connection per message; another one if the server has closed it since its last answer.
fn ask(
    server: &PolicyServer,
    question: &Question<'_>,
    marks: &mut Marks,
    deadline: Instant,
) -> Result<Action, policy_server::PolicyServerError> {
    use policy_server::PolicyServerError::{Lost, Nonsense};
    let kept = marks.connection.take().filter(|kept| kept.is_readable().is_ok_and(|readable| !readable));
    let was_kept = kept.is_some();
    let connect = || server.endpoint.connect(deadline).map_err(Lost);
    let mut stream = kept.map_or_else(connect, Ok)?;
    stream.deadline = deadline;
    let action = match policy_server::ask(&mut stream, question) {
        Err(Lost(error)) if was_kept && error.kind() != std::io::ErrorKind::TimedOut => {
            stream = connect()?;
            policy_server::ask(&mut stream, question)?
        }
        outcome => outcome?,
    };
    if stream.is_readable().map_err(Lost)? {
        // An end of file does not matter; a second answer would be taken for the next one's.
        let mut octet = [0];
        return match std::io::Read::read(&mut stream, &mut octet) {
            Ok(0) | Err(_) => Ok(action),
            Ok(_) => Err(Nonsense("more than one answer".into())),
        };
    }
    marks.connection = Some(stream);
    Ok(action)
}

/// What to do because a check did not answer.
fn without(by: &str, trouble: &dyn std::fmt::Display, default: OnFailure) -> Result<(), Refused> {
    match default {
        OnFailure::Accept => {
            tracing::warn!("{}: the message goes without {by}: {trouble}", tags::UNCHECKED);
            Ok(())
        }
        OnFailure::Reject => Err(Refused::unavailable(by, trouble, true)),
        OnFailure::Tempfail => Err(Refused::unavailable(by, trouble, false)),
    }
}
