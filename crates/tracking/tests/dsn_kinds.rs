//! Which mails are reports and which are not, and when two reports are the same.
#![forbid(unsafe_code)]

use tracking::dsn::{self, Action, Error, MailKind, Report};

const REPORT: &str = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nMessage-ID: <report@mx.example>\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry.\n--b\n\
    Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\nOriginal-Envelope-Id: id\n\n\
    Final-Recipient: rfc822; z@y.example\nAction: failed\nStatus: 5.1.1\n\n--b\nContent-Type: text/rfc822-headers\n\n\
    message-id:\n <sent@x.example>\n\n--b--\n";

fn read(mail: &str) -> Report {
    dsn::parse(mail.as_bytes()).unwrap()
}

#[test]
fn mails_of_other_kinds_are_told_apart() {
    let attached = |from: &str| {
        format!(
            "From: {from}\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nsee below\n--c\nContent-Type: message/rfc822\n\n{REPORT}\n--c--\n"
        )
    };
    let multipart = |kind: &str, media: &str| {
        format!(
            "From: a@b.example\nContent-Type: multipart/report; report-type={kind}; boundary=b\n\n--b\n\nread\n--b\nContent-Type: message/{media}\n\nFinal-Recipient: rfc822;a@b.example\n\n--b--\n"
        )
    };
    assert_eq!(read(&attached("postmaster@gateway.example")).recipients.len(), 1);
    for (mail, kind) in [
        (attached("Ann <a@b.example>"), MailKind::Mail),
        (multipart("disposition-notification", "disposition-notification"), MailKind::Disposition),
        (multipart("feedback-report", "feedback-report"), MailKind::Feedback),
        ("From: a@b.example\nReturn-Path: <>\nAuto-Submitted: auto-replied\n\nAway. Write to c@b.example.\n".into(), MailKind::AutoReply),
        ("From: a@b.example\nSubject: Out of office: hello\n\nAway.\n".into(), MailKind::AutoReply),
        ("From: a@b.example\nSubject: question\n\nMy mail could not be delivered to the following address:\nx@y.example\n".into(), MailKind::Mail),
        ("From: a@b.example\nSubject: Re: Undeliverable: x\n\nDelivery to the following recipient failed permanently:\nx@y.example\n".into(), MailKind::Mail),
        (String::new(), MailKind::Mail),
    ] {
        assert_eq!(dsn::parse(mail.as_bytes()), Err(Error::NotAReport(kind)), "{mail}");
    }
}

#[test]
fn a_report_says_who_and_about_which_message() {
    let report = read(REPORT);
    assert!(report.conforming && !report.heuristic);
    assert_eq!(report.original_envelope_id.as_deref(), Some("id"));
    assert_eq!(report.original_message_id.as_deref(), Some("<sent@x.example>"));
    assert_eq!(report.recipients[0].address(), Some("z@y.example"));
    assert_eq!(report.recipients[0].state(), Some(Action::Failed));
}

/// A conforming report whose third part is missing: only the status part and the header of the report say what it is about.
#[test]
fn a_report_without_the_message_names_it_otherwise() {
    let (head, _) = REPORT.split_once("--b\nContent-Type: text/rfc822-headers").unwrap();
    let bare = format!("{head}--b--\n");
    assert_eq!(read(REPORT).original_message_id.as_deref(), Some("<sent@x.example>"));
    assert_eq!(read(&bare).original_message_id, None);
    let in_reply_to = "In-Reply-To: Your message of Monday <answered@x.example>\n";
    let references = "References: <first@x.example>\n\t<last@x.example>\n";
    let two = "In-Reply-To: <one@x.example> <two@x.example>\n";
    let status = bare.replace("Original-Envelope-Id: id", "X-Original-Message-ID: <status@x.example>");
    for (mail, id) in [
        (status.clone(), "<status@x.example>"),
        (format!("{in_reply_to}{status}"), "<status@x.example>"),
        (format!("{references}{in_reply_to}{bare}"), "<answered@x.example>"),
        (format!("{references}{bare}"), "<last@x.example>"),
        (format!("{two}{references}{bare}"), "<last@x.example>"),
        (format!("{references}{in_reply_to}{REPORT}"), "<sent@x.example>"),
    ] {
        let report = read(&mail);
        assert_eq!(report.original_message_id.as_deref(), Some(id), "{mail}");
        assert!(report.conforming && !report.heuristic, "{mail}");
    }
    for nothing in ["In-Reply-To: your mail\n", "References: <>\n", "In-Reply-To: <no id>\n"] {
        assert_eq!(read(&format!("{nothing}{bare}")).original_message_id, None, "{nothing}");
    }
}

