//! The delivery-status parts of a mail -> a [`Report`] (RFC 3464 2.2, 2.3), with the errors of real MTAs repaired: too many or too few
//! blank lines, one recipient's fields in two groups or two recipients' in one, a missing type, text after a status, several parts.
#![forbid(unsafe_code)]

use super::parse::{self, Field, Group};
use super::parts::Part;
use super::report::{self, Recipient, Report, Typed};
use super::{Error, MAX_RECIPIENTS};

/// How much of the delivery-status parts is read: 500 recipients need 500 KiB, with the longest known diagnostics.
const MAX_CONTENT: usize = 2 << 20;

/// Most groups of one part: one per recipient, and others between them.
const MAX_GROUPS: usize = 2 * MAX_RECIPIENTS;

/// Empty, and not conforming, if there is no such part.
pub fn read(top: &Part<'_>) -> Result<Report, Error> {
    let mut reader = Reader { report: Report { conforming: is_proper(top), ..Report::default() }, ..Reader::default() };
    let mut left = MAX_CONTENT;
    for part in top.walk().filter(|part| part.is_delivery_status()) {
        let content = part.decoded();
        let content = content.get(..left).unwrap_or(&content);
        left -= content.len();
        reader.part(&String::from_utf8_lossy(content))?;
    }
    reader.finish()
}

/// The same from a text that contains such fields among others.
pub fn read_text(text: &str) -> Result<Report, Error> {
    let mut reader = Reader::default();
    reader.part(text)?;
    reader.finish()
}

/// `multipart/report; report-type=delivery-status` with the one delivery-status part in second place (RFC 3462 1, RFC 3464 2)
fn is_proper(top: &Part<'_>) -> bool {
    top.media == "multipart/report"
        && top.parameter("report-type").is_some_and(|t| {
            t.eq_ignore_ascii_case("delivery-status") || t.eq_ignore_ascii_case("global-delivery-status")
        })
        && top.parts.get(1).is_some_and(Part::is_delivery_status)
        && top.walk().filter(|part| part.is_delivery_status()).count() == 1
}

#[derive(Default)]
struct Reader {
    report: Report,
    /// The current group, if it has data of a recipient but not yet an address.
    pending: Recipient,
}

impl Reader {
    fn part(&mut self, content: &str) -> Result<(), Error> {
        for (index, group) in parse::groups(content).take(MAX_GROUPS).enumerate() {
            self.group(&group, index == 0)?;
        }
        Ok(())
    }

    fn group(&mut self, group: &Group<'_>, first: bool) -> Result<(), Error> {
        let names = |name: &str| group.fields.iter().filter(|f| f.name.eq_ignore_ascii_case(name)).count();
        let recipient_fields: usize = RECIPIENT_FIELDS.iter().map(|name| names(name)).sum();
        let message_fields: usize = MESSAGE_FIELDS.iter().map(|name| names(name)).sum();
        self.report.conforming &= group.stray == 0
            && group.fields.iter().all(|f| !is_known(f.name) || names(f.name) == 1)
            && if first {
                recipient_fields == 0 && names("reporting-mta") == 1
            } else {
                message_fields == 0 && ["final-recipient", "action", "status"].iter().all(|name| names(name) == 1)
            };
        let mut here = Recipient::default();
        for field in &group.fields {
            // a second recipient without a blank line before it: seen from AOL
            let starts_another = field.name.eq_ignore_ascii_case("final-recipient") && here.final_recipient.is_some();
            if starts_another {
                self.recipient(std::mem::take(&mut here))?;
            }
            self.field(field, &mut here);
        }
        if here.diagnostic_code.is_none() {
            let info = group.fields.iter().find(|f| f.name.eq_ignore_ascii_case(super::SUPPLEMENTARY_INFO));
            here.diagnostic_code = info.map(|field| supplementary_info(&field.body));
        }
        self.recipient(here)
    }

