//! Which mails are reports and which are not, and when two reports are the same.
#![forbid(unsafe_code)]

use tracking::dsn::{self, Action, Error, Kind, Report};

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
        (attached("Ann <a@b.example>"), Kind::Mail),
        (multipart("disposition-notification", "disposition-notification"), Kind::Disposition),
        (multipart("feedback-report", "feedback-report"), Kind::Feedback),
        ("From: a@b.example\nReturn-Path: <>\nAuto-Submitted: auto-replied\n\nAway. Write to c@b.example.\n".into(), Kind::AutoReply),
        ("From: a@b.example\nSubject: Out of office: hello\n\nAway.\n".into(), Kind::AutoReply),
        ("From: a@b.example\nSubject: question\n\nMy mail could not be delivered to the following address:\nx@y.example\n".into(), Kind::Mail),
        ("From: a@b.example\nSubject: Re: Undeliverable: x\n\nDelivery to the following recipient failed permanently:\nx@y.example\n".into(), Kind::Mail),
        (String::new(), Kind::Mail),
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
