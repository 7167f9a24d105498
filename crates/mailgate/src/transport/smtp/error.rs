//! A message that a relay did not take, or may have taken: the step of the conversation, and its meaning.
#![forbid(unsafe_code)]

use super::connection_error::ConnectionError;
use super::reply::Reply;
use crate::transport::{Failure, FailureKind};
use mail::redact::redact;
use std::fmt;
use std::io;

/// The steps of a conversation, in order. Up to [`Step::Data`] a message can be sent another way without being delivered twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Connect,
    Tls,
    Greeting,
    Hello,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The message without its end: no server takes it before the final dot.
    Content,
    /// From the first octet of the piece with the final dot.
    Dot,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Connect => "connecting",
            Step::Tls => "TLS",
            Step::Greeting => "the greeting",
            Step::Hello => "EHLO",
            Step::StartTls => "STARTTLS",
            Step::Auth => "AUTH",
            Step::Mail => "MAIL",
            Step::Rcpt => "RCPT",
            Step::Data => "DATA",
            Step::Content => "the message",
            Step::Dot => "the end of the message",
        })
    }
}

/// What went wrong.
#[derive(Debug)]
pub(super) struct SmtpError {
    pub kind: FailureKind,
    detail: String,
    words: Option<String>,
    recipient: Option<String>,
    unknown_user: bool,
    /// Whether every command was answered, so that RSET leads back to MAIL.
    pub in_step: bool,
    /// Whether the connection ended before the message was being sent. For a kept connection this only means that it was too old.
    pub stale: bool,
    /// Whether STARTTLS was offered and did not work.
    pub in_starttls: bool,
}

impl SmtpError {
    fn new(kind: FailureKind, detail: String) -> SmtpError {
        SmtpError {
            kind,
            detail,
            words: None,
            recipient: None,
            unknown_user: false,
            in_step: false,
            stale: false,
            in_starttls: false,
        }
    }

    /// Needs the administrator.
    pub fn misconfigured(step: Step, why: String) -> SmtpError {
        SmtpError::new(FailureKind::Misconfigured, format!("{step}: {why}"))
    }

    /// The message could not be read again.
    pub fn unread(error: &io::Error) -> SmtpError {
        SmtpError {
            in_step: true,
            ..SmtpError::new(FailureKind::NoResources, format!("the message cannot be read: {error}"))
        }
    }

    /// The record that must precede the end of the message could not be written. The server does not get the end.
    pub fn not_recorded(why: String) -> SmtpError {
        SmtpError::new(FailureKind::NotRecorded, why)
    }

    /// Over the limit that the server announces.
    pub fn too_large(size: u64, limit: u64) -> SmtpError {
        let detail = format!("MAIL: {size} octets are more than the {limit} it takes");
        SmtpError { in_step: true, ..SmtpError::new(FailureKind::TooLarge, detail) }
    }

    /// The message has octets above 127, and the server does not offer 8BITMIME (RFC 6152 3).
    pub fn eight_bit() -> SmtpError {
        let detail = "MAIL: the message has octets above 127, and it does not offer 8BITMIME".to_owned();
        SmtpError { in_step: true, ..SmtpError::new(FailureKind::EightBit, detail) }
    }

    /// The client asks for reports that only a server with DSN can promise or suppress.
    pub fn no_reports() -> SmtpError {
        let detail = "MAIL: the client asks for delivery reports (NOTIFY), and it does not offer DSN".to_owned();
        SmtpError { in_step: true, ..SmtpError::new(FailureKind::NoReports, detail) }
    }

    /// The same, with the reason why nothing could be done about it.
    pub fn because(self, why: &dyn fmt::Display) -> SmtpError {
        SmtpError { detail: format!("{}: {why}", self.detail), ..self }
    }

    /// The server answered as if it had taken the message, before it had the end.
    pub fn premature(reply: &Reply) -> SmtpError {
        let detail = format!("{}: it answered {} before it had all of it", Step::Content, reply.text());
        SmtpError { words: Some(reply.text()), ..SmtpError::new(FailureKind::Unknown, detail) }
    }

