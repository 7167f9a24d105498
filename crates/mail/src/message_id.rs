//! The Message-ID of a message, `<id-left@id-right>` (RFC 5322 3.6.4): one of our own making from a random [`Token`],
//! or the client's. Its characters are those that real mail programs use and that need no quoting in a header; a URL
//! has to percent-encode it.
#![forbid(unsafe_code)]

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::char;
use nom::combinator::{all_consuming, recognize};
use nom::sequence::delimited;
use nom::{IResult, Parser};

use crate::address::Domain;
use crate::encode::is_atext;
use crate::header::HeaderValue;
use crate::text::excerpt;

/// Longest id with its brackets, in octets: room for a token and the longest domain, far below the limit of a line.
pub const MAX_ID: usize = 300;

/// 32 random characters of `[a-z0-9]`: 165 bits from the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Token(Box<str>);

impl Token {
    /// The length of a token, in octets.
    pub const LENGTH: usize = 32;

    /// A new token. Fails only where the kernel has no random numbers to give.
    pub fn random() -> Result<Token, TokenError> {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        const UNBIASED: u8 = 36 * 7; // octets from here on would make the first four letters more likely
        let mut token = String::with_capacity(Token::LENGTH);
        while token.len() < Token::LENGTH {
            let mut octets = [0; 64];
            getrandom::fill(&mut octets).map_err(|error| TokenError { reason: error.to_string() })?;
            let letters = octets.iter().filter(|&&b| b < UNBIASED).map(|&b| char::from(ALPHABET[usize::from(b % 36)]));
            token.extend(letters.take(Token::LENGTH - token.len()));
        }
        Ok(Token(token.into()))
    }

    /// The 32 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// There are no random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    /// What the kernel said.
    pub reason: String,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no random numbers from getrandom(2) or /dev/urandom ({}): let the server use one of them",
            self.reason
        )
    }
}

impl std::error::Error for TokenError {}

/// A Message-ID that is safe to write into a header and a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// `<token@server>`.
    pub fn new(token: &Token, server: &Domain) -> MessageId {
        MessageId(["<", token.as_str(), "@", server.as_str(), ">"].concat().into())
    }

    /// Reads the one id of a Message-ID field.
    pub fn parse(value: &HeaderValue) -> Result<MessageId, MessageIdError> {
        let text = value.as_str();
        if text.len() > MAX_ID {
            return Err(MessageIdError::Length { octets: text.len() });
        }
        match all_consuming(msg_id).parse(text) {
            Ok(_) => Ok(MessageId(text.into())),
            Err(_) if text.matches('<').count() > 1 => Err(MessageIdError::Several { text: excerpt(text) }),
            Err(_) => Err(MessageIdError::Syntax { text: excerpt(text) }),
        }
    }

    /// The id in its angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as URLs and databases carry it.
    pub fn without_brackets(&self) -> &str {
        self.0.trim_start_matches('<').trim_end_matches('>')
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 5322 3.6.4: `msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]`; no CFWS here.
fn msg_id(input: &str) -> IResult<&str, &str> {
    recognize((char('<'), id_left, char('@'), id_right, char('>'))).parse(input)
}

/// `id-left = dot-atom-text / obs-id-left`; dots and colons anywhere, as real ones have them.
fn id_left(input: &str) -> IResult<&str, &str> {
    take_while1(|c| is_atext(c) || c == '.' || c == ':').parse(input)
}

/// `id-right = dot-atom-text / no-fold-literal / obs-id-right`.
fn id_right(input: &str) -> IResult<&str, &str> {
    alt((no_fold_literal, take_while1(|c| is_atext(c) || c == '.'))).parse(input)
}

/// `no-fold-literal = "[" *dtext "]"`, with the dtext of an IP address (RFC 5321 4.1.3) only.
fn no_fold_literal(input: &str) -> IResult<&str, &str> {
    let dtext = take_while1(|c: char| c.is_ascii_alphanumeric() || ".:-".contains(c));
    recognize(delimited(char('['), dtext, char(']'))).parse(input)
}

/// Why a Message-ID is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageIdError {
    /// It is longer than [`MAX_ID`].
    Length {
        /// Its length.
        octets: usize,
    },
    /// There is more than one.
    Several {
        /// The value, shortened and escaped.
        text: String,
    },
    /// It is no `<left@right>`.
    Syntax {
        /// The value, shortened and escaped.
        text: String,
    },
}

