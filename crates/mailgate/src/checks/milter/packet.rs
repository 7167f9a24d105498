//! The milter protocol on the wire (versions 2 to 6, as libmilter's mfdef.h has it): commands -> octets, octets -> [`Answer`]s. A packet is its
//! length in 32 bits, a code, and data. What is no answer is [`Nonsense`]; nothing here waits or knows what was asked.
#![forbid(unsafe_code)]

use mail::text::one_line;
use std::fmt;

/// Longest packet of a milter: a piece of a body is 64 KiB at most where no more was negotiated.
pub const LONGEST: usize = 256 * 1024;

/// What a milter sent is no answer, or none that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonsense(pub String);

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it sent {}", self.0)
    }
}

/// What a milter is told of, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Who connects.
    Connect,
    /// The name the client gives itself.
    Helo,
    /// The sender.
    Mail,
    /// A recipient.
    Rcpt,
    /// The envelope is complete.
    Data,
    /// A field.
    Header,
    /// The header is complete.
    EndOfHeader,
    /// A piece of the body.
    Body,
    /// The message is complete.
    EndOfBody,
}

impl Stage {
    /// In their order.
    pub const ALL: [Stage; 9] = [
        Stage::Connect,
        Stage::Helo,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Header,
        Stage::EndOfHeader,
        Stage::Body,
        Stage::EndOfBody,
    ];

    /// Code, SMFIP_NO*, SMFIP_NR_*, its number in SMFIC_OPTNEG (SMFIM_*).
    fn row(self) -> (u8, u32, u32, Option<u32>) {
        match self {
            Stage::Connect => (b'C', 1, 1 << 12, Some(0)),
            Stage::Helo => (b'H', 1 << 1, 1 << 13, Some(1)),
            Stage::Mail => (b'M', 1 << 2, 1 << 14, Some(2)),
            Stage::Rcpt => (b'R', 1 << 3, 1 << 15, Some(3)),
            Stage::Data => (b'T', 1 << 9, 1 << 16, Some(4)),
            Stage::Header => (b'L', 1 << 5, 1 << 7, None),
            Stage::EndOfHeader => (b'N', 1 << 6, 1 << 18, Some(6)),
            Stage::Body => (b'B', 1 << 4, 1 << 19, None),
            Stage::EndOfBody => (b'E', 0, 0, Some(5)),
        }
    }

    /// The code of its command.
    pub fn code(self) -> u8 {
        self.row().0
    }

    /// The bit by which a milter says that it does not want to hear of it.
    pub fn left_out(self) -> u32 {
        self.row().1
    }

    /// The bit by which a milter says that it does not answer.
    pub fn without_answer(self) -> u32 {
        self.row().2
    }

    /// The stage of this number in a list of macros.
    pub fn of_macros(number: u32) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| stage.row().3 == Some(number))
    }
}

/// Appends a packet, whose data `write` appends.
pub fn push(to: &mut Vec<u8>, code: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend_from_slice(&[0, 0, 0, 0, code]);
    write(to);
    let len = (to.len() - start - LENGTH) as u32;
    to[start..start + LENGTH].copy_from_slice(&len.to_be_bytes());
}

/// Octets of the length of a packet.
const LENGTH: usize = 4;

/// Appends a text that ends at its first NUL, with the NUL that ends it.
pub fn push_text(to: &mut Vec<u8>, octets: &[u8]) {
    to.extend_from_slice(&octets[..memchr::memchr(0, octets).unwrap_or(octets.len())]);
    to.push(0);
}

/// The packets in what has arrived so far.
#[derive(Debug, Default)]
pub struct Packets {
    ahead: Vec<u8>,
}

impl Packets {
    /// What has arrived.
    pub fn push(&mut self, octets: &[u8]) {
        self.ahead.extend_from_slice(octets);
    }

    /// Whether nothing waits, not even a part of a packet.
    pub fn is_empty(&self) -> bool {
        self.ahead.is_empty()
    }

    /// The next packet, code and data, if all of it is there.
    pub fn next(&mut self) -> Result<Option<(u8, Vec<u8>)>, Nonsense> {
        let mut rest = self.ahead.as_slice();
        let Some(len) = u32_of(&mut rest).map(|len| len as usize) else { return Ok(None) };
        if len == 0 || len > LONGEST {
            return Err(Nonsense(format!("a packet of {len} octets")));
        }
        let Some(packet) = rest.get(..len) else { return Ok(None) };
        let (code, data) = (packet[0], packet[1..].to_vec());
        self.ahead.drain(..LENGTH + len);
        Ok(Some((code, data)))
    }
}

