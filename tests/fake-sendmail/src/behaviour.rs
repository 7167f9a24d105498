//! `<dir>/behaviour`, one step a line, done in order; a missing or empty file reads all and exits 0.
//!
//! `read all`, `read N`, `read slowly` (an octet a second); `out WORDS`, `err WORDS` (`\n \r \t \\ \xNN`); `flood out N`, `flood err N`;
//! `sleep MS`; `grandchild MS` (holds stderr); `ignore SIGNO`; `on-term CODE`; `hang`; `die SIGNO`; `leave group`
//! (for that of its parent); `exit CODE`.

use std::path::Path;
use std::time::Duration;

#[derive(Clone, Copy)]
pub struct Signal(pub i32);

#[derive(Clone, Copy)]
pub enum Stream {
    Err,
    Out,
}

pub enum Step {
    Die(Signal),
    Exit(i32),
    Flood(Stream, u64),
    Grandchild(Duration),
    Hang,
    Ignore(Signal),
    LeaveGroup,
    OnTerm(i32),
    Read(Option<u64>),
    ReadSlowly,
    Say(Stream, Vec<u8>),
    Sleep(Duration),
}

/// The steps of this run. An invalid line ends the program at once: a test must not pass because of a typo.
pub fn read(directory: &Path) -> Vec<Step> {
    let text = std::fs::read_to_string(directory.join("behaviour")).unwrap_or_default();
    let steps: Vec<Step> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| step(line).unwrap_or_else(|| panic!("fake-sendmail: no such step: {line}")))
        .collect();
    if steps.is_empty() { vec![Step::Read(None), Step::Exit(0)] } else { steps }
}

fn step(line: &str) -> Option<Step> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    Some(match verb {
        "die" => Step::Die(Signal(rest.parse().ok()?)),
        "err" => Step::Say(Stream::Err, unescape(rest)),
        "exit" => Step::Exit(rest.parse().ok()?),
        "flood" => {
            let (stream, octets) = rest.split_once(' ')?;
            Step::Flood(if stream == "out" { Stream::Out } else { Stream::Err }, octets.parse().ok()?)
        }
        "grandchild" => Step::Grandchild(milliseconds(rest)?),
        "hang" => Step::Hang,
        "ignore" => Step::Ignore(Signal(rest.parse().ok()?)),
        "leave" if rest == "group" => Step::LeaveGroup,
        "on-term" => Step::OnTerm(rest.parse().ok()?),
        "out" => Step::Say(Stream::Out, unescape(rest)),
        "read" if rest == "all" => Step::Read(None),
        "read" if rest == "slowly" => Step::ReadSlowly,
        "read" => Step::Read(Some(rest.parse().ok()?)),
        "sleep" => Step::Sleep(milliseconds(rest)?),
        _ => return None,
    })
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

fn unescape(text: &str) -> Vec<u8> {
    let mut words = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match (byte, if byte == b'\\' { bytes.next() } else { None }) {
            (_, Some(b'n')) => words.push(b'\n'),
            (_, Some(b'r')) => words.push(b'\r'),
            (_, Some(b't')) => words.push(b'\t'),
            (_, Some(b'x')) => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                words.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            (_, Some(other)) => words.push(other),
            (other, None) => words.push(other),
        }
    }
    words
}
