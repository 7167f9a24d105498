//! An address-list (RFC 5322 3.4) -> mailboxes. First, nom parsers split the text into quoted-strings, comments, angle brackets and runs,
//! and one loop joins these by comma, colon and semicolon; then each addr-spec is checked by itself, strictly. No recursion: ten thousand
//! nested comments are one loop.
#![forbid(unsafe_code)]

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use nom::branch::alt;
use nom::bytes::complete::{escaped_transform, tag, take_till, take_while1};
use nom::character::complete::{anychar, char, one_of};
use nom::combinator::{all_consuming, map, opt, recognize};
use nom::error::{Error, ErrorKind};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::{Address, AddressError, Domain, Mailbox};
use crate::encode::is_atext;
use crate::text::excerpt;

/// RFC 5321 4.5.3.1.1.
const MAX_LOCAL: usize = 64;
/// RFC 1035 2.3.4.
const MAX_LABEL: usize = 63;
const MAX_DOMAIN: usize = 253;

/// RFC 5322 3.4: `address-list = (address *("," address)) / obs-addr-list`, `address = mailbox / group`,
/// `group = display-name ":" [group-list] ";" [CFWS]`. The obsolete form has empty elements.
pub(super) fn address_list(text: &str) -> Result<Vec<Mailbox>, AddressError> {
    #[derive(PartialEq)]
    enum State {
        List,
        Group,
        AfterGroup,
    }
    let has_names = has_names(text);
    let mut mailboxes = Vec::new();
    let mut state = State::List;
    let mut rest = text;
    loop {
        let element = Element::read(rest)?;
        if has_names && element.is_bare_name() && !element.after.starts_with(':') {
            return Err(AddressError::BareName { text: excerpt(element.raw) });
        }
        if state == State::AfterGroup && !element.is_empty() {
            return Err(AddressError::Semicolon { text: excerpt(text) });
        }
        let mut after = element.after.chars();
        let delimiter = after.next();
        rest = after.as_str();
        match (delimiter, &state) {
            (Some(','), State::Group) => mailboxes.extend(element.mailbox()?),
            (Some(',') | None, State::List | State::AfterGroup) => {
                mailboxes.extend(element.mailbox()?);
                state = State::List;
            }
            (Some(':'), State::List) => {
                element.check_group_name()?;
                state = State::Group;
            }
            (Some(';'), State::Group) => {
                mailboxes.extend(element.mailbox()?);
                state = State::AfterGroup;
            }
            (Some(';'), _) => return Err(AddressError::Semicolon { text: excerpt(element.raw) }),
            _ => return Err(AddressError::Group { text: excerpt(text) }),
        }
        if delimiter.is_none() {
            return Ok(mailboxes);
        }
    }
}

/// Whether a mailbox in the list has a name and angle brackets. Then a bare name is taken for the first half of a name, not for an address:
/// `Doe, Jane <jane@example.org>`.
fn has_names(text: &str) -> bool {
    let mut rest = text;
    while let Ok(element) = Element::read(rest) {
        if element.is_named() {
            return true;
        }
        let Some(after) = element.after.get(1..) else { return false };
        rest = after;
    }
    false
}

/// The text between two delimiters.
struct Element<'a> {
    input: &'a str,
    tokens: Vec<Token<'a>>,
    /// The whole element as written, without surrounding blanks.
    raw: &'a str,
    /// The delimiter and everything after it.
    after: &'a str,
}

struct Token<'a> {
    kind: Kind<'a>,
    /// Its offset in the element's input.
    start: usize,
    end: usize,
}

