//! The values of httpd's expressions and variables for a request: the sender, the arguments of the program, the URL of the delivery status.
//! All of them are known before the body is read.
#![forbid(unsafe_code)]

use crate::directives::{Macro, Source, Text};
use crate::outcome::Refused;
use crate::settings::Settings;
use httpd::{Certificate, Expression, Request};
use mail::address::Address;
use mail::message_id::Token;
use mailgate::answer::Problem;
use mailgate::checks::milter::Custom;
use mailgate::policy::PolicyError;
use mailgate::policy::arguments::{self, Piece};
use mailgate::policy::sender::{AuthenticatedSender, is_from_certificate};
use mailgate::submission::Submission;
use mailgate::tags;
use mailgate::transport::program::arguments::Role;
use std::ffi::CStr;
use std::fmt;

/// The values of SendmailSenderMail and SendmailSenderName.
pub struct Sender<'r> {
    source: String,
    mail: Option<&'r [u8]>,
    name: Option<&'r [u8]>,
}

impl Sender<'_> {
    pub fn authenticated(&self) -> AuthenticatedSender<'_> {
        AuthenticatedSender { source: &self.source, mail: self.mail, name: self.name }
    }
}

/// The configured sender, `None` if there is none.
pub fn sender<'r>(request: &Request<'r>, settings: &Settings<'_>) -> Result<Option<Sender<'r>>, Refused> {
    let Some(source) = settings.sender_mail() else { return Ok(None) };
    let mail = value(request, source)?;
    let name = settings.sender_name().map(|name| value(request, name)).transpose()?.flatten();
    Ok(Some(Sender { source: source.text(), mail, name }))
}

/// The value of a variable or an expression; refused if it comes from an unverified certificate.
fn value<'r>(request: &Request<'r>, source: &Source<'_>) -> Result<Option<&'r [u8]>, Refused> {
    let value = match source {
        Source::Variable(name) => request.variable(name),
        Source::Expression(text, expression) => Some(evaluate(request, expression, &text)?),
    };
    let text = source.text();
    if value.is_some_and(|value| !value.is_empty()) && is_forged(request, &text) {
        return Err(PolicyError::Sender { source: text, reason: UNVERIFIED }.into());
    }
    Ok(value)
}

const UNVERIFIED: &str =
    "comes from a client certificate that nobody has verified; set SSLVerifyClient require, and SSLCACertificateFile";

/// Whether the client can choose the value of `text` freely: it comes from an unverified certificate (`SSLVerifyClient optional_no_ca`), or
/// is the user that SSLUserName took from one.
fn is_forged(request: &Request<'_>, text: &str) -> bool {
    if is_from_certificate(text) {
        return request.certificate() != Certificate::Verified;
    }
    text.to_ascii_uppercase().contains("REMOTE_USER")
        && request.user().is_none()
        && request.certificate() == Certificate::Unverified
}

/// What arguments may refer to as `%{reqenv:SENDMAIL_...}`.
pub struct ExpressionVars<'a> {
    pub submission: &'a Submission,
    pub token: &'a Token,
    pub envid: &'a Token,
}

impl ExpressionVars<'_> {
    /// Puts the values into the request's environment while `evaluate` runs, if it evaluates an expression.
    fn during<'p, T>(
        &self,
        request: &Request<'_>,
        mut pieces: impl Iterator<Item = &'p Piece<Expression<'p>>>,
        evaluate: impl FnOnce() -> T,
    ) -> T {
        if !pieces.any(|piece| matches!(piece, Piece::Expression(_))) {
            return evaluate();
        }
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

/// The words of SendmailArguments for this request, and the header's recipients if they belong after a final `--`.
pub fn arguments(
    request: &Request<'_>,
    settings: &Settings<'_>,
    vars: &ExpressionVars<'_>,
) -> Result<Vec<Vec<u8>>, Refused> {
    let arguments = settings.arguments();
    if let Some(i) = arguments.words.iter().position(|word| is_forged(request, &word.written)) {
        return Err(PolicyError::Argument { word: i + 1, reason: UNVERIFIED }.into());
    }
    let mut arguments = vars.during(request, arguments.words.iter().flat_map(|word| &word.pieces), || {
        let words = arguments.words.iter().zip(&arguments.roles).enumerate();
        words
            .map(|(i, (word, role))| {
                let pieces =
                    evaluate_pieces(request, &word.pieces, &format_args!("word {} of SendmailArguments", i + 1))?;
                let recipient = (*role == Role::Recipient).then(|| settings.recipients());
                Ok(arguments::join(i + 1, &pieces, recipient)?)
            })
            .collect::<Result<Vec<_>, Refused>>()
    })?;
    if settings.appends_recipients() {
        arguments.extend(recipients(vars).into_iter().map(String::into_bytes));
    }
    Ok(arguments)
}

/// The macros of SendmailMilterMacros for this request.
pub fn macros(
    request: &Request<'_>,
    settings: &Settings<'_>,
    vars: &ExpressionVars<'_>,
) -> Result<Vec<Custom>, Refused> {
    let Some(macros) = settings.milter_macros() else { return Ok(Vec::new()) };
    let value = |Macro { name, value }: &Macro<'_>| {
        if is_forged(request, &value.written) {
            let detail = "a value of this request is not valid for the way mail is sent from here";
            return Err(Problem::hidden(
                &tags::ARGUMENT,
                detail,
                format!("{name} of SendmailMilterMacros {UNVERIFIED}"),
            )
            .into());
        }
        Ok((name.clone(), text(request, &value.pieces, &format_args!("{name} of SendmailMilterMacros"))?))
    };
    let pieces = macros.iter().flat_map(|made| &made.value.pieces);
    vars.during(request, pieces, || macros.iter().map(value).collect())
}

