use super::*;
use crate::submission::{Extent, Part};
use mail::encode;
use std::io::Read;

fn spool(octets: &[u8], limit: usize) -> Spool {
    let mut spool = Spool::new(&std::env::temp_dir(), limit);
    spool.write(octets).unwrap();
    spool
}

/// The mail and its contents, read from memory and from a file.
fn resend(text: &str) -> Result<(JsonMail, Spool), JsonError> {
    let mut outcome = None;
    for limit in [0, 1 << 20] {
        let mut contents = spool(b"before", limit);
        let call = Call { dialect: Dialect::Resend, is_batch: false };
        let mails = super::read(call, &spool(text.as_bytes(), limit), &mut contents);
        let mail = mails.and_then(|mails| mails.items.into_iter().next().expect("one"));
        outcome = Some(mail.map(|mail| (mail, contents)));
    }
    outcome.unwrap()
}

fn octets(spool: &Spool, Extent { offset, len }: Extent) -> Vec<u8> {
    let mut octets = Vec::new();
    spool.reader_at(offset).take(len).read_to_end(&mut octets).unwrap();
    octets
}

/// The tree in one line: types, and subtypes around them.
fn shape(part: &Part) -> String {
    match part {
        Part::Leaf(leaf) => leaf.content_type.essence().to_owned(),
        Part::Multipart { subtype, parts } => {
            format!("{subtype}({})", parts.iter().map(shape).collect::<Vec<_>>().join(" "))
        }
    }
}

fn leaves(part: &Part) -> Vec<&crate::submission::Leaf> {
    match part {
        Part::Leaf(leaf) => vec![leaf],
        Part::Multipart { parts, .. } => parts.iter().flat_map(leaves).collect(),
    }
}

