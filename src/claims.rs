//! SendmailIdempotency: stores the key of a request, or of a message received by SMTP, and repeats the answer to an earlier request with
//! the same key.
#![forbid(unsafe_code)]

use crate::directives::{Idempotency, KeyStore};
use crate::outcome::{self, Refused};
use crate::settings::Settings;
use crate::status;
use httpd::Request;
use mail::address::Address;
use mail::content_type::ContentType;
use mail::header::{HeaderName, HeaderValue};
use mail::message_id::MessageId;
use mailgate::answer::{self, Problem};
use mailgate::claim::database::{self, Connect, Table};
use mailgate::claim::directory::Directory;
use mailgate::claim::{Claim, Claims, Ended, KeyState, Outcome, StoreError, key};
use mailgate::digest::{Digest, Digester};
use mailgate::input::form::challenge::{self, Solved};
use mailgate::input::mime::MimeEnvelope;
use mailgate::submission::{Part, Submission};
use mailgate::tags::{self, Retry};
use mailgate::transport::Failure;
use mailgate::transport::health::{self, HealthError};
use sql::{Database, DatabaseError};
use std::io::{self, Read};
use std::time::Duration;
use sys::spool::Spool;
use web::fields::value_of;

/// Tells the client that keys are honoured here, and for how long.
pub fn announce(request: &Request<'_>, settings: &Settings<'_>) {
    if let Some(idempotency) = settings.idempotency() {
        let seconds = idempotency.lifetime.as_secs().to_string();
        request.err_headers_out().set_text("Idempotency-Key-Lifetime", &seconds);
    }
}

/// A request whose message must be sent only once.
pub struct Keyed<'r> {
    key: Digest,
    /// Whether the content is part of the key. Then the same identifier on another message is not the client's mistake.
    by_content: bool,
    content: Digester,
    store: Store<'r>,
}

