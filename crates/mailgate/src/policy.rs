//! Who may send to whom: the patterns of `SendmailRecipients`, the authenticated sender, and the arguments of the program that hold parts
//! of a request. Every rule is an allow-list.
#![forbid(unsafe_code)]

use mail::address::{Address, Domain};
use std::fmt;

pub mod aliases;
pub mod arguments;
pub mod redirect;
pub mod sender;

/// Allowed addresses. If a message has another recipient, nobody gets it. Also used for senders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Address(Address),
    Anybody,
    Domain(Domain),
    Subdomains(Domain),
}

impl Default for Recipients {
    fn default() -> Self {
        Recipients(vec![Pattern::Anybody])
    }
}

impl Recipients {
    /// `user@example.org`, `example.org`, `.example.org` (subdomains only), `*`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let pattern = |word: &&str| {
            let domain = |text: &str| Domain::parse(text).map_err(|error| format!("'{word}': {error}"));
            match word.strip_prefix('.') {
                _ if *word == "*" => Ok(Pattern::Anybody),
                Some(parent) => Ok(Pattern::Subdomains(domain(parent)?)),
                None if word.contains('@') => {
                    Ok(Pattern::Address(Address::parse(word).map_err(|error| format!("'{word}': {error}"))?))
                }
                None if word.contains('*') => Err(format!(
                    "'{word}': '*' stands alone; write example.org or .example.org for a domain or its subdomains"
                )),
                None => Ok(Pattern::Domain(domain(word)?)),
            }
        };
        words.iter().map(pattern).collect::<Result<_, _>>().map(Recipients)
    }

    /// Whether anybody is allowed.
    pub fn is_free(&self) -> bool {
        self.0.contains(&Pattern::Anybody)
    }

    /// Whether this address is allowed. The local part is compared without case, as mail systems do.
    pub fn allow(&self, address: &Address) -> bool {
        self.0.iter().any(|pattern| match (pattern, address.domain()) {
            (Pattern::Anybody, _) => true,
            (Pattern::Address(allowed), domain) => {
                allowed.domain() == domain && allowed.local().eq_ignore_ascii_case(address.local())
            }
            (_, None) => false,
            (Pattern::Domain(allowed), Some(domain)) => allowed == domain,
            (Pattern::Subdomains(parent), Some(domain)) => domain
                .as_str()
                .strip_suffix(parent.as_str())
                .is_some_and(|start| start.len() > 1 && start.ends_with('.')),
        })
    }
}

/// Checks authors and senders: the addresses of From, Sender and the envelope (`SendmailSenders`).
pub fn check_senders<'a>(
    allowed: &Recipients,
    senders: impl IntoIterator<Item = &'a Address>,
) -> Result<(), PolicyError> {
    match senders.into_iter().find(|address| !allowed.allow(address)) {
        Some(address) => Err(PolicyError::ForeignSender(address.clone())),
        None => Ok(()),
    }
}

/// A request that the configuration does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyError {
    /// A word of SendmailArguments got an invalid value; its number counts from 1.
    Argument {
        /// Which word.
        word: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An author or a sender that SendmailSenders does not cover.
    ForeignSender(Address),
    /// A recipient that SendmailRecipients does not cover.
    Recipient(Address),
    /// SendmailSenderMail gave no address.
    Sender {
        /// What the directive names.
        source: String,
        /// What is wrong with its value.
        reason: &'static str,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyError::Argument { word, reason } => write!(f, "word {word} of SendmailArguments {reason}"),
            PolicyError::ForeignSender(address) => write!(f, "the sender {address} is not allowed here"),
            PolicyError::Recipient(address) => write!(f, "the recipient {address} is not allowed here"),
            PolicyError::Sender { source, reason } => write!(f, "SendmailSenderMail {source} {reason}"),
        }
    }
}

impl std::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_covered_by_address_domain_and_subdomain() {
        let allowed = Recipients::parse(&["boss@example.org", "example.net", ".example.com"]).unwrap();
        for (address, expected) in [
            ("boss@example.org", true),
            ("Boss@EXAMPLE.org", true),
            ("other@example.org", false),
            ("any@example.net", true),
            ("any@sub.example.net", false),
            ("any@sub.example.com", true),
            ("any@a.b.example.com", true),
            ("any@example.com", false),
            ("any@evilexample.com", false),
            ("any@example.net.evil.test", false),
            ("root", false),
        ] {
            assert_eq!(allowed.allow(&Address::parse(address).unwrap()), expected, "{address}");
        }
        assert!(!allowed.is_free() && Recipients::default().allow(&Address::parse("root").unwrap()));
    }

    #[test]
    fn a_bad_pattern_is_named() {
        for word in ["*.example.org", "a b", "@example.org", "exa_mple..org", "."] {
            assert!(Recipients::parse(&[word]).unwrap_err().contains(word), "{word}");
        }
    }
}
