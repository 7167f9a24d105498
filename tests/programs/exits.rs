//! How a program ends: each exit code, each signal.

use super::{Holdings, expect_logs, notes, place, promised, steady};
use crate::support::{Behaviour, Mpm, Request, Sendmail};
use std::time::Duration;

/// The table of DESIGN.md section 4, for a program that has read the whole message and printed nothing.
fn wanted(code: u8) -> (u16, &'static str) {
    match code {
        0 => (202, "accepted"),
        65 | 66 => (400, "SM0401"),
        64 | 70 | 71 | 72 | 77 | 78 | 126 | 127 | 255 => (500, "SM0402"),
        73 | 74 => (503, "SM0406"),
        75 => (503, "SM0403"),
        _ => (502, "SM0407"),
    }
}

#[test]
fn each_exit_code_has_the_answer_of_the_table() {
    let sendmail = Sendmail::new();
    let httpd = place(steady(Mpm::Event), "/mail", &sendmail, "").start();
    Request::mail("/mail?warm-up").send(&httpd).expect_status(202);
    let before = Holdings::of(&httpd);
    let mut faults = Vec::new();
    for code in 0..=255 {
        sendmail.behave(&Behaviour::reads_all_and_exits(code));
        let response = Request::mail(&format!("/mail?{code}")).send(&httpd);
        let (status, tag) = wanted(code);
        let found = notes(&httpd, &format!("/mail?{code}"));
        let id = if found[3] == "-" { None } else { response.header("X-Message-ID").or(Some(&found[3])) };
        let right = promised(&response) == status
            && response.header("Retry-After").is_none()
            && found[..3] == [status.to_string(), tag.to_owned(), code.to_string()]
            && id == Some(&found[3]);
        if !right {
            faults.push(format!("exit {code}: {status} {tag} wanted, found {} {found:?}", response.status));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    expect_logs(&httpd, &["SM0401", "SM0402", "SM0403", "SM0406", "SM0407"]);
    assert_eq!((sendmail.commits(), sendmail.messages().len(), sendmail.unfinished()), (2, 257, 0));
    before.assert_same(&httpd);
}

#[test]
fn each_signal_that_ends_the_program_leaves_the_outcome_unknown() {
    // Signals that stop, or that do nothing unless caught, end nothing; KILL and STOP cannot be caught.
    let stopping = [19, 20, 21, 22];
    let harmless = [17, 18, 23, 28];
    let sendmail = Sendmail::new();
    let stopped = stopping.map(|signal| Sendmail::behaving(&Behaviour::new().reads_all().dies_by(signal)));
    let mut builder = place(steady(Mpm::Event), "/mail", &sendmail, "");
    for (signal, sendmail) in stopping.iter().zip(&stopped) {
        builder = place(builder, &format!("/stop-{signal}"), sendmail, "SendmailTimeout 1s");
    }
    let httpd = builder.start();
    Request::mail("/mail?warm-up").send(&httpd).expect_status(202);
    let before = Holdings::of(&httpd);
    std::thread::scope(|scope| {
        for signal in stopping {
            let httpd = &httpd;
            scope.spawn(move || {
                let response = Request::mail(&format!("/stop-{signal}")).timeout(Duration::from_secs(4)).send(httpd);
                assert_eq!(promised(&response), 504, "signal {signal}");
            });
        }
        for signal in (1..=64).filter(|signal| !stopping.contains(signal)) {
            sendmail.behave(&Behaviour::new().reads_all().dies_by(signal));
            let response = Request::mail(&format!("/mail?{signal}")).send(&httpd);
            assert_eq!(promised(&response), 502, "signal {signal}");
            let found = notes(&httpd, &format!("/mail?{signal}"));
            // 32 and 33 are the C library's own.
            let ends = !harmless.contains(&signal) && ![32, 33].contains(&signal);
            let exit = if ends { format!("signal-{signal}") } else { "98".to_owned() };
            assert_eq!(found[1..3], ["SM0407".to_owned(), exit]);
        }
    });
    expect_logs(&httpd, &["SM0404", "SM0407"]);
    assert_eq!(sendmail.commits(), 1);
    before.assert_same(&httpd);
}

#[test]
fn the_words_of_the_program_decide_where_its_code_says_too_little() {
    let rows = [
        (75, "sendmail: fatal: www-data(33): message file too big\n", 413, "SM0405"),
        (70, "sendmail: command failed: 554 5.3.4 Message too big for system\n", 413, "SM0405"),
        (69, "sendmail: server message: 552 5.3.4 Message size exceeds fixed limit\n", 413, "SM0405"),
        (69, "sendmail: could not send mail (account default from /etc/msmtprc)\n", 503, "SM0406"),
        (69, "SMTP server problem Connection refused\n", 503, "SM0406"),
        (69, "service unavailable\n", 502, "SM0407"),
        (64, "not an@@addr... Invalid route address\n", 502, "SM0407"),
        (65, "alice@example.test... Data format error\n", 502, "SM0407"),
        (75, "sendmail: command failed: 421 try again later\n", 503, "SM0403"),
        (75, "postdrop: warning: mail_queue_enter: create file maildrop/1: Permission denied\n", 503, "SM0403"),
        (1, "message file too big\n", 502, "SM0407"),
        (0, "No recipient addresses found in header\n", 202, "accepted"),
    ];
    let sendmail = Sendmail::new();
    let httpd = place(steady(Mpm::Event), "/mail", &sendmail, "").start();
    for (row, (code, words, status, tag)) in rows.into_iter().enumerate() {
        sendmail.behave(&Behaviour::new().reads_all().complains(words).exits(code));
        let response = Request::mail(&format!("/mail?{row}")).send(&httpd);
        assert_eq!(promised(&response), status, "exit {code}, {words}");
        assert_eq!(response.header("Retry-After"), None);
        assert!(!response.shows(words.trim().as_bytes()), "the words are for the log");
        assert_eq!(notes(&httpd, &format!("/mail?{row}"))[..2], [status.to_string(), tag.to_owned()]);
        assert!(httpd.error_log().contains(words.trim()), "{words}");
    }
    expect_logs(
        &httpd,
        &[
            "SM0405",
            "SM0403",
            "SM0406",
            "SM0407",
            "SM0003: the program took the message and said: stderr: No recipient",
        ],
    );
}
