//! The fields of a mail header that are more than text: what each is checked as, and what it means. The WADL is written from the same
//! table.
#![forbid(unsafe_code)]

use mail::header::HeaderName;
use mail::structured::Form;

/// What the value of a field is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list of addresses that may be empty (RFC 5322 3.6.3).
    Addresses,
    /// A media type (RFC 2045 5).
    ContentType,
    /// A date (RFC 5322 3.3).
    Date,
    /// One mailbox.
    Mailbox,
    /// One message identifier (RFC 5322 3.6.4).
    MessageId,
    /// `1.0` (RFC 2045 4).
    MimeVersion,
    /// One of the other grammars.
    Structured(Form),
    /// Text (RFC 5322 3.2.5).
    Text,
    /// A content transfer encoding (RFC 2045 6).
    TransferEncoding,
}

/// A field with a meaning of its own.
#[derive(Debug)]
pub struct Known {
    /// Its canonical name.
    pub name: &'static str,
    /// What its value is read as.
    pub kind: Kind,
    /// One sentence for the reader of the WADL; fields without one are checked but not advertised.
    pub meaning: Option<&'static str>,
}

/// Whether `name` is a field that the description of the service offers.
pub fn is_offered(name: &HeaderName) -> bool {
    KNOWN.iter().any(|known| known.meaning.is_some() && name.is(known.name))
}

/// Whether the field of this name, in any case, holds addresses.
pub fn holds_addresses(name: &str) -> bool {
    let known = KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name));
    known.is_some_and(|known| matches!(known.kind, Kind::Addresses | Kind::Mailbox))
}

/// What `name` is read as: text, unless the table knows better.
pub fn kind(name: &HeaderName) -> Kind {
    KNOWN.iter().find(|known| name.is(known.name)).map_or(Kind::Text, |known| known.kind)
}

const fn row(name: &'static str, kind: Kind, meaning: &'static str) -> Known {
    Known { name, kind, meaning: Some(meaning) }
}

const fn checked(name: &'static str, kind: Kind) -> Known {
    Known { name, kind, meaning: None }
}

/// Every field that is more than text.
pub const KNOWN: &[Known] = &[
    row("To", Kind::Addresses, "Recipients. At least one of To, Cc and Bcc is needed."),
    row("Cc", Kind::Addresses, "Recipients of a copy."),
    row("Bcc", Kind::Addresses, "Recipients nobody else sees."),
    row("From", Kind::Mailbox, "The author, one mailbox. The server may set it itself."),
    row("Subject", Kind::Text, "The subject, in UTF-8, ISO-8859-1 or as encoded-words of RFC 2047."),
    row("Reply-To", Kind::Addresses, "Where answers go."),
    row("Sender", Kind::Mailbox, "Who sends on behalf of the author, one mailbox."),
    row("Date", Kind::Date, "When the message was written; now if missing."),
    row("Message-ID", Kind::MessageId, "The identifier of the message; a random one if missing."),
    row("In-Reply-To", Kind::Structured(Form::MessageIds), "The identifiers of the messages this one answers."),
    row("References", Kind::Structured(Form::MessageIds), "The identifiers of the thread this message belongs to."),
    row("Content-Type", Kind::ContentType, "The media type of the body; text/plain if missing."),
    row(
        "Content-Transfer-Encoding",
        Kind::TransferEncoding,
        "base64 or quoted-printable if the body is encoded already.",
    ),
    row("MIME-Version", Kind::MimeVersion, "1.0."),
    checked("Archived-At", Kind::Structured(Form::Uris)),
    checked("Auto-Submitted", Kind::Structured(Form::AutoSubmitted)),
    checked("Content-Disposition", Kind::Structured(Form::Disposition)),
    checked("Content-ID", Kind::Structured(Form::MessageId)),
    checked("Content-Language", Kind::Structured(Form::Languages)),
    checked("Content-Location", Kind::Structured(Form::Uri)),
    checked("Content-MD5", Kind::Structured(Form::Md5)),
    checked("Disposition-Notification-To", Kind::Addresses),
    checked("Errors-To", Kind::Addresses),
    checked("Importance", Kind::Structured(Form::Keyword)),
    checked("Keywords", Kind::Structured(Form::Phrases)),
    checked("List-Archive", Kind::Structured(Form::Uris)),
    checked("List-Help", Kind::Structured(Form::Uris)),
    checked("List-ID", Kind::Structured(Form::ListId)),
    checked("List-Owner", Kind::Structured(Form::Uris)),
    checked("List-Post", Kind::Structured(Form::Uris)),
    checked("List-Subscribe", Kind::Structured(Form::Uris)),
    checked("List-Unsubscribe", Kind::Structured(Form::Verbatim)),
    checked("List-Unsubscribe-Post", Kind::Structured(Form::Verbatim)),
    checked("Mail-Followup-To", Kind::Addresses),
    checked("Mail-Reply-To", Kind::Addresses),
    checked("Original-Message-ID", Kind::Structured(Form::MessageIds)),
    checked("Precedence", Kind::Structured(Form::Keyword)),
    checked("Priority", Kind::Structured(Form::Keyword)),
    checked("Return-Receipt-To", Kind::Addresses),
    checked("Sensitivity", Kind::Structured(Form::Keyword)),
    checked("Supersedes", Kind::Structured(Form::MessageIds)),
];
