//! SendmailAlias: names that clients may send to, and the addresses that get the message. A name has no domain; its addresses are not
//! looked up again.
#![forbid(unsafe_code)]

use mail::address::{Address, AddressList, Domain, Mailbox};

/// Every name of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases(Vec<(Address, Vec<Address>)>);

impl Aliases {
    /// Adds a name, and its addresses separated by commas or blanks. They replace those of an existing name.
    pub fn add(&mut self, words: &[&str]) -> Result<(), String> {
        let [name, targets @ ..] = words else { return Err("has no name; write sales sales@example.org".into()) };
        let alias = Address::parse(name).map_err(|error| format!("'{name}': {error}"))?;
        if alias.domain().is_some() {
            return Err(format!("'{name}' has a domain; write the name alone, as clients write it"));
        }
        let targets = targets.iter().flat_map(|word| word.split(',')).map(str::trim).filter(|word| !word.is_empty());
        let target = |word: &str| match Address::parse(word) {
            Ok(address) if address.domain().is_some() => Ok(address),
            Ok(_) => Err(format!("'{word}' has no domain; an alias stands for addresses, not for other names")),
            Err(error) => Err(format!("'{word}': {error}")),
        };
        let targets = targets.map(target).collect::<Result<Vec<_>, _>>()?;
        if targets.is_empty() {
            return Err(format!("'{name}' stands for nobody; write {name} somebody@example.org"));
        }
        self.0.retain(|(known, _)| !is_same(known, &alias));
        self.0.push((alias, targets));
        Ok(())
    }

    /// The recipients for these addresses; a name that is not ours is completed by `domain`.
    pub fn recipients<'a>(
        &self,
        addressed: impl IntoIterator<Item = &'a Address>,
        domain: Option<&Domain>,
    ) -> Vec<Address> {
        let complete = |address: &Address| domain.map_or_else(|| address.clone(), |domain| address.complete(domain));
        addressed
            .into_iter()
            .flat_map(|address| self.targets(address).map_or_else(|| vec![complete(address)], <[Address]>::to_vec))
            .collect()
    }

    /// The list with our names replaced by their addresses, for a header that is also the envelope.
    pub fn resolve(&self, list: &AddressList) -> AddressList {
        let resolve = |mailbox: &Mailbox| match self.targets(mailbox.address()) {
            Some(targets) => targets.iter().map(|target| Mailbox::new(None, target.clone())).collect(),
            None => vec![mailbox.clone()],
        };
        list.mailboxes().flat_map(resolve).collect()
    }

    /// The name that stands for this address, which clients then need not know.
    pub fn name_of(&self, address: &Address) -> Option<&Address> {
        self.0.iter().find(|(_, targets)| targets.contains(address)).map(|(name, _)| name)
    }

    fn targets(&self, address: &Address) -> Option<&[Address]> {
        self.0.iter().find(|(name, _)| is_same(name, address)).map(|(_, targets)| targets.as_slice())
    }
}

fn is_same(name: &Address, address: &Address) -> bool {
    address.domain().is_none() && name.local().eq_ignore_ascii_case(address.local())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::header::HeaderValue;

    fn aliases() -> Aliases {
        let mut aliases = Aliases::default();
        aliases.add(&["sales", "sales@example.org,boss@example.org"]).unwrap();
        aliases.add(&["boss", "old@example.org"]).unwrap();
        aliases.add(&["Boss", "boss@example.net"]).unwrap();
        aliases
    }

    #[test]
    fn a_name_stands_for_its_addresses_and_for_nothing_else() {
        let list = AddressList::parse(&HeaderValue::parse("Sales, BOSS, root, sales@x.test").unwrap()).unwrap();
        let shown = |addresses: Vec<Address>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let domain = Domain::parse("gw.test").unwrap();
        let recipients = shown(aliases().recipients(list.addresses(), Some(&domain)));
        assert_eq!(recipients, "sales@example.org boss@example.org boss@example.net root@gw.test sales@x.test");
        assert_eq!(shown(aliases().recipients(list.addresses(), None)), recipients.replace("root@gw.test", "root"));
        let resolved = aliases().resolve(&list);
        assert_eq!(shown(resolved.addresses().cloned().collect()), recipients.replace("root@gw.test", "root"));
    }

    #[test]
    fn what_is_no_alias_is_refused_with_the_word() {
        for (words, part) in [
            (&[][..], "has no name"),
            (&["sales"], "'sales' stands for nobody"),
            (&["sales", ","], "'sales' stands for nobody"),
            (&["sales@x.test", "a@x.test"], "'sales@x.test' has a domain"),
            (&["sales", "boss"], "'boss' has no domain"),
            (&["sales", "a@@x.test"], "'a@@x.test'"),
            (&["-t", "a@x.test"], "'-t'"),
        ] {
            let complaint = Aliases::default().add(words).unwrap_err();
            assert!(complaint.contains(part), "{complaint}");
        }
    }
}
