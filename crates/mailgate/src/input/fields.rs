//! The header fields of a mail that are more than text: how each is checked, and its meaning. The WADL is written from the same table.
#![forbid(unsafe_code)]

use mail::header::HeaderName;
use mail::structured::Form;

/// How the value of a field is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
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
    /// How its value is parsed.
    pub kind: FieldKind,
    /// One sentence for the WADL; a field without one is checked but not advertised.
    pub meaning: Option<&'static str>,
}

/// Whether the service's description offers the field `name`.
pub fn is_offered(name: &HeaderName) -> bool {
    KNOWN.iter().any(|known| known.meaning.is_some() && name.is(known.name))
}

/// Whether the field of this name, in any case, holds addresses.
pub fn holds_addresses(name: &str) -> bool {
    let known = KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name));
    known.is_some_and(|known| matches!(known.kind, FieldKind::Addresses | FieldKind::Mailbox))
}

/// How `name` is parsed: as text, unless the table says otherwise.
pub fn kind(name: &HeaderName) -> FieldKind {
    KNOWN.iter().find(|known| name.is(known.name)).map_or(FieldKind::Text, |known| known.kind)
}

const fn row(name: &'static str, kind: FieldKind, meaning: &'static str) -> Known {
    Known { name, kind, meaning: Some(meaning) }
}

const fn checked(name: &'static str, kind: FieldKind) -> Known {
    Known { name, kind, meaning: None }
}

/// Every field that is more than text.
pub const KNOWN: &[Known] = &[
    row("To", FieldKind::Addresses, "Recipients. At least one of To, Cc and Bcc is needed."),
    row("Cc", FieldKind::Addresses, "Recipients of a copy."),
    row("Bcc", FieldKind::Addresses, "Recipients nobody else sees."),
    row("From", FieldKind::Mailbox, "The author, one mailbox. The server may set it itself."),
    row("Subject", FieldKind::Text, "The subject, in UTF-8, ISO-8859-1 or as encoded-words of RFC 2047."),
    row("Reply-To", FieldKind::Addresses, "Where answers go."),
    row("Sender", FieldKind::Mailbox, "Who sends on behalf of the author, one mailbox."),
    row("Date", FieldKind::Date, "When the message was written; now if missing."),
    row("Message-ID", FieldKind::MessageId, "The identifier of the message; a random one if missing."),
    row("In-Reply-To", FieldKind::Structured(Form::MessageIds), "The identifiers of the messages this one answers."),
    row(
        "References",
        FieldKind::Structured(Form::MessageIds),
        "The identifiers of the thread this message belongs to.",
    ),
    row("Content-Type", FieldKind::ContentType, "The media type of the body; text/plain if missing."),
    row(
        "Content-Transfer-Encoding",
        FieldKind::TransferEncoding,
        "base64 or quoted-printable if the body is encoded already.",
    ),
    row("MIME-Version", FieldKind::MimeVersion, "1.0."),
    checked("Archived-At", FieldKind::Structured(Form::Uris)),
    checked("Auto-Submitted", FieldKind::Structured(Form::AutoSubmitted)),
    checked("Content-Disposition", FieldKind::Structured(Form::Disposition)),
    checked("Content-ID", FieldKind::Structured(Form::MessageId)),
    checked("Content-Language", FieldKind::Structured(Form::Languages)),
    checked("Content-Location", FieldKind::Structured(Form::Uri)),
    checked("Content-MD5", FieldKind::Structured(Form::Md5)),
    checked("Disposition-Notification-To", FieldKind::Addresses),
    checked("Errors-To", FieldKind::Addresses),
    checked("Importance", FieldKind::Structured(Form::Keyword)),
    checked("Keywords", FieldKind::Structured(Form::Phrases)),
    checked("List-Archive", FieldKind::Structured(Form::Uris)),
    checked("List-Help", FieldKind::Structured(Form::Uris)),
    checked("List-ID", FieldKind::Structured(Form::ListId)),
    checked("List-Owner", FieldKind::Structured(Form::Uris)),
    checked("List-Post", FieldKind::Structured(Form::Uris)),
    checked("List-Subscribe", FieldKind::Structured(Form::Uris)),
    checked("List-Unsubscribe", FieldKind::Structured(Form::Verbatim)),
    checked("List-Unsubscribe-Post", FieldKind::Structured(Form::Verbatim)),
    checked("Mail-Followup-To", FieldKind::Addresses),
    checked("Mail-Reply-To", FieldKind::Addresses),
    checked("Original-Message-ID", FieldKind::Structured(Form::MessageIds)),
    checked("Precedence", FieldKind::Structured(Form::Keyword)),
    checked("Priority", FieldKind::Structured(Form::Keyword)),
    checked("Return-Receipt-To", FieldKind::Addresses),
    checked("Sensitivity", FieldKind::Structured(Form::Keyword)),
    checked("Supersedes", FieldKind::Structured(Form::MessageIds)),
];
