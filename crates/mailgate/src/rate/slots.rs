//! The counts: one 64-bit word per client and limit, in a table of such words in shared memory, changed only by compare-and-swap.
//!
//! A word holds the moment when the client's whole allowance is available again (GCRA's theoretical arrival time, 44 bits), and 20 bits
//! that distinguish clients at the same place. A word whose moment has passed means nothing, so nothing is ever cleaned up. Each place is a
//! row of eight words; if all are in use, the one that expires first is replaced. Any two clients are confused with a probability of 2^-33.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use zerocopy::FromZeros;

/// One word. Zero is valid, and means free.
#[repr(transparent)]
#[derive(Debug, Default, FromZeros)]
pub struct Slot(AtomicU64);

/// The number of slots of a server.
pub const SLOTS: usize = 65_536;
/// The number of clients at one place.
const ROW: usize = 8;

/// Bits of a moment.
const BITS: u32 = 44;
const MOMENT: u64 = (1 << BITS) - 1;

/// Tenths of a millisecond since the machine started: 44 bits last 55 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(u64);

const A_SECOND: u64 = 10_000;
const A_YEAR: u64 = 365 * 86_400 * A_SECOND;

impl Ticks {
    /// The current moment, by a clock that all processes share and that cannot be set (clock_gettime(2)).
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanoseconds) = (now.tv_sec.max(0).unsigned_abs(), now.tv_nsec.max(0).unsigned_abs());
        Ticks(seconds * A_SECOND + nanoseconds / 100_000)
    }

    /// Whole seconds, rounded up.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0.div_ceil(A_SECOND)).unwrap_or(u32::MAX)
    }

    /// This moment plus `time`.
    pub fn after(self, time: Duration) -> Self {
        Ticks(self.0.saturating_add(u64::try_from(time.as_nanos() / 100_000).unwrap_or(u64::MAX)))
    }
}

/// The rate of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The interval between two.
    interval: u64,
    /// How many at once.
    burst: u32,
}

impl Pace {
    /// `None`: too fast or too slow to be counted.
    pub fn new(quota: u32, window: Duration, burst: u32) -> Option<Self> {
        let window = window.as_secs().checked_mul(A_SECOND)?;
        let interval = window.div_ceil(u64::from(quota.max(1))); // rounded up: never more than configured
        let is_countable = u64::from(quota) <= window && interval.checked_mul(burst.into())? <= A_YEAR;
        is_countable.then_some(Pace { interval, burst })
    }

    fn whole(self) -> u64 {
        self.interval * u64::from(self.burst)
    }
}

/// The state of a limit for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// How many may follow at once.
    pub remaining: u32,
    /// The time until one more is allowed; `None`: one never fits.
    pub next: Option<Ticks>,
}

impl State {
    /// The state of a client that has used this much.
    fn of(used: u64, pace: Pace) -> Self {
        let room = pace.whole().saturating_sub(used);
        let remaining = room / pace.interval;
        let next = (used > 0).then(|| Ticks((remaining + 1) * pace.interval - room));
        State { remaining: u32::try_from(remaining).unwrap_or(u32::MAX), next }
    }
}

/// The result of an attempt to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// It was counted.
    Allowed(State),
    /// There is no table.
    NoMemory,
    /// Not counted; allowed after `wait`.
    Refused {
        /// The remaining allowance.
        state: State,
        /// The time until it is allowed.
        wait: Ticks,
    },
    /// More than may ever pass at once.
    TooMany,
}

/// Counts `number` for the client `key`, if the limit allows it now.
pub fn charge(slots: &[Slot], key: u64, pace: Pace, number: u32, now: Ticks) -> Charge {
    if number > pace.burst {
        return Charge::TooMany;
    }
    loop {
        let Some(place) = find(slots, key, now) else { return Charge::NoMemory };
        let used = place.used + u64::from(number) * pace.interval;
        if let Some(over) = used.checked_sub(pace.whole()).filter(|over| *over > 0) {
            return Charge::Refused { state: State::of(place.used, pace), wait: Ticks(over) };
        }
        if number == 0 || place.set(key, now, used) {
            return Charge::Allowed(State::of(used, pace));
        }
    }
}

/// The state of the limit for the client `key`.
pub fn look(slots: &[Slot], key: u64, pace: Pace, now: Ticks) -> State {
    State::of(find(slots, key, now).map_or(0, |place| place.used), pace)
}

/// Refunds what was counted.
pub fn refund(slots: &[Slot], key: u64, pace: Pace, number: u32, now: Ticks) -> State {
    loop {
        let Some(place) = find(slots, key, now) else { return State::of(0, pace) };
        let used = place.used.saturating_sub(u64::from(number) * pace.interval);
        if used == place.used || place.set(key, now, used) {
            return State::of(used, pace);
        }
    }
}

/// The word for a client, and its contents.
struct Place<'a> {
    slot: &'a Slot,
    word: u64,
    /// What this client has used.
    used: u64,
}

impl Place<'_> {
    /// `false`: another thread was quicker; look it up again.
    fn set(&self, key: u64, now: Ticks, used: u64) -> bool {
        let word = mark(key) << BITS | (now.0 + used) & MOMENT;
        // Nothing else depends on the word, so only its own order matters.
        self.slot.0.compare_exchange(self.word, word, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn mark(key: u64) -> u64 {
    key >> BITS
}

/// The client's own word, otherwise an expired one, otherwise the one that expires first. `None`: there is no table.
fn find(slots: &[Slot], key: u64, now: Ticks) -> Option<Place<'_>> {
    let rows = slots.len() / ROW;
    let at = usize::try_from(key & MOMENT).ok()?.checked_rem(rows)? * ROW;
    let mut best: Option<Place<'_>> = None;
    let mut earliest = u64::MAX;
    for slot in &slots[at..at + ROW] {
        let word = slot.0.load(Ordering::Relaxed);
        let left = (word & MOMENT).saturating_sub(now.0);
        if word != 0 && word >> BITS == mark(key) {
            return Some(Place { slot, word, used: left });
        }
        if left < earliest {
            earliest = left;
            best = Some(Place { slot, word, used: 0 });
        }
    }
    best
}
