//! The octets of a mail -> [`Report`]: who got the message and who did not, by RFC 3464 (delivery status notifications), RFC 6533 (their
//! UTF-8 form) and, for bounces older than both, by the MTA's wording. `parts` finds the parts, `parse` is the grammar of the fields,
//! `status` turns them into recipients, `heuristic` reads bounces without fields. The store decides what a report means for a message.
#![forbid(unsafe_code)]

mod explain;
pub mod feedback;
mod heuristic;
pub mod json;
mod parse;
mod parts;
pub mod reason;
pub mod report;
mod returned;
mod status;

use std::fmt;

pub use report::{Action, Recipient, Report, Typed};

/// Where Exchange and Cisco write the other server's reply if there is no Diagnostic-Code.
const SUPPLEMENTARY_INFO: &str = "x-supplementary-info";

/// The largest mail that is read, in octets.
pub const MAX_SIZE: usize = 10 << 20;
/// The most parts of a mail, including multiparts and nested messages; a returned message counts as one.
pub const MAX_PARTS: usize = 64;
/// The deepest nesting of parts.
pub const MAX_DEPTH: usize = 8;
/// The most recipients in one report.
pub const MAX_RECIPIENTS: usize = 500;

/// How many attached messages are searched for a report.
const MAX_NESTED: usize = 4;

/// Why there is no [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A mail of another kind.
    NotAReport(MailKind),
    /// Deeper than [`MAX_DEPTH`].
    TooDeep,
    /// Larger than [`MAX_SIZE`]; the number is its size.
    TooLarge(usize),
    /// More than [`MAX_PARTS`].
    TooManyParts,
    /// More than [`MAX_RECIPIENTS`].
    TooManyRecipients,
}

/// The kind of a mail that is not a delivery report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// An automatic reply (RFC 3834), such as a vacation notice.
    AutoReply,
    /// A disposition notification (RFC 8098): somebody read it, which is a different question.
    Disposition,
    /// An abuse report (RFC 5965).
    Feedback,
    /// Any other mail.
    Mail,
    /// A report of another type (RFC 6522), for example on TLS (RFC 8460).
    OtherReport,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAReport(MailKind::AutoReply) => {
                write!(f, "an automatic reply, not a delivery status notification")
            }
            Self::NotAReport(MailKind::Disposition) => {
                write!(f, "a disposition notification, not a delivery status notification")
            }
            Self::NotAReport(MailKind::Feedback) => write!(f, "an abuse report, not a delivery status notification"),
            Self::NotAReport(MailKind::Mail) => write!(f, "not a delivery status notification"),
            Self::NotAReport(MailKind::OtherReport) => {
                write!(f, "a report of another type, not a delivery status notification")
            }
            Self::TooDeep => write!(f, "parts nested deeper than {MAX_DEPTH}"),
            Self::TooLarge(size) => write!(f, "{size} octets, more than {MAX_SIZE}"),
            Self::TooManyParts => write!(f, "more than {MAX_PARTS} parts"),
            Self::TooManyRecipients => write!(f, "more than {MAX_RECIPIENTS} recipients"),
        }
    }
}

impl std::error::Error for Error {}

/// Reads one mail, with CRLF, LF, CR or mixed line ends.
///
/// The report's own fields come first; then the wording of its text; then the report inside an attached message, for a filter that wrapped
/// another system's report into a mail of its own. A returned message is never searched if the outer mail itself says something: a bounce
/// of a bounce is about the outer one.
pub fn parse(mail: &[u8]) -> Result<Report, Error> {
    if mail.len() > MAX_SIZE {
        return Err(Error::TooLarge(mail.len()));
    }
    let mail = parts::unify_line_ends(mail);
    let mut budget = parts::Budget::new();
    let top = parts::Part::read(&mail, &mut budget)?;
    match read(&top, &mut budget)? {
        Some(mut report) => {
            // a mail begins with a field; an empty line before it ends its header
            report.conforming &= !mail.starts_with(b"\n");
            Ok(report)
        }
        None => Err(Error::NotAReport(kind(&top))),
    }
}

fn read(top: &parts::Part<'_>, budget: &mut parts::Budget) -> Result<Option<Report>, Error> {
    if matches!(kind(top), MailKind::Disposition | MailKind::Feedback | MailKind::OtherReport) {
        return Ok(None);
    }
    let mut report = status::read(top)?;
    if !report.recipients.is_empty() && !is_from_mail_system(top) {
        return Ok(None);
    }
    if report.recipients.is_empty() {
        let mail = heuristic::Mail::of(top);
        let mut found = mail.read()?;
        if found.is_none() {
            if mail.is_bounce()
                && let Some(report) = nested(top, budget)?
            {
                return Ok(Some(report));
            }
            found = mail.guess()?;
        }
        let Some(found) = found else { return Ok(None) };
        found.into_report(&mut report);
    }
    explain::explain(top, &mut report);
    report.original_message_id = returned::message_id(top, &report);
    report.report_message_id = top.header.value("message-id").map(|id| report::bounded(id.trim()));
    Ok(Some(report))
}

/// Whether the fields in a mail are its own. A person who forwards a report sends its parts too, but not as multipart/report.
fn is_from_mail_system(top: &parts::Part<'_>) -> bool {
    top.is_report() || heuristic::origin::is_mail_system(top)
}

/// The report inside an attached message.
fn nested(top: &parts::Part<'_>, budget: &mut parts::Budget) -> Result<Option<Report>, Error> {
    for part in top.walk().filter(|part| part.is_message() && part.depth > 0).take(MAX_NESTED) {
        let inner = parts::Part::read_inside(part, budget)?;
        // Only fields: the text of a forwarded mail is not a report.
        let is_report = inner.walk().any(parts::Part::is_delivery_status) || part.depth < 2 && inner.is_report();
        if is_report && let Some(mut report) = read(&inner, budget)? {
            report.conforming = false;
            return Ok(Some(report));
        }
    }
    Ok(None)
}

fn kind(top: &parts::Part<'_>) -> MailKind {
    let has = |media: &str| top.walk().any(|part| part.media == media);
    let report_type = top.parameter("report-type").map(str::to_ascii_lowercase);
    if top.walk().any(parts::Part::is_delivery_status) {
        return MailKind::Mail;
    }
    if has("message/feedback-report") || report_type.as_deref() == Some("feedback-report") {
        MailKind::Feedback
    } else if has("message/disposition-notification")
        || has("message/global-disposition-notification")
        || report_type.as_deref() == Some("disposition-notification")
    {
        MailKind::Disposition
    } else if report_type.is_some_and(|name| !name.contains("delivery-status")) {
        MailKind::OtherReport
    } else if heuristic::origin::is_auto_reply(top) {
        MailKind::AutoReply
    } else {
        MailKind::Mail
    }
}
