//! What was read of JSON, and how a dialect takes it apart: each value knows its path (`attachments[2].content`), and what is left over is
//! refused by name.
#![forbid(unsafe_code)]

use super::JsonError;
use super::members::{Member, Shape};
use crate::submission::Extent;
use mail::header::HeaderValue;
use mail::text::excerpt;
use std::borrow::Cow;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// As it was written.
    Number(String),
    /// A small string.
    Text(String),
    /// A large one, or a file.
    Stored(Extent),
    /// An array.
    List(Vec<Value>),
    /// Its members in order, no name twice.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// What SDKs send for nothing.
    fn is_absent(&self) -> bool {
        match self {
            Value::Null | Value::Bool(false) => true,
            Value::Bool(true) | Value::Number(_) => false,
            Value::Text(text) => text.is_empty(),
            Value::Stored(extent) => extent.len == 0,
            Value::List(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
        }
    }
}

/// The path of a member.
pub fn below(path: &str, name: &str) -> String {
    let name = excerpt(name);
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// The path of an item.
pub fn item(path: &str, at: usize) -> String {
    format!("{path}[{at}]")
}

/// Whether two names are one: SDKs write `reply_to`, `replyTo` and `ReplyTo`.
pub fn is_same(one: &str, other: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|octet| *octet != b'_').map(|octet| octet.to_ascii_lowercase())
    }
    letters(one).eq(letters(other))
}

/// A value that is there, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    path: String,
    value: Value,
}

impl Located {
    /// The value of the whole body.
    pub fn root(value: Value) -> Self {
        Located { path: String::new(), value }
    }

    /// Where it stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A complaint about it.
    pub fn wrong(&self, what: impl Into<Cow<'static, str>>) -> JsonError {
        JsonError::member(&self.path, what)
    }

    /// A string.
    pub fn text(&self) -> Result<&str, JsonError> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong("must be a string")),
        }
    }

    /// A string; a number and `true` as they were written.
    pub fn written(&self) -> Result<&str, JsonError> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Ok(text),
            Value::Bool(is_true) => Ok(if *is_true { "true" } else { "false" }),
            _ => Err(self.wrong("must be a string")),
        }
    }

    /// How many items or members it has; anything else is one value.
    pub fn len(&self) -> usize {
        match &self.value {
            Value::List(items) => items.len(),
            Value::Object(members) => members.len(),
            _ => 1,
        }
    }

    /// A string that can stand in a field of a header.
    pub fn line(&self) -> Result<&str, JsonError> {
        let text = self.text()?;
        HeaderValue::parse(text).map_err(|error| self.wrong(error.to_string()))?;
        Ok(text)
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        self.value == Value::Bool(true)
    }

    /// Whether it says nothing.
    pub fn is_absent(&self) -> bool {
        self.value.is_absent()
    }

    /// A large string, or a file.
    pub fn stored(&self) -> Result<Extent, JsonError> {
        match self.value {
            Value::Stored(extent) => Ok(extent),
            _ => Err(self.wrong("must be a string")),
        }
    }

    /// The items of an array.
    pub fn items(self) -> Result<Vec<Located>, JsonError> {
        match self.value {
            Value::List(items) => {
                let found = |(at, value)| Located { path: item(&self.path, at), value };
                Ok(items.into_iter().enumerate().map(found).collect())
            }
            _ => Err(self.wrong("must be an array")),
        }
    }

    /// The items of an array, or the one value.
    pub fn one_or_more(self) -> Result<Vec<Located>, JsonError> {
        if matches!(self.value, Value::List(_)) { self.items() } else { Ok(vec![self]) }
    }

    /// The members of an object.
    pub fn members(self) -> Result<Members, JsonError> {
        match self.value {
            Value::Object(members) => Ok(Members { path: self.path, members }),
            _ => Err(self.wrong("must be an object")),
        }
    }
}

/// The members of an object that were not taken yet.
#[derive(Debug)]
pub struct Members {
    path: String,
    members: Vec<(String, Value)>,
}

impl Members {
    /// The member of this name, unless it says nothing.
    pub fn take(&mut self, name: &str) -> Result<Option<Located>, JsonError> {
        Ok(self.take_even_empty(name)?.filter(|found| !found.value.is_absent()))
    }

    /// The same; an empty one counts too.
    pub fn take_even_empty(&mut self, name: &str) -> Result<Option<Located>, JsonError> {
        let Some(at) = self.members.iter().position(|(found, _)| is_same(found, name)) else { return Ok(None) };
        let (found, value) = self.members.remove(at);
        match self.members.iter().find(|(other, _)| is_same(other, name)) {
            Some((other, _)) => Err(JsonError::syntax(&below(&self.path, other), "stands there twice")),
            None => Ok(Some(Located { path: below(&self.path, &found), value })),
        }
    }

    /// No member may say anything that is not in the table, or not done.
    pub fn only(&self, table: &[Member]) -> Result<(), JsonError> {
        let rows = self.members.iter().filter(|(_, value)| !value.is_absent());
        for (name, _) in rows {
            let row = table.iter().find(|row| is_same(row.name, name));
            let why = match row.map(|row| &row.shape) {
                None => "is not known here",
                Some(Shape::NotDone(why)) => why,
                Some(_) => continue,
            };
            return Err(JsonError::member(&below(&self.path, name), why));
        }
        Ok(())
    }

    /// Each member with its name.
    pub fn all(self) -> impl Iterator<Item = (String, Located)> {
        let Members { path, members } = self;
        members.into_iter().map(move |(name, value)| {
            let path = below(&path, &name);
            (name, Located { path, value })
        })
    }

    /// Nothing may be left that says anything.
    pub fn finish(self) -> Result<(), JsonError> {
        match self.members.into_iter().find(|(_, value)| !value.is_absent()) {
            Some((name, _)) => Err(JsonError::member(&below(&self.path, &name), "is not known here")),
            None => Ok(()),
        }
    }
}