/// The envelope sender for a relay: SendmailRelayFrom, otherwise the author. `None`: `<>`.
pub fn relay_sender(
    request: &Request<'_>,
    settings: &Settings<'_>,
    vars: &ExpressionVars<'_>,
) -> Result<Option<Address>, Refused> {
    let Some(from) = settings.relay_from() else {
        return Ok(vars.submission.from.as_ref().map(|from| from.address().clone()));
    };
    let value = vars.during(request, from.pieces.iter(), || text(request, &from.pieces, &"SendmailRelayFrom"))?;
    if value.is_empty() || value == b"<>" {
        return Ok(None);
    }
    let unfit = |why: &str| {
        let detail = "a value of this request is not valid for the way mail is sent from here";
        Problem::hidden(&tags::ARGUMENT, detail, format!("SendmailRelayFrom {why}"))
    };
    if is_forged(request, &from.written) {
        return Err(unfit(UNVERIFIED).into());
    }
    let address = std::str::from_utf8(&value).ok().and_then(|text| Address::parse(text).ok());
    let address = address.ok_or_else(|| unfit("is neither one address nor empty nor <> for this request"))?;
    Ok(Some(settings.domain().map_or_else(|| address.clone(), |domain| address.complete(domain))))
}

/// The recipients of the header, each once.
pub fn recipients(vars: &ExpressionVars<'_>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let mut recipients: Vec<_> = vars.submission.recipients.iter().map(ToString::to_string).collect();
    recipients.retain(|recipient| seen.insert(recipient.clone()));
    recipients
}

/// The base of the delivery status, `None` if this request has none.
pub fn dsn_location(
    request: &Request<'_>,
    settings: &Settings<'_>,
    vars: &ExpressionVars<'_>,
) -> Result<Option<String>, Refused> {
    let Some(base) = settings.dsn_location() else { return Ok(None) };
    let base = vars.during(request, base.pieces.iter(), || text(request, &base.pieces, &"SendmailDSNLocation"))?;
    let base = String::from_utf8(base).ok().filter(|base| !base.chars().any(|c| c.is_control() || c.is_whitespace()));
    base.map(|base| Some(base).filter(|base| !base.is_empty()))
        .ok_or_else(|| failed(&"SendmailDSNLocation", "its value holds a blank or a control character").into())
}

/// The value of a directive for this request; `what` is its name.
pub fn value_of(request: &Request<'_>, value: &Text<'_>, what: &'static str) -> Result<Vec<u8>, Refused> {
    if is_forged(request, &value.written) {
        return Err(failed(&what, UNVERIFIED).into());
    }
    text(request, &value.pieces, &what)
}

/// Literals and values, concatenated.
fn text(request: &Request<'_>, pieces: &[Piece<Expression<'_>>], what: &dyn fmt::Display) -> Result<Vec<u8>, Refused> {
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
    what: &dyn fmt::Display,
) -> Result<Vec<Piece<&'r [u8]>>, Refused> {
    let evaluate = |piece: &Piece<Expression<'_>>| match piece {
        Piece::Literal(literal) => Ok(Piece::Literal(literal.clone())),
        Piece::Expression(expression) => evaluate(request, expression, what).map(Piece::Expression),
    };
    pieces.iter().map(evaluate).collect()
}

fn evaluate<'r>(
    request: &Request<'r>,
    expression: &Expression<'_>,
    what: &dyn fmt::Display,
) -> Result<&'r [u8], Refused> {
    request.evaluate(expression).map_err(|error| failed(what, &error).into())
}

fn failed(what: &dyn fmt::Display, error: &str) -> Problem {
    let log = format!("{what} cannot be evaluated: {error}");
    Problem::hidden(&tags::EXPRESSION, "this server is not set up to send mail", log)
}
