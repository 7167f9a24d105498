//! The body of a form, whatever it holds -> its fields, or where it is none; and the mail that it becomes: files that lie within the body under
//! names that are no paths, a text in which no field can be taken for another, one address for answers, a subject of one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::address::AddressList;
use mail::content_type::ContentType;
use mail::encode::unstructured;
use mail::header::{HeaderName, HeaderValue};
use mailgate::input::form::letter::Letter;
use mailgate::input::form::rules::{FileTypes, FormRules, Roles, Trap};
use mailgate::input::form::{Form, FormError, FormInputError, Value, read};
use sys::spool::Spool;

// The first octet chooses the coding and what happens to a trap; the rest is the body, with the boundary `b`.
fuzz_target!(|octets: &[u8]| {
    let [choice, body @ ..] = octets else { return };
    let content_type = if choice & 1 != 0 { "multipart/form-data; boundary=b" } else { "application/x-www-form-urlencoded" };
    let content_type = ContentType::parse(&HeaderValue::parse(content_type).unwrap()).unwrap();
    let form = form(body, &content_type, usize::MAX, body.len().max(1));
    if choice & 8 != 0 {
        let slowly = self::form(body, &content_type, 0, usize::from(*choice));
        assert_eq!(format!("{form:?}"), format!("{slowly:?}"), "in memory and in a file, whatever the pieces");
    }
    let form = match form {
        Ok(form) => form,
        Err(FormError::Malformed { at, .. }) => return assert!(at <= body.len() as u64, "{at}"),
        Err(FormError::TooMuchText) => return assert!(body.len() > 1 << 20),
        Err(error) => panic!("{error:?}"),
    };
    assert!(form.fields.len() <= 1000);
    for field in &form.fields {
        match &field.value {
            Value::Text(text) => assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{text:?}"),
            Value::File(file) => {
                let end = file.source.offset.checked_add(file.source.len).expect("no overflow");
                assert!(end <= body.len() as u64, "{file:?}");
                let bad = |c: char| c.is_control() || "/\\:\"<>|?*".contains(c);
                assert!(!file.name.is_empty() && file.name.len() <= 120 && !file.name.contains(bad), "{file:?}");
                let header = file.disposition();
                let lines: Vec<&str> = header.lines().collect();
                assert!(header.ends_with('\n') && header.is_ascii() && lines[0].starts_with("Content-Disposition: attachment"));
                assert!(lines[1..].iter().all(|line| line.starts_with([' ', '\t'])), "{header:?}");
            }
            Value::NoFile => {}
        }
    }
    let files = FileTypes::parse(&["*/*"]).unwrap();
    let trap = Trap::parse(&["hp", ["page", "tag", "drop"][usize::from(choice / 2 % 3)]]).unwrap();
    let (roles, require) = (Roles::default(), ["message".to_owned()]);
    let require = if choice & 16 != 0 { &require[..] } else { &[] };
    let rules = FormRules { challenger: None, files: &files, require, roles: &roles, subject_is_set: false, trap: &trap };
    let letter = match Letter::read(&form, &rules) {
        Ok(letter) => letter,
        Err(error) => return assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    };
    for line in letter.text.lines() {
        assert!(line.is_empty() || line.starts_with("  ") || line.contains(':'), "{line:?}");
    }
    assert!(!letter.text.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\0']), "{:?}", letter.text);
    if let Some(visitor) = letter.reply_to {
        let value = HeaderValue::parse(&visitor.to_string()).expect("one line");
        let list = AddressList::parse(&value).expect("an address");
        assert_eq!(list.addresses().count(), 1, "{visitor}");
    }
    if let Some(subject) = letter.subject.filter(|subject| subject.len() < 8000) {
        let name = HeaderName::parse(b"Subject").unwrap();
        let written = unstructured(&name, &HeaderValue::parse(&subject).expect("one line")).expect("a subject");
        assert!(written.lines().skip(1).all(|line| line.starts_with([' ', '\t'])), "{written:?}");
    }
});

fn form(body: &[u8], content_type: &ContentType, limit: usize, piece: usize) -> Result<Form, FormError> {
    let mut spool = Spool::new(&std::env::temp_dir(), limit);
    body.chunks(piece).for_each(|piece| spool.write(piece).expect("there is room"));
    read(&spool, Some(content_type)).map_err(|error| match error {
        FormInputError::Form(error) => error,
        FormInputError::Io(error) => panic!("{error}"),
    })
}
