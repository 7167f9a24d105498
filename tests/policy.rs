//! What the configuration allows, on the wire: recipients, senders, arguments, environment, fields, trace.

use crate::support::oracle::{self, Parsed};
use crate::support::{Httpd, Recorded, Request, Sendmail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// `alice:secret` and `bob@example.org:secret`.
const LOGIN: &str = "AuthType Basic\nAuthName mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user";
const ALICE: &str = "Basic YWxpY2U6c2VjcmV0";

/// A server whose `/mail` has these settings.
fn server(sendmail: &Sendmail, settings: &str) -> Httpd {
    let builder = Httpd::builder().modules(&["headers", "auth_basic", "authn_file"]);
    std::fs::write(builder.root().join("users"), "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    let name = sendmail.program().display().to_string();
    let access = if settings.contains("Require ") { "" } else { "Require ip 127.0.0.1" };
    builder.location("/mail", &format!("SetHandler sendmail\nSendmailName \"{name}\"\n{access}\n{settings}")).start()
}

fn only(sendmail: &Sendmail) -> Recorded {
    let [message]: [Recorded; 1] = sendmail.take().try_into().ok().expect("one message");
    message
}

fn read(message: &Recorded) -> Parsed {
    oracle::read_file(&message.file)
}

fn addresses(parsed: &Parsed, field: &str) -> Vec<String> {
    parsed.mailboxes(field).into_iter().map(|mailbox| mailbox.address).collect()
}

#[test]
fn nobody_gets_a_message_that_one_may_not_get() {
    let sendmail = Sendmail::new();
    let httpd = server(&sendmail, "SendmailRecipients boss@example.org example.net .example.com");
    for (to, cc, accepted) in [
        ("boss@example.org", "", true),
        ("BOSS@example.org, x@example.net", "y@sub.example.com", true),
        ("boss@example.org", "other@example.org", false),
        ("x@example.net", "x@sub.example.net", false),
        ("y@example.com", "", false),
        ("y@notexample.com", "", false),
        ("x@example.net.evil.test", "", false),
        ("root", "", false),
        ("G: boss@example.org, x@evil.test;", "", false),
        ("\"boss@example.org\" <x@evil.test>", "", false),
    ] {
        for field in ["Cc", "Bcc"] {
            let mut request = Request::mail("/mail").without("To").header("To", to);
            if !cc.is_empty() {
                request = request.header(field, cc);
            }
            let answer = request.send(&httpd);
            assert_eq!(answer.status, if accepted { 202 } else { 403 }, "{to} {cc}: {}", answer.text());
            assert!(accepted || answer.text().contains("is not allowed here"), "{}", answer.text());
            assert_eq!((sendmail.commits(), sendmail.starts()), if accepted { (1, 1) } else { (0, 0) }, "{to} {cc}");
            if accepted {
                sendmail.take();
                std::fs::remove_file(sendmail.folder().join("COMMITS")).unwrap();
            }
        }
    }
    assert!(!httpd.error_log().contains("evil.test"), "recipients are no matter of the log");
    httpd.expect_log("SM0201");
}

#[test]
fn every_address_is_judged_whatever_the_arguments_say() {
    let sendmail = Sendmail::new();
    let rows = [
        "-t -i",
        "-i --",
        "-tiv",
        "-vt -i",
        "--read-recipients",
        "-itf x@example.org",
        "-i",
        "-i boss@example.org",
        "-i -- boss@example.org",
        "--number 1",
    ];
    let sections = rows
        .iter()
        .enumerate()
        .map(|(i, words)| format!("<Location /mail/{i}>\nSendmailArguments {words}\n</Location>\n"));
    let builder = Httpd::builder().mail(&sendmail, "SendmailRecipients example.org");
    let httpd = builder.config(&sections.collect::<String>()).start();
    for (i, words) in rows.iter().enumerate() {
        for field in ["To", "Cc", "Bcc"] {
            let mail = Request::mail(&format!("/mail/{i}")).without("To").header("X-Other", "1");
            mail.clone().header(field, "boss@example.org").send(&httpd).expect_status(202);
            assert_eq!(sendmail.take().len(), 1, "{words}");
            let answer = mail.header(field, "boss@example.org, x@evil.test").send(&httpd);
            assert_eq!((answer.status, sendmail.starts()), (403, 0), "{words} {field}: {}", answer.text());
        }
    }
    httpd.expect_log("SM0201");
    httpd.allow_log("SM0804");
}

/// Bcc stays only for a program that reads the header; such a program needs a recipient there.
#[test]
fn the_option_that_reads_the_header_is_known_in_every_spelling() {
    let sendmail = Sendmail::new();
    let rows = [
        ("-t -i", true),
        ("-tiv", true),
        ("-vt -i", true),
        ("--read-recipients", true),
        ("-itf x@example.org", true),
        ("-i -f -t", false),
        ("-i -- -t", false),
        ("-ft -i", false),
    ];
    let sections = rows
        .iter()
        .enumerate()
        .map(|(i, (words, _))| format!("<Location /mail/{i}>\nSendmailArguments {words}\n</Location>\n"));
    let httpd = Httpd::builder().mail(&sendmail, "").config(&sections.collect::<String>()).start();
    for (i, (words, reads)) in rows.iter().enumerate() {
        let mail = Request::mail(&format!("/mail/{i}"));
        mail.clone().header("Bcc", "secret@example.test").send(&httpd).expect_status(202);
        assert_eq!(read(&only_recorded(&sendmail)).field("Bcc").is_some(), *reads, "{words}");
        sendmail.take();
        let answer = mail.without("To").send(&httpd);
        assert_eq!(answer.status, if *reads { 400 } else { 202 }, "{words}: {}", answer.text());
        sendmail.take();
    }
    httpd.expect_log("SM0105");
    httpd.allow_log("SM0804");
}

#[test]
fn recipients_of_all_three_fields_count_together() {
    let sendmail = Sendmail::new();
    let httpd = server(&sendmail, "SendmailMaxRecipients 5");
    let list = |from: usize, to: usize| (from..to).map(|i| format!("u{i}@example.test")).collect::<Vec<_>>().join(", ");
    for (count, status) in [(5, 202), (6, 400)] {
        let request = Request::mail("/mail").without("To").header("To", list(0, 2)).header("Cc", list(2, 4));
        let answer = request.header("Bcc", list(4, count)).send(&httpd).expect_status(status);
        assert_eq!(sendmail.take().len(), usize::from(status == 202));
        assert!(status == 202 || answer.text().contains("6 recipients are more than the 5"), "{}", answer.text());
    }
    httpd.expect_log("SM0105");
}

#[test]
fn who_has_logged_in_is_the_sender_whatever_the_request_says() {
    let sendmail = Sendmail::new();
    let settings = "SendmailSenderMail REMOTE_USER\nSendmailDomain example.test\nSendmailSenderName \"%{reqenv:NAME}\"\n\
                    SetEnv NAME \"Alice, \\\"A\\\" <z@evil.test>\"\nSendmailArguments -t -i -f %{reqenv:SENDMAIL_FROM}";
    let httpd = server(&sendmail, &format!("{LOGIN}\n{settings}"));
    let mail = Request::mail("/mail").header("Authorization", ALICE);
    for (from, reply_to, expected) in [
        ("ceo@example.test", None, Some("ceo@example.test")),
        ("ceo@example.test", Some("desk@example.test"), Some("desk@example.test")),
        ("alice@example.test", None, None),
    ] {
        let mut request = mail.clone().without("From").header("From", from).header("Sender", "ceo@example.test");
        request = request.header("Author", "ceo@example.test");
        if let Some(reply_to) = reply_to {
            request = request.header("Reply-To", reply_to);
        }
        request.send(&httpd).expect_status(202);
        let message = only_recorded(&sendmail);
        let parsed = read(&message);
        assert_eq!(parsed.mailboxes("From")[0].name, "Alice, \"A\" <z@evil.test>");
        assert_eq!(addresses(&parsed, "From"), ["alice@example.test"]);
        assert_eq!(addresses(&parsed, "Reply-To"), expected.into_iter().collect::<Vec<_>>());
        assert_eq!((parsed.field("Sender"), parsed.field("Author")), (None, None));
        assert_eq!(message.arguments(), ["-t", "-i", "-f", "alice@example.test"]);
        sendmail.take();
    }
    mail.without("Authorization").send(&httpd).expect_status(401);
    assert_eq!(sendmail.starts(), 0);
}

/// Like [`only`], but not forgotten yet, so that its file can be read.
fn only_recorded(sendmail: &Sendmail) -> Recorded {
    let messages = sendmail.messages();
    assert_eq!(messages.len(), 1);
    messages.into_iter().next().expect("counted")
}

#[test]
fn a_sender_that_is_not_one_address_sends_nothing() {
    let sendmail = Sendmail::new();
    for (value, client, expected) in [
        ("alice@example.test", "f@example.test", Some("alice@example.test")),
        ("a@example.test; b@example.test", "b@example.test", Some("b@example.test")),
        ("a@example.test; b@example.test", "ceo@example.test", Some("a@example.test")),
        ("alice", "f@example.test", None),
        ("a@x.test, b@y.test", "f@example.test", None),
        ("a@x.test; \\\"b\\\"@y.test", "f@example.test", None),
        ("-oQ/tmp@x.test", "f@example.test", None),
        ("Alice <a@x.test>", "f@example.test", None),
        ("", "f@example.test", None),
    ] {
        let settings = format!("SendmailSenderMail AUTHENTICATE_MAIL\nSetEnv AUTHENTICATE_MAIL \"{value}\"");
        let httpd = server(&sendmail, &format!("{settings}\nSendmailArguments -t -i -f %{{reqenv:SENDMAIL_FROM}}"));
        let answer = Request::mail("/mail").without("From").header("From", client).send(&httpd);
        match expected {
            Some(expected) => {
                assert_eq!(answer.status, 202, "{value}: {}", answer.text());
                assert_eq!(addresses(&read(&only_recorded(&sendmail)), "From"), [expected]);
                sendmail.take();
            }
            None => {
                assert_eq!(answer.status, 403, "{value}: {}", answer.text());
                assert!(!answer.shows(b"AUTHENTICATE_MAIL") && sendmail.starts() == 0);
                assert!(
                    httpd.error_log().contains("SendmailSenderMail AUTHENTICATE_MAIL"),
                    "the log names the variable"
                );
                httpd.expect_log("SM0202");
            }
        }
    }
}

#[test]
fn the_environment_of_the_program_is_the_fixed_one_and_what_is_listed() {
    let sendmail = Sendmail::new();
    let settings = "SendmailEnv ONE=1 \"TWO=two words\"\nSendmailEnv INHERITED ABSENT EMPTY=\nSetEnv REQUEST_ONLY 1\nSetEnv ABSENT no\n\
                    SetEnvIf X-Evil (.+) EVIL=$1";
    let builder = Httpd::builder().environment("INHERITED", "yes").environment("LD_PRELOAD_NOT", "no");
    let httpd = builder.environment("TZ", "Europe/Berlin").mail(&sendmail, settings).start();
    let evil = [("X-Evil", "1"), ("Proxy", "http://evil.test/"), ("LD_PRELOAD", "/evil.so"), ("INHERITED", "request")];
    evil.iter()
        .fold(Request::mail("/mail"), |request, (name, value)| request.header(name, value))
        .send(&httpd)
        .expect_status(202);
    let message = only(&sendmail);
    let mut names: Vec<String> =
        message.environ.iter().map(|each| String::from_utf8_lossy(each).into_owned()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "EMPTY=",
            "INHERITED=yes",
            "LANG=C",
            "ONE=1",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin",
            "TWO=two words",
            "TZ=Europe/Berlin"
        ]
    );
}

#[test]
fn a_value_of_the_request_becomes_one_argument_or_a_refusal() {
    let sendmail = Sendmail::new();
    let own = ["-f", "a@example.test"];
    let long = "a".repeat(317);
    let quoted = ["-F", "a \"b\" c", "-F", "d 'e' \\ \"f", "-F", "g\\h", "-F", "", "-F", "x"];
    let (longest, too_long) = (format!("-oK{long}"), "a".repeat(318));
    let rows = [
        ("-oK%{HTTP:X-V}", &*long, Some(&[&*longest][..])),
        ("-oK%{HTTP:X-V}", &*too_long, None),
        ("-f %{HTTP:X-V}", "a@example.test", Some(&own[..])),
        ("-f %{HTTP:X-V}", "-bd", None),
        ("-f %{HTTP:X-V}", "a@example.test b@example.test", None),
        ("-f %{HTTP:X-V}", "a@example.test,b@example.test", None),
        ("-f %{HTTP:X-V}", "\"a b\"@example.test", None),
        ("-f %{HTTP:X-V}", "", None),
        ("-f%{HTTP:X-V}", "-oQ/tmp", None),
        ("-f%{HTTP:X-V}", "a@example.test", Some(&["-fa@example.test"][..])),
        ("\"-oK %{HTTP:X-V}\"", "two words; $(id)", Some(&["-oK two words; $(id)"][..])),
        ("-f bounces+%{HTTP:X-V}@example.test", "tok", Some(&["-f", "bounces+tok@example.test"][..])),
        ("-f bounces+%{HTTP:X-V}@example.test", "a@evil.test", None),
        ("%{HTTP:X-V}", "-X/var/www/x.php", None),
        ("-F %{tolower:%{HTTP:X-V}}", "LOUD", Some(&["-F", "loud"][..])),
        ("-F 'a \"b\" c' -F \"d 'e' \\\\ \\\"f\" -F g\\\\h -F \"\" -F x", "", Some(&quoted)),
        ("-tif %{HTTP:X-V}", "a@evil.test", Some(&["-tif", "a@evil.test"][..])),
        ("-a %{HTTP:X-V} -p %{HTTP:X-V} -t", "work", Some(&["-a", "work", "-p", "work", "-t"][..])),
        ("%{HTTP:X-V}", "ok@example.org", Some(&["ok@example.org"][..])),
        ("u%{HTTP:X-V}@example.org", "1", Some(&["u1@example.org"][..])),
        ("u%{HTTP:X-V}", "@evil.test", None),
        ("%{HTTP:X-V}", "a@evil.test", None),
        ("%{HTTP:X-V}", "root", None),
        ("-q %{HTTP:X-V}", "a@evil.test", None),
        ("--number %{HTTP:X-V}", "a@evil.test", None),
        ("--number=%{HTTP:X-V}", "4711", Some(&["--number=4711"][..])),
        ("boss@example.org -f %{HTTP:X-V}", "a@evil.test", None),
        ("boss@example.org -f%{HTTP:X-V}", "a@evil.test", None),
        ("-- %{HTTP:X-V}", "ok@example.org", Some(&["--", "ok@example.org"][..])),
        ("-- %{HTTP:X-V}", "a@evil.test", None),
        ("-- %{HTTP:X-V}", "ok@example.org z@example.org", None),
        ("-- %{HTTP:X-V}", "root", None),
        ("-- fixed@example.org", "-x", Some(&["--", "fixed@example.org"][..])),
        ("--", "", Some(&["--", "to@example.org"][..])),
    ];
    let sections = rows
        .iter()
        .enumerate()
        .map(|(i, (words, ..))| format!("<Location /mail/{i}>\nSendmailArguments -i {words}\n</Location>\n"));
    let builder = Httpd::builder().mail(&sendmail, "SendmailRecipients example.org");
    let httpd = builder.config(&sections.collect::<String>()).start();
    for (i, (words, value, expected)) in rows.iter().enumerate() {
        let request = Request::mail(&format!("/mail/{i}")).without("To").header("To", "to@example.org");
        let answer = request.header("X-V", value).send(&httpd);
        let recorded = sendmail.take();
        match expected {
            Some(expected) => {
                assert_eq!(answer.status, 202, "{words} {value}: {}", answer.text());
                assert_eq!(recorded[0].arguments(), [&["-i"], *expected].concat(), "{words} {value}");
            }
            None => {
                assert!(answer.status == 403 && recorded.is_empty(), "{words} {value}: {answer:?}");
                // The client is told a disallowed recipient, but not an invalid value.
                let named = answer.text().contains("is not allowed here");
                assert!(named || value.is_empty() || !answer.shows(value.as_bytes()), "{answer:?}");
            }
        }
    }
    httpd.expect_log("SM0201");
    httpd.expect_log("SM0203");
    httpd.allow_log("SM0804");
}

#[test]
fn a_word_that_may_be_a_recipient_is_one_address() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "SendmailArguments -i \"%{HTTP:X-To}\"").start();
    for (value, status) in [
        ("alice@example.org", 202),
        ("alice", 202),
        ("alice,bob", 403),
        ("alice bob", 403),
        ("alice@example.org,bob@example.org", 403),
        ("|/bin/id", 403),
        ("\"|/bin/id\"", 403),
        (":include:/etc/passwd", 403),
        ("/etc/passwd", 403),
        ("\\\\root", 403),
        ("a@127.0.0.1", 403),
        ("a@[127.0.0.1]", 403),
        ("", 403),
    ] {
        let answer = Request::mail("/mail").header("X-To", value).send(&httpd);
        assert_eq!(answer.status, status, "{value}: {}", answer.text());
        assert_eq!(sendmail.take().len(), usize::from(status == 202), "{value}");
    }
    httpd.expect_log("SM0203");
}

