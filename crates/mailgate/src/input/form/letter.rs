//! A form -> the parts of a mail: a reply address, a subject, a text that lists the fields, files. A value becomes a header field only by
//! its role, and no text can be taken for another field: a value that needs more than one line is indented under its label.
#![forbid(unsafe_code)]

use super::challenge::{self, Solved};
use super::label::line;
use super::rules::{FormRules, Role, Spring};
use super::{Fault, Field, File, Form, FormError, Value};
use mail::address::{Address, Mailbox};
use mail::encode::literal;
use mail::header::{HeaderName, HeaderValue};
use mail::structured;
use std::fmt::Write;

/// Longest line that includes a label, in characters.
const LINE: usize = 76;

/// The parts of a mail.
#[derive(Debug)]
pub struct Letter<'f> {
    /// The files.
    pub files: Vec<&'f File>,
    /// The visitor's address.
    pub reply_to: Option<Mailbox>,
    /// The challenge that was solved, if one was required.
    pub solved: Option<Solved>,
    /// The form's subject, if the server has none.
    pub subject: Option<String>,
    /// The text.
    pub text: String,
    /// A trap was filled in.
    pub trapped: bool,
}

impl Field {
    /// Its text; `None` for a file.
    fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::File(_) | Value::NoFile => None,
        }
    }

    /// Whether nothing was filled in.
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Value::File(_) => false,
            Value::NoFile => true,
            Value::Text(text) => text.trim().is_empty(),
        }
    }
}

impl<'f> Letter<'f> {
    /// Reads a form by the rules of the configuration.
    pub fn read(form: &'f Form, rules: &FormRules<'_>) -> Result<Self, FormError> {
        let filled = || form.fields.iter().filter(|field| !field.is_empty());
        let is_trap = |field: &Field| rules.trap.is(&field.name);
        let is_proof = |field: &Field| rules.challenger.is_some() && field.name == challenge::FIELD;
        let is_shown = |field: &Field| !is_trap(field) && !is_proof(field) && !field.name.starts_with('_');
        let trapped = filled().any(is_trap);
        if !filled().any(is_shown) {
            return Err(FormError::Empty);
        }
        let is_certain = trapped && rules.trap.spring == Spring::Drop;
        let address = (!is_certain).then(|| by_role(form, rules, Role::ReplyTo)).flatten();
        let solved = if is_certain { None } else { check(form, rules, address)? };
        let mut used = Vec::new();
        let name = by_role(form, rules, Role::Name);
        let reply_to = address.and_then(|field| {
            used.push(field);
            used.extend(name);
            let name = name.and_then(Field::text).map(line);
            Some(Mailbox::new(name.as_deref(), Address::parse(field.text()?.trim()).ok()?))
        });
        let subject = by_role(form, rules, Role::Subject).filter(|_| !rules.subject_is_set);
        used.extend(subject);
        let listed: Vec<&Field> = filled()
            .filter(|field| is_shown(field))
            .filter(|field| !used.iter().any(|used| std::ptr::eq(*used, *field)))
            .collect();
        let files = listed.iter().filter_map(|field| match &field.value {
            Value::File(file) => Some(file),
            Value::NoFile | Value::Text(_) => None,
        });
        Ok(Letter {
            files: files.collect(),
            reply_to,
            solved,
            subject: subject.and_then(Field::text).map(|text| literal(&line(text))),
            text: text(&listed),
            trapped,
        })
    }
}

/// The field with this role; of several, the first that is filled in.
fn by_role<'f>(form: &'f Form, rules: &FormRules<'_>, role: Role) -> Option<&'f Field> {
    let find =
        |name: &str| form.fields.iter().find(|field| field.name == name && !field.is_empty() && field.text().is_some());
    rules.roles.fields(role).find_map(find)
}

/// Checks the fields that a visitor must correct; returns the challenge that was solved.
fn check(form: &Form, rules: &FormRules<'_>, address: Option<&Field>) -> Result<Option<Solved>, FormError> {
    let is_filled = |name: &&String| form.fields.iter().any(|field| field.name == **name && !field.is_empty());
    let missing = rules.require.iter().filter(|name| !is_filled(name));
    let mut wrong: Vec<_> = missing.map(|name| (name.clone(), Fault::Missing)).collect();
    if let Some(field) = address {
        let filled = form.fields.iter().filter(|other| other.name == field.name && !other.is_empty()).count();
        let parsed = Address::parse(field.text().unwrap_or_default().trim());
        if filled > 1 || !parsed.is_ok_and(|address| address.domain().is_some()) {
            wrong.push((field.name.clone(), Fault::NotAnAddress));
        }
    }
    if rules.trap.spring == Spring::Page {
        let traps = form.fields.iter().filter(|field| rules.trap.is(&field.name) && !field.is_empty());
        wrong.extend(traps.map(|field| (field.name.clone(), Fault::LeaveEmpty)));
    }
    let solved = rules.challenger.and_then(|(challenger, now)| challenger.verify(solution(form)?, now).ok());
    if rules.challenger.is_some() && solved.is_none() {
        wrong.push((challenge::FIELD.to_owned(), Fault::Unproven));
    }
    if !wrong.is_empty() {
        return Err(FormError::Wrong(wrong));
    }
    for field in &form.fields {
        if let Value::File(file) = &field.value
            && !rules.files.take(file.content_type.essence())
        {
            let essence = file.content_type.essence().to_owned();
            return Err(FormError::FileType { file: file.name.clone(), essence, taken: rules.files.words() });
        }
    }
    Ok(solved)
}

/// The form's solution of a challenge, if there is exactly one.
fn solution(form: &Form) -> Option<&str> {
    let mut solutions = form.fields.iter().filter(|field| field.name == challenge::FIELD && !field.is_empty());
    solutions.next().filter(|_| solutions.next().is_none()).and_then(Field::text)
}

/// The fields in order; those of one name at the place of the first.
fn text(fields: &[&Field]) -> String {
    let mut text = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for field in fields {
        if seen.contains(&field.name.as_str()) {
            continue;
        }
        seen.push(&field.name);
        let of_name = fields.iter().filter(|other| other.name == field.name);
        let values: Vec<_> = of_name.map(|field| shown(&field.value)).collect();
        let (label, value) = (line(&field.name), values.join("\n"));
        let fits = label.chars().count() + 2 + value.chars().count() <= LINE;
        // Writing to a String cannot fail.
        let _ = if fits && !value.contains('\n') {
            writeln!(text, "{label}: {value}")
        } else {
            let lines = value.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
            writeln!(text, "{label}:\n{}", lines.collect::<String>())
        };
    }
    text
}

fn shown(value: &Value) -> String {
    match value {
        Value::File(file) => format!("{} (attached, {} octets)", file.name, file.source.len),
        Value::NoFile => String::new(),
        Value::Text(text) => text.trim_matches('\n').trim_end().to_owned(),
    }
}

impl File {
    /// Its Content-Disposition, ended by LF: a file is never shown within the text.
    pub fn disposition(&self) -> String {
        let name = HeaderName::parse(b"Content-Disposition").expect("a constant of letters and a hyphen");
        let value = HeaderValue::parse(&format!("attachment; filename=\"{}\"", self.name));
        let written = value.ok().and_then(|value| structured::write(structured::Form::Disposition, &name, &value).ok());
        written.unwrap_or_else(|| "Content-Disposition: attachment; filename=file\n".to_owned())
    }
}
