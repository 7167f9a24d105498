//! The lines of a mail server -> [`Reply`] (RFC 5321 4.2, enhanced codes RFC 2034 4).
#![forbid(unsafe_code)]

use mail::text::one_line;
use nom::branch::alt;
use nom::character::complete::{char, digit1, satisfy};
use nom::combinator::{map, recognize, rest, value};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// An answer of one or more lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The text of each line after its code.
    pub lines: Vec<Vec<u8>>,
}

/// Most lines of one reply: RFC 5321 has no limit, but a server needs no more.
const MOST_LINES: usize = 200;

/// How many characters of a reply are shown.
const SHOWN: usize = 400;

impl Reply {
    /// Adds the next line, without its end. `Ok(true)`: it was the last one. `Err`: not an SMTP reply.
    pub fn add(&mut self, octets: &[u8]) -> Result<bool, &'static str> {
        let (_, line) = line(octets).map_err(|_| "a line that is not an SMTP reply")?;
        if !self.lines.is_empty() && line.code != self.code {
            return Err("a reply of lines with different codes");
        }
        if self.lines.len() == MOST_LINES {
            return Err("a reply of too many lines");
        }
        self.code = line.code;
        self.lines.push(line.text.to_vec());
        Ok(line.last)
    }

    /// The first digit.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// Whether the server is about to close the connection (RFC 5321 3.8).
    pub fn is_farewell(&self) -> bool {
        self.code == 421
    }

    /// `5.1.1`, if the first line starts with one.
    pub fn enhanced(&self) -> Option<&str> {
        let (_, code) = enhanced(self.lines.first()?).ok()?;
        std::str::from_utf8(code).ok()
    }

    /// Whether the message is over a limit. If there is an enhanced code, it decides (RFC 3463 3.3, 3.4), since 552 may also be a full
    /// mailbox.
    pub fn is_too_large(&self) -> bool {
        match self.enhanced() {
            Some(code) => matches!(code, "5.3.4" | "5.2.3"),
            None => self.code == 552,
        }
    }

    /// Code and enhanced code, which contain nothing of the message.
    pub fn codes(&self) -> String {
        self.enhanced().map_or_else(|| self.code.to_string(), |enhanced| format!("{} {enhanced}", self.code))
    }

    /// All of it on one line, escaped.
    pub fn text(&self) -> String {
        let text = self.lines.join(&b'\n');
        one_line(
            format!("{} ", self.code).as_bytes().iter().chain(&text).copied().collect::<Vec<_>>().as_slice(),
            SHOWN,
        )
    }
}

struct Line<'a> {
    code: u16,
    last: bool,
    text: &'a [u8],
}

/// `Reply-code [ ("-" / SP) textstring ]`; the last line may be the code alone.
fn line(input: &[u8]) -> IResult<&[u8], Line<'_>> {
    let last = alt((value(false, char('-')), value(true, char(' ')), value(true, nom::combinator::eof)));
    map((code, last, rest), |(code, last, text)| Line { code, last, text }).parse(input)
}

/// `Reply-code = %x32-35 %x30-35 %x30-39`; the middle digit is not checked, since servers use their own.
fn code(input: &[u8]) -> IResult<&[u8], u16> {
    let digit = |least: char, most: char| satisfy(move |c| (least..=most).contains(&c));
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    map(recognize((digit('2', '5'), digit('0', '9'), digit('0', '9'))), number).parse(input)
}

/// `status-code = class "." subject "." detail`, up to three digits each, then a blank or the end.
fn enhanced(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let class = satisfy(|c| matches!(c, '2' | '4' | '5'));
    let end = alt((value((), char(' ')), value((), nom::combinator::eof)));
    terminated(recognize((class, preceded(char('.'), digit1), preceded(char('.'), digit1))), end).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(lines: &[&str]) -> Result<Reply, &'static str> {
        let mut reply = Reply::default();
        for (i, line) in lines.iter().enumerate() {
            if reply.add(line.as_bytes())? {
                assert_eq!(i + 1, lines.len(), "the last line is the last");
                return Ok(reply);
            }
        }
        Err("not ended")
    }

    #[test]
    fn replies_of_one_line_and_of_many() {
        for (lines, code, enhanced) in [
            (&["220 mx ESMTP"][..], 220, None),
            (&["354"], 354, None),
            (&["250 "], 250, None),
            (&["250-mx", "250-PIPELINING", "250 SIZE 1000"], 250, None),
            (&["550 5.1.1 <a@b>: no"], 550, Some("5.1.1")),
            (&["550 5.1.1"], 550, Some("5.1.1")),
            (&["550 5.1.1x"], 550, None),
            (&["571 5.7.1 no"], 571, Some("5.7.1")),
        ] {
            let reply = reply(lines).unwrap();
            assert_eq!((reply.code, reply.lines.len(), reply.enhanced()), (code, lines.len(), enhanced), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_reply() {
        for lines in [
            &["HTTP/1.1 400 Bad Request"][..],
            &[""],
            &["25 ok"],
            &["2500 ok"],
            &["250_ok"],
            &["199 ok"],
            &["600 ok"],
            &["2x0 ok"],
            &["250-a", "220 b"],
            &["250-a", ""],
            &["250-a"],
        ] {
            assert!(reply(lines).is_err(), "{lines:?}");
        }
        assert!(reply(&["250-a"; 300]).unwrap_err().contains("too many"));
    }

    #[test]
    fn too_large_is_no_full_mailbox() {
        for (line, expected) in [
            ("552 size", true),
            ("552 5.3.4 Message size exceeds fixed limit", true),
            ("554 5.3.4 Message too big for system", true),
            ("552 5.2.2 mailbox full", false),
            ("550 5.7.1 no", false),
        ] {
            assert_eq!(reply(&[line]).unwrap().is_too_large(), expected, "{line}");
        }
    }

    #[test]
    fn a_reply_is_shown_on_one_line() {
        let reply = reply(&["550-5.7.1 a\u{1b}", "550 b"]).unwrap();
        assert_eq!((reply.text().as_str(), reply.codes().as_str()), ("550 5.7.1 a\\u{1b} | b", "550 5.7.1"));
    }
}
