//! The contents of a report, in the terms of RFC 3464. None of it is verified yet: anybody may have written it.
#![forbid(unsafe_code)]

use sha2::{Digest, Sha256};

/// Longest value that is kept; a real MTA's diagnostic has a few hundred octets.
const MAX_VALUE: usize = 8 << 10;

/// One delivery status notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Conforms exactly to RFC 3464: media types, one delivery-status part in second place, no field missing, repeated or malformed.
    pub conforming: bool,
    /// Read from the wording of a bounce, not from fields; everything in it is a guess.
    pub heuristic: bool,
    /// The family of wordings, for the log: `exim`, `qmail`, ...; `None` if there were fields.
    pub family: Option<&'static str>,
    /// Original-Envelope-Id (RFC 3464 2.2.1), xtext decoded: Exim 4.96 passes ENVID on undecoded.
    pub original_envelope_id: Option<String>,
    /// Message-ID of the returned message, with its angle brackets.
    pub original_message_id: Option<String>,
    /// Message-ID of the report itself.
    pub report_message_id: Option<String>,
    /// Reporting-MTA as written: `dns; mx.example.org`.
    pub reporting_mta: Option<String>,
    /// Arrival-Date as written; [`seconds`] reads it.
    pub arrival_date: Option<String>,
    /// One for each group of recipient fields, in order.
    pub recipients: Vec<Recipient>,
}

/// The outcome for one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// Final-Recipient: the address after all forwarding.
    pub final_recipient: Option<Typed>,
    /// Original-Recipient: the address that the sender wrote, if the MTA was told.
    pub original_recipient: Option<Typed>,
    /// Action in lower case, without comment; [`Recipient::state`] interprets it.
    pub action: Option<String>,
    /// Status as written: `5.0.0 (permanent failure)`.
    pub status: Option<String>,
    /// Only the code of Status (RFC 3463): `5.0.0`.
    pub status_code: Option<String>,
    /// Diagnostic-Code: `smtp`, `550 5.1.1 no such user`.
    pub diagnostic_code: Option<Typed>,
    /// Remote-MTA.
    pub remote_mta: Option<Typed>,
    /// Last-Attempt-Date as written.
    pub last_attempt_date: Option<String>,
    /// Will-Retry-Until as written.
    pub will_retry_until: Option<String>,
    /// What the human-readable text says of it; not a field, and not part of [`Report::digest`].
    pub words: Option<String>,
    /// The whole of that text, if it is about nobody else.
    pub text: Option<String>,
    /// The other system refused the message, not the recipient.
    pub after_data: bool,
}

/// `type; value`. The type is in lower case, and `None` if the MTA left it out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// address-type, mta-name-type or diagnostic-type.
    pub kind: Option<String>,
    /// The value as written.
    pub value: String,
}

/// RFC 3464 2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Not delivered yet, and still being tried.
    Delayed,
    /// In the recipient's mailbox.
    Delivered,
    /// Delivered to an alias or a list that sends it on to several.
    Expanded,
    /// Given up.
    Failed,
    /// Handed to a system that does not report.
    Relayed,
}

impl Action {
    /// The word of RFC 3464.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Expanded => "expanded",
            Self::Failed => "failed",
            Self::Relayed => "relayed",
        }
    }
}

impl Recipient {
    /// The action, derived if necessary from words that MTAs use instead, or from the class of the status code.
    pub fn state(&self) -> Option<Action> {
        let word = self.action.as_deref().unwrap_or_default();
        Some(match word {
            "delayed" | "delay" | "deferred" => Action::Delayed,
            "delivered" | "deliverable" | "success" => Action::Delivered,
            "expanded" => Action::Expanded,
            "failed" | "failure" | "fail" | "error" | "expired" | "rejected" | "bounced" => Action::Failed,
            "relayed" | "forwarded" => Action::Relayed,
            _ => match self.status_code.as_deref()?.as_bytes().first()? {
                b'2' => Action::Delivered,
                b'4' => Action::Delayed,
                b'5' => Action::Failed,
                _ => return None,
            },
        })
    }

    /// The addresses to look for among the message's recipients, best first: the one the sender wrote, otherwise the final one.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        [&self.original_recipient, &self.final_recipient].into_iter().flatten().filter_map(Typed::address)
    }

    /// What the other system said: Diagnostic-Code, or the human-readable text.
    pub fn diagnostic(&self) -> Option<&str> {
        self.diagnostic_code.as_ref().map(|code| code.value.as_str()).or(self.words.as_deref())
    }

    /// The address of the final recipient, otherwise of the original one.
    pub fn address(&self) -> Option<&str> {
        self.final_recipient
            .as_ref()
            .and_then(Typed::address)
            .or_else(|| self.original_recipient.as_ref().and_then(Typed::address))
    }
}

