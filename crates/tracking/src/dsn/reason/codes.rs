//! Enhanced status codes -> reasons: RFC 3463, the registry of RFC 5248, and codes that single services use in their own way.
#![forbid(unsafe_code)]

use super::Reason::{self, *};

/// A code with only one meaning, even if the text next to it says otherwise.
pub(super) fn sure<'c>(mut codes: impl Iterator<Item = &'c str>) -> Option<Reason> {
    codes.find_map(|code| SURE.iter().find(|row| same(row.0, code)).map(|row| row.1))
}

/// The meaning of a code if the text says nothing.
pub(super) fn likely(code: &str) -> Option<Reason> {
    LIKELY.iter().find(|row| same(row.0, code)).map(|row| row.1)
}

/// Whether the code, without its class, equals that of the row.
fn same(row: &str, code: &str) -> bool {
    code.strip_prefix(['4', '5']).and_then(|rest| rest.strip_prefix('.')) == Some(row)
}

/// Subject and detail, reason, source.
#[rustfmt::skip]
const SURE: &[(&str, Reason, &str)] = &[
    ("1.7",   Policy,      "RFC 3463 3.2: bad sender's mailbox address syntax"),
    ("1.8",   Policy,      "RFC 3463 3.2: bad sender's system address"),
    ("7.25",  Blocked,     "RFC 7372 3.3: no valid reverse DNS"),
    ("7.26",  AuthFailure, "RFC 7372 3.3: several authentication checks failed"),
    ("7.20",  AuthFailure, "RFC 7372 3.1: no passing DKIM signature"),
    ("7.21",  AuthFailure, "RFC 7372 3.1"),
    ("7.22",  AuthFailure, "RFC 7372 3.1"),
    ("7.23",  AuthFailure, "RFC 7372 3.2: SPF"),
    ("7.509", AuthFailure, "Exchange Online: DMARC"),
];

#[rustfmt::skip]
const LIKELY: &[(&str, Reason, &str)] = &[
    ("1.1",   UserUnknown,  "RFC 3463 3.2: bad destination mailbox address"),
    ("1.2",   HostUnknown,  "RFC 3463 3.2: bad destination system address"),
    ("1.3",   UserUnknown,  "RFC 3463 3.2: bad destination mailbox address syntax"),
    ("1.4",   Filtered,     "RFC 3463 3.2: destination mailbox address ambiguous"),
    ("1.6",   UserUnknown,  "RFC 3463 3.2: mailbox has moved, no forwarding address"),
    ("1.10",  HostUnknown,  "RFC 7505 4.2: null MX"),
    ("2.0",   Filtered,     "RFC 3463 3.3: something about the mailbox"),
    ("2.1",   Suspended,    "RFC 3463 3.3: mailbox disabled"),
    ("2.2",   MailboxFull,  "RFC 3463 3.3: mailbox full"),
    ("2.3",   TooLarge,     "RFC 3463 3.3: message length exceeds administrative limit"),
    ("2.4",   Filtered,     "RFC 3463 3.3: mailing list expansion problem"),
    ("1.351", UserUnknown,  "Exchange Online: unknown recipient or mailbox unavailable"),
    ("3.1",   Undefined,    "RFC 3463 3.4: mail system full"),
    ("3.2",   HostUnknown,  "RFC 3463 3.4: system not accepting network messages"),
    ("3.4",   TooLarge,     "RFC 3463 3.4: message too big for system"),
    ("4.0",   NetworkError, "RFC 3463 3.5: something about the network"),
    ("4.1",   Expired,      "RFC 3463 3.5: no answer from host"),
    ("4.2",   NetworkError, "RFC 3463 3.5: bad connection"),
    ("4.3",   NetworkError, "RFC 3463 3.5: directory server failure"),
    ("4.4",   HostUnknown,  "RFC 3463 3.5: unable to route"),
    ("4.6",   NetworkError, "RFC 3463 3.5: routing loop detected"),
    ("4.7",   Expired,      "RFC 3463 3.5: delivery time expired"),
    ("5.3",   TooMuch,      "RFC 3463 3.6: too many recipients"),
    ("6.0",   NotCompliant, "RFC 3463 3.7: something about the content"),
    ("6.7",   NotCompliant, "RFC 6531 3.2: non-ASCII addresses not permitted"),
    ("6.9",   NotCompliant, "RFC 6531 3.2: UTF-8 header message cannot be transferred"),
    ("7.0",   Policy,       "RFC 3463 3.8: something about security"),
    ("7.1",   Policy,       "RFC 3463 3.8: delivery not authorized"),
    ("7.9",   Policy,       "Yahoo, Sendmail milters"),
    ("7.2",   Policy,       "RFC 3463 3.8: mailing list expansion prohibited"),
    ("7.7",   Policy,       "RFC 3463 3.8: message integrity failure"),
    ("7.8",   Policy,       "RFC 4954 6: authentication credentials invalid"),
    ("7.13",  Suspended,    "RFC 5248: user account disabled"),
    ("7.17",  UserUnknown,  "RFC 7293 14: mailbox owner has changed"),
    ("7.18",  HostUnknown,  "RFC 7293 14: domain owner has changed"),
    ("7.27",  HostUnknown,  "RFC 7505 4.2: the sender's domain has null MX"),
    ("7.28",  TooMuch,      "registry of RFC 5248: mail flood detected"),
];
