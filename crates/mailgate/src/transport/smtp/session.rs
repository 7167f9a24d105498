//! A conversation with a relay: greeting, EHLO, STARTTLS, AUTH ([`Session::open`]), then messages, one transaction each
//! ([`Session::send`]) (RFC 5321 3, RFC 3207, RFC 4954, RFC 2920, RFC 1870, RFC 6152, RFC 3461).
#![forbid(unsafe_code)]

use super::ask::ask;
use super::connection::Connection;
use super::connection_error::ConnectionError;
use super::data::{self, Facts};
use super::error::{SmtpError, Step};
use super::extensions::Extensions;
use super::reply::Reply;
use super::{Envelope, Relay, StartTls, auth, memory};
use crate::message::Message;
use crate::tags;
use crate::transport::Commit;
use mail::address::HostName;
use rustls::ClientConfig;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// RCPT commands written at once (RFC 2920 3.1: they must not fill both windows).
const GROUP: usize = 100;

/// After a write fails, how long to wait for an answer that the server may already have sent.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A connection that is ready for MAIL.
pub(super) struct Session {
    connection: Connection,
    extensions: Extensions,
    opened: Instant,
    /// Not in the state for MAIL any more.
    is_spent: bool,
}

impl Session {
    /// Connects, and does everything that precedes MAIL. If TLS is optional, a STARTTLS that does not work is ignored.
    pub fn open(relay: &Relay, deadline: Instant) -> Result<Session, SmtpError> {
        relay.starttls.check(relay.needs_tls()).map_err(|why| SmtpError::misconfigured(Step::StartTls, why))?;
        let config = memory::tls(relay).map_err(|why| SmtpError::misconfigured(Step::Tls, why))?;
        let is_must = relay.requires_tls();
        let asks = relay.starttls != StartTls::Never && (is_must || !memory::is_starttls_broken(relay, Instant::now()));
        match Session::begin(relay, &config, asks, deadline) {
            Err(failed) if failed.in_starttls && !is_must => {
                tracing::warn!(
                    "{}: the relay {} offers STARTTLS, and it does not work ({failed}); mail goes there without TLS; \
                     SendmailRelayTLS must sends nothing then, never does not ask for it",
                    tags::BROKEN_STARTTLS,
                    relay.server
                );
                memory::starttls_is_broken(relay, Instant::now());
                Session::begin(relay, &config, false, deadline)
            }
            outcome => outcome,
        }
    }