impl Typed {
    /// The mail address in it, without brackets; `None` if it is not a mail address.
    pub fn address(&self) -> Option<&str> {
        let mail = matches!(self.kind.as_deref(), None | Some("rfc822" | "utf-8" | "smtp" | "rfc/822" | "internet"));
        let value = self.value.trim();
        let value = match (value.rfind('<'), value.ends_with('>')) {
            (Some(open), true) => value.get(open + 1..value.len() - 1).unwrap_or(value),
            _ => value,
        };
        let value = value.trim();
        let value = without_scheme(value);
        // RFC 5321 appendix C: a source route ends at the last ':'
        let value = if value.starts_with('@') { value.rsplit(':').next().unwrap_or(value) } else { value };
        (!value.is_empty() && (mail || value.contains('@'))).then_some(value)
    }
}

impl Report {
    /// Equal for copies of one report, however often and by whatever path they arrive, and different for different reports: SHA-256 in
    /// hexadecimal over the report's contents and its own Message-ID (a second report of a delay may repeat every word of the first).
    /// Anything that a hop adds or changes is left out: only the status part counts, without trace fields and line ends.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: Option<&str>| match text {
            Some(text) => {
                let words = text.split_whitespace();
                for word in words {
                    hash.update(word.as_bytes());
                    hash.update([b' ']);
                }
                hash.update([1]);
            }
            None => hash.update([0]),
        };
        for text in [
            &self.report_message_id,
            &self.original_envelope_id,
            &self.original_message_id,
            &self.reporting_mta,
            &self.arrival_date,
        ] {
            add(text.as_deref());
        }
        for recipient in &self.recipients {
            for typed in [
                &recipient.final_recipient,
                &recipient.original_recipient,
                &recipient.diagnostic_code,
                &recipient.remote_mta,
            ] {
                add(typed.as_ref().map(|t| t.kind.as_deref().unwrap_or_default()));
                add(typed.as_ref().map(|t| t.value.as_str()));
            }
            for text in
                [&recipient.action, &recipient.status, &recipient.last_attempt_date, &recipient.will_retry_until]
            {
                add(text.as_deref());
            }
        }
        hexadecimal(hash)
    }
}

/// SHA-256 of `text` in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    hexadecimal(Sha256::new_with_prefix(text))
}

pub(super) fn hexadecimal(hash: Sha256) -> String {
    format!("{:x}", hash.finalize())
}

/// Seconds since 1970 of an RFC 5322 date; `None` if it is not one.
pub fn seconds(date: &str) -> Option<i64> {
    let mut line = String::with_capacity(date.len() + 1);
    line.push_str(date.get(..128).unwrap_or(date));
    line.push('\n');
    let value = mail_parser::parsers::MessageStream::new(line.as_bytes()).parse_date();
    value.as_datetime().filter(|d| d.is_valid()).map(|d| d.to_timestamp())
}

/// At most [`MAX_VALUE`] octets of it, cut between characters.
pub(super) fn bounded(text: &str) -> String {
    cut(text, MAX_VALUE).to_owned()
}

/// At most the first `most` octets, without cutting a character.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    (0..=most.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// Without `mailto:`.
pub(super) fn without_scheme(address: &str) -> &str {
    match address.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => rest,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_mtas_are_read() {
        assert_eq!(seconds("Mon,  9 Feb 2009 13:08:07 +0200 (EET)"), Some(1_234_177_687));
        assert_eq!(seconds("Sun, 22 Nov 2026 01:46:05 +0000"), Some(1_795_311_965));
        for bad in ["", "soon", "99", &"9".repeat(4000), "Mon, 99 Foo 2009 99:99:99"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_address_is_found_in_what_mtas_write() {
        let typed = |kind: Option<&str>, value: &str| Typed { kind: kind.map(str::to_owned), value: value.to_owned() };
        for (kind, value, address) in [
            (Some("rfc822"), "a@b.example", Some("a@b.example")),
            (Some("rfc822"), "<a@b.example>", Some("a@b.example")),
            (None, "<a@b.example>", Some("a@b.example")),
            (Some("rfc822"), "mailto:a@b.example", Some("a@b.example")),
            (Some("rfc822"), "@c.example:a@b.example", Some("a@b.example")),
            (Some("rfc822"), "root", Some("root")),
            (Some("utf-8"), "jürgen@b.example", Some("jürgen@b.example")),
            (Some("system"), "<>", None),
            (Some("x400"), "/c=de/", None),
            (None, "", None),
            (None, "ünüü", Some("ünüü")),
        ] {
            assert_eq!(typed(kind, value).address(), address, "{kind:?} {value}");
        }
    }

    #[test]
    fn the_digest_sees_words_and_not_their_spacing() {
        let report = Report { arrival_date: Some("Mon, 1 Jan".into()), ..Report::default() };
        let spaced = Report { arrival_date: Some("Mon,  1 Jan".into()), ..Report::default() };
        let moved = Report { reporting_mta: report.arrival_date.clone(), ..Report::default() };
        assert_eq!(report.digest(), spaced.digest());
        assert_ne!(report.digest(), moved.digest());
        assert_eq!(report.digest().len(), 64);
    }
}
