//! What Resend's SDKs send to `/emails` and `/emails/batch`: <https://resend.com/docs/api-reference/emails/send-email>. It is our own JSON too.
#![forbid(unsafe_code)]

use super::JsonError;
use super::assembly::{JsonMail, Mail};
use super::file::{File, FileDescription};
use super::labels;
use super::members::{RESEND, RESEND_FILE};
use super::read::Store;
use super::tree::{Located, is_same};

/// Where large values stand.
pub fn places(names: &[&str]) -> Option<Store> {
    match names {
        [name] if is_same(name, "text") || is_same(name, "html") => Some(Store::Text),
        [outer, inner] if is_same(outer, "attachments") && is_same(inner, "content") => Some(Store::Base64),
        _ => None,
    }
}

/// One mail.
pub fn mail(body: Located) -> Result<JsonMail, JsonError> {
    let mut members = body.members()?;
    members.only(RESEND)?;
    let mut mail = Mail::default();
    if let Some(from) = members.take("from")? {
        from.text()?;
        mail.addresses("From", Some(from))?;
    }
    for (member, field) in [("to", "To"), ("cc", "Cc"), ("bcc", "Bcc"), ("reply_to", "Reply-To")] {
        mail.addresses(field, members.take(member)?)?;
    }
    if let Some(subject) = members.take("subject")? {
        mail.subject(&subject)?;
    }
    mail.text(members.take("text")?)?;
    mail.html(members.take("html")?)?;
    if let Some(headers) = members.take("headers")? {
        for (name, value) in headers.members()?.all() {
            mail.header(&name, &value)?;
        }
    }
    if let Some(attachments) = members.take("attachments")? {
        for attachment in attachments.items()? {
            mail.file(file(attachment)?);
        }
    }
    if let Some(tags) = members.take("tags")? {
        mail.labels(labels::tags(tags)?);
    }
    members.finish()?;
    mail.finish("text, html and attachments")
}

fn file(attachment: Located) -> Result<File, JsonError> {
    let missing = attachment.wrong("has no content");
    let mut members = attachment.members()?;
    members.only(RESEND_FILE)?;
    let content = members.take_even_empty("content")?.ok_or(missing)?.stored()?;
    let content_id = match (members.take("content_id")?, members.take("inline_content_id")?) {
        (Some(_), Some(second)) => return Err(second.wrong("stands beside content_id, which is the same")),
        (one, other) => one.or(other),
    };
    let words = FileDescription {
        name: members.take("filename")?,
        content_type: members.take("content_type")?,
        content_id,
        ..FileDescription::default()
    };
    members.finish()?;
    File::new(words, content)
}
