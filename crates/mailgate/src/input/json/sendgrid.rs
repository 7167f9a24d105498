//! What SendGrid's SDKs send to `/v3/mail/send`: <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>. Each
//! personalization is a mail of its own; what they have in common stands there once.
#![forbid(unsafe_code)]

use super::assembly::{Common, JsonMail, Mail};
use super::file::{File, FileDescription};
use super::labels;
use super::members::{SENDGRID, SENDGRID_CONTENT, SENDGRID_FILE, SENDGRID_MAILBOX, SENDGRID_PERSONALIZATION};
use super::read::Store;
use super::tree::{Located, Members, is_same};
use super::{Dialect, JsonError, Mails};
use mail::address::{Address, Mailbox};
use std::sync::Arc;

/// Where large values stand.
pub fn places(names: &[&str]) -> Option<Store> {
    match names {
        [outer, inner] if is_same(outer, "content") && is_same(inner, "value") => Some(Store::Text),
        [outer, inner] if is_same(outer, "attachments") && is_same(inner, "content") => Some(Store::Base64),
        _ => None,
    }
}

/// What is switched on and would change the mail. The lists that `bypass_...` speaks of do not exist here.
const SWITCHES: &[(&str, &[&str])] = &[
    ("mail_settings", &["footer", "spam_check"]),
    ("tracking_settings", &["click_tracking", "ganalytics", "open_tracking", "subscription_tracking"]),
];

/// The mails in a whole body.
pub fn mails(body: Located) -> Result<Mails, JsonError> {
    let mut members = body.members()?;
    members.only(SENDGRID)?;
    let is_trial = is_trial(&mut members)?;
    let mut mail = Mail::default();
    one(&mut mail, "From", members.take("from")?)?;
    reply_to(&mut mail, &mut members)?;
    if let Some(subject) = members.take("subject")? {
        mail.subject(&subject)?;
    }
    headers(&mut mail, members.take("headers")?)?;
    for content in members.take("content")?.map(Located::items).transpose()?.unwrap_or_default() {
        self::content(&mut mail, content)?;
    }
    for attachment in members.take("attachments")?.map(Located::items).transpose()?.unwrap_or_default() {
        mail.file(file(attachment)?);
    }
    let personalizations = members.take("personalizations")?;
    let personalizations = personalizations.ok_or_else(|| JsonError::member("personalizations", "must be there"))?;
    if let Some(categories) = members.take("categories")? {
        mail.labels(labels::categories(categories)?);
    }
    mail.labels(labels::arguments(members.take("custom_args")?)?);
    // For the service that sends; no matter of the mail.
    for member in ["batch_id", "ip_pool_name"] {
        members.take(member)?;
    }
    members.finish()?;
    let common = Arc::new(mail.into_common("content and attachments")?);
    let personalizations = super::batch(personalizations, Dialect::Sendgrid.most())?;
    let mail = |one| Ok(Ok(personal(one, &common)?));
    Ok(Mails { items: personalizations.into_iter().map(mail).collect::<Result<_, JsonError>>()?, is_trial })
}

/// The mail of one personalization.
fn personal(personalization: Located, common: &Arc<Common>) -> Result<JsonMail, JsonError> {
    let mut members = personalization.members()?;
    members.only(SENDGRID_PERSONALIZATION)?;
    let mut mail = Mail::default();
    one(&mut mail, "From", members.take("from")?)?;
    for (member, field) in [("to", "To"), ("cc", "Cc"), ("bcc", "Bcc")] {
        list(&mut mail, field, members.take(member)?)?;
    }
    if let Some(subject) = members.take("subject")? {
        mail.subject(&subject)?;
    }
    headers(&mut mail, members.take("headers")?)?;
    let labels = labels::arguments(members.take("custom_args")?)?;
    members.finish()?;
    Ok(JsonMail::new(mail.into_fields(), labels, Arc::clone(common)))
}

