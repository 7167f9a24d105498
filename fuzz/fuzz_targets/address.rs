//! A field with addresses -> the list we read -> the line we write -> what another parser and our own read in it: the same addresses,
//! none of them an option, a path or a program.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::address::{Address, AddressList, Domain};
use mail::header::{HeaderName, HeaderValue};
use mail_parser::{Address as Read, MessageParser};

fuzz_target!(|octets: &[u8]| {
    let Ok(value) = HeaderValue::from_field(octets) else { return };
    if let Ok(address) = Address::parse(value.as_str()) {
        check(&address);
    }
    let list = match AddressList::parse(&value) {
        Ok(list) => list,
        Err(error) => return assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    };
    let name = HeaderName::parse(b"To").unwrap();
    let line = list.write(&name);
    if list.is_empty() {
        return assert_eq!(line, "");
    }
    list.addresses().for_each(check);
    assert!(line.is_ascii() && line.ends_with('\n') && !line.contains(['\r', '\0']), "{line:?}");
    assert!(line.lines().all(|line| line.len() <= 990 && !line.trim().is_empty()), "{line:?}");

    let wanted: Vec<String> = list.addresses().map(ToString::to_string).collect();
    assert_eq!(read_by_another(&line), wanted, "{line:?}");
    let unfolded = line["To:".len()..].replace('\n', "");
    let again =
        AddressList::parse(&HeaderValue::parse(&unfolded).expect("what we wrote is clean")).expect("and is addresses");
    assert_eq!(again.addresses().collect::<Vec<_>>(), list.addresses().collect::<Vec<_>>(), "{line:?}");
    assert_eq!(again.write(&name), line, "written twice is written once");
});

/// A bare name (`root`) is a name to it.
fn read_by_another(line: &str) -> Vec<String> {
    let message = format!("{line}\nx\n");
    let message = MessageParser::default().parse(message.as_bytes()).expect("a message");
    assert_eq!(message.headers().len(), 1, "{line:?}");
    match message.to() {
        Some(Read::List(list)) => {
            list.iter().map(|one| one.address().or(one.name()).unwrap_or_default().to_owned()).collect()
        }
        other => panic!("{line:?} reads as {other:?}"),
    }
}

/// What every address is that comes out of the parser.
fn check(address: &Address) {
    let text = address.to_string();
    assert_eq!(Address::parse(&text).as_ref(), Ok(address), "{text}");
    assert!(!text.starts_with(['-', '/', '|', ':', '.', '"']), "{text}");
    assert!(!text.contains(|c: char| !c.is_ascii_graphic() || "`$|{}%!\\;<>()\",:[]".contains(c)), "{text}");
    assert!(text.matches('@').count() == usize::from(address.domain().is_some()) && text.len() <= 320, "{text}");
    if let Some(domain) = address.domain() {
        assert_eq!(Domain::parse(domain.as_str()).as_ref(), Ok(domain), "{text}");
    }
}
