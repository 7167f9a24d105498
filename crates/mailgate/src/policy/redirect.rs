//! SendmailRedirectTo: every message is sent to these addresses and nobody else, for test servers. `X-Original-Recipients` names the
//! original recipients. Also determines which program arguments would bypass it.
#![forbid(unsafe_code)]

use super::arguments::Addressing;
use crate::transport::program::arguments::{ProgramArguments, Role};
use mail::address::{Address, AddressList, Domain, Mailbox};
use mail::header::HeaderName;

/// Who gets every message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect(Vec<Address>);

/// The fields from which programs with `-t` take recipients (H_RCPT in Sendmail's conf.c; `Resent-*` is refused anyway).
const ADDRESSED: &[&str] = &["To", "Cc", "Bcc", "Apparently-To"];

impl Redirect {
    /// Addresses, or the single word `none` for no redirection.
    pub fn parse(words: &[&str]) -> Result<Option<Self>, String> {
        if matches!(words, [none] if none.eq_ignore_ascii_case("none")) {
            return Ok(None);
        }
        let address = |word: &&str| {
            Address::parse(word)
                .map_err(|error| format!("'{word}': {error}; write addresses like staging@example.org, or none alone"))
        };
        let mut addresses = words.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let mut seen = std::collections::HashSet::new();
        addresses.retain(|address| seen.insert(address.clone()));
        Ok(Some(Redirect(addresses)))
    }

    /// The addresses; `domain` is added where they have none.
    pub fn addresses(&self, domain: Option<&Domain>) -> Vec<Address> {
        let complete = |address: &Address| domain.map_or_else(|| address.clone(), |domain| address.complete(domain));
        self.0.iter().map(complete).collect()
    }

    /// Replaces every header line that names recipients. `intended` are the original ones.
    pub fn rewrite(&self, lines: &mut Vec<(HeaderName, String)>, intended: &[Address], domain: Option<&Domain>) {
        lines.retain(|(name, _)| !ADDRESSED.iter().any(|field| name.is(field)));
        for (name, addresses) in [("To", self.addresses(domain)), ("X-Original-Recipients", distinct(intended))] {
            let name = HeaderName::parse(name.as_bytes()).expect("a constant of letters and hyphens");
            let list: AddressList = addresses.into_iter().map(|address| Mailbox::new(None, address)).collect();
            lines.push((name.clone(), list.write(&name)));
        }
    }
}

fn distinct(addresses: &[Address]) -> Vec<Address> {
    let mut seen = std::collections::HashSet::new();
    addresses.iter().filter(|address| seen.insert(*address)).cloned().collect()
}

/// Why these words of SendmailArguments would bypass a redirection, if they would.
pub fn escape(words: &ProgramArguments<'_>) -> Option<String> {
    if Addressing::of(words) == Addressing::Arguments {
        return Some("neither -t nor a last -- leaves the recipients to the header".into());
    }
    let recipient = words.roles().iter().position(|role| *role == Role::Recipient);
    recipient.map(|at| format!("word {} may be a recipient", at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::program::arguments::Word;
    use crate::transport::program::mta::Mta;

    #[test]
    fn addresses_or_none_and_nothing_else() {
        let parse = |words: &[&str]| Redirect::parse(words).map(|redirect| redirect.map(|redirect| redirect.0.len()));
        assert_eq!(parse(&["a@example.org", "root", "a@example.org"]), Ok(Some(2)));
        assert_eq!((parse(&["None"]), parse(&["nobody"])), (Ok(None), Ok(Some(1))));
        for bad in ["a@@b", "a b@c", "a@b, c@d", "-t", "A <a@b.org>", ""] {
            assert!(parse(&[bad]).unwrap_err().contains(&format!("'{bad}'")), "{bad}");
        }
    }

    #[test]
    fn words_that_may_be_recipients_are_found() {
        for (words, fits) in [
            ("-t -i", true),
            ("-i --", true),
            ("-t -i -f a@b.test -N delay,failure -V x", true),
            ("-i -fa@b.test --", true),
            ("-i", false),
            ("-i boss@b.test", false),
            ("-t -i boss@b.test", false),
            ("-t boss", false),
            ("-t -f a@b.test boss@b.test", false),
            ("-i -- boss@b.test", false),
            ("-t -- boss@b.test", false),
            ("-t -i -", false),
            ("-t --account work", false),
            ("-tiv", true),
            ("-itf x@b.test", true),
            ("-itf x@b.test boss", false),
            ("--read-recipients -a work -p smtp:host -h 5", true),
            ("-t %{X}", false),
            ("-t -f %{X}", true),
            ("-t -f%{X}", true),
            ("-t -f%{X} boss@b.test", false),
            ("-t -f boss%{X}", true),
        ] {
            let read = ProgramArguments::read(Mta::Unknown, words.split(' ').map(Word::of));
            assert_eq!(escape(&read).is_none(), fits, "{words}");
        }
    }

    #[test]
    fn every_line_that_addresses_somebody_is_replaced() {
        let line = |name: &str| (HeaderName::parse(name.as_bytes()).unwrap(), format!("{name}: x@y.test\n"));
        let mut lines = ["From", "TO", "cc", "Bcc", "apparently-to", "Subject"].map(line).to_vec();
        let intended: Vec<Address> =
            (0..40).map(|i| Address::parse(&format!("somebody{}@example.org", i % 39)).unwrap()).collect();
        Redirect::parse(&["staging"]).unwrap().unwrap().rewrite(
            &mut lines,
            &intended,
            Domain::parse("example.net").ok().as_ref(),
        );
        let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["From", "Subject", "To", "X-Original-Recipients"]);
        assert_eq!(lines[2].1, "To: staging@example.net\n");
        let original = &lines[3].1;
        assert!(original.lines().all(|line| line.len() <= 78) && original.lines().skip(1).all(|l| l.starts_with(' ')));
        assert_eq!(original.matches('@').count(), 39);
    }
}
