//! The directives as one table, and what one section of the configuration says. A setter refuses a bad value with the value and the
//! remedy; defaults are filled in by [`crate::settings`].
#![forbid(unsafe_code)]

use httpd::{Arity, Command, Config, Context, Directive, Expression};
use mail::address::{Address, Domain};
use mailgate::answer::dry_run::DryRuns;
use mailgate::checks::endpoint::Endpoint;
use mailgate::checks::milter;
use mailgate::checks::sequence::{OnFailure, PolicyServer};
use mailgate::input::strip::{NamePattern, StripList};
use mailgate::policy::Recipients;
use mailgate::policy::aliases::Aliases;
use mailgate::policy::arguments::{self, Addressing, Piece, pieces};
use mailgate::policy::redirect::{self, Redirect};
use mailgate::transport;
use mailgate::transport::program::arguments::{ProgramArguments, Role};
use mailgate::transport::program::mta::Mta;
use mailgate::transport::smtp::{self, Authorities, Credentials, Identity, Notify, Server, StartTls};
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use web::origin::Origins;

/// Where messages go: one setting, whichever directive says it.
#[derive(Clone, Debug)]
pub enum Transport {
    /// SendmailMaildir.
    Maildir(PathBuf),
    /// SendmailName.
    Program(PathBuf),
    /// SendmailRelay.
    Relay(Arc<Server>),
}

/// SendmailArguments.
#[derive(Debug)]
pub struct Arguments {
    /// The words, each in its pieces.
    pub words: Vec<Vec<Piece<Expression>>>,
    /// What each of them is to the program.
    pub roles: Vec<Role>,
    /// Who says where a message goes.
    pub addressing: Addressing,
    /// Why they would send past SendmailRedirectTo, if they would.
    pub escape: Option<String>,
    /// Whether a word refers to the author's address, so that a message without From cannot be sent.
    pub needs_from: bool,
}

/// SendmailEnv, made while the configuration is read: later another thread may change what httpd's own environment says.
#[derive(Clone, Debug)]
pub struct Environment {
    added: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// All that the program is given.
    pub variables: Vec<CString>,
}

impl Environment {
    /// The fixed variables, and those of SendmailEnv.
    pub fn new(added: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Self {
        Environment { variables: transport::environment(&added), added }
    }
}

/// Where a value about the sender comes from.
#[derive(Debug)]
pub enum Source {
    /// An expression, with its text.
    Expression(String, Expression),
    /// A CGI variable.
    Variable(CString),
}

impl Source {
    /// The name of the variable, or the expression as it was written.
    pub fn text(&self) -> String {
        match self {
            Source::Expression(text, _) => text.clone(),
            Source::Variable(name) => name.to_string_lossy().into_owned(),
        }
    }
}

/// One of SendmailMilterMacros.
#[derive(Debug)]
pub struct Macro {
    /// As a milter knows it.
    pub name: String,
    /// The value as it was written.
    pub text: String,
    /// The value in its pieces.
    pub pieces: Vec<Piece<Expression>>,
}

/// How much the Received field says of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    Anonymous,
    Client,
    Full,
    Off,
}

