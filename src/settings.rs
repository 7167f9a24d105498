//! What the configuration says for a request, defaults filled in.
#![forbid(unsafe_code)]

use crate::directives::{Arguments, DirConfig, Environment, Received, Source, Transport};
use httpd::Expression;
use mail::address::Domain;
use mailgate::answer::dry_run::DryRuns;
use mailgate::checks::endpoint::Endpoint;
use mailgate::checks::sequence::{OnFailure, PolicyServer};
use mailgate::input::strip::{NamePattern, StripList};
use mailgate::policy::Recipients;
use mailgate::policy::aliases::Aliases;
use mailgate::policy::arguments::{Addressing, Piece};
use mailgate::policy::redirect::Redirect;
use mailgate::transport::smtp::{Notify, Relay, Server};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use web::origin::Origins;

/// The settings that a request is served by.
pub struct Settings<'c> {
    config: &'c DirConfig,
}

static ALIASES: LazyLock<Aliases> = LazyLock::new(Aliases::default);
static ARGUMENTS: LazyLock<Arguments> = LazyLock::new(|| {
    let words = ["-t", "-i"].map(|word| vec![Piece::Literal(word.to_owned())]);
    Arguments::new(words.into(), false).expect("constants without expressions")
});
static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| Environment::new(Vec::new()));
static ORIGINS: LazyLock<Origins> = LazyLock::new(Origins::default);
static RECIPIENTS: LazyLock<Recipients> = LazyLock::new(Recipients::default);
static STRIP: LazyLock<StripList> = LazyLock::new(StripList::default);

/// Where bodies and messages are stored that are too long for memory: httpd's TMPDIR.
pub static TEMPORARY: LazyLock<PathBuf> = LazyLock::new(std::env::temp_dir);

/// Reads what comes from httpd's own environment, before there are threads that could change it.
pub fn child_starts() {
    LazyLock::force(&ENVIRONMENT);
    LazyLock::force(&TEMPORARY);
}

impl<'c> Settings<'c> {
    pub fn of(config: &'c DirConfig) -> Self {
        Settings { config }
    }

    /// The section's own values, for those that have no default.
    pub fn config(&self) -> &'c DirConfig {
        self.config
    }

    pub fn addressing(&self) -> Addressing {
        match self.transport() {
            Some(Transport::Maildir(_) | Transport::Relay(_)) => Addressing::Appended,
            _ => self.arguments().addressing,
        }
    }

    /// Whether the header's recipients stand among the arguments.
    pub fn appends_recipients(&self) -> bool {
        self.arguments().addressing == Addressing::Appended
    }

    pub fn aliases(&self) -> &'c Aliases {
        self.config.aliases.as_deref().unwrap_or(&ALIASES)
    }

    /// Whether a message is looked at before it goes.
    pub fn has_checks(&self) -> bool {
        self.policy().is_some() || self.clamd().is_some() || !self.milters().is_empty()
    }

    /// For all checks before the body together, and for all behind it: never longer than SendmailTimeout.
    pub fn check_timeout(&self) -> Duration {
        self.config.milter_timeout.unwrap_or(Duration::from_secs(30)).min(self.timeout())
    }

    pub fn clamd(&self) -> Option<&'c Endpoint> {
        self.config.clamd.as_ref()?.as_deref()
    }

    /// Where messages wait for a person.
    pub fn hold(&self) -> Option<&'c Path> {
        self.config.hold.as_ref()?.as_deref()
    }

    /// Whether milters are told of the client, and not of this host.
    pub fn milter_client(&self) -> bool {
        self.config.milter_client.unwrap_or(false)
    }

    pub fn milter_default(&self) -> OnFailure {
        self.config.milter_default.unwrap_or_default()
    }

    pub fn milters(&self) -> &'c [Endpoint] {
        self.config.milters.as_deref().map_or(&[], Vec::as_slice)
    }

    pub fn policy(&self) -> Option<&'c PolicyServer> {
        self.config.policy.as_ref()?.as_deref()
    }

    pub fn policy_default(&self) -> OnFailure {
        self.config.policy_default.unwrap_or_default()
    }

    pub fn allow_origin(&self) -> &'c Origins {
        self.config.allow_origin.as_deref().unwrap_or(&ORIGINS)
    }

    pub fn arguments(&self) -> &'c Arguments {
        self.config.arguments.as_deref().unwrap_or(&ARGUMENTS)
    }

    pub fn domain(&self) -> Option<&'c Domain> {
        self.config.domain.as_deref()
    }

    /// Which requests are dry runs.
    pub fn dry_run(&self) -> DryRuns {
        self.config.dry_run.unwrap_or_default()
    }

    pub fn dsn_redirect(&self) -> bool {
        self.config.dsn_redirect.unwrap_or(true)
    }

    /// All that the program is given.
    pub fn environment(&self) -> &'c [CString] {
        &self.config.environment.as_deref().unwrap_or(&ENVIRONMENT).variables
    }

    pub fn error_detail(&self) -> bool {
        self.config.error_detail.unwrap_or(false)
    }

    /// Whether nobody adds a From that the client left out.
    pub fn requires_from(&self) -> bool {
        match self.transport() {
            Some(Transport::Maildir(_) | Transport::Relay(_)) => true,
            _ => self.arguments().needs_from,
        }
    }

    pub fn max_processes(&self) -> usize {
        self.config.max_processes.unwrap_or(32)
    }

    pub fn max_recipients(&self) -> usize {
        self.config.max_recipients.unwrap_or(100)
    }

    pub fn max_size(&self) -> u64 {
        self.config.max_size.unwrap_or(25 << 20)
    }

    pub fn pass_headers(&self) -> Option<&'c [NamePattern]> {
        self.config.pass_headers.as_deref().map(Vec::as_slice)
    }

    /// Whether messages are written into the database of mod_dbd.
    pub fn processdsn(&self) -> bool {
        self.config.processdsn.unwrap_or(false)
    }

    pub fn received(&self) -> Received {
        self.config.received.unwrap_or(Received::Client)
    }

    pub fn recipients(&self) -> &'c Recipients {
        self.config.recipients.as_deref().unwrap_or(&RECIPIENTS)
    }

    /// Who gets every message in the place of its recipients.
    pub fn redirect_to(&self) -> Option<&'c Redirect> {
        self.config.redirect_to.as_ref()?.as_deref()
    }

    /// The reports that a relay is asked for.
    pub fn relay_dsn(&self) -> Option<&'c Notify> {
        self.config.relay_dsn.as_ref()?.as_deref()
    }

    /// SendmailRelayFrom.
    pub fn relay_from(&self) -> Option<&'c [Piece<Expression>]> {
        self.config.relay_from.as_deref().map(Vec::as_slice)
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

    pub fn sender_mail(&self) -> Option<&'c Source> {
        self.config.sender_mail.as_deref()
    }

    pub fn sender_name(&self) -> Option<&'c Source> {
        self.config.sender_name.as_deref()
    }

    pub fn strip_headers(&self) -> &'c StripList {
        self.config.strip_headers.as_deref().unwrap_or(&STRIP)
    }

    pub fn timeout(&self) -> Duration {
        self.config.timeout.unwrap_or(Duration::from_secs(60))
    }

    pub fn transport(&self) -> Option<&'c Transport> {
        self.config.transport.as_deref()
    }
}
