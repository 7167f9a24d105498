//! A policy server by Postfix's protocol (SMTPD_POLICY_README): one request and one answer for each recipient, over one connection per
//! message. The combined meaning of the answers is defined here; `action` parses them.
#![forbid(unsafe_code)]

mod action;
mod request;

pub use action::Action;
pub use request::{Question, State};

use std::fmt;
use std::io::{self, Read, Write};
use sys::socket::is_past_deadline;

/// Longest answer.
const LONGEST: usize = 16 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub enum PolicyServerError {
    /// The connection ended, or its deadline passed.
    Lost(io::Error),
    /// What arrived is not an answer.
    Nonsense(String),
}

impl fmt::Display for PolicyServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyServerError::Lost(error) if is_past_deadline(error) => {
                f.write_str("no answer within SendmailMilterTimeout")
            }
            PolicyServerError::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("it closed the connection without an answer; its own log says why")
            }
            PolicyServerError::Lost(error) => error.fmt(f),
            PolicyServerError::Nonsense(what) => write!(f, "it sent {what}"),
        }
    }
}

/// Asks one question.
pub fn ask(stream: &mut (impl Read + Write), question: &Question<'_>) -> Result<Action, PolicyServerError> {
    stream.write_all(question.text().as_bytes()).and_then(|()| stream.flush()).map_err(PolicyServerError::Lost)?;
    let mut answer = Vec::new();
    // One attribute and an empty line; the server must say no more until it is asked again.
    while !answer.ends_with(b"\n\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).map_err(PolicyServerError::Lost)? {
            0 => return Err(PolicyServerError::Lost(io::ErrorKind::UnexpectedEof.into())),
            n => answer.extend_from_slice(&piece[..n]),
        }
        let first = answer.windows(2).position(|two| two == b"\n\n").map_or(answer.len(), |at| at + 2);
        if first < answer.len() {
            return Err(PolicyServerError::Nonsense("more than one answer".into()));
        }
        if answer.len() > LONGEST {
            return Err(PolicyServerError::Nonsense(format!("more than {LONGEST} octets for an answer")));
        }
    }
    Action::parse(&answer[..answer.len() - 2]).map_err(PolicyServerError::Nonsense)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::client::Client;

    /// Returns its octets a few at a time.
    struct Script(Vec<u8>, usize, Vec<u8>);

    impl Read for Script {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(into.len());
            into[..n].copy_from_slice(&self.0[..n]);
            self.0.drain(..n);
            Ok(n)
        }
    }

    impl Write for Script {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.2.extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answered(octets: &[u8], step: usize) -> Result<Action, PolicyServerError> {
        let client = Client::default();
        let question = Question { client: &client, state: State::EndOfMessage, sender: None, recipients: &[], size: 1 };
        let mut script = Script(octets.to_vec(), step, Vec::new());
        let answer = ask(&mut script, &question);
        assert!(script.2.ends_with(b"\n\n"));
        answer
    }

    #[test]
    fn one_answer_is_read_whatever_the_pieces() {
        for step in [1, 3, 100] {
            assert_eq!(answered(b"action=DUNNO\n\n", step).unwrap(), Action::Permit);
        }
    }

    #[test]
    fn no_answer_half_a_one_and_too_much_are_none() {
        let long = [b"action=REJECT ".to_vec(), vec![b'x'; 1 << 20]].concat();
        for octets in [
            &b""[..],
            b"\n",
            b"\n\n",
            b"action=DUNNO",
            b"action=DUNNO\n",
            b"DUNNO\n\n",
            b"action=\n\n",
            b"action=DUNNO\nx=y\n\n",
            b"x=y\naction=DUNNO\n\n",
            b"action=DUNNO\n\naction=DUNNO\n\n",
            b"action=DUNNO\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            &long,
        ] {
            assert!(answered(octets, 5000).is_err(), "{}", octets[..octets.len().min(50)].escape_ascii());
        }
    }
}
