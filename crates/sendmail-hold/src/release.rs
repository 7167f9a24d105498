//! A held message -> a sendmail program -> the outcome. The message is marked before anything is started: two simultaneous releases send it
//! once, and a message that may have been sent is not sent again silently.
#![forbid(unsafe_code)]

use crate::held::Held;
use mailgate::checks::hold::PREFIX;
use mailgate::message::Message;
use mailgate::transport::{self, FailureKind, Program};
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Longest wait for the program.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Why a message was not released, or may not have been.
#[derive(Debug)]
pub enum NotReleased {
    /// It was already marked.
    MayBeSent,
    /// It was not sent, and stays unmarked.
    Not(String),
    /// It may have been sent, and stays marked.
    Unknown(String),
}

impl fmt::Display for NotReleased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotReleased::MayBeSent => f.write_str(
                "an earlier attempt was interrupted: the message may have been sent; release --again sends it once more, drop throws it away",
            ),
            NotReleased::Not(why) => write!(f, "not sent: {why}"),
            NotReleased::Unknown(why) => write!(f, "it may have been sent: {why}; look into the log of the mail system, then drop it or release --again"),
        }
    }
}

/// Sends it by this program, and removes it from the folder.
pub fn release(folder: &Path, mut held: Held, program: &[OsString], again: bool) -> Result<(), NotReleased> {
    if held.is_passed && !again {
        return Err(NotReleased::MayBeSent);
    }
    let not = |error: &dyn fmt::Display| NotReleased::Not(error.to_string());
    let Some((path, words)) = program.split_first() else { return Err(not(&"no program")) };
    let tmp = std::env::temp_dir();
    let message = message(&held, &tmp).map_err(|error| not(&error))?;
    let taken = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::WouldBlock => not(&"another process is releasing it"),
        _ => not(&error),
    };
    let _lock = held.lock().map_err(taken)?;
    held.claim(folder).map_err(taken)?;
    let sender = held.ticket.envelope.sender.as_ref().map_or_else(|| "<>".to_owned(), ToString::to_string);
    let own = ["-i", "-f", &sender, "--"].map(|word| word.as_bytes().to_vec());
    let recipients = held.ticket.envelope.recipients.iter().map(|recipient| recipient.to_string().into_bytes());
    let arguments: Vec<Vec<u8>> =
        words.iter().map(|word| word.as_bytes().to_vec()).chain(own).chain(recipients).collect();
    let environment = transport::environment(&[]);
    let program = Program { path: Path::new(path), arguments: &arguments, environment: &environment, timeout: TIMEOUT };
    match transport::hand_over(&program, &message, &tmp, &mut || Ok(())) {
        Ok(_) => held.remove().map_err(|error| NotReleased::Unknown(format!("sent, but not removed: {error}"))),
        Err(failure) if is_certain(failure.kind) => {
            held.unclaim(folder).map_err(|error| not(&format!("{failure}; and it stays marked: {error}")))?;
            Err(not(&failure))
        }
        Err(failure) => Err(NotReleased::Unknown(failure.to_string())),
    }
}

/// Whether nothing was sent, for certain.
fn is_certain(kind: FailureKind) -> bool {
    !matches!(kind, FailureKind::DeadlinePassed | FailureKind::Tempfail | FailureKind::Unknown)
}

/// The message without our own fields.
fn message(held: &Held, tmp: &Path) -> io::Result<Message> {
    let (first, mut rest) = held.open()?;
    let (mut header, mut line, mut is_ours) = (Vec::new(), first, false);
    loop {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            is_ours = line.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()));
        }
        if !is_ours {
            header.extend_from_slice(&line);
        }
        if line == b"\n" || line.is_empty() {
            break;
        }
        line.clear();
        rest.read_until(b'\n', &mut line)?;
    }
    Message::compose(tmp, &header, |to: &mut dyn Write| io::copy(&mut rest, to).map(drop))
}