/// A user with such a name must not look like another user in the log, nor like a redirected message.
#[test]
fn a_name_is_one_value_in_the_log() {
    let sendmail = Sendmail::new();
    let name = "eve redirected=yes reply=\"250 Ok\"";
    let builder = Httpd::builder().modules(&["auth_basic", "authn_file"]);
    std::fs::write(builder.root().join("users"), format!("{name}:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")).unwrap();
    let program = sendmail.program().display().to_string();
    let settings = format!("SetHandler sendmail\nSendmailName \"{program}\"\n{LOGIN}");
    let dry = format!("{settings}\nSendmailDryRun on");
    let httpd = builder.location("/mail", &settings).location("/dry", &dry).start();
    let login = format!("Basic {}", STANDARD.encode(format!("{name}:secret")));
    for (path, status) in [("/mail", 202), ("/dry", 200)] {
        Request::mail(path).header("Authorization", &login).send(&httpd).expect_status(status);
        let log = httpd.error_log();
        let line = log.lines().rfind(|line| line.contains("SM000")).unwrap();
        assert!(line.contains(" user=\"eve redirected=yes reply=\\\\u{22}250 Ok\\\\u{22}\""), "{line}");
        assert!(!line.replace("user=\"eve redirected=yes reply=", "").contains("redirected="), "{line}");
    }
    assert_eq!(sendmail.take().len(), 1);
}

