//! A feedback report (ARF, RFC 5965; its use, RFC 6650) -> [`Feedback`]: which message a recipient reported as spam. The fields of its
//! second part and the header of the message in its third part identify that message. Authentication reports (RFC 6591) are not complaints.
#![forbid(unsafe_code)]

use super::parts::{Budget, Header, Part, split_header, unify_line_ends};
use super::report::{self, bounded};
use super::{Error, MAX_SIZE, MailKind};
use sha2::{Digest, Sha256};

/// A recipient's opinion of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// `abuse` and `fraud`: it is spam.
    Complaint,
    /// `not-spam`: it was wrongly treated as spam.
    NotSpam,
    /// Anything else; not a complaint.
    Other,
}

/// A feedback report. None of it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// The recipient's opinion.
    pub opinion: Opinion,
    /// Feedback-Type in lower case.
    pub kind: String,
    /// Original-Envelope-Id.
    pub original_envelope_id: Option<String>,
    /// Where the message's token may be: its envelope sender, its Message-ID.
    pub traces: Vec<String>,
    /// Message-ID of the message, without brackets.
    pub original_message_id: Option<String>,
    /// Original-Rcpt-To, without brackets; most reporters redact it.
    pub recipients: Vec<String>,
    /// Reporting-MTA, otherwise User-Agent.
    pub reporter: Option<String>,
    /// Arrival-Date.
    pub arrival_date: Option<String>,
    digest: String,
}

/// Original-Rcpt-To may be repeated; with more than this it is not one recipient's opinion.
const MAX_RECIPIENTS: usize = 10;

/// Reads one mail.
pub fn parse(mail: &[u8]) -> Result<Feedback, Error> {
    if mail.len() > MAX_SIZE {
        return Err(Error::TooLarge(mail.len()));
    }
    let mail = unify_line_ends(mail);
    let top = Part::read(&mail, &mut Budget::new())?;
    read(&top).ok_or(Error::NotAReport(MailKind::Mail))
}

fn read(top: &Part<'_>) -> Option<Feedback> {
    let is_type = |name: &str| name.eq_ignore_ascii_case("feedback-report");
    if top.media != "multipart/report" || !top.parameter("report-type").is_some_and(is_type) {
        return None;
    }
    let part = top.parts.iter().find(|part| part.media == "message/feedback-report")?;
    let content = part.decoded();
    let fields = Header::of(&content);
    let value = |name: &str| fields.value(name).map(|value| bounded(value.trim())).filter(|value| !value.is_empty());
    let message = top.parts.iter().find(|part| part.is_message() || part.is_message_header());
    let message = message.map(Part::decoded).unwrap_or_default();
    let start = message.iter().take_while(|octet| **octet == b'\n').count();
    let header = split_header(message.get(start..).unwrap_or_default()).0;
    let of_message = |name: &str| header.value(name).map(|value| bounded(bare(&value)));
    let kind = value("feedback-type")?.to_ascii_lowercase();
    let message_id = of_message("message-id").filter(|id| !id.is_empty());
    let traces = [value("original-mail-from"), of_message("return-path"), message_id.clone()];
    let mut recipients: Vec<String> = fields.values("original-rcpt-to").map(|value| bounded(bare(&value))).collect();
    recipients.truncate(MAX_RECIPIENTS);
    let own_id = top.header.value("message-id").unwrap_or_default();
    // The same for the same report, however often and by whatever path it arrives.
    let digest =
        Sha256::new().chain_update(b"arf\0").chain_update(own_id.trim()).chain_update([0]).chain_update(&content[..]);
    Some(Feedback {
        opinion: match kind.as_str() {
            "abuse" | "fraud" => Opinion::Complaint,
            "not-spam" => Opinion::NotSpam,
            _ => Opinion::Other,
        },
        kind,
        original_envelope_id: value("original-envelope-id"),
        traces: traces.into_iter().flatten().collect(),
        original_message_id: message_id,
        recipients,
        reporter: value("reporting-mta").or_else(|| value("user-agent")),
        arrival_date: value("arrival-date").or_else(|| value("received-date")),
        digest: report::hexadecimal(digest),
    })
}

impl Feedback {
    /// Differs for different reports.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// Without angle brackets.
fn bare(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix('<').and_then(|value| value.strip_suffix('>')).unwrap_or(value).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(kind: &str) -> String {
        format!(
            "From: fbl@isp.example\nMessage-ID: <1@isp.example>\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nwords\n--b\n\
             Content-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: x/1\nVersion: 1\n\
             Original-Mail-From: <bounces+t@x.example>\nOriginal-Rcpt-To: <ann@isp.example>\n\n--b\n\
             Content-Type: message/rfc822\n\nMessage-ID: <id@x.example>\nSubject: s\n\ntext\n--b--\n"
        )
    }

    #[test]
    fn a_complaint_names_its_message_and_other_kinds_are_none() {
        for (kind, opinion) in [
            ("abuse", Opinion::Complaint),
            ("Fraud", Opinion::Complaint),
            ("not-spam", Opinion::NotSpam),
            ("auth-failure", Opinion::Other),
            ("dmarc", Opinion::Other),
            ("virus", Opinion::Other),
            ("opt-out", Opinion::Other),
        ] {
            for mail in [mail(kind), mail(kind).replace('\n', "\r\n")] {
                let found = parse(mail.as_bytes()).unwrap();
                assert_eq!(found.opinion, opinion, "{kind}");
                assert_eq!(found.original_message_id.as_deref(), Some("id@x.example"));
                assert_eq!(found.recipients, ["ann@isp.example"]);
                assert!(found.traces.iter().any(|trace| trace.contains("bounces+t@")), "{:?}", found.traces);
            }
        }
        let (lf, crlf) = (mail("abuse"), mail("abuse").replace('\n', "\r\n"));
        assert_eq!(parse(lf.as_bytes()).map(|f| f.digest), parse(crlf.as_bytes()).map(|f| f.digest));
        assert_ne!(parse(lf.as_bytes()).map(|f| f.digest), parse(mail("fraud").as_bytes()).map(|f| f.digest));
        for wrong in
            [lf.replace("multipart/report", "multipart/mixed"), lf.replace("report-type=feedback-report", "x=y")]
        {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
