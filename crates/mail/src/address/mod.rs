//! Addresses of mail (RFC 5322 3.4) as types that are right once they exist: [`Domain`], [`Address`], [`Mailbox`],
//! [`AddressList`]. Fields are read generously in `parse` and written strictly in `write`, from the parsed form alone,
//! so that no MTA reads them differently than we did. Who may be written to is policy.
#![forbid(unsafe_code)]

use std::fmt;

use crate::header::HeaderValue;
use crate::text::{excerpt, is_forbidden};

mod host_name;
pub(crate) mod parse;
#[cfg(test)]
mod tests;
mod write;

pub use host_name::HostName;

/// A domain in ASCII and lower case: labels of letters, digits and hyphens, 1 to 63 each, at most 253 octets, no dot at
/// its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Box<str>);

impl Domain {
    /// Reads a domain; labels in other scripts become A-labels (RFC 5890 2.3.2.1).
    pub fn parse(text: &str) -> Result<Domain, AddressError> {
        parse::domain(text).map(|ascii| Domain(ascii.into()))
    }

    /// The domain, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `local@domain`, or a bare name (`root`) that [`Address::complete`] or the MTA gives a domain. The local part is a
/// dot-atom (RFC 5322 3.2.3) without any character that a shell, an MTA's configuration or another MTA's parser acts
/// on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    local: Box<str>,
    domain: Option<Domain>,
}

impl Address {
    /// Reads an addr-spec or a bare name, and nothing around it.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        parse::address(text)
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// What stands after it; none for a bare name.
    pub fn domain(&self) -> Option<&Domain> {
        self.domain.as_ref()
    }

    /// The address, in `domain` if it has none of its own.
    pub fn complete(&self, domain: &Domain) -> Address {
        Address { local: self.local.clone(), domain: self.domain.clone().or_else(|| Some(domain.clone())) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            Some(domain) => [&*self.local, "@", domain.as_str()].into_iter().try_for_each(|text| f.write_str(text)),
            None => f.write_str(&self.local),
        }
    }
}

/// An address and perhaps a display name. `Display` writes it on one line, as `From` would carry it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    name: Option<Box<str>>,
    address: Address,
}

impl Mailbox {
    /// A mailbox of a name in Unicode (control characters become blanks, an empty name is none) and an address.
    pub fn new(name: Option<&str>, address: Address) -> Mailbox {
        let clean = name.map(|name| name.replace(is_forbidden, " "));
        let trimmed = clean.as_deref().map(|name| name.trim_matches([' ', '\t'])).filter(|name| !name.is_empty());
        Mailbox { name: trimmed.map(Box::from), address }
    }

    /// Reads a field that holds one mailbox, as From and Sender do here.
    pub fn parse(value: &HeaderValue) -> Result<Mailbox, AddressError> {
        let mut list = AddressList::parse(value)?.0;
        match (list.len(), list.pop()) {
            (1, Some(only)) => Ok(only),
            (found, _) => Err(AddressError::Count { found, text: excerpt(value.as_str()) }),
        }
    }

    /// The display name without quotes. Encoded-words of the client are still in it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The mailbox with its address completed by `domain`.
    pub fn complete(&self, domain: &Domain) -> Mailbox {
        Mailbox { name: self.name.clone(), address: self.address.complete(domain) }
    }
}

/// The mailboxes of an address field, members of groups among the others. The names of groups are dropped: Sendmail and
/// esmtp refuse a message with `undisclosed-recipients:;`, whoever else is to get it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressList(Vec<Mailbox>);

impl AddressList {
    /// Reads an address-list. One bad address makes all of it an error.
    pub fn parse(value: &HeaderValue) -> Result<AddressList, AddressError> {
        parse::address_list(value.as_str()).map(AddressList)
    }

    /// All mailboxes, in order.
    pub fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.0.iter()
    }

    /// How many mailboxes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no mailbox: an empty field, or `undisclosed-recipients:;`.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The list with every bare name completed by `domain`.
    pub fn complete(&self, domain: &Domain) -> AddressList {
        self.mailboxes().map(|mailbox| mailbox.complete(domain)).collect()
    }
}

