//! Answers a session's questions: httpd checks passwords and access, mod_sendmail's settings the sender and recipients; a message goes into
//! a spool, and is then handed over.
#![forbid(unsafe_code)]

use super::{Submission, deliver};
use crate::Sendmail;
use crate::settings::{Settings, TEMPORARY};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httpd::{Connection, Transaction};
use mailgate::tags;
use smtp::{Cause, Credentials, Decision, Envelope, Host, Mail, Receipt, Recipient, Refusal, Reply};
use std::ffi::CString;
use sys::spool::Spool;

/// A message up to this many octets needs no file.
const IN_MEMORY: usize = 64 * 1024;
/// Most octets of unsent replies; more are sent at once.
const PENDING: usize = 16 * 1024;

/// The client of one connection.
pub struct Client<'c> {
    pub connection: Connection<'c>,
    /// Replies so far.
    pub replies: u64,
    /// Completed messages so far.
    pub messages: u64,
    pending: Vec<u8>,
    gone: bool,
    extended: bool,
    /// The request by which the client authenticated.
    user: Option<Transaction<'c>>,
    /// The request that represents the message of this transaction.
    transaction: Option<Transaction<'c>>,
    spool: Spool,
}

impl<'c> Client<'c> {
    pub fn new(connection: Connection<'c>) -> Self {
        Client {
            connection,
            replies: 0,
            messages: 0,
            pending: Vec::new(),
            gone: false,
            extended: false,
            user: None,
            transaction: None,
            spool: Spool::new(&TEMPORARY, IN_MEMORY),
        }
    }

    /// Sends the replies; returns whether the client still accepts any.
    pub fn flush(&mut self) -> bool {
        if !self.pending.is_empty() && !self.gone {
            self.gone = self.connection.write(&self.pending).is_err();
        }
        self.pending.clear();
        !self.gone
    }

    /// RFC 3848.
    fn protocol(&self) -> String {
        let secure = if self.connection.is_tls() { "S" } else { "" };
        let authenticated = if self.user.is_some() { "A" } else { "" };
        if self.extended { format!("ESMTP{secure}{authenticated}") } else { "SMTP".to_owned() }
    }

    fn request(&self, verb: &str) -> Transaction<'c> {
        let protocol = self.protocol();
        let name = CString::new(protocol.as_str()).unwrap_or_default();
        Transaction::new::<Submission>(&self.connection, &format!("{verb} / {protocol}"), &name)
    }
}

impl Host for Client<'_> {
    fn reply(&mut self, reply: &Reply) {
        self.replies += 1;
        self.pending.extend_from_slice(reply.to_string().as_bytes());
        if self.pending.len() > PENDING {
            self.flush();
        }
    }

    fn hello(&mut self, _: &str, extended: bool) {
        self.extended = extended;
    }

    /// Basic's credentials (RFC 7617 2) for AuthType Basic, in which a user name must not contain a colon.
    fn authenticate(&mut self, credentials: &Credentials) -> Decision {
        let Credentials { user, password } = credentials;
        if user.contains(&b':') || user.iter().chain(password).any(u8::is_ascii_control) {
            return Err(Cause::AuthenticationFailed.into());
        }
        let transaction = self.request("AUTH");
        let encoded = STANDARD.encode([user.as_slice(), b":", password].concat());
        transaction.request().headers_in().set_text("Authorization", &format!("Basic {encoded}"));
        let admitted = transaction.admit();
        transaction.request().headers_in().unset(c"Authorization");
        // It lives as long as the session.
        transaction.log();
        match admitted {
            Ok(()) => {
                self.user = Some(transaction);
                Ok(())
            }
            Err(401 | 403) => Err(Cause::AuthenticationFailed.into()),
            Err(status) => Err(Cause::of_status(status).into()),
        }
    }

    fn mail(&mut self, mail: &Mail) -> Decision {
        let transaction = self.request("MAIL");
        if let Some(user) = &self.user {
            transaction.authenticated_as(user);
        }
        match transaction.admit() {
            Ok(()) => {
                let settings = transaction.config::<Sendmail>().map(Settings::of).ok_or(Cause::Misconfigured)?;
                deliver::check_sender(&settings, mail.sender.as_ref())?;
                self.transaction = Some(transaction);
                Ok(())
            }
            Err(401) => Err(Cause::AuthenticationRequired.into()),
            Err(status) => Err(Cause::of_status(status).into()),
        }
    }

    fn recipient(&mut self, recipient: &Recipient, before: &Envelope) -> Decision {
        let config = self.transaction.as_ref().and_then(|transaction| transaction.config::<Sendmail>());
        let settings = config.map(Settings::of).ok_or(Cause::Misconfigured)?;
        deliver::check_recipient(&settings, recipient, before)
    }

    fn begin(&mut self, _: &Envelope) -> Decision {
        self.spool = Spool::new(&TEMPORARY, IN_MEMORY);
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Decision {
        self.spool.write(octets).map_err(|error| {
            tracing::error!("{}: {error}; nothing was sent", tags::STORAGE);
            Cause::NoRoom.into()
        })
    }

    fn end(&mut self, envelope: &Envelope) -> Result<Receipt, Refusal> {
        self.messages += 1;
        // The replies to earlier commands must not wait for the message.
        self.flush();
        let spool = std::mem::replace(&mut self.spool, Spool::new(&TEMPORARY, IN_MEMORY));
        let transaction = self.transaction.take().ok_or(Cause::Unavailable)?;
        deliver::deliver(&transaction, envelope, spool)
    }

    fn reset(&mut self) {
        self.spool = Spool::new(&TEMPORARY, IN_MEMORY);
        if let Some(transaction) = self.transaction.take() {
            // Nothing was sent.
            transaction.set_status(400);
        }
    }
}
