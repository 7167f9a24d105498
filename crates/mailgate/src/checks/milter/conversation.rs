//! One message and one milter, from negotiation to its last word, over anything that octets can be written to and read from: what it decides,
//! and what it wants changed. An answer that was not due is none. What waits, and for how long, is the business of the stream.
#![forbid(unsafe_code)]

use super::macros::{Custom, Macros, mail_parameters};
use super::options::{Disagreement, Options, action, offer};
use super::packet::{self, Answer, Nonsense, Packets, Reply, Stage};
use crate::checks::change::Change;
use crate::checks::client::Client;
use crate::checks::field::{Field, Unwritable};
use crate::checks::letter::{Letter, on_the_wire};
use mail::address::Address;
use mail::text::one_line;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use sys::socket::Timed;
use sys::spool::Spool;

/// A connection, and whether nothing waits to be read on it.
pub trait Stream: Read + Write {
    /// Nothing has come that was not asked for.
    fn is_quiet(&self) -> io::Result<bool>;
}

impl Stream for Timed {
    fn is_quiet(&self) -> io::Result<bool> {
        self.is_readable().map(|readable| !readable)
    }
}

/// What a milter is told beside the message.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Who hands it in.
    pub client: &'a Client,
    /// SendmailMilterClient: whether the milter sees the client's address. If not, the mail comes from this host, as it does in Postfix for
    /// mail that did not come by SMTP.
    pub shows_client: bool,
    /// SendmailMilterMacros.
    pub macros: &'a [Custom],
    /// Most octets of a body that replaces the message's.
    pub max_body: u64,
}

/// The last word of a milter.
#[derive(Debug)]
pub enum Decision {
    /// It may go, changed so.
    Accept(Vec<Change>),
    /// Nobody gets it, and nobody is told.
    Discard,
    /// It may go, changed so, once a person has looked at it; the reason.
    Quarantine(String, Vec<Change>),
    /// It may not go.
    Refuse(Reply),
}

/// Why there is no last word.
#[derive(Debug)]
pub enum CheckError {
    /// The connection ended, or its deadline passed.
    Lost(io::Error),
    /// It needs what we do not offer; the names.
    Needs(String),
    /// What came is no answer.
    Nonsense(Nonsense),
    /// The message could not be read, or a body not be stored: our own fault.
    Storage(io::Error),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Lost(error) if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() => {
                f.write_str("no answer within SendmailMilterTimeout")
            }
            CheckError::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("it closed the connection")
            }
            CheckError::Lost(error) => error.fmt(f),
            CheckError::Needs(names) => write!(f, "it needs {names}, which is not offered here"),
            CheckError::Nonsense(nonsense) => nonsense.fmt(f),
            CheckError::Storage(error) => write!(f, "the message could not be read or stored: {error}"),
        }
    }
}

impl From<Nonsense> for CheckError {
    fn from(nonsense: Nonsense) -> Self {
        CheckError::Nonsense(nonsense)
    }
}

impl From<Unwritable> for CheckError {
    fn from(error: Unwritable) -> Self {
        CheckError::Nonsense(Nonsense(error.to_string()))
    }
}

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> Self {
        CheckError::Storage(error)
    }
}

/// Most octets of answers, pieces of a body apart: a milter at work for an hour says so less often.
const MAX_ANSWERS: u64 = 4 << 20;
/// Most octets of a body in one packet (SMFIC_BODY).
const PIECE: usize = 65_535;
/// What stays in memory of a body that replaces the message's.
const MEMORY: usize = 64 * 1024;

/// What a milter may ask for, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It may add or delete recipients.
    pub recipients: bool,
    /// It may change the sender.
    pub sender: bool,
}

/// Asks a milter what it would do, and tells it of no message.
pub fn probe<S: Stream>(stream: S) -> Result<Abilities, CheckError> {
    let (mut line, options) = negotiate(stream)?;
    let _ = line.command(b'Q', &[]).and_then(|()| line.flush()); // it has said all that was asked
    let recipients = options.may(action::ADD_RECIPIENTS) || options.may(action::DELETE_RECIPIENTS);
    Ok(Abilities { recipients, sender: options.may(action::CHANGE_SENDER) })
}

fn negotiate<S: Stream>(stream: S) -> Result<(Line<S>, Options), CheckError> {
    let mut line = Line { stream, packets: Packets::default(), unsent: Vec::new(), answers: 0 };
    line.command(b'O', &[&offer()])?;
    match line.answer()? {
        Answer::Options(data) => match Options::parse(&data) {
            Ok(options) => Ok((line, options)),
            Err(Disagreement::Needs(names)) => Err(CheckError::Needs(names)),
            Err(Disagreement::Nonsense(nonsense)) => Err(nonsense.into()),
        },
        other => Err(unexpected(&other, "negotiation")),
    }
}

