//! The answer of a policy server, an action of Postfix's access(5) -> what to do. Restrictions by name, and actions that only Postfix can
//! take, are recognized but not carried out.
#![forbid(unsafe_code)]

use crate::checks::field::Field;
use mail::address::Address;
use mail::text::one_line;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// One more recipient.
    Bcc(Address),
    /// Refused temporarily; the text.
    Defer(String),
    /// Refused temporarily, unless something else refuses it permanently.
    DeferIfPermit(String),
    /// A permanent refusal by something else becomes temporary.
    DeferIfReject(String),
    /// Nobody gets it, and nobody is told; the text for the log.
    Discard(String),
    /// Held; the reason.
    Hold(String),
    /// Logged, perhaps as a warning.
    Log(bool, String),
    /// No objection.
    Permit,
    /// One more field.
    Prepend(Field),
    /// Only this recipient.
    Redirect(Address),
    /// Refused permanently.
    Reject(String),
    /// An action that is not available here.
    Unknown(String),
}

impl Action {
    /// Reads `action=WORD text`; the complaint quotes it.
    pub fn parse(line: &[u8]) -> Result<Action, String> {
        let shown = || format!("'{}', which is not an action", one_line(line, 100));
        let value = line.strip_prefix(b"action=").ok_or_else(shown)?;
        if value.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            return Err(shown());
        }
        let value = value.trim_ascii();
        let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        let (word, rest) = (&value[..end], value[end..].trim_ascii());
        let text = one_line(rest, 400);
        let or = |default: &str| if text.is_empty() { default.to_owned() } else { text.clone() };
        if word.is_empty() {
            return Err(shown());
        }
        if value.iter().all(u8::is_ascii_digit) {
            return Ok(Action::Permit); // access(5): all-numerical
        }
        let unknown = || Action::Unknown(one_line(value, 100));
        Ok(match word.to_ascii_uppercase().as_slice() {
            b"OK" | b"DUNNO" | b"PERMIT" | b"RELAY" => Action::Permit,
            b"REJECT" => Action::Reject(or("Access denied")),
            b"DEFER" => Action::Defer(or("Try again later")),
            b"DEFER_IF_PERMIT" => Action::DeferIfPermit(or("Service unavailable")),
            b"DEFER_IF_REJECT" => Action::DeferIfReject(or("Service unavailable")),
            b"DISCARD" => Action::Discard(or("discarded by the policy server")),
            b"HOLD" => Action::Hold(or("held by the policy server")),
            b"WARN" => Action::Log(true, text),
            b"INFO" => Action::Log(false, text),
            b"PREPEND" => prepended(rest)?.map_or_else(unknown, Action::Prepend),
            b"REDIRECT" => recipient(rest).map_or_else(unknown, Action::Redirect),
            b"BCC" => recipient(rest).map_or_else(unknown, Action::Bcc),
            [b'4', b'0'..=b'9', b'0'..=b'9'] => Action::Defer(one_line(value, 400)),
            [b'5', b'0'..=b'9', b'0'..=b'9'] => Action::Reject(one_line(value, 400)),
            _ => unknown(),
        })
    }
}

/// `Name: value`.
fn prepended(text: &[u8]) -> Result<Option<Field>, String> {
    let Some(colon) = text.iter().position(|byte| *byte == b':') else { return Ok(None) };
    let value = text[colon + 1..].trim_ascii_start();
    Field::new(text[..colon].trim_ascii_end(), value, " ").map(Some).map_err(|error| format!("PREPEND with a {error}"))
}

/// `user@domain`, and nothing else.
fn recipient(text: &[u8]) -> Option<Address> {
    Address::parse(std::str::from_utf8(text).ok()?).ok().filter(|address| address.domain().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(action: &str) -> Result<Action, String> {
        Action::parse(format!("action={action}").as_bytes())
    }

    #[test]
    fn the_actions_of_access_5() {
        let address = |text: &str| Address::parse(text).unwrap();
        let text = |text: &str| text.to_owned();
        for (action, expected) in [
            ("OK", Action::Permit),
            ("dunno", Action::Permit),
            ("PERMIT", Action::Permit),
            ("1700000000", Action::Permit),
            ("REJECT", Action::Reject(text("Access denied"))),
            ("reject  No, thanks ", Action::Reject(text("No, thanks"))),
            ("550 5.7.1 no", Action::Reject(text("550 5.7.1 no"))),
            ("521 5.7.1 go away", Action::Reject(text("521 5.7.1 go away"))),
            ("DEFER later", Action::Defer(text("later"))),
            ("450 4.7.1 later", Action::Defer(text("450 4.7.1 later"))),
            ("421 busy", Action::Defer(text("421 busy"))),
            ("defer_if_permit x", Action::DeferIfPermit(text("x"))),
            ("DEFER_IF_REJECT x", Action::DeferIfReject(text("x"))),
            ("DISCARD", Action::Discard(text("discarded by the policy server"))),
            ("HOLD first mail of this user", Action::Hold(text("first mail of this user"))),
            ("WARN odd", Action::Log(true, text("odd"))),
            ("INFO fine", Action::Log(false, text("fine"))),
            ("PREPEND X-Policy: a b", Action::Prepend(Field::new(b"X-Policy", b"a b", " ").unwrap())),
            ("REDIRECT boss@example.org", Action::Redirect(address("boss@example.org"))),
            ("BCC boss@example.org", Action::Bcc(address("boss@example.org"))),
        ] {
            assert_eq!(parsed(action), Ok(expected), "{action}");
        }
    }

    #[test]
    fn what_cannot_be_done_here_is_named() {
        for action in [
            "FILTER smtp:[127.0.0.1]:10025",
            "reject_unauth_destination",
            "DELAY 5m",
            "REDIRECT root",
            "REDIRECT a@b.test, c@b.test",
            "BCC",
            "PREPEND nothing",
            "\u{1b}[2J",
            "650 x",
            "4500 x",
        ] {
            let Ok(Action::Unknown(shown)) = parsed(action) else { panic!("{action}: {:?}", parsed(action)) };
            assert!(!shown.contains('\u{1b}'));
        }
        for action in ["", " ", "PREPEND X A: b", "PREPEND Bcc: a@b.test", "OK\nx", "OK\0"] {
            assert!(parsed(action).is_err(), "{action:?}");
        }
        assert!(Action::parse(b"OK").is_err());
    }
}
