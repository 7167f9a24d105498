//! The raw copy of a mail: appended to a file in mbox form (RFC 4155, `From ` lines quoted as mboxrd does), one writer at a time.
#![forbid(unsafe_code)]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::fs::{FlockOperation, flock};
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// How much of the mail is read at a time; most headers fit, and every valid line does.
const PIECE: usize = 64 << 10;

/// Appends the mail to `file` and waits until it is on disk. A partial copy on a full disk is removed.
pub fn append(file: &Path, mail: impl Read) -> io::Result<()> {
    let mut to = OpenOptions::new().append(true).create(true).open(file)?;
    flock(&to, FlockOperation::LockExclusive)?;
    let before = to.metadata()?.len();
    write(&mut to, mail, Timestamp::now()).and_then(|()| to.sync_data()).inspect_err(|_| {
        // The first error is the one to report.
        let _ = to.set_len(before);
    })
}

fn write(to: &mut impl Write, mail: impl Read, now: Timestamp) -> io::Result<()> {
    let (mut to, mut mail) = (BufWriter::with_capacity(PIECE, to), BufReader::with_capacity(PIECE, mail));
    // The format of asctime(3), in UTC.
    let date = now.to_zoned(TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y");
    let mut first = Vec::new();
    mail.by_ref().take(PIECE as u64).read_to_end(&mut first)?;
    writeln!(to, "From {} {date}", sender(&first).unwrap_or("MAILER-DAEMON"))?;
    let (mut rest, mut line, mut complete) = (first.as_slice().chain(mail), Vec::new(), true);
    loop {
        line.clear();
        if rest.by_ref().take(PIECE as u64).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        // A line longer than a piece has only one start.
        if complete && is_separator(&line) {
            to.write_all(b">")?;
        }
        to.write_all(&line)?;
        complete = line.ends_with(b"\n");
    }
    to.write_all(if complete { b"\n" } else { b"\n\n" })?;
    to.flush()
}

/// Whether a reader would take the line for the start of a mail, or for a quoted one.
fn is_separator(line: &[u8]) -> bool {
    let at = line.iter().position(|&byte| byte != b'>').unwrap_or(line.len());
    line.get(at..).is_some_and(|rest| rest.starts_with(b"From "))
}

/// The address that a mail came from: the envelope sender, otherwise the author; a report's envelope sender is empty.
fn sender(head: &[u8]) -> Option<&str> {
    ["return-path:", "from:"].into_iter().find_map(|name| {
        let mut lines = head.split(|&byte| byte == b'\n').take_while(|line| !matches!(*line, b"" | b"\r"));
        let is_named =
            |line: &&[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
        let first = lines.by_ref().find(is_named)?.get(name.len()..)?;
        let folded = lines.take_while(|line| line.starts_with(b" ") || line.starts_with(b"\t"));
        std::iter::once(first).chain(folded).find_map(address)
    })
}

/// The word of a line that contains an `@`, without brackets, if it has only plain characters (RFC 5322 3.4.1).
fn address(line: &[u8]) -> Option<&str> {
    let words = std::str::from_utf8(line).ok()?.split([' ', '\t', '\r', '<', '>', ',', ';', '"', '(', ')']);
    words.into_iter().find(|word| word.contains('@') && word.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mail: &[u8]) -> String {
        let mut entry = Vec::new();
        let now = "2026-11-02T03:07:04Z".parse().unwrap();
        write(&mut entry, mail, now).unwrap();
        String::from_utf8(entry).unwrap()
    }

    #[test]
    fn a_line_that_looks_like_a_separator_is_quoted() {
        let text = entry(b"A: b\n\nFrom x\n>From y\n> z");
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(first, "From MAILER-DAEMON Mon Nov  2 03:07:04 2026");
        assert_eq!(rest, "A: b\n\n>From x\n>>From y\n> z\n\n");
        assert_eq!(entry(b"A: b\n").split_once('\n').unwrap().1, "A: b\n\n");
    }

    #[test]
    fn a_mail_begins_with_an_address_and_a_date_of_asctime() {
        for (mail, sender) in [
            ("Return-Path: <a@x.example>\nFrom: b@x.example\n\n", "a@x.example"),
            ("Return-Path: <>\nFrom: Mail System <MAILER-DAEMON@x.example>\n\n", "MAILER-DAEMON@x.example"),
            ("FROM: \"Mail, Delivery\"\r\n\t<daemon@x.example>\r\n\r\n", "daemon@x.example"),
            ("From: nobody\n\nFrom: b@x.example\n", "MAILER-DAEMON"),
            ("From: m\u{fc}ller@x.example\n\n", "MAILER-DAEMON"),
            ("", "MAILER-DAEMON"),
        ] {
            let text = entry(mail.as_bytes());
            assert_eq!(text.lines().next(), Some(format!("From {sender} Mon Nov  2 03:07:04 2026").as_str()), "{mail}");
        }
    }

    #[test]
    fn a_line_longer_than_memory_is_copied_whole_and_quoted_at_its_beginning_alone() {
        let long = "From ".repeat(100_000);
        let text = entry(format!("A: b\n\n{long}\nFrom x\n").as_bytes());
        assert!(text.ends_with(&format!("\n>{long}\n>From x\n\n")), "{} octets", text.len());
    }
}
