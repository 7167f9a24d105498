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
use mail::address::Domain;
use rustls::ClientConfig;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// RCPT commands written at one time (RFC 2920 3.1: what is written may not fill both windows).
const GROUP: usize = 100;

/// How long is waited for the words of a server that takes no more octets: they are there, or nothing is.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A connection that is ready for MAIL.
pub(super) struct Session {
    connection: Connection,
    extensions: Extensions,
    opened: Instant,
    /// Not at MAIL any more.
    is_spent: bool,
}

impl Session {
    /// Connects, and does all that comes before MAIL. Where TLS is no must, an offer of STARTTLS that does not work is as none.
    pub fn open(relay: &Relay, deadline: Instant) -> Result<Session, SmtpError> {
        relay.starttls.check(relay.needs_tls()).map_err(|why| SmtpError::misconfigured(Step::StartTls, why))?;
        let config = memory::tls(relay).map_err(|why| SmtpError::misconfigured(Step::Tls, why))?;
        let is_must = relay.requires_tls();
        let asks = relay.starttls != StartTls::Never && (is_must || !memory::is_starttls_broken(relay, Instant::now()));
        match Session::begin(relay, &config, asks, deadline) {
            Err(failed) if failed.in_starttls && !is_must => {
                tracing::warn!(
                    "{}: the relay {} extensions STARTTLS, and it does not work ({failed}); mail goes there without TLS; \
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
        let name = ehlo_name(&relay.name, connection.local_address());
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

    /// One message. The answer is the server's to the final dot; after a failure that leaves it usable the session is where it was.
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
        if self.extensions.max_size > 0 && facts.size > self.extensions.max_size {
            return Err(SmtpError::too_large(facts.size, self.extensions.max_size));
        }
        let outcome = self.envelope(envelope, facts).and_then(|asked| self.content(message, asked, commit));
        if outcome.as_ref().is_err_and(|failed| failed.in_step) {
            self.reset();
        }
        outcome
    }

    /// The answer is the one to DATA, if that was asked for with the rest (RFC 2920 3.1): for one recipient, which spares a message a
    /// third of its waiting. Of several one may be refused, and there is no way back from a DATA that the others make good.
    fn envelope(&mut self, envelope: &Envelope<'_>, facts: Facts) -> Result<Option<Reply>, SmtpError> {
        let mail = self.mail(envelope, facts);
        let notify = envelope.notify.filter(|_| self.extensions.dsn).map(|notify| notify.rcpt()).unwrap_or_default();
        let rcpt = |recipient: &String| format!("RCPT TO:<{recipient}>{notify}\r\n");
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
                // MAIL's refusal explains those of RCPT; among these a lasting one says more than one that passes.
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
            // A server that asks for the message all the same gets none.
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
        if let Some(notify) = envelope.notify.filter(|_| self.extensions.dsn) {
            mail += &notify.mail(envelope.envid);
        }
        mail + "\r\n"
    }

    fn command(&mut self, step: Step, octets: &[u8]) -> Result<(), SmtpError> {
        self.connection.write(octets).map_err(|error| SmtpError::lost(step, &error))
    }

    /// Reads the answer to a command of the envelope. A refusal is no error yet: the answers to the commands behind it are still to be
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

    /// A server that has enough may say so, and close, before it has read all. Nothing that it says then is the answer to the message.
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

    /// Back to where MAIL is expected. A session that does not get there is not used again: see [`Session::is_quiet`].
    fn reset(&mut self) {
        self.set_deadline(Instant::now() + Duration::from_secs(2));
        let done = self.connection.write(b"RSET\r\n").and_then(|()| self.connection.reply());
        if !done.is_ok_and(|reply| reply.code == 250) {
            self.is_spent = true;
        }
    }
}

/// What stops the content of a message on its way.
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

/// What EHLO says of a server that is called so (RFC 5321 4.1.3): its name in the DNS, or else its address on this connection.
pub(super) fn ehlo_name(server_name: &str, local: Option<IpAddr>) -> String {
    let literal = |address: IpAddr| match address {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    };
    if let Ok(address) = server_name.trim_matches(['[', ']']).parse() {
        return literal(address);
    }
    // A name without a dot, or one that ends in a number, is none that the relay could look up.
    let is_name = |domain: &Domain| {
        domain.as_str().rsplit_once('.').is_some_and(|(_, last)| !last.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match Domain::parse(server_name.strip_suffix('.').unwrap_or(server_name)) {
        Ok(domain) if is_name(&domain) => domain.to_string(),
        _ => literal(local.unwrap_or(Ipv4Addr::LOCALHOST.into())),
    }
}

/// STARTTLS, and EHLO once more: what was offered before counts no more (RFC 3207 4.2).
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

/// EHLO; HELO where that is not known and nothing is needed that it could offer.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_are_called_by_a_name_of_the_dns_or_an_address() {
        for (name, local, expected) in [
            ("gateway.example.test", "192.0.2.9", "gateway.example.test"),
            ("Gateway.Example.Test.", "192.0.2.9", "gateway.example.test"),
            ("m\u{fc}ller.example", "192.0.2.9", "xn--mller-kva.example"),
            ("192.0.2.1", "192.0.2.9", "[192.0.2.1]"),
            ("2001:db8::1", "192.0.2.9", "[IPv6:2001:db8::1]"),
            ("[2001:db8::1]", "192.0.2.9", "[IPv6:2001:db8::1]"),
            ("under_score.example.test", "192.0.2.9", "[192.0.2.9]"),
            ("under_score.example.test", "2001:db8::9", "[IPv6:2001:db8::9]"),
            ("-a.example.test", "192.0.2.9", "[192.0.2.9]"),
            ("a..test", "192.0.2.9", "[192.0.2.9]"),
            ("a.test..", "192.0.2.9", "[192.0.2.9]"),
            ("a b.test\r\nMAIL", "192.0.2.9", "[192.0.2.9]"),
            ("gateway", "192.0.2.9", "[192.0.2.9]"),
            ("localhost", "192.0.2.9", "[192.0.2.9]"),
            ("127.1", "192.0.2.9", "[192.0.2.9]"),
            ("", "192.0.2.9", "[192.0.2.9]"),
        ] {
            assert_eq!(ehlo_name(name, Some(local.parse().unwrap())), expected, "{name}");
        }
        assert_eq!(ehlo_name("", None), "[127.0.0.1]");
    }
}
