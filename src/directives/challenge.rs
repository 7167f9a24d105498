//! SendmailChallenge.
#![forbid(unsafe_code)]

use super::values::absolute;
use httpd::Command;

/// What a visitor's browser must solve.
#[derive(Clone)]
pub struct Challenge {
    /// The largest number that it may have to find.
    pub difficulty: u32,
    /// The secret that signs challenges; `None`: the one that this server made.
    pub secret: Option<Box<[u8]>>,
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Challenge({})", self.difficulty)
    }
}

/// About a second on a phone.
const DIFFICULTY: u32 = 100_000;

/// A shorter one could be guessed.
const SHORTEST_SECRET: usize = 16;

/// `altcha`, `altcha 50000`, `altcha 50000 key=/path`, `off`.
pub fn challenge(_: &Command<'_>, words: &[&str]) -> Result<Option<Challenge>, String> {
    let rest = match words {
        ["off"] => return Ok(None),
        ["altcha", rest @ ..] => rest,
        _ => return Err("takes off, or altcha and how hard it is: altcha 100000".to_owned()),
    };
    let mut challenge = Challenge { difficulty: DIFFICULTY, secret: None };
    for word in rest {
        match word.strip_prefix("key=") {
            Some(path) => challenge.secret = Some(secret(path)?),
            None => challenge.difficulty = difficulty(word)?,
        }
    }
    Ok(Some(challenge))
}

fn difficulty(word: &str) -> Result<u32, String> {
    let number = word.parse().ok().filter(|number| (1..=10_000_000).contains(number));
    number.ok_or_else(|| {
        format!("'{word}' is neither a difficulty from 1 to 10000000, as 100000, nor key= and the path of a file")
    })
}

fn secret(path: &str) -> Result<Box<[u8]>, String> {
    let content = sys::secret::read(&absolute(path)?)?;
    let secret = content.trim_ascii_end();
    if secret.len() < SHORTEST_SECRET {
        return Err(format!(
            "'{path}' holds less than {SHORTEST_SECRET} octets; make it: openssl rand -hex 32 > {path}"
        ));
    }
    Ok(secret.into())
}
