//! The way of a message: its fields, where it goes, the message itself, the hand-over. Whichever way it came in; the answer is the business
//! of that.
#![forbid(unsafe_code)]

use crate::checks::{Look, Looked};
use crate::claims::{self, Claimed, Keyed};
use crate::delivery::Delivery;
use crate::directives::Received;
use crate::expressions::{self, ExpressionVars};
use crate::faults;
use crate::host::own_domain;
use crate::metrics::Watch;
use crate::outcome::{self, Kept, Refused};
use crate::rates::Rates;
use crate::settings::{Settings, TEMPORARY};
use crate::status;
use crate::suppress;
use httpd::{BodyError, Request, guard};
use mail::address::{Address, HostName};
use mail::message_id::{MessageId, Token};
use mailgate::answer::dry_run::DryRun;
use mailgate::answer::{self, Problem};
use mailgate::claim::Claim;
use mailgate::input::mime::MimeEnvelope;
use mailgate::input::{self, FieldSource, Rules, framing};
use mailgate::message::compose::Trace;
use mailgate::message::draft::Draft;
use mailgate::message::parts;
use mailgate::policy;
use mailgate::submission::{Label, Part, Submission};
use mailgate::tags;
use mailgate::transport;
use std::io::{self, BufRead};
use sys::spool::Spool;
use web::Response;

/// Where the body of a message is, and who gets it.
pub enum Content<'b> {
    /// A whole message that stands in a spool, its body from this octet on. Its envelope says who gets it, if it
    /// names anybody, else its fields do.
    Message { spool: &'b Spool, body: u64, envelope: &'b MimeEnvelope },
    /// Parts that are put together here, with their contents in a spool; the fields say who gets them.
    Parts { spool: &'b Spool, root: &'b Part },
    /// The body of the request; the fields say who gets it.
    Request,
}

/// What came of a submission.
pub enum Outcome {
    /// A check had the message kept back, for a person to look at.
    Held { message_id: MessageId },
    /// It was a dry run, which is answered so.
    DryRun(Response),
    /// The message was handed over, now or by an earlier request with the same key.
    Sent(Sent),
}

/// A message that was handed over.
pub struct Sent {
    pub message_id: MessageId,
    /// Where its delivery status can be asked for.
    pub status_url: Option<String>,
    /// The recipients that are suppressed and did not get it.
    pub left_out: Vec<String>,
}

/// What keeps a client from sending too much, or the same twice.
pub struct Guards<'r> {
    pub rates: Rates<'r>,
    /// The message is to be sent once.
    pub keyed: Option<Keyed<'r>>,
    /// An earlier attempt with the same key was found, and nobody knows what came of it.
    pub is_unknown: bool,
}

/// What the client wants of the answer.
#[derive(Clone, Copy, Default)]
pub struct Wish<'a> {
    /// Not to send, but to be shown what would be sent.
    pub dry_run: Option<DryRun>,
    /// Accept.
    pub accept: Option<&'a str>,
}

/// From the fields of a mail and its content to a message handed over.
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

/// A mail of which all is known and allowed that can be told without its body.
pub struct Ready<'c> {
    submission: Submission,
    token: Token,
    envid: Token,
    delivery: Delivery<'c>,
    status_base: Option<String>,
}