    /// The connection ended or sent nonsense.
    pub fn lost(step: Step, error: &ConnectionError) -> SmtpError {
        let kind = match (step, error) {
            (Step::Dot, ConnectionError::Late) => FailureKind::DeadlinePassed,
            (Step::Dot, _) => FailureKind::Unknown,
            (_, ConnectionError::Certificate(_)) => FailureKind::Misconfigured,
            _ => FailureKind::Unavailable,
        };
        let stale = step <= Step::Data && !matches!(error, ConnectionError::Late);
        SmtpError { stale, ..SmtpError::new(kind, format!("{step}: {error}")) }
    }

    /// A reply other than the expected one.
    pub fn refused(step: Step, reply: &Reply) -> SmtpError {
        let kind = match (reply.class(), step) {
            (5, Step::Mail | Step::Data | Step::Content | Step::Dot) if reply.is_too_large() => FailureKind::TooLarge,
            // RFC 4954 6: authentication is required, or another mechanism.
            (5, _) if matches!(reply.code, 530 | 534 | 535 | 538) => FailureKind::Misconfigured,
            (5, step) if step >= Step::Mail => FailureKind::RelayRefused,
            (5, _) => FailureKind::Misconfigured,
            (4, _) => FailureKind::Unavailable,
            (_, Step::Dot) => FailureKind::Unknown,
            _ => FailureKind::Unavailable,
        };
        // A reply to RCPT names the recipient, which must not be logged.
        let shown = if step == Step::Rcpt { reply.codes() } else { reply.text() };
        let farewell = reply.is_farewell();
        SmtpError {
            words: Some(reply.text()),
            in_step: reply.class() >= 4 && !farewell,
            stale: farewell && step <= Step::Data,
            ..SmtpError::new(kind, format!("{step}: it answered {shown}"))
        }
    }

    /// The reply to RCPT after that many recipients were accepted. 452, and 552, which some servers use instead, then means the server's
    /// limit of recipients (RFC 5321 4.5.3.1.10).
    pub fn recipient(reply: &Reply, taken: usize) -> SmtpError {
        let unknown_user = reply.class() == 5 && reply.enhanced() == Some("5.1.1");
        let failed = SmtpError { unknown_user, ..SmtpError::refused(Step::Rcpt, reply) };
        let says_so = matches!(reply.enhanced(), None | Some("4.5.3" | "5.5.3"));
        if taken == 0 || !says_so || !matches!(reply.code, 452 | 552) {
            return failed;
        }
        let detail =
            format!("{} after {taken} recipients; if it takes no more, lower SendmailMaxRecipients", failed.detail);
        SmtpError { kind: FailureKind::Unavailable, detail, ..failed }
    }

    /// The failure occurred while TLS was being started after an offer.
    pub fn in_starttls(self) -> SmtpError {
        SmtpError { in_starttls: true, ..self }
    }

    /// In the middle of a message, where RSET is not understood.
    pub fn out_of_step(self) -> SmtpError {
        SmtpError { in_step: false, ..self }
    }

    /// It is about this recipient.
    pub fn about(self, recipient: &str) -> SmtpError {
        SmtpError { recipient: Some(recipient.to_owned()), ..self }
    }

    /// Whether a refusal says more than the earlier one.
    pub fn outranks(&self, before: Option<&SmtpError>) -> bool {
        match before {
            None => true,
            Some(before) => {
                before.recipient.is_some()
                    && before.kind == FailureKind::Unavailable
                    && self.kind != FailureKind::Unavailable
            }
        }
    }

    /// For the caller: names the relay, and no recipient in the log.
    pub fn into_failure(self, relay: &impl fmt::Display, recipients: &[String]) -> Failure {
        Failure {
            kind: self.kind,
            exit: None,
            detail: format!("relay {relay}: {}", redact(&self.detail, recipients)),
            words: self.words,
            recipient: self.recipient,
            unknown_user: self.unknown_user,
            started: true,
        }
    }
}

impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(line: &str) -> Reply {
        let mut reply = Reply::default();
        reply.add(line.as_bytes()).unwrap();
        reply
    }

    #[test]
    fn answers_by_step() {
        use FailureKind::{DeadlinePassed, Misconfigured, RelayRefused, TooLarge, Unavailable, Unknown};
        for (step, line, kind) in [
            (Step::Greeting, "554 no", Misconfigured),
            (Step::Greeting, "421 busy", Unavailable),
            (Step::Greeting, "250 ok", Unavailable),
            (Step::Auth, "535 5.7.8 no", Misconfigured),
            (Step::Auth, "454 later", Unavailable),
            (Step::Mail, "530 5.7.0 TLS first", Misconfigured),
            (Step::Mail, "550 no", RelayRefused),
            (Step::Mail, "552 5.3.4 size", TooLarge),
            (Step::Rcpt, "550 5.1.1 no", RelayRefused),
            (Step::Rcpt, "552 5.2.2 full", RelayRefused),
            (Step::Rcpt, "450 grey", Unavailable),
            (Step::Data, "354 go", Unavailable),
            (Step::Dot, "554 spam", RelayRefused),
            (Step::Dot, "552 size", TooLarge),
            (Step::Dot, "451 later", Unavailable),
            (Step::Dot, "421 bye", Unavailable),
            (Step::Dot, "220 what", Unknown),
            (Step::Dot, "354 go on", Unknown),
        ] {
            assert_eq!(SmtpError::refused(step, &reply(line)).kind, kind, "{step} {line}");
        }
        for (step, late, closed) in [
            (Step::Connect, Unavailable, Unavailable),
            (Step::Content, Unavailable, Unavailable),
            (Step::Dot, DeadlinePassed, Unknown),
        ] {
            assert_eq!(SmtpError::lost(step, &ConnectionError::Late).kind, late);
            assert_eq!(SmtpError::lost(step, &ConnectionError::Closed).kind, closed);
        }
        assert!(
            SmtpError::lost(Step::Data, &ConnectionError::Closed).stale
                && !SmtpError::lost(Step::Content, &ConnectionError::Closed).stale
        );
        assert!(!SmtpError::lost(Step::Mail, &ConnectionError::Late).stale);
    }

    #[test]
    fn one_recipient_too_many_is_a_refusal_that_passes() {
        use FailureKind::{RelayRefused, Unavailable};
        for (line, taken, kind) in [
            ("452 4.5.3 too many", 100, Unavailable),
            ("552 too many", 100, Unavailable),
            ("552 5.5.3 too many", 1, Unavailable),
            ("552 too many", 0, RelayRefused),
            ("552 5.2.2 full", 100, RelayRefused),
            ("552 5.2.2 full", 0, RelayRefused),
            ("550 no", 100, RelayRefused),
        ] {
            let failed = SmtpError::recipient(&reply(line), taken);
            assert_eq!((failed.kind, failed.in_step), (kind, true), "{line} after {taken}");
            assert_eq!(failed.detail.contains("SendmailMaxRecipients"), kind == Unavailable);
        }
    }

    #[test]
    fn a_recipient_is_for_the_client_alone() {
        let failed = SmtpError::refused(Step::Rcpt, &reply("550 5.1.1 <Bob@x.test>: no such user")).about("bob@x.test");
        let failure = failed.into_failure(&"mx:25", &["bob@x.test".into()]);
        assert_eq!(failure.detail, "relay mx:25: RCPT: it answered 550 5.1.1");
        assert_eq!(failure.recipient.as_deref(), Some("bob@x.test"));
        let failed = SmtpError::refused(Step::Dot, &reply("554 <Bob@X.test> and bob@x.test no"))
            .into_failure(&"mx:25", &["bob@x.test".into()]);
        assert!(failed.detail.ends_with("554 <(recipient)> and (recipient) no"), "{}", failed.detail);
    }
}
