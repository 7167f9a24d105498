//! What `httpd -t` reports of an SMTP server that would not work, or would be open.

use super::{open, submission};
use crate::support::artifacts::artifacts;
use crate::support::httpd::Httpd;
use crate::support::place::free_port;
use crate::support::{Sendmail, Smtp};

#[test]
fn a_server_that_cannot_work_or_is_open_does_not_start() {
    let (relay, port) = (Smtp::start(), free_port());
    let good = open(Httpd::builder(), port, &relay, "").config_test();
    assert!(good.passed && !good.output.contains("SM08"), "{}", good.output);
    let location = format!("<Location \"/\">\nRequire local\nSendmailRelay 127.0.0.1:{}\n</Location>", relay.port());
    let host = format!("<VirtualHost 127.0.0.1:{port}>\nSubmissionEnable On\n{location}\n</VirtualHost>");
    let load = |builder: crate::support::httpd_config::Builder| builder.load("submission_module", &artifacts().module);
    let listen = |words: &str| load(Httpd::builder()).config(&format!("Listen 127.0.0.1:{port}{words}\n{host}"));
    let elsewhere = location.replace("\"/\"", "\"/x\"");
    let free = location.replace("Require local", "Require all granted");
    for (builder, words) in [
        (listen(""), "write Listen"),
        (listen(" http"), "write Listen"),
        (listen(" https"), "write Listen"),
        (listen(" smtp").config("AcceptFilter smtp data"), "write AcceptFilter smtp none"),
        (submission(Httpd::builder(), port, &free), "anybody could send"),
        (submission(Httpd::builder(), port, &elsewhere), "anybody could send"),
        (load(Httpd::builder()).config("SubmissionEnable On"), "put it into one"),
        (
            submission(Httpd::builder().without_mod_sendmail(), port, "<Location \"/\">\nRequire local\n</Location>"),
            "LoadModule sendmail_module",
        ),
        (load(Httpd::builder()).config("SubmissionTimeout command=never"), "'never' is not a time"),
        (load(Httpd::builder()).config("SubmissionTimeout data=3mi,Rate=5"), "'data=3mi,Rate=5' does not fit"),
        (load(Httpd::builder()).config("SubmissionTimeout 5mi"), "'5mi' does not fit"),
        (load(Httpd::builder()).config("SubmissionMaxConnections 0"), "'0' does not fit"),
        (load(Httpd::builder()).config("SubmissionMaxConnections 5 x"), "'5 x' does not fit"),
    ] {
        let test = builder.config_test();
        assert!(!test.passed && test.output.contains(words), "wanted {words}: {}", test.output);
    }
}

#[test]
fn a_program_that_reads_the_recipients_from_the_header_is_no_way_out() {
    let (sendmail, port) = (Sendmail::new(), free_port());
    let location = |arguments: &str| {
        let program = sendmail.program().display().to_string();
        format!("<Location \"/\">\nRequire local\nSendmailName \"{program}\"\n{arguments}\n</Location>")
    };
    let httpd =
        submission(Httpd::builder(), port, &location("SendmailArguments -i -f %{reqenv:SENDMAIL_FROM} --")).start();
    let mut dialogue = super::Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    assert!(dialogue.message().starts_with("250"), "{}", httpd.error_log());
    assert_eq!(sendmail.starts(), 1);
    drop(httpd);
    let port = free_port();
    let httpd = submission(Httpd::builder(), port, &location("")).start();
    super::Dialogue::connect(port).expect("421 4.3.2 This server is not set up");
    httpd.expect_log("SM0402: SMTP names the recipients itself");
    assert_eq!(sendmail.starts(), 1);
}
