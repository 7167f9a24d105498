//! What a policy server sends, whatever it is -> one action, or none; nothing of it reaches a log or a mail as it came.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailgate::checks::client::{Client, Text};
use mailgate::checks::policy_server::{Action, Question, State, ask};
use std::io::{self, Cursor, Read, Write};

struct Script<'a>(Cursor<&'a [u8]>, Vec<u8>);

impl Read for Script<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Script<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|octets: &[u8]| {
    let client = Client { user: Some(Text::of(octets)), ..Client::default() };
    let question = Question { client: &client, state: State::EndOfMessage, sender: None, recipients: &[], size: 1 };
    let mut script = Script(Cursor::new(octets), Vec::new());
    let answer = ask(&mut script, &question);
    // What the client calls itself is one attribute, and no other.
    let asked = String::from_utf8(script.1).unwrap();
    assert_eq!((asked.matches("\n\n").count(), asked.matches("\nsasl_username=").count()), (1, 1));
    assert!(asked.ends_with("\n\n") && asked.lines().filter(|line| !line.is_empty()).all(|line| line.contains('=')));
    let shown = match answer {
        Err(trouble) => trouble.to_string(),
        Ok(Action::Prepend(field)) => {
            let line = std::str::from_utf8(field.line()).expect("ASCII");
            assert!(line.is_ascii() && line.ends_with('\n') && line.lines().all(|line| line.len() <= 990), "{line:?}");
            assert!(line.lines().skip(1).all(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty()), "{line:?}");
            return;
        }
        Ok(Action::Bcc(_) | Action::Redirect(_) | Action::Permit) => return,
        Ok(
            Action::Defer(text)
            | Action::DeferIfPermit(text)
            | Action::DeferIfReject(text)
            | Action::Discard(text)
            | Action::Hold(text)
            | Action::Log(_, text)
            | Action::Reject(text)
            | Action::Unknown(text),
        ) => text,
    };
    assert!(!shown.contains(char::is_control), "{shown:?}");
});
