//! The fields one by one: strip, check, write anew (see [`super::read`]).
#![forbid(unsafe_code)]

use super::fields::{self, FieldKind};
use super::strip::{NamePattern, StripList};
use super::{InputError, MAX_HEADER, framing};
use crate::policy::aliases::Aliases;
use crate::policy::arguments::Addressing;
use crate::policy::redirect::Redirect;
use crate::policy::sender::{self, AuthenticatedSender};
use crate::policy::{self, PolicyError, Recipients};
use crate::submission::Submission;
use mail::address::{Address, AddressList, Domain, Mailbox};
use mail::content_type::ContentType;
use mail::date::Date;
use mail::header::{HeaderName, HeaderValue};
use mail::message_id::{MessageId, Token};
use mail::structured;
use mail::{date, encode};
use std::borrow::Cow;
use web::fields::value_of;

/// Where the fields of a mail stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldSource {
    /// In a whole message; `has_envelope`: others say who gets it.
    Message {
        /// Whether the recipients come with it.
        has_envelope: bool,
    },
    /// In the request.
    Request,
}

/// What the configuration says of the fields of a request.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Who says where the message goes.
    pub addressing: Addressing,
    /// Names that stand for other addresses.
    pub aliases: &'a Aliases,
    /// Completes an address without a domain.
    pub domain: Option<&'a Domain>,
    /// The message goes where nobody adds a From.
    pub from_required: bool,
    /// Most addresses.
    pub max_recipients: usize,
    /// If set, only these fields reach the mail.
    pub pass: Option<&'a [NamePattern]>,
    /// Who may be written to.
    pub recipients: &'a Recipients,
    /// Who gets the message in the place of those it is meant for.
    pub redirect: Option<&'a Redirect>,
    /// Who may be the author, and who may send on an author's behalf.
    pub senders: &'a Recipients,
    /// The sender that authentication vouches for, where the configuration asks for one.
    pub sender: Option<AuthenticatedSender<'a>>,
    /// The name that stands behind the @ of our Message-ID.
    pub server_name: &'a Domain,
    /// Where the fields stand.
    pub source: FieldSource,
    /// Which fields never reach the mail.
    pub strip: &'a StripList,
    /// The left part of our Message-ID.
    pub token: &'a Token,
}

/// A field that goes into the mail; repeats are one, joined by commas as httpd joins them.
struct Field {
    name: HeaderName,
    value: HeaderValue,
}

/// What the fields said beside their own lines.
#[derive(Default)]
struct Found {
    bcc: Vec<Address>,
    content_type: Option<ContentType>,
    date: bool,
    from: Option<Mailbox>,
    lines: Vec<(HeaderName, String)>,
    message_id: Option<MessageId>,
    recipients: Vec<Address>,
    reply_to: bool,
    /// Who sends on the author's behalf.
    sender: Option<Mailbox>,
    transfer_encoding: Option<String>,
}

/// Reads the fields of a request, in their order.
pub fn read(fields: &[(&[u8], &[u8])], rules: &Rules<'_>) -> Result<Submission, InputError> {
    if rules.source == FieldSource::Request {
        check_connection(fields)?;
    }
    let (kept, stripped) = select(fields, rules)?;
    let mut found = Found::default();
    for field in &kept {
        found.take(field, rules)?;
    }
    found.apply_sender(rules)?;
    let authors = found.from.iter().chain(&found.sender).map(Mailbox::address);
    policy::check_senders(rules.senders, authors)?;
    if rules.from_required && found.from.is_none() {
        return Err(InputError::MissingFrom);
    }
    check_recipients(&found, rules)?;
    if let Some(content_type) =
        found.content_type.as_ref().map(Cow::Borrowed).or_else(|| given_type(fields).map(Cow::Owned))
    {
        let has_mail_fields = found.lines.iter().any(|(name, _)| MAIL_FIELDS.iter().any(|field| name.is(field)));
        framing::media_type(&content_type, has_mail_fields)?;
    }
    let hidden = hidden(&kept, &found.bcc);
    let redirected = rules.redirect.map(|redirect| found.redirect(redirect, rules.domain));
    let client_chose_id = found.message_id.is_some();
    let message_id = found.message_id.take().unwrap_or_else(|| MessageId::new(rules.token, rules.server_name));
    let mut header: String = found.lines.into_iter().map(|(_, line)| line).collect();
    if !found.date {
        header.extend(["Date: ", &date::now(), "\n"]);
    }
    header.extend(["Message-ID: ", message_id.as_str(), "\nMIME-Version: 1.0\n"]);
    if header.len() > MAX_HEADER {
        return Err(InputError::HeaderTooLong);
    }
    Ok(Submission {
        bcc: found.bcc,
        client_chose_id,
        content_type: found.content_type,
        transfer_encoding: found.transfer_encoding,
        from: found.from,
        hidden,
        header,
        labels: Vec::new(),
        message_id,
        recipients: found.recipients,
        redirected,
        stripped,
    })
}