#[test]
fn a_control_character_in_a_string_is_refused_wherever_it_stands() {
    let _alone = crate::transport::tests::alone();
    let with = |before: &str, what: &str| format!(r#"{{"to": "a@x.test", "text": "{before}{what}b"}}"#);
    for before in ["", "a", "\\n", "\\u00fc a line", &"a".repeat(31), &"a".repeat(8 * 1024), &"ü\\n".repeat(10_000)] {
        assert!(resend(&with(before, " ~\u{7f}")).is_ok());
        for control in ["\0", "\t", "\n", "\u{1f}"] {
            let error = resend(&with(before, control)).map(drop).unwrap_err();
            assert!(error.to_string().contains("control character"), "{error}");
        }
    }
}

#[test]
fn every_way_to_write_a_string_gives_the_same_text() {
    let _alone = crate::transport::tests::alone();
    let long = "ü€😀 ".repeat(5_000);
    let json = format!(
        r#" {{"to": "a@x.test", "text" : "\u00fc\n\"\\\/\ud83d\ude00{long}" , "subject":"\u0047r\u00fc\u00dfe"}} "#
    );
    let (mail, contents) = resend(&json).unwrap();
    let [leaf] = leaves(mail.root())[..] else { panic!("{}", shape(mail.root())) };
    assert_eq!(String::from_utf8(octets(&contents, leaf.source)).unwrap(), format!("ü\n\"\\/😀{long}"));
    assert_eq!(mail.fields().collect::<Vec<_>>(), [("To", "a@x.test"), ("Subject", "Grüße")]);
    let (mail, _) = resend(r#"{"to": "a@x.test", "text": "t", "subject": "=?utf-8?q?a?= is no b"}"#).unwrap();
    assert_eq!(encode::decode(mail.field("Subject").unwrap()), "=?utf-8?q?a?= is no b");
}

#[test]
fn text_html_images_and_files_stand_where_mail_programs_look_for_them() {
    let _alone = crate::transport::tests::alone();
    let image = r#"{"content":"iVBORw==","filename":"a.png","contentId":"logo"}"#;
    let file = r#"{"content":[1,2, 255],"filename":"../b \"q\" ü.pdf"}"#;
    for (members, expected) in [
        (r#""text":"t""#.to_owned(), "text/plain"),
        (r#""html":"h","text":null"#.to_owned(), "text/html"),
        (r#""html":"h","text":"t""#.to_owned(), "alternative(text/plain text/html)"),
        (format!(r#""text":"t","attachments":[{file}]"#), "mixed(text/plain application/pdf)"),
        (
            format!(r#""html":"h","text":"t","attachments":[{file},{image}]"#),
            "mixed(alternative(text/plain related(text/html image/png)) application/pdf)",
        ),
        (format!(r#""text":"t","attachments":[{image}]"#), "mixed(text/plain image/png)"),
        (format!(r#""attachments":[{file}]"#), "application/pdf"),
    ] {
        let (mail, contents) = resend(&format!(r#"{{"to":["a@x.test"],{members}}}"#)).unwrap();
        assert_eq!(shape(mail.root()), expected);
        for leaf in leaves(mail.root()) {
            let octets = octets(&contents, leaf.source);
            match leaf.content_type.essence() {
                "application/pdf" => {
                    assert_eq!(octets, [1, 2, 255]);
                    assert!(leaf.header.starts_with("Content-Disposition: attachment;"), "{}", leaf.header);
                    assert!(!leaf.header.contains(".."), "{}", leaf.header);
                }
                "image/png" => {
                    assert_eq!(octets, b"\x89PNG");
                    assert!(leaf.header.ends_with("Content-ID: <logo>\n"), "{}", leaf.header);
                }
                _ => assert_eq!(octets.len(), 1),
            }
        }
    }
}

#[test]
fn base64_of_any_length_is_decoded_and_a_cut_one_is_noticed() {
    use ::base64::Engine;
    let _alone = crate::transport::tests::alone();
    for length in [1, 2, 3, 4, 6_143, 6_144, 6_145, 100_000] {
        let file: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
        let text = ::base64::engine::general_purpose::STANDARD.encode(&file);
        let send = |text: &str| {
            resend(&format!(r#"{{"to":"a@x.test","attachments":[{{"content":"{text}","filename":"a.bin"}}]}}"#))
        };
        for written in [
            text.clone(),
            text.as_bytes()
                .chunks(76)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect::<Vec<_>>()
                .join("\\r\\n"),
        ] {
            let (mail, contents) = send(&written).unwrap();
            assert_eq!(octets(&contents, leaves(mail.root())[0].source), file, "{length}");
        }
        for bad in [&text[..text.len() - 1], &format!("{text}AAAA=")] {
            let error = send(bad).unwrap_err();
            assert_eq!(error.path(), "attachments[0].content", "{length}");
        }
    }
}

#[test]
fn small_values_have_a_megabyte_together_and_large_ones_any_room() {
    let _alone = crate::transport::tests::alone();
    let long = "x".repeat(2 << 20);
    assert!(resend(&format!(r#"{{"to":"a@x.test","text":"{long}","html":"{long}"}}"#)).is_ok());
    for json in [
        format!(r#"{{"to":"a@x.test","text":"t","subject":"{long}"}}"#),
        format!(r#"{{"to":"a@x.test","text":"t","{long}":1}}"#),
        format!(r#"{{"to":"a@x.test","text":"t","tags":[{}1]}}"#, "1,".repeat(50_000)),
    ] {
        assert!(resend(&json).unwrap_err().to_string().contains("1 MiB"));
    }
}

/// What the table shows to programs is what is read: an example of each member is taken, but for what is not done.
#[test]
fn each_member_of_the_table_is_known_to_the_parser() {
    use super::members::{Member, POSTMARK, RESEND, SENDGRID, Shape};
    use serde_json::{Value, json};
    fn example(shape: &Shape) -> Value {
        match shape {
            Shape::Addresses => json!("a@x.test"),
            Shape::Any | Shape::Text => json!("text/plain"),
            Shape::Base64 => json!("YQ=="),
            Shape::Pairs => json!({"X-A": "b"}),
            Shape::List(members) | Shape::Object(members) => {
                let members: serde_json::Map<_, _> =
                    members.iter().map(|member| (member.name.to_owned(), example(&member.shape))).collect();
                if matches!(shape, Shape::List(_)) { json!([members]) } else { json!(members) }
            }
            Shape::Mailbox => json!({"email": "a@x.test", "name": "A"}),
            Shape::Mailboxes => json!([{"email": "a@x.test"}, "b@x.test"]),
            Shape::NotDone(_) => json!(null),
            Shape::OneOrMore => json!(["a@x.test"]),
            Shape::Switch => json!({"enable": true}),
            Shape::Words(words) => json!(words[0]),
        }
    }
    let _alone = crate::transport::tests::alone();
    let read = |dialect, json: &Value| {
        let mut contents = spool(b"", 1 << 20);
        let call = Call { dialect, is_batch: false };
        let mails = super::read(call, &spool(json.to_string().as_bytes(), 1 << 20), &mut contents)?;
        mails.items.into_iter().next().expect("one")
    };
    let tables: [(Dialect, &[Member], Value); 3] = [
        (Dialect::Postmark, POSTMARK, json!({"TextBody": "t"})),
        (Dialect::Resend, RESEND, json!({"text": "t"})),
        (
            Dialect::Sendgrid,
            SENDGRID,
            json!({"personalizations": [{"to": ["a@x.test"]}], "content": [{"type": "text/plain", "value": "t"}]}),
        ),
    ];
    for (dialect, table, least) in tables {
        assert!(read(dialect, &least).is_ok());
        for member in table {
            let mut json = least.clone();
            json[member.name] = example(&member.shape);
            // Two names of one thing, each of which is fine alone.
            let outcome = read(dialect, &json).map_err(|error| error.to_string());
            let is_twin = outcome.as_ref().is_err_and(|error| error.contains("stands beside content_id"));
            assert!(outcome.is_ok() || is_twin, "{}: {}", member.name, outcome.unwrap_err());
            if let Shape::NotDone(why) = member.shape {
                json[member.name] = json!({"a": 1});
                assert!(read(dialect, &json).unwrap_err().to_string().ends_with(why), "{}", member.name);
            }
        }
        let mut json = least.clone();
        json["unheard_of"] = json!(1);
        assert!(read(dialect, &json).unwrap_err().to_string().contains("is not known here"));
    }
}
