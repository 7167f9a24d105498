//! What httpd's expressions and variables give for a request: the sender, the arguments of the program, the address of the delivery
//! status. All of it is known before the body is read.
#![forbid(unsafe_code)]

use crate::directives::Source;
use crate::handler::appends_recipients;
use crate::outcome::Refused;
use crate::settings::Settings;
use httpd::{Expression, Request};
use mailgate::address::Address;
use mailgate::input::Submission;
use mailgate::message_id::Token;
use mailgate::policy::arguments::{self, Piece};
use mailgate::policy::sender::Vouched;
use mailgate::reply::{Again, Problem};
use std::ffi::CStr;

/// What SendmailSenderMail and SendmailSenderName gave.
pub struct Sender<'r> {
    source: String,
    mail: Option<&'r [u8]>,
    name: Option<&'r [u8]>,
}

impl Sender<'_> {
    pub fn vouched(&self) -> Vouched<'_> {
        Vouched { source: &self.source, mail: self.mail, name: self.name }
    }
}

/// The sender that the configuration names, `None` where it names none.
pub fn sender<'r>(request: &Request<'r>, settings: &Settings<'_>) -> Result<Option<Sender<'r>>, Refused> {
    let Some(source) = settings.sender_mail() else { return Ok(None) };
    let name = settings.sender_name().map(|name| value(request, name)).transpose()?.flatten();
    let source_name = match source {
        Source::Variable(name) => name.to_string_lossy().into_owned(),
        Source::Expression(text, _) => text.clone(),
    };
    Ok(Some(Sender { source: source_name, mail: value(request, source)?, name }))
}

fn value<'r>(request: &Request<'r>, source: &Source<'_>) -> Result<Option<&'r [u8]>, Refused> {
    match source {
        Source::Variable(name) => Ok(request.variable(name)),
        Source::Expression(text, expression) => evaluate(request, expression, text).map(Some),
    }
}

/// What arguments may refer to as `%{reqenv:SENDMAIL_...}`.
pub struct Offered<'a> {
    pub submission: &'a Submission,
    pub token: &'a Token,
    pub envid: &'a Token,
}

impl Offered<'_> {
    /// Puts the values into the environment of the request while `evaluate` runs.
    fn during<T>(&self, request: &Request<'_>, evaluate: impl FnOnce() -> T) -> T {
        let from = self.submission.from.as_ref().map(|from| from.address().to_string()).unwrap_or_default();
        let values: [(&CStr, &str); 4] = [
            (c"SENDMAIL_MESSAGE_ID", self.submission.message_id.as_str()),
            (c"SENDMAIL_TOKEN", self.token.as_str()),
            (c"SENDMAIL_ENVID", self.envid.as_str()),
            (c"SENDMAIL_FROM", &from),
        ];
        let environment = request.environment();
        for (name, value) in values {
            environment.set(name, &httpd::c_string(value));
        }
        let outcome = evaluate();
        for (name, _) in values {
            environment.unset(name);
        }
        outcome
    }
}

/// The words of SendmailArguments for this request, and the header's recipients where they belong behind a last `--`.
pub fn arguments(
    request: &Request<'_>,
    settings: &Settings<'_>,
    offered: &Offered<'_>,
) -> Result<Vec<Vec<u8>>, Refused> {
    let words = &settings.arguments().words;
    let mut arguments = offered.during(request, || {
        let (mut arguments, mut behind_dashes) = (Vec::with_capacity(words.len()), false);
        for (i, word) in words.iter().enumerate() {
            let pieces = evaluate_pieces(request, word, &format!("word {} of SendmailArguments", i + 1))?;
            arguments.push(arguments::join(i + 1, &pieces, behind_dashes.then_some(settings.recipients()))?);
            behind_dashes |= matches!(word.as_slice(), [Piece::Literal(literal)] if literal == "--");
        }
        Ok::<_, Refused>(arguments)
    })?;
    if appends_recipients(settings) {
        arguments.extend(recipients(offered).into_iter().map(String::into_bytes));
    }
    Ok(arguments)
}

/// The sender of the envelope for a relay: what SendmailRelayFrom says, else the author. `None`: nobody, `<>`.
pub fn relay_sender(
    request: &Request<'_>,
    settings: &Settings<'_>,
    offered: &Offered<'_>,
) -> Result<Option<Address>, Refused> {
    let Some(pieces) = settings.relay_from() else {
        return Ok(offered.submission.from.as_ref().map(|from| from.address().clone()));
    };
    let value = offered.during(request, || text(request, pieces, "SendmailRelayFrom"))?;
    if value.is_empty() || value == b"<>" {
        return Ok(None);
    }
    let address = std::str::from_utf8(&value).ok().and_then(|text| Address::parse(text).ok());
    let address = address.ok_or_else(|| {
        let detail = "a value of this request does not fit the way mail is sent from here";
        let log = "SendmailRelayFrom is neither one address nor empty nor <> for this request";
        Problem::hidden(403, "SM0203", Again::AfterCorrection, detail, log)
    })?;
    Ok(Some(settings.domain().map_or_else(|| address.clone(), |domain| address.complete(domain))))
}

/// The recipients of the header, each once.
pub fn recipients(offered: &Offered<'_>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let mut recipients: Vec<_> = offered.submission.recipients.iter().map(ToString::to_string).collect();
    recipients.retain(|recipient| seen.insert(recipient.clone()));
    recipients
}

/// The base of the delivery status, `None` where there is none for this request.
pub fn dsn_location(
    request: &Request<'_>,
    settings: &Settings<'_>,
    offered: &Offered<'_>,
) -> Result<Option<String>, Refused> {
    let Some(pieces) = settings.config().dsn_location.as_deref() else { return Ok(None) };
    let base = offered.during(request, || text(request, pieces, "SendmailDSNLocation"))?;
    let base = String::from_utf8(base).ok().filter(|base| !base.chars().any(|c| c.is_control() || c.is_whitespace()));
    base.map(|base| Some(base).filter(|base| !base.is_empty()))
        .ok_or_else(|| failed("SendmailDSNLocation", "its value holds a blank or a control character").into())
}

/// Literals and values, one behind the other.
fn text(request: &Request<'_>, pieces: &[Piece<Expression<'_>>], what: &str) -> Result<Vec<u8>, Refused> {
    let pieces = evaluate_pieces(request, pieces, what)?;
    Ok(pieces.into_iter().fold(Vec::new(), |mut text, piece| {
        text.extend_from_slice(match &piece {
            Piece::Literal(literal) => literal.as_bytes(),
            Piece::Expression(value) => value,
        });
        text
    }))
}

fn evaluate_pieces<'r>(
    request: &Request<'r>,
    pieces: &[Piece<Expression<'_>>],
    what: &str,
) -> Result<Vec<Piece<&'r [u8]>>, Refused> {
    let evaluate = |piece: &Piece<Expression<'_>>| match piece {
        Piece::Literal(literal) => Ok(Piece::Literal(literal.clone())),
        Piece::Expression(expression) => evaluate(request, expression, what).map(Piece::Expression),
    };
    pieces.iter().map(evaluate).collect()
}

fn evaluate<'r>(request: &Request<'r>, expression: &Expression<'_>, what: &str) -> Result<&'r [u8], Refused> {
    request.evaluate(expression).map_err(|error| failed(what, &error).into())
}

fn failed(what: &str, error: &str) -> Problem {
    let log = format!("{what} cannot be evaluated: {error}");
    Problem::hidden(500, "SM0204", Again::AfterAdministrator, "this server is not set up to send mail", log)
}
