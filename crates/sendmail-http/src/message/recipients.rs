//! The recipients of a message: those on the command line, and with `-t` those in the header. If there is a Resent-To, -Cc or -Bcc, only
//! these count (RFC 5322 3.6.6), even if empty, as in Postfix.
#![forbid(unsafe_code)]

use mail::address::{Address, AddressList};
use mail::header::HeaderValue;

use super::header::Header;
use crate::exit::{Failure, Status};

const PLAIN: &[&str] = &["To", "Cc", "Bcc"];
const RESENT: &[&str] = &["Resent-To", "Resent-Cc", "Resent-Bcc"];

/// Every address once, in order; at least one.
pub fn collect(words: &[String], header: Option<&Header>) -> Result<Vec<Address>, Failure> {
    let mut found = Vec::new();
    for word in words {
        let refused = |words: String| Failure::new(Status::NoUser, words);
        let value = HeaderValue::parse(word).map_err(|error| refused(error.to_string()))?;
        let list = AddressList::parse(&value).map_err(|error| refused(error.to_string()))?;
        add(&mut found, &list);
    }
    if let Some(header) = header {
        let is_resent = RESENT.iter().any(|name| header.has(name));
        let names = if is_resent { RESENT } else { PLAIN };
        for field in header.fields().filter(|field| names.iter().any(|name| field.name().is(name))) {
            let refused = |words: String| Failure::new(Status::NoUser, format!("{}: {words}", field.name()));
            let value = field.value().ok_or_else(|| refused("holds a control character".into()))?;
            let list = AddressList::parse(&value).map_err(|error| refused(error.to_string()))?;
            add(&mut found, &list);
        }
    }
    match (found.is_empty(), header.is_some()) {
        (false, _) => Ok(found),
        (true, true) => {
            Err(Failure::new(Status::Usage, "no recipient: neither among the arguments nor in To, Cc, Bcc"))
        }
        (true, false) => Err(Failure::new(Status::Usage, "no recipient: name one, or use -t for those of the header")),
    }
}

fn add(found: &mut Vec<Address>, list: &AddressList) {
    for address in list.addresses() {
        if !found.contains(address) {
            found.push(address.clone());
        }
    }
}
