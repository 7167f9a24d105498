//! A message and its envelope -> the way that a request goes, and its outcome as a reply. What the message says of recipients is text
//! alone: the envelope says who gets it.
#![forbid(unsafe_code)]

use super::Submission;
use crate::directives::Transport;
use crate::metrics::Watch;
use crate::outcome::{self, Refused};
use crate::rates::Rates;
use crate::settings::Settings;
use crate::submit::{Content, Guards, Outcome, Sent, Wish, submit};
use crate::{Sendmail, faults};
use httpd::{Transaction, guard};
use mail::address::Address;
use mailgate::answer::Problem;
use mailgate::input::mime::{self, MimeEnvelope};
use mailgate::policy::arguments::Addressing;
use mailgate::tags::{self, Retry};
use smtp::{Cause, Decision, Envelope, Receipt, Refusal};
use sys::spool::Spool;

/// Whether messages can go to the recipients that a client names, and to nobody else.
pub fn check_transport(settings: &Settings<'_>) -> Result<(), Problem> {
    let log = match settings.transport() {
        None => "none of SendmailName, SendmailMaildir and SendmailRelay is set for <Location \"/\">",
        Some(Transport::Program(_)) if settings.addressing() != Addressing::Appended => {
            "SMTP names the recipients itself: let SendmailArguments end in --, or use SendmailRelay or SendmailMaildir"
        }
        Some(_) => return Ok(()),
    };
    Err(Problem::hidden(&tags::MISCONFIGURED, "this server is not set up to send mail", log))
}

/// SendmailRecipients.
pub fn check_recipient(settings: &Settings<'_>, address: &Address) -> Decision {
    let resolved = settings.aliases().recipients([address], settings.domain());
    match resolved.iter().find(|address| !settings.recipients().allow(address)) {
        Some(forbidden) => Err(Cause::AccessDenied.with(format!("{forbidden} may not be written to from here"))),
        None => Ok(()),
    }
}

/// Hands a message over.
pub fn deliver(transaction: &Transaction<'_>, envelope: &Envelope, spool: Spool) -> Result<Receipt, Refusal> {
    let request = transaction.request();
    let outcome = guard::attempt::<Submission, _>(&request, || {
        let settings = transaction.config::<Sendmail>().map(Settings::of).ok_or(Cause::Misconfigured)?;
        let watch = Watch::start();
        faults::begin(&request);
        let outcome = check_transport(&settings).map_err(Refused::from).and_then(|()| {
            let (fields, body) = mime::header(&spool)?;
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
            let envelope = MimeEnvelope {
                sender: Some(envelope.mail.sender.clone()),
                recipients: envelope.recipients.iter().map(|recipient| recipient.address.clone()).collect(),
            };
            let content = Content::Message { spool: &spool, body, envelope: &envelope };
            let mut guards = Guards { rates: Rates::message(&request, &settings, false)?, keyed: None };
            submit(&request, &settings, &fields, &content, Wish::default(), &mut guards, &watch)
        });
        faults::end(&request);
        match outcome {
            Ok(Outcome::Held { message_id } | Outcome::Sent(Sent { message_id, .. })) => {
                Ok(Receipt { id: message_id.as_str().to_owned() })
            }
            Ok(Outcome::DryRun(_)) => Err(Cause::Misconfigured.into()),
            Err(refused) => {
                transaction.set_status(outcome::record(&request, &refused, &watch));
                Err(refusal(&refused, settings.error_detail()))
            }
        }
    });
    outcome.unwrap_or_else(|fault| {
        transaction.set_status(if fault.committed { 502 } else { 500 });
        Err(if fault.committed { Cause::MayHaveBeenDelivered.into() } else { Cause::Unavailable.into() })
    })
}

/// Where nobody knows what became of the message, sending it again may double it: the client gives up, and tells its user why.
fn refusal(refused: &Refused, show_words: bool) -> Refusal {
    match refused {
        Refused::Broken(status) => Cause::of_status(u16::try_from(*status).unwrap_or(500)).into(),
        Refused::Problem { problem, .. } => match (problem.tag.retry, Cause::of_status(problem.tag.status)) {
            (Retry::Unknown | Retry::No, _) | (_, Cause::Unknown) => Cause::MayHaveBeenDelivered.into(),
            (_, cause) => match problem.words.as_deref().filter(|_| show_words) {
                Some(words) => cause.with(format!("{}: {words}", problem.detail)),
                None => cause.with(problem.detail.as_str()),
            },
        },
    }
}
