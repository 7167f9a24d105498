//! The senders: envelope sender and From. A gateway accepts only senders it knows, so `from` replaces both and overrides `-f`, unless
//! `allow_from` keeps the senders of our domain (SPF and DMARC check both).
#![forbid(unsafe_code)]

use mail::address::{Address, AddressList, Mailbox};
use mail::encode;

use super::header::{Field, Header};
use super::site::{Site, Submission, name};

/// The envelope sender to use instead of the one asked for; `None`: `<>`.
pub fn envelope(submission: &Submission, site: &Site<'_>, warnings: &mut Vec<String>) -> Option<Address> {
    let own = || own_address(submission, site);
    let asked = match submission.sender.as_deref().map(str::trim) {
        None => own(),
        Some("" | "<>") => return None,
        Some(text) => {
            let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
            match Address::parse(bare) {
                Ok(address) => Some(site.complete(&address)),
                // Not a reason to lose the mail.
                Err(error) => {
                    warnings.push(format!("-f: {error}; the user's own address is used"));
                    own()
                }
            }
        }
    };
    asked.map(|address| site.sender(&address).unwrap_or(address))
}

fn own_address(submission: &Submission, site: &Site<'_>) -> Option<Address> {
    Address::parse(&submission.account.name).ok().map(|address| site.complete(&address))
}

/// Rewrites From and the fields that depend on it: Sender, Reply-To, X-Original-From.
pub fn rewrite(header: &mut Header, submission: &Submission, site: &Site<'_>, envelope: Option<&Address>) {
    for field in ["Sender", "Reply-To", "Resent-From", "Resent-Sender"] {
        complete(header, field, site);
    }
    let Some(field) = header.field("From").cloned() else {
        if let Some(author) = author(submission, site, envelope) {
            let name = name("From");
            let text = author.write(&name);
            header.set(Field::written(name, text));
        }
        return;
    };
    let value = field.value();
    let authors = value.as_ref().and_then(|value| AddressList::parse(value).ok()).filter(|authors| !authors.is_empty());
    let first = authors.as_ref().and_then(|authors| authors.mailboxes().next());
    let replaced = match first {
        Some(mailbox) => site.sender(&site.complete(mailbox.address())),
        // It cannot be parsed; without `from` the gateway reports that.
        None => site.from.cloned(),
    };
    let Some(replaced) = replaced else {
        complete(header, "From", site);
        return;
    };
    if !header.has("Reply-To")
        && let Some(original) = first.filter(|mailbox| !site.is_local(mailbox.address()))
    {
        // A reply should go to the author, as mailing lists do that rewrite From for DMARC.
        let name = name("Reply-To");
        let text = original.write(&name);
        header.push(Field::written(name, text));
    }
    header.remove("Sender");
    let shown = match first {
        Some(mailbox) => display_name(mailbox.name(), mailbox.address().local(), site),
        None => display_name(None, &submission.account.name, site),
    };
    let from = name("From");
    let text = Mailbox::new(Some(&shown), replaced).write(&from);
    header.set(Field::written(from, text));
    header.remove("X-Original-From");
    if let Some(text) = value.and_then(|value| encode::unstructured(&name("X-Original-From"), &value).ok()) {
        header.push(Field::written(name("X-Original-From"), text));
    }
}

/// The author of a message without one: `Full Name <user@domain>`, or the sender asked for.
fn author(submission: &Submission, site: &Site<'_>, envelope: Option<&Address>) -> Option<Mailbox> {
    let asked = submission.full_name.as_deref();
    let own = own_address(submission, site);
    if let Some(replaced) = own.as_ref().and_then(|own| site.sender(own)) {
        let shown = display_name(asked, &submission.account.name, site);
        return Some(Mailbox::new(Some(&shown), replaced));
    }
    let known = submission.account.full_name.as_deref().filter(|_| envelope == own.as_ref());
    let address = envelope.cloned().or(own)?;
    Some(Mailbox::new(asked.or(known), address))
}

/// `root on web1`, if nobody has chosen a name.
fn display_name(chosen: Option<&str>, local: &str, site: &Site<'_>) -> String {
    match chosen {
        Some(chosen) => chosen.to_owned(),
        None => format!("{local} on {}", site.host.short),
    }
}

fn complete(header: &mut Header, field: &str, site: &Site<'_>) {
    change_lists(header, field, |list| site.complete_list(list));
}

/// Rewrites the fields of this name if their addresses change; otherwise they stay as they are, as do fields that cannot be parsed.
pub fn change_lists(header: &mut Header, name: &str, change: impl Fn(&AddressList) -> AddressList) {
    for field in header.fields_mut().filter(|field| field.name().is(name)) {
        let Some(old) = field.value().and_then(|value| AddressList::parse(&value).ok()) else { continue };
        let new = change(&old);
        if new != old && !new.is_empty() {
            *field = Field::written(field.name().clone(), new.write(field.name()));
        }
    }
}
