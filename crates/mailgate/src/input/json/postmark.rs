//! What Postmark's SDKs send to `/email` and `/email/batch`: <https://postmarkapp.com/developer/api/email-api>.
#![forbid(unsafe_code)]

use super::JsonError;
use super::assembly::{JsonMail, Mail};
use super::file::{File, FileDescription};
use super::labels;
use super::members::{POSTMARK, POSTMARK_FILE, POSTMARK_HEADER};
use super::read::Store;
use super::tree::{Located, is_same};

/// Where large values stand.
pub fn places(names: &[&str]) -> Option<Store> {
    match names {
        [name] if is_same(name, "TextBody") || is_same(name, "HtmlBody") => Some(Store::Text),
        [outer, inner] if is_same(outer, "Attachments") && is_same(inner, "Content") => Some(Store::Base64),
        _ => None,
    }
}

/// One mail.
pub fn mail(body: Located) -> Result<JsonMail, JsonError> {
    let mut members = body.members()?;
    members.only(POSTMARK)?;
    if let Some(links) = members.take("TrackLinks")?.filter(|links| links.text().ok() != Some("None")) {
        return Err(links.wrong("is not done here: links stay as they are"));
    }
    let mut mail = Mail::default();
    for (member, field) in [("From", "From"), ("To", "To"), ("Cc", "Cc"), ("Bcc", "Bcc"), ("ReplyTo", "Reply-To")] {
        if let Some(found) = members.take(member)? {
            found.text()?;
            mail.addresses(field, Some(found))?;
        }
    }
    if let Some(subject) = members.take("Subject")? {
        mail.subject(&subject)?;
    }
    mail.text(members.take("TextBody")?)?;
    mail.html(members.take("HtmlBody")?)?;
    if let Some(headers) = members.take("Headers")? {
        for header in headers.items()? {
            add_header(&mut mail, header)?;
        }
    }
    if let Some(attachments) = members.take("Attachments")? {
        for attachment in attachments.items()? {
            mail.file(file(attachment)?);
        }
    }
    for member in ["Tag", "MessageStream"] {
        if let Some(word) = members.take(member)? {
            word.text()?;
            mail.labels(vec![labels::only(member, &word)?]);
        }
    }
    if let Some(metadata) = members.take("Metadata")? {
        mail.labels(labels::metadata(metadata)?);
    }
    members.finish()?;
    mail.finish("TextBody, HtmlBody and Attachments")
}

fn add_header(mail: &mut Mail, header: Located) -> Result<(), JsonError> {
    let missing = header.wrong("needs Name and Value");
    let mut members = header.members()?;
    members.only(POSTMARK_HEADER)?;
    let (name, value) = (members.take("Name")?, members.take("Value")?);
    members.finish()?;
    match (name, value) {
        (Some(name), Some(value)) => mail.header(name.text()?, &value),
        (Some(_), None) => Ok(()),
        (None, _) => Err(missing),
    }
}

fn file(attachment: Located) -> Result<File, JsonError> {
    let missing = attachment.wrong("has no Content");
    let mut members = attachment.members()?;
    members.only(POSTMARK_FILE)?;
    let content = members.take_even_empty("Content")?.ok_or(missing)?.stored()?;
    let words = FileDescription {
        name: members.take("Name")?,
        content_type: members.take("ContentType")?,
        content_id: members.take("ContentID")?,
        ..FileDescription::default()
    };
    members.finish()?;
    File::new(words, content)
}
