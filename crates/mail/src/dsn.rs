//! The delivery reports that a sender asks for (RFC 3461 4): RET and ENVID of a message, NOTIFY and ORCPT of a recipient. Read strictly,
//! from SMTP parameters or request fields, and written as the parameters for the next server.
#![forbid(unsafe_code)]

use crate::xtext;
use std::collections::BTreeMap;
use std::fmt;

/// RFC 3461 4.4: 100 characters of xtext.
const MAX_ENVID: usize = 100;
/// RFC 3461 4.2: 500 characters of xtext for the whole ORCPT.
const MAX_ORCPT: usize = 500;

/// RET (RFC 3461 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the RFC")]
pub enum Ret {
    Full,
    Hdrs,
}

impl Ret {
    /// `ret-value = "FULL" / "HDRS"`.
    pub fn parse(value: &str) -> Option<Ret> {
        match value.to_ascii_uppercase().as_str() {
            "FULL" => Some(Ret::Full),
            "HDRS" => Some(Ret::Hdrs),
            _ => None,
        }
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Ret::Full { "FULL" } else { "HDRS" })
    }
}

/// NOTIFY (RFC 3461 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the RFC")]
pub enum Notify {
    Never,
    On { success: bool, failure: bool, delay: bool },
}

impl Notify {
    /// `notify-esmtp-value = "NEVER" / 1#notify-list-element`, `notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"`.
    pub fn parse(value: &str) -> Option<Notify> {
        if value.eq_ignore_ascii_case("NEVER") {
            return Some(Notify::Never);
        }
        let (mut success, mut failure, mut delay) = (false, false, false);
        for element in value.split(',') {
            match element.to_ascii_uppercase().as_str() {
                "SUCCESS" => success = true,
                "FAILURE" => failure = true,
                "DELAY" => delay = true,
                _ => return None,
            }
        }
        Some(Notify::On { success, failure, delay })
    }

    /// Whether a server that ignores NOTIFY would act differently: it reports failures, but no success.
    pub fn needs_dsn(self) -> bool {
        matches!(self, Notify::Never | Notify::On { success: true, .. } | Notify::On { failure: false, .. })
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Notify::On { success, failure, delay } = *self else { return f.write_str("NEVER") };
        let words = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
        let asked: Vec<_> = words.iter().filter(|(is_asked, _)| *is_asked).map(|(_, word)| *word).collect();
        f.write_str(&asked.join(","))
    }
}

/// ENVID (RFC 3461 4.4), decoded from `envid-parameter = "ENVID=" xtext`.
pub fn envid(value: &str) -> Option<String> {
    (value.len() <= MAX_ENVID).then(|| xtext::decode(value)).flatten().filter(|envid| !envid.is_empty())
}

/// ORCPT (RFC 3461 4.2), decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRecipient {
    /// Nearly always `rfc822`.
    pub addr_type: String,
    /// The address in the form of that type: printable ASCII.
    pub address: String,
}

impl OriginalRecipient {
    /// `original-recipient-address = addr-type ";" xtext`.
    pub fn parse(value: &str) -> Option<OriginalRecipient> {
        let (addr_type, address) = value.split_once(';').filter(|_| value.len() <= MAX_ORCPT)?;
        let is_atom =
            !addr_type.is_empty() && addr_type.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        let address = xtext::decode(address).filter(|address| is_atom && !address.is_empty())?;
        Some(OriginalRecipient { addr_type: addr_type.to_owned(), address })
    }
}

impl fmt::Display for OriginalRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.addr_type, xtext::encode(&self.address))
    }
}

/// All reports that a sender asks for one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// How much of the message comes back with a report.
    pub ret: Option<Ret>,
    /// The identifier that reports carry, decoded.
    pub envid: Option<String>,
    /// When to report, for recipients not listed in `recipients`.
    pub notify: Option<Notify>,
    /// What was asked for single recipients, by address.
    pub recipients: BTreeMap<String, RecipientReports>,
}

/// What was asked for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientReports {
    /// When to report.
    pub notify: Option<Notify>,
    /// The original recipient of the message.
    pub orcpt: Option<OriginalRecipient>,
}

