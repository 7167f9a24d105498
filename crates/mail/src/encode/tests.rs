use std::time::Duration;

use mail_parser::{HeaderValue as Parsed, MessageParser};

use super::*;
use crate::stopwatch::Stopwatch;

fn name(text: &str) -> HeaderName {
    HeaderName::parse(text.as_bytes()).unwrap()
}

fn write(value: &str) -> String {
    unstructured(&name("Subject"), &HeaderValue::parse(value).unwrap()).unwrap()
}

/// What a mail program would show.
fn read(field: &str) -> String {
    let message = format!("{field}\nbody\n");
    let parsed = MessageParser::default().parse(message.as_bytes()).unwrap();
    parsed.headers()[0].value.as_text().unwrap_or_default().to_owned()
}

/// RFC 5322 2.2.3 and RFC 2047 6.2 to the letter: unfold, decode, drop blanks between encoded-words and only there.
fn decode(field: &str) -> String {
    let text = field.strip_suffix('\n').unwrap().split_once(':').unwrap().1.replace('\n', "");
    let mut shown = String::new();
    let mut after_encoded = false;
    for (blank, word) in Words(text.trim_matches([' ', '\t'])) {
        let is_encoded = encoded_word::is_encoded_word(word);
        if !(after_encoded && is_encoded) {
            shown.push_str(blank);
        }
        shown.push_str(&if is_encoded { encoded_word::decode(word).unwrap() } else { word.to_owned() });
        after_encoded = is_encoded;
    }
    shown
}

