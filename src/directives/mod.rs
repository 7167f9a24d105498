//! The directives: what one section of the configuration says, and how it is read. What is read refuses a bad value with the value and the
//! remedy. How a row is made says [`table`].
#![forbid(unsafe_code)]

#[macro_use]
mod table;

mod arguments;
mod challenge;
mod checks;
mod health;
mod limits;
mod relay;
mod suppress;
mod transport;
mod values;

pub use arguments::Arguments;
pub use challenge::Challenge;
pub use checks::Macro;
pub use health::Probe;
pub use limits::{Idempotency, KeyStore};
pub use suppress::{Suppress, SuppressMode};
pub use transport::{Environment, Transport};
pub use values::{Received, Source, Text, time};

use httpd::Config;
use mail::address::Domain;
use mail::mask::LogAddresses;
use mailgate::answer::dry_run::DryRuns;
use mailgate::answer::form::Languages;
use mailgate::checks::endpoint::Endpoint;
use mailgate::checks::sequence::{OnFailure, PolicyServer};
use mailgate::input::form::rules::{FileTypes, Roles, Trap};
use mailgate::input::strip::{NamePattern, StripList};
use mailgate::input::ways::Inputs;
use mailgate::policy::Recipients;
use mailgate::policy::aliases::Aliases;
use mailgate::policy::redirect::Redirect;
use mailgate::rate::Limit;
use mailgate::transport::maildir;
use mailgate::transport::smtp::{CaCertificates, ClientCertificate, Credentials, Notify, StartTls};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use web::origin::Origins;

