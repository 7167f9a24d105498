//! The way of a message, from any input format: its fields, its destination, the message itself, the hand-over. The input format writes the
//! answer.
#![forbid(unsafe_code)]

use crate::checks::{Look, Looked};
use crate::claims::{self, Claimed, Keyed};
use crate::delivery::Delivery;
use crate::directives::Received;
use crate::expressions::{self, ExpressionVars};
use crate::faults;
use crate::metrics::Watch;
use crate::outcome::{self, Kept, Refused};
use crate::rates::Rates;
use crate::read;
use crate::settings::{Settings, TEMPORARY};
use crate::status;
use crate::suppress;
use httpd::{Request, guard};
use mail::address::{Address, HostName};
use mail::message_id::{MessageId, Token};
use mailgate::answer::dry_run::DryRun;
use mailgate::answer::{self, Problem};
use mailgate::claim::Claim;
use mailgate::input::mime::MimeEnvelope;
use mailgate::input::{self, FieldSource};
use mailgate::message::compose::Trace;
use mailgate::message::draft::Draft;
use mailgate::message::parts;
use mailgate::policy;
use mailgate::submission::{Label, Part, Submission};
use mailgate::tags;
use mailgate::transport;
use std::io;
use sys::spool::Spool;
use web::Response;

/// Where a message's body is, and who gets it.
pub enum Content<'b> {
    /// A whole message in a spool; its body starts at this octet. Its envelope says who gets it if it names recipients, otherwise its
    /// fields do.
    Message { spool: &'b Spool, body: u64, envelope: &'b MimeEnvelope },
    /// Parts that are assembled here, with their contents in a spool; the fields say who gets them.
    Parts { spool: &'b Spool, root: &'b Part },
    /// The body of the request; the fields say who gets it.
    Request,
}

/// The outcome of a submission.
pub enum Outcome {
    /// A check held the message for a person to decide.
    Held { message_id: MessageId },
    /// It was a dry run; its response.
    DryRun(Response),
    /// The message was handed over, now or by an earlier request with the same key.
    Sent(Sent),
}

/// A message that was handed over.
pub struct Sent {
    pub message_id: MessageId,
    /// The URL of its delivery status.
    pub status_url: Option<String>,
    /// The suppressed recipients, who did not get it.
    pub left_out: Vec<String>,
}

/// Protection against a client that sends too much, or the same message twice.
pub struct Guards<'r> {
    pub rates: Rates<'r>,
    /// The message must be sent only once.
    pub keyed: Option<Keyed<'r>>,
    /// There was an earlier attempt with the same key, and its outcome is unknown.
    pub is_unknown: bool,
}

/// What the client asks for.
#[derive(Clone, Copy, Default)]
pub struct Wish<'a> {
    /// A description of what would be sent, instead of sending.
    pub dry_run: Option<DryRun>,
    /// Accept.
    pub accept: Option<&'a str>,
}

/// From the fields and content of a mail to a message handed over.
pub fn submit(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    content: &Content<'_>,
    wish: Wish<'_>,
    guards: &mut Guards<'_>,
    watch: &Watch,
) -> Result<Outcome, Refused> {
    let ready = Ready::check(request, settings, fields, content)?;
    guards.rates.recipients(ready.recipients())?;
    ready.send(request, settings, content, wish, guards, watch)
}

/// A mail that passed every check that does not need its body.
pub struct Ready<'c> {
    submission: Submission,
    token: Token,
    envid: Token,
    delivery: Delivery<'c>,
    status_base: Option<String>,
}

impl<'c> Ready<'c> {
    /// Checks the fields of a mail.
    pub fn check(
        request: &Request<'_>,
        settings: &Settings<'c>,
        fields: &[(&[u8], &[u8])],
        content: &Content<'_>,
    ) -> Result<Self, Refused> {
        let token = Token::random().map_err(|error| input::InputError::Random(error.to_string()))?;
        let envid = Token::random().map_err(|error| input::InputError::Random(error.to_string()))?;
        let submission = match content {
            Content::Message { envelope, .. } => read::message(request, settings, fields, &token, envelope)?,
            Content::Parts { .. } | Content::Request => {
                read::fields(request, settings, fields, FieldSource::Request, &token)?
            }
        };
        let vars = ExpressionVars { submission: &submission, token: &token, envid: &envid };
        if let Content::Message { envelope: MimeEnvelope { sender: Some(sender), .. }, .. } = content {
            policy::check_senders(settings.senders(), sender)?;
        }
        let delivery = deliver(request, settings, &vars, content)?;
        let status_base = expressions::dsn_location(request, settings, &vars)?;
        Ok(Ready { submission, token, envid, delivery, status_base })
    }

