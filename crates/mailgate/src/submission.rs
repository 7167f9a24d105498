//! A client's request in any input format: a mail header that is checked and rewritten, the recipients, the author for the envelope. Its
//! body follows in a spool.
#![forbid(unsafe_code)]

use mail::address::{Address, Mailbox};
use mail::content_type::ContentType;
use mail::message_id::MessageId;

/// A mail that lacks only its body.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The addresses of Bcc, which are among the recipients.
    pub bcc: Vec<Address>,
    /// Whether the client chose the identifier.
    pub client_chose_id: bool,
    /// The media type the client gave.
    pub content_type: Option<ContentType>,
    /// The content transfer encoding the client gave.
    pub transfer_encoding: Option<String>,
    /// The author.
    pub from: Option<Mailbox>,
    /// The addresses of Bcc, as the client and as the mail write them, which must not be logged.
    pub hidden: Vec<String>,
    /// Finished header lines, each ended by LF; without Received, Content-Type and Content-Transfer-Encoding.
    pub header: String,
    /// What the sender calls it by; never in the mail.
    pub labels: Vec<Label>,
    /// Its identifier, the client's or ours.
    pub message_id: MessageId,
    /// Every address of To, Cc and Bcc; after a redirection its addresses instead.
    pub recipients: Vec<Address>,
    /// After a redirection, the number of the original recipients.
    pub redirected: Option<usize>,
    /// The names of the fields that were dropped.
    pub stripped: Vec<String>,
}

/// A tag, a category or the like, which the sender finds the message again by. It is kept with the delivery status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Which kind, in the words of the sender or of the service that his program writes for.
    pub name: String,
    /// What it says.
    pub value: String,
}

/// Where octets lie in a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The position of the first octet.
    pub offset: u64,
    /// How many there are.
    pub len: u64,
}

/// A part of a message that is assembled here (RFC 2046).
#[derive(Clone, Debug)]
pub enum Part {
    /// A single content.
    Leaf(Leaf),
    /// `multipart/` and this subtype, with its parts in order: at least one.
    Multipart {
        /// `alternative`, `mixed` or `related`.
        subtype: &'static str,
        /// What it holds.
        parts: Vec<Part>,
    },
}

/// A single content.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its type; for text without a charset, the octets decide.
    pub content_type: ContentType,
    /// Finished header lines besides Content-Type and Content-Transfer-Encoding, each ended by LF.
    pub header: String,
    /// Its position, decoded.
    pub source: Extent,
}

impl Leaf {
    /// Whether it is a file of its own, which keeps every octet even if it is text.
    pub fn is_attachment(&self) -> bool {
        self.header.lines().any(|line| line.starts_with("Content-Disposition: attachment"))
    }
}
