//! Every error of a request -> the [`Problem`] that answers it. The only place that maps outcomes to statuses.
#![forbid(unsafe_code)]

use super::problem::{Details, Problem};
use crate::checks::refused::{Refused, RefusedKind};
use crate::claim::StoreError;
use crate::input::form::{FormError, FormInputError};
use crate::input::json::JsonError;
use crate::input::mime::MimeInputError;
use crate::input::{InputError, fields};
use crate::message::compose::ComposeError;
use crate::policy::PolicyError;
use crate::rate::{Count, Over};
use crate::tags::{self, Retry, Tag};
use crate::transport::{Failure, FailureKind};
use mail::text::excerpt;
use web::origin::Foreign;

impl From<&InputError> for Problem {
    fn from(error: &InputError) -> Self {
        let tag = match error {
            InputError::ContentEncoding | InputError::TransferCoding => &tags::CODING,
            InputError::Form { .. }
            | InputError::NotJson
            | InputError::NotOffered { .. }
            | InputError::Partial
            | InputError::RawMessage => &tags::MEDIA_TYPE,
            InputError::LengthRequired => &tags::LENGTH_REQUIRED,
            InputError::TooLarge { .. } => &tags::TOO_LARGE,
            InputError::Policy(error) => return error.into(),
            InputError::Random(_) => {
                return Problem { retry_after: Some(60), ..Problem::new(&tags::RANDOM, error.to_string()) };
            }
            // Only the client is told which address: it may come from Bcc, which is never logged.
            InputError::Address { field, .. } => {
                let log = format!("{} holds something that is not an address; the answer names it", field.as_str());
                return Problem::hidden(&tags::RECIPIENT, error.to_string(), log);
            }
            InputError::NoRecipient | InputError::TooManyRecipients { .. } => &tags::RECIPIENT,
            _ => &tags::FIELD,
        };
        // The error text quotes the value, which holds addresses.
        let quoted = match error {
            InputError::Field { field, .. } => Some(field.as_str()),
            InputError::Header { field, .. } => Some(field.as_str()),
            _ => None,
        };
        if let Some(field) = quoted.filter(|field| fields::holds_addresses(field)) {
            let log = format!("{field} cannot stand in a mail; the answer says why");
            return Problem::hidden(tag, error.to_string(), log);
        }
        Problem::new(tag, error.to_string())
    }
}

/// The number of suppressed recipients, and those that the client named. Only the client is told their addresses: any may come from Bcc.
pub fn suppressed(count: usize, addresses: Vec<String>) -> Problem {
    let others = (addresses.len() < count).then(|| "somebody for whom a name of this server stands".to_owned());
    let named = addresses.iter().cloned().chain(others).collect::<Vec<_>>().join(", ");
    let detail = format!(
        "earlier mail to these recipients failed for good, or they complained, so that nobody gets the message: {named}"
    );
    let log = format!("{count} recipients are suppressed; the answer names them");
    let details = Some(Box::new(Details { suppressed: addresses, ..Details::default() }));
    Problem { details, ..Problem::hidden(&tags::SUPPRESSED, detail, log) }
}

impl From<&JsonError> for Problem {
    fn from(error: &JsonError) -> Self {
        let tag = match error {
            JsonError::Io(error) => return spool_full(error),
            JsonError::Member { .. } => &tags::JSON_MEMBER,
            JsonError::Syntax { .. } => &tags::JSON,
        };
        // The error text may quote a Bcc address.
        let log = format!("the JSON is refused at {}; the answer says why", error.path());
        Problem::hidden(tag, error.to_string(), log).at(error.path().to_owned())
    }
}

impl From<&MimeInputError> for Problem {
    fn from(error: &MimeInputError) -> Self {
        match error {
            MimeInputError::Input(error) => error.into(),
            MimeInputError::Io(error) => spool_full(error),
        }
    }
}

impl From<&FormError> for Problem {
    fn from(error: &FormError) -> Self {
        let tag = match error {
            FormError::Empty | FormError::Malformed { .. } => &tags::BODY,
            FormError::FileType { .. } => &tags::MEDIA_TYPE,
            FormError::TooMuchText => &tags::TOO_LARGE,
            FormError::Wrong(_) => &tags::FORM_FIELD,
        };
        let details = match error {
            FormError::Wrong(fields) => Some(Box::new(Details { fields: fields.clone(), ..Details::default() })),
            _ => None,
        };
        Problem { details, ..Problem::new(tag, error.to_string()) }
    }
}

impl From<&FormInputError> for Problem {
    fn from(error: &FormInputError) -> Self {
        match error {
            FormInputError::Form(error) => error.into(),
            FormInputError::Io(error) => spool_full(error),
        }
    }
}

