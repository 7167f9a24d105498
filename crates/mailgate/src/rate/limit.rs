//! One limit as configured: `100/1h burst=20 per=address count=recipients`.
#![forbid(unsafe_code)]

use super::slots::Pace;
use std::fmt;
use std::time::Duration;

/// How many of what may be sent in a time, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many in a window.
    pub(super) quota: u32,
    /// The window, whole seconds.
    pub(super) window: Duration,
    /// How many at once.
    pub(super) burst: u32,
    /// Who is counted together.
    pub(super) per: Per,
    /// What is counted.
    pub(super) count: Count,
    /// The section that it is configured in.
    pub(super) place: String,
    pace: Pace,
}

/// Who is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Everybody at one address.
    Address,
    /// Everybody.
    Location,
    /// One user; without users, one address.
    User,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Messages, sent or refused.
    Messages,
    /// Addresses in To, Cc and Bcc.
    Recipients,
}

/// The largest number allowed.
const MAX_QUOTA: u32 = 1_000_000;
const MAX_WINDOW: Duration = Duration::from_secs(31 * 24 * 60 * 60);

impl Limit {
    /// What is counted.
    pub fn count(&self) -> Count {
        self.count
    }

    /// Parses a limit of the section `place`; `time` reads a time.
    pub fn parse(words: &[&str], place: &str, time: impl Fn(&str) -> Option<Duration>) -> Result<Self, String> {
        let (rate, options) = words.split_first().ok_or("takes a rate, as in 100/1h")?;
        let bad_rate = || format!("'{rate}' is not a rate; write how many in what time: 100/1h, 10/1mi, 1000/1d");
        let (quota, window) = rate.split_once('/').ok_or_else(bad_rate)?;
        let quota = number(quota).ok_or_else(bad_rate)?;
        let window = time(window).filter(|window| window.subsec_nanos() == 0).ok_or_else(bad_rate)?;
        if !(Duration::from_secs(1)..=MAX_WINDOW).contains(&window) {
            return Err(format!("'{rate}': the time is one between 1s and 31d"));
        }
        let (mut burst, mut per, mut count) = (quota, Per::User, Count::Messages);
        for option in options {
            match option.split_once('=') {
                Some(("burst", text)) => {
                    burst = number(text).ok_or_else(|| format!("'{option}': write a number from 1 to {MAX_QUOTA}"))?;
                }
                Some(("per", "user")) => per = Per::User,
                Some(("per", "address")) => per = Per::Address,
                Some(("per", "location")) => per = Per::Location,
                Some(("count", "messages")) => count = Count::Messages,
                Some(("count", "recipients")) => count = Count::Recipients,
                _ => {
                    return Err(format!(
                        "'{option}' is none of burst=number, per=user, per=address, per=location, count=messages and count=recipients"
                    ));
                }
            }
        }
        let pace = Pace::new(quota, window, burst).ok_or_else(|| {
            format!("'{rate}' is out of reach: no faster than 10000 a second, and {burst} at once no more than a year's worth")
        })?;
        Ok(Limit { quota, window, burst, per, count, place: place.to_owned(), pace })
    }

    /// How many pass at once.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// In the unit of the slots.
    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// Its name for clients: `user-messages-3600`.
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.per.word(), self.count.word(), self.window.as_secs())
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (quota, window, burst) = (self.quota, self.window.as_secs(), self.burst);
        write!(f, "{quota}/{window}s burst={burst} per={} count={}", self.per.word(), self.count.word())
    }
}

impl Per {
    fn word(self) -> &'static str {
        match self {
            Per::Address => "address",
            Per::Location => "location",
            Per::User => "user",
        }
    }
}

impl Count {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Count::Messages => "messages",
            Count::Recipients => "recipients",
        }
    }
}

fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && (1..=MAX_QUOTA).contains(number))
}

/// Times of tests: a number and `ms`, `s`, `mi`, `h` or `d`.
#[cfg(test)]
pub(super) fn time(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let units = [("ms", 1), ("", 1000), ("s", 1000), ("mi", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let (_, factor) = units.iter().find(|(unit, _)| *unit == &text[digits.len()..])?;
    Some(Duration::from_millis(digits.parse::<u64>().ok()? * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_rate_and_options() {
        for (words, written, name) in [
            ("100/1h", "100/3600s burst=100 per=user count=messages", "user-messages-3600"),
            ("10/1mi burst=3 per=address", "10/60s burst=3 per=address count=messages", "address-messages-60"),
            (
                "1000/1d count=recipients per=location",
                "1000/86400s burst=1000 per=location count=recipients",
                "location-recipients-86400",
            ),
            ("1/1s burst=1", "1/1s burst=1 per=user count=messages", "user-messages-1"),
            ("5/10", "5/10s burst=5 per=user count=messages", "user-messages-10"),
        ] {
            let words: Vec<_> = words.split(' ').collect();
            let limit = Limit::parse(&words, "/mail", time).unwrap();
            assert_eq!((limit.to_string().as_str(), limit.name().as_str()), (written, name));
        }
    }

    #[test]
    fn what_is_no_limit_is_refused_with_a_remedy() {
        assert!(Limit::parse(&["100/1h", "burst=20"], "", time).is_ok());
        for (words, part) in [
            ("100", "100/1h"),
            ("0/1h", "100/1h"),
            ("+1/1h", "100/1h"),
            ("1000001/1h", "100/1h"),
            ("100/h", "100/1h"),
            ("100/1500ms", "100/1h"),
            ("100/0s", "between 1s and 31d"),
            ("100/32d", "between 1s and 31d"),
            ("100/1h burst=0", "from 1 to"),
            ("100/1h burst", "none of"),
            ("100/1h per=client", "none of"),
            ("100/1h count=bytes", "none of"),
            ("20000/1s", "out of reach"),
            ("1/31d burst=13", "out of reach"),
        ] {
            let words: Vec<_> = words.split(' ').collect();
            let error = Limit::parse(&words, "", time).expect_err(&words.join(" "));
            assert!(error.contains(part), "{words:?}: {error}");
        }
        assert!(Limit::parse(&[], "", time).is_err());
    }
}