#[rustfmt::skip]
directives! {
    fields {
        own arguments: Arguments<'c> = none, c"SendmailArguments" words arguments::read, c"its arguments, each an expression; no shell (default: -t -i)";
        /// Public base URL of this resource, for its description.
        maybe location: String = none, c"SendmailLocation" one values::base, c"public base URL named in the WADL";
        /// Base of the URLs of statuses.
        maybe dsn_location: Text<'c> = none, c"SendmailDSNLocation" one values::text, c"base URL of the delivery status service";
        /// Whether success redirects to the status.
        value dsn_redirect: bool = true, c"SendmailDSNRedirect" flag values::flag, c"On: redirect to the status; Off: name it in the answer";
        /// Where the author's address comes from.
        maybe sender_mail: Source<'c> = none, c"SendmailSenderMail" one values::source, c"variable or expression that holds the sender's address";
        /// Where the author's name comes from.
        maybe sender_name: Source<'c> = none, c"SendmailSenderName" one values::source, c"variable or expression that holds the sender's name";
        /// Completes an address without one.
        maybe domain: Domain = none, c"SendmailDomain" one values::domain, c"domain of addresses that have none";
        /// The envelope sender; `<>` for none.
        maybe relay_from: Text<'c> = none, c"SendmailRelayFrom" one relay::from, c"expression for the address that gets reports, <> for none (default: the From address)";
        /// The reports that a relay is asked for.
        off relay_dsn: Notify = none, c"SendmailRelayDSN" words |_, words| Notify::parse(words), c"reports to ask for: success, failure, delay, or never; RET=hdrs or RET=full; off (default)";
        /// Longest wait for the program or the relay.
        value timeout: Duration = Duration::from_secs(60), c"SendmailTimeout" one values::time, c"longest wait for the program or the relay, 30s or 500ms or 2mi (default: 60s)";
        /// Largest body, in octets.
        value max_size: u64 = 25 << 20, c"SendmailMaxSize" one values::size, c"largest body, in bytes or with K, M or G (default: 25M)";
        /// Most addresses in To, Cc and Bcc.
        value max_recipients: usize = 100, c"SendmailMaxRecipients" one |_, number| values::number(number, 1), c"most addresses in To, Cc and Bcc (default: 100)";
        /// Most programs and relay connections at a time in one child; 0: no limit.
        value max_processes: usize = 32, c"SendmailMaxProcesses" one |_, number| values::number(number, 0), c"most programs or relay connections at a time in one httpd child, 0 for no limit (default: 32)";
        /// The ways in that are offered.
        shared inputs: Inputs = Inputs::default(), c"SendmailInputs" words |_, words| Inputs::parse(words), c"ways in which a message may stand in a request, fields form mime among them (default: fields)";
        /// Whether a bearer's key is taken for Basic's credentials.
        value bearer: bool = false, c"SendmailBearer" flag values::flag, c"On: the key of Authorization: Bearer is that of Basic, base64 of user:password (default: Off)";
        /// To of the mail that a form becomes.
        maybe form_to: Text<'c> = none, c"SendmailFormTo" one values::text, c"expression for the addresses that get what forms say";
        /// Its From.
        maybe form_from: Text<'c> = none, c"SendmailFormFrom" one values::text, c"expression for the address that forms are sent from";
        /// Its Subject; what the form says of one else.
        maybe form_subject: Text<'c> = none, c"SendmailFormSubject" one values::text, c"expression for the subject of forms";
        /// Its Cc.
        maybe form_cc: Text<'c> = none, c"SendmailFormCc" one values::text, c"expression for the addresses that get a copy of forms";
        /// Which field of a form has which role.
        shared form_fields: Roles = Roles::default(), c"SendmailFormFields" words |_, words| Roles::parse(words), c"fields of a form with a role, role=name (default: reply-to=email name=name subject=subject)";
        /// Fields of a form that must be filled in.
        shared form_require: Vec<String> = Vec::new(), c"SendmailFormRequire" words values::names, c"fields of a form that must be filled in (default: none)";
        /// Files that are taken.
        shared form_files: FileTypes = FileTypes::default(), c"SendmailFormFiles" words |_, words| FileTypes::parse(words), c"types of files that a form may hold: image/* application/pdf, or none (default: none)";
        /// Where a browser goes that has sent a form.
        maybe form_thanks: String = none, c"SendmailFormThanks" one values::page, c"URL or path of the page for those who sent a form";
        /// Languages of the pages for those who sent a form.
        shared form_languages: Languages = Languages::default(), c"SendmailFormLanguages" one values::languages, c"absolute path of a folder with a file like fr.txt for each language of the pages for those who sent a form (default: English and German)";
        /// A field that people do not see.
        shared form_trap: Trap = Trap::default(), c"SendmailFormTrap" words |_, words| Trap::parse(words), c"a field of a form that people do not see, and page, tag or drop";
        /// What a visitor's browser has to solve before a form is sent.
        off challenge: Challenge = none, c"SendmailChallenge" words challenge::challenge, c"altcha, a proof of work that a form must hold, how hard it is and key=/path of its secret: altcha 100000; or off (default: off)";
        /// Who may be written to.
        shared recipients: Recipients = Recipients::default(), c"SendmailRecipients" words |_, words| Recipients::parse(words), c"who may be written to: user@domain, domain, .domain, * (default: *)";
        /// Who may send.
        shared senders: Recipients = Recipients::default(), c"SendmailSenders" words |_, words| Recipients::parse(words), c"who may stand in From, Sender and the envelope: user@domain, domain, .domain, * (default: *)";
        /// Which fields never reach the mail.
        shared strip_headers: StripList = StripList::default(), c"SendmailStripHeaders" words |_, words| StripList::parse(words), c"changes to the fields that never reach the mail: +Name -Name";
        /// If set, only these fields reach the mail.
        maybe pass_headers: Vec<NamePattern> = none, c"SendmailPassHeaders" words values::patterns, c"the only fields that reach the mail";
        own received: Received = none, c"SendmailReceived" one |_, word| Received::parse(word), c"the Received field: full, client, anonymous or off (default: client)";
        /// Pages of which other origins may send.
        shared allow_origin: Origins = Origins::default(), c"SendmailAllowOrigin" words |_, words| Origins::parse(words), c"web origins whose pages may send, or * (default: its own host)";
        /// Which requests are dry runs.
        value dry_run: DryRuns = DryRuns::default(), c"SendmailDryRun" one |_, word| DryRuns::parse(word), c"requests that are checked and shown and not sent: off, request (those that ask) or on (default: off)";
        /// Who gets every message in the place of its recipients.
        off redirect_to: Redirect = none, c"SendmailRedirectTo" words |_, words| Redirect::parse(words), c"addresses that get every message in the place of its recipients, or none (default: none)";
        /// Where the keys of messages are kept that are to be sent once.
        off idempotency: Idempotency = none, c"SendmailIdempotency" words limits::idempotency, c"an absolute directory, or dbd, for the keys of messages that are sent once, and how long they are known: 7d (default: off)";
        /// What happens to recipients that are not written to any more.
        off suppress: Suppress = none, c"SendmailSuppress" words suppress::read, c"off, warn, refuse or drop: what becomes of recipients that failed for good or complained; after=1 for=30d (default: off)";
        /// The milters that look at each message, in this order.
        shared milters: Vec<Endpoint> = Vec::new(), c"SendmailMilter" words checks::milters, c"milters that look at each message, in this order: inet:host:port, unix:/path, or none (default: none)";
        /// Longest wait for all checks before the body together, and for all behind it.
        value milter_timeout: Duration = Duration::from_secs(30), c"SendmailMilterTimeout" one values::time, c"longest wait for all checks together, never past SendmailTimeout (default: 30s)";
        /// What it means that a milter or clamd does not decide.
        value milter_default: OnFailure = OnFailure::Tempfail, c"SendmailMilterDefault" one |_, word| OnFailure::parse(word), c"where a milter or clamd does not decide: tempfail, reject or accept (default: tempfail)";
        /// Macros beside the usual ones.
        maybe milter_macros: Vec<Macro<'c>> = none, c"SendmailMilterMacros" words checks::macros, c"macros for milters, name=expression";
        /// Whether milters are told of the client, and not of this host.
        value milter_client: bool = false, c"SendmailMilterClient" one checks::shows_client, c"who milters are told has connected: local (this host) or request (its client) (default: local)";
        /// A clamd that scans each message.
        off clamd: Endpoint = none, c"SendmailClamd" one checks::clamd, c"a clamd that scans each message: unix:/path or inet:host:port, or none (default: none)";
        /// The policy server.
        off policy: PolicyServer = none, c"SendmailPolicy" words checks::policy, c"a policy server: inet:host:port or unix:/path, and state=end to ask behind the body too, or none (default: none)";
        /// What it means that the policy server does not decide.
        value policy_default: OnFailure = OnFailure::Tempfail, c"SendmailPolicyDefault" one |_, word| OnFailure::parse(word), c"where the policy server does not decide: tempfail, reject or accept (default: tempfail)";
        /// Where messages wait for a person.
        off hold: PathBuf = none, c"SendmailHold" one checks::hold, c"absolute path of the Maildir for messages that a check wants held, or none (default: none)";
        /// Whether the answer shows what the program or the relay said.
        value error_detail: bool = false, c"SendmailErrorDetail" flag values::flag, c"On: the program's complaint goes into the answer";
        /// How much of an address the log shows.
        value log_addresses: LogAddresses = LogAddresses::Full, c"SendmailLogAddresses" one |_, word| LogAddresses::parse(word), c"how much of an address the log shows: full, domain or none (default: full)";
        /// What is asked whether the mail system behind works.
        off health_probe: Probe = none, c"SendmailHealthProbe" words health::probe, c"what sendmail-health asks about the mail system behind: smtp://host:port, or the directory of a queue and its greatest age (1h), or none (default: none)";
        /// Whether messages are written into the database of mod_dbd.
        value processdsn: bool = false, c"ProcessDSNEnable" server_flag values::flag, c"On: messages are written into the database of mod_dbd (default: Off)";
    }
    parts {
        aliases: Arc<Aliases>;
        environment: Arc<Environment>;
        rate_limits: Arc<Vec<Limit>>;
        relay_auth: Arc<Credentials>;
        relay_authorities: Arc<CaCertificates>;
        relay_identity: Arc<ClientCertificate>;
        relay_tls: StartTls;
        transport: Arc<Transport>;
    }
    setters {
        c"SendmailName" one transport::name, c"absolute path of the sendmail program";
        c"SendmailMaildir" one |config, _, path| transport::store(config, &maildir::STORE, path), c"absolute path of a Maildir to deliver into";
        c"SendmailRelay" one transport::relay, c"a mail server to send through: host:port, smtp://host, smtps://user:password@host";
        c"SendmailRelayAuth" one relay::auth, c"absolute path of a file, mode 0600, with the line user:password for the relay";
        c"SendmailRelayCAFile" one relay::ca_file, c"absolute path of the PEM certificates that may vouch for the relay (default: the system's)";
        c"SendmailRelayCertificate" one relay::certificate, c"absolute path of a PEM file with our certificate and key for the relay";
        c"SendmailRelayTLS" one relay::tls, c"STARTTLS with the relay: never, may (if it is offered and works) or must (default: may)";
        c"SendmailRateLimit" words limits::rate_limit, c"how much a client may send: 100/1h burst=20 per=user|address|location count=messages|recipients; several lines all hold, none takes outer ones away (default: none)";
        c"SendmailAlias" words checks::alias, c"a name that clients may write to, and the addresses that get the message";
        c"SendmailEnv" words transport::environment, c"NAME=value, or NAME for httpd's own, in the program's environment";
    }
}

impl Config for DirConfig<'_> {
    fn merge(outer: &Self, inner: &Self) -> Self {
        let mut merged = inner.over(outer);
        if inner.transport.is_some() {
            // Those of the outer section were given for another relay, and no other server may see them. It need not name that relay itself:
            // httpd merges the sections of a URL with each other before it merges them with the server.
            merged.relay_auth.clone_from(&inner.relay_auth);
            merged.relay_identity.clone_from(&inner.relay_identity);
            merged.relay_tls = inner.relay_tls.or(outer.relay_tls.filter(|tls| *tls == StartTls::Must));
        }
        merged
    }
}
