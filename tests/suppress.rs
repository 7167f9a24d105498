//! SendmailSuppress: recipients that failed for good or complained are not written to, whichever way the message came in.

use crate::circle::Database;
use crate::support::place::free_port;
use crate::support::{Httpd, Postfix, Request, Sendmail, Smtp, skipped, within};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

const BAD: &str = "gone@x.example";

fn suppress(database: &Database, words: &[&str]) {
    assert!(database.processdsn().args(words).stdout(std::process::Stdio::null()).status().unwrap().success());
}

/// `/mail` with these settings, its recipients behind `--`.
fn server(database: &Database, sendmail: &Sendmail, settings: &str) -> Httpd {
    let text = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"\nSendmailArguments -i -f b@example.test --\n\
         SendmailInputs fields mime postmark resend\nSendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn\n{settings}",
        sendmail.program().display()
    );
    database.httpd().location("/mail", &text).start().allowing("SM0814")
}

fn mail(to: &str) -> Request {
    Request::mail("/mail").without("To").header("To", to)
}

#[test]
fn a_message_to_somebody_who_is_gone_is_refused_by_name_and_a_good_one_goes() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail, "SendmailSuppress refuse");
    mail(BAD).send(&httpd).expect_status(303);
    suppress(&database, &["--suppress", BAD]);
    httpd.expect_log("SM0223");
    let refused =
        mail("ann@x.example, Gone@X.example").header("Accept", "application/json").send(&httpd).expect_status(403);
    let problem: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!((&problem["tag"], problem["suppressed"].as_array().unwrap().len()), (&"SM0223".into(), 1), "{problem}");
    assert!(problem["detail"].as_str().unwrap().to_lowercase().contains(BAD), "{problem}");
    let hidden = Request::mail("/mail").header("Bcc", BAD).send(&httpd).expect_status(403);
    assert!(hidden.shows(BAD.as_bytes()) && !httpd.error_log().contains(BAD), "named to the client alone");
    mail("ann@x.example").send(&httpd).expect_status(303);
    suppress(&database, &["--unsuppress", BAD]);
    mail(BAD).header("Message-ID", "<again@x.example>").send(&httpd).expect_status(303);
    assert_eq!(sendmail.messages().len(), 3);
}

/// A request to this recipient.
type Way<'a> = &'a dyn Fn(&str) -> Request;

#[test]
fn whichever_way_a_message_comes_in_its_recipients_are_looked_for() {
    let (database, sendmail, relay, port) = (Database::new(), Sendmail::new(), Smtp::start(), free_port());
    let httpd = server(&database, &sendmail, "SendmailSuppress refuse");
    let json = |path: &str, key: &str, to: &str| {
        let body = format!(
            "{{\"{}\": \"me@x.example\", \"{key}\": \"{to}\", \"{}\": \"s\", \"{}\": \"t\"}}",
            if key == "To" { "From" } else { "from" },
            if key == "To" { "Subject" } else { "subject" },
            if key == "To" { "TextBody" } else { "text" }
        );
        Request::post(path).header("Content-Type", "application/json").body(body.into_bytes())
    };
    let whole = |to: &str| {
        Request::post("/mail")
            .header("Content-Type", "message/rfc822")
            .body(format!("From: me@x.example\r\nTo: {to}\r\nSubject: s\r\n\r\nt\r\n").into_bytes())
    };
    let ways: [(&str, Way<'_>, u16); 4] = [
        ("fields", &mail, 403),
        ("mime", &whole, 403),
        ("postmark", &|to| json("/mail/email", "To", to), 422),
        ("resend", &|to| json("/mail/emails", "to", to), 422),
    ];
    suppress(&database, &["--suppress", BAD]);
    httpd.expect_log("SM0223");
    for (name, way, status) in ways {
        let good = way("ann@x.example").send(&httpd);
        assert!(good.status < 400, "{name}: {}", good.text());
        let refused = way(BAD).send(&httpd).expect_status(status);
        match name {
            "postmark" => {
                let said: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
                assert_eq!(said["ErrorCode"], 406, "{said}");
                assert!(
                    said["Message"].as_str().unwrap().contains(&format!("Found inactive addresses: {BAD}.")),
                    "{said}"
                );
            }
            "resend" => {
                let said: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
                assert_eq!((&said["name"], &said["statusCode"]), (&"validation_error".into(), &422.into()), "{said}");
            }
            _ => assert!(refused.shows(BAD.as_bytes())),
        }
    }
    assert_eq!(sendmail.messages().len(), 4);
    drop(httpd);

    let host = format!(
        "Listen 127.0.0.1:{port} smtp\nAcceptFilter smtp none\n<VirtualHost 127.0.0.1:{port}>\nServerName smtp.gateway.test\nSubmissionEnable On\n\
         <Location \"/\">\nRequire local\nSendmailRelay 127.0.0.1:{}\nSendmailSuppress refuse\n</Location>\n</VirtualHost>",
        relay.port()
    );
    let httpd = database
        .httpd()
        .load("submission_module", &crate::support::artifacts::artifacts().module)
        .config(&host)
        .start();
    httpd.expect_log("SM0223");
    let send = |to: &str| {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut lines = BufReader::new(socket.try_clone().unwrap());
        let mut last = || loop {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        };
        last();
        let mut reply = String::new();
        for words in [
            "EHLO me".to_owned(),
            "MAIL FROM:<me@x.example>".into(),
            format!("RCPT TO:<{to}>"),
            "DATA".into(),
            format!("From: me@x.example\r\nTo: {to}\r\n\r\nt\r\n."),
        ] {
            socket.write_all(format!("{words}\r\n").as_bytes()).unwrap();
            reply = last();
        }
        reply
    };
    assert!(send("ann@x.example").starts_with("250"));
    let refused = send(BAD);
    assert!(refused.starts_with('5'), "{refused}");
    assert_eq!(relay.take().len(), 1);
}

#[test]
fn whom_a_name_stands_for_is_not_told() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail, &format!("SendmailSuppress refuse\nSendmailAlias sales {BAD}"));
    mail("sales").send(&httpd).expect_status(303);
    suppress(&database, &["--suppress", BAD]);
    httpd.expect_log("SM0223");
    let refused = mail("sales").header("Accept", "application/json").send(&httpd).expect_status(403);
    assert!(!refused.shows(b"gone") && refused.shows(b"a name of this server"), "{}", refused.text());
}

