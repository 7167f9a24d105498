//! A proof of work as in ALTCHA, version 1: the browser finds the number that a hash was made from. That costs it a second, and a robot
//! with a thousand messages a quarter of an hour. A challenge is signed and not stored; once it has let a message pass, the caller stores
//! its signature.
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The field of a form that holds the solution.
pub const FIELD: &str = "altcha";

/// How long a challenge is valid, in seconds: a visitor may write for a while.
pub const LIFETIME: u64 = 3600;

/// The only accepted hash: a solution must not choose a weaker one.
const ALGORITHM: &str = "SHA-256";

/// The longest solution in base64, in octets.
const MAX_SOLUTION: usize = 2048;

/// Makes challenges, and checks their solutions.
#[derive(Clone, Copy, Debug)]
pub struct Challenger<'a> {
    /// Known only to the gateways that forms are sent to.
    pub secret: &'a [u8],
    /// The largest number that may have to be found; on average half as many hashes are needed.
    pub difficulty: u32,
}

/// A solved challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solved {
    /// Unique to the challenge.
    pub signature: String,
}

/// Why a solution is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsolved {
    /// It has expired.
    Expired,
    /// It does not solve a challenge of ours.
    Wrong,
}

impl Challenger<'_> {
    /// A challenge at this time, in seconds since 1970, as JSON.
    pub fn challenge(&self, now: u64) -> Result<Value, String> {
        let number = random()? % (u64::from(self.difficulty) + 1);
        // Without the last `&` the first digits of the number could be moved into the time.
        let salt = format!("{:016x}{:016x}?expires={}&", random()?, random()?, now + LIFETIME);
        let challenge = hash(&salt, number);
        let signature = hex(hmac::sign(&self.key(), challenge.as_bytes()).as_ref());
        Ok(json!({
            "algorithm": ALGORITHM, "challenge": challenge, "maxnumber": self.difficulty, "salt": salt, "signature": signature,
        }))
    }

    /// Checks the value of the field [`FIELD`].
    pub fn verify(&self, solution: &str, now: u64) -> Result<Solved, Unsolved> {
        let json = Some(solution.trim()).filter(|solution| solution.len() <= MAX_SOLUTION);
        let json = json.and_then(|solution| STANDARD.decode(solution).ok()).ok_or(Unsolved::Wrong)?;
        let json: Value = serde_json::from_slice(&json).map_err(|_| Unsolved::Wrong)?;
        let text = |name: &str| json[name].as_str().ok_or(Unsolved::Wrong);
        let (challenge, salt, signature) = (text("challenge")?, text("salt")?, text("signature")?);
        let number = json["number"].as_u64().filter(|number| *number <= u64::from(self.difficulty));
        let number = number.ok_or(Unsolved::Wrong)?;
        let tag = unhex(signature).ok_or(Unsolved::Wrong)?;
        hmac::verify(&self.key(), challenge.as_bytes(), &tag).map_err(|_| Unsolved::Wrong)?;
        let expires = expires(salt).ok_or(Unsolved::Wrong)?;
        if text("algorithm")? != ALGORITHM || hash(salt, number) != challenge {
            return Err(Unsolved::Wrong);
        }
        if expires <= now {
            return Err(Unsolved::Expired);
        }
        Ok(Solved { signature: signature.to_owned() })
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret)
    }
}

/// A random number. An error says why there is none.
pub fn random() -> Result<u64, String> {
    getrandom::u64().map_err(|error| error.to_string())
}

fn hash(salt: &str, number: u64) -> String {
    hex(&Sha256::digest(format!("{salt}{number}")))
}

/// The time in a salt written exactly as ours: `a1b2c3?expires=1764074102&`.
fn expires(salt: &str) -> Option<u64> {
    let (random, time) = salt.strip_suffix('&')?.split_once("?expires=")?;
    let is_hex = random.len() >= 20 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_time = (1..=15).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    if is_hex && is_time { time.parse().ok() } else { None }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}"); // a String takes all
        text
    })
}

