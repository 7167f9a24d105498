//! Who submitted a message -> the text in the column `owner`. A login is octets of any encoding, the column is UTF-8; two logins never
//! become the same text, or one user would read the messages of another.
#![forbid(unsafe_code)]

use mail::address::Address;
use std::fmt::Write;

/// The owner of a message known from reports alone: nobody.
pub(super) const NOBODY: &str = "?";

/// The owner of a message, as the tables hold it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(String);

impl Owner {
    /// The user that httpd knows. Text in UTF-8 stands for itself, as in the rows of version 2.0; everything else is written as `?` and
    /// hexadecimal digits, and so is a login that begins with `?`.
    pub fn login(octets: &[u8]) -> Owner {
        match std::str::from_utf8(octets) {
            Ok(text) if !text.starts_with(NOBODY) => Owner(text.to_owned()),
            _ => Owner(octets.iter().fold(NOBODY.to_owned(), |mut text, octet| {
                // Writing into a String cannot fail.
                let _ = write!(text, "{octet:02x}");
                text
            })),
        }
    }

    /// The address of a client certificate. One that mod_sendmail would have taken is written as it wrote it, the domain in lower case.
    pub fn mail(octets: &[u8]) -> Owner {
        let address = std::str::from_utf8(octets).ok().and_then(|text| Address::parse(text).ok());
        address.map_or_else(|| Owner::login(octets), |address| Owner::address(&address))
    }

    /// The author of a message, where SendmailSenderMail says who that is.
    pub fn address(address: &Address) -> Owner {
        Owner::login(address.to_string().as_bytes())
    }

    /// The text in the column.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn two_logins_are_never_one_owner() {
        let logins: &[&[u8]] = &[
            b"",
            b"?",
            b"??",
            b"?3f",
            b"3f",
            b"M\xc3\xbcller",
            b"m\xc3\xbcller",
            b"m\xfcller",
            b"m\xf6ller",
            b"m\xef\xbf\xbdller",
            b"?6dfc6c6c6572",
            b"peter",
        ];
        let owners: HashSet<Owner> = logins.iter().map(|login| Owner::login(login)).collect();
        assert_eq!(owners.len(), logins.len(), "{owners:?}");
        assert!(owners.iter().all(|owner| owner.as_str() != NOBODY));
    }

    #[test]
    fn an_owner_that_version_2_0_wrote_is_still_the_same() {
        for login in ["peter", "m\u{fc}ller", "peter@example.org", "a b", ""] {
            assert_eq!(Owner::login(login.as_bytes()).as_str(), login);
        }
    }

    #[test]
    fn the_domain_of_a_certificate_is_compared_in_lower_case_and_no_other_part() {
        let stored = Owner::address(&Address::parse("Peter@Example.ORG").unwrap());
        assert_eq!(Owner::mail(b"Peter@EXAMPLE.org"), stored);
        assert_ne!(Owner::mail(b"peter@EXAMPLE.org"), stored);
        assert_eq!(Owner::mail(b"not one address"), Owner::login(b"not one address"));
        assert_ne!(Owner::mail(b"m\xfcller@example.org"), Owner::mail(b"m\xf6ller@example.org"));
    }
}
