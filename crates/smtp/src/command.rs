//! A command line -> a [`Command`], or the reply that says what is wrong with it (RFC 5321 4.1.1, and the extensions).
#![forbid(unsafe_code)]

use crate::envelope::{Mail, Recipient};
use crate::path;
use crate::reply::Reply;
use crate::settings::Settings;
use mail::address::Address;
use nom::bytes::complete::{tag_no_case, take_while_m_n};
use nom::character::complete::{digit1, space0, space1};
use nom::combinator::{all_consuming, map_res, opt};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// RFC 5321 4.5.3.1.4, without the CRLF.
const MAX_LINE: usize = 510;
/// MAIL with SIZE (26 more), BODY (17), AUTH (500), RET and ENVID (108), RCPT with NOTIFY and ORCPT (528).
const MAX_PARAMETERS: usize = 2046;
/// RFC 4954 4 with an initial response.
const MAX_AUTH: usize = crate::line::MAX_LINE - 2;
/// RFC 5321 4.5.3.1.2.
const MAX_NAME: usize = 255;

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Auth { mechanism: &'a str, initial: Option<&'a str> },
    Bdat { size: u64, last: bool },
    Data,
    Hello { name: &'a str, extended: bool },
    Help,
    Mail(Mail),
    Noop,
    Quit,
    Rcpt(Recipient),
    Rset,
    StartTls,
    Vrfy,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CommandError {
    /// The reply to the client.
    Refused(Reply),
    /// A BDAT without a valid size: it is unknown how many octets follow.
    Unbounded,
    /// A field of a header, or an HTTP request.
    Foreign,
}

impl From<Reply> for CommandError {
    fn from(reply: Reply) -> CommandError {
        CommandError::Refused(reply)
    }
}

/// RFC 9110 9, RFC 9113 3.4 and RFC 2326 10.
const HTTP: &[&str] = &["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PRI", "PUT", "TRACE"];

/// Reads a line without its end.
pub(crate) fn parse<'a>(line: &'a [u8], settings: &Settings) -> Result<Command<'a>, CommandError> {
    let line = text(line)?;
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let verb = verb.to_ascii_uppercase();
    if HTTP.contains(&verb.as_str()) || verb.contains(':') {
        return Err(CommandError::Foreign);
    }
    let longest = match verb.as_str() {
        "MAIL" | "RCPT" => MAX_PARAMETERS,
        "AUTH" => MAX_AUTH,
        _ => MAX_LINE,
    };
    if line.len() > longest {
        return Err(if verb == "BDAT" {
            CommandError::Unbounded
        } else {
            Reply::new(500, "5.5.2", "Line too long").into()
        });
    }
    let bare = |command| if rest.trim().is_empty() { Ok(command) } else { Err(usage(&verb).into()) };
    match verb.as_str() {
        "AUTH" => auth(rest).ok_or_else(|| usage("AUTH mechanism [initial-response]").into()),
        "BDAT" => bdat(rest).ok_or(CommandError::Unbounded),
        "DATA" => bare(Command::Data),
        "EHLO" | "HELO" => hello(rest, verb == "EHLO").ok_or_else(|| usage("EHLO name").into()),
        "HELP" => Ok(Command::Help),
        "MAIL" => mail(rest, settings).map_err(CommandError::Refused),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => bare(Command::Quit),
        "RCPT" => rcpt(rest, settings).map_err(CommandError::Refused),
        "RSET" => bare(Command::Rset),
        "STARTTLS" => bare(Command::StartTls),
        "VRFY" if !rest.trim().is_empty() => Ok(Command::Vrfy),
        "VRFY" => Err(usage("VRFY address").into()),
        "EXPN" | "TURN" | "ETRN" | "SEND" | "SAML" | "SOML" | "LHLO" | "BURL" => {
            Err(Reply::new(502, "5.5.1", format!("{verb} is not implemented here")).into())
        }
        _ => Err(Reply::new(500, "5.5.2", "Command not known").into()),
    }
}

/// Printable ASCII, blanks and tabs: without SMTPUTF8, commands hold nothing else (RFC 5321 2.4).
fn text(line: &[u8]) -> Result<&str, Reply> {
    let bad = line.iter().find(|octet| !matches!(octet, b'\t' | b' '..=b'~'));
    match (bad, std::str::from_utf8(line)) {
        (None, Ok(line)) => Ok(line),
        (Some(0x80..), _) if verb_is(line, b"MAIL") || verb_is(line, b"RCPT") => Err(Reply::new(
            553,
            "5.6.7",
            "Addresses with letters outside ASCII need SMTPUTF8, which is not supported here",
        )),
        _ => Err(Reply::new(500, "5.5.2", "A command holds printable ASCII alone")),
    }
}

fn verb_is(line: &[u8], verb: &[u8]) -> bool {
    line.get(..verb.len()).is_some_and(|start| start.eq_ignore_ascii_case(verb))
}

fn usage(syntax: &str) -> Reply {
    Reply::new(501, "5.5.4", format!("Syntax: {syntax}"))
}

/// `ehlo = "EHLO" SP ( Domain / address-literal ) CRLF`. Devices send any name here, and nothing depends on it.
fn hello(rest: &str, extended: bool) -> Option<Command<'_>> {
    let name = rest.trim_matches([' ', '\t']);
    let one = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(|octet| octet.is_ascii_graphic());
    one.then_some(Command::Hello { name, extended })
}

/// `auth-command = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) [CRLF cancel-response] CRLF` (RFC 4954 8).
fn auth(rest: &str) -> Option<Command<'_>> {
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let command = Command::Auth { mechanism: words.next()?, initial: words.next() };
    words.next().is_none().then_some(command)
}

/// `bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF`, `chunk-size = 1*DIGIT`, `end-marker = "LAST"` (RFC 3030 2).
fn bdat(rest: &str) -> Option<Command<'_>> {
    fn arguments(input: &str) -> IResult<&str, (u64, Option<&str>)> {
        let size = map_res(digit1, str::parse);
        terminated((preceded(space0, size), opt(preceded(space1, tag_no_case("LAST")))), space0).parse(input)
    }
    let (_, (size, last)) = all_consuming(arguments).parse(rest).ok()?;
    Some(Command::Bdat { size, last: last.is_some() })
}

fn mail<'a>(rest: &'a str, settings: &Settings) -> Result<Command<'a>, Reply> {
    let (mailbox, parameters) = path::mail(rest).ok_or_else(|| usage("MAIL FROM:<address> [parameters]"))?;
    let sender = match mailbox {
        "" => None,
        mailbox => Some(Address::parse(mailbox).map_err(|error| Reply::new(553, "5.1.7", error.to_string()))?),
    };
    Mail::read(sender, &parameters, settings).map(Command::Mail)
}

fn rcpt<'a>(rest: &'a str, settings: &Settings) -> Result<Command<'a>, Reply> {
    let (mailbox, parameters) = path::rcpt(rest).ok_or_else(|| usage("RCPT TO:<address> [parameters]"))?;
    let address = Address::parse(mailbox).map_err(|error| Reply::new(553, "5.1.3", error.to_string()))?;
    Recipient::read(address, &parameters, settings).map(Command::Rcpt)
}

/// `sasl-mech = 1*20mech-char` (RFC 4422 3.1), in upper case.
pub(crate) fn mechanism(word: &str) -> Option<String> {
    fn sasl_mech(input: &str) -> IResult<&str, &str> {
        take_while_m_n(1, 20, |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).parse(input)
    }
    all_consuming(sasl_mech).parse(word).ok().map(|(_, name)| name.to_ascii_uppercase())
}
