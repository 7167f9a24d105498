//! JSON (RFC 8259) in a spool -> a tree of small values. What may be large is decoded while it is read and stored in a second spool, so
//! that memory does not grow with it.
#![forbid(unsafe_code)]

use super::JsonError;
use super::decode::Decoder;
use super::string::{self, Fault};
use super::tree::{Value, below, item};
use crate::submission::Extent;
use std::collections::HashSet;
use std::io::BufRead;
use sys::spool::{self, Spool};

/// How a large value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Decoded from base64, or from an array of octets as numbers, which one SDK sends.
    Base64,
    /// A string as it is, in UTF-8.
    Text,
}

/// Where large values stand, by the names on the way to them; the items of an array have none.
pub type Places = fn(&[&str]) -> Option<Store>;

/// Objects and arrays inside one another.
const MAX_DEPTH: usize = 16;

/// Names and small values together, in octets; each value counts [`WEIGHT`] more.
const MAX_SMALL: usize = 1024 * 1024;

/// What a value takes in memory beside its text.
const WEIGHT: usize = 64;

/// The longest number.
const MAX_NUMBER: usize = 64;

/// The one value in `source`, with what `places` names stored in `contents`.
pub fn read(source: &Spool, contents: &mut Spool, places: Places) -> Result<Value, JsonError> {
    let mut reader = Reader { input: source.reader(), contents, places, names: Vec::new(), depth: 0, left: MAX_SMALL };
    let value = reader.value("")?;
    match reader.peek()? {
        None => Ok(value),
        Some(_) => Err(JsonError::syntax("", "more stands behind the end of the JSON")),
    }
}

struct Reader<'s> {
    input: spool::Reader<'s>,
    contents: &'s mut Spool,
    places: Places,
    /// The names on the way to the value that is being read.
    names: Vec<String>,
    depth: usize,
    /// Of [`MAX_SMALL`].
    left: usize,
}