#[test]
fn an_answer_in_x_supplementary_info_is_the_diagnostic() {
    let with = |fields: &str| read(&REPORT.replace("Status: 5.1.1\n", &format!("Status: 5.1.1\n{fields}")));
    let diagnostic = |fields: &str| {
        let code = with(fields).recipients[0].diagnostic_code.clone().unwrap();
        (code.kind.unwrap_or_default(), code.value)
    };
    let diagnosed = "Diagnostic-Code: smtp; 550 known\n";
    assert_eq!(diagnostic(diagnosed), ("smtp".into(), "550 known".into()));
    assert_eq!(with("").recipients[0].diagnostic_code, None);
    let info = "X-Supplementary-Info: <mx.y.example #5.1.1 smtp;550 5.1.1\n no such user>\n";
    assert_eq!(diagnostic(info), ("smtp".into(), "550 5.1.1 no such user".into()));
    assert_eq!(diagnostic(&format!("{info}{diagnosed}")).1, "550 known");
    assert_eq!(diagnostic(&format!("{diagnosed}{info}")).1, "550 known");
    assert_eq!(diagnostic("X-Supplementary-Info: smtp; 550 no\n"), ("smtp".into(), "550 no".into()));
    assert_eq!(diagnostic("X-Supplementary-Info: <mx.y.example #5.1.1 sorry>\n"), (String::new(), "sorry".into()));
    assert!(with(info).conforming);
}

/// A mail system's text is believed where it names its recipients, and anywhere for a recipient of the returned message.
#[test]
fn an_address_among_words_is_believed_only_if_the_message_was_for_it() {
    let mail = |from: &str, to: &str| {
        format!(
            "Return-Path: <>\nFrom: {from}\nSubject: Undeliverable\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n\
             The mail for ann@y.example was not delivered. Urgent: john@y.example\n--c\nContent-Type: message/rfc822\n\n\
             To: {to}\nMessage-ID: <sent@x.example>\n\nwrite to john@y.example\n\n--c--\n"
        )
    };
    let daemon = "MAILER-DAEMON@y.example";
    let report = read(&mail(daemon, "Ann <Ann@y.example>"));
    let named: Vec<_> = report.recipients.iter().filter_map(|r| r.address()).collect();
    assert_eq!((named, report.heuristic), (vec!["ann@y.example"], true));
    assert_eq!(report.original_message_id.as_deref(), Some("<sent@x.example>"));
    // somebody else's message, a person, and no message at all
    for (mail, kind) in [
        (mail(daemon, "bob@y.example"), MailKind::Mail),
        (mail("Ann <ann@y.example>", "ann@y.example"), MailKind::Mail),
        (mail(daemon, "ann@y.example").replace("message/rfc822", "application/octet-stream"), MailKind::Mail),
        (mail(daemon, "ann@y.example").replace("Subject: ", "Subject: Out of office: "), MailKind::AutoReply),
    ] {
        assert_eq!(dsn::parse(mail.as_bytes()), Err(Error::NotAReport(kind)), "{mail}");
    }
}

#[test]
fn a_second_delivery_has_the_same_digest_and_a_second_report_has_not() {
    let digest = read(REPORT).digest();
    let again = format!(
        "From somebody Mon Jan  1 00:00:00 2024\nReceived: by a hop\nX-Spam: no\n{}",
        REPORT.replace('\n', "\r\n")
    );
    assert_eq!(read(&again).digest(), digest);
    for (old, new) in
        [("<report@", "<report2@"), ("z@y", "zz@y"), ("failed", "delayed"), ("5.1.1", "5.1.2"), ("Id: id", "Id: id2")]
    {
        let other = read(&REPORT.replace(old, new));
        assert_ne!(other.digest(), digest, "{old}");
    }
}

#[test]
fn every_deviation_costs_the_flag_and_not_the_recipient() {
    let deviations = [
        ("report-type=delivery-status", "charset=utf-8"),
        ("multipart/report", "multipart/mixed"),
        ("rfc822; z@", "z@"),
        ("rfc822; z@y.example", "<z@y.example>"),
        ("dns; mx.example", "mx.example"),
        ("Status: 5.1.1\n", ""),
        ("Status: 5.1.1", "Status: 5.1.1 no such user"),
        ("Action: failed", "Action: bounced"),
        ("Status: 5.1.1", "Status: 5.1.1\nStatus: 5.1.1"),
        ("Action: failed", "\nAction: failed"),
        ("Id: id\n\n", "Id: id\n"),
        ("Action: failed", "and so it is\nAction: failed"),
        ("--b\n\nSorry.\n", ""),
    ];
    for (old, new) in deviations {
        let mail = REPORT.replacen(old, new, 1);
        assert_ne!(mail, REPORT, "{old}");
        let report = read(&mail);
        assert!(!report.conforming, "{new}");
        assert!(!report.heuristic, "{new}");
        assert_eq!(report.recipients.len(), 1, "{new}");
        assert_eq!(report.recipients[0].address(), Some("z@y.example"), "{new}");
        assert_eq!(report.recipients[0].state(), Some(Action::Failed), "{new}");
        assert_eq!(report.original_message_id.as_deref(), Some("<sent@x.example>"), "{new}");
    }
    for same in [REPORT.replace("Status: 5.1.1", "Status: 5.1.1 (no such user)"), REPORT.replace("Action:", "ACTION:")]
    {
        assert!(read(&same).conforming);
    }
}