fn assert_well_formed(field: &str) {
    assert!(field.is_ascii() && field.ends_with('\n'), "{field:?}");
    assert!(!field.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{field:?}");
    for (at, line) in field.lines().enumerate() {
        assert!(!line.trim().is_empty(), "a line of blanks in {field:?}");
        assert!(at == 0 || line.starts_with([' ', '\t']), "{field:?}");
        assert!(line.len() <= 990, "{} octets in {field:?}", line.len());
        let is_unbreakable = line.split([' ', '\t']).any(|word| word.len() > 60);
        assert!(line.len() <= 78 || is_unbreakable, "{line:?}");
    }
    for word in field.split([' ', '\t', '\n']).filter(|word| word.starts_with("=?utf-8?")) {
        assert!(word.len() <= 75, "{word}");
        let text = encoded_word::decode(word).unwrap();
        assert!(!text.contains(char::REPLACEMENT_CHARACTER), "{word} splits a character");
    }
}

/// xorshift64*: the same texts in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn text(&mut self, alphabet: &[&str], pieces: usize) -> String {
        (0..pieces).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

#[test]
fn plain_text_stays_plain() {
    for (value, field) in [
        ("Hello", "Subject: Hello\n"),
        ("", "Subject:\n"),
        ("a\tb  c", "Subject: a\tb  c\n"),
        ("=?utf-8?q?a b?=", "Subject: =?utf-8?q?a b?=\n"),
        ("=?utf-8?Q?a?= =?utf-8?Q?b?=", "Subject: =?utf-8?Q?a?= =?utf-8?Q?b?=\n"),
        ("Bücher kaufen", "Subject: =?utf-8?Q?B=C3=BCcher?= kaufen\n"),
        ("zwei Bücher über Öl", "Subject: zwei =?utf-8?B?QsO8Y2hlciDDvGJlciDDlmw=?=\n"),
        ("é =?utf-8?q?b?=", "Subject: =?utf-8?B?w6kg?= =?utf-8?q?b?=\n"),
        ("=?utf-8?q?b?= é", "Subject: =?utf-8?q?b?= =?utf-8?B?IMOp?=\n"),
        ("\\nBcc: z@evil.test", "Subject: \\nBcc: z@evil.test\n"),
        ("a\u{2028}To: y@evil.test", "Subject: =?utf-8?B?YeKAqFRvOg==?= y@evil.test\n"),
    ] {
        assert_eq!(write(value), field);
    }
}

#[test]
fn what_is_written_reads_back() {
    let alphabet = [
        "a",
        "bc",
        "word",
        "é",
        "日本",
        "😀",
        " ",
        " ",
        "\t",
        "=?",
        "?=",
        "_",
        "=",
        "\"",
        "(",
        "\u{2028}",
        "longerword",
        ".",
    ];
    let mut random = Random(1);
    for round in 0..4000 {
        let value = HeaderValue::parse(&random.text(&alphabet, round % 120)).unwrap();
        let field = unstructured(&name("Subject"), &value).unwrap();
        assert_well_formed(&field);
        assert_eq!(decode(&field), value.as_str(), "{field:?}");
    }
}

#[test]
fn another_parser_reads_the_same() {
    let alphabet = ["a", "bc", "word", "é", "日本", "😀", "\u{ad}", ":", ";", "\"", "(", "longerword", ".", "ß"];
    let mut random = Random(2);
    for round in 1..3000 {
        let words: Vec<String> = (0..round % 30 + 1)
            .map(|_| {
                let n = random.below(9) + 1;
                random.text(&alphabet, n)
            })
            .collect();
        let text = words.join(" ");
        let field = write(&text);
        assert_eq!(read(&field), text, "{field:?}");
    }
}

#[test]
fn blanks_around_words_of_the_client_survive() {
    let ready = ["=?utf-8?Q?x?=", "=?iso-8859-1?q?=E9?="];
    let alphabet = [ready[0], ready[1], "é", "plain"];
    let mut random = Random(3);
    for round in 1..500 {
        let words: Vec<&str> = (0..round % 12 + 1).map(|_| alphabet[random.below(4)]).collect();
        let given = words.join(" ");
        let field = write(&given);
        assert_eq!(decode(&field), decode(&format!("Subject: {given}\n")), "{field:?}");
        assert_eq!(read(&field), decode(&field));
    }
}

#[test]
fn long_things_stay_below_990() {
    for name_length in [1, 20, 60, 76] {
        for length in [60, 77, 78, 79, 200, 899, 900, 901, 3000] {
            for (blank, piece) in [(" ", "a"), (" ", "é"), ("  ", "a"), ("\t", "a")] {
                let word = piece.repeat(length);
                let value = HeaderValue::parse(&format!("{word}{}{word}{}b", blank, blank.repeat(length / 4))).unwrap();
                let field = unstructured(&name(&"X".repeat(name_length)), &value).unwrap();
                assert_well_formed(&field);
                assert_eq!(decode(&field), value.as_str(), "{field:?}");
            }
        }
    }
}

#[test]
fn a_field_over_32_kib_is_refused() {
    let value = HeaderValue::parse(&"é".repeat(16 * 1024)).unwrap();
    let error = unstructured(&name("Subject"), &value).unwrap_err().to_string();
    assert!(error.starts_with("field Subject takes ") && error.ends_with("shorten it to at most 32768"), "{error}");
}

#[test]
fn structured_fields_are_ascii_and_folded() {
    let write = |value: &str| structured(&name("References"), &HeaderValue::parse(value).unwrap());
    assert_eq!(write("<a@b> <c@d>"), Ok("References: <a@b> <c@d>\n".to_owned()));
    assert_eq!(write(""), Ok("References:\n".to_owned()));
    let many = vec!["<0123456789@example.test>"; 40].join(" ");
    let field = write(&many).unwrap();
    assert_well_formed(&field);
    assert_eq!(field.replace('\n', ""), format!("References: {many}"));
    assert_eq!(write("<é@b>").unwrap_err().to_string(), "field References is \"<é@b>\": use ASCII only");
    assert!(write(&"a".repeat(900)).is_ok());
    assert!(matches!(write(&"a".repeat(901)), Err(EncodeError::WordLength { .. })));
    assert!(matches!(write(&format!("a{}b", " ".repeat(900))), Err(EncodeError::WordLength { .. })));
}

#[test]
fn phrases_are_safe_beside_an_address() {
    for (text, written) in [
        ("John Smith", "John Smith"),
        ("John Q. Public", "\"John Q. Public\""),
        ("a  b", "\"a  b\""),
        ("say \"hi\" \\", "\"say \\\"hi\\\" \\\\\""),
        ("ceo@bank.test", "\"ceo@bank.test\""),
        ("\"A\" <z@evil.test>, B", "\"\\\"A\\\" <z@evil.test>, B\""),
        ("", "\"\""),
        ("Bücher GmbH, Köln", "=?utf-8?B?QsO8Y2hlciBHbWJILCBLw7Zsbg==?="),
        ("=?utf-8?Q?M=C3=BCller?= Max", "=?utf-8?Q?M=C3=BCller?= Max"),
        ("=?utf-8?q?a,b?=", "=?utf-8?B?YSxi?="),
        ("=?utf-8?q?a,?= =?utf-8?q?b?=", "=?utf-8?Q?a=2C?= =?utf-8?q?b?="),
        ("=?utf-8?q?a b?=", "=?utf-8?B?PT91dGYtOD9xP2EgYj89?="),
        ("=?utf-8?q?=0A?=", "=?utf-8?B?PT91dGYtOD9xPz0wQT89?="),
        ("a\r\nBcc: z@evil.test", "\"a  Bcc: z@evil.test\""),
        ("a\tb", "=?utf-8?B?YQli?="),
    ] {
        assert_eq!(phrase(text), written);
    }
}

#[test]
fn phrases_read_back_and_never_add_an_address() {
    let alphabet = [
        "a", "Bc", "é", "日本", "😀", " ", "\"", "\\", "<", ">", ",", ":", ";", "@", "(", ")", ".", "=?", "?=", "x@y.z",
    ];
    let mut random = Random(4);
    for round in 1..4000 {
        let text = random.text(&alphabet, round % 60 + 1);
        let text: Vec<&str> = text.split_whitespace().collect();
        let text = text.join(" ");
        if text.is_empty() {
            continue;
        }
        let message = format!("From: {} <f@example.test>\n\n", phrase(&text));
        assert!(message.is_ascii());
        let parsed = MessageParser::default().parse(message.as_bytes()).unwrap();
        let Some(Parsed::Address(list)) = parsed.header("From") else { panic!("{message}") };
        let found: Vec<_> =
            list.iter().map(|one| (one.name().unwrap_or_default(), one.address().unwrap_or_default())).collect();
        assert_eq!(found, [(text.as_str(), "f@example.test")], "{message}");
    }
}

#[test]
fn long_values_take_linear_time() {
    let start = Stopwatch::start();
    for piece in ["a ", "é ", "é", "=?utf-8?q?x?= ", "=?utf-8?q?x?= é ", "a", " \t"] {
        let mut text = piece.repeat(32 * 1024 / piece.len());
        text.truncate(32 * 1024);
        let value = HeaderValue::parse(&text).unwrap();
        let _ = unstructured(&name("Subject"), &value);
        let _ = phrase(value.as_str());
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn a_literal_text_reads_as_it_was_written() {
    let many = "=?x?= ".repeat(40);
    for text in
        ["Hi", "Gr\u{fc}\u{df}e", "=?utf-8?q?Hi=0D=0ABcc:_z@evil.test?=", "a =? b", "\u{fc} =?utf-8?b?", many.trim()]
    {
        let written = write(&literal(text));
        assert_well_formed(&written);
        assert_eq!((decode(&written).as_str(), read(&written).as_str()), (text, text), "{written}");
    }
}
