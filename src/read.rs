//! What a request says of its mail, read by the rules of the location: the fields of the header, a whole message, the octets of the body.
#![forbid(unsafe_code)]

use crate::expressions;
use crate::faults;
use crate::host::own_domain;
use crate::outcome::Refused;
use crate::settings::Settings;
use httpd::{BodyError, Request};
use mail::message_id::Token;
use mailgate::answer::{self, Problem};
use mailgate::input::mime::MimeEnvelope;
use mailgate::input::{self, FieldSource, Rules, framing};
use mailgate::submission::Submission;
use mailgate::tags;
use std::io::{self, BufRead};

/// The fields of a mail; what the rules do not allow is an error.
pub fn fields(
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

/// The fields of a whole message. Its envelope's recipients are checked with the others; then only they get the message, unless it is
/// redirected.
pub fn message(
    request: &Request<'_>,
    settings: &Settings<'_>,
    fields: &[(&[u8], &[u8])],
    token: &Token,
    envelope: &MimeEnvelope,
) -> Result<Submission, Refused> {
    if envelope.recipients.is_empty() {
        return self::fields(request, settings, fields, FieldSource::Message { has_envelope: false }, token);
    }
    let recipients: Vec<_> = envelope.recipients.iter().map(ToString::to_string).collect();
    let recipients = recipients.join(", ");
    let is_bcc = |(name, _): &&(&[u8], &[u8])| !name.eq_ignore_ascii_case(b"Bcc");
    let mut with_envelope: Vec<_> = fields.iter().filter(is_bcc).copied().collect();
    with_envelope.push((b"Bcc", recipients.as_bytes()));
    let mut submission =
        self::fields(request, settings, &with_envelope, FieldSource::Message { has_envelope: true }, token)?;
    if submission.redirected.is_none() {
        // Not the message's own Bcc: SendmailPassHeaders may have dropped it.
        submission.recipients = settings.aliases().recipients(&envelope.recipients, settings.domain());
    }
    Ok(submission)
}

pub fn spool(mut body: impl BufRead, write: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), Refused> {
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

/// Reads the decoded body to its true end.
pub fn body(
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
