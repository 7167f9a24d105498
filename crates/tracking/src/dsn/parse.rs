//! The grammar of RFC 3464 2.1: text with LF line ends -> groups of fields, and the parts of a field. Each parser is named after the rule
//! it follows, and is as lenient as real MTAs require; [`super::status`] decides what a deviation means.
#![forbid(unsafe_code)]

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_while_m_n, take_while1};
use nom::character::complete::{char, one_of, space0};
use nom::combinator::{opt, recognize, rest, verify};
use nom::multi::{fold_many_m_n, fold_many0, many0_count};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};
use std::borrow::Cow;

/// Most fields kept of one group; Exchange writes about twenty.
const MAX_FIELDS: usize = 256;

/// Most fields and other lines of one group; the rest forms another group.
const MAX_PIECES: usize = 512;

/// One field, unfolded and trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// As written; compare without case.
    pub name: &'a str,
    /// Unfolded: without line breaks, but with the white space after them (RFC 5322 2.2.3).
    pub body: Cow<'a, str>,
}

/// The fields between two blank lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group<'a> {
    /// In their order.
    pub fields: Vec<Field<'a>>,
    /// The number of lines that are not a field.
    pub stray: usize,
}

/// `delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )`, one group at a time: an oversized one is dropped group
/// by group.
pub fn groups(content: &str) -> impl Iterator<Item = Group<'_>> {
    let mut left = content;
    std::iter::from_fn(move || {
        loop {
            let (after, ()) = blank_lines(left).ok()?;
            if after.is_empty() {
                return None;
            }
            let (after, group) = group(after).ok()?;
            left = after;
            if !group.fields.is_empty() || group.stray > 0 {
                return Some(group);
            }
        }
    })
}

fn blank_lines(input: &str) -> IResult<&str, ()> {
    many0_count(verify(line, |text: &str| text.trim().is_empty())).map(|_| ()).parse(input)
}

/// A line without its end; not the empty rest after the last line.
fn line(input: &str) -> IResult<&str, &str> {
    verify(recognize((take_till(|c| c == '\n'), opt(char('\n')))), |text: &str| !text.is_empty())
        .map(|text: &str| text.strip_suffix('\n').unwrap_or(text))
        .parse(input)
}

/// `per-message-fields = 1*( field CRLF )`
fn group(input: &str) -> IResult<&str, Group<'_>> {
    enum Piece<'a> {
        Field(Field<'a>),
        Stray(&'a str),
    }
    let not_blank = verify(line, |text: &str| !text.trim().is_empty());
    fold_many_m_n(
        1,
        MAX_PIECES,
        alt((field.map(Piece::Field), not_blank.map(Piece::Stray))),
        Group::default,
        |mut group, piece| {
            match piece {
                Piece::Field(field) if group.fields.len() < MAX_FIELDS => group.fields.push(field),
                Piece::Field(_) => {}
                // A gateway that wraps lines without indenting them; only a server's reply is long enough for that.
                Piece::Stray(text) => {
                    group.stray += 1;
                    if let Some(last) = group.fields.last_mut()
                        && ["diagnostic-code", super::SUPPLEMENTARY_INFO]
                            .iter()
                            .any(|name| last.name.eq_ignore_ascii_case(name))
                        && last.body.len() < MAX_UNWRAPPED
                    {
                        last.body.to_mut().push(' ');
                        last.body.to_mut().push_str(text.trim());
                    }
                }
            }
            group
        },
    )
    .parse(input)
}

const MAX_UNWRAPPED: usize = 4 << 10;

/// `field = field-name ":" unstructured CRLF`, `field-name = 1*ftext` (RFC 5322 3.6.8), with the white space before the colon of 4.5.8
pub fn field(input: &str) -> IResult<&str, Field<'_>> {
    let (input, name) = terminated(take_while1(is_ftext), (space0, char(':'))).parse(input)?;
    let (input, first) = take_till(|c| c == '\n').parse(input)?;
    let (input, body) = fold_many0(
        continuation,
        move || Cow::Borrowed(first),
        |mut body: Cow<'_, str>, more| {
            body.to_mut().push_str(more);
            body
        },
    )
    .parse(input)?;
    let (input, _) = opt(char('\n')).parse(input)?;
    let body = match body {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    Ok((input, Field { name, body }))
}

/// `FWS = ([*WSP CRLF] 1*WSP)`; a line of white space alone ends the group
fn continuation(input: &str) -> IResult<&str, &str> {
    preceded(
        char('\n'),
        recognize((one_of(" \t"), verify(take_till(|c| c == '\n'), |text: &str| !text.trim().is_empty()))),
    )
    .parse(input)
}

/// `ftext = %d33-57 / %d59-126`
fn is_ftext(c: char) -> bool {
    matches!(c, '!'..='9' | ';'..='~')
}

