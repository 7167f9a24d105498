//! The dialogue (RFC 5321 4.1.4): which command is allowed when, what the host is asked, and the replies. Octets come in pieces of any
//! size; the pieces do not change the questions and replies. The commands are in `commands`, messages in `message`.
#![forbid(unsafe_code)]

mod commands;
mod message;

use crate::auth::Exchange;
use crate::command::{self, CommandError};
use crate::data::DataReader;
use crate::envelope::Envelope;
use crate::host::Host;
use crate::line::{Line, LineReader};
use crate::refusal::{Cause, Refusal};
use crate::reply::Reply;
use crate::settings::{Auth, Settings};
use message::Message;

/// Permanent refusals allowed in one session, and commands without effect allowed between two messages.
const MAX_ERRORS: u32 = 100;
const MAX_IDLE: u32 = 100;

/// What the session waits for; the host chooses its deadlines by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A command, or the response to a challenge; no octet of it has arrived.
    Command,
    /// The rest of a command line.
    CommandLine,
    /// The message.
    Data,
    /// Nothing: the connection must be closed.
    Ended,
    /// The TLS handshake, after which the host calls [`Session::secured`].
    Handshake,
    /// [`Session::greet`].
    Silent,
}

#[derive(Debug)]
enum State {
    /// The response to a challenge.
    Auth(Exchange),
    /// This many octets of a chunk.
    Chunk {
        left: u64,
        last: bool,
        message: Message,
    },
    /// A command.
    Command(Stage),
    /// A message up to its dot.
    Data(DataReader, Message),
    /// This many octets of a refused chunk; they are read before the client gets the reply.
    Dropped {
        left: u64,
        reply: Reply,
        stage: Stage,
    },
    Ended,
    Handshake,
    Silent,
}

/// The state of the transaction when the next command is read.
#[derive(Debug)]
enum Stage {
    /// Some chunks of the message have arrived.
    Chunks(Message),
    /// A chunk was refused: everything until RSET is void (RFC 3030 2).
    Failed,
    /// No transaction.
    Idle,
    /// MAIL was accepted.
    Open(Envelope),
}

impl State {
    fn is_in_transaction(&self) -> bool {
        match self {
            State::Command(stage) | State::Dropped { stage, .. } => !matches!(stage, Stage::Idle),
            State::Chunk { .. } | State::Data(..) => true,
            State::Auth(_) | State::Ended | State::Handshake | State::Silent => false,
        }
    }
}

/// One dialogue with one client.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    state: State,
    line: LineReader,
    /// Whether EHLO or HELO was received.
    greeted: bool,
    authenticated: bool,
    secured: bool,
    errors: u32,
    idle: u32,
    failed_auth: u32,
}

impl Session {
    /// A session before its greeting.
    pub fn new(settings: Settings) -> Session {
        let line = LineReader::new(settings.line_ends);
        Session {
            settings,
            state: State::Silent,
            line,
            greeted: false,
            authenticated: false,
            secured: false,
            errors: 0,
            idle: 0,
            failed_auth: 0,
        }
    }

