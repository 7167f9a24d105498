//! A log line -> the line with only as much of each address as the administrator wants to keep (`SendmailLogAddresses`), whether the text
//! is ours or comes from a client, a program or a relay.
#![forbid(unsafe_code)]

/// How much of an address a log shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogAddresses {
    /// `*@example.org`.
    Domain,
    /// `alice@example.org`.
    Full,
    /// `*`.
    None,
}

impl LogAddresses {
    /// `full`, `domain`, `none`.
    pub fn parse(word: &str) -> Result<Self, String> {
        let known = [("full", Self::Full), ("domain", Self::Domain), ("none", Self::None)];
        let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(_, shown)| *shown).ok_or_else(|| format!("'{word}' is none of full, domain and none"))
    }

    /// The line to show. Message identifiers (`id=<...>`) look like addresses but stay, since they are needed to find a message again.
    pub fn in_line(self, line: String) -> String {
        if self == Self::Full || !line.contains('@') {
            return line;
        }
        let (mut shown, mut done) = (String::with_capacity(line.len()), 0);
        for (at, _) in line.match_indices('@') {
            let begin = local_part(&line, done, at);
            let end = at + 1 + domain(&line[at + 1..]);
            if begin == at || end == at + 1 || is_identifier(&line[..begin]) {
                continue;
            }
            shown += &line[done..begin];
            shown.push('*');
            shown += if self == Self::Domain { &line[at..end] } else { "" };
            done = end;
        }
        shown + &line[done..]
    }
}

/// The start of the local part of the address whose `@` is at `at`, not before `from` (RFC 5321 4.1.2, RFC 6531 3.3).
fn local_part(line: &str, from: usize, at: usize) -> usize {
    let before = &line[from..at];
    if let Some(quoted) = before.strip_suffix('"') {
        return quoted.rfind('"').map_or(at, |begin| from + begin);
    }
    let is_atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let begin =
        before.char_indices().rev().take_while(|(_, c)| is_atom(*c)).last().map_or(at, |(begin, _)| from + begin);
    // In `from=alice@x`, `from` is a field of the log line; but `=` may also be part of an address.
    match line[begin..at].split_once('=') {
        Some((name, value)) if FIELDS.contains(&name) && !value.is_empty() => begin + name.len() + 1,
        _ => begin,
    }
}

/// Field names in our log lines and in the messages of mail systems.
const FIELDS: &[&str] =
    &["from", "to", "user", "rcpt", "by", "reply", "sender", "recipient", "orig_to", "sasl_username"];

/// The length of the domain at the start of `text`.
fn domain(text: &str) -> usize {
    if text.starts_with('[') {
        return text.find(']').map_or(0, |end| end + 1);
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || "-._".contains(c))).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', '-', '_']).len()
}

fn is_identifier(before: &str) -> bool {
    let before = before.strip_suffix('<').unwrap_or(before);
    let before = before.strip_suffix('"').unwrap_or(before);
    before.strip_suffix("id=").is_some_and(|rest| rest.is_empty() || rest.ends_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_shown_and_every_identifier_is() {
        for (line, domain, none) in [
            (
                "SM0001: accepted id=<t@h.test> from=alice@x.test rcpts=2",
                "SM0001: accepted id=<t@h.test> from=*@x.test rcpts=2",
                "SM0001: accepted id=<t@h.test> from=* rcpts=2",
            ),
            ("550 <Bob.B+tag@x.test>: no, carol@[192.0.2.1].", "550 <*@x.test>: no, *@[192.0.2.1].", "550 <*>: no, *."),
            ("to \"a b\"@x.test, k\u{fc}che@\u{fc}.test", "to *@x.test, *@\u{fc}.test", "to *, *"),
            ("b+tok=bob=x.test@gw.test", "*@gw.test", "*"),
            ("user=alice@x.test a@x.test.", "user=*@x.test *@x.test.", "user=* *."),
            ("a@b@c.test", "*@b@c.test", "*@c.test"),
            ("root and @ and a@ and @x.test", "root and @ and a@ and @x.test", "root and @ and a@ and @x.test"),
            ("grid=<t@h.test>", "grid=<*@h.test>", "grid=<*>"),
            ("", "", ""),
        ] {
            assert_eq!(LogAddresses::Full.in_line(line.into()), line);
            assert_eq!(LogAddresses::Domain.in_line(line.into()), domain);
            assert_eq!(LogAddresses::None.in_line(line.into()), none);
        }
        assert!(LogAddresses::parse("FULL").is_ok() && LogAddresses::parse("half").unwrap_err().contains("domain"));
    }
}
