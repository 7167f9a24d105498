//! A message -> clamd, by its command INSTREAM (clamd(8)), for sites that have the scanner but not its milter.
#![forbid(unsafe_code)]

use super::letter::{Letter, on_the_wire};
use mail::text::one_line;
use std::fmt;
use std::io::{self, Read, Write};
use sys::socket::is_past_deadline;

/// Why there is no verdict.
#[derive(Debug)]
pub enum ClamdError {
    /// The connection ended, or its deadline passed.
    Lost(io::Error),
    /// The answer is not a verdict; on one line, escaped.
    Nonsense(String),
    /// The message could not be read.
    Storage(io::Error),
}

impl fmt::Display for ClamdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClamdError::Lost(error) if is_past_deadline(error) => f.write_str("no answer within SendmailMilterTimeout"),
            ClamdError::Lost(error) | ClamdError::Storage(error) => error.fmt(f),
            ClamdError::Nonsense(words) if words.contains("size limit exceeded") => {
                write!(
                    f,
                    "it answered '{words}'; raise StreamMaxLength in clamd.conf to SendmailMaxSize and half as much again"
                )
            }
            ClamdError::Nonsense(words) => write!(f, "it answered '{words}'"),
        }
    }
}

impl From<io::Error> for ClamdError {
    fn from(error: io::Error) -> Self {
        ClamdError::Storage(error)
    }
}

/// Octets of the message sent at a time, and the longest answer.
const PIECE: usize = 64 * 1024;
const LONGEST: u64 = 4096;

/// The name of what was found, if anything.
pub fn scan(stream: &mut (impl Read + Write), letter: &Letter) -> Result<Option<String>, ClamdError> {
    let header = letter.fields.iter().map(|field| field.line()).chain([&b"\n"[..]]).collect::<Vec<_>>().concat();
    let mut broken = stream.write_all(b"zINSTREAM\0").err();
    on_the_wire::<ClamdError>(header.chain(letter.body()), PIECE, |piece| {
        let framed = [&(piece.len() as u32).to_be_bytes()[..], piece].concat();
        // A server that has read enough says why and closes: its answer must still be read.
        broken = broken.take().or_else(|| stream.write_all(&framed).err());
        Ok(broken.is_none())
    })?;
    if broken.is_none() {
        broken = stream.write_all(&[0; 4]).and_then(|()| stream.flush()).err();
    }
    let mut answer = Vec::new();
    while answer.last() != Some(&0) && (answer.len() as u64) < LONGEST {
        let mut piece = [0; 1024];
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&piece[..n]),
            Err(error) => return Err(ClamdError::Lost(broken.unwrap_or(error))),
        }
    }
    verdict(&answer, broken)
}

/// `stream: OK`, `stream: NAME FOUND`, `... ERROR`, ended by NUL.
fn verdict(answer: &[u8], broken: Option<io::Error>) -> Result<Option<String>, ClamdError> {
    let nonsense = || ClamdError::Nonsense(one_line(answer.strip_suffix(b"\0").unwrap_or(answer), 200));
    match (answer.strip_suffix(b"\0").and_then(|text| text.strip_prefix(b"stream: ")), broken) {
        (Some(b"OK"), None) => Ok(None),
        (Some(found), _) if found.ends_with(b" FOUND") && !found[..found.len() - 6].contains(&0) => {
            Ok(Some(one_line(&found[..found.len() - 6], 200)))
        }
        (_, Some(error)) if answer.is_empty() => Err(ClamdError::Lost(error)),
        _ if answer.is_empty() => Err(ClamdError::Lost(io::ErrorKind::UnexpectedEof.into())),
        _ => Err(nonsense()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ok_is_ok() {
        assert!(matches!(verdict(b"stream: OK\0", None), Ok(None)));
        assert!(matches!(verdict(b"stream: Eicar-Test FOUND\0", None), Ok(Some(name)) if name == "Eicar-Test"));
        let reset = || Some(io::ErrorKind::ConnectionReset.into());
        assert!(matches!(verdict(b"stream: X FOUND\0", reset()), Ok(Some(_))));
        for (answer, broken) in [
            (&b""[..], None),
            (b"", reset()),
            (b"stream: OK", None),
            (b"stream: OK\0", reset()),
            (b"OK\0", None),
            (b"stream: OK\0stream: X FOUND\0", None),
            (b"INSTREAM size limit exceeded. ERROR\0", reset()),
            (b"stream: Can't allocate memory ERROR\0", None),
            (b"UNKNOWN COMMAND\0", None),
        ] {
            assert!(verdict(answer, broken).is_err(), "{}", answer.escape_ascii());
        }
        let trouble = verdict(b"INSTREAM size limit exceeded. ERROR\0", None).unwrap_err();
        assert!(trouble.to_string().contains("StreamMaxLength"));
    }
}