    fn begin(
        relay: &Relay,
        config: &Arc<ClientConfig>,
        asks_for_tls: bool,
        deadline: Instant,
    ) -> Result<Session, SmtpError> {
        let begin = Instant::now();
        let server = &relay.server;
        let lost = |step: Step| move |error: ConnectionError| SmtpError::lost(step, &error);
        let mut connection = Connection::open(server, deadline).map_err(lost(Step::Connect))?;
        if server.implicit_tls {
            connection = connection.start_tls(server, config).map_err(lost(Step::Tls))?;
        }
        let greeting = connection.reply().map_err(lost(Step::Greeting))?;
        expect(Step::Greeting, greeting, 220)?;
        let local = connection.local_address().unwrap_or(Ipv4Addr::LOCALHOST.into());
        let name = HostName::qualified(&relay.name, local).to_string();
        let mut extensions = hello(&mut connection, relay, &name)?;
        if !server.implicit_tls && extensions.starttls && asks_for_tls {
            if !relay.requires_tls() {
                connection.hurry(deadline.saturating_duration_since(Instant::now()) / 2); // the rest is for an attempt without TLS
            }
            (connection, extensions) = encrypt(connection, relay, config, &name).map_err(SmtpError::in_starttls)?;
            connection.set_deadline(deadline);
        }
        let tls = connection.tls();
        if tls.is_none() && relay.requires_tls() {
            let why = "it does not offer STARTTLS, which credentials, a certificate, SendmailRelayCAFile or SendmailRelayTLS require";
            return Err(SmtpError::misconfigured(Step::StartTls, why.into()));
        }
        let auth = auth::authenticate(&mut connection, relay, &extensions)?;
        memory::dsn_is_offered(relay, extensions.dsn);
        tracing::info!(
            "{}: connected to the relay {server} tls={} verify={} auth={auth} ms={}",
            tags::CONNECTED,
            tls.as_deref().unwrap_or("off"),
            if relay.requires_tls() { "ok" } else { "off" },
            begin.elapsed().as_millis()
        );
        Ok(Session { connection, extensions, opened: Instant::now(), is_spent: false })
    }

    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }

    pub fn is_quiet(&mut self) -> bool {
        !self.is_spent && self.connection.is_quiet()
    }

    pub fn set_deadline(&mut self, deadline: Instant) {
        self.connection.set_deadline(deadline);
    }

    /// Says goodbye without waiting for the answer.
    pub fn quit(mut self) {
        self.set_deadline(Instant::now() + Duration::from_millis(100));
        let _ = self.connection.write(b"QUIT\r\n"); // the connection closes either way
    }

    /// Sends one message. The result is the server's reply to the final dot; after a failure that leaves it usable, the session is in its
    /// old state.
    pub fn send(
        &mut self,
        envelope: &Envelope<'_>,
        message: &Message,
        commit: &mut Commit<'_>,
    ) -> Result<Reply, SmtpError> {
        let facts = data::measure(message.reader()).map_err(|error| SmtpError::unread(&error))?;
        if facts.eight_bit && !self.extensions.eight_bit {
            return Err(SmtpError::eight_bit());
        }
        if envelope.needs_reports && envelope.reports.needs_dsn() && !self.extensions.dsn {
            return Err(SmtpError::no_reports());
        }
        if self.extensions.max_size > 0 && facts.size > self.extensions.max_size {
            return Err(SmtpError::too_large(facts.size, self.extensions.max_size));
        }
        let outcome = self.envelope(envelope, facts).and_then(|asked| self.content(message, asked, commit));
        if outcome.as_ref().is_err_and(|failed| failed.in_step) {
            self.reset();
        }
        outcome
    }

    /// The reply is the one to DATA, if DATA was sent with the rest (RFC 2920 3.1): for one recipient, which saves a third of the waiting.
    /// One of several recipients may be refused, and a DATA that the others make valid cannot be taken back.
    fn envelope(&mut self, envelope: &Envelope<'_>, facts: Facts) -> Result<Option<Reply>, SmtpError> {
        let mail = self.mail(envelope, facts);
        let offers_dsn = self.extensions.dsn;
        let rcpt = |recipient: &String| {
            let asked = offers_dsn.then(|| envelope.reports.rcpt_parameters(recipient));
            let parameters = asked.unwrap_or_default();
            format!("RCPT TO:<{recipient}>{parameters}\r\n")
        };
        let group = if self.extensions.pipelining { GROUP } else { 1 };
        let with_data = self.extensions.pipelining && envelope.recipients.len() == 1;
        let mut refusal = None;
        if !self.extensions.pipelining {
            self.command(Step::Mail, mail.as_bytes())?;
            self.refused(Step::Mail)?.map_or(Ok(()), |reply| Err(SmtpError::refused(Step::Mail, &reply)))?;
        }
        let mut taken = 0;
        for (i, recipients) in envelope.recipients.chunks(group).enumerate() {
            let with_mail = i == 0 && self.extensions.pipelining;
            let mut commands = if with_mail { mail.clone() } else { String::new() };
            commands.extend(recipients.iter().map(rcpt));
            if with_data {
                commands += "DATA\r\n";
            }
            self.command(Step::Rcpt, commands.as_bytes())?;
            if with_mail {
                refusal = self.refused(Step::Mail)?.map(|reply| SmtpError::refused(Step::Mail, &reply));
            }
            for recipient in recipients {
                let Some(reply) = self.refused(Step::Rcpt)? else {
                    taken += 1;
                    continue;
                };
                let own = SmtpError::recipient(&reply, taken).about(recipient);
                // MAIL's refusal explains those of RCPT; among these a permanent one says more than a temporary one.
                if own.outranks(refusal.as_ref()) {
                    refusal = Some(own);
                }
            }
            if refusal.is_some() {
                break;
            }
        }
        if !with_data {
            return refusal.map_or(Ok(None), Err);
        }
        let asked = self.connection.reply();
        match refusal {
            None => asked.map(Some).map_err(|error| SmtpError::lost(Step::Data, &error)),
            // A server that asks for the message anyway does not get it.
            Some(refusal) if !asked.is_ok_and(|reply| reply.class() >= 4) => Err(refusal.out_of_step()),
            Some(refusal) => Err(refusal),
        }
    }

    fn mail(&self, envelope: &Envelope<'_>, facts: Facts) -> String {
        let mut mail = format!("MAIL FROM:<{}>", envelope.sender.unwrap_or_default());
        if self.extensions.size {
            mail += &format!(" SIZE={}", facts.size);
        }
        if self.extensions.eight_bit && facts.eight_bit {
            mail += " BODY=8BITMIME";
        }
        if self.extensions.dsn {
            mail += &envelope.reports.mail_parameters();
        }
        mail + "\r\n"
    }

    fn command(&mut self, step: Step, octets: &[u8]) -> Result<(), SmtpError> {
        self.connection.write(octets).map_err(|error| SmtpError::lost(step, &error))
    }

    /// Reads the reply to a command of the envelope. A refusal is not an error yet: the replies to the following commands must still be
    /// read.
    fn refused(&mut self, step: Step) -> Result<Option<Reply>, SmtpError> {
        let reply = self.connection.reply().map_err(|error| SmtpError::lost(step, &error))?;
        match reply.code {
            250..=259 => Ok(None),
            421 | 200..=399 => Err(SmtpError::refused(step, &reply)),
            _ => Ok(Some(reply)),
        }
    }

    fn content(
        &mut self,
        message: &Message,
        asked: Option<Reply>,
        commit: &mut Commit<'_>,
    ) -> Result<Reply, SmtpError> {
        let answer = asked.map_or_else(|| ask(&mut self.connection, Step::Data, "DATA"), Ok)?;
        expect(Step::Data, answer, 354)?;
        let connection = &mut self.connection;
        let (mut step, mut has_begun) = (Step::Content, false);
        let sent = data::send(message.reader(), |piece, last| {
            if !connection.is_quiet() {
                return Err(Sending::Lost(ConnectionError::Nonsense("an answer before the end of the message")));
            }
            if last {
                commit().map_err(Sending::NotRecorded)?;
                step = Step::Dot;
            }
            has_begun = true;
            connection.write(piece).map_err(Sending::Lost)
        });
        match sent {
            Ok(()) => {}
            Err(Sending::NotRecorded(why)) => return Err(SmtpError::not_recorded(why)),
            Err(Sending::Unread(error)) => return Err(SmtpError::unread(&error).out_of_step()),
            Err(Sending::Lost(error)) => return Err(self.last_words(step, has_begun, &error)),
        }
        let reply = self.connection.reply().map_err(|error| SmtpError::lost(Step::Dot, &error))?;
        if self.connection.says_more() {
            let error = ConnectionError::Nonsense("more than one answer to the message");
            return Err(SmtpError::lost(Step::Dot, &error));
        }
        if (250..=259).contains(&reply.code) { Ok(reply) } else { Err(SmtpError::refused(Step::Dot, &reply)) }
    }

    /// A server may refuse and close before it has read everything. What it says then is not the reply to the message.
    fn last_words(&mut self, step: Step, has_begun: bool, error: &ConnectionError) -> SmtpError {
        if matches!(error, ConnectionError::Late) {
            return SmtpError::lost(step, error);
        }
        self.connection.hurry(LAST_WORDS);
        match self.connection.reply() {
            Ok(reply) if reply.class() >= 4 => SmtpError::refused(step, &reply).out_of_step(),
            Ok(reply) if has_begun => SmtpError::premature(&reply),
            _ => SmtpError::lost(step, error),
        }
    }

    /// Back to the state for MAIL. A session that does not get there is not reused: see [`Session::is_quiet`].
    fn reset(&mut self) {
        self.set_deadline(Instant::now() + Duration::from_secs(2));
        let done = self.connection.write(b"RSET\r\n").and_then(|()| self.connection.reply());
        if !done.is_ok_and(|reply| reply.code == 250) {
            self.is_spent = true;
        }
    }
}

