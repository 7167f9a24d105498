//! The members of the JSON of each dialect, one row each: what is not in a table is refused by name, and the description of the service
//! ([`crate::answer::openapi`]) shows the rest.
#![forbid(unsafe_code)]

/// A member of an object.
#[derive(Debug)]
pub struct Member {
    /// As the service that it comes from writes it.
    pub name: &'static str,
    /// What stands there.
    pub shape: Shape,
    /// Whether it must be there.
    pub is_needed: bool,
}

/// What a member holds.
#[derive(Debug)]
pub enum Shape {
    /// Several addresses in one string, with or without names.
    Addresses,
    /// Anything: no matter of the mail.
    Any,
    /// A file, in base64.
    Base64,
    /// Objects with these members.
    List(&'static [Member]),
    /// `{"email", "name"}`, or an address.
    Mailbox,
    /// Several of them.
    Mailboxes,
    /// What would change the mail and is not done here; `null`, false and empty are fine.
    NotDone(&'static str),
    /// An object with these members.
    Object(&'static [Member]),
    /// A string, or several.
    OneOrMore,
    /// Names and their strings.
    Pairs,
    /// `{"enable": true}` or false.
    Switch,
    /// A string.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
}

const fn may(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, is_needed: false }
}

const fn must(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, is_needed: true }
}

const FINISHED: Shape = Shape::NotDone("is not done here: send the finished text and html");
const AT_ONCE: Shape = Shape::NotDone("is not done here: a message is sent at once");
const UNSUBSCRIBED: Shape = Shape::NotDone("is not done here: leave out who unsubscribed");

/// <https://resend.com/docs/api-reference/emails/send-email>.
pub const RESEND: &[Member] = &[
    may("from", Shape::Addresses),
    may("to", Shape::OneOrMore),
    may("cc", Shape::OneOrMore),
    may("bcc", Shape::OneOrMore),
    may("reply_to", Shape::OneOrMore),
    may("subject", Shape::Text),
    may("text", Shape::Text),
    may("html", Shape::Text),
    may("headers", Shape::Pairs),
    may("attachments", Shape::List(RESEND_FILE)),
    may("tags", Shape::List(RESEND_TAG)),
    may("react", Shape::NotDone("is rendered by the SDK; send html")),
    may("scheduled_at", AT_ONCE),
    may("template", FINISHED),
    may("topic_id", UNSUBSCRIBED),
];

/// A file of Resend.
pub const RESEND_FILE: &[Member] = &[
    must("content", Shape::Base64),
    may("filename", Shape::Text),
    may("content_type", Shape::Text),
    may("content_id", Shape::Text),
    may("inline_content_id", Shape::Text),
    may("path", Shape::NotDone("is not fetched from here; send the content in base64")),
];

/// What a sender calls a mail by.
pub const RESEND_TAG: &[Member] = &[must("name", Shape::Text), must("value", Shape::Text)];

/// <https://postmarkapp.com/developer/api/email-api>.
pub const POSTMARK: &[Member] = &[
    may("From", Shape::Addresses),
    may("To", Shape::Addresses),
    may("Cc", Shape::Addresses),
    may("Bcc", Shape::Addresses),
    may("ReplyTo", Shape::Addresses),
    may("Subject", Shape::Text),
    may("TextBody", Shape::Text),
    may("HtmlBody", Shape::Text),
    may("Headers", Shape::List(POSTMARK_HEADER)),
    may("Attachments", Shape::List(POSTMARK_FILE)),
    may("Tag", Shape::Text),
    may("Metadata", Shape::Pairs),
    may("MessageStream", Shape::Text),
    may("TrackLinks", Shape::Words(&["None"])),
    may("TrackOpens", Shape::NotDone("is not done here: nobody who reads is watched")),
    may("TemplateAlias", FINISHED),
    may("TemplateId", FINISHED),
    may("TemplateModel", FINISHED),
];

/// A header field of Postmark.
pub const POSTMARK_HEADER: &[Member] = &[must("Name", Shape::Text), must("Value", Shape::Text)];

/// A file of Postmark.
pub const POSTMARK_FILE: &[Member] = &[
    must("Content", Shape::Base64),
    may("Name", Shape::Text),
    may("ContentType", Shape::Text),
    may("ContentID", Shape::Text),
];

/// <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>.
pub const SENDGRID: &[Member] = &[
    must("personalizations", Shape::List(SENDGRID_PERSONALIZATION)),
    may("from", Shape::Mailbox),
    may("reply_to", Shape::Mailbox),
    may("reply_to_list", Shape::Mailboxes),
    may("subject", Shape::Text),
    may("content", Shape::List(SENDGRID_CONTENT)),
    may("headers", Shape::Pairs),
    may("attachments", Shape::List(SENDGRID_FILE)),
    may("mail_settings", Shape::Object(SENDGRID_MAIL)),
    may("tracking_settings", Shape::Object(&[])),
    may("batch_id", Shape::Any),
    may("categories", Shape::OneOrMore),
    may("custom_args", Shape::Pairs),
    may("ip_pool_name", Shape::Any),
    may("asm", UNSUBSCRIBED),
    may("sections", FINISHED),
    may("send_at", AT_ONCE),
    may("template_id", FINISHED),
];

/// A message of SendGrid.
pub const SENDGRID_PERSONALIZATION: &[Member] = &[
    may("to", Shape::Mailboxes),
    may("cc", Shape::Mailboxes),
    may("bcc", Shape::Mailboxes),
    may("from", Shape::Mailbox),
    may("subject", Shape::Text),
    may("headers", Shape::Pairs),
    may("custom_args", Shape::Pairs),
    may("dynamic_template_data", FINISHED),
    may("send_at", AT_ONCE),
    may("substitutions", FINISHED),
];

/// An address of SendGrid.
pub const SENDGRID_MAILBOX: &[Member] = &[must("email", Shape::Addresses), may("name", Shape::Text)];

/// A text of SendGrid.
pub const SENDGRID_CONTENT: &[Member] =
    &[must("type", Shape::Words(&["text/plain", "text/html"])), must("value", Shape::Text)];

/// A file of SendGrid.
pub const SENDGRID_FILE: &[Member] = &[
    must("content", Shape::Base64),
    may("filename", Shape::Text),
    may("type", Shape::Text),
    may("disposition", Shape::Words(&["inline", "attachment"])),
    may("content_id", Shape::Text),
];

const SENDGRID_MAIL: &[Member] = &[may("sandbox_mode", Shape::Switch)];