/// Whether the body says that nothing is to be sent. What would change the mail may not be switched on.
fn is_trial(members: &mut Members) -> Result<bool, JsonError> {
    let mut is_trial = false;
    for (name, unknown) in SWITCHES {
        let Some(found) = members.take(name)? else { continue };
        for (name, setting) in found.members()?.all().filter(|(_, setting)| !setting.is_absent()) {
            let complaint = setting.wrong("is not done here: the mail stays as it is");
            let is_on = is_on(setting)?;
            if is_on && unknown.iter().any(|known| is_same(known, &name)) {
                return Err(complaint);
            }
            is_trial |= is_on && is_same(&name, "sandbox_mode");
        }
    }
    Ok(is_trial)
}

fn is_on(setting: Located) -> Result<bool, JsonError> {
    match setting.members()?.take("enable")? {
        Some(enable) if enable.is_true() => Ok(true),
        Some(enable) => Err(enable.wrong("must be true or false")),
        None => Ok(false),
    }
}

/// `reply_to` or `reply_to_list`.
fn reply_to(mail: &mut Mail, members: &mut Members) -> Result<(), JsonError> {
    match (members.take("reply_to")?, members.take("reply_to_list")?) {
        (Some(_), Some(list)) => Err(list.wrong("stands beside reply_to, which is the same")),
        (only, None) => one(mail, "Reply-To", only),
        (None, many) => list(mail, "Reply-To", many),
    }
}

fn one(mail: &mut Mail, field: &str, found: Option<Located>) -> Result<(), JsonError> {
    let Some(found) = found else { return Ok(()) };
    mail.mailboxes(field, &[mailbox(found)?]);
    Ok(())
}

fn list(mail: &mut Mail, field: &str, found: Option<Located>) -> Result<(), JsonError> {
    let Some(found) = found else { return Ok(()) };
    let mailboxes: Vec<_> = found.one_or_more()?.into_iter().map(mailbox).collect::<Result<_, _>>()?;
    mail.mailboxes(field, &mailboxes);
    Ok(())
}

/// `{"email", "name"}`, or the address alone.
fn mailbox(found: Located) -> Result<Mailbox, JsonError> {
    let missing = found.wrong("has no email");
    if found.text().is_ok() {
        return Ok(Mailbox::new(None, address(&found)?));
    }
    let mut members = found.members()?;
    members.only(SENDGRID_MAILBOX)?;
    let address = address(&members.take("email")?.ok_or(missing)?)?;
    let name = members.take("name")?;
    let name = name.as_ref().map(Located::line).transpose()?;
    members.finish()?;
    Ok(Mailbox::new(name, address))
}

fn address(found: &Located) -> Result<Address, JsonError> {
    Address::parse(found.line()?.trim()).map_err(|error| found.wrong(error.to_string()))
}

fn headers(mail: &mut Mail, found: Option<Located>) -> Result<(), JsonError> {
    let Some(found) = found else { return Ok(()) };
    found.members()?.all().try_for_each(|(name, value)| mail.header(&name, &value))
}

/// `{"type", "value"}`.
fn content(mail: &mut Mail, content: Located) -> Result<(), JsonError> {
    let missing = content.wrong("has no type");
    let mut members = content.members()?;
    members.only(SENDGRID_CONTENT)?;
    let kind = members.take("type")?.ok_or(missing)?;
    let value = members.take("value")?;
    members.finish()?;
    let essence = kind.text()?.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_new = match essence.as_str() {
        "text/plain" => mail.text(value)?,
        "text/html" => mail.html(value)?,
        _ => return Err(kind.wrong("must be text/plain or text/html; send anything else as an attachment")),
    };
    if is_new { Ok(()) } else { Err(kind.wrong("stands there twice")) }
}

fn file(attachment: Located) -> Result<File, JsonError> {
    let missing = attachment.wrong("has no content");
    let mut members = attachment.members()?;
    members.only(SENDGRID_FILE)?;
    let content = members.take_even_empty("content")?.ok_or(missing)?.stored()?;
    let words = FileDescription {
        name: members.take("filename")?,
        content_type: members.take("type")?,
        content_id: members.take("content_id")?,
        disposition: members.take("disposition")?,
    };
    members.finish()?;
    File::new(words, content)
}
