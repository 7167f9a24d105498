use std::collections::HashSet;

use super::*;

fn name(text: &str) -> HeaderName {
    HeaderName::parse(text.as_bytes()).unwrap()
}

#[test]
fn names_get_their_canonical_spelling() {
    for (given, written) in [
        ("subject", "Subject"),
        ("message-id", "Message-ID"),
        ("Message-Id", "Message-ID"),
        ("MESSAGE-ID", "Message-ID"),
        ("mime-version", "MIME-Version"),
        ("Mime-Version", "MIME-Version"),
        ("list-id", "List-ID"),
        ("list-unsubscribe-post", "List-Unsubscribe-Post"),
        ("in-reply-to", "In-Reply-To"),
        ("dkim-signature", "DKIM-Signature"),
        ("x-mailer", "X-Mailer"),
        ("x-9lives", "X-9lives"),
        ("--a--b", "--A--B"),
        ("SUBJECT", "SUBJECT"),
        ("X-mailer", "X-mailer"),
        ("a!b", "A!b"),
    ] {
        assert_eq!(name(given).as_str(), written);
    }
}

#[test]
fn names_compare_without_case() {
    let set: HashSet<HeaderName> = [name("SUBJECT"), name("Subject"), name("sUBJECT")].into();
    assert_eq!(set.len(), 1);
    assert!(name("subject").is("SUBJECT"));
    assert_eq!(name("ABC").cmp(&name("abd")), Ordering::Less);
    assert_ne!(name("To"), name("Cc"));
}

#[test]
fn a_name_is_ftext_of_at_most_76_octets() {
    for octet in 0..=255_u8 {
        let is_ok = octet.is_ascii_graphic() && octet != b':';
        assert_eq!(HeaderName::parse(&[b'A', octet]).is_ok(), is_ok, "{octet}");
    }
    assert_eq!(HeaderName::parse(b""), Err(HeaderError::NameEmpty));
    assert!(HeaderName::parse(&[b'a'; MAX_NAME]).is_ok());
    assert_eq!(HeaderName::parse(&[b'a'; MAX_NAME + 1]), Err(HeaderError::NameLength { octets: MAX_NAME + 1 }));
    let message = HeaderName::parse(b"Sub\0ject").unwrap_err().to_string();
    assert!(message.starts_with("octet 0x00 in the field name \"Sub\\0ject\": use"), "{message}");
}

#[test]
fn a_value_holds_no_control_character_but_tab() {
    for c in ('\0'..'\u{100}').chain(['\u{2028}', '\u{feff}', 'あ', '😀']) {
        let is_ok = c == '\t' || !c.is_control();
        assert_eq!(HeaderValue::parse(&format!("a{c}b")).is_ok(), is_ok, "{c:?}");
    }
    let error = HeaderValue::parse("a\nBcc: z@evil.test").unwrap_err();
    assert_eq!(
        error.to_string(),
        "control character U+000A in \"a\\nBcc: z@evil.test\": take it out, or encode the text as utf-8"
    );
}

#[test]
fn octets_are_utf_8_else_iso_8859_1() {
    let read = |octets: &[u8]| HeaderValue::from_field(octets).map(|value| value.as_str().to_owned());
    assert_eq!(read(b" \t h\xc3\xa9 \t"), Ok("hé".to_owned()));
    assert_eq!(
        read(b"h\xe9"),
        Ok("hé".to_owned()),
        "what could be cut UTF-8 is not, without a whole character before it"
    );
    assert_eq!(read(b"h\xc3\xa9 h\xc3"), Ok("hé h".to_owned()));
    assert_eq!(read("日本".as_bytes().split_last().unwrap().1), Ok("日".to_owned()));
    assert_eq!(read(b"\xc3\xa9\xc3e"), Ok("Ã©Ãe".to_owned()));
    assert_eq!(read(b""), Ok(String::new()));
    assert_eq!(read(b"\\nBcc: z@evil.test"), Ok("\\nBcc: z@evil.test".to_owned()));
    assert!(read(b"a\xc2\x85Bcc: z@evil.test").is_err());
    assert!(read(b"a\x85\xff").is_err());
    assert!(read(b"a\x1b[2Jb").is_err());
}

#[test]
fn a_value_has_at_most_32_kib() {
    assert!(HeaderValue::parse(&"a".repeat(MAX_VALUE)).is_ok());
    assert!(HeaderValue::parse(&"a".repeat(MAX_VALUE + 1)).is_err());
}

#[test]
fn an_encoded_word_hides_nothing() {
    assert!(HeaderValue::parse("=?utf-8?q?a=0Ab?=").is_err());
    assert!(HeaderValue::parse("=?utf-8?q?a=09b?=").is_ok());
    let message = HeaderValue::parse("x =?utf-8?b?YQANAEJjYzogeg==?=").unwrap_err().to_string();
    assert_eq!(message, "encoded-word \"=?utf-8?b?YQANAEJjYzogeg==?=\" hides a control character: take it out");
}

#[test]
fn an_excerpt_is_short_and_harmless() {
    assert_eq!(excerpt("a \"b\" 'c' é \\"), "a \"b\" 'c' é \\\\");
    assert_eq!(excerpt("\u{1b}[2J\u{202e}\n"), "\\u{1b}[2J\\u{202e}\\n");
    assert_eq!(excerpt(&"é".repeat(5000)), "é".repeat(100) + "...");
}
