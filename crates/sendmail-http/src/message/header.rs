//! The header of a message (RFC 5322 2.2): fields with their octets as received. A field that is not rewritten is written unchanged.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Read};

use mail::header::{HeaderName, HeaderValue};

/// The longest header.
pub const MAX_HEADER: usize = 1 << 20;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: HeaderName,
    /// `Name: value` with all its lines and their LF.
    octets: Vec<u8>,
}

impl Field {
    /// Reads the octets of a field; `None` if they are not a field.
    fn parse(line: &[u8]) -> Option<Field> {
        let colon = memchr::memchr(b':', line)?;
        // RFC 5322 4.5: blanks before the colon are obsolete; they are removed, since many programs fail on them.
        let name = HeaderName::parse(line[..colon].trim_ascii_end()).ok()?;
        let mut octets = line[..colon].trim_ascii_end().to_vec();
        octets.extend_from_slice(&line[colon..]);
        Some(Field { name, octets })
    }

    /// A field of our own; `text` comes from [`mail::encode`] or [`mail::address`], line ends included.
    pub fn written(name: HeaderName, text: String) -> Field {
        Field { name, octets: text.into_bytes() }
    }

    /// Its name.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// Its unfolded value; `None` if that is not valid text.
    pub fn value(&self) -> Option<HeaderValue> {
        let value = &self.octets[memchr::memchr(b':', &self.octets)? + 1..];
        let unfolded: Vec<u8> = value.iter().copied().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
        HeaderValue::from_field(&unfolded).ok()
    }

    /// Appends a continuation line.
    fn fold(&mut self, line: &[u8]) {
        self.octets.extend_from_slice(line);
    }
}

/// The fields of a message, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    fields: Vec<Field>,
}

impl Header {
    /// Reads a header and the empty line after it. A line that is not a field also ends it, as in Postfix's sendmail: it is returned as the
    /// first line of the body.
    pub fn read(input: &mut impl BufRead) -> io::Result<(Header, Vec<u8>)> {
        let mut header = Header::default();
        let (mut room, mut is_first) = (MAX_HEADER as u64, true);
        loop {
            let mut line = Vec::new();
            input.take(room).read_until(b'\n', &mut line)?;
            room -= line.len() as u64;
            if room == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("header of more than {MAX_HEADER} octets"),
                ));
            }
            // RFC 4155: the line before each message of an mbox.
            if std::mem::take(&mut is_first) && (line.starts_with(b"From ") || line.starts_with(b">From ")) {
                continue;
            }
            // A bare CR would be a line end to some readers.
            line.iter_mut().filter(|b| **b == b'\r').for_each(|b| *b = b' ');
            match (line.first(), header.fields.last_mut()) {
                (None, _) | (Some(b'\n'), _) => return Ok((header, Vec::new())),
                (Some(b' ' | b'\t'), Some(last)) => last.fold(&line),
                _ => match Field::parse(&line) {
                    Some(field) => header.fields.push(field),
                    None => return Ok((header, line)),
                },
            }
            if let Some(last) = header.fields.last_mut().filter(|last| !last.octets.ends_with(b"\n")) {
                last.octets.push(b'\n'); // the message ends in its header
            }
        }
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    /// All fields, mutable.
    pub fn fields_mut(&mut self) -> impl Iterator<Item = &mut Field> {
        self.fields.iter_mut()
    }

    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.is(name))
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// Removes all fields of this name.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|field| !field.name.is(name));
    }

    /// Adds a field at the end.
    pub fn push(&mut self, field: Field) {
        self.fields.push(field);
    }

    /// Adds a field at the top, where trace fields go (RFC 5321 4.4).
    pub fn push_front(&mut self, field: Field) {
        self.fields.insert(0, field);
    }

    /// Replaces the first field of its name, and removes the others.
    pub fn set(&mut self, field: Field) {
        match self.fields.iter().position(|old| old.name == field.name) {
            Some(at) => {
                let mut at_first = 0..;
                self.fields.retain(|old| old.name != field.name || at_first.next() == Some(0));
                self.fields[at] = field;
            }
            None => self.fields.push(field),
        }
    }

    /// The header to send, with the empty line.
    pub fn write(&self) -> Vec<u8> {
        let mut octets: Vec<u8> = self.fields.iter().flat_map(|field| &field.octets).copied().collect();
        octets.push(b'\n');
        octets
    }
}
