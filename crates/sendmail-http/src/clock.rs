//! The time, in whole seconds since 1970.
#![forbid(unsafe_code)]

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, as the machine has it: it may jump either way.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