/// `"rfc822" ";" address`: address-type, mta-name-type and diagnostic-type are `atom`s. Without a type, or with text that cannot be one,
/// everything is the value.
pub fn typed(body: &str) -> (Option<&str>, &str) {
    let parser = terminated(take_while1(is_atext), (space0, char(';')));
    match preceded(space0, parser).parse(body) as IResult<&str, &str> {
        Ok((value, kind)) => (Some(kind), value.trim()),
        Err(_) => (None, body.trim()),
    }
}

/// `atext` of RFC 5322 3.2.3, plus the `.` and `/` of types that were never registered
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

/// `status-code = DIGIT "." 1*3DIGIT "." 1*3DIGIT`, classes 2, 4 and 5 (RFC 3463 2)
pub fn status_code(input: &str) -> IResult<&str, &str> {
    let number = |input| take_while_m_n(1, 3, |c: char| c.is_ascii_digit()).parse(input);
    recognize((one_of("245"), char('.'), number, char('.'), number)).parse(input)
}

/// A status code, followed by nothing or a comment.
pub fn is_status(body: &str) -> bool {
    let comment = (space0, opt((char('('), rest))).map(|_| ());
    matches!((status_code, comment).parse(body), Ok(("", _)))
}

/// `xtext = *( xchar / hexchar )`, `hexchar = "+" 2(%x30-39 / %x41-46)` (RFC 3461 4). Text that is not entirely xtext was not encoded.
pub fn xtext(input: &str) -> Cow<'_, str> {
    if !input.contains('+') {
        return input.into();
    }
    let xchar = take_while1(|c: char| matches!(c, '!'..='*' | ','..='<' | '>'..='~'));
    let hexchar = preceded(char('+'), take_while_m_n(2, 2, |c: char| matches!(c, '0'..='9' | 'A'..='F')));
    let octets = fold_many0(
        alt((
            xchar.map(|text: &str| text.as_bytes().to_vec()),
            hexchar.map(|hex| u8::from_str_radix(hex, 16).into_iter().collect()),
        )),
        Vec::new,
        |mut all: Vec<u8>, some| {
            all.extend(some);
            all
        },
    )
    .parse(input) as IResult<&str, Vec<u8>>;
    match octets {
        Ok(("", octets)) => String::from_utf8(octets).map_or(input.into(), Cow::Owned),
        _ => input.into(),
    }
}

/// `EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}"` (RFC 6533 3), which `utf-8; ` addresses use in a seven-bit report.
pub fn utf8_address(input: &str) -> Cow<'_, str> {
    if !input.contains("\\x{") {
        return input.into();
    }
    let embedded = terminated(preceded(tag("\\x{"), take_while_m_n(1, 6, |c: char| c.is_ascii_hexdigit())), char('}'))
        .map_opt(|hex: &str| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
    let plain = alt((take_while1(|c| c != '\\'), take_while_m_n(1, 1, |_| true)));
    let decoded = fold_many0(
        alt((embedded.map(String::from), plain.map(str::to_owned))),
        String::new,
        |all: String, some: String| all + &some,
    )
    .parse(input) as IResult<&str, String>;
    decoded.map_or(input.into(), |(_, text)| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_end_at_blank_lines_and_fields_unfold() {
        let text = "\n\nReporting-MTA: dns; a\nArrival-Date : b\n \n\nAction:\n failed\n\tnow\nno field\nStatus: 5.0.0";
        let all: Vec<_> = groups(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].fields[1], Field { name: "Arrival-Date", body: "b".into() });
        assert_eq!(all[1].fields[0], Field { name: "Action", body: "failed\tnow".into() });
        assert_eq!((all[1].stray, all[1].fields.len()), (1, 2));
        assert_eq!(groups("").count() + groups("\n \n").count(), 0);
    }

    #[test]
    fn a_type_is_an_atom() {
        for (body, expected) in [
            ("rfc822; a@b", (Some("rfc822"), "a@b")),
            ("X-Notes ;x;y ", (Some("X-Notes"), "x;y")),
            ("<a@b>", (None, "<a@b>")),
            ("550 no; sorry", (None, "550 no; sorry")),
            ("", (None, "")),
        ] {
            assert_eq!(typed(body), expected);
        }
    }

    #[test]
    fn a_status_is_a_code_and_perhaps_a_comment() {
        for good in ["5.1.1", "4.4.7 (too long)", "5.1.351", "2.0.0 "] {
            assert!(is_status(good), "{good}");
        }
        for bad in ["", "5", "5.1", "3.1.1", "5.1.1111", "5.1.1 no", "smtp;550"] {
            assert!(!is_status(bad), "{bad}");
        }
    }

    #[test]
    fn encoded_words_are_decoded_only_if_they_are_encoded() {
        assert_eq!(xtext("a+2Bb+3Dc/d;e<f>@g"), "a+b=c/d;e<f>@g");
        for plain in ["a+b=c", "a+2b", "a b+2B", "+", "ü+2B", "a+FF"] {
            assert_eq!(xtext(plain), plain);
        }
        assert_eq!(utf8_address("j\\x{FC}rgen@b\\x{110000}\\"), "jürgen@b\\x{110000}\\");
    }
}