enum Store<'r> {
    Directory(Directory<'r>),
    Table(Table<Lender<'r>>),
}

impl<'r> Keyed<'r> {
    /// The key of this request; `None` if it has none, or keys are not honoured here.
    pub fn of(
        request: &'r Request<'r>,
        settings: &Settings<'r>,
        fields: &[(&[u8], &[u8])],
    ) -> Result<Option<Self>, Refused> {
        let Some(idempotency) = settings.idempotency() else { return Ok(None) };
        let Some(value) = value_of(fields, "idempotency-key") else { return Ok(None) };
        let key = key::parse(&value).map_err(answer::bad_key)?;
        let key = scoped(request, settings, &key);
        let store = Store::of(request, settings, idempotency, idempotency.lifetime);
        Ok(Some(Keyed { key, by_content: false, content: Digester::default(), store }))
    }

    /// A form, whose challenge permits one message, whoever sends it. The key is stored for longer than the challenge is valid.
    pub fn of_challenge(
        request: &'r Request<'r>,
        settings: &Settings<'r>,
        idempotency: &'r Idempotency,
        solved: &Solved,
    ) -> Self {
        let lifetime = idempotency.lifetime.max(Duration::from_secs(2 * challenge::LIFETIME));
        let key = Digest::of(&[b"challenge", solved.signature.as_bytes()]);
        let store = Store::of(request, settings, idempotency, lifetime);
        Keyed { key, by_content: false, content: Digester::default(), store }
    }

    /// The key of a message received by SMTP, which has no field for a key: its Message-ID, envelope and content. A client that does not
    /// know the outcome sends it again unchanged. `None`: it has no Message-ID, or keys are not stored here.
    pub fn of_message(
        request: &'r Request<'r>,
        settings: &Settings<'r>,
        fields: &[(&[u8], &[u8])],
        envelope: &MimeEnvelope,
    ) -> Option<Self> {
        let idempotency = settings.idempotency()?;
        let message_id = value_of(fields, "message-id").filter(|id| !id.trim_ascii().is_empty())?;
        let sender = envelope.sender.iter().flatten().map(ToString::to_string);
        let mut recipients: Vec<_> = envelope.recipients.iter().map(ToString::to_string).collect();
        recipients.sort_unstable();
        let key: Vec<_> = ["message".to_owned(), message_id].into_iter().chain(sender).chain(recipients).collect();
        let key = scoped(request, settings, &key.join("\n"));
        let store = Store::of(request, settings, idempotency, idempotency.lifetime);
        Some(Keyed { key, by_content: true, content: Digester::default(), store })
    }

    /// The key of one of several messages in a request.
    pub fn item(mut self, at: usize) -> Self {
        self.key = Digest::of(&[self.key.to_string().as_bytes(), b"item", at.to_string().as_bytes()]);
        self
    }

    /// Adds the mail without its body, and its own envelope sender if it has one. Date and Message-ID do not count: a client that composes
    /// the mail again for a retry changes them.
    pub fn submission(&mut self, submission: &Submission, sender: Option<&Option<Address>>) {
        let written = |sender: &Option<Address>| sender.as_ref().map_or("<>".to_owned(), ToString::to_string);
        let digester = &mut self.content;
        digester.item(sender.map(written).unwrap_or_default().as_bytes());
        digester.item(content_type(submission.content_type.as_ref()).as_bytes());
        digester.item(submission.transfer_encoding.as_deref().unwrap_or_default().as_bytes());
        digester.item(&submission.recipients.len().to_be_bytes());
        submission.recipients.iter().for_each(|address| digester.item(address.to_string().as_bytes()));
        let mut counts = true;
        for line in submission.header.split_inclusive('\n') {
            if !line.starts_with([' ', '\t']) {
                counts = !line.starts_with("Date:") && !line.starts_with("Message-ID:");
            }
            if counts {
                digester.item(line.as_bytes());
            }
        }
        digester.item(b""); // a line is never empty: the body begins here
    }

    /// Adds part of the body.
    pub fn body(&mut self, octets: &[u8]) {
        self.content.part(octets);
    }

    /// Adds parts that are assembled here: their contents, but not the boundaries, which differ each time.
    pub fn parts(&mut self, part: &Part, spool: &Spool) -> io::Result<()> {
        match part {
            Part::Leaf(leaf) => {
                self.content.item(content_type(Some(&leaf.content_type)).as_bytes());
                self.content.item(leaf.header.as_bytes());
                self.content.item(&leaf.source.len.to_be_bytes());
                let mut octets = spool.reader_at(leaf.source.offset).take(leaf.source.len);
                let mut buffer = [0; 8192];
                loop {
                    match octets.read(&mut buffer)? {
                        0 => return Ok(()),
                        n => self.content.part(&buffer[..n]),
                    }
                }
            }
            Part::Multipart { subtype, parts } => {
                self.content.item(subtype.as_bytes());
                self.content.item(&parts.len().to_be_bytes());
                parts.iter().try_for_each(|part| self.parts(part, spool))
            }
        }
    }

    /// Claims the key; whether it is ours now.
    fn claim(&self) -> Result<KeyState<'_>, Problem> {
        let content = self.content.clone().finish();
        let key = match self.by_content {
            true => Digest::of(&[self.key.to_string().as_bytes(), content.to_string().as_bytes()]),
            false => self.key,
        };
        let found = match &self.store {
            Store::Directory(directory) => directory.claim(&key, &content),
            Store::Table(table) => table.claim(&key, &content),
        };
        found.map_err(|error| Problem::from(&error))
    }

    /// Removes expired keys, now and then.
    pub fn sweep(&self) {
        let swept = match &self.store {
            Store::Directory(directory) => directory.sweep(),
            Store::Table(table) => table.sweep(),
        };
        swept.unwrap_or_else(|error| complain("expired keys are not removed", &error));
    }
}

/// Whether keys can be stored now.
pub fn probe(request: &Request<'_>, settings: &Settings<'_>) -> Result<(), HealthError> {
    match settings.idempotency().map(|idempotency| &idempotency.store) {
        None => Ok(()),
        Some(KeyStore::Directory(path)) => health::keys(path),
        Some(KeyStore::Dbd) => health::keys_in_database(request.server_name(), || {
            let limit = status::LIMIT.min(settings.timeout());
            let asked = request.with_database(limit, |lent| database::probe(lent), |_| ());
            asked.map_err(|error| error.to_string())
        }),
    }
}

