//! SendmailLogAddresses: every log line about a request, whoever wrote its text, shows no more of an address than the administrator wants.

use crate::relay::{relaying, to};
use crate::support::artifacts::artifacts;
use crate::support::place::free_port;
use crate::support::smtp::Act;
use crate::support::{Httpd, Request, Sendmail, Smtp};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// Every kind of log line with an address that a request can provoke: accepted, refused by us, by a program, by a relay; dry runs; hints at
/// trace2.
fn provoke(shown: &str) -> String {
    let (sendmail, smtp) = (Sendmail::new(), Smtp::start());
    let rule = format!("SendmailLogAddresses {shown}\nLogLevel sendmail:trace2");
    let complains = "#!/bin/sh\ncat > /dev/null\necho \"alice@example.test... User unknown\" >&2\n";
    let folder = crate::support::place::Place::new("complains");
    let program = folder.write("sendmail", format!("{complains}exit 67\n"));
    crate::support::place::mode(&program, 0o755);
    smtp.rule(".", Act::Say("250 2.0.0 queued for carol@elsewhere.test\r\n"));
    smtp.rule_about("RCPT", "alice@example.test", 1, Act::Say("550 5.1.1 <alice@example.test>: no such user\r\n"));
    let builder =
        Httpd::builder().mail(&sendmail, &format!("{rule}\nSendmailRecipients example.test\nSendmailDryRun request"));
    let builder = relaying(builder, "/relay", &to(&smtp), &rule);
    let location = format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"\n{rule}", program.display());
    // And those of SMTP.
    let port = free_port();
    let host = format!(
        "Listen 127.0.0.1:{port} smtp\nAcceptFilter smtp none\n<VirtualHost 127.0.0.1:{port}>\nServerName smtp.gateway.test\nSubmissionEnable On\n\
         <Location \"/\">\nRequire local\nSendmailRelay {}\n{rule}\n</Location>\n</VirtualHost>",
        to(&smtp)
    );
    let builder = builder.load("submission_module", &artifacts().module).config(&host);
    let httpd = builder.location("/program", &location).start();
    let mail = |path: &str, to: &str| {
        let request = Request::post(path).header("From", "bob@example.test").header("To", to);
        request.header("Message-ID", "<mark@id.test>").header("Content-Type", "text/plain").body("hi")
    };
    mail("/mail", "alice@example.test").send(&httpd).expect_status(202);
    mail("/mail", "alice@example.test").header("Prefer", "sendmail-dry-run").send(&httpd).expect_status(200);
    mail("/mail", "carol@elsewhere.test").send(&httpd).expect_status(403);
    mail("/mail", "carol@@elsewhere.test").send(&httpd).expect_status(400);
    mail("/relay", "alice@example.test").send(&httpd).expect_status(400);
    mail("/relay", "dave@example.test").send(&httpd).expect_status(202);
    mail("/program", "alice@example.test").send(&httpd).expect_status(502);
    by_smtp(port);
    for tag in ["SM0201", "SM0105", "SM0408", "SM0407"] {
        httpd.expect_log(tag);
    }
    let log = httpd.error_log();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("[sendmail:")).collect();
    for tag in ["SM0001", "SM0007", "SM0105", "SM0201", "SM0407", "SM0408"] {
        assert!(ours.iter().any(|line| line.contains(tag)), "{tag}: {log}");
    }
    assert!(ours.iter().any(|line| line.contains("id=<mark@id.test>")), "a message is found again: {log}");
    ours.join("\n").replace("<mark@id.test>", "")
}

/// An SMTP session with one message.
fn by_smtp(port: u16) {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut replies = BufReader::new(socket.try_clone().unwrap()).lines();
    let message = "From: erin@example.test\r\nTo: dave@example.test\r\nSubject: a\r\n\r\nhi\r\n.";
    let mut last = String::new();
    for line in ["", "HELO c.test", "MAIL FROM:<erin@example.test>", "RCPT TO:<dave@example.test>", "DATA", message] {
        if !line.is_empty() {
            (&socket).write_all(format!("{line}\r\n").as_bytes()).unwrap();
        }
        last = replies.next().unwrap().unwrap();
    }
    assert!(last.starts_with("250"), "{last}");
}

#[test]
fn the_log_shows_as_much_of_an_address_as_it_may() {
    let names = ["alice@", "bob@", "carol@", "erin@"];
    let full = provoke("full");
    for name in names {
        assert!(full.contains(name), "{name}: {full}");
    }
    let domain = provoke("domain");
    assert!(domain.contains("from=*@example.test") && domain.contains("*@elsewhere.test"), "{domain}");
    let none = provoke("none");
    assert!(none.contains("from=*"), "{none}");
    for name in names {
        assert!(!domain.contains(name), "{name}: {domain}");
        assert!(!none.contains(name), "{name}: {none}");
    }
    assert!(!none.contains("@example.test") && !none.contains("@elsewhere.test"), "{none}");
}
