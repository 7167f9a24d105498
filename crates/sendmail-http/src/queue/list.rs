//! `mailq`: what is queued and what failed, in the columns that monitoring knows from Postfix, or as JSON. Users see their own messages;
//! root and the queue's owner see all.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use mail::text::one_line;
use rustix::fs::OFlags;
use serde_json::{Value, json};

use super::{Folder, Queue, entry};

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The message's id.
    pub id: String,
    /// The owner's user id.
    pub uid: u32,
    /// `new` or `failed`.
    pub folder: String,
    /// Octets.
    pub size: u64,
    /// When it arrived.
    pub time: i64,
    /// `<>` if there is none.
    pub sender: String,
    /// Its recipients.
    pub recipients: Vec<String>,
    /// The number of attempts.
    pub tries: u64,
    /// When it is due.
    pub next: i64,
    /// The last answer of a gateway.
    pub words: String,
    /// Whether a person must act.
    pub is_loud: bool,
}

impl QueuedMessage {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "uid": self.uid, "folder": self.folder, "size": self.size, "time": self.time, "sender": self.sender,
            "recipients": self.recipients, "tries": self.tries, "next": self.next, "words": self.words, "attention": self.is_loud,
        })
    }

    fn parse(line: &str) -> Option<QueuedMessage> {
        let row: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let recipients = row.get("recipients")?.as_array()?.iter();
        Some(QueuedMessage {
            id: text("id")?,
            uid: u32::try_from(row.get("uid")?.as_u64()?).ok()?,
            folder: text("folder")?,
            size: row.get("size")?.as_u64()?,
            time: row.get("time")?.as_i64()?,
            sender: text("sender")?,
            recipients: recipients.filter_map(|text| text.as_str().map(str::to_owned)).collect(),
            tries: row.get("tries")?.as_u64()?,
            next: row.get("next")?.as_i64()?,
            words: text("words")?,
            is_loud: row.get("attention")?.as_bool()?,
        })
    }
}

/// All messages, for the queue's owner.
pub fn all(queue: &Queue) -> io::Result<Vec<QueuedMessage>> {
    let mut rows = Vec::new();
    for folder in [Folder::New, Folder::Failed] {
        for name in queue.names(folder)? {
            let file = match queue.open_file(folder, &name, OFlags::RDONLY) {
                Ok(file) => file,
                Err(_) => continue, // sent meanwhile
            };
            let Ok(entry) = entry::read(file, &name) else { continue };
            let (head, state) = (&entry.head, entry.state());
            rows.push(QueuedMessage {
                id: head.id.to_string(),
                uid: head.uid,
                folder: folder.row().1.to_owned(),
                size: head.size,
                time: head.time,
                sender: head.envelope.sender.as_ref().map_or_else(|| "<>".into(), ToString::to_string),
                recipients: head.envelope.recipients.iter().map(ToString::to_string).collect(),
                tries: state.tries.into(),
                next: state.next,
                words: state.words,
                is_loud: state.is_loud || state.is_failed,
            });
        }
    }
    Ok(rows)
}

/// The caller's messages, as published by the runner.
pub fn own(queue: &Queue, uid: u32) -> io::Result<Vec<QueuedMessage>> {
    let file = match queue.open_file(Folder::Shown, &uid.to_string(), OFlags::RDONLY) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let lines = BufReader::new(file.take(64 << 20)).lines();
    Ok(lines.map_while(Result::ok).filter_map(|line| QueuedMessage::parse(&line)).collect())
}

/// A table in the form of Postfix's mailq.
pub fn table(rows: &[QueuedMessage], now: i64) -> String {
    let waiting: Vec<&QueuedMessage> = rows.iter().filter(|row| row.folder == "new").collect();
    let failed: Vec<&QueuedMessage> = rows.iter().filter(|row| row.folder != "new").collect();
    let mut text = String::new();
    match waiting.is_empty() {
        true => text.push_str("Mail queue is empty\n"),
        false => {
            text.push_str(
                "-Queue ID-                        --Size-- -----Arrival Time----- -Sender/Recipient-------\n",
            );
            waiting.iter().for_each(|row| one(&mut text, row, now));
            let octets: u64 = waiting.iter().map(|row| row.size).sum();
            let (kbytes, count) = (octets.div_ceil(1024), waiting.len());
            let _ = writeln!(text, "-- {kbytes} Kbytes in {count} Request{}.", if count == 1 { "" } else { "s" });
        }
    }
    if !failed.is_empty() {
        text.push_str("\nGiven up, kept for 30 days:\n");
        failed.iter().for_each(|row| one(&mut text, row, now));
    }
    text
}

fn one(text: &mut String, row: &QueuedMessage, now: i64) {
    let arrival = mail::date::at(row.time);
    let arrival = arrival.trim_end_matches(" +0000");
    let _ = writeln!(text, "{:<33} {:>8} {arrival}  {}", row.id, row.size, row.sender);
    if !row.words.is_empty() {
        let next = row.next - now;
        let when = match row.folder.as_str() {
            "new" if next > 0 => format!(", next in {} min", (next + 59) / 60),
            "new" => ", due".to_owned(),
            _ => String::new(),
        };
        let _ = writeln!(text, "    ({}; tries: {}{when})", one_line(row.words.as_bytes(), 300), row.tries);
    }
    for recipient in &row.recipients {
        let _ = writeln!(text, "{:68}{recipient}", "");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_the_table_is_what_monitoring_parses() {
        let row = QueuedMessage {
            id: "69258d50abcdefghijklmnopqrstuvwx".into(),
            uid: 1000,
            folder: "new".into(),
            size: 1500,
            time: 1_764_061_200,
            sender: "<>".into(),
            recipients: vec!["a@example.org".into(), "b@example.org".into()],
            tries: 3,
            next: 1_764_061_290,
            words: "401 \u{1b}[31m".into(),
            is_loud: true,
        };
        assert_eq!(QueuedMessage::parse(&row.json().to_string()), Some(row.clone()));
        let table = table(std::slice::from_ref(&row), 1_764_061_200);
        assert!(table.contains("\n-- 2 Kbytes in 1 Request.\n") && table.contains("next in 2 min"), "{table}");
        assert!(!table.contains('\u{1b}'), "{table}");
        assert_eq!(super::table(&[], 0), "Mail queue is empty\n");
        let failed = QueuedMessage { folder: "failed".into(), ..row };
        assert!(super::table(&[failed], 0).starts_with("Mail queue is empty\n\nGiven up"));
    }
}