impl<'r> Store<'r> {
    fn of(request: &'r Request<'r>, settings: &Settings<'r>, idempotency: &'r Idempotency, lifetime: Duration) -> Self {
        let timeout = settings.timeout();
        match &idempotency.store {
            KeyStore::Directory(path) => Store::Directory(Directory::new(path, lifetime)),
            KeyStore::Dbd => {
                let connections = Lender { request, limit: status::LIMIT.min(timeout) };
                Store::Table(Table { connections, lifetime, timeout })
            }
        }
    }
}

/// The database of mod_dbd.
struct Lender<'r> {
    request: &'r Request<'r>,
    limit: Duration,
}

impl Connect for Lender<'_> {
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Database) -> Result<T, DatabaseError> + Send + 'static,
        undo: impl FnOnce(&mut dyn Database) + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.request.with_database(self.limit, |lent| work(lent), |lent| undo(lent))
    }
}

fn content_type(content_type: Option<&ContentType>) -> String {
    let name = HeaderName::parse(b"Content-Type").expect("a constant of letters and a hyphen");
    content_type.map(|content_type| content_type.write(&name)).unwrap_or_default()
}

/// A client's key is its own: it counts for one location and one user, or one address if the user is unknown.
fn scoped(request: &Request<'_>, settings: &Settings<'_>, key: &str) -> Digest {
    let own = || format!("{} {}", request.server_name(), String::from_utf8_lossy(request.uri()));
    let location = settings.location().cloned().unwrap_or_else(own);
    let address = request.client_ip().map(|address| address.to_string()).unwrap_or_default();
    let (kind, who) = match request.user() {
        Some(user) => ("user", user),
        None => ("address", address.as_bytes()),
    };
    Digest::of(&[location.as_bytes(), kind.as_bytes(), who, key.as_bytes()])
}

/// What a request may do, with or without a key.
pub enum Claimed<'k> {
    /// It was sent before; its identifier, and the URL of its delivery status.
    Before(MessageId, Option<String>),
    /// It may have been sent before; that is unknown.
    Perhaps(Refused),
    /// It may send.
    Now(Option<Claim<'k>>),
}

/// Claims the key. If an earlier request has it, that one has sent the message, is sending it, or its outcome is unknown.
pub fn claim<'k>(request: &Request<'_>, keyed: Option<&'k Keyed<'_>>) -> Result<Claimed<'k>, Refused> {
    let Some(keyed) = keyed else { return Ok(Claimed::Now(None)) };
    let Ended { message_id, outcome } = match keyed.claim()? {
        KeyState::Ended(ended) => ended,
        KeyState::OtherContent => return Err(answer::key_reused().into()),
        KeyState::Running => return Err(answer::key_in_use().into()),
        KeyState::Yours(claim) => return Ok(Claimed::Now(Some(claim))),
    };
    let id = HeaderValue::parse(&message_id).ok().and_then(|value| MessageId::parse(&value).ok());
    let id =
        id.ok_or_else(|| Problem::from(&StoreError(format!("a key has a message id that is none: {message_id}"))))?;
    request.err_headers_out().set_text("Idempotency-Replayed", "true");
    match outcome {
        Outcome::Accepted { status_url } => {
            outcome::replayed(request, &id);
            Ok(Claimed::Before(id, status_url))
        }
        Outcome::Unknown(tag) => {
            let problem = Box::new(answer::still_unknown(tag));
            Ok(Claimed::Perhaps(Refused::Problem { problem, message_id: Some(id), exit: None }))
        }
    }
}

/// The message was accepted.
pub fn accepted(claim: Option<Claim<'_>>, status_url: Option<&str>) {
    settle(claim, &Outcome::Accepted { status_url: status_url.map(str::to_owned) });
}

/// The message was not taken, or that is unknown.
pub fn failed(claim: Option<Claim<'_>>, failure: &Failure) {
    let tag = Problem::from(failure).tag;
    if tag.retry == Retry::Unknown {
        settle(claim, &Outcome::Unknown(tag));
    } else if let Some(Err(error)) = claim.map(Claim::free) {
        complain("a key stays taken for a message that was not sent", &error);
    }
}

fn settle(claim: Option<Claim<'_>>, outcome: &Outcome) {
    if let Some(Err(error)) = claim.map(|claim| claim.settle(outcome)) {
        complain("the next request with this key is told that the outcome is unknown", &error);
    }
}

fn complain(what: &str, error: &StoreError) {
    tracing::warn!("{}: {what}: {error}", tags::UNSETTLED);
}
