//! The envelope of a transaction of SMTP -> that of a whole message, whichever way the transaction came in.
#![forbid(unsafe_code)]

use crate::directives::Transport;
use crate::settings::Settings;
use mail::dsn::{RecipientReports, Reports};
use mailgate::input::mime::MimeEnvelope;
use smtp::{Cause, Decision, Envelope, Recipient};
use std::collections::BTreeMap;

/// Sender, recipients and the reports that were asked for.
pub fn of_transaction(envelope: &Envelope, settings: &Settings<'_>) -> MimeEnvelope {
    MimeEnvelope {
        sender: Some(envelope.mail.sender.clone()),
        recipients: envelope.recipients.iter().map(|recipient| recipient.address.clone()).collect(),
        reports: reports(envelope, settings),
    }
}

/// To a program all recipients go with one NOTIFY, so that one with another is for another transaction (RFC 5321 4.5.3.1.10).
pub fn check_notify(settings: &Settings<'_>, recipient: &Recipient, before: &Envelope) -> Decision {
    let is_program = matches!(settings.transport(), Some(Transport::Program(_)));
    if is_program && before.recipients.first().is_some_and(|first| first.notify != recipient.notify) {
        return Err(Cause::TooManyRecipients.with("Recipients with another NOTIFY go in another transaction"));
    }
    Ok(())
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