/// The settings of a section: the struct, and that an inner section's value replaces the outer one's, in one place.
macro_rules! section {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// What one section says; `None` where it is silent.
        #[derive(Clone, Debug, Default)]
        pub struct DirConfig { $($(#[$doc])* pub $field: Option<$type>,)* }

        impl DirConfig {
            fn over(&self, outer: &Self) -> Self {
                DirConfig { $($field: self.$field.clone().or_else(|| outer.$field.clone()),)* }
            }
        }
    };
}

section! {
    aliases: Arc<Aliases>,
    allow_origin: Arc<Origins>,
    arguments: Arc<Arguments>,
    /// The words as they were written.
    arguments_text: Arc<Vec<String>>,
    clamd: Option<Arc<Endpoint>>,
    domain: Arc<Domain>,
    dsn_location: Arc<Vec<Piece<Expression>>>,
    dry_run: DryRuns,
    dsn_redirect: bool,
    environment: Arc<Environment>,
    error_detail: bool,
    hold: Option<Arc<Path>>,
    location: Arc<str>,
    max_processes: usize,
    max_recipients: usize,
    max_size: u64,
    milter_client: bool,
    milter_default: OnFailure,
    milter_macros: Arc<Vec<Macro>>,
    milter_timeout: Duration,
    milters: Arc<Vec<Endpoint>>,
    pass_headers: Arc<Vec<NamePattern>>,
    policy: Option<Arc<PolicyServer>>,
    policy_default: OnFailure,
    processdsn: bool,
    received: Received,
    recipients: Arc<Recipients>,
    redirect_to: Option<Arc<Redirect>>,
    relay_auth: Arc<Credentials>,
    relay_authorities: Arc<Authorities>,
    relay_dsn: Option<Arc<Notify>>,
    relay_from: Arc<Vec<Piece<Expression>>>,
    /// The word as it was written.
    relay_from_text: Arc<str>,
    relay_identity: Arc<Identity>,
    relay_tls: StartTls,
    sender_mail: Arc<Source>,
    sender_name: Arc<Source>,
    strip_headers: Arc<StripList>,
    timeout: Duration,
    transport: Arc<Transport>,
}

impl Config for DirConfig {
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

const fn row(name: &'static CStr, arity: Arity<DirConfig>, help: &'static CStr) -> Directive<DirConfig> {
    Directive { name, arity, context: Context::Section, help }
}

/// Every directive, in the order of the manual.
#[rustfmt::skip]
pub const DIRECTIVES: &[Directive<DirConfig>] = &[
    row(c"SendmailName", Arity::One(sendmail_name), c"absolute path of the sendmail program"),
    row(c"SendmailArguments", Arity::Words(sendmail_arguments), c"its arguments, each an expression; no shell (default: -t -i)"),
    row(c"SendmailLocation", Arity::One(sendmail_location), c"public base URL named in the WADL"),
    row(c"SendmailDSNLocation", Arity::One(sendmail_dsn_location), c"base URL of the delivery status service"),
    row(c"SendmailDSNRedirect", Arity::Flag(sendmail_dsn_redirect), c"On: redirect to the status; Off: name it in the answer"),
    row(c"SendmailSenderMail", Arity::One(sendmail_sender_mail), c"variable or expression that holds the sender's address"),
    row(c"SendmailSenderName", Arity::One(sendmail_sender_name), c"variable or expression that holds the sender's name"),
    row(c"SendmailDomain", Arity::One(sendmail_domain), c"domain of addresses that have none"),
    row(c"SendmailMaildir", Arity::One(sendmail_maildir), c"absolute path of a Maildir to deliver into"),
    row(c"SendmailRelay", Arity::One(sendmail_relay), c"a mail server to send through: host:port, smtp://host, smtps://user:password@host"),
    row(c"SendmailRelayAuth", Arity::One(sendmail_relay_auth), c"absolute path of a file, mode 0600, with the line user:password for the relay"),
    row(c"SendmailRelayCAFile", Arity::One(sendmail_relay_ca_file), c"absolute path of the PEM certificates that may vouch for the relay (default: the system's)"),
    row(c"SendmailRelayCertificate", Arity::One(sendmail_relay_certificate), c"absolute path of a PEM file with our certificate and key for the relay"),
    row(c"SendmailRelayTLS", Arity::One(sendmail_relay_tls), c"STARTTLS with the relay: never, may (if it is offered and works) or must (default: may)"),
    row(c"SendmailRelayFrom", Arity::One(sendmail_relay_from), c"expression for the address that gets reports, <> for none (default: the From address)"),
    row(c"SendmailRelayDSN", Arity::Words(sendmail_relay_dsn), c"reports to ask for: success, failure, delay, or never; RET=hdrs or RET=full; off (default)"),
    row(c"SendmailTimeout", Arity::One(sendmail_timeout), c"longest wait for the program or the relay, 30s or 500ms or 2mi (default: 60s)"),
    row(c"SendmailMaxSize", Arity::One(sendmail_max_size), c"largest body, in bytes or with K, M or G (default: 25M)"),
    row(c"SendmailMaxRecipients", Arity::One(sendmail_max_recipients), c"most addresses in To, Cc and Bcc (default: 100)"),
    row(c"SendmailMaxProcesses", Arity::One(sendmail_max_processes), c"most programs or relay connections at a time in one httpd child, 0 for no limit (default: 32)"),
    row(c"SendmailRecipients", Arity::Words(sendmail_recipients), c"who may be written to: user@domain, domain, .domain, * (default: *)"),
    row(c"SendmailStripHeaders", Arity::Words(sendmail_strip_headers), c"changes to the fields that never reach the mail: +Name -Name"),
    row(c"SendmailPassHeaders", Arity::Words(sendmail_pass_headers), c"the only fields that reach the mail"),
    row(c"SendmailReceived", Arity::One(sendmail_received), c"the Received field: full, client, anonymous or off (default: client)"),
    row(c"SendmailAllowOrigin", Arity::Words(sendmail_allow_origin), c"web origins whose pages may send, or * (default: its own host)"),
    row(c"SendmailDryRun", Arity::One(sendmail_dry_run), c"requests that are checked and shown and not sent: off, request (those that ask) or on (default: off)"),
    row(c"SendmailRedirectTo", Arity::Words(sendmail_redirect_to), c"addresses that get every message in the place of its recipients, or none (default: none)"),
    row(c"SendmailAlias", Arity::Words(sendmail_alias), c"a name that clients may write to, and the addresses that get the message"),
    row(c"SendmailMilter", Arity::Words(sendmail_milter), c"milters that look at each message, in this order: inet:host:port, unix:/path, or none (default: none)"),
    row(c"SendmailMilterTimeout", Arity::One(sendmail_milter_timeout), c"longest wait for all checks together, never past SendmailTimeout (default: 30s)"),
    row(c"SendmailMilterDefault", Arity::One(sendmail_milter_default), c"where a milter or clamd does not decide: tempfail, reject or accept (default: tempfail)"),
    row(c"SendmailMilterMacros", Arity::Words(sendmail_milter_macros), c"macros for milters, name=expression"),
    row(c"SendmailMilterClient", Arity::One(sendmail_milter_client), c"who milters are told has connected: local (this host) or request (its client) (default: local)"),
    row(c"SendmailClamd", Arity::One(sendmail_clamd), c"a clamd that scans each message: unix:/path or inet:host:port, or none (default: none)"),
    row(c"SendmailPolicy", Arity::Words(sendmail_policy), c"a policy server: inet:host:port or unix:/path, and state=end to ask behind the body too, or none (default: none)"),
    row(c"SendmailPolicyDefault", Arity::One(sendmail_policy_default), c"where the policy server does not decide: tempfail, reject or accept (default: tempfail)"),
    row(c"SendmailHold", Arity::One(sendmail_hold), c"absolute path of the Maildir for messages that a check wants held, or none (default: none)"),
    row(c"SendmailErrorDetail", Arity::Flag(sendmail_error_detail), c"On: the program's complaint goes into the answer"),
    row(c"SendmailEnv", Arity::Words(sendmail_env), c"NAME=value, or NAME for httpd's own, in the program's environment"),
    Directive { name: c"ProcessDSNEnable", arity: Arity::Flag(processdsn_enable), context: Context::Server, help: c"On: messages are written into the database of mod_dbd (default: Off)" },
];

type Outcome = Result<(), String>;

fn sendmail_name(config: &mut DirConfig, _: &Command<'_>, path: &str) -> Outcome {
    set_transport(config, Transport::Program(absolute(path)?))
}

fn sendmail_maildir(config: &mut DirConfig, _: &Command<'_>, path: &str) -> Outcome {
    set_transport(config, Transport::Maildir(absolute(path)?))
}

/// Two ways out in one section are a mistake; the same one twice is a correction.
fn set_transport(config: &mut DirConfig, transport: Transport) -> Outcome {
    let other = config
        .transport
        .as_deref()
        .is_some_and(|set| std::mem::discriminant(set) != std::mem::discriminant(&transport));
    if other {
        return Err(
            "SendmailName, SendmailMaildir and SendmailRelay exclude each other in one section; keep one".into()
        );
    }
    config.transport = Some(Arc::new(transport));
    Ok(())
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    if path.starts_with('/') {
        Ok(path.into())
    } else {
        Err(format!("'{path}' is not an absolute path; write it from / on"))
    }
}

fn sendmail_relay(config: &mut DirConfig, _: &Command<'_>, url: &str) -> Outcome {
    set_transport(config, Transport::Relay(Arc::new(Server::parse(url)?)))?;
    check_relay_tls(config)
}

fn sendmail_relay_auth(config: &mut DirConfig, _: &Command<'_>, path: &str) -> Outcome {
    config.relay_auth = Some(Arc::new(Credentials::read(&absolute(path)?)?));
    check_relay_tls(config)
}

fn sendmail_relay_ca_file(config: &mut DirConfig, _: &Command<'_>, path: &str) -> Outcome {
    config.relay_authorities = Some(Arc::new(Authorities::read(&absolute(path)?)?));
    check_relay_tls(config)
}

fn sendmail_relay_certificate(config: &mut DirConfig, _: &Command<'_>, path: &str) -> Outcome {
    config.relay_identity = Some(Arc::new(Identity::read(&absolute(path)?)?));
    check_relay_tls(config)
}

fn sendmail_relay_tls(config: &mut DirConfig, _: &Command<'_>, word: &str) -> Outcome {
    config.relay_tls = Some(StartTls::parse(word)?);
    check_relay_tls(config)
}

/// What one section says of TLS must fit together; what several say is known only when a message is sent.
fn check_relay_tls(config: &DirConfig) -> Outcome {
    let server = match config.transport.as_deref() {
        Some(Transport::Relay(server)) => Some(&**server),
        _ => None,
    };
    let parts = [config.relay_auth.is_some(), config.relay_authorities.is_some(), config.relay_identity.is_some()];
    config.relay_tls.unwrap_or_default().check(smtp::needs_tls(server, parts))
}

fn sendmail_relay_from(config: &mut DirConfig, command: &Command<'_>, address: &str) -> Outcome {
    let pieces = pieces(address, |expression| command.expression(expression))?;
    if let [Piece::Literal(literal)] = pieces.as_slice()
        && literal != "<>"
    {
        Address::parse(literal).map_err(|error| format!("'{literal}': {error}; or write <> for none"))?;
    }
    config.relay_from = Some(Arc::new(pieces));
    config.relay_from_text = Some(address.into());
    Ok(())
}

fn sendmail_relay_dsn(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    config.relay_dsn = Some(Notify::parse(words)?.map(Arc::new));
    Ok(())
}

fn sendmail_arguments(config: &mut DirConfig, command: &Command<'_>, words: &[&str]) -> Outcome {
    config.arguments_text = Some(Arc::new(words.iter().map(|word| (*word).to_owned()).collect()));
    let needs_from = words.iter().any(|word| word.contains("%{reqenv:SENDMAIL_FROM}"));
    let words = words
        .iter()
        .map(|word| pieces(word, |expression| command.expression(expression)))
        .collect::<Result<Vec<_>, _>>()?;
    config.arguments = Some(Arc::new(Arguments::new(words, needs_from)?));
    Ok(())
}

impl Arguments {
    /// The words, and what they say of who is addressed. They are read as any of the programs may read them: the path says nothing for sure.
    pub fn new(words: Vec<Vec<Piece<Expression>>>, needs_from: bool) -> Result<Self, String> {
        let read = ProgramArguments::read(Mta::Unknown, arguments::words(&words));
        if let Some(at) = read.option_of_request() {
            return Err(format!(
                "word {} would let the request choose an option; write the value as a word of its own, behind an option that takes one (-f %{{...}})",
                at + 1
            ));
        }
        if read.reads_smtp() {
            return Err(
                "-bs reads the text of the message as commands, which would name the recipients; take it out".into()
            );
        }
        let (addressing, escape, roles) = (Addressing::of(&read), redirect::escape(&read), read.roles().to_vec());
        Ok(Arguments { addressing, escape, needs_from, roles, words })
    }
}

fn sendmail_location(config: &mut DirConfig, _: &Command<'_>, url: &str) -> Outcome {
    tracking::status::url::check_base(url)?;
    config.location = Some(url.into());
    Ok(())
}

fn sendmail_dsn_location(config: &mut DirConfig, command: &Command<'_>, url: &str) -> Outcome {
    config.dsn_location = Some(Arc::new(pieces(url, |expression| command.expression(expression))?));
    Ok(())
}

fn sendmail_dsn_redirect(config: &mut DirConfig, on: bool) -> Outcome {
    config.dsn_redirect = Some(on);
    Ok(())
}

fn sendmail_sender_mail(config: &mut DirConfig, command: &Command<'_>, source: &str) -> Outcome {
    config.sender_mail = Some(Arc::new(parse_source(command, source)?));
    Ok(())
}

fn sendmail_sender_name(config: &mut DirConfig, command: &Command<'_>, source: &str) -> Outcome {
    config.sender_name = Some(Arc::new(parse_source(command, source)?));
    Ok(())
}

fn parse_source(command: &Command<'_>, source: &str) -> Result<Source, String> {
    if source.is_empty() {
        return Err("is empty; name a variable (REMOTE_USER) or an expression".into());
    }
    if source.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(Source::Variable(httpd::c_string(source)));
    }
    Ok(Source::Expression(source.to_owned(), command.expression(source)?))
}

fn sendmail_domain(config: &mut DirConfig, _: &Command<'_>, domain: &str) -> Outcome {
    config.domain = Some(Arc::new(Domain::parse(domain).map_err(|error| format!("'{domain}': {error}"))?));
    Ok(())
}

fn sendmail_timeout(config: &mut DirConfig, _: &Command<'_>, time: &str) -> Outcome {
    config.timeout = Some(parse_time(time)?);
    Ok(())
}

fn parse_time(time: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("mi", 60_000), ("min", 60_000), ("s", 1000), ("h", 3_600_000), ("", 1000)];
    let digits = time.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = units.iter().find(|(unit, _)| time[digits.len()..].eq_ignore_ascii_case(unit));
    let milliseconds = unit.and_then(|(_, factor)| digits.parse::<u64>().ok()?.checked_mul(*factor));
    match milliseconds {
        Some(milliseconds @ 1..=86_400_000) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(format!("'{time}' is not a time between 1ms and 24h; write 30s, 500ms, 2mi or 1h, or seconds alone")),
    }
}

fn sendmail_alias(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    let mut aliases = config.aliases.as_deref().cloned().unwrap_or_default();
    aliases.add(words)?;
    config.aliases = Some(Arc::new(aliases));
    Ok(())
}

/// `none` alone, in any case: what an outer section says does not hold here.
fn is_none(words: &[&str]) -> bool {
    matches!(words, [word] if word.eq_ignore_ascii_case("none"))
}

fn sendmail_milter(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    let words = if is_none(words) { &[] } else { words };
    config.milters = Some(Arc::new(words.iter().map(|word| Endpoint::parse(word)).collect::<Result<_, _>>()?));
    Ok(())
}

fn sendmail_milter_timeout(config: &mut DirConfig, _: &Command<'_>, time: &str) -> Outcome {
    config.milter_timeout = Some(parse_time(time)?);
    Ok(())
}

fn sendmail_milter_default(config: &mut DirConfig, _: &Command<'_>, word: &str) -> Outcome {
    config.milter_default = Some(OnFailure::parse(word)?);
    Ok(())
}

fn sendmail_milter_macros(config: &mut DirConfig, command: &Command<'_>, words: &[&str]) -> Outcome {
    let parse = |word: &&str| {
        let (name, value) = word.split_once('=').ok_or_else(|| format!("'{word}' is not name=expression"))?;
        let pieces = pieces(value, |expression| command.expression(expression))?;
        Ok::<_, String>(Macro { name: milter::macro_name(name)?, text: value.to_owned(), pieces })
    };
    config.milter_macros = Some(Arc::new(words.iter().map(parse).collect::<Result<_, _>>()?));
    Ok(())
}

fn sendmail_milter_client(config: &mut DirConfig, _: &Command<'_>, word: &str) -> Outcome {
    config.milter_client = Some(match word.to_ascii_lowercase().as_str() {
        "local" => false,
        "request" => true,
        _ => return Err(format!("'{word}' is neither local nor request")),
    });
    Ok(())
}

fn sendmail_clamd(config: &mut DirConfig, _: &Command<'_>, word: &str) -> Outcome {
    config.clamd = Some(if is_none(&[word]) { None } else { Some(Arc::new(Endpoint::parse(word)?)) });
    Ok(())
}

fn sendmail_policy(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    config.policy = Some(if is_none(words) { None } else { Some(Arc::new(PolicyServer::parse(words)?)) });
    Ok(())
}

fn sendmail_policy_default(config: &mut DirConfig, _: &Command<'_>, word: &str) -> Outcome {
    config.policy_default = Some(OnFailure::parse(word)?);
    Ok(())
}

fn sendmail_hold(config: &mut DirConfig, _: &Command<'_>, path: &str) -> Outcome {
    config.hold = Some(if is_none(&[path]) { None } else { Some(absolute(path)?.into()) });
    Ok(())
}

fn sendmail_max_size(config: &mut DirConfig, _: &Command<'_>, size: &str) -> Outcome {
    let units = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("", 1)];
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = units.iter().find(|(unit, _)| size[digits.len()..].eq_ignore_ascii_case(unit));
    let octets =
        unit.and_then(|(_, factor)| digits.parse::<u64>().ok()?.checked_mul(*factor)).filter(|octets| *octets > 0);
    config.max_size = Some(octets.ok_or_else(|| format!("'{size}' is not a size; write bytes, or 100K, 25M or 1G"))?);
    Ok(())
}