/// Tells the milter of the letter and hears what it decides.
pub fn converse<S: Stream>(stream: S, letter: &Letter, told: &Told<'_>) -> Result<Decision, CheckError> {
    let (line, options) = negotiate(stream)?;
    let address = told.client.address.filter(|_| told.shows_client);
    let name = if told.shows_client { "unknown" } else { "localhost" };
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let sender = letter.envelope.sender.as_ref();
    let macros = Macros::new(told.client, name, &address.to_string(), sender, told.macros);
    let mut conversation = Conversation { line, options, macros, letter, told };
    let decision = conversation.run(name, address)?;
    let _ = conversation.line.command(b'Q', &[]).and_then(|()| conversation.line.flush()); // it has said its last word
    Ok(decision)
}

struct Conversation<'a, S> {
    line: Line<S>,
    options: Options,
    macros: Macros,
    letter: &'a Letter,
    told: &'a Told<'a>,
}

/// What follows an answer.
enum Next {
    GoOn,
    /// To the next stage.
    Skip,
    Done(Decision),
}

/// Goes on, or has the last word.
macro_rules! or_done {
    ($next:expr) => {
        match $next {
            Next::Done(decision) => return Ok(decision),
            next => next,
        }
    };
}

impl<S: Stream> Conversation<'_, S> {
    fn run(&mut self, name: &str, address: IpAddr) -> Result<Decision, CheckError> {
        or_done!(self.event(Stage::Connect, None, &connect(name, address))?);
        or_done!(self.event(Stage::Helo, None, &packet::text(name.as_bytes()))?);
        let mail = mail_parameters(&self.letter.envelope, self.letter.len(), self.letter.is_eight_bit());
        or_done!(self.event(Stage::Mail, None, &mail)?);
        for recipient in &self.letter.envelope.recipients {
            or_done!(self.event(Stage::Rcpt, Some(recipient), &packet::text(format!("<{recipient}>").as_bytes()))?);
        }
        or_done!(self.event(Stage::Data, None, &[])?);
        for field in &self.letter.fields {
            let value = field.value();
            let value = if self.options.space().is_empty() { value } else { value.strip_prefix(b" ").unwrap_or(value) };
            let data = [packet::text(field.name()), packet::text(value)].concat();
            if let Next::Skip = or_done!(self.event(Stage::Header, None, &data)?) {
                break;
            }
        }
        or_done!(self.event(Stage::EndOfHeader, None, &[])?);
        or_done!(self.body()?);
        self.last_word()
    }

    fn body(&mut self) -> Result<Next, CheckError> {
        let mut done = None;
        if self.options.wants(Stage::Body) {
            let letter = self.letter;
            on_the_wire::<CheckError>(letter.body(), PIECE, |piece| {
                let next = self.event(Stage::Body, None, piece)?;
                let goes_on = matches!(next, Next::GoOn);
                done = Some(next);
                Ok(goes_on)
            })?;
        }
        Ok(done.unwrap_or(Next::GoOn))
    }

    /// Tells of one event, with the macros of its stage also where the event itself is left out, as Sendmail does.
    fn event(&mut self, stage: Stage, recipient: Option<&Address>, data: &[u8]) -> Result<Next, CheckError> {
        self.send_macros(stage, recipient)?;
        if !self.options.wants(stage) {
            return Ok(Next::GoOn);
        }
        self.line.command(stage.code(), &[data])?;
        if !self.options.answers(stage) {
            return Ok(Next::GoOn);
        }
        loop {
            let answer = self.line.answer()?;
            return Ok(match answer {
                Answer::Progress => continue,
                Answer::Continue => Next::GoOn,
                Answer::Skip if self.options.may_skip() && matches!(stage, Stage::Header | Stage::Body) => Next::Skip,
                Answer::Accept => {
                    self.line.is_open_and_quiet()?;
                    Next::Done(Decision::Accept(Vec::new()))
                }
                Answer::Discard if !matches!(stage, Stage::Connect | Stage::Helo) => {
                    self.line.is_open_and_quiet()?;
                    Next::Done(Decision::Discard)
                }
                answer => match refusal(answer) {
                    Ok(reply) => Next::Done(Decision::Refuse(reply)),
                    Err(answer) => return Err(unexpected(&answer, &format!("{stage:?}"))),
                },
            });
        }
    }

    fn send_macros(&mut self, stage: Stage, recipient: Option<&Address>) -> Result<(), CheckError> {
        if matches!(stage, Stage::Header | Stage::Body) {
            return Ok(());
        }
        let data = self.macros.data(stage, recipient, self.options.macros(stage));
        self.line.command(b'D', &[&data])
    }

    /// The end of the body, and all that the milter says to the message.
    fn last_word(&mut self) -> Result<Decision, CheckError> {
        self.send_macros(Stage::EndOfBody, None)?;
        self.line.command(Stage::EndOfBody.code(), &[])?;
        let (mut changes, mut body, mut reason): (Vec<Change>, Option<Body>, Option<String>) = (Vec::new(), None, None);
        let space = self.options.space();
        loop {
            let answer = self.line.answer()?;
            if let Some(wanted) = needed(&answer)
                && !self.options.may(wanted)
            {
                return Err(unexpected(&answer, "the end of the message, which it did not ask leave for"));
            }
            match answer {
                Answer::Progress => continue,
                Answer::Body(piece) => {
                    let body = body.get_or_insert_with(|| Body::new(self.told, self.letter));
                    body.write(&piece)?;
                }
                Answer::Quarantine(why) => reason = Some(one_line(&why, 400)),
                Answer::AddField(name, value) => changes.push(Change::AddField(Field::new(&name, &value, space)?)),
                Answer::InsertField(index, name, value) => {
                    changes.push(Change::InsertField { index, field: Field::new(&name, &value, space)? });
                }
                Answer::ChangeField(index, name, value) if value.is_empty() => {
                    changes.push(Change::DeleteField { index, name: String::from_utf8_lossy(&name).into_owned() });
                }
                Answer::ChangeField(index, name, value) => {
                    changes.push(Change::ChangeField { index, field: Field::new(&name, &value, space)? });
                }
                Answer::AddRecipient(text) => changes.push(Change::AddRecipient(address(&text)?)),
                Answer::DeleteRecipient(text) => changes.push(Change::DeleteRecipient(address(&text)?)),
                Answer::ChangeSender(text) if matches!(text.trim_ascii(), b"" | b"<>") => {
                    changes.push(Change::Sender(None))
                }
                Answer::ChangeSender(text) => changes.push(Change::Sender(Some(address(&text)?))),
                Answer::Continue | Answer::Accept => {
                    self.line.is_open_and_quiet()?;
                    if let Some(body) = body {
                        let is_eight_bit = eight_bit_after(self.letter, &changes);
                        changes.push(Change::Body(body.finish(is_eight_bit)?));
                    }
                    return Ok(match reason {
                        Some(reason) => Decision::Quarantine(reason, changes),
                        None => Decision::Accept(changes),
                    });
                }
                Answer::Discard => {
                    self.line.is_open_and_quiet()?;
                    return Ok(Decision::Discard);
                }
                answer => match refusal(answer) {
                    Ok(reply) => return Ok(Decision::Refuse(reply)),
                    Err(answer) => return Err(unexpected(&answer, "the end of the message")),
                },
            }
            if changes.len() > MAX_CHANGES {
                return Err(Nonsense(format!("more than {MAX_CHANGES} changes")).into());
            }
        }
    }
}

