//! A conversation with a relay: greeting, EHLO, STARTTLS, AUTH ([`Session::open`]), then messages, one transaction each
//! ([`Session::send`]) (RFC 5321 3, RFC 3207, RFC 4954, RFC 2920, RFC 1870, RFC 6152, RFC 3461).
#![forbid(unsafe_code)]

use super::connection::{Connection, Trouble};
use super::data::{self, Facts};
use super::failed::{Failed, Step};
use super::reply::Reply;
use super::{Envelope, Relay, pool};
use crate::message::mime::{self, MimeError};
use crate::transport::Message;
use std::time::{Duration, Instant};

/// RCPT commands written at one time (RFC 2920 3.1: what is written may not fill both windows).
const GROUP: usize = 100;

/// Longest line of a command (RFC 5321 4.5.3.1.4).
const LONGEST_COMMAND: usize = 510;

/// How long is waited for the words of a server that takes no more octets: they are there, or nothing is.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What the server offers (its answer to EHLO).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Offers {
    dsn: bool,
    eight_bit: bool,
    login: bool,
    pipelining: bool,
    plain: bool,
    size: bool,
    /// The largest message, 0 where it does not say.
    max_size: u64,
    starttls: bool,
}

/// A connection that is ready for MAIL.
pub(super) struct Session {
    connection: Connection,
    offers: Offers,
    opened: Instant,
    /// Not at MAIL any more.
    is_spent: bool,
}