#[test]
fn the_others_get_it_and_the_one_who_is_gone_is_shown() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail, "SendmailSuppress drop");
    suppress(&database, &["--suppress", BAD]);
    let to = format!("ann@x.example, {BAD}");
    let sent = mail(&to).header("Message-ID", "<d@x.example>").send(&httpd).expect_status(303);
    assert!(sent.header("Location").unwrap().contains("d%40x.example"));
    let arguments = sendmail.take()[0].arguments();
    assert!(
        arguments.contains(&"ann@x.example".to_owned()) && !arguments.iter().any(|word| word.contains("gone")),
        "{arguments:?}"
    );
    let page = Request::get("/dsn/d%40x.example/").header("Accept", "application/json").send(&httpd).expect_status(200);
    let page: serde_json::Value = serde_json::from_slice(&page.body).unwrap();
    let states: Vec<_> = page["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["address"].as_str(), one["state"].as_str()))
        .collect();
    assert_eq!(states, [(Some("ann@x.example"), Some("queued")), (Some(BAD), Some("suppressed"))]);
    let body = format!("{{\"From\": \"me@x.example\", \"To\": \"{to}\", \"Subject\": \"s\", \"TextBody\": \"t\"}}");
    let postmark = Request::post("/mail/email").header("Content-Type", "application/json").body(body.into_bytes());
    let said = postmark.send(&httpd).expect_status(200);
    assert!(
        said.shows(format!("will not deliver to these inactive addresses: {BAD}. Inactive").as_bytes()),
        "{}",
        said.text()
    );

    httpd.expect_log("SM0223");
    mail(BAD).send(&httpd).expect_status(403);
    httpd.expect_log("SM0109");
    suppress(&database, &["--unsuppress", BAD]);
    mail(&to).header("Message-ID", "<d@x.example>").send(&httpd).expect_status(409);
    assert_eq!(sendmail.messages().len(), 1, "the same message is not sent again");
}

#[test]
fn who_is_read_from_the_header_cannot_be_left_out() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail, "SendmailSuppress drop\nSendmailArguments -t -i");
    suppress(&database, &["--suppress", BAD]);
    mail("ann@x.example").send(&httpd).expect_status(303);
    httpd.expect_log("SM0223");
    mail(&format!("ann@x.example, {BAD}")).send(&httpd).expect_status(403);
    assert_eq!(sendmail.messages().len(), 1);
}