#[test]
fn only_the_fields_that_may_pass_do() {
    let sendmail = Sendmail::new();
    let sent = [
        ("X-Keep", "1"),
        ("X-Drop", "1"),
        ("User-Agent", "me"),
        ("Cookie", "SECRET"),
        ("X-Api-Key", "SECRET"),
        ("X-Auth-Request-User", "SECRET"),
        ("X-SMTPAPI", "{\"to\":[\"z@example.test\"]}"),
        ("Reply-To", "r@example.test"),
        ("Content-Language", "en"),
    ];
    for (settings, passing) in [
        ("", &["X-Keep", "X-Drop", "Reply-To", "Content-Language"][..]),
        ("SendmailStripHeaders +X-Drop -User-Agent", &["X-Keep", "User-Agent", "Reply-To", "Content-Language"][..]),
        ("SendmailStripHeaders +X-* +Content-Language", &["Reply-To"][..]),
        (
            "SendmailStripHeaders -*",
            &[
                "X-Keep",
                "X-Drop",
                "User-Agent",
                "X-Api-Key",
                "X-Auth-Request-User",
                "X-SMTPAPI",
                "Reply-To",
                "Content-Language",
            ][..],
        ),
        ("SendmailPassHeaders From To Reply-To Subject", &["Reply-To"][..]),
        ("SendmailPassHeaders From To X-*", &["X-Keep", "X-Drop"][..]),
        (
            "SendmailPassHeaders *\nSendmailStripHeaders -X-Api-Key -X-SMTPAPI",
            &["X-Keep", "X-Drop", "X-Api-Key", "X-SMTPAPI", "Reply-To", "Content-Language"][..],
        ),
    ] {
        let httpd = server(&sendmail, settings);
        let request = sent.iter().fold(Request::mail("/mail"), |request, (name, value)| request.header(name, value));
        request.send(&httpd).expect_status(202);
        let parsed = read(&only_recorded(&sendmail));
        for (name, _) in sent {
            assert_eq!(
                parsed.field(name).is_some(),
                passing.contains(&name),
                "{settings}: {name} {:?}",
                parsed.names()
            );
        }
        assert_eq!(parsed.fields("Content-Type").len(), 1, "always, and ours where the client's may not pass");
        sendmail.take();
    }
}

