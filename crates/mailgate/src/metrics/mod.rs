//! The outcomes of all requests, counted in memory that every process of a server shares, so that any of them can report the total. Here
//! are the counters and their names ([`reasons`]), the number of running programs ([`children`]), and the three output formats: Prometheus
//! text ([`prometheus`]), and mod_status's two ([`status`]). The caller provides the memory.
#![forbid(unsafe_code)]

pub mod children;
pub mod prometheus;
pub mod reasons;
pub mod status;

use crate::tags::{TAGS, Tag};
use reasons::{KINDS, OutcomeKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use zerocopy::FromZeros;

/// Upper bounds of the time classes, in seconds as shown and in microseconds; one more class is for everything longer.
pub const BOUNDS: [(&str, u64); 15] = [
    ("0.001", 1_000),
    ("0.0025", 2_500),
    ("0.005", 5_000),
    ("0.01", 10_000),
    ("0.025", 25_000),
    ("0.05", 50_000),
    ("0.1", 100_000),
    ("0.25", 250_000),
    ("0.5", 500_000),
    ("1", 1_000_000),
    ("2.5", 2_500_000),
    ("5", 5_000_000),
    ("10", 10_000_000),
    ("30", 30_000_000),
    ("60", 60_000_000),
];

/// Identifies the layout of [`Counters`]: another table gives another number, so that no build reads the counts of another (FNV-1a over the
/// tags and the bounds).
pub const LAYOUT: u64 = layout();

/// All counters. All zero is valid.
#[repr(C)]
#[derive(Debug, FromZeros)]
pub struct Counters {
    reasons: [AtomicU64; TAGS.len()],
    times: [Times; KINDS.len()],
}

/// Times of requests of one kind.
#[repr(C)]
#[derive(Debug, FromZeros)]
struct Times {
    classes: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    reasons: [u64; TAGS.len()],
    times: [Histogram; KINDS.len()],
    /// Running programs, and messages being sent to a relay.
    pub running: u64,
}

/// Times of requests of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// How many took at most as long as the bound of their class, but longer than the previous bound.
    pub classes: [u64; BOUNDS.len() + 1],
    /// Their total time.
    pub microseconds: u64,
}

impl Default for Counters {
    fn default() -> Self {
        let times = || Times { classes: std::array::from_fn(|_| AtomicU64::new(0)), microseconds: AtomicU64::new(0) };
        Counters { reasons: std::array::from_fn(|_| AtomicU64::new(0)), times: std::array::from_fn(|_| times()) }
    }
}

impl Counters {
    /// Counts a message that was handed over.
    pub fn accepted(&self, took: Duration) {
        self.times(OutcomeKind::Accepted).add(took);
    }

    /// Counts a dry run.
    pub fn dry_run(&self, took: Duration) {
        self.times(OutcomeKind::DryRun).add(took);
    }

    /// Counts a message that a check discarded.
    pub fn discarded(&self, took: Duration) {
        self.times(OutcomeKind::Discarded).add(took);
    }

    /// Counts a message that a check held.
    pub fn held(&self, took: Duration) {
        self.times(OutcomeKind::Held).add(took);
    }

    /// Counts a request that did not send, or may not have sent.
    pub fn refused(&self, tag: &Tag, took: Duration) {
        self.reasons[reasons::counter(tag)].fetch_add(1, Ordering::Relaxed);
        self.times(reasons::kind(tag)).add(took);
    }

    /// The counts so far. Requests that end meanwhile may already be part of some of them.
    pub fn read(&self, running: u64) -> Snapshot {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            reasons: self.reasons.each_ref().map(value),
            times: self.times.each_ref().map(|times| Histogram {
                classes: times.classes.each_ref().map(value),
                microseconds: value(&times.microseconds),
            }),
            running,
        }
    }

    fn times(&self, kind: OutcomeKind) -> &Times {
        &self.times[kind as usize]
    }
}

impl Times {
    fn add(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS.partition_point(|(_, bound)| *bound < microseconds);
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }
}

impl Snapshot {
    /// The times and the number of requests of this kind.
    pub fn times(&self, kind: OutcomeKind) -> &Histogram {
        &self.times[kind as usize]
    }