#[test]
fn a_warning_lets_a_message_go_and_so_does_a_database_that_is_down() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = server(&database, &sendmail, "SendmailSuppress warn");
    suppress(&database, &["--suppress", BAD]);
    httpd.expect_log("SM0224");
    mail(BAD).send(&httpd).expect_status(303);
    drop(httpd);
    let httpd = server(&database, &sendmail, "SendmailSuppress refuse");
    httpd.expect_log("SM0223");
    mail(BAD).send(&httpd).expect_status(403);
    database.run_sql("DROP TABLE suppression");
    httpd.expect_log("SM0501");
    mail(BAD).send(&httpd).expect_status(303);
    assert_eq!(sendmail.messages().len(), 2);
}

#[test]
fn a_message_that_was_sent_before_is_answered_as_then() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let keys = database.file().with_file_name("keys");
    std::fs::create_dir_all(&keys).unwrap();
    crate::support::place::mode(&keys, 0o777);
    let httpd =
        server(&database, &sendmail, &format!("SendmailSuppress refuse\nSendmailIdempotency \"{}\"", keys.display()));
    let first = mail(BAD).header("Idempotency-Key", "k1").send(&httpd).expect_status(303);
    suppress(&database, &["--suppress", BAD]);
    let again = mail(BAD).header("Idempotency-Key", "k1").send(&httpd).expect_status(303);
    assert_eq!(first.message_id(), again.message_id());
    httpd.expect_log("SM0223");
    mail(BAD).header("Idempotency-Key", "k2").send(&httpd).expect_status(403);
    suppress(&database, &["--unsuppress", BAD]);
    mail(BAD).header("Idempotency-Key", "k2").send(&httpd).expect_status(303); // a refusal frees its key
    assert_eq!(sendmail.messages().len(), 2);
}

#[test]
fn what_postfix_gave_up_is_not_written_to_again_and_what_it_defers_is() {
    let database = Database::new();
    let Some(postfix) = Postfix::start_reporting(&database.command()) else { return skipped("Postfix needs root") };
    let text = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailRelay 127.0.0.1:{}\n\
         SendmailRelayFrom bounces+%{{reqenv:SENDMAIL_TOKEN}}@test.local\nSendmailRelayDSN success failure delay RET=hdrs\n\
         SendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn\nSendmailSuppress refuse",
        postfix.port()
    );
    let program = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"\n\
         SendmailArguments -t -i -f bounces+%{{reqenv:SENDMAIL_TOKEN}}@test.local -N delay,failure,success -V %{{reqenv:SENDMAIL_ENVID}}\n\
         SendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn\nSendmailSuppress refuse",
        postfix.sendmail().display()
    );
    let httpd = database.httpd().location("/mail", &text).location("/program", &program).start();
    let post = |to: &str| mail(to).send(&httpd);
    let by_sendmail = |path: &str, to: &str| Request::mail(path).without("To").header("To", to);
    let wait = |location: &str, state: &str| {
        let path = location.split_once("/dsn").map(|(_, rest)| format!("/dsn{rest}")).unwrap();
        let found = within(Duration::from_secs(15), || {
            let answer = Request::get(&path).header("Accept", "application/json").send(&httpd);
            let page: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
            (page["recipients"][0]["state"] == state).then(|| page["recipients"][0].clone())
        });
        found.unwrap_or_else(|| panic!("{path} is not {state}"))
    };
    // Postfix takes what sendmail gives it, finds out and reports; it tells a relay's client at once.
    let failed = by_sendmail("/program", "nobody-here@test.local").send(&httpd).expect_status(303);
    let delayed = post("slow@closed.test").expect_status(303);
    let nobody = wait(failed.header("Location").unwrap(), "failed");
    assert_eq!((&nobody["reason"], &nobody["verified"]), (&"userunknown".into(), &true.into()), "{nobody}");
    httpd.expect_log("SM0408");
    post("not-there@test.local").expect_status(400);
    httpd.expect_log("SM0223");
    for gone in ["nobody-here@test.local", "not-there@test.local"] {
        post(gone).expect_status(403);
        by_sendmail("/program", gone).send(&httpd).expect_status(403);
    }
    let slow = wait(delayed.header("Location").unwrap(), "delayed");
    assert!(slow["reason"].is_string(), "{slow}");
    post("slow@closed.test").expect_status(303);
    let alice = post("alice@test.local").expect_status(303);
    wait(alice.header("Location").unwrap(), "delivered");
    let listed = database.processdsn().arg("--suppressions").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let split = |line: &str| line.split_once("\tfailed\tuserunknown\t").map(|(address, _)| address.to_owned());
    let addresses: Vec<_> = listed.lines().map(split).collect();
    let expected = ["nobody-here@test.local", "not-there@test.local"].map(|address| Some(address.to_owned()));
    assert_eq!(addresses, expected, "{listed}");
}
