//! Which fields of a request never reach the mail (`SendmailStripHeaders`): those that [`table::TABLE`] strips, with the changes of the
//! configuration. They are dropped silently.
#![forbid(unsafe_code)]

pub mod table;

use super::fields;
use mail::header::HeaderName;
use std::sync::LazyLock;
use table::{Fate, TABLE};

/// A field name, or a pattern of one with `*` for any characters; case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(Box<str>);

impl NamePattern {
    /// The pattern in `text`; the error says what a field name is made of.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, 33..=57 | 59..=126)) {
            return Err(format!(
                "'{text}' is not a field name: use printable ASCII without blank and colon, '*' for any run"
            ));
        }
        Ok(NamePattern(text.to_ascii_lowercase().into()))
    }

    /// Whether the pattern covers `name`.
    pub fn matches(&self, name: &str) -> bool {
        matches(&self.0, name)
    }
}

/// Whether `pattern` covers `name`. This is called often for every request, so nothing is copied.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let mut pieces = pattern.split(|&b| b == b'*');
    let prefix = pieces.next().unwrap_or_default();
    let Some((start, mut rest)) = name.split_at_checked(prefix.len()) else { return false };
    if !start.eq_ignore_ascii_case(prefix) {
        return false;
    }
    let Some(suffix) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let at = rest.windows(piece.len()).position(|part| part.eq_ignore_ascii_case(piece));
        let Some(at) = at else { return false };
        rest = &rest[at + piece.len()..];
    }
    let end = rest.len().checked_sub(suffix.len()).map(|at| &rest[at..]);
    end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// The list of the table, with the changes of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StripList {
    changes: Vec<(bool, NamePattern)>,
}

impl StripList {
    /// Changes in order: `+Name` puts a field on the list, `-Name` takes it off.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut changes = Vec::new();
        for word in words {
            let (strip, name) = match word.split_at_checked(1) {
                Some(("+", name)) => (true, name),
                Some(("-", name)) => (false, name),
                _ => return Err(format!("'{word}' says neither +Name (strip it) nor -Name (let it pass)")),
            };
            if !strip && is(Fate::Locked, name, false) {
                return Err(format!("{name} always stays out of the mail; take -{name} away"));
            }
            changes.push((strip, NamePattern::parse(name)?));
        }
        Ok(StripList { changes })
    }

    /// Whether a field of this name stays out of the mail; fewer do in a whole message.
    pub fn strips(&self, name: &HeaderName, in_message: bool) -> bool {
        if is(Fate::Locked, name.as_str(), in_message) {
            return true;
        }
        let changed = self.changes.iter().rev().find(|(_, pattern)| pattern.matches(name.as_str()));
        changed.map_or_else(|| is_stripped(name, in_message), |(strip, _)| *strip)
    }
}

/// Whether a field is stripped by default. Offered fields are recognized without the table.
fn is_stripped(name: &HeaderName, in_message: bool) -> bool {
    !fields::is_offered(name)
        && !is(Fate::Kept, name.as_str(), in_message)
        && is(Fate::Stripped, name.as_str(), in_message)
}

/// Whether a row with that fate covers `name`.
fn is(fate: Fate, name: &str, in_message: bool) -> bool {
    let first = name.bytes().next().filter(u8::is_ascii).unwrap_or_default();
    let near = &BY_FIRST[usize::from(in_message)][fate as usize][usize::from(first.to_ascii_lowercase())];
    near.iter().any(|pattern| matches(pattern, name))
}

