//! Times as the configuration writes them: `30s`, `10mi`, `1h`, `7d`; a number alone is seconds.
#![forbid(unsafe_code)]

use std::time::Duration;

/// The units of httpd (`ap_timeout_parameter_parse`), and days.
const UNITS: &[(&str, u64)] =
    &[("", 1000), ("ms", 1), ("s", 1000), ("mi", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The time that `text` names; `None`: it names none, or one too long for a number.
pub fn time(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (_, factor) = UNITS.iter().find(|(unit, _)| text[digits.len()..].eq_ignore_ascii_case(unit))?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_number)?;
    number.checked_mul(*factor).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        for (text, seconds) in
            [("7d", 604_800), ("1h", 3600), ("30mi", 1800), ("2MIN", 120), ("30s", 30), ("45", 45), ("0", 0)]
        {
            assert_eq!(time(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(time("500ms"), Some(Duration::from_millis(500)));
        for bad in ["", "d", "-1s", "+1s", "1.5h", "1w", "1 h", "h1", "99999999999999999999", "9999999999999999d"] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
