//! The arguments of MAIL and RCPT (RFC 5321 4.1.2): a path, then parameters. Accepts common errors of programs (a blank after the colon, no
//! angle brackets); `mail::address` reads the address itself, strictly.
#![forbid(unsafe_code)]

use crate::envelope::Parameter;
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_till, take_while1};
use nom::character::complete::{char, satisfy, space0, space1};
use nom::combinator::{all_consuming, opt, recognize};
use nom::multi::{many0, many0_count, separated_list1};
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser};

/// The text between the brackets, without a route, and the parameters.
pub(crate) type PathAndParameters<'a> = (&'a str, Vec<Parameter<'a>>);

/// `mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF`, after the verb.
pub(crate) fn mail(input: &str) -> Option<PathAndParameters<'_>> {
    arguments("FROM:", input)
}

/// `rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF`, after the verb.
pub(crate) fn rcpt(input: &str) -> Option<PathAndParameters<'_>> {
    arguments("TO:", input)
}

fn arguments<'a>(keyword: &'static str, input: &'a str) -> Option<PathAndParameters<'a>> {
    let start = (space0, tag_no_case(keyword), space0);
    let (_, found) = all_consuming(preceded(start, (path, terminated(parameters, space0)))).parse(input).ok()?;
    Some(found)
}

/// `Path = "<" [ A-d-l ":" ] Mailbox ">"`, `Reverse-path = Path / "<>"`.
fn path(input: &str) -> IResult<&str, &str> {
    let bracketed =
        delimited(char('<'), preceded(opt(terminated(a_d_l, char(':'))), take_till(|c| c == '>')), char('>'));
    let bare = take_while1(|c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>'));
    alt((bracketed, bare)).parse(input)
}

/// `A-d-l = At-domain *( "," At-domain )`, `At-domain = "@" Domain`. RFC 5321 4.1.1.3: a server should ignore it.
fn a_d_l(input: &str) -> IResult<&str, Vec<&str>> {
    let domain = take_while1(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    separated_list1(char(','), preceded(char('@'), domain)).parse(input)
}

/// `Mail-parameters = esmtp-param *(SP esmtp-param)`.
fn parameters(input: &str) -> IResult<&str, Vec<Parameter<'_>>> {
    many0(preceded(space1, esmtp_param)).parse(input)
}

/// `esmtp-param = esmtp-keyword ["=" esmtp-value]`.
fn esmtp_param(input: &str) -> IResult<&str, Parameter<'_>> {
    pair(esmtp_keyword, opt(preceded(char('='), esmtp_value))).parse(input)
}

/// `esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")`.
fn esmtp_keyword(input: &str) -> IResult<&str, &str> {
    let start = satisfy(|c| c.is_ascii_alphanumeric());
    recognize((start, many0_count(satisfy(|c| c.is_ascii_alphanumeric() || c == '-')))).parse(input)
}

/// `esmtp-value = 1*(%d33-60 / %d62-126)`: any CHAR excluding "=", SP, and control characters.
fn esmtp_value(input: &str) -> IResult<&str, &str> {
    take_while1(|c| matches!(c, '!'..='<' | '>'..='~')).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters() {
        for (input, expected) in [
            ("FROM:<a@b>", Some(("a@b", vec![]))),
            ("from: <a@b> ", Some(("a@b", vec![]))),
            ("FROM:a@b", Some(("a@b", vec![]))),
            ("FROM:<>", Some(("", vec![]))),
            ("FROM:<@x.example,@y:a@b>", Some(("a@b", vec![]))),
            ("FROM:<a@b> SIZE=1 SMTPUTF8", Some(("a@b", vec![("SIZE", Some("1")), ("SMTPUTF8", None)]))),
            ("FROM:<a@b>  AUTH=<>", Some(("a@b", vec![("AUTH", Some("<>"))]))),
            ("FROM:<a b>", Some(("a b", vec![]))),
            ("FROM:<a@b>SIZE=1", None),
            ("FROM:<a@b> SIZE=", None),
            ("FROM:<a@b> SIZE=1=2", None),
            ("FROM:<a@b> =1", None),
            ("FROM:<a@b> -A=1", None),
            ("FROM:<a@b", None),
            ("FROM:<\"a>b\"@c>", None),
            ("FROM <a@b>", None),
            ("FROM :<a@b>", None),
            ("FROM:", None),
            ("", None),
            ("TO:<a@b>", None),
        ] {
            assert_eq!(mail(input), expected, "{input}");
        }
        assert_eq!(rcpt("to:<Postmaster>"), Some(("Postmaster", vec![])));
        assert_eq!(rcpt("FROM:<a@b>"), None);
    }
}