impl Reports {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Reports::default()
    }

    /// Every NOTIFY there is.
    pub fn notifies(&self) -> impl Iterator<Item = Option<Notify>> {
        let each = self.recipients.values().map(|recipient| recipient.notify);
        each.chain(self.recipients.is_empty().then_some(self.notify))
    }

    /// Whether a server without DSN would act differently than asked. RET, ENVID and ORCPT only change the contents of a report.
    pub fn needs_dsn(&self) -> bool {
        self.notifies().flatten().any(Notify::needs_dsn)
    }

    /// The parameters of MAIL, each after a blank.
    pub fn mail_parameters(&self) -> String {
        let ret = self.ret.map(|ret| format!(" RET={ret}")).unwrap_or_default();
        let envid = self.envid.as_ref().map(|envid| format!(" ENVID={}", xtext::encode(envid))).unwrap_or_default();
        ret + &envid
    }

    /// The parameters of RCPT for this address, each after a blank.
    pub fn rcpt_parameters(&self, address: &str) -> String {
        let own = self.recipients.get(address);
        let notify = own.map_or(self.notify, |own| own.notify);
        let notify = notify.map(|notify| format!(" NOTIFY={notify}")).unwrap_or_default();
        let orcpt = own.and_then(|own| own.orcpt.as_ref()).map(|orcpt| format!(" ORCPT={orcpt}")).unwrap_or_default();
        notify + &orcpt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notify_and_ret_are_read_strictly_and_written_as_the_rfc_has_them() {
        for (value, written, needs_dsn) in [
            ("NEVER", Some("NEVER"), true),
            ("success", Some("SUCCESS"), true),
            ("Delay,FAILURE", Some("FAILURE,DELAY"), false),
            ("failure", Some("FAILURE"), false),
            ("DELAY", Some("DELAY"), true),
            ("success,failure,delay,success", Some("SUCCESS,FAILURE,DELAY"), true),
            ("", None, false),
            ("never,success", None, false),
            ("success,", None, false),
            ("success, failure", None, false),
            ("often", None, false),
        ] {
            let notify = Notify::parse(value);
            assert_eq!(notify.map(|notify| notify.to_string()).as_deref(), written, "{value}");
            assert_eq!(notify.is_some_and(Notify::needs_dsn), needs_dsn, "{value}");
        }
        for (value, written) in [("full", Some("FULL")), ("HDRS", Some("HDRS")), ("headers", None), ("", None)] {
            assert_eq!(Ret::parse(value).map(|ret| ret.to_string()).as_deref(), written, "{value}");
        }
    }

    #[test]
    fn identifiers_and_original_recipients_keep_to_their_length_and_form() {
        let long = |length: usize| "a".repeat(length);
        for (value, read) in [
            ("QQ314159", Some("QQ314159")),
            ("a+2Bb+20c", Some("a+b c")),
            (&long(100), Some(long(100).as_str())),
            (&long(101), None),
            ("", None),
            ("a=b", None),
            ("+0D+0A", None),
        ] {
            assert_eq!(envid(value).as_deref(), read, "{value}");
        }
        for (value, written) in [
            ("rfc822;a+2Bb@x.example", Some("rfc822;a+2Bb@x.example")),
            ("RFC822;a@x.example", Some("RFC822;a@x.example")),
            ("x400;/C+3DUS/", Some("x400;/C+3DUS/")),
            ("rfc822;", None),
            (";a@x.example", None),
            ("rfc 822;a@x.example", None),
            ("a@x.example", None),
            ("rfc822;a+0A@x.example", None),
            (&format!("rfc822;{}", long(493)), Some(format!("rfc822;{}", long(493)).as_str())),
            (&format!("rfc822;{}", long(494)), None),
        ] {
            assert_eq!(OriginalRecipient::parse(value).map(|orcpt| orcpt.to_string()).as_deref(), written, "{value}");
        }
    }

    #[test]
    fn each_recipient_has_its_own_parameters_and_others_the_common_ones() {
        let recipient = |address: &str, notify, orcpt| {
            let notify = Notify::parse(notify);
            (address.to_owned(), RecipientReports { notify, orcpt: OriginalRecipient::parse(orcpt) })
        };
        let mut reports = Reports { ret: Some(Ret::Hdrs), envid: Some("a b".into()), ..Reports::default() };
        assert_eq!((reports.mail_parameters().as_str(), reports.needs_dsn()), (" RET=HDRS ENVID=a+20b", false));
        reports.notify = Notify::parse("NEVER");
        assert!(reports.needs_dsn());
        assert_eq!(reports.rcpt_parameters("a@x.example"), " NOTIFY=NEVER");
        reports = Reports::default();
        assert!(reports.is_empty() && reports.mail_parameters().is_empty());
        reports.recipients = BTreeMap::from([
            recipient("a@x.example", "success", "rfc822;list@x.example"),
            recipient("b@x.example", "", "rfc822;b@x.example"),
        ]);
        for (address, written) in [
            ("a@x.example", " NOTIFY=SUCCESS ORCPT=rfc822;list@x.example"),
            ("b@x.example", " ORCPT=rfc822;b@x.example"),
            ("c@x.example", ""),
        ] {
            assert_eq!(reports.rcpt_parameters(address), written);
        }
        assert!(reports.needs_dsn() && !reports.is_empty());
    }
}