/// Only lower case, so that a signature has one spelling.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let octet = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(octet).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_764_000_000;
    const OURS: Challenger<'static> = Challenger { secret: b"0123456789abcdef", difficulty: 2000 };

    /// A challenge with the solution that a browser finds.
    fn solution(challenge: &Value) -> Value {
        let salt = challenge["salt"].as_str().unwrap();
        let number = (0..=2000).find(|number| hash(salt, *number) == challenge["challenge"]).unwrap();
        let mut solution = challenge.clone();
        solution.as_object_mut().unwrap().remove("maxnumber");
        solution["number"] = json!(number);
        solution["took"] = json!(12);
        solution
    }

    fn written(solution: &Value) -> String {
        STANDARD.encode(solution.to_string())
    }

    #[test]
    fn a_solution_is_taken_until_its_time_is_over() {
        let good = solution(&OURS.challenge(NOW).unwrap());
        let signature = good["signature"].as_str().unwrap().to_owned();
        assert_eq!(OURS.verify(&written(&good), NOW), Ok(Solved { signature }));
        assert!(OURS.verify(&written(&good), NOW + LIFETIME - 1).is_ok());
        assert_eq!(OURS.verify(&written(&good), NOW + LIFETIME), Err(Unsolved::Expired));
        let other = Challenger { secret: b"0123456789abcdeg", ..OURS };
        assert_eq!(other.verify(&written(&good), NOW), Err(Unsolved::Wrong));
        assert_ne!(OURS.challenge(NOW).unwrap()["salt"], OURS.challenge(NOW).unwrap()["salt"]);
    }

    /// The signature covers only the hash, and the hash covers what precedes the number: no part may have two readings.
    #[test]
    fn nothing_of_a_solution_can_be_moved_or_changed() {
        let long = |solution: &Value| solution["number"].as_u64() >= Some(10); // so that a digit can be moved
        let good = std::iter::repeat_with(|| solution(&OURS.challenge(NOW).unwrap())).find(long).unwrap();
        let with = |name: &str, value: Value| {
            let mut changed = good.clone();
            changed[name] = value;
            written(&changed)
        };
        let (salt, number) = (good["salt"].as_str().unwrap(), good["number"].as_u64().unwrap());
        let digits = number.to_string();
        let spliced = {
            let mut changed = good.clone();
            changed["salt"] = json!(format!("{salt}{}", &digits[..1]));
            changed["number"] = json!(digits[1..].parse::<u64>().unwrap());
            written(&changed)
        };
        let unsigned = good["signature"].as_str().unwrap();
        assert!(OURS.verify(&with("took", json!(1)), NOW).is_ok());
        for (what, bad) in [
            ("empty", String::new()),
            ("no base64", "%".to_owned()),
            ("no JSON", STANDARD.encode("x")),
            ("a list", STANDARD.encode("[]")),
            ("too long", with("took", json!("x".repeat(MAX_SOLUTION)))),
            ("spliced", spliced),
            ("later", with("salt", json!(salt.replace("expires=", "expires=9")))),
            ("without &", with("salt", json!(salt.trim_end_matches('&')))),
            ("two times", with("salt", json!(format!("{salt}expires=9999999999&")))),
            ("no time", with("salt", json!(salt.split('?').next().unwrap()))),
            ("another number", with("number", json!(number + 1))),
            ("a text", with("number", json!(number.to_string()))),
            ("a fraction", with("number", json!(number as f64 + 0.5))),
            ("negative", with("number", json!(-1))),
            ("too large", with("number", json!(u64::MAX))),
            ("SHA-1", with("algorithm", json!("SHA-1"))),
            ("no algorithm", with("algorithm", json!(null))),
            ("upper case", with("signature", json!(unsigned.to_uppercase()))),
            ("cut", with("signature", json!(&unsigned[..62]))),
            ("no signature", with("signature", json!(""))),
            ("another challenge", with("challenge", json!(hash(salt, number + 1)))),
        ] {
            assert_eq!(OURS.verify(&bad, NOW), Err(Unsolved::Wrong), "{what}");
        }
    }

    #[test]
    fn the_number_lies_within_the_difficulty() {
        let one = Challenger { difficulty: 0, ..OURS };
        assert_eq!(solution(&one.challenge(NOW).unwrap())["number"], 0);
        let easy = Challenger { difficulty: 7, ..OURS };
        let found: std::collections::BTreeSet<u64> =
            (0..200).map(|_| solution(&easy.challenge(NOW).unwrap())["number"].as_u64().unwrap()).collect();
        assert!(found.len() > 4 && found.iter().all(|number| *number <= 7), "{found:?}");
    }
}