/// More than any milter has a reason for.
const MAX_CHANGES: usize = 2000;

fn connect(name: &str, address: IpAddr) -> Vec<u8> {
    let family = if address.is_ipv4() { b'4' } else { b'6' };
    [packet::text(name.as_bytes()), vec![family, 0, 0], packet::text(address.to_string().as_bytes())].concat()
}

/// What an answer needs leave for.
fn needed(answer: &Answer) -> Option<u32> {
    Some(match answer {
        Answer::AddField(..) | Answer::InsertField(..) => action::ADD_FIELDS,
        Answer::AddRecipient(_) => action::ADD_RECIPIENTS,
        Answer::Body(_) => action::CHANGE_BODY,
        Answer::ChangeField(..) => action::CHANGE_FIELDS,
        Answer::ChangeSender(_) => action::CHANGE_SENDER,
        Answer::DeleteRecipient(_) => action::DELETE_RECIPIENTS,
        Answer::Quarantine(_) => action::QUARANTINE,
        _ => return None,
    })
}

/// The refusal that an answer is, or the answer.
fn refusal(answer: Answer) -> Result<Reply, Answer> {
    match answer {
        Answer::Reject => Ok(Reply { is_lasting: true, text: "550 5.7.1 Command rejected".into() }),
        Answer::Tempfail => {
            Ok(Reply { is_lasting: false, text: "451 4.7.1 Service unavailable - try again later".into() })
        }
        Answer::Reply(reply) => Ok(reply),
        other => Err(other),
    }
}

fn unexpected(answer: &Answer, stage: &str) -> CheckError {
    let shown = format!("{answer:?}");
    let name = shown.split(['(', ' ']).next().unwrap_or_default();
    Nonsense(format!("'{name}' as its answer to {stage}")).into()
}

/// `a@b` or `<a@b>`.
fn address(octets: &[u8]) -> Result<Address, Nonsense> {
    let text = std::str::from_utf8(octets).unwrap_or_default().trim();
    let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    Address::parse(bare).map_err(|_| Nonsense("an address that cannot be written to from here".into()))
}

