use super::*;
use crate::dsn::Typed;

#[test]
fn the_token_of_an_address_is_found() {
    let token = "0123456789abcdefghijklmnopqrstuv";
    for (address, found) in [
        (format!("bounces+{token}@example.org"), true),
        (format!("bounces-{token}=rcpt=example.net@example.org"), true),
        (format!("<Bounces+{}@EXAMPLE.ORG>", token.to_uppercase()), true),
        (token.to_owned(), true),
        (format!("{token}x@example.org"), false),
        (format!("bounces@{token}.example"), false),
        (format!("b+{}é@example.org", &token[1..]), false),
        (String::new(), false),
        ("@".to_owned(), false),
    ] {
        assert_eq!(token_in(&address).as_deref(), found.then_some(token), "{address}");
    }
}

fn recipient(original: Option<&str>, last: &str) -> Recipient {
    let typed = |value: &str| Typed { kind: Some("rfc822".into()), value: value.into() };
    Recipient { original_recipient: original.map(typed), final_recipient: Some(typed(last)), ..Recipient::default() }
}

#[test]
fn a_report_speaks_of_the_address_that_was_written() {
    let row =
        |address: &str| Known { address: address.into(), state: State::Queued, trust: Trust::Claimed, hidden: false };
    let known = [row("a@x.example"), row("b@x.example"), row("root")];
    for (original, last, found) in [
        (None, "B@X.example", Some(1)),
        (Some("a@x.example"), "b@x.example", Some(0)),
        (Some("c@x.example"), "b@x.example", Some(1)),
        (None, "root@host.example", Some(2)),
        (Some("root@host.example"), "a@x.example", Some(0)),
        (None, "a@y.example", None),
        (None, "toor@host.example", None),
        (None, "", None),
    ] {
        assert_eq!(position(&known, &recipient(original, last)), found, "{original:?} {last}");
    }
}

#[test]
fn an_impossible_date_is_the_time_of_the_report() {
    let (since, now) = (1_700_000_000, 1_700_100_000);
    for (date, expected) in [
        ("Thu, 16 Nov 2023 01:00:00 +0000", 1_700_096_400),
        ("Thu, 16 Nov 2023 03:00:00 +0000", now), // an hour ahead
        ("Thu, 16 Nov 1923 01:00:00 +0000", now),
        ("Thu, 16 Nov 9999 01:00:00 +0000", now),
        ("soon", now),
    ] {
        let report = Recipient { last_attempt_date: Some(date.into()), ..Recipient::default() };
        assert_eq!(occurred(&report, since, now), expected, "{date}");
    }
    assert_eq!(occurred(&Recipient::default(), since, now), now);
}

#[test]
fn an_empty_message_id_is_none() {
    for (id, expected) in [("<a@b>", Some("a@b")), (" <a@b> ", Some("a@b")), ("a@b", Some("a@b"))] {
        let report = Report { original_message_id: Some(id.into()), ..Report::default() };
        assert_eq!(message_id(&report).as_deref(), expected, "{id}");
    }
    for id in ["", "<>", "< >", "   "] {
        let report = Report { original_message_id: Some(id.into()), ..Report::default() };
        assert_eq!(message_id(&report), None, "{id}");
    }
    assert_eq!(message_id(&Report::default()), None);
}

#[test]
fn a_value_is_cut_between_characters_and_holds_no_control() {
    assert_eq!(kept("a\0b\r\nc\u{85}", 99), "a b  c ");
    assert_eq!(kept("aéé", 4), "aé");
}