impl fmt::Display for MessageIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { octets } => write!(f, "message id of {octets} octets: use at most {MAX_ID}"),
            Self::Several { text } => write!(f, "more than one message id in \"{text}\": send one"),
            Self::Syntax { text } => {
                write!(f, "\"{text}\" is no message id: write it as <left@right> without blanks, quotes and comments")
            }
        }
    }
}

impl std::error::Error for MessageIdError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MessageId, MessageIdError> {
        MessageId::parse(&HeaderValue::parse(text).unwrap())
    }

    #[test]
    fn a_token_is_32_characters_and_uses_all_of_its_alphabet() {
        let mut seen = [0_u32; 128];
        for _ in 0..500 {
            let token = Token::random().unwrap();
            assert_eq!(token.as_str().len(), 32);
            token.as_str().bytes().for_each(|b| seen[usize::from(b)] += 1);
        }
        for (b, &count) in (0_u8..).zip(&seen) {
            // 16000 draws over 36 letters: 444 each, and 300 is seven deviations away
            assert_eq!(count > 300, b.is_ascii_lowercase() || b.is_ascii_digit(), "{b}: {count}");
        }
        assert_ne!(Token::random(), Token::random());
    }

    #[test]
    fn our_own_id_reads_back() {
        let id = MessageId::new(&Token::random().unwrap(), &Domain::parse("Mail.Example.ORG").unwrap());
        assert!(id.as_str().ends_with("@mail.example.org>"), "{id}");
        assert_eq!(parse(id.as_str()), Ok(id.clone()));
        assert_eq!(format!("<{}>", id.without_brackets()), id.as_str());
        let label = "d".repeat(63);
        let longest = Domain::parse(&format!("{label}.{label}.{label}.{}", &label[2..])).unwrap();
        assert!(parse(MessageId::new(&Token::random().unwrap(), &longest).as_str()).is_ok());
    }

    #[test]
    fn ids_of_real_mail_programs_pass() {
        for id in [
            "<a@example.test>",
            "<a.b+c=d/e@host>",
            "<000001c7$8b0f2a30$6401a8c0@PC>",
            "<JIRA.12345.1.2@Atlassian.JIRA>",
            "<CAF=x_y-z%q!r@mail.gmail.com>",
            "<..a..@h_st.example>",
            "<urn:uuid:1@h>",
            "<a@[127.0.0.1]>",
            "<a@[IPv6:2001:db8::1]>",
            "<../../../admin?x=1#y@example.test>",
        ] {
            assert_eq!(parse(id).map(|id| id.to_string()), Ok(id.to_owned()));
        }
    }

    #[test]
    fn anything_but_one_id_is_refused() {
        for id in [
            "",
            "a@b",
            "<a@b",
            "a@b>",
            "<a>",
            "<@b>",
            "<a@>",
            "<a b@c>",
            "<a@b> x",
            "<a@b@c>",
            "<\"a\"@b>",
            "<a@b (c)>",
            "(c) <a@b>",
            "<<a@b>>",
            "<a\\@b>",
            "<é@b>",
            "<a@[]>",
            "<a@[b<c]>",
            "<\"><script>alert(1)</script>@example.test>",
            "<a,b@c>",
            "<a;b@c>",
        ] {
            assert!(parse(id).is_err(), "{id}");
        }
        for two in ["<a@example.test>, <b@example.test>", "<a@x><b@x>", "<a@x> <b@x>"] {
            assert!(matches!(parse(two), Err(MessageIdError::Several { .. })), "{two}");
        }
    }

    #[test]
    fn an_id_has_at_most_300_octets() {
        let longest = format!("<{}@b>", "a".repeat(MAX_ID - 4));
        assert!(parse(&longest).is_ok());
        assert_eq!(parse(&longest.replace("<", "<a")), Err(MessageIdError::Length { octets: MAX_ID + 1 }));
    }
}
