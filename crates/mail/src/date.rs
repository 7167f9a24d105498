//! The Date field (RFC 5322 3.3): now, in UTC, and a check of the client's.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::header::HeaderValue;
use crate::text::excerpt;

/// The present time as `Sun, 22 Nov 2026 03:07:54 +0000`.
pub fn now() -> String {
    write(&Timestamp::now().to_zoned(TimeZone::UTC))
}

/// The same for a time of the past, in seconds since 1970. One that no calendar has is taken for the present.
pub fn at(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_else(|_| Timestamp::now());
    write(&time.to_zoned(TimeZone::UTC))
}

/// How long it is until such a date; nothing if it has passed. `None` if the text is no date.
pub fn until(text: &str) -> Option<Duration> {
    let time = rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default())
}

fn write(time: &Zoned) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
}

/// Whether the value is one date-time, obsolete zones and a comment at its end allowed. The comment may nest 255 deep,
/// and is read without recursion.
pub fn check(value: &HeaderValue) -> Result<(), DateError> {
    match rfc2822::parse(value.as_str()) {
        Ok(_) => Ok(()),
        Err(error) => Err(DateError { text: excerpt(value.as_str()), reason: excerpt(&error.to_string()) }),
    }
}

/// The value is no date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateError {
    /// The value, shortened and escaped.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DateError { text, reason } = self;
        write!(f, "date \"{text}\" cannot be read ({reason}): write it like \"Sun, 22 Nov 2026 03:07:54 +0000\"")
    }
}

impl std::error::Error for DateError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), DateError> {
        super::check(&HeaderValue::parse(text).unwrap())
    }

    #[test]
    fn now_is_a_date_in_utc_with_two_digits_each() {
        let text = now();
        assert_eq!(text.len(), "Sun, 22 Nov 2026 03:07:54 +0000".len(), "{text}");
        assert!(text.ends_with(" +0000"), "{text}");
        assert_eq!(check(&text), Ok(()));
        let time: Timestamp = "2026-11-02T03:07:04Z".parse().unwrap();
        assert_eq!(write(&time.to_zoned(TimeZone::UTC)), "Mon, 02 Nov 2026 03:07:04 +0000");
        assert_eq!(at(time.as_second()), "Mon, 02 Nov 2026 03:07:04 +0000");
        assert_eq!(check(&at(i64::MAX)), Ok(()));
        assert_eq!(until("Mon, 01 Jan 2024 00:00:00 GMT"), Some(Duration::ZERO));
        assert!(until("Fri, 01 Jan 2100 00:00:00 GMT") > Some(Duration::from_secs(365 * 86_400)));
        assert_eq!(until("soon"), None);
    }

    #[test]
    fn dates_of_real_mail_programs_pass() {
        for text in [
            "Mon, 01 Jan 2024 00:00:00 +0000",
            "1 Jan 2024 00:00 -0500",
            "Mon, 1 Jan 2024 00:00:00 GMT",
            "Mon, 01 Jan 2024 00:00:00 +0100 (CET)",
            "Mon, 01 Jan 2024 00:00:00 -0000 (a (nested) comment)",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
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
        ] {
            assert!(check(text).is_err(), "{text}");
        }
        let nested = format!("Mon, 01 Jan 2024 00:00:00 +0000 {}{}", "(".repeat(3000), ")".repeat(3000));
        assert!(check(&nested).unwrap_err().to_string().len() < 500);
    }
}