/// What must not be logged of Bcc: the addresses as they are written into the mail and as the client wrote them (in another script, without
/// their domain), and the names beside them.
fn hidden(kept: &[Field], bcc: &[Address]) -> Vec<String> {
    let mut hidden: Vec<String> = bcc.iter().map(Address::to_string).collect();
    for value in kept.iter().filter(|field| field.name.is("Bcc")).map(|field| &field.value) {
        let words = value.as_str().split(|c: char| c.is_whitespace() || ",;:<>()\"".contains(c));
        hidden.extend(words.filter(|word| word.contains('@')).map(str::to_owned));
        for mailbox in AddressList::parse(value).unwrap_or_default().mailboxes() {
            hidden.push(mailbox.address().to_string());
            hidden.extend(mailbox.name().map(str::to_owned));
        }
    }
    hidden.sort_unstable();
    hidden.dedup();
    hidden
}

/// The fields without which a `message/rfc822` body would be taken for the mail itself.
const MAIL_FIELDS: &[&str] = &["To", "Cc", "Bcc", "From", "Subject"];

/// The type of the body where it does not reach the mail (SendmailPassHeaders): a form is no text for all that.
pub fn given_type(fields: &[(&[u8], &[u8])]) -> Option<ContentType> {
    ContentType::parse(&HeaderValue::parse(&value_of(fields, "content-type")?).ok()?).ok()
}

/// A proxy takes away what Connection names. Where that is a field that says who writes to whom, the client and the server would not
/// agree about the mail.
fn check_connection(fields: &[(&[u8], &[u8])]) -> Result<(), InputError> {
    let named = value_of(fields, "connection").unwrap_or_default();
    for option in named.split(',') {
        let Ok(name) = HeaderName::parse(option.trim().as_bytes()) else { continue };
        if name.is("Sender") || MAIL_FIELDS.iter().any(|field| name.is(field)) {
            return Err(InputError::ConnectionNames(name));
        }
    }
    Ok(())
}

/// The fields that go into the mail, and the names of those that do not.
fn select(fields: &[(&[u8], &[u8])], rules: &Rules<'_>) -> Result<(Vec<Field>, Vec<String>), InputError> {
    let in_message = rules.source != FieldSource::Request;
    let hop_by_hop = value_of(fields, "connection").filter(|_| !in_message).unwrap_or_default();
    let (mut kept, mut stripped): (Vec<Field>, Vec<String>) = (Vec::new(), Vec::new());
    for &(name, value) in fields {
        let printable = || name.escape_ascii().to_string();
        let name = HeaderName::parse(name).map_err(|error| InputError::Header { field: printable(), error })?;
        if is_resent(&name) && rules.source != (FieldSource::Message { has_envelope: true }) {
            return Err(InputError::Resent(name));
        }
        if !is_kept(&name, rules.pass, rules.strip, in_message)
            || hop_by_hop.split(',').any(|option| name.is(option.trim()))
        {
            stripped.push(name.as_str().to_owned());
            continue;
        }
        let value = HeaderValue::from_field(value)
            .map_err(|error| InputError::Header { field: name.as_str().to_owned(), error })?;
        match kept.iter_mut().find(|field| field.name == name) {
            Some(first) => {
                let joined = format!("{}, {}", first.value.as_str(), value.as_str());
                first.value =
                    HeaderValue::parse(&joined).map_err(|error| InputError::Header { field: printable(), error })?;
            }
            None => kept.push(Field { name, value }),
        }
    }
    Ok((kept, stripped))
}

/// Whether a field of this name can become one of the mail.
pub fn reaches_mail(name: &str, pass: Option<&[NamePattern]>, strip: &StripList) -> bool {
    HeaderName::parse(name.as_bytes()).is_ok_and(|name| !is_resent(&name) && is_kept(&name, pass, strip, false))
}

fn is_kept(name: &HeaderName, pass: Option<&[NamePattern]>, strip: &StripList, in_message: bool) -> bool {
    pass.is_none_or(|pass| pass.iter().any(|pattern| pattern.matches(name.as_str()))) && !strip.strips(name, in_message)
}

fn is_resent(name: &HeaderName) -> bool {
    name.as_str().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("Resent-"))
}