#[derive(PartialEq)]
enum Kind<'a> {
    Angle(&'a str),
    Comment(&'a str),
    Quoted(String),
    Run(&'a str),
}

impl<'a> Element<'a> {
    fn read(input: &'a str) -> Result<Element<'a>, AddressError> {
        let mut tokens = Vec::new();
        let mut rest = blanks(input);
        while !rest.is_empty() && !rest.starts_with([',', ':', ';']) {
            let Ok((after, kind)) = token(rest) else {
                return Err(AddressError::Unbalanced { text: excerpt(rest) });
            };
            tokens.push(Token { kind, start: input.len() - rest.len(), end: input.len() - after.len() });
            rest = blanks(after);
        }
        let raw = input[..input.len() - rest.len()].trim_matches([' ', '\t']);
        Ok(Element { input, tokens, raw, after: rest })
    }

    /// Whether it holds only comments.
    fn is_empty(&self) -> bool {
        self.tokens.iter().all(Token::is_comment)
    }

    /// Whether there is a name before an angle bracket.
    fn is_named(&self) -> bool {
        let mut tokens = self.tokens.iter().filter(|token| !token.is_comment());
        tokens.next().is_some_and(|first| !first.is_address())
            && tokens.any(|token| matches!(token.kind, Kind::Angle(_)))
    }

    /// Whether it holds words but no address.
    fn is_bare_name(&self) -> bool {
        !self.is_empty() && !self.tokens.iter().any(Token::is_address)
    }

    /// RFC 5322 3.4: `mailbox = name-addr / addr-spec`, `name-addr = [display-name] angle-addr`; none if the element is
    /// empty.
    fn mailbox(&self) -> Result<Option<Mailbox>, AddressError> {
        let Some(last) = self.tokens.iter().rposition(|token| !token.is_comment()) else { return Ok(None) };
        let (before, remark) = self.tokens.split_at(last + 1);
        let remark = remark.iter().find_map(Token::remark);
        let Some(at) = before.iter().position(|token| matches!(token.kind, Kind::Angle(_))) else {
            let first = before.iter().position(|token| !token.is_comment()).unwrap_or(last);
            let address = Address::parse(&self.input[before[first].start..before[last].end])?;
            return Ok(Some(Mailbox::new(remark.as_deref(), address)));
        };
        let Kind::Angle(inner) = before[at].kind else { return Ok(None) };
        if at < last {
            return Err(AddressError::Blank { text: excerpt(self.raw) });
        }
        let address = match inner.trim_matches([' ', '\t']) {
            "" => return Err(AddressError::Empty { text: excerpt(self.raw) }),
            inner => Address::parse(inner)?,
        };
        let name = display_name(&before[..at]);
        Ok(Some(Mailbox::new(name.or(remark).as_deref(), address)))
    }

    /// Before a group's colon there must be a phrase, not half an address.
    fn check_group_name(&self) -> Result<(), AddressError> {
        let text = excerpt(self.raw);
        match self.raw {
            raw if raw.contains("@[") => Err(AddressError::Literal { text }),
            raw if raw.starts_with('@') => Err(AddressError::SourceRoute { text }),
            _ if display_name(&self.tokens).is_none() => Err(AddressError::Group { text }),
            _ => match self.tokens.iter().any(Token::is_address) {
                true => Err(AddressError::Group { text }),
                false => Ok(()),
            },
        }
    }
}

impl Token<'_> {
    fn is_comment(&self) -> bool {
        matches!(self.kind, Kind::Comment(_))
    }

    fn is_address(&self) -> bool {
        match self.kind {
            Kind::Angle(_) => true,
            Kind::Run(text) => text.contains('@'),
            Kind::Comment(_) | Kind::Quoted(_) => false,
        }
    }

    /// The text of a comment that can serve as a name, not nested.
    fn remark(&self) -> Option<String> {
        match self.kind {
            Kind::Comment(text) if !text.contains(['(', ')', '\\']) => Some(text.trim_matches([' ', '\t']).to_owned()),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    }
}

/// RFC 5322 3.2.5: `phrase = 1*word / obs-phrase`. A run may hold dots, as in the obsolete form, and anything else that is quoted when
/// written. Comments are dropped.
fn display_name(tokens: &[Token<'_>]) -> Option<String> {
    let mut name = String::new();
    let mut end = None;
    for token in tokens {
        let text = match &token.kind {
            Kind::Run(text) => text,
            Kind::Quoted(text) => text.as_str(),
            Kind::Angle(_) | Kind::Comment(_) => continue,
        };
        if end.is_some_and(|end| end < token.start) {
            name.push(' ');
        }
        name.push_str(text);
        end = Some(token.end);
    }
    Some(name).filter(|name| !name.trim_matches([' ', '\t']).is_empty())
}

fn blanks(input: &str) -> &str {
    input.trim_start_matches([' ', '\t'])
}

fn token(input: &str) -> IResult<&str, Kind<'_>> {
    alt((
        map(quoted_string, Kind::Quoted),
        map(comment, Kind::Comment),
        map(angle_addr, Kind::Angle),
        map(encoded_word, Kind::Run),
        map(take_while1(|c| !" \t\"(),:;<>".contains(c)), Kind::Run),
    ))
    .parse(input)
}

/// RFC 2047 2: `encoded-word = "=?" charset "?" encoding "?" encoded-text "?="`, taken as one word even with a comma in it.
pub(crate) fn encoded_word(input: &str) -> IResult<&str, &str> {
    let part = || take_while1(|c: char| c.is_ascii_graphic() && c != '?');
    recognize((tag("=?"), part(), tag("?"), one_of("BbQq"), tag("?"), part(), tag("?="))).parse(input)
}

/// RFC 5322 3.2.4: `quoted-string = [CFWS] DQUOTE *([FWS] qcontent) [FWS] DQUOTE [CFWS]`, `qcontent = qtext /
/// quoted-pair`.
pub(crate) fn quoted_string(input: &str) -> IResult<&str, String> {
    let content = escaped_transform(take_while1(|c| c != '"' && c != '\\'), '\\', anychar);
    map(delimited(char('"'), opt(content), char('"')), Option::unwrap_or_default).parse(input)
}

/// RFC 5322 3.2.2: `comment = "(" *([FWS] ccontent) [FWS] ")"`, `ccontent = ctext / quoted-pair / comment`. Returns the inside.
pub(crate) fn comment(input: &str) -> IResult<&str, &str> {
    let (inside, _) = char('(').parse(input)?;
    let (mut depth, mut is_quoted) = (1_usize, false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if is_quoted => is_quoted = false,
            '\\' => is_quoted = true,
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok((&inside[at + 1..], &inside[..at]));
        }
    }
    Err(nom::Err::Error(Error::new(input, ErrorKind::Char)))
}

/// RFC 5322 3.4: `angle-addr = [CFWS] "<" addr-spec ">" [CFWS] / obs-angle-addr`. Returns the inside unchecked.
fn angle_addr(input: &str) -> IResult<&str, &str> {
    delimited(char('<'), take_till(|c| c == '>'), char('>')).parse(input)
}

/// RFC 5322 3.4.1: `addr-spec = local-part "@" domain`; or a local part alone. The error is the fault that a person would name first.
pub(super) fn address(input: &str) -> Result<Address, AddressError> {
    let text = || excerpt(input);
    let fault = match input {
        "" => Some(AddressError::Empty { text: text() }),
        _ if input.starts_with('@') => Some(AddressError::SourceRoute { text: text() }),
        _ if input.contains('"') => Some(AddressError::Quoted { text: text() }),
        _ if input.contains(['(', ')']) => Some(AddressError::Comment { text: text() }),
        _ if input.contains(';') => Some(AddressError::Semicolon { text: text() }),
        _ if input.contains("@[") => Some(AddressError::Literal { text: text() }),
        _ if input.contains([' ', '\t']) => Some(AddressError::Blank { text: text() }),
        _ if input.matches('@').count() > 1 => Some(AddressError::At { text: text() }),
        _ => None,
    };
    if let Some(fault) = fault {
        return Err(fault);
    }
    let (local, domain) = input.split_once('@').map_or((input, None), |(local, domain)| (local, Some(domain)));
    match local.chars().next() {
        Some(found @ ('-' | '/')) => return Err(AddressError::Start { found, text: text() }),
        Some(found) if domain.is_none() && !found.is_ascii_alphanumeric() => {
            return Err(AddressError::Start { found, text: text() });
        }
        _ => {}
    }
    if let Some(found) = local.chars().find(|&c| !is_local(c)) {
        return Err(AddressError::Local { found, text: text() });
    }
    if local.contains("=?") {
        return Err(AddressError::Local { found: '=', text: text() }); // some readers decode it
    }
    if all_consuming(dot_atom_text).parse(local).is_err() {
        return Err(AddressError::Dot { text: text() });
    }
    if local.len() > MAX_LOCAL {
        return Err(AddressError::LocalLength { octets: local.len(), text: text() });
    }
    let domain = domain.map(Domain::parse).transpose()?;
    Ok(Address { local: local.into(), domain })
}

/// atext plus the dot, without the characters that are special to a shell, Exim's expansion, UUCP or percent routing.
fn is_local(c: char) -> bool {
    (is_atext(c) || c == '.') && !"`$|{}%!".contains(c)
}

/// RFC 5322 3.2.3: `dot-atom-text = 1*atext *("." 1*atext)`.
fn dot_atom_text(input: &str) -> IResult<&str, ()> {
    let atom = || take_while1(is_atext);
    map((atom(), many0_count(preceded(char('.'), atom()))), drop).parse(input)
}

/// RFC 5321 4.1.2: `Domain = sub-domain *("." sub-domain)`, `sub-domain = Let-dig [Ldh-str]`. U-labels are mapped by
/// UTS 46.
pub(super) fn domain(input: &str) -> Result<String, AddressError> {
    let error = || AddressError::Domain { text: excerpt(input) };
    let ascii = if input.is_ascii() {
        input.to_ascii_lowercase()
    } else {
        let mapped =
            Uts46::new().to_ascii(input.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
        mapped.map_err(|_| error())?.into_owned()
    };
    let is_domain = ascii.len() <= MAX_DOMAIN && ascii.split('.').all(is_label) && !ends_in_number(&ascii);
    match is_domain {
        true => Ok(ascii),
        false => Err(error()),
    }
}

/// No top level domain is a number (RFC 3696 2). A resolver would take such a name for an IP address (`127.0.0.1`, `0x7f.1`), and mail to
/// it could go to any internal machine.
fn ends_in_number(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|b| b.is_ascii_digit())
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
