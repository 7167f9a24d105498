//! The time, in whole seconds since 1970.
#![forbid(unsafe_code)]

use std::time::{SystemTime, UNIX_EPOCH};

/// The same in milliseconds.
pub fn now_in_milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Now, as the machine has it: it may jump either way.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