impl Reader<'_> {
    fn value(&mut self, path: &str) -> Result<Value, JsonError> {
        self.charge(WEIGHT, path)?;
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let store = (self.places)(&names);
        match (self.peek()?, store) {
            (Some(b'"'), Some(store)) => self.stored(store, path),
            (Some(b'['), Some(Store::Base64)) => self.octets(path),
            (Some(b'"'), None) => self.text(path).map(Value::Text),
            (Some(b'{'), _) => self.object(path),
            (Some(b'['), _) => self.list(path),
            (Some(b'-' | b'0'..=b'9'), _) => self.number(path).map(Value::Number),
            (Some(b'a'..=b'z'), _) => self.word(path),
            (Some(_), _) => Err(JsonError::syntax(path, "a value is expected")),
            (None, _) => Err(ends(path)),
        }
    }

    fn object(&mut self, path: &str) -> Result<Value, JsonError> {
        self.enter(path)?;
        let (mut members, mut known) = (Vec::new(), HashSet::new());
        let mut is_open = self.peek()? != Some(b'}');
        while is_open {
            if self.peek()? != Some(b'"') {
                return Err(JsonError::syntax(path, "the name of a member is expected, in quotes"));
            }
            let name = self.text(path)?;
            let inner = below(path, &name);
            if !known.insert(name.clone()) {
                return Err(JsonError::syntax(&inner, "stands there twice"));
            }
            self.expect(b':', &inner)?;
            self.names.push(name.clone());
            let value = self.value(&inner)?;
            self.names.pop();
            members.push((name, value));
            is_open = self.goes_on(b'}', path)?;
        }
        self.leave();
        Ok(Value::Object(members))
    }

    fn list(&mut self, path: &str) -> Result<Value, JsonError> {
        self.enter(path)?;
        let mut items = Vec::new();
        let mut is_open = self.peek()? != Some(b']');
        while is_open {
            items.push(self.value(&item(path, items.len()))?);
            is_open = self.goes_on(b']', path)?;
        }
        self.leave();
        Ok(Value::List(items))
    }

    /// An array of numbers from 0 to 255.
    fn octets(&mut self, path: &str) -> Result<Value, JsonError> {
        self.enter(path)?;
        let offset = self.contents.len();
        let mut is_open = self.peek()? != Some(b']');
        while is_open {
            let octet = match self.peek()? {
                Some(b'0'..=b'9') => self.number(path)?.parse::<u8>().ok(),
                _ => None,
            };
            let octet = octet.ok_or_else(|| JsonError::member(path, "must be base64, or an array of octets"))?;
            self.contents.write(&[octet])?;
            is_open = self.goes_on(b']', path)?;
        }
        self.leave();
        Ok(Value::Stored(Extent { offset, len: self.contents.len() - offset }))
    }

    fn stored(&mut self, store: Store, path: &str) -> Result<Value, JsonError> {
        let offset = self.contents.len();
        let (input, contents) = (&mut self.input, &mut *self.contents);
        input.consume(1);
        let read = match store {
            Store::Text => string::read(input, &mut |text| Ok(contents.write(text.as_bytes())?)),
            Store::Base64 => {
                let mut decoder = Decoder::new();
                string::read(input, &mut |text| decoder.write(text, contents)).and_then(|()| decoder.finish(contents))
            }
        };
        read.map_err(|fault| fault.at(path))?;
        Ok(Value::Stored(Extent { offset, len: self.contents.len() - offset }))
    }

    fn text(&mut self, path: &str) -> Result<String, JsonError> {
        let (mut text, mut left) = (String::new(), self.left);
        self.input.consume(1);
        let read = string::read(&mut self.input, &mut |piece| {
            left = left.checked_sub(piece.len()).ok_or(Fault::Syntax(TOO_LARGE.into()))?;
            text.push_str(piece);
            Ok(())
        });
        read.map_err(|fault| fault.at(path))?;
        self.left = left;
        Ok(text)
    }

    fn number(&mut self, path: &str) -> Result<String, JsonError> {
        let text = self.run(MAX_NUMBER, |octet| octet.is_ascii_digit() || b"+-.eE".contains(&octet))?;
        match serde_json::from_str::<serde_json::Number>(&text) {
            Ok(_) => Ok(text),
            Err(_) => Err(JsonError::syntax(path, "is no number")),
        }
    }

    fn word(&mut self, path: &str) -> Result<Value, JsonError> {
        match self.run(MAX_NUMBER, |octet| octet.is_ascii_alphabetic())?.as_str() {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(JsonError::syntax(path, "a value is expected")),
        }
    }

    /// Octets of ASCII of one kind, at most one more than `max`.
    fn run(&mut self, max: usize, is_one: fn(u8) -> bool) -> Result<String, JsonError> {
        let mut text = String::new();
        while let Some(octet) = self.input.fill_buf()?.first().copied().filter(|octet| is_one(*octet)) {
            if text.len() > max {
                break;
            }
            text.push(char::from(octet));
            self.input.consume(1);
        }
        Ok(text)
    }

    fn enter(&mut self, path: &str) -> Result<(), JsonError> {
        self.input.consume(1);
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err(JsonError::syntax(path, "is nested deeper than 16 levels")),
            false => Ok(()),
        }
    }

    fn leave(&mut self) {
        self.input.consume(1);
        self.depth -= 1;
    }

    /// Whether a comma follows and another item, and not the end.
    fn goes_on(&mut self, end: u8, path: &str) -> Result<bool, JsonError> {
        match self.peek()? {
            Some(b',') => self.input.consume(1),
            Some(octet) if octet == end => return Ok(false),
            Some(_) => return Err(JsonError::syntax(path, "a comma or the end is expected")),
            None => return Err(ends(path)),
        }
        match self.peek()? {
            Some(octet) if octet == end => Err(JsonError::syntax(path, "a value is expected behind the last comma")),
            Some(_) => Ok(true),
            None => Err(ends(path)),
        }
    }

    fn expect(&mut self, octet: u8, path: &str) -> Result<(), JsonError> {
        match self.peek()? {
            Some(found) if found == octet => {
                self.input.consume(1);
                Ok(())
            }
            Some(_) => Err(JsonError::syntax(path, "a colon is expected behind the name")),
            None => Err(ends(path)),
        }
    }

    /// The next octet that is no blank.
    fn peek(&mut self) -> Result<Option<u8>, JsonError> {
        loop {
            match self.input.fill_buf()?.first() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.input.consume(1),
                other => return Ok(other.copied()),
            }
        }
    }

    fn charge(&mut self, octets: usize, path: &str) -> Result<(), JsonError> {
        self.left = self.left.checked_sub(octets).ok_or_else(|| JsonError::syntax(path, TOO_LARGE))?;
        Ok(())
    }
}

const TOO_LARGE: &str = "all but text, html and the contents of attachments may have 1 MiB together";

fn ends(path: &str) -> JsonError {
    JsonError::syntax(path, "the JSON ends too early")
}
