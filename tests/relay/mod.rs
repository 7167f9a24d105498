//! SendmailRelay through a real httpd: messages arrive at a mail server as at a program, one connection carries many, and each mistake of a
//! mail server gets the answer in the manual's table.

mod connections;
mod extensions;
mod lookup;
mod misbehave;
mod postfix;
mod settings;
mod starttls;
mod tls;

use crate::posts::row::Post;
use crate::posts::table;
use crate::programs::{promised, steady};
use crate::support::httpd_config::Builder;
use crate::support::place::Place;
use crate::support::smtp::Taken;
use crate::support::{Mpm, Request, Response, Smtp, oracle};

/// A location whose messages go to this server.
pub(crate) fn relaying(builder: Builder, path: &str, url: &str, text: &str) -> Builder {
    builder.location(path, &format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailRelay \"{url}\"\n{text}"))
}

pub(crate) fn to(smtp: &Smtp) -> String {
    format!("127.0.0.1:{}", smtp.port())
}

/// With LF; every line must have come with CRLF.
#[track_caller]
fn unwired(taken: &Taken) -> Vec<u8> {
    let text = taken.octets.clone();
    let bare = text.iter().enumerate().filter(|(at, byte)| **byte == b'\n' && (*at == 0 || text[at - 1] != b'\r'));
    assert_eq!(bare.count(), 0, "a LF without CR");
    text.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect::<Vec<_>>()
        .join(&b'\n')
}

#[test]
fn every_post_arrives_at_a_relay_as_it_was_sent() {
    let smtp = Smtp::start();
    smtp.offer_no("SIZE");
    smtp.offer(&["SIZE 0"]);
    every_post_arrives(&smtp, true);
}

/// RFC 6152 3: 8-bit parts are encoded, and keep the client's types and boundaries.
#[test]
fn every_post_arrives_at_a_relay_without_8bitmime() {
    let smtp = Smtp::start();
    smtp.offer_no("SIZE");
    smtp.offer_no("8BITMIME");
    smtp.offer(&["SIZE 0"]);
    every_post_arrives(&smtp, false);
}

fn every_post_arrives(smtp: &Smtp, offers_eight_bit: bool) {
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(smtp), "SendmailDomain example.test").start();
    let folder = Place::new("relay");
    let rows = table::rows();
    assert!(rows.len() >= 65, "only {} rows", rows.len());
    let mut faults = Vec::new();
    // Send all of them first: while a message of 25 MB is checked, an idle connection becomes too old.
    let send = |row: &Post| {
        let request = row.request();
        let request = match request.has_field("From") {
            true => request,
            false => request.header("From", "f@example.test"), // a relay adds none
        };
        (request.send(&httpd), smtp.take())
    };
    let sent: Vec<(Response, Vec<Taken>)> = rows.iter().map(send).collect();
    for (row, (response, taken)) in rows.iter().zip(sent) {
        let [message] = taken.as_slice() else {
            faults.push(format!("{}: {} {} messages, {}", row.name, response.status, taken.len(), response.text()));
            continue;
        };
        let octets = unwired(message);
        let parsed = oracle::read_file(&folder.write("message", &octets));
        let mut found = row.faults(&parsed, &String::from_utf8_lossy(&octets));
        found.extend(parsed.wire_faults());
        if promised(&response) != 202 || !message.accepted || parsed.field("Bcc").is_some() {
            found.push(format!("{} accepted {}", response.status, message.accepted));
        }
        let eight_bit = !message.octets.is_ascii();
        if message.mail.contains("BODY=8BITMIME") != eight_bit {
            found.push(format!("{} for 8-bit {eight_bit}", message.mail));
        }
        if eight_bit && !offers_eight_bit {
            found.push("8-bit, which was not offered".to_owned());
        }
        let size = format!("SIZE={}", message.octets.len());
        if !message.mail.split(' ').any(|word| word == size) {
            found.push(format!("{} for {size}", message.mail));
        }
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", row.name)));
    }
    // The table's rows on Bcc expect what a program with -t gets.
    faults.retain(|fault| !fault.contains("Bcc: read"));
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows.len(), faults.join("\n"));
    let connections = smtp.connections(); // one, unless half a minute passes between two on a busy machine
    assert!(connections < rows.len() / 10, "{connections} connections");
}

#[test]
fn the_envelope_is_the_header_and_bcc_is_only_there() {
    let smtp = Smtp::start();
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), "").start();
    let request = Request::mail("/mail").without("To").header("To", "A <a@example.test>, b@example.test");
    let request = request.header("Cc", "b@example.test").header("Bcc", "secret@example.test");
    request.send(&httpd).expect_status(202);
    let [message]: [Taken; 1] = smtp.take().try_into().unwrap();
    let rcpts = ["a", "b", "secret"].map(|name| format!("RCPT TO:<{name}@example.test>"));
    assert_eq!(message.rcpts, rcpts);
    assert!(message.mail.starts_with("MAIL FROM:<f@example.test> "), "{}", message.mail);
    let text = String::from_utf8(unwired(&message)).unwrap();
    assert!(!text.contains("secret") && !text.contains("Bcc"), "{text}");
    assert!(!httpd.error_log().contains("secret"));
    let response = Request::mail("/mail").without("From").send(&httpd).expect_status(400);
    assert!(response.text().contains("From is missing"));
    Request::mail("/mail").without("To").send(&httpd).expect_status(400);
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0101");
    httpd.expect_log("SM0105");
}