/// Whether the header allows octets above 127 once these changes are made.
fn eight_bit_after(letter: &Letter, changes: &[Change]) -> bool {
    let says_so = |field: &Field| {
        field.is("Content-Transfer-Encoding").then(|| field.value().trim_ascii().eq_ignore_ascii_case(b"8bit"))
    };
    let changed = changes.iter().rev().find_map(|change| match change {
        Change::AddField(field) | Change::ChangeField { field, .. } | Change::InsertField { field, .. } => {
            says_so(field)
        }
        Change::DeleteField { name, .. } if name.eq_ignore_ascii_case("Content-Transfer-Encoding") => Some(false),
        _ => None,
    });
    changed.unwrap_or_else(|| letter.is_eight_bit())
}

/// A body in the place of the message's, as it comes: it must be one that every mail server carries.
struct Body {
    spool: Spool,
    left: u64,
    line: usize,
    after_cr: bool,
    eight_bit: bool,
}

/// Longest line; Sendmail cuts there.
const MAX_LINE: usize = 990;

impl Body {
    fn new(told: &Told<'_>, letter: &Letter) -> Body {
        let left = told.max_body.max(letter.len());
        Body { spool: Spool::new(letter.directory(), MEMORY), left, line: 0, after_cr: false, eight_bit: false }
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), CheckError> {
        let bad = |why: &str| CheckError::from(Nonsense(format!("a body with {why}")));
        self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(|| bad("more octets than it may have"))?;
        self.eight_bit |= !piece.is_ascii();
        let mut kept = Vec::with_capacity(piece.len());
        for &byte in piece {
            if std::mem::replace(&mut self.after_cr, byte == b'\r') && byte != b'\n' {
                return Err(bad("a CR that ends no line"));
            }
            match byte {
                b'\r' => continue,
                0 => return Err(bad("a NUL")),
                b'\n' => self.line = 0,
                _ => self.line += 1,
            }
            if self.line > MAX_LINE {
                return Err(bad("a line of more than 990 octets"));
            }
            kept.push(byte);
        }
        self.spool.write(&kept).map_err(CheckError::Storage)
    }

    fn finish(mut self, may_be_eight_bit: bool) -> Result<Spool, CheckError> {
        let bad = |why: &str| Err(Nonsense(format!("a body with {why}")).into());
        if self.after_cr {
            return bad("a CR that ends no line");
        }
        if self.eight_bit && !may_be_eight_bit {
            return bad("octets above 127 that the header does not tell of");
        }
        if self.line > 0 {
            self.spool.write(b"\n")?;
        }
        Ok(self.spool)
    }
}

/// Commands out, answers in.
struct Line<S> {
    stream: S,
    packets: Packets,
    /// Commands that wait for the next one that is answered.
    unsent: Vec<u8>,
    /// Octets of answers so far, bodies apart.
    answers: u64,
}

impl<S: Stream> Line<S> {
    fn command(&mut self, code: u8, data: &[&[u8]]) -> Result<(), CheckError> {
        packet::push(&mut self.unsent, code, data);
        if self.unsent.len() > PIECE { self.flush() } else { Ok(()) }
    }

    /// Nothing that came before may be taken for the answer to what is written now.
    fn flush(&mut self) -> Result<(), CheckError> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        if !self.is_open_and_quiet()? {
            return Err(CheckError::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        self.stream.write_all(&self.unsent).and_then(|()| self.stream.flush()).map_err(CheckError::Lost)?;
        self.unsent.clear();
        Ok(())
    }

    /// Refuses what came behind the last answer. `false`: the connection was closed there.
    fn is_open_and_quiet(&mut self) -> Result<bool, CheckError> {
        let more = || Err(Nonsense("more than it was asked for".into()).into());
        if !self.packets.is_empty() {
            return more();
        }
        if self.stream.is_quiet().map_err(CheckError::Lost)? {
            return Ok(true);
        }
        match self.stream.read(&mut [0]).map_err(CheckError::Lost)? {
            0 => Ok(false),
            _ => more(),
        }
    }

    fn answer(&mut self) -> Result<Answer, CheckError> {
        self.flush()?;
        loop {
            if let Some((code, data)) = self.packets.next()? {
                if code != b'b' {
                    self.answers += data.len() as u64 + 5;
                }
                if self.answers > MAX_ANSWERS {
                    return Err(Nonsense(format!("more than {MAX_ANSWERS} octets of answers")).into());
                }
                return Ok(Answer::parse(code, data)?);
            }
            let mut piece = [0; 16 * 1024];
            match self.stream.read(&mut piece).map_err(CheckError::Lost)? {
                0 => return Err(CheckError::Lost(io::ErrorKind::UnexpectedEof.into())),
                n => self.packets.push(&piece[..n]),
            }
        }
    }
}

#[cfg(test)]
mod tests;