fn sendmail_max_recipients(config: &mut DirConfig, _: &Command<'_>, number: &str) -> Outcome {
    config.max_recipients = Some(parse_number(number, 1)?);
    Ok(())
}

fn sendmail_max_processes(config: &mut DirConfig, _: &Command<'_>, number: &str) -> Outcome {
    config.max_processes = Some(parse_number(number, 0)?);
    Ok(())
}

fn parse_number(number: &str, least: usize) -> Result<usize, String> {
    let parsed = number.parse().ok().filter(|parsed| (least..=1_000_000).contains(parsed));
    parsed.ok_or_else(|| format!("'{number}' is not a number between {least} and 1000000"))
}

fn sendmail_recipients(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    config.recipients = Some(Arc::new(Recipients::parse(words)?));
    Ok(())
}

fn sendmail_strip_headers(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    config.strip_headers = Some(Arc::new(StripList::parse(words)?));
    Ok(())
}

fn sendmail_pass_headers(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    let patterns = words.iter().map(|word| NamePattern::parse(word)).collect::<Result<_, _>>()?;
    config.pass_headers = Some(Arc::new(patterns));
    Ok(())
}

fn sendmail_received(config: &mut DirConfig, _: &Command<'_>, word: &str) -> Outcome {
    config.received = Some(match word.to_ascii_lowercase().as_str() {
        "full" => Received::Full,
        "client" => Received::Client,
        "anonymous" => Received::Anonymous,
        "off" => Received::Off,
        _ => return Err(format!("'{word}' is none of full, client, anonymous and off")),
    });
    Ok(())
}

fn sendmail_allow_origin(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    config.allow_origin = Some(Arc::new(Origins::parse(words)?));
    Ok(())
}

fn sendmail_dry_run(config: &mut DirConfig, _: &Command<'_>, word: &str) -> Outcome {
    config.dry_run = Some(DryRuns::parse(word)?);
    Ok(())
}

fn sendmail_redirect_to(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    config.redirect_to = Some(Redirect::parse(words)?.map(Arc::new));
    Ok(())
}

fn sendmail_error_detail(config: &mut DirConfig, on: bool) -> Outcome {
    config.error_detail = Some(on);
    Ok(())
}

fn sendmail_env(config: &mut DirConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    let mut added = config.environment.as_ref().map_or_else(Vec::new, |environment| environment.added.clone());
    for word in words {
        let (name, value) =
            word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value.as_bytes().to_vec())));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(plain) {
            return Err(format!("'{word}' is neither NAME nor NAME=value; a name is letters, digits and _"));
        }
        added.push((name.as_bytes().to_vec(), value));
    }
    config.environment = Some(Arc::new(Environment::new(added)));
    Ok(())
}

fn processdsn_enable(config: &mut DirConfig, on: bool) -> Outcome {
    config.processdsn = Some(on);
    Ok(())
}
