//! What the configuration says for a request, defaults filled in. Most getters come from the rows of [`crate::directives`]; here are those that
//! put several settings together.
#![forbid(unsafe_code)]

use crate::directives::{Arguments, DirConfig, Environment, Received, Text, Transport};
use mailgate::answer::Problem;
use mailgate::input::mime::MimeEnvelope;
use mailgate::policy::aliases::Aliases;
use mailgate::policy::arguments::{Addressing, Piece};
use mailgate::rate::Limit;
use mailgate::tags;
use mailgate::transport::program::dsn;
use mailgate::transport::smtp::{Relay, Server};
use std::ffi::CString;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// The settings that a request is served by.
pub struct Settings<'c> {
    config: &'c DirConfig<'c>,
    /// How much the Received field says where nothing else is said.
    received: Received,
}

static ARGUMENTS: LazyLock<Arguments<'static>> = LazyLock::new(|| {
    let literal = |word: &str| Text { pieces: vec![Piece::Literal(word.to_owned())], written: word.to_owned() };
    Arguments::new(["-t", "-i"].map(literal).into()).expect("constants without expressions")
});
static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| Environment::new(Vec::new()));

/// Where bodies and messages are stored that are too long for memory: httpd's TMPDIR.
pub static TEMPORARY: LazyLock<PathBuf> = LazyLock::new(std::env::temp_dir);

/// What stays in memory of a body that is read before it is looked at, in octets.
pub const IN_MEMORY: usize = 64 * 1024;

/// Reads what comes from httpd's own environment, before there are threads that could change it.
pub fn child_starts() {
    LazyLock::force(&ENVIRONMENT);
    LazyLock::force(&TEMPORARY);
}

impl<'c> Settings<'c> {
    pub fn of(config: &'c DirConfig<'c>) -> Self {
        Settings { config, received: Received::Client }
    }

    /// The same for a form, whose mail goes to people who need not know from which address a visitor came.
    pub fn of_forms(&self) -> Self {
        Settings { config: self.config, received: Received::Anonymous }
    }

    /// How much the Received field says.
    pub fn received(&self) -> Received {
        self.config.received.as_deref().copied().unwrap_or(self.received)
    }

    /// The section's own values, for those that have no default.
    pub fn config(&self) -> &'c DirConfig<'c> {
        self.config
    }

    /// Names that clients may write to.
    pub fn aliases(&self) -> &'c Aliases {
        static NONE: LazyLock<Aliases> = LazyLock::new(Aliases::default);
        self.config.aliases.as_deref().unwrap_or(&NONE)
    }

    /// Whether a message is looked at before it goes.
    pub fn has_checks(&self) -> bool {
        self.policy().is_some() || self.clamd().is_some() || !self.milters().is_empty()
    }

    pub fn addressing(&self) -> Addressing {
        match self.transport() {
            Some(Transport::Relay(_) | Transport::Store(..)) => Addressing::Appended,
            Some(Transport::Program(_)) | None => self.arguments().addressing,
        }
    }

    /// Whether the header's recipients stand among the arguments.
    pub fn appends_recipients(&self) -> bool {
        self.arguments().addressing == Addressing::Appended
    }

    /// Whether the envelope is apart from the header, so that it may leave out whom the header names.
    pub fn has_envelope(&self) -> bool {
        match self.transport() {
            Some(Transport::Store(..)) | None => false,
            Some(Transport::Relay(_)) => true,
            Some(Transport::Program(_)) => self.appends_recipients(),
        }
    }

    pub fn arguments(&self) -> &'c Arguments<'c> {
        self.config.arguments.as_deref().unwrap_or(&ARGUMENTS)
    }

    /// All that the program is given.
    pub fn environment(&self) -> &'c [CString] {
        &self.config.environment.as_deref().unwrap_or(&ENVIRONMENT).variables
    }

    /// How much a client may send.
    pub fn rate_limits(&self) -> &'c [Limit] {
        self.config.rate_limits.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether nobody adds a From that the client left out.
    pub fn requires_from(&self) -> bool {
        match self.transport() {
            Some(Transport::Relay(_) | Transport::Store(..)) => true,
            Some(Transport::Program(_)) | None => self.arguments().needs_from,
        }
    }

    /// All that a connection to `server` depends on; `server_name` is our own.
    pub fn relay(&self, server: &Arc<Server>, server_name: &str) -> Relay {
        Relay {
            server: server.clone(),
            credentials: self.config.relay_auth.clone(),
            authorities: self.config.relay_authorities.clone(),
            identity: self.config.relay_identity.clone(),
            starttls: self.config.relay_tls.unwrap_or_default(),
            name: server_name.to_owned(),
        }
    }

    /// An envelope that a client names reaches a relay, a Maildir, and a program whose last word is `--`; with `-t` the header would be read
    /// instead, and with fixed arguments nothing of it.
    pub fn check_envelope(&self, envelope: &MimeEnvelope) -> Result<(), Problem> {
        let fits = matches!(self.addressing(), Addressing::Appended);
        if fits || envelope.sender.is_none() && envelope.recipients.is_empty() {
            return Ok(());
        }
        let log =
            "Envelope-To and Envelope-From need SendmailArguments that end in --, SendmailRelay or SendmailMaildir";
        Err(Problem::hidden(
            &tags::MISCONFIGURED,
            "this server is not set up for an envelope apart from the header",
            log,
        ))
    }

    /// Whether the reports that a client asks for can be asked of the way out: of a relay, unless SendmailRelayDSN says which, and of a program
    /// that has options for them.
    pub fn passes_reports_on(&self) -> bool {
        match self.transport() {
            Some(Transport::Relay(_)) => self.relay_dsn().is_none(),
            Some(Transport::Program(path)) => {
                self.appends_recipients() && !self.arguments().asks_for_reports && dsn::takes_options(path)
            }
            Some(Transport::Store(..)) | None => false,
        }
    }

    pub fn transport(&self) -> Option<&'c Transport> {
        self.config.transport.as_deref()
    }
}