/// What interrupts sending the content of a message.
enum Sending {
    Lost(ConnectionError),
    NotRecorded(String),
    Unread(std::io::Error),
}

impl From<std::io::Error> for Sending {
    fn from(error: std::io::Error) -> Self {
        Sending::Unread(error)
    }
}

fn expect(step: Step, reply: Reply, code: u16) -> Result<(), SmtpError> {
    if reply.code == code { Ok(()) } else { Err(SmtpError::refused(step, &reply)) }
}

/// STARTTLS, and EHLO again: earlier offers no longer count (RFC 3207 4.2).
fn encrypt(
    mut connection: Connection,
    relay: &Relay,
    config: &Arc<ClientConfig>,
    name: &str,
) -> Result<(Connection, Extensions), SmtpError> {
    let answer = ask(&mut connection, Step::StartTls, "STARTTLS")?;
    expect(Step::StartTls, answer, 220)?;
    let encrypted = connection.start_tls(&relay.server, config);
    let mut connection = encrypted.map_err(|error| SmtpError::lost(Step::Tls, &error))?;
    let extensions = hello(&mut connection, relay, name)?;
    Ok((connection, extensions))
}

/// EHLO; HELO if the server does not know EHLO and nothing is needed that EHLO could offer.
fn hello(connection: &mut Connection, relay: &Relay, name: &str) -> Result<Extensions, SmtpError> {
    let reply = ask(connection, Step::Hello, &format!("EHLO {name}"))?;
    if reply.code == 250 {
        return Ok(Extensions::read(&reply));
    }
    if reply.class() == 5 && !relay.requires_tls() {
        expect(Step::Hello, ask(connection, Step::Hello, &format!("HELO {name}"))?, 250)?;
        return Ok(Extensions::default());
    }
    Err(SmtpError::refused(Step::Hello, &reply))
}
