//! One message and one milter, from negotiation to its last word, over anything that octets can be written to and read from: what it decides,
//! and what it wants changed. An answer that was not due is none. What waits, and for how long, is the business of the stream.
#![forbid(unsafe_code)]

use super::body::Body;
use super::error::MilterError;
use super::line::{Line, Stream};
use super::macros::{Custom, Macros, append_mail};
use super::options::{Disagreement, Options, action, offer};
use super::packet::{Answer, Nonsense, Reply, Stage, push_text};
use crate::checks::change::Change;
use crate::checks::client::Client;
use crate::checks::field::Field;
use crate::checks::letter::{Letter, on_the_wire};
use mail::address::Address;
use mail::text::one_line;
use std::net::{IpAddr, Ipv4Addr};

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

/// Most octets of a body in one packet (SMFIC_BODY).
const PIECE: usize = 65_535;
/// What a milter may ask for, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It may add or delete recipients.
    pub recipients: bool,
    /// It may change the sender.
    pub sender: bool,
}

/// Asks a milter what it would do, and tells it of no message.
pub fn probe<S: Stream>(stream: S) -> Result<Abilities, MilterError> {
    let (line, options) = negotiate(stream)?;
    line.quit();
    let recipients = options.may(action::ADD_RECIPIENTS) || options.may(action::DELETE_RECIPIENTS);
    Ok(Abilities { recipients, sender: options.may(action::CHANGE_SENDER) })
}

fn negotiate<S: Stream>(stream: S) -> Result<(Line<S>, Options), MilterError> {
    let mut line = Line::new(stream);
    line.command(b'O', |data| data.extend(offer()))?;
    match line.answer()? {
        Answer::Options(data) => match Options::parse(&data) {
            Ok(options) => Ok((line, options)),
            Err(Disagreement::Needs(names)) => Err(MilterError::Needs(names)),
            Err(Disagreement::Nonsense(nonsense)) => Err(nonsense.into()),
        },
        other => Err(unexpected(&other, "negotiation")),
    }
}

/// Tells the milter of the letter and hears what it decides.
pub fn converse<S: Stream>(stream: S, letter: &Letter, told: &Told<'_>) -> Result<Decision, MilterError> {
    let (line, options) = negotiate(stream)?;
    let address = told.client.address.filter(|_| told.shows_client);
    let name = if told.shows_client { "unknown" } else { "localhost" };
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let shown = address.to_string();
    let macros = Macros::new(told.client, name, &shown, letter.envelope.sender.as_ref(), told.macros);
    let mut conversation = Conversation { line, options, macros, letter, told };
    let decision = conversation.run(name, address)?;
    conversation.line.quit();
    Ok(decision)
}

struct Conversation<'a, S> {
    line: Line<S>,
    options: Options,
    macros: Macros<'a>,
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
    fn run(&mut self, name: &str, address: IpAddr) -> Result<Decision, MilterError> {
        or_done!(self.event(Stage::Connect, None, |data| append_connect(data, name, address))?);
        or_done!(self.event(Stage::Helo, None, |data| push_text(data, name.as_bytes()))?);
        let letter = self.letter;
        let append_mail = |data: &mut _| append_mail(data, &letter.envelope, letter.len(), letter.is_eight_bit());
        or_done!(self.event(Stage::Mail, None, append_mail)?);
        for recipient in &letter.envelope.recipients {
            let append = |data: &mut _| push_text(data, format!("<{recipient}>").as_bytes());
            or_done!(self.event(Stage::Rcpt, Some(recipient), append)?);
        }
        or_done!(self.event(Stage::Data, None, |_| ())?);
        for field in &letter.fields {
            let value = field.value();
            let value = if self.options.space().is_empty() { value } else { value.strip_prefix(b" ").unwrap_or(value) };
            let append = |data: &mut _| [field.name(), value].iter().for_each(|text| push_text(data, text));
            if let Next::Skip = or_done!(self.event(Stage::Header, None, append)?) {
                break;
            }
        }
        or_done!(self.event(Stage::EndOfHeader, None, |_| ())?);
        or_done!(self.body()?);
        self.last_word()
    }

    fn body(&mut self) -> Result<Next, MilterError> {
        let mut done = None;
        if self.options.wants(Stage::Body) {
            let letter = self.letter;
            on_the_wire::<MilterError>(letter.body(), PIECE, |piece| {
                let next = self.event(Stage::Body, None, |data| data.extend_from_slice(piece))?;
                let goes_on = matches!(next, Next::GoOn);
                done = Some(next);
                Ok(goes_on)
            })?;
        }
        Ok(done.unwrap_or(Next::GoOn))
    }

    /// Tells of one event, with the macros of its stage also where the event itself is left out, as Sendmail does.
    fn event(
        &mut self,
        stage: Stage,
        recipient: Option<&Address>,
        append: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Next, MilterError> {
        self.send_macros(stage, recipient)?;
        if !self.options.wants(stage) {
            return Ok(Next::GoOn);
        }
        self.line.command(stage.code(), append)?;
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

    fn send_macros(&mut self, stage: Stage, recipient: Option<&Address>) -> Result<(), MilterError> {
        if matches!(stage, Stage::Header | Stage::Body) {
            return Ok(());
        }
        let (macros, wanted) = (&self.macros, self.options.macros(stage));
        self.line.command(b'D', |data| macros.append(data, stage, recipient, wanted))
    }

    /// The end of the body, and all that the milter says to the message.
    fn last_word(&mut self) -> Result<Decision, MilterError> {
        self.send_macros(Stage::EndOfBody, None)?;
        self.line.command(Stage::EndOfBody.code(), |_| ())?;
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
                    let body = body.get_or_insert_with(|| {
                        Body::new(self.letter.directory(), self.told.max_body.max(self.letter.len()))
                    });
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

/// Name, family, port, which is not known, and address.
fn append_connect(data: &mut Vec<u8>, name: &str, address: IpAddr) {
    push_text(data, name.as_bytes());
    data.extend([if address.is_ipv4() { b'4' } else { b'6' }, 0, 0]);
    push_text(data, address.to_string().as_bytes());
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

fn unexpected(answer: &Answer, stage: &str) -> MilterError {
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

#[cfg(test)]
mod round_trips;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
