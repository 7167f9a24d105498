//! The commands that carry a message: DATA (RFC 5321 4.1.1.4) and BDAT (RFC 3030).
#![forbid(unsafe_code)]

use super::{Session, Stage, State, out_of_order};
use crate::content::Content;
use crate::data::{DataReader, Progress};
use crate::envelope::Envelope;
use crate::host::Host;
use crate::refusal::{Cause, Refusal};
use crate::reply::Reply;

/// A message that is arriving.
#[derive(Debug)]
pub(super) struct Message {
    envelope: Envelope,
    content: Content,
}

impl Session {
    pub(super) fn data(&mut self, stage: Stage, host: &mut impl Host) {
        if let Stage::Chunks(_) = stage {
            return self.answer(stage, out_of_order("DATA does not follow BDAT"), host);
        }
        match self.begin(stage, host) {
            Ok(message) => {
                self.state = State::Data(DataReader::new(self.settings.line_ends), message);
                host.reply(&Reply::plain(354, ["End data with <CR><LF>.<CR><LF>"]));
            }
            Err(refused) => self.answer(refused.0, refused.1, host),
        }
    }

    /// Starts a message, or continues that of earlier chunks; otherwise returns the stage and the reason.
    fn begin(&mut self, stage: Stage, host: &mut impl Host) -> Result<Message, Box<(Stage, Reply)>> {
        match stage {
            Stage::Chunks(message) => Ok(message),
            Stage::Failed => Err(Box::new((stage, out_of_order("A chunk was refused; RSET starts anew")))),
            Stage::Idle => Err(Box::new((stage, out_of_order("The message comes after MAIL and RCPT")))),
            Stage::Open(envelope) if envelope.recipients.is_empty() => {
                Err(Box::new((Stage::Open(envelope), Reply::new(554, "5.5.1", "No valid recipients"))))
            }
            Stage::Open(envelope) => match host.begin(&envelope) {
                Ok(()) => Ok(Message { envelope, content: Content::new(self.settings.max_size) }),
                Err(refusal) => {
                    host.reset();
                    Err(Box::new((Stage::Idle, refusal.reply())))
                }
            },
        }
    }

    pub(super) fn take_data(
        &mut self,
        mut reader: DataReader,
        mut message: Message,
        input: &[u8],
        host: &mut impl Host,
    ) -> usize {
        let (taken, progress) = reader.read(input, |piece| message.content.push(piece, host));
        let endless = message.content.is_endless(0);
        if progress == Progress::End {
            self.finish(message, host);
            return taken;
        }
        self.state = State::Data(reader, message);
        if progress == Progress::Smuggled {
            let words = "A dot between bare line ends does not end a message; use CRLF";
            self.close(&Cause::ProtocolError.with(words), host);
        } else if endless {
            self.close(&Cause::TooLarge.into(), host);
        }
        taken
    }

    /// The octets of a chunk follow in any case (RFC 3030 2), so a refusal is sent only after the last of them.
    pub(super) fn bdat(&mut self, size: u64, last: bool, stage: Stage, host: &mut impl Host) {
        if Content::new(self.settings.max_size).is_endless(size) {
            return self.end_with(stage, Cause::TooLarge.into(), host);
        }
        let begun = if self.settings.chunking {
            self.begin(stage, host)
        } else {
            Err(Box::new((stage, Reply::new(502, "5.5.1", "BDAT is not offered here"))))
        };
        match (begun.map_err(|refused| *refused), size) {
            (Ok(message), 0) => self.end_chunk(last, message, host),
            (Ok(message), left) => self.state = State::Chunk { left, last, message },
            (Err((stage, reply)), 0) => self.answer(stage, reply, host),
            (Err((stage, reply)), left) => self.state = State::Dropped { left, reply, stage },
        }
    }

    pub(super) fn take_chunk(
        &mut self,
        left: u64,
        last: bool,
        mut message: Message,
        input: &[u8],
        host: &mut impl Host,
    ) -> usize {
        let piece = at_most(input, left);
        message.content.push(piece, host);
        match left - piece.len() as u64 {
            0 => self.end_chunk(last, message, host),
            left => self.state = State::Chunk { left, last, message },
        }
        piece.len()
    }

    pub(super) fn take_dropped(
        &mut self,
        left: u64,
        reply: Reply,
        stage: Stage,
        input: &[u8],
        host: &mut impl Host,
    ) -> usize {
        let piece = at_most(input, left);
        match left - piece.len() as u64 {
            0 => self.answer(stage, reply, host),
            left => self.state = State::Dropped { left, reply, stage },
        }
        piece.len()
    }

    /// After the last chunk the message is complete; otherwise the next chunk may come, unless this one was refused.
    fn end_chunk(&mut self, last: bool, message: Message, host: &mut impl Host) {
        match message.content.fault() {
            _ if last => self.finish(message, host),
            Some(refusal) => self.answer(Stage::Failed, refusal.reply(), host),
            None => {
                let reply = Reply::new(250, "2.0.0", format!("{} octets received", message.content.octets()));
                self.answer(Stage::Chunks(message), reply, host);
            }
        }
    }

    fn finish(&mut self, message: Message, host: &mut impl Host) {
        let outcome = match message.content.fault() {
            Some(refusal) => {
                host.reset();
                Err(refusal.clone())
            }
            None => host.end(&message.envelope),
        };
        let reply = match outcome {
            Ok(receipt) => {
                self.idle = 0;
                Reply::new(250, "2.0.0", format!("Taken as {}", receipt.id))
            }
            Err(refusal) => Refusal::reply(&refusal),
        };
        self.answer(Stage::Idle, reply, host);
    }
}

fn at_most(input: &[u8], left: u64) -> &[u8] {
    &input[..usize::try_from(left).unwrap_or(usize::MAX).min(input.len())]
}