impl Session {
    /// Connects, and does all that comes before MAIL.
    pub fn open(relay: &Relay, deadline: Instant) -> Result<Session, Failed> {
        let config = pool::tls(relay).map_err(|why| Failed::misconfigured(Step::Tls, why))?;
        let begin = Instant::now();
        let server = &relay.server;
        let lost = |step: Step| move |trouble: Trouble| Failed::lost(step, &trouble);
        let mut connection = Connection::open(server, deadline).map_err(lost(Step::Connect))?;
        if server.implicit_tls {
            connection = connection.start_tls(server, &config).map_err(lost(Step::Tls))?;
        }
        let greeting = connection.reply().map_err(lost(Step::Greeting))?;
        expect(Step::Greeting, greeting, 220)?;
        let mut offers = hello(&mut connection, relay)?;
        if !server.implicit_tls && offers.starttls {
            let answer = ask(&mut connection, Step::StartTls, "STARTTLS")?;
            if answer.code == 220 {
                connection = connection.start_tls(server, &config).map_err(lost(Step::Tls))?;
                offers = hello(&mut connection, relay)?; // RFC 3207 4.2: what was offered before counts no more
            } else if relay.requires_tls() {
                return Err(Failed::refused(Step::StartTls, &answer));
            }
        }
        let tls = connection.tls();
        if tls.is_none() && relay.requires_tls() {
            let why = "it does not offer STARTTLS, which credentials, a certificate or SendmailRelayCAFile require";
            return Err(Failed::misconfigured(Step::StartTls, why.into()));
        }
        let auth = authenticate(&mut connection, relay, &offers)?;
        tracing::info!(
            "SM0005: connected to the relay {server} tls={} verify={} auth={auth} ms={}",
            tls.as_deref().unwrap_or("off"),
            if relay.requires_tls() { "ok" } else { "off" },
            begin.elapsed().as_millis()
        );
        Ok(Session { connection, offers, opened: Instant::now(), is_spent: false })
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
    pub fn send(&mut self, envelope: &Envelope<'_>, message: &Message) -> Result<Reply, Failed> {
        let facts = data::measure(message.reader()).map_err(|error| Failed::unread(&error))?;
        if facts.eight_bit && !self.offers.eight_bit {
            match mime::seven_bit(message) {
                Ok(message) => return self.send(envelope, &message),
                Err(MimeError::Io(error)) => return Err(Failed::unread(&error)),
                Err(_) => {} // what is signed may not be changed
            }
        }
        if self.offers.max_size > 0 && facts.size > self.offers.max_size {
            return Err(Failed::too_large(facts.size, self.offers.max_size));
        }
        let outcome = self.envelope(envelope, facts).and_then(|asked| self.content(message, asked));
        if outcome.as_ref().is_err_and(|failed| failed.in_step) {
            self.reset();
        }
        outcome
    }

    /// The answer is the one to DATA, if that was asked for with the rest (RFC 2920 3.1): for one recipient, which spares a message a
    /// third of its waiting. Of several one may be refused, and there is no way back from a DATA that the others make good.
    fn envelope(&mut self, envelope: &Envelope<'_>, facts: Facts) -> Result<Option<Reply>, Failed> {
        let mail = self.mail(envelope, facts);
        let notify = envelope.notify.filter(|_| self.offers.dsn).map(|notify| notify.rcpt()).unwrap_or_default();
        let rcpt = |recipient: &String| format!("RCPT TO:<{recipient}>{notify}\r\n");
        let group = if self.offers.pipelining { GROUP } else { 1 };
        let with_data = self.offers.pipelining && envelope.recipients.len() == 1;
        let mut refusal = None;
        if !self.offers.pipelining {
            self.command(Step::Mail, mail.as_bytes())?;
            self.answer(Step::Mail, &mut refusal)?;
            refusal.map_or(Ok(()), Err)?;
            refusal = None;
        }
        for (i, recipients) in envelope.recipients.chunks(group).enumerate() {
            let with_mail = i == 0 && self.offers.pipelining;
            let mut commands = if with_mail { mail.clone() } else { String::new() };
            commands.extend(recipients.iter().map(rcpt));
            if with_data {
                commands += "DATA\r\n";
            }
            self.command(Step::Rcpt, commands.as_bytes())?;
            if with_mail {
                self.answer(Step::Mail, &mut refusal)?;
            }
            for recipient in recipients {
                let mut own = None;
                self.answer(Step::Rcpt, &mut own)?;
                let own = own.map(|failed| failed.about(recipient));
                // MAIL's refusal explains those of RCPT; among these a lasting one says more than one that passes.
                let graver = own.as_ref().is_some_and(|own| own.outranks(refusal.as_ref()));
                refusal = if graver { own } else { refusal };
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
            None => asked.map(Some).map_err(|trouble| Failed::lost(Step::Data, &trouble)),
            // A server that asks for the message all the same gets none.
            Some(refusal) if !asked.is_ok_and(|reply| reply.class() >= 4) => Err(refusal.out_of_step()),
            Some(refusal) => Err(refusal),
        }
    }

    fn mail(&self, envelope: &Envelope<'_>, facts: Facts) -> String {
        let mut mail = format!("MAIL FROM:<{}>", envelope.sender.unwrap_or_default());
        if self.offers.size {
            mail += &format!(" SIZE={}", facts.size);
        }
        if self.offers.eight_bit && facts.eight_bit {
            mail += " BODY=8BITMIME";
        }
        if let Some(notify) = envelope.notify.filter(|_| self.offers.dsn) {
            mail += &notify.mail(envelope.envid);
        }
        mail + "\r\n"
    }

    fn command(&mut self, step: Step, octets: &[u8]) -> Result<(), Failed> {
        self.connection.write(octets).map_err(|trouble| Failed::lost(step, &trouble))
    }

    /// Reads the answer to a command of the envelope; the first refusal is kept and the rest still read.
    fn answer(&mut self, step: Step, refusal: &mut Option<Failed>) -> Result<(), Failed> {
        let reply = self.connection.reply().map_err(|trouble| Failed::lost(step, &trouble))?;
        match reply.code {
            250..=259 => {}
            421 | 200..=399 => return Err(Failed::refused(step, &reply)),
            _ => *refusal = refusal.take().or_else(|| Some(Failed::refused(step, &reply))),
        }
        Ok(())
    }

    fn content(&mut self, message: &Message, asked: Option<Reply>) -> Result<Reply, Failed> {
        let answer = asked.map_or_else(|| ask(&mut self.connection, Step::Data, "DATA"), Ok)?;
        expect(Step::Data, answer, 354)?;
        if self.connection.is_ahead() {
            let trouble = Trouble::Nonsense("more than its answer to DATA");
            return Err(Failed::lost(Step::Content, &trouble));
        }
        let connection = &mut self.connection;
        let mut step = Step::Content;
        let sent = data::send(message.reader(), |piece, last| {
            if last {
                connection.expect_silence().map_err(Sending::Lost)?;
                step = Step::Dot;
            }
            connection.write(piece).map_err(Sending::Lost)
        });
        match sent {
            Ok(()) => {}
            Err(Sending::Unread(error)) => return Err(Failed::unread(&error).out_of_step()),
            Err(Sending::Lost(trouble)) => return Err(self.last_words(step, &trouble)),
        }
        let reply = self.connection.reply().map_err(|trouble| Failed::lost(Step::Dot, &trouble))?;
        if self.connection.is_ahead() && reply.class() >= 4 {
            let trouble = Trouble::Nonsense("more than one answer to the message");
            return Err(Failed::lost(Step::Dot, &trouble));
        }
        if (250..=259).contains(&reply.code) { Ok(reply) } else { Err(Failed::refused(Step::Dot, &reply)) }
    }

    /// A server that has enough may say so and close before it has read all.
    fn last_words(&mut self, step: Step, trouble: &Trouble) -> Failed {
        let failed = Failed::lost(step, trouble);
        if matches!(trouble, Trouble::Late) {
            return failed;
        }
        self.connection.hurry(LAST_WORDS);
        match self.connection.reply() {
            Ok(reply) if reply.class() >= 4 => Failed::refused(step, &reply).out_of_step(),
            _ => failed,
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
    Lost(Trouble),
    Unread(std::io::Error),
}

impl From<std::io::Error> for Sending {
    fn from(error: std::io::Error) -> Self {
        Sending::Unread(error)
    }
}

fn ask(connection: &mut Connection, step: Step, command: &str) -> Result<Reply, Failed> {
    let asked = connection.write(format!("{command}\r\n").as_bytes()).and_then(|()| connection.reply());
    asked.map_err(|trouble| Failed::lost(step, &trouble))
}

fn expect(step: Step, reply: Reply, code: u16) -> Result<(), Failed> {
    if reply.code == code { Ok(()) } else { Err(Failed::refused(step, &reply)) }
}

/// EHLO; HELO where that is not known and nothing is needed that it could offer.
fn hello(connection: &mut Connection, relay: &Relay) -> Result<Offers, Failed> {
    let reply = ask(connection, Step::Hello, &format!("EHLO {}", relay.name))?;
    if reply.code == 250 {
        return Ok(Offers::read(&reply));
    }
    if reply.class() == 5 && !relay.requires_tls() {
        expect(Step::Hello, ask(connection, Step::Hello, &format!("HELO {}", relay.name))?, 250)?;
        return Ok(Offers::default());
    }
    Err(Failed::refused(Step::Hello, &reply))
}

/// Never without TLS: [`Relay::requires_tls`] holds as soon as there are credentials.
fn authenticate(connection: &mut Connection, relay: &Relay, offers: &Offers) -> Result<&'static str, Failed> {
    let Some(credentials) = relay.credentials() else { return Ok("off") };
    let mut answer;
    let mechanism = if offers.plain {
        let (command, response) = ("AUTH PLAIN", credentials.plain());
        if command.len() + 1 + response.len() <= LONGEST_COMMAND {
            answer = ask(connection, Step::Auth, &format!("{command} {response}"))?;
        } else {
            answer = ask(connection, Step::Auth, command)?;
            if answer.code == 334 {
                answer = ask(connection, Step::Auth, &response)?;
            }
        }
        "PLAIN"
    } else if offers.login {
        answer = ask(connection, Step::Auth, "AUTH LOGIN")?;
        for word in credentials.login() {
            if answer.code == 334 {
                answer = ask(connection, Step::Auth, &word)?;
            }
        }
        "LOGIN"
    } else {
        return Err(Failed::misconfigured(Step::Auth, "it offers neither AUTH PLAIN nor AUTH LOGIN".into()));
    };
    expect(Step::Auth, answer, 235)?;
    Ok(mechanism)
}

impl Offers {
    fn read(reply: &Reply) -> Offers {
        let mut offers = Offers::default();
        for line in reply.lines.iter().skip(1) {
            let line = String::from_utf8_lossy(line).to_ascii_uppercase().replace("AUTH=", "AUTH ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("8BITMIME") => offers.eight_bit = true,
                Some("AUTH") => {
                    for mechanism in words {
                        offers.plain |= mechanism == "PLAIN";
                        offers.login |= mechanism == "LOGIN";
                    }
                }
                Some("DSN") => offers.dsn = true,
                Some("PIPELINING") => offers.pipelining = true,
                Some("SIZE") => {
                    offers.size = true;
                    offers.max_size = words.next().and_then(|size| size.parse().ok()).unwrap_or(0);
                }
                Some("STARTTLS") => offers.starttls = true,
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_in_any_case_and_spelling() {
        let lines =
            ["mx STARTTLS DSN", "size 1000", "8BitMime", "AUTH=LOGIN", "AUTH CRAM-MD5 plain", "Pipelining", "X"];
        let reply = Reply { code: 250, lines: lines.map(|line| line.as_bytes().to_vec()).to_vec() };
        let offers = Offers::read(&reply);
        assert_eq!((offers.starttls, offers.dsn), (false, false), "the first line is a greeting");
        assert!(offers.size && offers.eight_bit && offers.login && offers.plain && offers.pipelining);
        assert_eq!(offers.max_size, 1000);
        let bare = Reply { code: 250, lines: vec![b"mx".to_vec(), b"SIZE".to_vec()] };
        assert_eq!(Offers::read(&bare), Offers { size: true, ..Offers::default() });
    }
}
