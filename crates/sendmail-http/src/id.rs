//! A message's id on this machine: the time it arrived, so that ids sort by time, and 21 random characters. The user's number and the id
//! form the key by which a gateway recognizes the message; the number is that of the file's owner, so that nobody can use up another user's
//! keys.
#![forbid(unsafe_code)]

use std::fmt;

use mail::message_id::{Token, TokenError};

/// `[a-z0-9]`, 32 of them when made here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Box<str>);

/// Octets of an id.
const LENGTH: usize = 32;
/// Octets of the time: hexadecimal milliseconds, enough for 500 years.
const TIME: usize = 11;

impl Id {
    /// A new one for this moment, in milliseconds since 1970.
    pub fn new(time: i64) -> Result<Id, TokenError> {
        let token = Token::random()?;
        let (random, _) = token.as_str().split_at(LENGTH - TIME);
        Ok(Id(format!("{:0TIME$x}{random}", time & ((1 << (4 * TIME)) - 1)).into()))
    }

    /// Reads an id of any origin.
    pub fn parse(text: &str) -> Option<Id> {
        let is_id = text.len() == LENGTH && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        is_id.then(|| Id(text.into()))
    }

    /// The id of the nth part of a message with many recipients; the first part keeps the message's id.
    pub fn of_part(&self, nth: usize) -> Id {
        match nth {
            0 => self.clone(),
            _ => Id(format!("{}{:03x}", &self.0[..LENGTH - 3], nth & 0xfff).into()),
        }
    }

    /// The id of a report about this message; `None` for a report. Times begin with a digit for decades to come, reports with an `r`.
    pub fn of_report(&self) -> Option<Id> {
        let rest = self.0.get(1..).filter(|_| !self.0.starts_with('r'))?;
        Some(Id(format!("r{rest}").into()))
    }

    /// The key for the gateway, and the name in the queue.
    pub fn key(&self, uid: u32) -> String {
        format!("{}.{uid}", self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_sort_by_time() {
        let (early, late) = (Id::new(1_764_061_200_000).unwrap(), Id::new(1_764_061_200_001).unwrap());
        assert!(early < late);
        assert_eq!(Id::parse(&early.to_string()), Some(early.clone()));
        assert_eq!(early.key(1000), format!("{early}.1000"));
        assert_ne!(Id::new(7), Id::new(7));
        assert_eq!(early.of_part(0), early);
        assert!(early.of_part(1) != early.of_part(2) && Id::parse(&early.of_part(9).to_string()).is_some());
        let report = early.of_report().unwrap();
        assert!(Id::parse(&report.to_string()).is_some() && report != early && report.of_report().is_none());
        for wrong in
            ["", "a", &format!("{early}x"), "../../../../etc/passwd0000000000", &early.to_string().to_uppercase()]
        {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }
}