/// Takes a number off the front.
pub fn u32_of(from: &mut &[u8]) -> Option<u32> {
    let (number, rest) = from.split_first_chunk::<4>()?;
    *from = rest;
    Some(u32::from_be_bytes(*number))
}

/// What a milter says. Its texts are as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This message is well, whatever follows.
    Accept,
    /// A field behind the last.
    AddField(Vec<u8>, Vec<u8>),
    /// Another recipient.
    AddRecipient(Vec<u8>),
    /// A piece of the body that replaces the message's.
    Body(Vec<u8>),
    /// Another field in the place of the nth of this name; an empty value: none.
    ChangeField(usize, Vec<u8>, Vec<u8>),
    /// Another sender.
    ChangeSender(Vec<u8>),
    /// Well so far.
    Continue,
    /// One recipient less.
    DeleteRecipient(Vec<u8>),
    /// Nobody gets it, and nobody is told.
    Discard,
    /// A field before the nth.
    InsertField(usize, Vec<u8>, Vec<u8>),
    /// What it agrees to, for [`super::options::Options::parse`].
    Options(Vec<u8>),
    /// It is at work.
    Progress,
    /// Keep it back; the reason.
    Quarantine(Vec<u8>),
    /// Refused for good.
    Reject,
    /// Refused with a reply of SMTP.
    Reply(Reply),
    /// No more events of this kind.
    Skip,
    /// Refused for now.
    Tempfail,
}

/// A refusal in the words of SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 4 or 5, as the first digit.
    pub is_lasting: bool,
    /// On one line, escaped.
    pub text: String,
}

impl Answer {
    /// Reads a packet.
    pub fn parse(code: u8, data: Vec<u8>) -> Result<Answer, Nonsense> {
        let bare = |answer: Answer| match data.is_empty() {
            true => Ok(answer),
            false => Err(Nonsense(format!("'{}' with {} octets behind it", code.escape_ascii(), data.len()))),
        };
        match code {
            b'a' => bare(Answer::Accept),
            b'b' => Ok(Answer::Body(data)),
            b'c' => bare(Answer::Continue),
            b'd' => bare(Answer::Discard),
            b'p' => bare(Answer::Progress),
            b'r' => bare(Answer::Reject),
            b's' => bare(Answer::Skip),
            b't' | b'4' | b'f' => bare(Answer::Tempfail),
            b'O' => Ok(Answer::Options(data)),
            b'y' => Reply::parse(&strings(code, &data, 1)?[0]).map(Answer::Reply),
            b'q' => one(code, &data).map(Answer::Quarantine),
            b'+' => one(code, &data).map(Answer::AddRecipient),
            b'-' => one(code, &data).map(Answer::DeleteRecipient),
            b'e' => one(code, &data).map(Answer::ChangeSender),
            b'h' => two(code, &data).map(|(name, value)| Answer::AddField(name, value)),
            b'i' | b'm' => {
                let mut rest = data.as_slice();
                let index =
                    u32_of(&mut rest).ok_or_else(|| Nonsense(format!("'{}' without an index", code as char)))?;
                let index = i32::try_from(index).ok().and_then(|index| usize::try_from(index).ok());
                let index = index.ok_or_else(|| Nonsense(format!("'{}' with a negative index", code as char)))?;
                let (name, value) = two(code, rest)?;
                Ok(match code {
                    b'i' => Answer::InsertField(index, name, value),
                    _ => Answer::ChangeField(index, name, value),
                })
            }
            _ => Err(Nonsense(format!("'{}', which is no answer", code.escape_ascii()))),
        }
    }
}

impl Reply {
    /// `4NN text` or `5NN text`, in one line or several; `%%` is `%`, since Sendmail takes the text for a format.
    fn parse(octets: &[u8]) -> Result<Reply, Nonsense> {
        let malformed = || Nonsense(format!("the reply '{}'", one_line(octets, 80)));
        let (code, rest) = octets.split_at_checked(3).ok_or_else(malformed)?;
        let is_code = matches!(code, [b'4' | b'5', b'0'..=b'9', b'0'..=b'9']);
        if !is_code || !matches!(rest.first(), None | Some(b' ' | b'-')) {
            return Err(malformed());
        }
        let (mut text, mut rest) = (Vec::with_capacity(octets.len()), octets.iter());
        while let Some(byte) = rest.next() {
            text.extend(if *byte == b'%' { rest.next() } else { Some(byte) });
        }
        Ok(Reply { is_lasting: code[0] == b'5', text: one_line(&text, 400) })
    }
}

