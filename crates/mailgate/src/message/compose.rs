//! A [`Submission`] and what is known of its body -> the lines of the header that stand beside those of the client: the trace, and what
//! the body is.
#![forbid(unsafe_code)]

use crate::submission::{Leaf, Submission};
use mail::address::HostName;
use mail::content_type::ContentType;
use mail::date;
use mail::header::HeaderName;
use mail::message_id::Token;
use mail::mime::MimeError;
use mail::transfer_encoding::{self as body, BodyError, BodyKind, Facts, Lengths, Markup, Plan, Source};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::LazyLock;

/// Why a message could not be composed.
#[derive(Debug)]
pub enum ComposeError {
    /// The body does not fit its type or encoding.
    Body(BodyError),
    /// The message could not be stored.
    Io(io::Error),
    /// The parts of the body cannot be carried.
    Parts(MimeError),
}

impl From<BodyError> for ComposeError {
    fn from(error: BodyError) -> Self {
        ComposeError::Body(error)
    }
}

impl From<io::Error> for ComposeError {
    fn from(error: io::Error) -> Self {
        ComposeError::Io(error)
    }
}

impl From<MimeError> for ComposeError {
    fn from(error: MimeError) -> Self {
        match error {
            MimeError::Io(error) => ComposeError::Io(error),
            error => ComposeError::Parts(error),
        }
    }
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ComposeError::Body(error) => error.fmt(f),
            ComposeError::Io(error) => write!(f, "the message could not be stored: {error}"),
            ComposeError::Parts(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ComposeError {}

/// Where a message came from, for its Received field (RFC 5321 4.4).
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    /// The address of the client, unless the configuration hides it.
    pub client: Option<IpAddr>,
    /// The user, where the configuration shows it.
    pub user: Option<&'a [u8]>,
    /// The server's own name.
    pub server_name: &'a HostName,
    /// How it came: HTTP, HTTPS, or a word of RFC 3848.
    pub protocol: &'a str,
    /// The identifier in the trace line and in the log.
    pub token: &'a Token,
}

impl Trace<'_> {
    /// The whole field. What a user is called is written only as far as it is letters, digits and `@._-`.
    pub(super) fn field(&self) -> String {
        let client = self.client.map(HostName::literal);
        let user = self.user.map(|user| {
            let plain =
                |&byte: &u8| if byte.is_ascii_alphanumeric() || b"@._-".contains(&byte) { byte as char } else { '?' };
            format!(" (user {})", user.iter().take(128).map(plain).collect::<String>())
        });
        [
            "Received: from ",
            client.as_ref().map_or("client", HostName::as_str),
            user.as_deref().unwrap_or_default(),
            "\n\tby ",
            self.server_name.as_str(),
            " with ",
            self.protocol,
            " id ",
            self.token.as_str(),
            ";\n\t",
            &date::now(),
            "\n",
        ]
        .concat()
    }
}

/// What the header has to say of a body, and how that is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// The last lines of the header, with the empty one.
    pub header: String,
    /// How the body is written.
    pub plan: Plan,
    /// Whether it stays so, whatever else the body holds: base64, since the type is known and is none of text or parts.
    pub is_certain: bool,
}

impl Form {
    /// For a body of which `facts` are known; `lengths` as for [`body::plan`].
    pub fn of<E: From<BodyError>>(
        submission: &Submission,
        facts: &Facts,
        lengths: impl FnOnce() -> Result<Lengths, E>,
    ) -> Result<Form, E> {
        let given = submission.content_type.as_ref();
        let is_known = facts.nul && given.is_none() || given.is_some_and(|given| markup(Some(given)) == Markup::None);
        let content_type = content_type(given, facts);
        let kind = content_type.kind();
        let plan = body::plan(kind, submission.transfer_encoding.as_deref(), facts, lengths)?;
        let header = last_lines(&content_type, &plan);
        Ok(Form { header, plan, is_certain: is_known && kind == BodyKind::Other && plan.source != Source::Encoded })
    }

    /// For the contents of a part, whose sender said nothing of an encoding.
    pub fn of_leaf<E>(leaf: &Leaf, facts: &Facts, lengths: impl FnOnce() -> Result<Lengths, E>) -> Result<Form, E> {
        let content_type = content_type(Some(&leaf.content_type), facts);
        let kind = if leaf.is_attachment() { BodyKind::Other } else { content_type.kind() };
        let plan = Plan::of_leaf(kind, facts, lengths)?;
        Ok(Form { header: last_lines(&content_type, &plan), plan, is_certain: true })
    }
}

static CONTENT_TYPE: LazyLock<HeaderName> =
    LazyLock::new(|| HeaderName::parse(b"Content-Type").expect("a constant of letters and a hyphen"));

/// The last lines of a header, with the empty one.
pub(super) fn last_lines(content_type: &ContentType, plan: &Plan) -> String {
    let mut header = content_type.write(&CONTENT_TYPE);
    if let Some(encoding) = plan.transfer_encoding() {
        header += &format!("Content-Transfer-Encoding: {encoding}\n");
    }
    header + "\n"
}

/// Where a body of this type may name its charset.
pub(super) fn markup(given: Option<&ContentType>) -> Markup {
    let Some(given) = given else { return Markup::Plain };
    match given.essence() {
        _ if !given.is_text() || given.charset().is_some() => Markup::None,
        "text/html" => Markup::Html,
        "text/css" => Markup::Css,
        xml if xml == "text/xml" || xml.ends_with("+xml") => Markup::Xml,
        _ => Markup::Plain,
    }
}

/// What the client said, or the guess that never loses an octet; text with 8-bit octets gets the charset they are in.
fn content_type<'a>(given: Option<&'a ContentType>, facts: &Facts) -> Cow<'a, ContentType> {
    let guess = || Cow::Owned(if facts.nul { ContentType::octet_stream() } else { ContentType::text_plain() });
    let content_type = given.map_or_else(guess, Cow::Borrowed);
    let is_open = content_type.is_text() && content_type.charset().is_none();
    match facts.charset().filter(|_| is_open) {
        Some(charset) => Cow::Owned(content_type.into_owned().with_charset(&charset)),
        None => content_type,
    }
}
