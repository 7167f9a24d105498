//! The raw copy of a mail: appended to a file in mbox form (RFC 4155, `From ` lines quoted as mboxrd does), one writer at a time.
#![forbid(unsafe_code)]

use mail::date;
use rustix::fs::{FlockOperation, flock};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// Appends `mail` to `file` and waits until it is on disk. What a full disk leaves half written is taken back.
pub fn append(file: &Path, mail: &[u8]) -> io::Result<()> {
    let mut to = OpenOptions::new().append(true).create(true).open(file)?;
    flock(&to, FlockOperation::LockExclusive)?;
    let before = to.metadata()?.len();
    to.write_all(&entry(mail)).and_then(|()| to.sync_data()).inspect_err(|_| {
        // The first error is the one to report.
        let _ = to.set_len(before);
    })
}

fn entry(mail: &[u8]) -> Vec<u8> {
    let mut entry = format!("From processdsn {}\n", date::now()).into_bytes();
    for line in mail.split_inclusive(|&byte| byte == b'\n') {
        let quoted = line.iter().position(|&byte| byte != b'>').and_then(|at| line.get(at..)).unwrap_or_default();
        if quoted.starts_with(b"From ") {
            entry.push(b'>');
        }
        entry.extend_from_slice(line);
    }
    if !entry.ends_with(b"\n") {
        entry.push(b'\n');
    }
    entry.push(b'\n');
    entry
}

#[cfg(test)]
mod tests {
    use super::entry;

    #[test]
    fn a_line_that_looks_like_a_separator_is_quoted() {
        let text = String::from_utf8(entry(b"A: b\n\nFrom x\n>From y\n> z")).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with("From processdsn "));
        assert_eq!(rest, "A: b\n\n>From x\n>>From y\n> z\n\n");
    }
}