/// For requests and for whole messages, for each fate and for each first octet of a name: the patterns that may cover it. They are few,
/// besides those that begin with `*`.
static BY_FIRST: LazyLock<[[[Vec<&str>; 128]; 3]; 2]> = LazyLock::new(|| {
    let near = |in_message: bool, fate, first| {
        let rows = TABLE.iter().filter(move |row| row.fate as usize == fate && (row.in_message || !in_message));
        let may_cover = |pattern: &&str| {
            pattern.bytes().next().is_some_and(|b| b == b'*' || usize::from(b.to_ascii_lowercase()) == first)
        };
        rows.flat_map(|row| row.names.iter().copied()).filter(may_cover).collect()
    };
    [false, true]
        .map(|in_message| std::array::from_fn(|fate| std::array::from_fn(|first| near(in_message, fate, first))))
});

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> HeaderName {
        HeaderName::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn fields_of_http_proxies_authentication_and_providers_stay_out() {
        let list = StripList::default();
        for stripped in [
            // HTTP and browsers
            "Sec-Fetch-Site X-HTTP-Method-Override Alt-Used A-IM Early-Data If Last-Event-ID Signature Signature-Input",
            "Content-Digest Repr-Digest Accept-Encoding Upgrade-Insecure-Requests Service-Worker-Navigation-Preload",
            // proxies and traces
            "Via X-Forwarded-For X-Forward-For X-Client-IP True-Client-IP Client-IP Fastly-Client-IP X-Cluster-Client-IP CF-Connecting-IP",
            "WL-Proxy-Client-IP X-ProxyUser-Ip X-Original-URL X-Original-URI X-Rewrite-URL X-Original-Forwarded-For CDN-Loop X-Real-IP",
            "B3 X-B3-TraceId X-Amzn-Trace-Id Uber-Trace-Id X-Cloud-Trace-Context Traceparent Request-Id X-Correlation-ID",
            "Elastic-Apm-Traceparent Sentry-Trace X-OT-Span-Context Baggage X-Envoy-External-Address X-Azure-SocketIP",
            // credentials
            "Cookie Cookie2 Set-Cookie AUTHORIZATION X-Api-Key X-Access-Key X-JWT X-Goog-IAP-JWT-Assertion Cf-Access-Jwt-Assertion DPoP",
            "X-CSRF-Token X-XSRF-TOKEN x-my-session-id X-Hub-Signature X-WSSE X-Amz-Security-Token X-Vault-Token X-Passwd X-GitHub-OTP",
            "Ocp-Apim-Subscription-Key X-Functions-Key X-Auth-Email X-Elasticemail-ApiKey X-Postmark-Server-Token SAMLResponse",
            // who somebody is
            "X-Auth-Request-User X-Auth-Request-Email X-Forwarded-User Remote-User Remote-Email Remote-Groups X-Remote-User X-WebAuth-User",
            "X-Authenticated-Userid X-Userinfo X-Consumer-Username X-authentik-email Tailscale-User-Login X-MS-Client-Principal-Name",
            "X-Goog-Authenticated-User-Email X-Amzn-Oidc-Identity X-Pomerium-Claim-Email X-Vouch-User OIDC-CLAIM-sub HTTP_X Impersonate-User",
            "Client-Cert Client-Cert-Chain X-Client-Cert X-ARR-ClientCert X-SSL-Client-S-DN SSL-Client-Verify X-Client-DN X-TLS-Client-Subject",
            // the envelope
            "Envelope-To Envelope-From X-Envelope-To X-Rcpt-To X-Receiver X-Sender X-Original-To Delivered-To Return-Path Apparently-To",
            "Return-Receipt-To Errors-To Disposition-Notification-To X-Confirm-Reading-To Full-Name Original-Recipient",
            // filters
            "Received Received-SPF X-Received ARC-Seal DKIM-Signature DomainKey-Signature X-Spam-Status Authentication-Results",
            "X-MS-Exchange-Organization-SCL X-Microsoft-Antispam X-Forefront-Antispam-Report X-Rspamd-Score X-Acme-MailScanner",
            // providers
            "X-SMTPAPI X-SG-EID X-MC-BccAddress X-MC-MergeVars X-Mandrill-User X-MSYS-API X-MSYS-SUBACCOUNT X-SES-CONFIGURATION-SET",
            "X-SES-SOURCE-ARN X-Mailgun-Recipient-Variables X-Mailgun-Variables X-PM-Message-Stream X-PM-Metadata-a X-MJ-TemplateErrorReporting",
            "X-Mailjet-Campaign X-Mailin-custom X-Sib-Sandbox X-xsMessageId X-MT-Category X-MailerSend-Tags Resend-Idempotency-Key",
            "X-Elasticemail-Settings X-SMTP2GO-Tag X-SMTPeter-Tags X-GreenArrow-MailClass X-Virtual-MTA X-Job X-AliDM-Trace",
        ]
        .iter()
        .flat_map(|names| names.split(' '))
        {
            assert!(list.strips(&name(stripped), false), "{stripped}");
            assert!(list.strips(&name(&stripped.to_ascii_lowercase()), false), "{stripped}, as HTTP/2 has it");
        }
    }

    /// The fields of IANA's registry that a client may send, and those that mail programs and scripts add.
    #[test]
    fn fields_of_mail_reach_it() {
        let list = StripList::default();
        for kept in [
            "Also-Control Approved Archive Archived-At Article-Names Author Auto-Submitted Autoforwarded Cancel-Key Cancel-Lock Comments",
            "Content-Alternative Content-Base Content-Description Content-Disposition Content-Duration Content-Features Content-ID",
            "Content-Identifier Content-Language Content-MD5 Content-Return Content-Translation-Type Control Conversion Deferred-Delivery",
            "Disclose-Recipients Distribution DL-Expansion-History EDIINT-Features Encrypted Expires Expiry-Date Face Followup-To",
            "HP-Outer Importance In-Reply-To Injection-Date Injection-Info Jabber-ID Keywords Language Latest-Delivery-Time Lines",
            "List-Archive List-Help List-ID List-Owner List-Post List-Subscribe List-Unsubscribe List-Unsubscribe-Post Message-Context",
            "Message-Type MMHS-Authorizing-Users MMHS-Subject-Indicator-Codes MT-Priority Newsgroups NNTP-Posting-Date Obsoletes Organization",
            "Original-From Original-Message-ID Original-Sender Original-Subject Originator-Info PICS-Label References Reply-By Reply-To",
            "See-Also Sensitivity Solicitation Subject Summary Supersedes TLS-Report-Domain TLS-Report-Submitter VBR-Info X-Archived-At",
            "X-Mailer X-Priority X-MSMail-Priority Precedence X-Loop X-Face X-Image-URL X-Auto-Response-Suppress X-Report-Abuse X-Campaign",
            "X-Entity-Ref-ID Feedback-ID X-No-Archive Mail-Followup-To Mail-Reply-To Autocrypt OpenPGP X-PGP-Key X-GPG-Key X-BeenThere",
            "X-Original-From X-Original-Message-ID X-Disclaimer X-Ticket-ID X-Department X-Nagios-Host X-Cron-Env Thread-Topic Thread-Index",
            "Sections X-Via X-Announcement From To Cc Bcc Sender Date Message-ID MIME-Version Content-Type Content-Transfer-Encoding",
        ]
        .iter()
        .flat_map(|names| names.split(' '))
        {
            assert!(!list.strips(&name(kept), false), "{kept}");
        }
    }

    #[test]
    fn every_name_of_the_table_counts() {
        for row in TABLE {
            for pattern in row.names {
                let text = pattern.replace('*', "a");
                assert!(NamePattern::parse(pattern).is_ok_and(|parsed| parsed.matches(&text)), "{pattern}");
                for text in [text.to_ascii_lowercase(), text.to_ascii_uppercase(), text] {
                    assert_eq!(StripList::default().strips(&name(&text), false), row.fate != Fate::Kept, "{pattern}");
                }
            }
        }
        for known in fields::KNOWN.iter().filter(|known| known.meaning.is_some()) {
            assert!(!is(Fate::Stripped, known.name, false) && !is(Fate::Locked, known.name, false), "{}", known.name);
        }
    }

    #[test]
    fn changes_apply_in_order_and_credentials_stay_locked() {
        let list = StripList::parse(&["-User-Agent", "+X-Internal-*", "-X-Internal-Ok"]).unwrap();
        assert!(!list.strips(&name("User-Agent"), false));
        assert!(list.strips(&name("X-Internal-Id"), false) && !list.strips(&name("X-Internal-Ok"), false));
        for locked in ["Authorization", "Prefer", "X-Original-Recipients"] {
            assert!(StripList::parse(&["-*"]).unwrap().strips(&name(locked), false), "{locked}");
        }
        for refused in ["-Authorization", "-cookie", "-TE", "User-Agent", "+", "+a b"] {
            assert!(StripList::parse(&[refused]).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abd", false),
            ("*b*", "abc", true),
            ("*", "", true),
            ("ab", "abc", false),
            ("a*b*c", "aXbYc", true),
            ("a*bc*c", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_whole_message_keeps_what_http_has_not_left() {
        let list = StripList::default();
        for kept in
            ["User-Agent", "Received", "DKIM-Signature", "X-Original-From", "X-Request-ID", "Authorization-Note"]
        {
            assert!(!list.strips(&name(kept), true), "{kept}");
        }
        for stripped in [
            "Return-Path",
            "Envelope-To",
            "X-Spam-Flag",
            "Authentication-Results",
            "X-SMTPAPI",
            "X-Original-Recipients",
        ] {
            assert!(list.strips(&name(stripped), true) && list.strips(&name(stripped), false), "{stripped}");
        }
    }
}