    /// The number of its recipients.
    pub fn recipients(&self) -> usize {
        self.submission.recipients.len()
    }

    /// Says what the sender calls it by.
    pub fn label(&mut self, labels: Vec<Label>) {
        self.submission.labels = labels;
    }

    /// Has it looked at, and hands it over. Its recipients are counted already.
    pub fn send(
        self,
        request: &Request<'_>,
        settings: &Settings<'c>,
        content: &Content<'_>,
        wish: Wish<'_>,
        guards: &mut Guards<'_>,
        watch: &Watch,
    ) -> Result<Outcome, Refused> {
        let Ready { mut submission, token, envid, mut delivery, status_base } = self;
        let mut keyed = guards.keyed.as_mut();
        if let Some(keyed) = &mut keyed {
            let sender = match content {
                Content::Message { envelope, .. } => envelope.sender.as_ref(),
                Content::Parts { .. } | Content::Request => None,
            };
            keyed.submission(&submission, sender);
        }
        let recipients = submission.recipients.len();
        let suppressed = suppress::look(request, settings, &mut submission)?;
        if let Some(problem) = suppressed.refused.clone().filter(|_| keyed.is_none()) {
            return Err(problem.into());
        }
        let left_out = suppressed.named;
        let vars = ExpressionVars { submission: &submission, token: &token, envid: &envid };
        if !suppressed.left_out.is_empty() {
            delivery = deliver(request, settings, &vars, content)?;
        }
        let mut entry =
            status::open(request, settings, &vars, status_base.as_deref(), keyed.is_some(), &suppressed.left_out)?;
        let look = if wish.dry_run.is_none() { Look::prepare(request, settings, &vars, &delivery)? } else { None };

        let host = HostName::new(request.server_name(), request.local_ip());
        let trace = trace(request, settings, &host, &token);
        let is_traced = trace.is_some();
        let mut message = match content {
            Content::Parts { spool, root } => {
                if let Some(keyed) = &mut keyed {
                    keyed.parts(root, spool).map_err(|error| answer::spool_full(&error))?;
                }
                parts::compose(&submission, trace, root, spool, &TEMPORARY)?
            }
            Content::Message { spool, body, .. } => {
                let mut draft = Draft::new(&submission, trace, &TEMPORARY);
                read::spool(spool.reader_at(*body), &mut |octets| take(&mut draft, &mut keyed, octets))?;
                draft.finish()?
            }
            Content::Request => {
                let mut draft = Draft::new(&submission, trace, &TEMPORARY);
                read::body(request, settings, &mut |octets| take(&mut draft, &mut keyed, octets))?;
                draft.finish()?
            }
        };
        faults::point(request, "message");
        if let Some(dry_run) = wish.dry_run {
            let shown = delivery.describe(settings, &vars, &message, dry_run, wish.accept);
            let shown = shown.map_err(|error| answer::spool_full(&error))?;
            outcome::dry_run(request, &submission, message.len(), watch);
            return Ok(Outcome::DryRun(shown));
        }

        let mut claim = match claims::claim(request, guards.keyed.as_ref())? {
            Claimed::Now(claim) => claim,
            Claimed::Before(message_id, status_url) => {
                guards.rates.give_back(recipients);
                return Ok(Outcome::Sent(Sent { message_id, status_url, left_out }));
            }
            Claimed::Perhaps(refused) => {
                guards.rates.give_back(recipients);
                guards.is_unknown = true;
                return Err(refused);
            }
        };
        // With a key, the message may have been sent earlier; that answer is then repeated.
        if let Some(problem) = suppressed.refused {
            return Err(problem.into());
        }
        if let Some(look) = look {
            let bytes = message.len();
            match look.run(request, settings, message, is_traced, &mut || commit(&mut claim, &submission))? {
                Looked::Pass(checked, envelope) => {
                    message = checked;
                    delivery.readdress(settings, &vars, &envelope);
                    entry.readdress(&envelope.recipients);
                }
                Looked::Taken(kept) => {
                    outcome::kept(request, &submission, &kept, bytes, watch);
                    claims::accepted(claim, None);
                    let message_id = submission.message_id;
                    return Ok(match kept {
                        Kept::Discarded(_) => Outcome::Sent(Sent { message_id, status_url: None, left_out }),
                        Kept::Held(_) => Outcome::Held { message_id },
                    });
                }
            }
        }
        entry.write(request)?;
        let taken = delivery.send(settings, &message, &mut || commit(&mut claim, &submission));
        let taken = match taken {
            Ok(taken) => taken,
            Err(mut failure) => {
                entry.failed(request, &failure);
                suppress::refused(request, settings, &submission, &failure);
                claims::failed(claim, &failure);
                failure.recipient = failure.recipient.and_then(|address| known_as(&address, settings, &submission));
                return Err(Refused::failed(&failure, &submission));
            }
        };
        faults::point(request, "accepted");
        outcome::accepted(request, &submission, message.len(), &taken, watch);
        let status_url = entry.status_url(settings).map(str::to_owned);
        claims::accepted(claim, status_url.as_deref());
        Ok(Outcome::Sent(Sent { message_id: submission.message_id, status_url, left_out }))
    }
}

