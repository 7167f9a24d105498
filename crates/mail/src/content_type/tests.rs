use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders};

use super::*;
use crate::stopwatch::Stopwatch;

fn parse(text: &str) -> Result<ContentType, ContentTypeError> {
    ContentType::parse(&HeaderValue::parse(text).unwrap())
}

fn write(parsed: &ContentType) -> String {
    parsed.write(&HeaderName::parse(b"content-type").unwrap())
}

#[test]
fn types_are_read_generously_and_written_strictly() {
    for (read, written) in [
        ("text/plain", "text/plain"),
        ("TEXT/HTML; Charset=UTF-8", "text/html; charset=UTF-8"),
        ("text/plain ; charset = \"utf-8\" ;", "text/plain; charset=utf-8"),
        ("text/plain;charset=us-ascii (plain (really) text)", "text/plain; charset=us-ascii"),
        ("(a) text/plain (b) ;; (c) format=flowed", "text/plain; format=flowed"),
        ("multipart/mixed; boundary==_a:b", "multipart/mixed; boundary=\"=_a:b\""),
        ("multipart/mixed; boundary=\"a b\"", "multipart/mixed; boundary=\"a b\""),
        ("application/pdf; name=\"a \\\"b\\\" \\\\.pdf\"", "application/pdf; name=\"a \\\"b\\\" \\\\.pdf\""),
        ("application/pdf; name=\"\"", "application/pdf; name=\"\""),
        ("application/pdf; name=über.pdf", "application/pdf; name*=utf-8''%C3%BCber.pdf"),
        ("application/pdf; name*0*=utf-8''%41; name*1=b", "application/pdf; name=Ab"),
        ("image/svg+xml", "image/svg+xml"),
    ] {
        assert_eq!(parse(read).map(|parsed| write(&parsed)), Ok(format!("Content-Type: {written}\n")), "{read}");
        let again = parse(written).unwrap();
        assert_eq!(write(&again), format!("Content-Type: {written}\n"));
    }
}

#[test]
fn the_parts_of_a_type_are_told() {
    let text = parse("Text/Plain; CHARSET=iso-8859-1").unwrap();
    assert!(text.is_text() && !text.is_multipart() && !text.is_message());
    assert_eq!((text.essence(), text.charset(), text.boundary()), ("text/plain", Some("iso-8859-1"), None));
    assert_eq!(write(&text.with_charset("utf-8")), "Content-Type: text/plain; charset=utf-8\n");
    assert_eq!(write(&ContentType::text_plain().with_charset("utf-8")), "Content-Type: text/plain; charset=utf-8\n");
    let parts = parse("multipart/mixed; Boundary=abc").unwrap();
    assert!(parts.is_multipart());
    assert_eq!(parts.boundary(), Some("abc"));
    assert_eq!(parts.parameter("boundary"), Some("abc"));
    assert!(parse("message/rfc822").unwrap().is_message());
    assert_eq!(ContentType::octet_stream().essence(), "application/octet-stream");
}

#[test]
fn what_is_not_one_type_is_refused() {
    for text in [
        "",
        "text",
        "text/",
        "/plain",
        "text/plain/x",
        "text/plain, text/html",
        "text/plain; charset=a, text/html",
        "text/plain; charset",
        "text/plain; =x",
        "text/plain; a=",
        "text/plain; a=\"x",
        "text/plain; a=\"x\\",
        "text/plain; a=\"x\"y",
        "text/plain (x",
        "text /plain",
        "té/plain",
        "text/plain; né=x",
        "text/plain; a=b c=d",
        "text/plain charset=utf-8",
        "text/plain; a=(b)",
        "text/plain; a=x\\y",
    ] {
        assert!(matches!(parse(text), Err(ContentTypeError::Syntax { .. })), "{text}: {:?}", parse(text));
    }
    let message = parse("text").unwrap_err().to_string();
    assert_eq!(message, "\"text\" is not a media type: write it like \"text/plain; charset=utf-8\"");
}

#[test]
fn charset_and_boundary_are_there_once_and_plain() {
    for text in ["text/plain; charset=a; Charset=b", "multipart/mixed; boundary=a; boundary=b"] {
        let duplicate = matches!(parse(text), Err(ContentTypeError::Parameter(ParameterError::Duplicate { .. })));
        assert!(duplicate, "{text}");
    }
    for text in [
        "text/plain; charset*=utf-8''utf-8",
        "multipart/mixed; boundary*0=a; boundary*1=b",
        "multipart/mixed; boundary=a; boundary*0=b",
    ] {
        assert!(matches!(parse(text), Err(ContentTypeError::Extended { .. })), "{text}");
    }
    for text in ["text/plain; charset=\"\"", "text/plain; charset=\"a b\"", "text/plain; charset=é"] {
        assert!(matches!(parse(text), Err(ContentTypeError::Charset { .. })), "{text}");
    }
}

#[test]
fn a_boundary_is_legal() {
    let with = |boundary: &str| parse(&format!("multipart/mixed; boundary=\"{boundary}\""));
    assert!(with("a").is_ok());
    assert!(with(&"a".repeat(70)).is_ok());
    for boundary in ["", "a ", "é", "a*b", "a\tb", &"a".repeat(71)] {
        assert!(matches!(with(boundary), Err(ContentTypeError::Boundary { .. })), "{boundary}");
    }
    assert_eq!(parse("multipart/mixed").unwrap_err().to_string(), "multipart without boundary: add boundary=...");
    assert!(parse("text/plain; boundary=\"a*b\"").is_err());
}

#[test]
fn a_long_type_folds_and_reads_back() {
    let text = format!(
        "multipart/mixed; boundary=\"{}\"; charset=utf-8; name=\"{}\"; x=y",
        "b ".repeat(30) + "b",
        "ü".repeat(50)
    );
    let field = write(&parse(&text).unwrap());
    assert!(field.is_ascii() && field.lines().count() > 2, "{field}");
    let message = format!("{field}\nbody\n");
    let read = MessageParser::default().parse(message.as_bytes()).unwrap();
    let found = read.content_type().unwrap();
    assert_eq!(found.attribute("boundary"), Some(("b ".repeat(30) + "b").as_str()));
    assert_eq!(found.attribute("name"), Some("ü".repeat(50).as_str()));
    let long = format!("text/plain; name={}", "a".repeat(900));
    assert!(matches!(parse(&long), Err(ContentTypeError::Parameter(ParameterError::Length { .. }))));
    assert!(parse(&format!("text/{}", "a".repeat(1000))).is_err());
}

#[test]
fn hostile_nesting_takes_no_time_and_no_stack() {
    let start = Stopwatch::start();
    for text in [
        format!("text/plain {}{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("text/plain{}", "(".repeat(30_000)),
        format!("text/plain{}", "()".repeat(15_000)),
        format!("text/plain{}", ";".repeat(30_000)),
        format!("text/plain{}", ";a=b".repeat(8_000)),
        format!("text/plain{}", ";charset=b".repeat(3_000)),
        format!("text/plain;a=\"{}", "\\\"".repeat(15_000)),
    ] {
        let _ = parse(&text);
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