    /// The reasons of this kind, and how often each occurred.
    pub fn reasons(&self, kind: OutcomeKind) -> impl Iterator<Item = (&'static Tag, u64)> {
        let counted = TAGS.iter().copied().zip(self.reasons).enumerate();
        counted
            .filter(move |(i, (tag, _))| reasons::kind(tag) == kind && reasons::counter(tag) == *i)
            .map(|(_, row)| row)
    }
}

impl Histogram {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// `1.000250`.
    pub fn seconds(&self) -> String {
        format!("{}.{:06}", self.microseconds / 1_000_000, self.microseconds % 1_000_000)
    }

    /// The mean in milliseconds, rounded down; `None` without requests.
    pub fn mean_milliseconds(&self) -> Option<u64> {
        Some(self.microseconds.checked_div(self.count())? / 1000)
    }
}

const fn layout() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut i = 0;
    while i < TAGS.len() {
        hash = fnv(hash, TAGS[i].number.as_bytes());
        i += 1;
    }
    i = 0;
    while i < BOUNDS.len() {
        hash = fnv(hash, BOUNDS[i].0.as_bytes());
        i += 1;
    }
    hash
}

const fn fnv(mut hash: u64, octets: &[u8]) -> u64 {
    let mut i = 0;
    while i < octets.len() {
        hash = (hash ^ octets[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn every_request_is_counted_once_under_its_reason_and_its_time() {
        let counters = Counters::default();
        counters.accepted(MILLISECOND);
        counters.accepted(MILLISECOND * 61_000);
        counters.dry_run(MILLISECOND);
        counters.discarded(MILLISECOND);
        counters.held(MILLISECOND);
        counters.refused(&tags::LENGTH_REQUIRED, MILLISECOND * 2);
        counters.refused(&tags::CODING, MILLISECOND * 2);
        counters.refused(&tags::UNKNOWN, Duration::ZERO);
        counters.refused(&tags::UNKNOWN, Duration::MAX / 1_000_000);
        let snapshot = counters.read(3);
        assert_eq!(KINDS.map(|kind| snapshot.times(kind).count()), [2, 2, 2, 1, 1, 1]);
        let reasons = |kind| snapshot.reasons(kind).filter(|(_, number)| *number > 0).map(|(row, n)| (row.number, n));
        assert_eq!(reasons(OutcomeKind::Refused).collect::<Vec<_>>(), [("SM0102", 2)]);
        assert_eq!(reasons(OutcomeKind::Failed).collect::<Vec<_>>(), [("SM0407", 2)]);
        assert_eq!(snapshot.running, 3);
    }

    #[test]
    fn a_time_is_in_the_first_class_that_is_long_enough() {
        for (microseconds, class) in
            [(0, 0), (1_000, 0), (1_001, 1), (59_999_999, 14), (60_000_000, 14), (60_000_001, 15)]
        {
            let counters = Counters::default();
            counters.accepted(Duration::from_micros(microseconds));
            let times = *counters.read(0).times(OutcomeKind::Accepted);
            assert_eq!(times.classes.iter().position(|number| *number == 1), Some(class), "{microseconds}");
            assert_eq!((times.count(), times.microseconds), (1, microseconds));
        }
    }

    #[test]
    fn the_bounds_rise_and_are_what_they_are_called() {
        assert!(BOUNDS.is_sorted_by(|a, b| a.1 < b.1));
        for (name, microseconds) in BOUNDS {
            assert_eq!((name.parse::<f64>().unwrap() * 1e6).round() as u64, microseconds);
        }
    }

    #[test]
    fn sums_and_means_are_read_without_rounding_up() {
        let counters = Counters::default();
        assert_eq!(counters.read(0).times(OutcomeKind::Accepted).mean_milliseconds(), None);
        counters.accepted(Duration::from_micros(1_000_249));
        counters.accepted(Duration::from_micros(1));
        let times = *counters.read(0).times(OutcomeKind::Accepted);
        assert_eq!((times.seconds(), times.mean_milliseconds()), ("1.000250".to_owned(), Some(500)));
    }

    #[test]
    fn threads_lose_no_count() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| counters.refused(&tags::FIELD, MILLISECOND)));
            }
        });
        assert_eq!(counters.read(0).times(OutcomeKind::Refused).count(), 40_000);
    }
}
