//! The module through httpd's life: restarts and stops under load, killed children, other modules before and after it, clients that break
//! off. A message is delivered completely and once, or not at all, and its answer says which.

mod broken;
mod kills;
mod neighbours;
mod restarts;
mod strange;

pub use kills::Dice;

use crate::support::{Httpd, Request};
use std::collections::BTreeMap;
use std::time::Duration;

pub const SECONDS: Duration = Duration::from_secs(20);

/// Whether the tests may take hours.
pub fn is_long() -> bool {
    std::env::var_os("MOD_SENDMAIL_LONG").is_some_and(|value| value == "1")
}

/// The answers to clients, by subject; `None`: the connection ended without an answer.
pub type Answers = BTreeMap<String, Option<u16>>;

/// A message that shows whether it is complete: its last line names its subject.
pub fn signed(subject: &str, octets: usize) -> Request {
    let body = "a line of text\n".repeat(octets / 15) + &format!("end of {subject}\n");
    Request::mail("/mail").without("Subject").header("Subject", subject).body(body).timeout(SECONDS)
}

/// Sends it; a missing answer is an outcome.
pub fn send(request: &Request, httpd: &Httpd) -> Option<u16> {
    request.try_send(httpd).ok().map(|response| response.status)
}

/// The subject of a message, which must be complete.
#[track_caller]
pub fn subject_of(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_else(|| panic!("{text}"));
    let whole = text.ends_with(&format!("\nend of {subject}\n"));
    assert!(whole, "a cut message: {subject}, {} octets", message.len());
    subject.to_owned()
}

/// The subjects of these messages, none of them twice.
#[track_caller]
pub fn subjects<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut subjects: Vec<String> = messages.into_iter().map(subject_of).collect();
    subjects.sort();
    let number = subjects.len();
    subjects.dedup();
    assert_eq!(subjects.len(), number, "a message came twice");
    subjects
}

/// Each 202 has its message, and each message was sent and not answered with "not sent". Without an answer either is possible.
#[track_caller]
pub fn assert_true(answers: &Answers, delivered: &[String]) {
    for (subject, answer) in answers {
        let there = delivered.binary_search(subject).is_ok();
        match answer {
            Some(202) => assert!(there, "{subject} was accepted and is lost"),
            Some(status @ (400..=500 | 503)) => assert!(!there, "{subject} was refused ({status}) and delivered"),
            Some(_) | None => {}
        }
    }
    for subject in delivered {
        assert!(answers.contains_key(subject), "{subject} was never sent");
    }
}