    /// What the session waits for.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Auth(_) | State::Command(_) if self.line.is_inside() => Phase::CommandLine,
            State::Auth(_) | State::Command(_) => Phase::Command,
            State::Chunk { .. } | State::Data(..) | State::Dropped { .. } => Phase::Data,
            State::Ended => Phase::Ended,
            State::Handshake => Phase::Handshake,
            State::Silent => Phase::Silent,
        }
    }

    /// Whether the client has begun a transaction that is neither accepted nor refused: if the session ends now, nothing of it was sent.
    pub fn is_in_transaction(&self) -> bool {
        self.state.is_in_transaction()
    }

    /// Greets the client. A client that talks before the greeting is no mail client (RFC 5321 3.1); its session ends.
    pub fn greet(&mut self, host: &mut impl Host) {
        if matches!(self.state, State::Silent) {
            self.state = State::Command(Stage::Idle);
            host.reply(&Reply::plain(220, [format!("{} ESMTP", self.settings.name)]));
        }
    }

    /// Ends the session with this reply: the server stops, the client is too slow, its address is refused.
    pub fn close(&mut self, refusal: &Refusal, host: &mut impl Host) {
        if !matches!(self.state, State::Ended) {
            self.hang_up(host);
            host.reply(&refusal.reply());
        }
    }

    /// Ends the session without a reply, as when the client has closed the connection. An incomplete message is dropped.
    pub fn hang_up(&mut self, host: &mut impl Host) {
        if std::mem::replace(&mut self.state, State::Ended).is_in_transaction() {
            host.reset();
        }
    }

    /// The handshake is done. Everything said before it is forgotten (RFC 3207 4.2).
    pub fn secured(&mut self, auth: Auth) {
        if matches!(self.state, State::Handshake) {
            (self.state, self.secured) = (State::Command(Stage::Idle), true);
            (self.greeted, self.authenticated) = (false, false);
            self.settings.auth = auth;
        }
    }

    /// Reads octets of the client. Those after the end of the session are dropped.
    pub fn feed(&mut self, input: &[u8], host: &mut impl Host) {
        let mut rest = input;
        while !rest.is_empty() && !matches!(self.state, State::Ended) {
            rest = &rest[self.take(rest, host)..];
        }
    }

    /// Reads at least one octet; returns how many.
    fn take(&mut self, input: &[u8], host: &mut impl Host) -> usize {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Auth(exchange) => self.take_response(exchange, input, host),
            State::Chunk { left, last, message } => self.take_chunk(left, last, message, input, host),
            State::Command(stage) => self.take_command(stage, input, host),
            State::Data(reader, message) => self.take_data(reader, message, input, host),
            State::Dropped { left, reply, stage } => self.take_dropped(left, reply, stage, input, host),
            // Octets before the handshake were not encrypted, and may come from an attacker (CVE-2011-0411): the session is over.
            State::Ended | State::Handshake => input.len(),
            State::Silent => {
                host.reply(&Cause::ProtocolError.with("Talk before the greeting").reply());
                input.len()
            }
        }
    }

    fn take_response(&mut self, exchange: Exchange, input: &[u8], host: &mut impl Host) -> usize {
        let (taken, line) = self.line.read(input);
        match line {
            None => self.state = State::Auth(exchange),
            Some(Line::Complete(line)) => self.authenticate(exchange.respond(&line), host),
            Some(Line::TooLong) => host.reply(&Reply::new(500, "5.5.6", "Authentication exchange line too long")),
            Some(fault) => self.end_by(&fault, host),
        }
        taken
    }

    fn take_command(&mut self, stage: Stage, input: &[u8], host: &mut impl Host) -> usize {
        let (taken, line) = self.line.read(input);
        let Some(Line::Complete(line)) = line else {
            self.state = State::Command(stage);
            line.iter().for_each(|fault| self.end_by(fault, host));
            return taken;
        };
        match command::parse(&line, &self.settings) {
            Ok(command) => self.obey(command, stage, host),
            Err(CommandError::Refused(reply)) => self.answer(stage, reply, host),
            Err(CommandError::Foreign) => self.end_with(stage, Cause::TooManyErrors.with("This is SMTP"), host),
            Err(CommandError::Unbounded) => {
                self.end_with(stage, Cause::ProtocolError.with("Syntax: BDAT size [LAST]"), host);
            }
        }
        taken
    }

    /// Ends the session after input that cannot be read as a line.
    fn end_by(&mut self, fault: &Line, host: &mut impl Host) {
        let refusal = match fault {
            Line::Bare => Cause::ProtocolError.with("Lines end in CRLF; a bare CR or LF is not taken"),
            Line::Handshake => Cause::ProtocolError.with("A TLS handshake is not expected here"),
            Line::Complete(_) | Line::TooLong => Cause::LineTooLong.into(),
        };
        self.hang_up(host);
        host.reply(&refusal.reply());
    }

    fn end_with(&mut self, stage: Stage, refusal: Refusal, host: &mut impl Host) {
        self.state = State::Command(stage);
        self.close(&refusal, host);
    }

    /// Replies and counts, so that a session of nothing but errors ends.
    fn answer(&mut self, stage: Stage, reply: Reply, host: &mut impl Host) {
        self.state = State::Command(stage);
        match reply.code() {
            500.. => self.errors += 1,
            // Recipients over the limit are sent in the next transaction (RFC 5321 4.5.3.1.10): not an error.
            400.. if reply.enhanced() != Some("4.5.3") => self.idle += 1,
            _ => {}
        }
        if self.errors >= MAX_ERRORS || self.idle >= MAX_IDLE {
            return self.close(&Cause::TooManyErrors.into(), host);
        }
        if reply.closes() {
            self.hang_up(host);
        }
        host.reply(&reply);
    }
}

fn out_of_order(text: &str) -> Reply {
    Reply::new(503, "5.5.1", format!("Bad sequence of commands: {text}"))
}
