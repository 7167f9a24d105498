//! The processor time of this thread, for tests that bound the work of a parser: a wall clock would also count other threads.
#![forbid(unsafe_code)]

use rustix::time::{ClockId, Timespec, clock_gettime};
use std::time::Duration;

/// Runs from its creation.
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch(now())
    }

    /// The processor time used since.
    pub(crate) fn elapsed(&self) -> Duration {
        now() - self.0
    }
}

fn now() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or_default())
}
