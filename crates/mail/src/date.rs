//! The Date field (RFC 5322 3.3): now, in UTC, or the client's date, read in every form that mail and HTTP have used (RFC 5322 4.3, RFC
//! 9110 5.6.7) and written in today's.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Mutex;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use crate::address::parse::comment;
use crate::header::HeaderValue;
use crate::text::excerpt;

/// The current time as `Sun, 22 Nov 2026 03:07:54 +0000`.
pub fn now() -> String {
    kept(Timestamp::now())
}

/// The last text written and its second: a message contains it twice, and many messages share it.
static LAST: Mutex<(i64, String)> = Mutex::new((i64::MIN, String::new()));

fn kept(time: Timestamp) -> String {
    let mut last = LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if last.0 != time.as_second() {
        *last = (time.as_second(), write(time));
    }
    last.1.clone()
}

/// The same for a past time, in seconds since 1970. A time outside the calendar is replaced by the current one.
pub fn at(seconds: i64) -> String {
    write(Timestamp::from_second(seconds).unwrap_or_else(|_| Timestamp::now()))
}

fn write(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
}

/// A date-time. `Display` writes it as RFC 5322 3.3 requires: `Tue, 01 Jul 2003 10:52:37 +0200`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Date {
    day: civil::Date,
    hour: u32,
    minute: u32,
    second: u32,
    /// Sign and four digits.
    zone: String,
}

impl Date {
    /// Reads one date-time, with comments anywhere.
    pub fn parse(value: &HeaderValue) -> Result<Date, DateError> {
        let error = || DateError { text: excerpt(value.as_str()) };
        let words = words(value.as_str()).ok_or_else(error)?;
        let mut reader = Reader { words: &words };
        reader.date().filter(|_| reader.words.is_empty()).ok_or_else(error)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { day, hour, minute, second, zone } = self;
        write!(f, "{} {hour:02}:{minute:02}:{second:02} {zone}", day.strftime("%a, %d %b %Y"))
    }
}

/// Runs of letters and digits, and each `,` `:` `+` `-` by itself; `None` if there is anything else except blanks and comments.
fn words(text: &str) -> Option<Vec<&str>> {
    const MOST: usize = 32; // a date has at most 17
    let (mut words, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next().filter(|_| words.len() < MOST) {
        let length = match first {
            ' ' | '\t' => {
                rest = &rest[1..];
                continue;
            }
            '(' => {
                rest = comment(rest).ok()?.0;
                continue;
            }
            ',' | ':' | '+' | '-' => 1,
            _ => rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len()),
        };
        if length == 0 {
            return None;
        }
        words.push(&rest[..length]);
        rest = &rest[length..];
    }
    rest.is_empty().then_some(words)
}

struct Reader<'a> {
    words: &'a [&'a str],
}