impl<'c> Ready<'c> {
    /// Looks at the fields of a mail.
    pub fn check(
        request: &Request<'_>,
        settings: &Settings<'c>,
        fields: &[(&[u8], &[u8])],
        content: &Content<'_>,
    ) -> Result<Self, Refused> {
        let token = Token::random().map_err(|error| input::InputError::Random(error.to_string()))?;
        let envid = Token::random().map_err(|error| input::InputError::Random(error.to_string()))?;
        let submission = match content {
            Content::Message { envelope, .. } => read_message(request, settings, fields, &token, envelope)?,
            Content::Parts { .. } | Content::Request => {
                read_fields(request, settings, fields, FieldSource::Request, &token)?
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

    /// How many it goes to.
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
                read_spool(spool.reader_at(*body), &mut |octets| take(&mut draft, &mut keyed, octets))?;
                draft.finish()?
            }
            Content::Request => {
                let mut draft = Draft::new(&submission, trace, &TEMPORARY);
                read_body(request, settings, &mut |octets| take(&mut draft, &mut keyed, octets))?;
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
        // With a key, an earlier message may have been sent, and is told again.
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

/// Where a mail goes, with all that this request says of it.
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

/// Octets of the body, for the message and for the digest that a key belongs to.
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

fn read_fields(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    source: FieldSource,
    token: &Token,
) -> Result<Submission, Refused> {
    let sender = expressions::sender(request, settings)?;
    let server_name = own_domain(request);
    let submission = input::read(
        fields,
        &Rules {
            addressing: settings.addressing(),
            aliases: settings.aliases(),
            domain: settings.domain(),
            from_required: settings.requires_from(),
            max_recipients: settings.max_recipients(),
            pass: settings.pass_headers().map(Vec::as_slice),
            recipients: settings.recipients(),
            redirect: settings.redirect_to(),
            senders: settings.senders(),
            sender: sender.as_ref().map(expressions::Sender::authenticated),
            server_name: &server_name,
            source,
            strip: settings.strip_headers(),
            token,
        },
    )?;
    if !submission.stripped.is_empty() {
        tracing::debug!("{}: fields left out of the mail: {}", tags::STRIPPED, submission.stripped.join(" "));
    }
    Ok(submission)
}

/// The fields of a whole message. Its envelope is among the recipients that are judged, and then alone gets it; but for a redirection.
fn read_message(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    token: &Token,
    envelope: &MimeEnvelope,
) -> Result<Submission, Refused> {
    if envelope.recipients.is_empty() {
        return read_fields(request, settings, fields, FieldSource::Message { has_envelope: false }, token);
    }
    let recipients: Vec<_> = envelope.recipients.iter().map(ToString::to_string).collect();
    let recipients = recipients.join(", ");
    let is_bcc = |(name, _): &&(&[u8], &[u8])| !name.eq_ignore_ascii_case(b"Bcc");
    let mut with_envelope: Vec<_> = fields.iter().filter(is_bcc).copied().collect();
    with_envelope.push((b"Bcc", recipients.as_bytes()));
    let mut submission =
        read_fields(request, settings, &with_envelope, FieldSource::Message { has_envelope: true }, token)?;
    if submission.redirected.is_none() {
        // Not what is left of Bcc: SendmailPassHeaders may have dropped it.
        submission.recipients = settings.aliases().recipients(&envelope.recipients, settings.domain());
    }
    Ok(submission)
}

fn read_spool(mut body: impl BufRead, write: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), Refused> {
    loop {
        let octets = body.fill_buf().map_err(|error| answer::spool_full(&error))?;
        if octets.is_empty() {
            return Ok(());
        }
        write(octets).map_err(|error| answer::spool_full(&error))?;
        let n = octets.len();
        body.consume(n);
    }
}

/// The body to its true end, decoded by then.
pub fn read_body(
    request: &Request<'_>,
    settings: &Settings<'_>,
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), Refused> {
    let (max, mut length) = (settings.max_size(), 0);
    request
        .read_body(|octets| {
            faults::point(request, "body");
            length += octets.len() as u64;
            if length > max {
                return Err(Box::new(Problem::from(&input::InputError::TooLarge { max })));
            }
            write(octets).map_err(|error| Box::new(answer::spool_full(&error)))
        })
        .map_err(|error| match error {
            BodyError::Sink(problem) => Refused::from(*problem),
            BodyError::Filter(status) => Refused::Broken(status),
        })?;
    Ok(framing::encoding(&request.headers_in().entries())?)
}

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
