//! A finished message as checks see it: its fields one by one, its body in a row, the envelope beside it; and back into a message. The trace
//! field that this server wrote itself stays on top, is shown to nobody and counts in no index.
#![forbid(unsafe_code)]

use super::field::Field;
use crate::message::{Message, seven_bit};
use mail::address::Address;
use mail::mime::MimeError;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use sys::buffer::Buffer;
use sys::spool::Spool;

/// From whom to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Where reports go; none: nowhere (`<>`).
    pub sender: Option<Address>,
    /// Each once.
    pub recipients: Vec<Address>,
}

/// A message and its envelope, which checks may change.
#[derive(Debug)]
pub struct Letter {
    /// From whom to whom.
    pub envelope: Envelope,
    /// In their order, without the trace.
    pub fields: Vec<Field>,
    trace: Option<Field>,
    message: Message,
    body_at: u64,
    /// What a check has put in the place of the body.
    replaced: Option<Spool>,
    /// Whether the octets are others than those of `message`.
    is_changed: bool,
}

/// More than any header that is written here.
const MAX_HEADER: u64 = 1 << 20;

impl Letter {
    /// Opens a message, whose first field is our trace if `is_traced`. One with octets above 127 is encoded first where that is possible: a
    /// signature would not survive the next server that has to do it.
    pub fn open(message: Message, is_traced: bool, envelope: Envelope) -> io::Result<Letter> {
        let letter = Letter::read(message, is_traced, envelope)?;
        if !letter.is_eight_bit() {
            return Ok(letter);
        }
        match seven_bit(&letter.message) {
            Ok(message) => Letter::read(message, is_traced, letter.envelope),
            Err(MimeError::Io(error)) => Err(error),
            Err(_) => Ok(letter), // a signed part may not be touched, and goes as it is
        }
    }

    fn read(message: Message, is_traced: bool, envelope: Envelope) -> io::Result<Letter> {
        let mut reader = message.reader().take(MAX_HEADER);
        let (mut fields, mut body_at): (Vec<Vec<u8>>, u64) = (Vec::new(), 0);
        loop {
            let mut line = Vec::new();
            body_at += reader.read_until(b'\n', &mut line)? as u64;
            match (line.first(), fields.last_mut()) {
                (None | Some(b'\n'), _) => break,
                (Some(b' ' | b'\t'), Some(field)) => field.extend_from_slice(&line),
                _ => fields.push(line),
            }
        }
        drop(reader);
        let mut fields = fields.into_iter().map(Field::of_message);
        let trace = if is_traced { fields.next() } else { None };
        let fields = fields.collect();
        Ok(Letter { envelope, fields, trace, message, body_at, replaced: None, is_changed: false })
    }

    /// The body, from its first octet on; lines end in LF.
    pub fn body(&self) -> Box<dyn BufRead + '_> {
        match &self.replaced {
            Some(body) => Box::new(body.reader()),
            None => Box::new(self.message.reader_at(self.body_at)),
        }
    }

    /// Octets of the whole, as far as they are known without reading it.
    pub fn len(&self) -> u64 {
        self.message.len()
    }

    /// Whether nothing was written at all.
    pub fn is_empty(&self) -> bool {
        self.message.is_empty()
    }

    /// Whether the header says that the body has octets above 127.
    pub fn is_eight_bit(&self) -> bool {
        self.fields.iter().any(|field| {
            field.is("Content-Transfer-Encoding") && field.value().trim_ascii().eq_ignore_ascii_case(b"8bit")
        })
    }

    /// Octets of the header.
    pub fn header_len(&self) -> usize {
        self.trace.iter().chain(&self.fields).map(|field| field.line().len()).sum()
    }

    /// Another body, with LF.
    pub fn replace_body(&mut self, body: Spool) {
        self.replaced = Some(body);
        self.is_changed = true;
    }

    /// Other fields.
    pub fn set_fields(&mut self, fields: Vec<Field>) {
        self.fields = fields;
        self.is_changed = true;
    }

    /// Where files stand for what is too long for memory.
    pub fn directory(&self) -> &Path {
        self.message.directory()
    }

    /// The message as it is now, in which nothing may be changed any more.
    pub fn close(self) -> io::Result<(Message, Envelope)> {
        if !self.is_changed {
            return Ok((self.message.seal(), self.envelope));
        }
        let lines = self.trace.iter().chain(&self.fields).map(Field::line);
        let header = lines.chain([&b"\n"[..]]).collect::<Vec<_>>().concat();
        let write = |to: &mut dyn Write| io::copy(&mut self.body(), to).map(drop);
        Ok((Message::compose(self.directory(), &header, write)?.seal(), self.envelope))
    }
}

