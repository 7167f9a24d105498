//! A message and its envelope -> the way that a request goes, and its outcome as a reply. What the message says of recipients is text
//! alone: the envelope says who gets it.
#![forbid(unsafe_code)]

use super::Submission;
use crate::claims::Keyed;
use crate::directives::Transport;
use crate::metrics::Watch;
use crate::outcome::{self, Refused};
use crate::rates::Rates;
use crate::settings::Settings;
use crate::submit::{Content, Guards, Outcome, Sent, Wish, submit};
use crate::{Sendmail, faults};
use httpd::{Transaction, guard};
use mail::address::Address;
use mail::dsn::{RecipientReports, Reports};
use mailgate::answer::Problem;
use mailgate::input::mime::{self, MimeEnvelope};
use mailgate::policy::{self, arguments::Addressing};
use mailgate::tags::{self, Retry};
use mailgate::transport;
use smtp::{Cause, Decision, Envelope, Receipt, Recipient, Refusal};
use std::cell::Cell;
use std::collections::BTreeMap;
use sys::spool::Spool;

/// Whether messages can go to the recipients that a client names, and to nobody else.
pub fn check_transport(settings: &Settings<'_>) -> Result<(), Problem> {
    let log = match settings.transport() {
        None => format!("none of {} is set for <Location \"/\">", transport::directives_in_words()),
        Some(Transport::Program(_)) if settings.addressing() != Addressing::Appended => {
            "SMTP names the recipients itself: let SendmailArguments end in --, or use SendmailRelay or SendmailMaildir"
                .to_owned()
        }
        Some(_) => return Ok(()),
    };
    Err(Problem::hidden(&tags::MISCONFIGURED, "this server is not set up to send mail", log))
}

/// SendmailSenders; who expects no reports names nobody.
pub fn check_sender(settings: &Settings<'_>, sender: Option<&Address>) -> Decision {
    policy::check_senders(settings.senders(), sender).map_err(|error| Cause::AccessDenied.with(error.to_string()))
}

/// Whether the reports that a client asks for may be promised, as far as that is known: of a relay once it was spoken to.
pub fn offers_dsn(settings: &Settings<'_>, server_name: &str) -> bool {
    let is_denied = |server| transport::smtp::offers_dsn(&settings.relay(server, server_name)) == Some(false);
    settings.passes_reports_on() && !matches!(settings.transport(), Some(Transport::Relay(server)) if is_denied(server))
}

/// SendmailRecipients; and to a program all recipients go with one NOTIFY, so that one with another is for another transaction (RFC 5321
/// 4.5.3.1.10).
pub fn check_recipient(settings: &Settings<'_>, recipient: &Recipient, before: &Envelope) -> Decision {
    let is_program = matches!(settings.transport(), Some(Transport::Program(_)));
    if is_program && before.recipients.first().is_some_and(|first| first.notify != recipient.notify) {
        return Err(Cause::TooManyRecipients.with("Recipients with another NOTIFY go in another transaction"));
    }
    let resolved = settings.aliases().recipients([&recipient.address], settings.domain());
    match resolved.iter().find(|address| !settings.recipients().allow(address)) {
        Some(forbidden) => Err(Cause::AccessDenied.with(format!("{forbidden} may not be written to from here"))),
        None => Ok(()),
    }
}

/// Hands a message over.
pub fn deliver(transaction: &Transaction<'_>, envelope: &Envelope, spool: Spool) -> Result<Receipt, Refusal> {
    let request = transaction.request();
    let is_keyed = Cell::new(false);
    let outcome = guard::attempt::<Submission, _>(&request, || {
        let settings = transaction.config::<Sendmail>().map(Settings::of).ok_or(Cause::Misconfigured)?;
        let watch = Watch::start();
        faults::begin(&request);
        let mut is_unknown = false;
        let outcome = check_transport(&settings).map_err(Refused::from).and_then(|()| {
            let (fields, body) = mime::header(&spool)?;
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
            let envelope = MimeEnvelope {
                sender: Some(envelope.mail.sender.clone()),
                recipients: envelope.recipients.iter().map(|recipient| recipient.address.clone()).collect(),
                reports: reports(envelope, &settings),
            };
            let content = Content::Message { spool: &spool, body, envelope: &envelope };
            let keyed = Keyed::of_message(&request, &settings, &fields, &envelope);
            is_keyed.set(keyed.is_some());
            let mut guards = Guards { rates: Rates::message(&request, &settings, false)?, keyed, is_unknown: false };
            let outcome = submit(&request, &settings, &fields, &content, Wish::default(), &mut guards, &watch);
            is_unknown = guards.is_unknown;
            guards.keyed.iter().for_each(Keyed::sweep);
            outcome
        });
        faults::end(&request);
        match outcome {
            Ok(Outcome::Held { message_id } | Outcome::Sent(Sent { message_id, .. })) => {
                Ok(Receipt { id: message_id.as_str().to_owned() })
            }
            Ok(Outcome::DryRun(_)) => Err(Cause::Misconfigured.into()),
            Err(refused) => {
                transaction.set_status(outcome::record(&request, &refused, &watch));
                let comes_again = is_keyed.get() && !is_unknown;
                Err(refusal(&refused, comes_again, settings.error_detail()))
            }
        }
    });
    outcome.unwrap_or_else(|fault| {
        transaction.set_status(if fault.committed { 502 } else { 500 });
        Err(if fault.committed { unknown(is_keyed.get()) } else { Cause::Unavailable.into() })
    })
}

/// What the client asked for in MAIL and RCPT; for a name of SendmailAlias it asked for each that it stands for.
fn reports(envelope: &Envelope, settings: &Settings<'_>) -> Reports {
    let mut recipients = BTreeMap::new();
    for Recipient { address, notify, orcpt } in &envelope.recipients {
        if notify.is_some() || orcpt.is_some() {
            for address in settings.aliases().recipients([address], settings.domain()) {
                let asked = RecipientReports { notify: *notify, orcpt: orcpt.clone() };
                recipients.insert(address.to_string(), asked);
            }
        }
    }
    Reports { ret: envelope.mail.ret, envid: envelope.mail.envid.clone(), notify: None, recipients }
}

/// Nobody knows what became of the message. One with a key may come again, for it is not sent again; without a key it might arrive twice, and
/// so the client gives up, and tells its user why.
fn unknown(comes_again: bool) -> Refusal {
    if comes_again { Cause::Unknown.into() } else { Cause::MayHaveBeenDelivered.into() }
}

fn refusal(refused: &Refused, comes_again: bool, show_words: bool) -> Refusal {
    match refused {
        Refused::Broken(status) => Cause::of_status(u16::try_from(*status).unwrap_or(500)).into(),
        Refused::Problem { problem, .. } => match (problem.tag.retry, Cause::of_status(problem.tag.status)) {
            (Retry::Unknown, _) | (_, Cause::Unknown) => unknown(comes_again),
            (Retry::No, _) => Cause::MayHaveBeenDelivered.into(),
            // It speaks of a field that there is none of here.
            (Retry::WithKey, _) => Cause::Busy.into(),
            _ if problem.tag == &tags::NO_REPORTS => Cause::NoReports.into(),
            (_, cause) => match problem.words.as_deref().filter(|_| show_words) {
                Some(words) => cause.with(format!("{}: {words}", problem.detail)),
                None => cause.with(problem.detail.as_str()),
            },
        },
    }
}
