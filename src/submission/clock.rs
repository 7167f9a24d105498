//! SubmissionTimeout: a command line and a message must be complete in their time, even if their octets drip slowly.
#![forbid(unsafe_code)]

use super::directives::Timeouts;
use smtp::Phase;
use std::time::{Duration, Instant};

/// A session that sends nothing ends after this many command times.
const IDLE_COMMANDS: u32 = 10;

/// The deadline for what the client sends next.
pub struct Clock {
    timeouts: Timeouts,
    phase: Phase,
    begin: Instant,
    last: Instant,
    octets: u64,
    idle_since: Instant,
}

impl Clock {
    pub fn start(timeouts: Timeouts) -> Self {
        let now = Instant::now();
        Clock { timeouts, phase: Phase::Command, begin: now, last: now, octets: 0, idle_since: now }
    }

    /// So many octets arrived, `answered` tells whether the client got a reply, and the session is in this phase now.
    pub fn advance(&mut self, octets: usize, answered: bool, phase: Phase) {
        let now = Instant::now();
        self.last = now;
        self.octets += octets as u64;
        let is_data = phase == Phase::Data;
        if answered || is_data != (self.phase == Phase::Data) {
            (self.begin, self.octets) = (now, 0);
        }
        self.phase = phase;
    }

    /// A message was taken or refused.
    pub fn message_ended(&mut self) {
        self.idle_since = Instant::now();
    }

    /// The time left; `None` when it is over.
    pub fn left(&self) -> Option<Duration> {
        let Timeouts { command, data, min_rate } = self.timeouts;
        let end = match self.phase {
            Phase::Data => {
                let earned = Duration::from_secs(self.octets / u64::from(min_rate));
                (self.begin + data + earned).min(self.last + data)
            }
            _ => (self.begin + command).min(self.idle_since + command * IDLE_COMMANDS),
        };
        end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}
