//! Held messages for a person or a program to read. Control characters are not shown: the message was held for a reason.
#![forbid(unsafe_code)]

use crate::held::Held;
use mail::text::one_line;
use mail::{date, encode};
use serde_json::json;
use std::fmt::Write;
use std::io::{self, BufRead, Read};

/// One line per message, and a heading.
pub fn table(messages: &[Held]) -> io::Result<String> {
    let mut table = String::new();
    for held in messages {
        let ticket = &held.ticket;
        let state = if held.is_passed { "  MAY HAVE BEEN SENT" } else { "" };
        let owner = if ticket.owner.is_empty() { "-" } else { &ticket.owner };
        let recipients = ticket.envelope.recipients.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(table, "{}  {}  {} octets{state}", ticket.id, ticket.date, held.path.metadata()?.len());
        let _ = writeln!(table, "    from {} by {}", sender(held), one_line(owner.as_bytes(), 100));
        let _ = writeln!(table, "    to {}", one_line(recipients.as_bytes(), 400));
        let _ = writeln!(table, "    subject {}", subject(held)?);
        let _ = writeln!(table, "    held by {}", one_line(ticket.reason.as_bytes(), 400));
    }
    let _ = writeln!(table, "{} held", messages.len());
    Ok(table)
}

/// An array of objects.
pub fn json(messages: &[Held]) -> io::Result<String> {
    let one = |held: &Held| {
        let ticket = &held.ticket;
        let recipients: Vec<_> = ticket.envelope.recipients.iter().map(ToString::to_string).collect();
        let owner = (!ticket.owner.is_empty()).then_some(&ticket.owner);
        Ok(json!({
            "id": ticket.id, "date": ticket.date, "expires": date::at(ticket.expires), "state": if held.is_passed { "unknown" } else { "held" },
            "reason": ticket.reason, "owner": owner, "location": ticket.location, "recipients": recipients, "subject": subject(held)?,
            "sender": ticket.envelope.sender.as_ref().map(ToString::to_string), "octets": held.path.metadata()?.len(),
            "file": held.path.to_string_lossy(),
        }))
    };
    let all = messages.iter().map(one).collect::<io::Result<Vec<_>>>()?;
    Ok(format!("{}\n", serde_json::Value::from(all)))
}

/// The path, then the file with its control characters escaped.
pub fn whole(held: &Held) -> io::Result<String> {
    let mut octets = Vec::new();
    std::fs::File::open(&held.path)?.read_to_end(&mut octets)?;
    let text = String::from_utf8_lossy(&octets);
    let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    let shown = text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if plain(c) {
            shown.push(c)
        } else {
            shown.extend(c.escape_default())
        }
        shown
    });
    Ok(format!("{}:\n\n{shown}", held.path.display()))
}

fn sender(held: &Held) -> String {
    held.ticket.envelope.sender.as_ref().map_or_else(|| "<>".to_owned(), ToString::to_string)
}

/// The message's subject, decoded, on one line.
fn subject(held: &Held) -> io::Result<String> {
    let (mut line, mut rest) = held.open()?;
    let mut subject: Option<Vec<u8>> = None;
    while !line.is_empty() && line != b"\n" {
        match &mut subject {
            Some(value) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                value.pop_if(|last| *last == b'\n');
                value.extend_from_slice(&line);
            }
            Some(_) => break,
            None if line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"Subject:")) => {
                subject = Some(line[8..].to_vec());
            }
            None => {}
        }
        line.clear();
        rest.read_until(b'\n', &mut line)?;
    }
    let text = String::from_utf8_lossy(&subject.unwrap_or_default()).trim().to_owned();
    Ok(one_line(encode::decode(&text).as_bytes(), 200))
}