impl From<&PolicyError> for Problem {
    fn from(error: &PolicyError) -> Self {
        let log = error.to_string();
        match error {
            PolicyError::Argument { .. } => Problem::hidden(
                &tags::ARGUMENT,
                "a value of this request is not valid for the way mail is sent from here",
                log,
            ),
            PolicyError::ForeignSender(_) => Problem::new(&tags::FOREIGN_SENDER, log),
            PolicyError::Recipient(_) => Problem::hidden(
                &tags::FORBIDDEN_RECIPIENT,
                log,
                "SendmailRecipients does not cover a recipient; the answer names it",
            ),
            PolicyError::Sender { .. } => {
                Problem::hidden(&tags::SENDER, "you have no e-mail address to send from here", log)
            }
        }
    }
}

impl From<&Foreign> for Problem {
    fn from(foreign: &Foreign) -> Self {
        match foreign {
            Foreign::Host { host } => {
                let log = format!(
                    "Host '{}' is not a name of this virtual host; if it should be one: ServerName, or ServerAlias in a <VirtualHost>",
                    excerpt(host)
                );
                let detail = "this server does not answer to this host name";
                Problem::hidden(&tags::HOST, detail, log)
            }
            Foreign::Origin { origin, site, host } => {
                let origin = match (origin, site) {
                    (Some(origin), _) => format!("'{}'", excerpt(origin)),
                    (None, site) => format!("none (Sec-Fetch-Site: {})", excerpt(site.as_deref().unwrap_or_default())),
                };
                let log = format!(
                    "Origin {origin} is not the host of the request, '{}'; SendmailAllowOrigin lists others that may send",
                    excerpt(host)
                );
                let detail = "pages of another origin may not send mail from here";
                Problem::hidden(&tags::ORIGIN, detail, log)
            }
        }
    }
}

impl From<&ComposeError> for Problem {
    fn from(error: &ComposeError) -> Self {
        match error {
            ComposeError::Body(error) => Problem::new(&tags::BODY, error.to_string()),
            ComposeError::Io(_) => spool_full(error),
            ComposeError::Parts(error) => Problem::new(&tags::BODY, error.to_string()),
        }
    }
}

/// The server could not store a body or a message; no program was started.
pub fn spool_full(error: &dyn std::fmt::Display) -> Problem {
    let problem = Problem::hidden(&tags::STORAGE, "the server has no room to store the message now", error.to_string());
    Problem { retry_after: Some(60), ..problem }
}

/// The request's Idempotency-Key is invalid.
pub fn bad_key(why: &str) -> Problem {
    Problem::new(&tags::FIELD, why)
}

/// Another request is working with this key.
pub fn key_in_use() -> Problem {
    let problem = Problem::new(&tags::KEY_IN_USE, "an earlier request with this Idempotency-Key is still at work");
    Problem { retry_after: Some(2), ..problem }
}

/// The key belongs to another message.
pub fn key_reused() -> Problem {
    let detail = "this Idempotency-Key was used for another message; each message needs a key of its own";
    Problem::new(&tags::KEY_REUSED, detail)
}

/// The stored outcome of an earlier request with this key is "unknown".
pub fn still_unknown(tag: &'static Tag) -> Problem {
    let detail = "the outcome of an earlier request with this Idempotency-Key is unknown, and cannot be found out";
    Problem::hidden(tag, detail, "the outcome of an earlier request with this key is unknown; it is not sent again")
}

/// The client asks for reports that the transport cannot promise.
pub fn no_reports(why: &str) -> Problem {
    Problem::hidden(&tags::NO_REPORTS, NO_REPORTS, format!("the client asks for delivery reports: {why}"))
}

const NO_REPORTS: &str =
    "the mail system cannot promise the delivery reports that are asked for (NOTIFY); send the message without";

const KEYS_DOWN: &str = "the server cannot make sure now that this message is sent once";

/// The key cannot be claimed.
impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        Problem { retry_after: Some(60), ..Problem::hidden(&tags::CLAIMS, KEYS_DOWN, error.to_string()) }
    }
}

/// A message of a batch was not sent, but those before it were, with these ids; `at` counts from 0.
pub fn partly(problem: &Problem, at: usize, number: usize, sent: Vec<String>) -> Problem {
    let position = format!("message {} of {number}", at + 1);
    let advice = problem.tag.retry.sentence();
    let detail = format!("{position} stopped the batch: {}. {advice} The messages before it were sent", problem.detail);
    let log = format!("{position} stopped a batch of which {} were sent: {}: {}", sent.len(), problem.tag, problem.log);
    Problem { words: problem.words.clone(), ..Problem::hidden(&tags::PARTLY, detail, log) }.behind(sent)
}

/// A batch took longer than one message may.
pub fn batch_late() -> Problem {
    let detail = "the batch took too long; this message was not begun";
    Problem { retry_after: Some(1), ..Problem::hidden(&tags::LATE, detail, "a batch took longer than SendmailTimeout") }
}

