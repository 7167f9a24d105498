//! Seconds since 1970 -> text: absolute in UTC, and how long ago.
#![forbid(unsafe_code)]

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The year 1, the earliest that every format can write; a report may claim anything.
const FIRST: i64 = -62_135_596_800;

/// `2026-11-22T03:07:54Z` (RFC 3339). A time outside the range becomes the nearest inside.
pub(crate) fn stamp(seconds: i64) -> String {
    write(seconds, "%Y-%m-%dT%H:%M:%SZ")
}

/// `2026-11-22 03:07:54 UTC`.
pub(super) fn absolute(seconds: i64) -> String {
    write(seconds, "%Y-%m-%d %H:%M:%S UTC")
}

fn write(seconds: i64, format: &str) -> String {
    let seconds = seconds.clamp(FIRST, Timestamp::MAX.as_second());
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

/// `3 minutes ago`, `in 4 days`.
pub(super) fn relative(seconds: i64, now: i64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let distance = seconds.abs_diff(now);
    let (unit, count) = match distance {
        ..MINUTE => return if seconds <= now { "just now".into() } else { "in a moment".into() },
        MINUTE..HOUR => ("minute", distance / MINUTE),
        HOUR..DAY => ("hour", distance / HOUR),
        _ if distance < 60 * DAY => ("day", distance / DAY),
        _ if distance < 730 * DAY => ("month", distance / (30 * DAY)),
        _ => ("year", distance / (365 * DAY)),
    };
    let plural = if count == 1 { "" } else { "s" };
    if seconds <= now { format!("{count} {unit}{plural} ago") } else { format!("in {count} {unit}{plural}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_is_a_time() {
        assert_eq!(stamp(1_795_316_874), "2026-11-22T03:07:54Z");
        assert_eq!(absolute(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(
            (stamp(i64::MIN).as_str(), stamp(i64::MAX).as_str()),
            ("0001-01-01T00:00:00Z", "9999-12-30T22:00:00Z")
        );
    }

    #[test]
    fn a_distance_is_told_in_the_largest_unit_that_fits() {
        for (seconds, expected) in [
            (0, "just now"),
            (-59, "just now"),
            (59, "in a moment"),
            (-60, "1 minute ago"),
            (-3599, "59 minutes ago"),
            (-3600, "1 hour ago"),
            (90_000, "in 1 day"),
            (-59 * 86_400, "59 days ago"),
            (-60 * 86_400, "2 months ago"),
            (-800 * 86_400, "2 years ago"),
        ] {
            assert_eq!(relative(seconds, 0), expected, "{seconds}");
        }
        assert!(relative(i64::MIN, i64::MAX).ends_with("years ago"));
    }
}
