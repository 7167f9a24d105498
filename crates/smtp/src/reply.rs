//! A reply (RFC 5321 4.2) with its enhanced status code (RFC 2034, RFC 3463). Its text is always reduced to printable ASCII, so that
//! nothing in it can end a line.
#![forbid(unsafe_code)]

use std::fmt;

/// RFC 5321 4.5.3.1.5: a reply line has at most 512 octets with code and line end.
const MAX_TEXT: usize = 480;

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<&'static str>,
    lines: Vec<String>,
}

impl Reply {
    pub(crate) fn new(code: u16, enhanced: &'static str, text: impl AsRef<str>) -> Reply {
        Reply { code, enhanced: Some(enhanced), lines: vec![printable(text.as_ref())] }
    }

    /// Greeting, EHLO, HELO and the intermediate replies have no enhanced code (RFC 2034 4).
    pub(crate) fn plain<T: AsRef<str>>(code: u16, lines: impl IntoIterator<Item = T>) -> Reply {
        Reply { code, enhanced: None, lines: lines.into_iter().map(|line| printable(line.as_ref())).collect() }
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// `5.7.1`; `None` for a greeting and other plain replies.
    pub fn enhanced(&self) -> Option<&'static str> {
        self.enhanced
    }

    /// The text without codes, lines joined by a blank.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Whether it refuses, temporarily or permanently.
    pub fn is_refusal(&self) -> bool {
        self.code >= 400
    }

    /// Whether the connection is closed after it.
    pub fn closes(&self) -> bool {
        matches!(self.code, 221 | 421)
    }
}

/// `Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF` (RFC 5321 4.2).
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, line) in self.lines.iter().enumerate() {
            let separator = if i + 1 == self.lines.len() { ' ' } else { '-' };
            write!(f, "{}{separator}", self.code)?;
            if let Some(enhanced) = self.enhanced {
                write!(f, "{enhanced} ")?;
            }
            write!(f, "{line}\r\n")?;
        }
        Ok(())
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_lines_of_printable_ascii() {
        assert_eq!(Reply::new(550, "5.1.1", "no").to_string(), "550 5.1.1 no\r\n");
        assert_eq!(Reply::new(550, "5.1.1", "a\r\n250 b\0\u{fc}").to_string(), "550 5.1.1 a??250 b??\r\n");
        assert_eq!(Reply::plain(250, ["a", "b"]).to_string(), "250-a\r\n250 b\r\n");
        assert_eq!(Reply::plain(334, [""]).to_string(), "334 \r\n");
        assert!(Reply::new(550, "5.1.1", "x".repeat(5000)).to_string().len() <= 512);
    }
}
