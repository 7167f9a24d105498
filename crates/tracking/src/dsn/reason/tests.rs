use super::*;

#[test]
fn codes_are_found_among_words() {
    let codes = |text| words_codes(text).collect::<Vec<_>>();
    assert_eq!(codes("550-5.1.1 <a@b>: no (#5.2.1)"), ["5.1.1", "5.2.1"]);
    assert_eq!(codes("host 5.1.1.1 said 250 2.0.0 at 4.56.55.1; 5.1, 5.1.1111 5..1"), Vec::<&str>::new());
}

#[test]
fn words_come_before_codes_and_a_code_in_them_before_the_field() {
    for (status, diagnostic, expected) in [
        ("5.1.1", "550 5.1.1 <a@b>: Recipient address rejected: User unknown", Reason::UserUnknown),
        ("5.7.1", "550 5.7.1 No such user", Reason::UserUnknown),
        ("5.1.1", "552 5.2.2 Mailbox full", Reason::MailboxFull),
        ("5.0.0", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", Reason::UserUnknown),
        ("5.1.10", "", Reason::HostUnknown),
        ("5.7.1", "554 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", Reason::Blocked),
        ("5.7.26", "550-5.7.26 This mail has been blocked because the sender is unauthenticated.", Reason::AuthFailure),
        (
            "5.7.1",
            "550-5.7.1 This message is not RFC 5322 compliant. To reduce the 550 5.7.1 amount of spam",
            Reason::NotCompliant,
        ),
        ("4.7.28", "", Reason::TooMuch),
        ("5.3.4", "552 5.3.4 Message size exceeds fixed limit", Reason::TooLarge),
        ("4.4.1", "connect to mx[192.0.2.1]:25: Connection timed out", Reason::Expired),
        ("5.0.0", "", Reason::Undefined),
        ("x", "\u{1f426}\0", Reason::Undefined),
    ] {
        let status = Some(status).filter(|status| !status.is_empty());
        assert_eq!(of_words(status, Some(diagnostic), None), expected, "{status:?} {diagnostic}");
    }
}

#[test]
fn who_takes_a_recipient_and_does_not_know_it_after_the_message_filters() {
    let unknown = Recipient {
        action: Some("failed".into()),
        status_code: Some("5.0.0".into()),
        diagnostic_code: Some(Typed { kind: None, value: "550 User unknown".into() }),
        ..Recipient::default()
    };
    assert_eq!(of(&unknown, None), Some(Reason::UserUnknown));
    assert_eq!(of(&Recipient { after_data: true, ..unknown.clone() }, None), Some(Reason::Filtered));
    assert_eq!(of(&Recipient { action: Some("delivered".into()), ..unknown }, None), None);
}

#[test]
fn every_word_names_its_reason() {
    for reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
    }
    assert_eq!(Reason::parse("suspend"), None);
}