impl FromIterator<Mailbox> for AddressList {
    fn from_iter<I: IntoIterator<Item = Mailbox>>(mailboxes: I) -> AddressList {
        AddressList(mailboxes.into_iter().collect())
    }
}

/// Why an address is refused. Each carries the address, or as much of the field as could not be read, shortened and
/// escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what the comment above says")]
pub enum AddressError {
    /// More than one `@`.
    At { text: String },
    /// A name without an address beside mailboxes with names: perhaps half of one, cut at its comma.
    BareName { text: String },
    /// A blank inside, or words that no address follows.
    Blank { text: String },
    /// A comment inside.
    Comment { text: String },
    /// Not the one mailbox that was asked for.
    Count { found: usize, text: String },
    /// The domain has an empty or long label, or a character that is no letter, digit or hyphen.
    Domain { text: String },
    /// A dot at the start, at the end, or two in a row.
    Dot { text: String },
    /// Nothing where an address should be.
    Empty { text: String },
    /// A group without a name, inside another, or without its `;`.
    Group { text: String },
    /// `user@[192.0.2.1]`.
    Literal { text: String },
    /// A character in the local part that is not safe everywhere.
    Local { found: char, text: String },
    /// A local part over 64 octets (RFC 5321 4.5.3.1.1).
    LocalLength { octets: usize, text: String },
    /// A local part in quotes.
    Quoted { text: String },
    /// A list by semicolons.
    Semicolon { text: String },
    /// `<@relay:user@domain>`.
    SourceRoute { text: String },
    /// The first character would make an option, a path or an include of it.
    Start { found: char, text: String },
    /// A quote, comment or angle bracket that is not closed, or one that was not open.
    Unbalanced { text: String },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At { text } => write!(f, "address \"{text}\" has more than one @: separate addresses by commas"),
            Self::BareName { text } => write!(
                f,
                "\"{text}\" stands beside named addresses: quote the name, as in \"Doe, Jane\" <jane@example.org>, or write <name>"
            ),
            Self::Blank { text } => write!(f, "address \"{text}\" has a blank inside: write it as Name <user@domain>"),
            Self::Comment { text } => write!(f, "address \"{text}\" has a comment inside: put it after the address"),
            Self::Count { found, text } => write!(f, "\"{text}\" holds {found} addresses: give exactly one"),
            Self::Domain { text } => {
                write!(f, "domain \"{text}\": use labels of 1 to 63 letters, digits and hyphens, 253 octets at most")
            }
            Self::Dot { text } => {
                write!(f, "address \"{text}\" has a dot out of place: put each between two other characters")
            }
            Self::Empty { text } => write!(f, "no address in \"{text}\": write it as user@domain"),
            Self::Group { text } => write!(f, "group in \"{text}\": write it as name: user@domain, user@domain;"),
            Self::Literal { text } => write!(f, "address \"{text}\" has an IP address as domain: use a name"),
            Self::Local { found, text } => {
                write!(
                    f,
                    "address \"{text}\" has '{}' before the @: use letters, digits and any of .+-_=&#*?^~'/",
                    found.escape_debug()
                )
            }
            Self::LocalLength { octets, text } => {
                write!(f, "address \"{text}\" has {octets} octets before the @: use at most 64")
            }
            Self::Quoted { text } => write!(f, "address \"{text}\" has a quote inside: use an address that needs none"),
            Self::Semicolon { text } => write!(f, "semicolon after \"{text}\": separate addresses by commas"),
            Self::SourceRoute { text } => {
                write!(f, "address \"{text}\" is a source route: use the last address of it alone")
            }
            Self::Start { found, text } => {
                write!(f, "address \"{text}\" starts with '{}': start it with a letter or digit", found.escape_debug())
            }
            Self::Unbalanced { text } => write!(f, "quote, comment or bracket not closed at \"{text}\": close it"),
        }
    }
}

impl std::error::Error for AddressError {}
