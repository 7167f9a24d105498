//! `-bs`: a program that speaks SMTP over stdin and stdout (Symfony, Laravel, alpine) -> messages. `-bS` is the same without replies; the
//! exit status reports the outcome. Each message is sent or queued before its reply.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};

use smtp::{
    Cause, Decision, Envelope, Host, LineEnds, Notify, Phase, Receipt, Recipient, Refusal, Reply, Ret, Session,
    Settings,
};
use sys::spool::Spool;

use crate::config::{Found, MAX_SIZE};
use crate::exit::{Failure, Status};
use crate::message::input::Canonical;
use crate::options::Dsn;
use crate::send::{IN_MEMORY, Incoming, Sender};

/// The most recipients of a message.
const MAX_RECIPIENTS: usize = 1000;

/// Serves one client to its QUIT, or to the end of stdin.
pub fn serve(sender: Sender<'_>, batch: bool) -> Result<(), Failure> {
    let max_size = if let Found::Config(config) = &sender.found { config.max_size } else { MAX_SIZE };
    let name = sender.host.name();
    let mut settings = Settings::new(if name.is_empty() { "localhost".to_owned() } else { name }, LineEnds::Any);
    settings.max_size = Some(max_size);
    settings.max_recipients = MAX_RECIPIENTS;
    let mut host = Caller { sender, batch, message: None, replies: Vec::new(), failure: None };
    let mut session = Session::new(settings);
    session.greet(&mut host);
    let (mut stdin, mut piece) = (io::stdin().lock(), vec![0; 64 * 1024]);
    while session.phase() != Phase::Ended {
        host.answer()?;
        match stdin.read(&mut piece) {
            Ok(0) => break, // an unfinished message was never reported as taken
            Ok(octets) => session.feed(&piece[..octets], &mut host),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::storage("stdin", error)),
        }
    }
    host.answer()?;
    host.failure.map_or(Ok(()), Err)
}

/// The program that called.
struct Caller<'a> {
    sender: Sender<'a>,
    batch: bool,
    message: Option<Spool>,
    /// Replies not yet written.
    replies: Vec<u8>,
    /// In batch mode: the first failure.
    failure: Option<Failure>,
}

impl Caller<'_> {
    fn answer(&mut self) -> Result<(), Failure> {
        let replies = std::mem::take(&mut self.replies);
        let written = io::stdout().write_all(&replies).and_then(|()| io::stdout().flush());
        written.map_err(|error| Failure::storage("stdout", error))
    }

    fn send(&mut self, message: &Spool, envelope: &Envelope) -> Result<String, Failure> {
        let words = envelope.recipients.iter().map(|recipient| recipient.address.to_string()).collect();
        let from = envelope.mail.sender.as_ref().map_or_else(|| "<>".to_owned(), ToString::to_string);
        let dsn = Dsn {
            notify: envelope.recipients.first().and_then(|recipient| recipient.notify).map(notify),
            ret: envelope.mail.ret.map(|ret| if ret == Ret::Full { "full" } else { "hdrs" }.to_owned()),
            envid: envelope.mail.envid.clone(),
        };
        let incoming = Incoming::read(Canonical::new(message.reader(), true))?;
        self.sender.submit(incoming, Some(from), words, false, dsn).map(|id| id.to_string())
    }
}

impl Host for Caller<'_> {
    fn reply(&mut self, reply: &Reply) {
        if !self.batch {
            self.replies.extend_from_slice(reply.to_string().as_bytes());
        }
    }

    /// A request to the gateway has a single NOTIFY; recipients with another one must go in another transaction, as with any server that
    /// takes only a few at a time (RFC 5321 4.5.3.1.10).
    fn recipient(&mut self, recipient: &Recipient, before: &Envelope) -> Decision {
        match before.recipients.first() {
            Some(first) if first.notify != recipient.notify => {
                Err(Cause::TooManyRecipients.with("Recipients with another NOTIFY go in another transaction"))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, _: &Envelope) -> Decision {
        self.message = Some(Spool::new(&self.sender.scratch(), IN_MEMORY));
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Decision {
        let written = self.message.as_mut().map(|message| message.write(octets));
        written.unwrap_or(Ok(())).map_err(|error| Cause::NoRoom.with(error.to_string()))
    }

    fn end(&mut self, envelope: &Envelope) -> Result<Receipt, Refusal> {
        let mut message = self.message.take().ok_or(Cause::ProtocolError)?;
        message.settle().map_err(|error| Cause::NoRoom.with(error.to_string()))?;
        match self.send(&message, envelope) {
            Ok(id) => Ok(Receipt { id }),
            Err(failure) => {
                self.sender.log.error(&failure.words);
                let outcome = refusal(&failure);
                if self.batch {
                    self.failure.get_or_insert(failure);
                }
                outcome
            }
        }
    }

    fn reset(&mut self) {
        self.message = None;
    }
}

/// The reply to the client; a message that is kept despite an error counts as taken.
fn refusal(failure: &Failure) -> Result<Receipt, Refusal> {
    let cause = match failure.status {
        _ if failure.is_kept => return Ok(Receipt { id: "kept".into() }),
        Status::NoUser | Status::Usage => Cause::BadRecipient,
        Status::DataError => Cause::BadContent,
        Status::TempFail => Cause::NoRoom,
        Status::Unknown => Cause::MayHaveBeenDelivered,
        Status::Config | Status::NoPermission => Cause::Misconfigured,
        Status::Unavailable | Status::Ok | Status::Attention => Cause::Unavailable,
    };
    Err(cause.with(mail::text::one_line(failure.words.as_bytes(), 300)))
}

fn notify(notify: Notify) -> String {
    match notify {
        Notify::Never => "never".into(),
        Notify::On { success, failure, delay } => {
            let words = [(success, "success"), (failure, "failure"), (delay, "delay")];
            words.into_iter().filter_map(|(is_set, word)| is_set.then_some(word)).collect::<Vec<_>>().join(",")
        }
    }
}