/// A contact form is a form, whichever of its fields may pass.
#[test]
fn a_form_is_refused_also_where_its_type_does_not_pass() {
    let sendmail = Sendmail::new();
    let httpd = server(
        &sendmail,
        "SendmailPassHeaders From Reply-To Subject\nRequestHeader set To desk@example.test\nSendmailArguments -i desk@example.test",
    );
    let post = Request::mail("/mail").without("Content-Type");
    for (content_type, status) in [
        ("text/plain", 202),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=b", 415),
        ("message/partial; id=x", 415),
    ] {
        post.clone().header("Content-Type", content_type).send(&httpd).expect_status(status);
        assert_eq!(sendmail.take().len(), usize::from(status == 202), "{content_type}");
    }
    httpd.expect_log("SM0103");
}

#[test]
fn the_trace_says_as_much_as_it_may() {
    let sendmail = Sendmail::new();
    for (level, client, user, present) in [
        ("full", true, true, true),
        ("client", true, false, true),
        ("anonymous", false, false, true),
        ("off", false, false, false),
    ] {
        let httpd = server(&sendmail, &format!("{LOGIN}\nSendmailReceived {level}"));
        let mail = Request::mail("/mail").header("Authorization", ALICE).header("Received", "from evil.test by x; now");
        mail.send(&httpd).expect_status(202);
        let parsed = read(&only_recorded(&sendmail));
        let received = parsed.fields("Received");
        assert_eq!(received.len(), usize::from(present), "{level}");
        let trace = received.concat();
        assert_eq!((trace.contains("127.0.0.1"), trace.contains("alice")), (client, user), "{level}: {trace}");
        assert!(
            !trace.contains("evil.test") && (!present || trace.contains("by gateway.test with HTTP id ")),
            "{trace}"
        );
        sendmail.take();
    }
}

