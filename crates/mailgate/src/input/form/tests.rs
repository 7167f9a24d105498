use super::letter::Letter;
use super::rules::{FileTypes, FormRules, Roles, Trap};
use super::*;
use mail::header::HeaderValue;
use std::io::Read;

mod bad;
mod good;

fn spool(body: &[u8], limit: usize) -> Spool {
    let mut spool = Spool::new(&std::env::temp_dir(), limit);
    for piece in body.chunks(8000) {
        spool.write(piece).unwrap();
    }
    spool
}

fn content_type(text: &str) -> ContentType {
    ContentType::parse(&HeaderValue::parse(text).unwrap()).unwrap()
}

fn form(kind: &str, body: &[u8]) -> Result<Form, FormError> {
    let read = |limit| match read(&spool(body, limit), Some(&content_type(kind))) {
        Ok(form) => Ok(form),
        Err(FormInputError::Form(error)) => Err(error),
        Err(FormInputError::Io(error)) => panic!("{error}"),
    };
    let (memory, file) = (read(usize::MAX), read(0));
    assert_eq!(memory.as_ref().err(), file.as_ref().err(), "in memory and in a file");
    file
}

const MULTIPART: &str = "multipart/form-data; boundary=XX";
const URLENCODED: &str = "application/x-www-form-urlencoded";

/// Names and values, a file as `name|type|octets`.
fn shown(form: &Form, body: &[u8]) -> Vec<(String, String)> {
    let spool = spool(body, usize::MAX);
    let value = |value: &Value| match value {
        Value::NoFile => "no file".to_owned(),
        Value::Text(text) => text.clone(),
        Value::File(file) => {
            let mut octets = Vec::new();
            spool.reader_at(file.source.offset).take(file.source.len).read_to_end(&mut octets).unwrap();
            format!("{}|{}|{}", file.name, file.content_type.essence(), octets.escape_ascii())
        }
    };
    form.fields.iter().map(|field| (field.name.clone(), value(&field.value))).collect()
}

fn letter<'f>(form: &'f Form, trap: &[&str], require: &[&str]) -> Result<Letter<'f>, FormError> {
    let require: Vec<String> = require.iter().map(|name| (*name).to_owned()).collect();
    let files = FileTypes::parse(&["image/*", "text/plain"]).unwrap();
    let trap = if trap.is_empty() { Trap::default() } else { Trap::parse(trap).unwrap() };
    let rules = FormRules {
        challenger: None,
        files: &files,
        require: &require,
        roles: &Roles::default(),
        subject_is_set: false,
        trap: &trap,
    };
    Letter::read(form, &rules)
}