impl Reader<'_> {
    fn date(&mut self) -> Option<Date> {
        let weekday = self.named(WEEKDAYS);
        if weekday.is_some() {
            self.accept(",");
        }
        let month = self.named(MONTHS).filter(|_| weekday.is_some());
        let date = if let Some(month) = month { self.asctime(month) } else { self.mail() }?;
        let real = i64::from(date.day.weekday().to_sunday_zero_offset());
        weekday.is_none_or(|weekday| i64::from(weekday) == real).then_some(date)
    }

    /// RFC 5322: `date-time = [ day-of-week "," ] date time`, `date = day month year`; RFC 850 has hyphens between these three.
    fn mail(&mut self) -> Option<Date> {
        let day = self.number(1..=2)?;
        let hyphens = self.accept("-");
        let month = self.named(MONTHS)?;
        if hyphens && !self.accept("-") {
            return None;
        }
        let year = self.year()?;
        let (hour, minute, second) = self.time()?;
        let zone = self.zone()?;
        Some(Date { day: civil_date(year, month, day)?, hour, minute, second, zone })
    }

    /// RFC 9110 5.6.7: `asctime-date = day-name SP date3 SP time-of-day SP year`, in UTC; date(1) writes a zone before the year.
    fn asctime(&mut self, month: u32) -> Option<Date> {
        let day = self.number(1..=2)?;
        let (hour, minute, second) = self.time()?;
        let zone = self.zone().unwrap_or_else(|| "+0000".to_owned());
        let year = self.number(4..=4)?;
        Some(Date { day: civil_date(year, month, day)?, hour, minute, second, zone })
    }

    /// RFC 5322 4.3: two digits are 2000 to 2049 or 1950 to 1999, three are years after 1900.
    fn year(&mut self) -> Option<u32> {
        let digits = self.words.first()?.len();
        let year = self.number(2..=4)?;
        Some(match (digits, year) {
            (2, 0..50) => 2000 + year,
            (2 | 3, _) => 1900 + year,
            _ => year,
        })
    }

    /// RFC 5322: `time-of-day = hour ":" minute [ ":" second ]`.
    fn time(&mut self) -> Option<(u32, u32, u32)> {
        let hour = self.number(1..=2)?;
        let minute = self.accept(":").then(|| self.number(2..=2))??;
        let second = if self.accept(":") { self.number(2..=2)? } else { 0 };
        (hour < 24 && minute < 60 && second <= 60).then_some((hour, minute, second))
    }

    /// RFC 5322: `zone = ("+" / "-") 4DIGIT`, or a name from RFC 5322 4.3. The military letters count as an unknown zone, since RFC 822
    /// defined them with the wrong sign.
    fn zone(&mut self) -> Option<String> {
        let (&name, rest) = self.words.split_first()?;
        let zone = match name {
            "+" | "-" => {
                let (digits, after) = rest.split_first()?;
                let offset: u32 = digits.parse().ok().filter(|_| digits.len() == 4)?;
                if offset / 100 > 23 || offset % 100 > 59 {
                    return None;
                }
                self.words = after;
                return Some(format!("{name}{digits}"));
            }
            name if name.len() == 1
                && name.chars().all(|c| c.is_ascii_alphabetic() && !c.eq_ignore_ascii_case(&'j')) =>
            {
                if name.eq_ignore_ascii_case("z") { "+0000" } else { "-0000" }
            }
            name => ZONES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?.1,
        };
        self.words = rest;
        Some(zone.to_owned())
    }

    fn accept(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        self.words = &self.words[usize::from(is_next)..];
        is_next
    }

    fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
        let (word, rest) = self.words.split_first()?;
        let number =
            word.parse().ok().filter(|_| digits.contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit()))?;
        self.words = rest;
        Some(number)
    }

    /// The index of the next word among these names; three letters are enough.
    fn named(&mut self, names: &[&str]) -> Option<u32> {
        let (word, rest) = self.words.split_first()?;
        let is = |name: &&str| name.eq_ignore_ascii_case(word) || name[..3].eq_ignore_ascii_case(word);
        let (place, _) = (0..).zip(names).find(|(_, name)| is(name))?;
        self.words = rest;
        Some(place)
    }
}

/// The day, if it exists; `month` counts from 0.
fn civil_date(year: u32, month: u32, day: u32) -> Option<civil::Date> {
    let year = i16::try_from(year).ok().filter(|year| *year >= 1900)?;
    civil::Date::new(year, i8::try_from(month + 1).ok()?, i8::try_from(day).ok()?).ok()
}

const WEEKDAYS: &[&str] = &["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

#[rustfmt::skip]
const MONTHS: &[&str] = &[
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
];

/// RFC 5322 4.3; many programs write UTC for GMT.
#[rustfmt::skip]
const ZONES: &[(&str, &str)] = &[
    ("UT", "+0000"), ("GMT", "+0000"), ("UTC", "+0000"), ("EST", "-0500"), ("EDT", "-0400"), ("CST", "-0600"), ("CDT", "-0500"),
    ("MST", "-0700"), ("MDT", "-0600"), ("PST", "-0800"), ("PDT", "-0700"),
];

/// The value is not a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateError {
    /// The value, shortened and escaped.
    pub text: String,
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a date: write it like \"Sun, 22 Nov 2026 03:07:54 +0000\"", self.text)
    }
}