impl Found {
    fn take(&mut self, Field { name, value }: &Field, rules: &Rules<'_>) -> Result<(), InputError> {
        let bad_address = |error| InputError::Address { field: name.clone(), error };
        let bad = |error: &dyn std::fmt::Display| InputError::Field { field: name.clone(), reason: error.to_string() };
        let line = match fields::kind(name) {
            FieldKind::Addresses => {
                let mut list = AddressList::parse(value).map_err(bad_address)?;
                if ["To", "Cc", "Bcc"].iter().any(|field| name.is(field)) {
                    let recipients = rules.aliases.recipients(list.addresses(), rules.domain);
                    if name.is("Bcc") {
                        self.bcc.extend(recipients.iter().cloned());
                    }
                    self.recipients.extend(recipients);
                    if rules.addressing == Addressing::Header {
                        list = rules.aliases.resolve(&list); // the program takes the envelope from here
                    }
                }
                let list = complete(list, rules.domain);
                self.reply_to |= name.is("Reply-To") && !list.is_empty();
                let hidden = name.is("Bcc") && rules.addressing != Addressing::Header;
                (!hidden && !list.is_empty()).then(|| list.write(name))
            }
            FieldKind::Mailbox => {
                let mut mailbox = Mailbox::parse(value).map_err(bad_address)?;
                if let Some(domain) = rules.domain {
                    mailbox = mailbox.complete(domain);
                }
                let line = mailbox.write(name);
                if name.is("From") {
                    self.from = Some(mailbox);
                } else if name.is("Sender") {
                    self.sender = Some(mailbox);
                }
                Some(line)
            }
            FieldKind::ContentType => {
                self.content_type = Some(ContentType::parse(value).map_err(|error| bad(&error))?);
                None
            }
            FieldKind::Date => {
                self.date = true;
                Some(format!("{name}: {}\n", Date::parse(value).map_err(|error| bad(&error))?))
            }
            FieldKind::MessageId => {
                self.message_id = Some(MessageId::parse(value).map_err(|error| bad(&error))?);
                None
            }
            FieldKind::MimeVersion if structured::is_version_1(value) => None,
            FieldKind::MimeVersion => return Err(bad(&"only 1.0 exists; leave it out, the server adds it")),
            FieldKind::TransferEncoding => {
                self.transfer_encoding = Some(value.as_str().to_owned());
                None
            }
            FieldKind::Structured(form) => Some(structured::write(form, name, value).map_err(|error| bad(&error))?),
            FieldKind::Text => Some(encode::unstructured(name, value).map_err(|error| bad(&error))?),
        };
        self.lines.extend(line.map(|line| (name.clone(), line)));
        Ok(())
    }

    /// Puts others in the place of the recipients, who have passed every check; the answer is how many those were.
    fn redirect(&mut self, redirect: &Redirect, domain: Option<&Domain>) -> usize {
        let intended = std::mem::replace(&mut self.recipients, redirect.addresses(domain));
        redirect.rewrite(&mut self.lines, &intended, domain);
        self.bcc.clear();
        intended.len()
    }

    /// Where the configuration names a sender, it is the author; what the client said of itself becomes the address for answers.
    fn apply_sender(&mut self, rules: &Rules<'_>) -> Result<(), InputError> {
        let Some(authenticated) = rules.sender else { return Ok(()) };
        let client = self.from.take();
        let from = sender::mailbox(authenticated, client.as_ref().map(Mailbox::address), rules.domain)?;
        self.lines.retain(|(name, _)| !["From", "Sender", "Author"].iter().any(|field| name.is(field))); // RFC 9057
        let mut own = vec![(FROM.clone(), from.write(&FROM))];
        if let Some(client) = client.filter(|client| !self.reply_to && client.address() != from.address()) {
            own.push((REPLY_TO.clone(), client.write(&REPLY_TO)));
        }
        self.lines.splice(0..0, own);
        (self.from, self.sender) = (Some(from), None);
        Ok(())
    }
}

static FROM: std::sync::LazyLock<HeaderName> = std::sync::LazyLock::new(|| known("From"));
static REPLY_TO: std::sync::LazyLock<HeaderName> = std::sync::LazyLock::new(|| known("Reply-To"));

fn known(name: &str) -> HeaderName {
    HeaderName::parse(name.as_bytes()).expect("a constant of letters and a hyphen")
}

fn complete(list: AddressList, domain: Option<&Domain>) -> AddressList {
    match domain {
        Some(domain) => list.complete(domain),
        None => list,
    }
}

/// Every address is judged, whoever is said to receive: a script in the place of the program may read the header.
fn check_recipients(found: &Found, rules: &Rules<'_>) -> Result<(), InputError> {
    let (count, max) = (found.recipients.len(), rules.max_recipients);
    if count == 0 && rules.addressing != Addressing::Arguments {
        return Err(InputError::NoRecipient);
    }
    if count > max {
        return Err(InputError::TooManyRecipients { count, max });
    }
    match found.recipients.iter().find(|address| !rules.recipients.allow(address)) {
        Some(address) => Err(PolicyError::Recipient(address.clone()).into()),
        None => Ok(()),
    }
}