    fn field(&mut self, field: &Field<'_>, here: &mut Recipient) {
        let report = &mut self.report;
        let text = || report::bounded(&field.body);
        match field.name.to_ascii_lowercase().as_str() {
            "x-original-message-id" => set(&mut report.original_message_id, text),
            "original-envelope-id" => {
                set(&mut report.original_envelope_id, || report::bounded(&parse::xtext(&field.body)))
            }
            "reporting-mta" => {
                report.conforming &= parse::typed(&field.body).0.is_some();
                set(&mut report.reporting_mta, text);
            }
            "arrival-date" => set(&mut report.arrival_date, text),
            "original-recipient" => set_typed(&mut here.original_recipient, &field.body),
            "final-recipient" => {
                report.conforming &= parse::typed(&field.body).0.is_some();
                set_typed(&mut here.final_recipient, &field.body);
            }
            "action" => {
                let word = action(&field.body);
                report.conforming &=
                    matches!(word.as_str(), "failed" | "delayed" | "delivered" | "relayed" | "expanded");
                if !word.is_empty() {
                    set(&mut here.action, || word);
                }
            }
            "status" => {
                report.conforming &= parse::is_status(&field.body);
                set(&mut here.status, text);
                if let Ok((_, code)) = parse::status_code(&field.body) {
                    set(&mut here.status_code, || code.to_owned());
                }
            }
            "diagnostic-code" => set_typed(&mut here.diagnostic_code, &field.body),
            "remote-mta" => set_typed(&mut here.remote_mta, &field.body),
            "last-attempt-date" => set(&mut here.last_attempt_date, text),
            "will-retry-until" => set(&mut here.will_retry_until, text),
            _ => {}
        }
    }

    /// A group with an address is a recipient; one without adds to its neighbour.
    fn recipient(&mut self, here: Recipient) -> Result<(), Error> {
        if here == Recipient::default() {
            return Ok(());
        }
        let has_name = here.final_recipient.is_some() || here.original_recipient.is_some();
        if has_name {
            if self.report.recipients.len() >= MAX_RECIPIENTS {
                return Err(Error::TooManyRecipients);
            }
            let mut here = here;
            complete(&mut here, std::mem::take(&mut self.pending));
            self.report.recipients.push(here);
            return Ok(());
        }
        match self.report.recipients.last_mut() {
            Some(last) if last.action.is_none() || last.status.is_none() => complete(last, here),
            Some(_) => {}
            None => complete(&mut self.pending, here),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Report, Error> {
        self.report.conforming &= !self.report.recipients.is_empty();
        Ok(self.report)
    }
}

const MESSAGE_FIELDS: [&str; 5] =
    ["original-envelope-id", "reporting-mta", "dsn-gateway", "received-from-mta", "arrival-date"];
const RECIPIENT_FIELDS: [&str; 9] = [
    "original-recipient",
    "final-recipient",
    "action",
    "status",
    "remote-mta",
    "diagnostic-code",
    "last-attempt-date",
    "final-log-id",
    "will-retry-until",
];

fn is_known(name: &str) -> bool {
    MESSAGE_FIELDS.iter().chain(&RECIPIENT_FIELDS).any(|known| name.eq_ignore_ascii_case(known))
}

fn set(place: &mut Option<String>, text: impl FnOnce() -> String) {
    if place.is_none() {
        *place = Some(text());
    }
}

fn set_typed(place: &mut Option<Typed>, body: &str) {
    if place.is_none() {
        let (kind, value) = parse::typed(body);
        let kind = kind.map(str::to_ascii_lowercase);
        let value = if kind.as_deref() == Some("utf-8") { parse::utf8_address(value) } else { value.into() };
        *place = Some(Typed { kind, value: report::bounded(&value) });
    }
}

/// `<mx.example.org #5.1.1 smtp;550 5.1.1 no such user>`: the server, the status, and then the text of a Diagnostic-Code.
fn supplementary_info(body: &str) -> Typed {
    let body = body.strip_prefix('<').and_then(|body| body.strip_suffix('>')).unwrap_or(body);
    let answer = body.split_once('#').and_then(|(_, rest)| parse::status_code(rest).ok()).map(|(answer, _)| answer);
    let (kind, value) = parse::typed(answer.unwrap_or(body));
    Typed { kind: kind.map(str::to_ascii_lowercase), value: report::bounded(value) }
}

/// Copies what is missing.
fn complete(to: &mut Recipient, from: Recipient) {
    let Recipient {
        final_recipient,
        original_recipient,
        action,
        status,
        status_code,
        diagnostic_code,
        remote_mta,
        last_attempt_date,
        will_retry_until,
        words: _,
        text: _,
        after_data: _,
    } = from;
    to.final_recipient = to.final_recipient.take().or(final_recipient);
    to.original_recipient = to.original_recipient.take().or(original_recipient);
    to.action = to.action.take().or(action);
    to.status = to.status.take().or(status);
    to.status_code = to.status_code.take().or(status_code);
    to.diagnostic_code = to.diagnostic_code.take().or(diagnostic_code);
    to.remote_mta = to.remote_mta.take().or(remote_mta);
    to.last_attempt_date = to.last_attempt_date.take().or(last_attempt_date);
    to.will_retry_until = to.will_retry_until.take().or(will_retry_until);
}

/// The word, without a comment after it.
fn action(body: &str) -> String {
    let word = body.split(|c: char| c.is_whitespace() || matches!(c, '(' | ';' | ',')).next().unwrap_or_default();
    report::bounded(&word.to_ascii_lowercase())
}
