//! A message and its envelope -> the way that a request goes, and its outcome as a reply. What the message says of recipients is text
//! alone: the envelope says who gets it.
#![forbid(unsafe_code)]

use super::Submission;
use crate::directives::Transport;
use crate::handler::{self, Content};
use crate::metrics::Watch;
use crate::outcome::{self, Refused};
use crate::settings::Settings;
use crate::{Sendmail, faults};
use httpd::{Transaction, guard};
use mail::address::Address;
use mailgate::answer::{Problem, spool_full};
use mailgate::policy::arguments::Addressing;
use mailgate::tags::{self, Retry};
use smtp::{Cause, Decision, Envelope, Receipt, Refusal};
use std::io::{BufRead, Read};
use sys::spool::Spool;

/// The largest header, before any field is left out.
const MAX_HEADER: u64 = 256 * 1024;

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
    let completed = settings.domain().map_or_else(|| address.clone(), |domain| address.complete(domain));
    if settings.recipients().allow(&completed) {
        Ok(())
    } else {
        Err(Cause::AccessDenied.with(format!("{completed} may not be written to from here")))
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
            let (fields, body) = fields(&spool).map_err(|error| Refused::from(*error))?;
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
            let content = Content::Message { spool: &spool, body, envelope };
            handler::submit(&request, &settings, &fields, &content, &watch)
        });
        faults::end(&request);
        match outcome {
            Ok((_, id)) => Ok(Receipt { id: id.as_str().to_owned() }),
            Err(refused) => {
                transaction.set_status(outcome::record(&request, &refused, &watch));
                Err(refusal(&refused))
            }
        }
    });
    outcome.unwrap_or_else(|fault| {
        transaction.set_status(if fault.committed { 502 } else { 500 });
        Err(if fault.committed { Cause::MayHaveBeenDelivered.into() } else { Cause::Unavailable.into() })
    })
}

/// Where nobody knows what became of the message, sending it again may double it: the client gives up, and tells its user why.
fn refusal(refused: &Refused) -> Refusal {
    match refused {
        Refused::Broken(status) => Cause::of_status(u16::try_from(*status).unwrap_or(500)).into(),
        Refused::Problem { problem, .. } => match (problem.tag.retry, Cause::of_status(problem.tag.status)) {
            (Retry::Unknown | Retry::No, _) | (_, Cause::Unknown) => Cause::MayHaveBeenDelivered.into(),
            (_, cause) => cause.with(problem.detail.as_str()),
        },
    }
}

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// The fields of the message (RFC 5322 2.2), unfolded, and where its body begins. A first line as of an mbox is dropped.
fn fields(spool: &Spool) -> Result<(Fields, u64), Box<Problem>> {
    let bad = |text: &str| Box::new(Problem::new(&tags::FIELD, text));
    let (mut fields, mut body): (Fields, u64) = (Vec::new(), 0);
    let mut reader = spool.reader().take(MAX_HEADER);
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = reader.read_until(b'\n', &mut line).map_err(|error| Box::new(spool_full(&error)))?;
        body += n as u64;
        if n > 0 && !line.ends_with(b"\n") && body == MAX_HEADER {
            return Err(bad("the header of the message is too long"));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match (text, fields.last_mut()) {
            ([], _) => return Ok((fields, body)),
            ([b' ' | b'\t', ..], Some((_, value))) => {
                value.push(b' ');
                value.extend_from_slice(text.trim_ascii());
            }
            (text, None) if text.starts_with(b"From ") => {}
            (text, _) => {
                let colon = text.iter().position(|octet| *octet == b':').filter(|colon| *colon > 0);
                let colon =
                    colon.ok_or_else(|| bad("the message does not begin with a header; end it by an empty line"))?;
                fields.push((text[..colon].trim_ascii_end().to_vec(), text[colon + 1..].trim_ascii().to_vec()));
            }
        }
    }
}
