//! One run of the queue: take in what was dropped, send what is due, give up what is too old. A gateway that does not respond is asked once
//! per run, not once per message; the other messages wait, and are sent as soon as it is back.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::time::Duration;

use super::entry::{self, Entry};
use super::give_up::{described, give_up};
use super::intake::Intake;
use super::journal::{Event, State};
use super::{Folder, Queue, shown, sweep};
use crate::clock;
use crate::config::Config;
use crate::delivery::{self, Keys, Later, Message, Outcome};
use crate::gateway::Gateway;
use crate::log::Log;
use crate::message::prepare::Envelope;
use crate::message::site::Site;
use crate::report::Cause;

/// The pause after the first attempt, and the longest, in seconds.
const FIRST_PAUSE: i64 = 60;
const LONGEST_PAUSE: i64 = 3 * 3600;
/// A message is given up after `expire` and at least this many attempts: a clock that starts in 1970 must not cost a mail.
const FEWEST_TRIES: u32 = 5;
/// After so many deferrals in a row a gateway is left alone until the next run.
const PATIENCE: u32 = 3;

/// What a run needs.
pub struct Runner<'a> {
    /// The queue.
    pub queue: &'a Queue,
    /// The settings.
    pub config: &'a Config,
    /// Completes a message.
    pub site: &'a Site<'a>,
    /// The gateways.
    pub gateway: &'a Gateway,
    /// Where it is told.
    pub log: &'a Log,
    /// What is known about the gateways' keys.
    pub keys: Keys,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages that a gateway took.
    pub sent: u64,
    /// Messages that wait.
    pub waiting: u64,
}

/// Stops asking a gateway for the rest of a run.
#[derive(Default)]
struct Breaker {
    /// Messages deferred in a row.
    put_off: u32,
    /// Set once the gateway is left alone; the reason.
    open: Option<String>,
}

impl Runner<'_> {
    /// Runs once.
    pub fn run(&mut self) -> io::Result<Summary> {
        let mut summary = Summary::default();
        let mut breaker = Breaker::default();
        loop {
            summary.waiting = 0;
            let taken_in = self.intake()?;
            for name in self.queue.names(Folder::New)? {
                match entry::open(self.queue, Folder::New, &name) {
                    Ok(None) => summary.waiting += 1, // another process works on it
                    Ok(Some(entry)) => match self.handle(entry, &mut breaker)? {
                        Handled::Sent => summary.sent += 1,
                        Handled::Waits => summary.waiting += 1,
                        Handled::GivenUp => {}
                    },
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        self.log.error(&format!("{error}; moved to failed/"));
                        self.queue.rename(Folder::New, Folder::Failed, &name)?;
                    }
                    Err(error) => return Err(error),
                }
            }
            // Messages dropped meanwhile are sent in the same run.
            if taken_in == 0 {
                break;
            }
        }
        shown::publish(self.queue)?;
        sweep::sweep(self.queue)?;
        Ok(summary)
    }

    fn intake(&self) -> io::Result<u64> {
        Intake { queue: self.queue, config: self.config, site: self.site, log: self.log }.run()
    }

    fn handle(&mut self, mut entry: Entry, breaker: &mut Breaker) -> io::Result<Handled> {
        let state = entry.state();
        if state.is_failed || entry.head.envelope.recipients.is_empty() {
            // A run ended while it was giving up.
            give_up(self.queue, self.site, self.log, &mut entry, &state.words)?;
            return Ok(Handled::GivenUp);
        }
        if !is_due(&state, entry.last_event(), clock::now()) {
            return Ok(Handled::Waits);
        }
        let outcome = match &breaker.open {
            None => delivery::attempt(self.gateway, &mut self.keys, &mut entry),
            Some(words) if self.is_old(&entry) => {
                Outcome::Later(Later { pause: None, is_loud: false, status: None, words: words.clone() })
            }
            Some(_) => return Ok(Handled::Waits),
        };
        breaker.count(&outcome);
        self.finish(entry, &state, outcome)
    }

    fn finish(&mut self, mut entry: Entry, before: &State, outcome: Outcome) -> io::Result<Handled> {
        let name = entry.head.name();
        let tries = before.tries + 1;
        let next = |pause: Option<Duration>| clock::now() + pause_after(tries, &name, pause);
        let is_over = self.is_old(&entry) && tries >= FEWEST_TRIES;
        match outcome {
            Outcome::Taken { message_id, url } => {
                self.log.info(&format!("{name}: taken by {url} as {message_id}, {}", described(&entry)));
                self.queue.unlink(Folder::New, &name)?;
                return Ok(Handled::Sent);
            }
            Outcome::Later(later) => {
                let words = later.words.clone();
                entry.record(
                    Event::Later { next: next(later.pause), is_loud: later.is_loud, words: later.words },
                    false,
                )?;
                match later.is_loud {
                    true => self.log.error(&format!("{name}: kept: {words}")),
                    false => self.log.info(&format!("{name}: kept: {words}")),
                }
                if is_over {
                    let unsure = entry.state().possibly.is_some();
                    let cause = if unsure { Cause::Unknown } else { Cause::Expired };
                    let words = format!("tried {tries} times; the last time: {words}");
                    return self.fail(&mut entry, cause, &words);
                }
            }
            Outcome::Unsettled { words } => {
                entry.record(Event::Unknown { next: next(None), words: words.clone() }, false)?;
                self.log.info(&format!("{name}: kept, and may have been taken: {words}"));
                if is_over {
                    return self.fail(&mut entry, Cause::Unknown, &words);
                }
            }
            Outcome::Refused { words, .. } => return self.fail(&mut entry, Cause::Refused, &words),
            Outcome::Unknown { words } => return self.fail(&mut entry, Cause::Unknown, &words),
        }
        Ok(Handled::Waits)
    }

    fn fail(&self, entry: &mut Entry, cause: Cause, words: &str) -> io::Result<Handled> {
        give_up(self.queue, self.site, self.log, entry, &cause.sentence(words))?;
        Ok(Handled::GivenUp)
    }

    fn is_old(&self, entry: &Entry) -> bool {
        u64::try_from(clock::now() - entry.head.time).is_ok_and(|age| Duration::from_secs(age) > self.config.expire)
    }
}