/// A body with LF as it is on the wire: with CRLF, also behind its last line (RFC 5321 4.1.1.4), in pieces of at most this many octets.
pub fn on_the_wire<E: From<io::Error>>(
    mut body: impl BufRead,
    piece: usize,
    mut take: impl FnMut(&[u8]) -> Result<bool, E>,
) -> Result<(), E> {
    let (mut wire, mut last) = (Buffer::default(), b'\n');
    loop {
        let octets = body.fill_buf()?;
        let octets = &octets[..octets.len().min(piece)];
        let (read, ends) = (octets.len(), octets.is_empty());
        append_with_crlf(octets, &mut wire);
        last = octets.last().copied().unwrap_or(last);
        body.consume(read);
        if ends && last != b'\n' {
            wire.append(b"\r\n");
        }
        let mut taken = 0;
        while wire.len() - taken >= piece || ends && taken < wire.len() {
            let end = wire.len().min(taken + piece);
            if !take(&wire[taken..end])? {
                return Ok(());
            }
            taken = end;
        }
        wire.drain(..taken);
        if ends {
            return Ok(());
        }
    }
}

fn append_with_crlf(octets: &[u8], wire: &mut Buffer) {
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', octets) {
        let line = &octets[from..at];
        wire.append(line.strip_suffix(b"\r").unwrap_or(line));
        wire.append(b"\r\n");
        from = at + 1;
    }
    wire.append(&octets[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;

    fn envelope() -> Envelope {
        Envelope { sender: None, recipients: vec![Address::parse("a@example.test").unwrap()] }
    }

    fn letter(text: &str, is_traced: bool) -> Letter {
        let directory = std::env::temp_dir();
        let message = Message::compose(&directory, text.as_bytes(), |_| Ok(())).unwrap();
        Letter::open(message, is_traced, envelope()).unwrap()
    }

    fn octets(message: &Message) -> String {
        let mut octets = Vec::new();
        message.reader().read_to_end(&mut octets).unwrap();
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn a_letter_nobody_changes_is_the_message() {
        let _alone = alone();
        let text = "Received: from a\n\tby b\nFrom: a@b\nSubject: x\n y\n\nbody\n\nmore\n";
        for is_traced in [true, false] {
            let letter = letter(text, is_traced);
            assert_eq!(letter.fields.len(), if is_traced { 2 } else { 3 });
            let mut body = String::new();
            letter.body().read_to_string(&mut body).unwrap();
            assert_eq!(body, "body\n\nmore\n");
            assert_eq!(octets(&letter.close().unwrap().0), text);
        }
    }

    #[test]
    fn the_trace_stays_on_top_whatever_the_fields_become() {
        let _alone = alone();
        let mut letter = letter("Received: from a\nFrom: a@b\n\nbody\n", true);
        let mut fields = letter.fields.clone();
        fields.insert(0, Field::new(b"X-A", b"1", "").unwrap());
        letter.set_fields(fields);
        let (message, _) = letter.close().unwrap();
        assert_eq!(octets(&message), "Received: from a\nX-A:1\nFrom: a@b\n\nbody\n");
        assert!(message.is_sealed());
    }

    #[test]
    fn a_body_of_eight_bits_is_encoded_before_anybody_signs_it() {
        let _alone = alone();
        let part = |kind: &str| {
            format!(
                "Content-Type: multipart/{kind}; boundary=\"b\"\nContent-Transfer-Encoding: 8bit\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n\u{e4}\n--b--\n"
            )
        };
        let (mixed, signed) = (letter(&part("mixed"), false), letter(&part("signed; protocol=\"a/b\""), false));
        assert!(!mixed.is_eight_bit() && octets(&mixed.message).is_ascii());
        assert!(signed.is_eight_bit() && !octets(&signed.message).is_ascii());
    }

    #[test]
    fn the_wire_has_crlf_and_pieces_of_the_size_that_was_asked_for() {
        let text: Vec<u8> = (0..9000).map(|at| if at % 71 == 70 { b'\n' } else { b'x' }).collect();
        let expected = String::from_utf8(text.clone()).unwrap().replace('\n', "\r\n") + "\r\n";
        for piece in [1, 7, 512, 8999, 65_535] {
            let (mut got, mut sizes) = (Vec::new(), Vec::new());
            on_the_wire::<io::Error>(&text[..], piece, |octets| {
                got.extend_from_slice(octets);
                sizes.push(octets.len());
                Ok(true)
            })
            .unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), expected, "{piece}");
            let (_, full) = sizes.split_last().unwrap();
            assert!(full.iter().all(|size| *size == piece) && sizes.iter().all(|size| (1..=piece).contains(size)));
        }
        let mut calls = 0;
        on_the_wire::<io::Error>(&text[..], 512, |_| {
            calls += 1;
            Ok(calls < 3)
        })
        .unwrap();
        assert_eq!(calls, 3, "who has enough gets no more");
        on_the_wire::<io::Error>(&b""[..], 512, |_| panic!("nothing is no piece")).unwrap();
    }
}
