//! All commands except those that carry a message.
#![forbid(unsafe_code)]

use super::{Session, Stage, State, out_of_order};
use crate::auth::{self, Step};
use crate::command::{self, Command};
use crate::envelope::{Envelope, Mail, Recipient};
use crate::host::Host;
use crate::refusal::{Cause, Refusal};
use crate::reply::Reply;
use crate::settings::Auth;

/// Wrong passwords allowed in one session: a client may try two passwords in each of two mechanisms.
const MAX_FAILED_AUTH: u32 = 5;

impl Session {
    pub(super) fn obey(&mut self, command: Command<'_>, stage: Stage, host: &mut impl Host) {
        match command {
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial, stage, host),
            Command::Bdat { size, last } => self.bdat(size, last, stage, host),
            Command::Data => self.data(stage, host),
            Command::Hello { name, extended } => self.hello(name, extended, stage, host),
            Command::Help => self.idle(stage, Reply::new(214, "2.0.0", "RFC 5321, RFC 6409"), host),
            Command::Mail(mail) => self.mail(mail, stage, host),
            Command::Noop => self.idle(stage, Reply::new(250, "2.0.0", "Ok"), host),
            Command::Quit => self.answer(stage, Reply::new(221, "2.0.0", "Bye"), host),
            Command::Rcpt(recipient) => self.rcpt(recipient, stage, host),
            Command::Rset => {
                reset(stage, host);
                self.idle(Stage::Idle, Reply::new(250, "2.0.0", "Ok"), host);
            }
            Command::StartTls => self.starttls(stage, host),
            Command::Vrfy => self.idle(stage, Reply::new(252, "2.5.2", "Send mail, and it is tried"), host),
        }
    }

    /// Replies to a command that does not advance a message.
    fn idle(&mut self, stage: Stage, reply: Reply, host: &mut impl Host) {
        self.idle += 1;
        self.answer(stage, reply, host);
    }

    fn hello(&mut self, name: &str, extended: bool, stage: Stage, host: &mut impl Host) {
        reset(stage, host);
        self.greeted = true;
        host.hello(name, extended);
        let reply = if extended { self.extensions() } else { Reply::plain(250, [&self.settings.name]) };
        self.idle(Stage::Idle, reply, host);
    }

    fn extensions(&self) -> Reply {
        let settings = &self.settings;
        let size = settings.max_size.map_or("SIZE".to_owned(), |size| format!("SIZE {size}"));
        let words = [
            ("STARTTLS", settings.starttls && !self.secured),
            ("AUTH PLAIN LOGIN", settings.auth == Auth::Offered),
            ("8BITMIME", true),
            ("DSN", settings.dsn),
            ("CHUNKING", settings.chunking),
            ("ENHANCEDSTATUSCODES", true),
        ];
        let offered = words.iter().filter(|(_, offered)| *offered).map(|(word, _)| *word);
        Reply::plain(250, [settings.name.as_str(), "PIPELINING", size.as_str()].into_iter().chain(offered))
    }

    fn auth(&mut self, mechanism: &str, initial: Option<&str>, stage: Stage, host: &mut impl Host) {
        let fault = match self.settings.auth {
            Auth::Off => Some(Reply::new(502, "5.5.1", "AUTH is not offered here")),
            Auth::NeedsTls => Some(Reply::new(538, "5.7.11", "AUTH needs an encrypted connection")),
            Auth::Offered if !self.greeted || self.authenticated || !matches!(stage, Stage::Idle) => {
                Some(out_of_order("AUTH comes once, after EHLO and outside a transaction"))
            }
            Auth::Offered => None,
        };
        match fault {
            Some(reply) => self.answer(stage, reply, host),
            None => self.authenticate(auth::start(command::mechanism(mechanism).as_deref(), initial), host),
        }
    }

    /// Continues an AUTH exchange; no transaction is open during it.
    pub(super) fn authenticate(&mut self, step: Step, host: &mut impl Host) {
        let reply = match step {
            Step::Cancelled => Reply::new(501, "5.7.0", "Authentication cancelled"),
            Step::Continue(challenge, exchange) => {
                self.state = State::Auth(exchange);
                return host.reply(&Reply::plain(334, [challenge]));
            }
            Step::Credentials(credentials) => match host.authenticate(&credentials) {
                Ok(()) => {
                    self.authenticated = true;
                    Reply::new(235, "2.7.0", "Authentication successful")
                }
                Err(refusal) => refusal.reply(),
            },
            Step::NotOffered => Reply::new(504, "5.5.4", "AUTH takes PLAIN and LOGIN"),
            Step::Syntax => Reply::new(501, "5.5.2", "The response does not fit the mechanism"),
        };
        self.failed_auth += u32::from(reply.is_refusal());
        if self.failed_auth >= MAX_FAILED_AUTH {
            let refusal = Cause::TooManyErrors.with("Too many failed authentications");
            return self.end_with(Stage::Idle, refusal, host);
        }
        self.answer(Stage::Idle, reply, host);
    }

    fn mail(&mut self, mail: Mail, stage: Stage, host: &mut impl Host) {
        let Stage::Idle = stage else {
            return self.answer(stage, out_of_order("MAIL comes once in a transaction"), host);
        };
        let too_large = mail.size > self.settings.max_size && self.settings.max_size.is_some();
        let decision = if !self.greeted {
            return self.answer(stage, out_of_order("MAIL comes after EHLO"), host);
        } else if self.settings.auth_required && !self.authenticated {
            Err(Cause::AuthenticationRequired.into())
        } else if too_large {
            Err(Cause::TooLarge.into())
        } else {
            host.mail(&mail)
        };
        match decision {
            Ok(()) => {
                let open = Stage::Open(Envelope { mail, recipients: Vec::new() });
                self.answer(open, Reply::new(250, "2.1.0", "Ok"), host);
            }
            Err(refusal) => self.answer(Stage::Idle, refusal.reply(), host),
        }
    }

    fn rcpt(&mut self, recipient: Recipient, stage: Stage, host: &mut impl Host) {
        let Stage::Open(mut envelope) = stage else {
            return self.answer(stage, out_of_order("RCPT comes after MAIL and before the message"), host);
        };
        let decision = if envelope.recipients.len() < self.settings.max_recipients {
            host.recipient(&recipient, &envelope)
        } else {
            Err(Cause::TooManyRecipients.into())
        };
        let reply = match decision {
            Ok(()) => {
                envelope.recipients.push(recipient);
                Reply::new(250, "2.1.5", "Ok")
            }
            Err(refusal) => Refusal::reply(&refusal),
        };
        self.answer(Stage::Open(envelope), reply, host);
    }

    fn starttls(&mut self, stage: Stage, host: &mut impl Host) {
        if !self.settings.starttls || self.secured {
            return self.answer(stage, Reply::new(502, "5.5.1", "STARTTLS is not offered here"), host);
        }
        reset(stage, host);
        self.state = State::Handshake;
        host.reply(&Reply::new(220, "2.0.0", "Ready to start TLS"));
    }
}

/// Tells the host that the transaction, if there is one, is over.
fn reset(stage: Stage, host: &mut impl Host) {
    if !matches!(stage, Stage::Idle) {
        host.reset();
    }
}
