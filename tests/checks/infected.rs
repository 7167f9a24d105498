//! An infected attachment, in every input format, with ClamAV as Debian ships it: refused with its text, or held for an administrator.

use super::hold::{files, place, sendmail_hold};
use super::only;
use super::real::{attachments, clamav_milter, clamd};
use crate::programs::{SECONDS, promised, steady};
use crate::relay::{relaying, to};
use crate::support::artifacts::artifacts;
use crate::support::place::free_port;
use crate::support::{Httpd, Mpm, Request, Sendmail, Smtp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

const HEADER: &str =
    "From: f@example.test\nTo: a@example.test\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n";
const WAYS: [&str; 5] = ["fields", "form", "mime", "resend", "smtp"];

/// Sends this multipart body; returns whether it was taken, and the answer.
fn send(httpd: &Httpd, port: u16, way: &str, path: &str, body: &str) -> (bool, String) {
    let response = match way {
        "fields" => {
            let request =
                Request::mail(path).without("Content-Type").header("Content-Type", "multipart/mixed; boundary=b");
            request.body(body).send(httpd)
        }
        "form" => {
            let content = content(body);
            let head = "--b\r\nContent-Disposition: form-data; name=text\r\n\r\nhello\r\n--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n";
            let form = [head.as_bytes(), &STANDARD.decode(content).unwrap(), b"\r\n--b--\r\n"].concat();
            let request = Request::post(path).header("Content-Type", "multipart/form-data; boundary=b");
            request.body(form).send(httpd)
        }
        "mime" => {
            let request = Request::post(path).header("Content-Type", "message/rfc822");
            request.body(format!("{HEADER}{body}")).send(httpd)
        }
        "resend" => {
            let content = content(body);
            let json = serde_json::json!({
                "from": "f@example.test", "to": "a@example.test", "subject": "a", "text": "hello",
                "attachments": [{ "filename": "a", "content": content }],
            });
            let request = Request::post(&format!("{path}/emails")).header("Content-Type", "application/json");
            request.body(json.to_string()).send(httpd)
        }
        _ => {
            let said = by_smtp(port, &format!("{HEADER}{body}"));
            return (said.starts_with("250 "), said);
        }
    };
    let taken = matches!(response.status, 200 | 202);
    assert!(taken || promised(&response) == 400, "{way}: {} {}", response.status, response.text());
    (taken, response.text())
}

/// The attachment, in base64.
fn content(body: &str) -> String {
    let content = body.rsplit("\n\n").next().unwrap().trim_end_matches("\n--b--\n");
    // If it is not in base64 there, the sender of JSON encodes it.
    if body.contains(": base64") { content.replace('\n', "") } else { STANDARD.encode(content) }
}

fn by_smtp(port: u16, message: &str) -> String {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
    let mut last = lines.next().unwrap().unwrap();
    let message = format!("{}.", message.replace('\n', "\r\n"));
    for line in ["HELO c.test", "MAIL FROM:<f@example.test>", "RCPT TO:<a@example.test>", "DATA", &message] {
        (&socket).write_all(format!("{line}\r\n").as_bytes()).unwrap();
        last = lines.next().unwrap().unwrap();
    }
    last
}

/// A location and an SMTP server with these checks.
fn server(port: u16, smtp: &Smtp, checks: &str) -> Httpd {
    let host = format!(
        "Listen 127.0.0.1:{port} smtp\nAcceptFilter smtp none\n<VirtualHost 127.0.0.1:{port}>\nServerName smtp.gateway.test\n\
         SubmissionEnable On\n<Location \"/\">\nRequire local\nSendmailRelay {}\n{checks}\n</Location>\n</VirtualHost>",
        to(smtp)
    );
    let builder = steady(Mpm::Event).load("submission_module", &artifacts().module).config(&host);
    relaying(builder, "/mail", &to(smtp), &format!("{checks}\nSendmailInputs fields form mime resend\nSendmailFormTo a@example.test\nSendmailFormFrom f@example.test\nSendmailFormFiles */*"))
        .start()
        .allowing("SM0814")
}

#[test]
fn an_infected_attachment_is_refused_whichever_way_it_comes_in() {
    let (Some(clamd), ports) = (clamd(), [free_port(), free_port(), free_port()]) else { return };
    let socket = clamd.path().join("socket");
    let on_infected = "OnInfected Reject\nRejectMsg \"virus %v found\"";
    let Some(_milter) = clamav_milter(&socket, ports[0], on_infected) else { return };
    let smtp = Smtp::start();
    for (check, port, words) in [
        (format!("SendmailMilter inet:127.0.0.1:{}", ports[0]), ports[1], "virus Test.Eicar.UNOFFICIAL found"),
        (format!("SendmailClamd unix:{}", socket.display()), ports[2], "found Test.Eicar.UNOFFICIAL"),
    ] {
        let httpd = server(port, &smtp, &format!("{check}\nSendmailErrorDetail on"));
        for way in WAYS {
            for (name, body, is_infected) in attachments() {
                let (taken, said) = send(&httpd, port, way, "/mail", &body);
                assert_eq!(taken, !is_infected, "{way} {name}: {said}");
                assert_eq!(said.contains(words), is_infected, "{way} {name}: {said}");
                assert_eq!(smtp.take().len(), usize::from(taken), "{way} {name}");
            }
        }
        httpd.expect_log("SM0215");
    }
}

#[test]
fn an_infected_message_is_kept_until_an_administrator_has_looked_at_it() {
    let (Some(clamd), ports) = (clamd(), [free_port(), free_port()]) else { return };
    let Some(_milter) = clamav_milter(&clamd.path().join("socket"), ports[0], "OnInfected Quarantine") else { return };
    let (smtp, (_place, folder), sendmail) = (Smtp::start(), place(), Sendmail::new());
    let checks = format!("SendmailMilter inet:127.0.0.1:{}\nSendmailHold \"{}\"", ports[0], folder.display());
    let httpd = server(ports[1], &smtp, &checks);
    let [_, (_, infected, _), _, (_, clean, _)] = &attachments()[..] else { panic!("four attachments") };
    assert!(send(&httpd, ports[1], "smtp", "/mail", clean).0);
    only(&smtp);
    for (number, way) in WAYS.into_iter().enumerate() {
        let (taken, said) = send(&httpd, ports[1], way, "/mail", infected);
        assert!(taken && smtp.take().is_empty() && files(&folder).len() == number + 1, "{way}: {said}");
    }
    let list: serde_json::Value = serde_json::from_str(&sendmail_hold(&folder, &["list", "--json"])).unwrap();
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|held| held["id"].as_str().unwrap()).collect();
    assert!(ids.len() == WAYS.len() && list.to_string().contains("quarantined by clamav-milter"), "{list}");
    let shown = sendmail_hold(&folder, &["show", ids[0]]);
    assert!(shown.contains("To: a@example.test\n"), "{shown}");
    assert_eq!(sendmail.starts(), 0, "nobody has released anything");
    let program = sendmail.program().display().to_string();
    assert_eq!(sendmail_hold(&folder, &["release", ids[0], "--", &program]), format!("{}: sent\n", ids[0]));
    let runs = sendmail.wait_for(1, SECONDS);
    assert_eq!(runs[0].arguments(), ["-i", "-f", "f@example.test", "--", "a@example.test"]);
    ids[1..].iter().for_each(|id| drop(sendmail_hold(&folder, &["drop", id])));
    assert!(files(&folder).is_empty() && smtp.take().is_empty());
    assert_eq!(sendmail.starts(), 1, "what was dropped is not sent");
}