/// The destination of a mail, with this request's values.
fn deliver<'c>(
    request: &Request<'_>,
    settings: &Settings<'c>,
    vars: &ExpressionVars<'_>,
    content: &Content<'_>,
) -> Result<Delivery<'c>, Refused> {
    let transport = settings.transport().ok_or_else(no_transport)?;
    let mut delivery = Delivery::prepare(request, settings, vars, transport)?;
    if let Content::Message { envelope, .. } = content {
        if let Some(sender) = &envelope.sender {
            delivery.envelope_from(sender.as_ref(), settings);
        }
        delivery.ask_for_reports(&envelope.reports, settings, vars)?;
    }
    Ok(delivery)
}

/// What the client calls a recipient that the relay refused. It does not learn whom an alias stands for, who gets a redirected message, or whom
/// a check has added.
fn known_as(address: &str, settings: &Settings<'_>, submission: &Submission) -> Option<String> {
    let is_it = |recipient: &&Address| submission.redirected.is_none() && recipient.to_string() == address;
    let recipient = submission.recipients.iter().find(is_it)?;
    Some(settings.aliases().name_of(recipient).unwrap_or(recipient).to_string())
}

/// From here on the message may be taken, and its key with it.
fn commit(claim: &mut Option<Claim<'_>>, submission: &Submission) -> Result<(), String> {
    if let Some(claim) = claim {
        claim.hand_over(submission.message_id.as_str()).map_err(|error| error.to_string())?;
    }
    guard::committed();
    Ok(())
}

/// Takes octets of the body, for the message and for the key's digest.
fn take(draft: &mut Draft<'_>, keyed: &mut Option<&mut Keyed<'_>>, octets: &[u8]) -> io::Result<()> {
    if let Some(keyed) = keyed {
        keyed.body(octets);
    }
    draft.write(octets)
}

fn no_transport() -> Problem {
    let log = format!("none of {} is set for this location; {REMEDY}", transport::directives_in_words());
    Problem::hidden(&tags::MISCONFIGURED, "this server is not set up to send mail", log)
}

const REMEDY: &str = "add SendmailName /usr/sbin/sendmail";

fn trace<'a>(
    request: &Request<'a>,
    settings: &Settings<'_>,
    host: &'a HostName,
    token: &'a Token,
) -> Option<Trace<'a>> {
    let received = settings.received();
    (received != Received::Off).then(|| Trace {
        client: request.client_ip().filter(|_| received != Received::Anonymous),
        user: request.user().filter(|_| received == Received::Full),
        server_name: host,
        protocol: match (request.protocol(), request.scheme()) {
            (protocol, _) if protocol.starts_with(b"SMTP") || protocol.starts_with(b"ESMTP") => request.protocol_name(),
            (_, "https") => "HTTPS",
            _ => "HTTP",
        },
        token,
    })
}