enum Handled {
    GivenUp,
    Sent,
    Waits,
}

impl Breaker {
    fn count(&mut self, outcome: &Outcome) {
        let Outcome::Later(later) = outcome else {
            self.put_off = 0;
            return;
        };
        self.put_off += 1;
        // It is down, asks for a pause, or rejects our login: the next message would get the same answer.
        if later.status.is_none() || later.is_loud || later.pause.is_some() || self.put_off >= PATIENCE {
            self.open = Some(later.words.clone());
        }
    }
}

/// Due, or so far in the future that a clock must have been set back.
fn is_due(state: &State, last_event: i64, now: i64) -> bool {
    const SMALL_STEP: i64 = 60;
    state.next <= now || last_event > now + SMALL_STEP
}

/// 1 minute, doubling up to 3 hours, plus or minus a quarter at random; at least the pause that the gateway asks for.
fn pause_after(tries: u32, name: &str, asked: Option<Duration>) -> i64 {
    let doubled = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(20)).min(LONGEST_PAUSE);
    // FNV-1a: the names are random, so the retries of many messages spread out.
    let hash = name
        .bytes()
        .chain([tries as u8])
        .fold(0x811c_9dc5_u32, |hash, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let jitter = doubled / 2 * i64::from(hash % 1000) / 1000 - doubled / 4;
    let asked = asked.map_or(0, |asked| i64::try_from(asked.as_secs()).unwrap_or(LONGEST_PAUSE));
    (doubled + jitter).max(asked)
}

impl Message for Entry {
    fn key(&self) -> String {
        self.head.name()
    }

    fn envelope(&self) -> &Envelope {
        &self.head.envelope
    }

    fn size(&self) -> u64 {
        self.head.size
    }

    fn octets(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.message()?))
    }

    fn state(&self) -> State {
        Entry::state(self)
    }

    fn record(&mut self, event: Event, durable: bool) -> io::Result<()> {
        Entry::record(self, event, durable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_from_a_minute_to_three_hours() {
        for (tries, about) in [(1, 60), (2, 120), (3, 240), (8, 7680), (9, 10_800), (50, 10_800), (u32::MAX, 10_800)] {
            for name in ["a", "b", "c", "d"] {
                let pause = pause_after(tries, name, None);
                assert!((about * 3 / 4..=about * 5 / 4).contains(&pause), "{tries} {name}: {pause}");
            }
        }
        assert_ne!(pause_after(9, "a", None), pause_after(9, "b", None));
        assert_eq!(pause_after(1, "a", Some(Duration::from_secs(7200))), 7200);
        assert!(pause_after(9, "a", Some(Duration::from_secs(5))) > 5000);
    }

    #[test]
    fn a_clock_that_was_set_back_delays_nothing() {
        let waits = State { next: 1_000_100, ..State::default() };
        assert!(!is_due(&waits, 1_000_000, 1_000_050));
        assert!(is_due(&waits, 1_000_000, 1_000_100));
        assert!(is_due(&waits, 1_000_000, 5_000), "the last try is in the future: the clock was set back");
        assert!(!is_due(&waits, 1_000_000, 999_990), "a small step is no reason");
        assert!(is_due(&State::default(), 0, 1_000_000));
    }
}