impl std::error::Error for DateError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        Date::parse(&HeaderValue::parse(text).unwrap()).ok().map(|date| date.to_string())
    }

    #[test]
    fn now_is_a_date_in_utc_with_two_digits_each() {
        let text = now();
        assert_eq!(text.len(), "Sun, 22 Nov 2026 03:07:54 +0000".len(), "{text}");
        assert!(text.ends_with(" +0000"), "{text}");
        assert_eq!(parse(&text), Some(text));
        let time: Timestamp = "2026-11-02T03:07:04Z".parse().unwrap();
        assert_eq!(write(time), "Mon, 02 Nov 2026 03:07:04 +0000");
        assert_eq!(at(time.as_second()), "Mon, 02 Nov 2026 03:07:04 +0000");
        assert!(parse(&at(i64::MAX)).is_some());
    }

    #[test]
    fn a_date_that_is_kept_is_that_of_its_second() {
        for time in ["2026-11-02T03:07:04Z", "2026-11-02T03:07:04.9Z", "2026-11-02T03:07:05Z", "2026-11-02T03:07:04Z"] {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!(kept(time), write(time));
        }
    }

    #[test]
    fn every_form_becomes_that_of_today() {
        for (read, written) in [
            ("Mon, 01 Jan 2024 00:00:00 +0000", "Mon, 01 Jan 2024 00:00:00 +0000"),
            ("1 Jan 2024 00:00 -0500", "Mon, 01 Jan 2024 00:00:00 -0500"),
            ("Tue, 01 Jul 2003 10:52:37 GMT", "Tue, 01 Jul 2003 10:52:37 +0000"),
            ("tue, 1 jul 2003 9:52:37 utc", "Tue, 01 Jul 2003 09:52:37 +0000"),
            ("Mon, 01 Jan 2024 00:00:00 +0100 (CET)", "Mon, 01 Jan 2024 00:00:00 +0100"),
            ("Mon, 01 Jan 2024 00:00:00 -0000 (a (nested) comment)", "Mon, 01 Jan 2024 00:00:00 -0000"),
            ("(a) Mon (b), (c) 1(d)Jan(e)2024 0:00(f) EST", "Mon, 01 Jan 2024 00:00:00 -0500"),
            ("Fri , 21 Nov 97 09 : 55 : 06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"),
            ("1 Jan 49 00:00 Z", "Fri, 01 Jan 2049 00:00:00 +0000"),
            ("1 Jan 50 00:00 A", "Sun, 01 Jan 1950 00:00:00 -0000"),
            ("1 Jan 103 00:00 UT", "Wed, 01 Jan 2003 00:00:00 +0000"),
            ("31 Dec 2016 23:59:60 +0000", "Sat, 31 Dec 2016 23:59:60 +0000"),
            ("29 Feb 2024 00:00 PDT", "Thu, 29 Feb 2024 00:00:00 -0700"),
            ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 +0000"),
            ("Sun, 06-Nov-1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 +0000"),
            ("Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 +0000"),
            ("Sun Nov  6 08:49:37 EST 1994", "Sun, 06 Nov 1994 08:49:37 -0500"),
        ] {
            assert_eq!(parse(read).as_deref(), Some(written), "{read}");
            assert_eq!(parse(written).as_deref(), Some(written));
        }
    }

    #[test]
    fn what_is_not_one_date_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2024-01-01T00:00:00Z",
            "Tue, 01 Jan 2024 00:00:00 +0000",
            "Mon, 32 Jan 2024 00:00:00 +0000",
            "Mon, 01 Jan 2024 00:00:00 +0000, Mon, 01 Jan 2024 00:00:00 +0000",
            "Mon, 01 Jan 2024 00:00:00 +0000 Bcc: z@evil.test",
            "Mon, 01 Jan 2024 00:00:00 +0000 (open",
            "Mon, 01 Jan 2024 00:00:00",
            "Mon, 01 Jan 2024 00:00:00 CET",
            "Mon, 01 Jan 2024 00:00:00 J",
            "Mon, 01 Jan 2024 00:00:00 +01:00",
            "Mon, 01 Jan 2024 00:00:00 +2400",
            "Mon, 01 Jan 2024 24:00:00 +0000",
            "Mon, 01 Jan 2024 0:60 +0000",
            "Thu, 29 Feb 2023 00:00 +0000",
            "1 Jan 1899 00:00 +0000",
            "1 Jan 12024 00:00 +0000",
            "Monday 1 January 2024",
            "06-Nov 94 08:49:37 GMT",
            "0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let good = "Mon, 01 Jan 2024 00:00:00 +0000";
        assert_eq!(parse(&format!("{good} {}{}", "(".repeat(3000), ")".repeat(3000))).as_deref(), Some(good));
        assert_eq!(parse(&format!("{good} {}", "(".repeat(3000))), None);
        assert_eq!(parse(&"1 ".repeat(10_000)), None);
        let error = Date::parse(&HeaderValue::parse("tomorrow").unwrap()).unwrap_err().to_string();
        assert_eq!(error, "\"tomorrow\" is not a date: write it like \"Sun, 22 Nov 2026 03:07:54 +0000\"");
    }
}
