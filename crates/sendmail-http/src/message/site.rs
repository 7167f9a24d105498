//! The request, and the machine it was made on: which addresses are local users, and which domain completes a name.
#![forbid(unsafe_code)]

use mail::address::{Address, AddressList, Domain, Mailbox};
use mail::header::HeaderName;

use crate::account::{Account, Host};
use crate::aliases::Aliases;
use crate::config::Config;
use crate::id::Id;
use crate::options::Dsn;

/// What the caller asked for, and who called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The message's id.
    pub id: Id,
    /// When, in seconds since 1970.
    pub time: i64,
    /// Who called.
    pub account: Account,
    /// `-f`.
    pub sender: Option<String>,
    /// `-F`.
    pub full_name: Option<String>,
    /// The arguments that are not options.
    pub words: Vec<String>,
    /// `-t`.
    pub extract: bool,
    /// `-n`.
    pub no_aliases: bool,
    /// `-N`, `-R`, `-V`.
    pub dsn: Dsn,
}

/// The settings and properties of this machine that a message depends on.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    /// The domain for bare names.
    pub domain: Option<Domain>,
    /// This machine.
    pub host: &'a Host,
    /// Its aliases.
    pub aliases: &'a Aliases,
    /// The sender of all mail.
    pub from: Option<&'a Address>,
    /// Keeps senders of our own domain.
    pub allow_from: bool,
    /// Who gets root's mail, if no alias says so.
    pub postmaster: Option<&'a Address>,
}

/// The targets of one address.
pub(super) struct Targets {
    pub addresses: Vec<Address>,
    /// Whether they differ from the given address.
    pub is_alias: bool,
    /// Whether this is root, and neither an alias nor the settings say who reads its mail.
    pub is_unread_root: bool,
}

impl<'a> Site<'a> {
    /// The site for these settings, host and aliases.
    pub fn new(config: &'a Config, host: &'a Host, aliases: &'a Aliases) -> Site<'a> {
        Site {
            domain: config.domain.clone().or_else(|| host.domain().cloned()),
            host,
            aliases,
            from: config.from.as_ref(),
            allow_from: config.allow_from,
            postmaster: config.postmaster.as_ref(),
        }
    }

    /// Whether an address is a user of this machine: a bare name, or one at a name that only this machine has.
    pub fn is_local(&self, address: &Address) -> bool {
        let Some(domain) = address.domain() else { return true };
        let short = ["localhost", "localhost.localdomain", self.host.short.as_str()];
        short.iter().any(|name| domain.as_str().eq_ignore_ascii_case(name)) || self.host.full.as_ref() == Some(domain)
    }

    /// The address with a domain that others can reply to.
    pub fn complete(&self, address: &Address) -> Address {
        let is_ours =
            address.domain().is_some() && (!self.is_local(address) || address.domain() == self.host.full.as_ref());
        match (&self.domain, is_ours) {
            (Some(domain), false) => bare(address).complete(domain),
            _ => address.clone(),
        }
    }

    /// The same for a list.
    pub fn complete_list(&self, list: &AddressList) -> AddressList {
        list.mailboxes().map(|mailbox| Mailbox::new(mailbox.name(), self.complete(mailbox.address()))).collect()
    }

    /// The replacement for this sender, if any.
    pub fn sender(&self, address: &Address) -> Option<Address> {
        let from = self.from?;
        let is_ours = |domain: &Domain| match &self.domain {
            Some(own) => domain == own || domain.as_str().ends_with(&format!(".{own}")),
            None => false,
        };
        let stays = address == from || self.allow_from && address.domain().is_some_and(is_ours);
        (!stays).then(|| from.clone())
    }

    /// The final targets of an address.
    pub fn leads_to(&self, address: &Address) -> Result<Vec<Address>, String> {
        self.targets(address, false).map(|targets| targets.addresses)
    }

    /// The final targets of an alias of this machine, if the name has one.
    pub fn alias(&self, address: &Address) -> Option<Vec<Address>> {
        let found = self.aliases.lookup(address.local()).ok()??;
        Some(found.iter().map(|target| self.complete(target)).collect())
    }

    pub(super) fn targets(&self, address: &Address, no_aliases: bool) -> Result<Targets, String> {
        let completed = || vec![self.complete(address)];
        if no_aliases || !self.is_local(address) {
            return Ok(Targets { addresses: completed(), is_alias: false, is_unread_root: false });
        }
        let is_root = address.local().eq_ignore_ascii_case("root");
        match (self.aliases.lookup(address.local())?, self.postmaster) {
            (Some(found), _) => {
                let addresses = found.iter().map(|target| self.complete(target)).collect();
                Ok(Targets { addresses, is_alias: true, is_unread_root: false })
            }
            (None, Some(postmaster)) if is_root => {
                Ok(Targets { addresses: vec![postmaster.clone()], is_alias: true, is_unread_root: false })
            }
            (None, _) => Ok(Targets { addresses: completed(), is_alias: false, is_unread_root: is_root }),
        }
    }

    /// The right side of a Message-ID.
    pub(super) fn message_host(&self) -> String {
        match (&self.host.full, &self.domain) {
            (Some(name), _) | (None, Some(name)) => name.to_string(),
            (None, None) => "localhost".into(),
        }
    }
}

/// The address without its domain.
pub(super) fn bare(address: &Address) -> Address {
    Address::parse(address.local()).unwrap_or_else(|_| address.clone())
}

/// The name of a field that this program writes.
pub fn name(field: &str) -> HeaderName {
    HeaderName::parse(field.as_bytes()).expect("the names in this program are names of fields")
}