impl From<&Over<'_>> for Problem {
    fn from(over: &Over<'_>) -> Self {
        match over {
            Over::NoMemory => {
                let log = "there is no memory to count for SendmailRateLimit in; the start says why";
                let problem = Problem::hidden(&tags::BUSY, "the server cannot send another message now", log);
                Problem { retry_after: Some(60), ..problem }
            }
            Over::Now { limit, retry_after } => {
                let detail = "more messages, or messages to more recipients, than may be sent from here in this time";
                let problem = Problem::hidden(&tags::RATE, detail, format!("over SendmailRateLimit {limit}"));
                Problem { retry_after: Some(*retry_after), ..problem }
            }
            Over::Always(limit) => {
                let most = limit.burst();
                let detail = match limit.count() {
                    Count::Messages => format!("more than {most} messages, the most that one request may bring here"),
                    Count::Recipients => {
                        format!("more than {most} recipients, the most that one request may have here")
                    }
                };
                Problem::hidden(&tags::RECIPIENT, detail.clone(), format!("{detail} (SendmailRateLimit {limit})"))
            }
        }
    }
}

impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Self {
        let (tag, detail) = match failure.kind {
            FailureKind::BadMessage => {
                (&tags::PROGRAM_REFUSED, "the mail program refused the message or its addresses")
            }
            FailureKind::DeadlinePassed => (&tags::TIMEOUT, "the mail system took too long"),
            FailureKind::EightBit => (
                &tags::EIGHT_BIT,
                "the message holds octets above 127, which the mail system does not take; encode its parts as base64 or quoted-printable",
            ),
            FailureKind::Misconfigured => (&tags::MISCONFIGURED, "the mail system cannot be used as it is set up"),
            FailureKind::NoResources => (&tags::BUSY, "the server has no room to send another message now"),
            FailureKind::NoReports => (&tags::NO_REPORTS, NO_REPORTS),
            FailureKind::NotRecorded => (&tags::CLAIMS, KEYS_DOWN),
            FailureKind::RelayRefused => {
                (&tags::RELAY_REFUSED, "the mail system refused the message, its sender or a recipient")
            }
            FailureKind::Tempfail => (&tags::TRY_LATER, "the mail program failed for now"),
            FailureKind::TooLarge => (&tags::PROGRAM_TOO_LARGE, "the message is larger than the mail system takes"),
            FailureKind::Unavailable => (&tags::UNAVAILABLE, "the mail system is not available now"),
            FailureKind::Unknown => (&tags::UNKNOWN, "the mail system did not report the outcome of the message"),
        };
        let detail = match &failure.recipient {
            Some(recipient) => format!("{detail}: {recipient}"),
            None => detail.to_owned(),
        };
        let problem = Problem::hidden(tag, detail, failure.to_string());
        let is_short = matches!(failure.kind, FailureKind::NoResources | FailureKind::NotRecorded);
        let retry_after = is_short.then_some(60);
        Problem { retry_after, words: failure.words.clone(), ..problem }
    }
}

impl From<&Refused> for Problem {
    fn from(refused: &Refused) -> Self {
        let (tag, detail) = match refused.kind {
            RefusedKind::Lasting => (&tags::CHECK_REFUSED, "a check of this server refused the message"),
            RefusedKind::Misconfigured => (&tags::CHECK_MISCONFIGURED, "this server is not set up to send mail"),
            RefusedKind::Passing => (&tags::CHECK_LATER, "a check of this server refuses the message for now"),
            RefusedKind::Storage => return spool_full(&refused.detail),
            RefusedKind::Unavailable => (&tags::CHECK_UNAVAILABLE, "the message could not be checked now"),
            RefusedKind::UnavailableForGood => (&tags::CHECK_MISSING, "the message could not be checked"),
            RefusedKind::Unfit => (&tags::CHECK_UNFIT, "a check of this server wants what cannot be done here"),
        };
        let retry_after = (tag.retry == Retry::Yes).then_some(60);
        Problem { retry_after, words: refused.words.clone(), ..Problem::hidden(tag, detail, refused.detail.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::statuses::reason;

    #[test]
    fn every_status_given_has_its_row() {
        for kind in [
            FailureKind::BadMessage,
            FailureKind::DeadlinePassed,
            FailureKind::EightBit,
            FailureKind::Misconfigured,
            FailureKind::NoReports,
            FailureKind::NoResources,
            FailureKind::NotRecorded,
            FailureKind::RelayRefused,
            FailureKind::Tempfail,
            FailureKind::TooLarge,
            FailureKind::Unavailable,
            FailureKind::Unknown,
        ] {
            let failure = Failure {
                kind,
                exit: None,
                detail: "x".into(),
                words: None,
                recipient: None,
                unknown_user: false,
                started: true,
            };
            let problem = Problem::from(&failure);
            assert_ne!(reason(problem.tag.status), "Error", "{kind:?}");
            assert_eq!(
                problem.retry_after.is_some(),
                problem.tag.number == "SM0302" || kind == FailureKind::NotRecorded
            );
        }
    }

    #[test]
    fn the_log_gets_both_origins_without_control_characters() {
        let foreign =
            Foreign::Origin { origin: Some("https://evil\x1b[2J.test".into()), site: None, host: "h\x07".into() };
        let problem = Problem::from(&foreign);
        assert!(problem.log.contains("https://evil") && !problem.log.contains(['\x1b', '\x07']), "{}", problem.log);
        assert!(!problem.detail.contains("evil"), "{}", problem.detail);
    }
}