/// As many texts as this, each ended by NUL, and nothing else.
fn strings(code: u8, data: &[u8], wanted: usize) -> Result<Vec<Vec<u8>>, Nonsense> {
    let found: Vec<Vec<u8>> = match data.strip_suffix(b"\0") {
        Some(texts) => texts.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect(),
        None => return Err(Nonsense(format!("'{}' with a text that has no end", code.escape_ascii()))),
    };
    match found.len() {
        n if n == wanted => Ok(found),
        n => Err(Nonsense(format!("'{}' with {n} texts, not {wanted}", code.escape_ascii()))),
    }
}

fn one(code: u8, data: &[u8]) -> Result<Vec<u8>, Nonsense> {
    Ok(strings(code, data, 1)?.swap_remove(0))
}

fn two(code: u8, data: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Nonsense> {
    let mut texts = strings(code, data, 2)?;
    let value = texts.swap_remove(1);
    Ok((texts.swap_remove(0), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u8, data: &[u8]) -> Result<Answer, Nonsense> {
        Answer::parse(code, data.to_vec())
    }

    #[test]
    fn every_answer_is_read() {
        let text = |text: &str| text.as_bytes().to_vec();
        let reply = |is_lasting, text: &str| Answer::Reply(Reply { is_lasting, text: text.into() });
        for (code, data, expected) in [
            (b'a', &b""[..], Answer::Accept),
            (b'c', b"", Answer::Continue),
            (b'd', b"", Answer::Discard),
            (b'p', b"", Answer::Progress),
            (b'r', b"", Answer::Reject),
            (b's', b"", Answer::Skip),
            (b't', b"", Answer::Tempfail),
            (b'4', b"", Answer::Tempfail),
            (b'f', b"", Answer::Tempfail),
            (b'O', b"1234", Answer::Options(text("1234"))),
            (b'b', b"a\0b", Answer::Body(text("a\0b"))),
            (b'q', b"why\0", Answer::Quarantine(text("why"))),
            (b'+', b"<a@b>\0", Answer::AddRecipient(text("<a@b>"))),
            (b'-', b"a@b\0", Answer::DeleteRecipient(text("a@b"))),
            (b'e', b"<>\0", Answer::ChangeSender(text("<>"))),
            (b'h', b"X-A\0b\0", Answer::AddField(text("X-A"), text("b"))),
            (b'h', b"X-A\0\0", Answer::AddField(text("X-A"), text(""))),
            (b'i', b"\0\0\0\x01X\0y\0", Answer::InsertField(1, text("X"), text("y"))),
            (b'm', b"\0\0\0\0X\0\0", Answer::ChangeField(0, text("X"), text(""))),
            (b'y', b"550 5.7.1 no %% of %%%%it\0", reply(true, "550 5.7.1 no % of %%it")),
            (b'y', b"451\0", reply(false, "451")),
            (b'y', b"550-a\r\n550 100% b\0", reply(true, "550-a | 550 100 b")),
        ] {
            assert_eq!(answer(code, data).as_ref(), Ok(&expected));
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for (code, data) in [
            (b'c', &b"x"[..]),
            (b'a', b"\0"),
            (b'h', b"X\0y"),
            (b'h', b"X\0"),
            (b'h', b""),
            (b'h', b"X\0y\0z\0"),
            (b'i', b"\0\0\x01"),
            (b'm', b"\xff\xff\xff\xffX\0y\0"),
            (b'+', b""),
            (b'+', b"a@b\0SIZE=1\0"),
            (b'e', b"a@b\0SIZE=1\0"),
            (b'2', b"a@b\0NOTIFY=NEVER\0"),
            (b'y', b"250 ok\0"),
            (b'y', b"55\0"),
            (b'y', b"5501 x\0"),
            (b'y', b"550 x"),
            (b'l', b"\0\0\0\x01i\0"),
            (b'Z', b""),
            (0, b""),
        ] {
            assert!(answer(code, data).is_err(), "{} {}", code.escape_ascii(), data.escape_ascii());
        }
    }

    #[test]
    fn packets_come_whole_whatever_the_pieces() {
        let mut wire = Vec::new();
        push(&mut wire, b'c', |_| ());
        push(&mut wire, b'h', |data| data.extend_from_slice(b"X\0y\0"));
        for step in 1..wire.len() {
            let (mut packets, mut found) = (Packets::default(), Vec::new());
            for piece in wire.chunks(step) {
                packets.push(piece);
                while let Some((code, _)) = packets.next().unwrap() {
                    found.push(code);
                }
            }
            assert_eq!(found, b"ch");
            assert!(packets.is_empty());
        }
        for len in [0, LONGEST as u32 + 1, u32::MAX] {
            let mut packets = Packets::default();
            packets.push(&len.to_be_bytes());
            assert!(packets.next().is_err(), "{len}");
        }
        let mut text = Vec::new();
        push_text(&mut text, b"a\0b");
        assert_eq!(text, b"a\0", "a NUL would end the text anyway");
    }
}