/// ServerName is in the administrator's spelling; a mail needs ASCII, without a final dot (RFC 5321 2.3.5).
#[test]
fn the_trace_and_the_message_id_name_the_server_in_ascii() {
    let sendmail = Sendmail::new();
    for (name, by, right) in [
        ("Gateway.Example", "gateway.example", "gateway.example"),
        ("gateway.example.", "gateway.example", "gateway.example"),
        ("m\u{fc}ller.example", "xn--mller-kva.example", "xn--mller-kva.example"),
        ("under_score.example", "[127.0.0.1]", "localhost.localdomain"),
        ("192.0.2.1", "[192.0.2.1]", "localhost.localdomain"),
    ] {
        let httpd = Httpd::builder().virtual_host(name, "").mail(&sendmail, "").start();
        let page = |host: &str| Request::mail("/mail").header("Host", host).header("Origin", format!("http://{host}"));
        let answer = page(by.trim_matches(['[', ']'])).send(&httpd).expect_status(202);
        let message = only_recorded(&sendmail);
        let trace = read(&message).fields("Received").concat();
        assert!(message.text().is_ascii() && trace.contains(&format!("by {by} with HTTP id ")), "{name}: {trace}");
        assert!(answer.message_id().ends_with(&format!("@{right}")), "{name}: {}", answer.message_id());
        sendmail.take();
    }
}
