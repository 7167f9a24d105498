//! Database drivers wait without limit for a server that accepts and never answers. The watchdog then ends the process; its supervisor
//! starts it again. The lost connection rolls back what was not committed.
#![forbid(unsafe_code)]

use crate::{TEMPFAIL, complain};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the watchdog checks.
const INTERVAL: Duration = Duration::from_secs(1);

/// When the current wait for the database began.
pub struct Watchdog(Arc<Mutex<Option<Instant>>>);

impl Watchdog {
    /// Starts the watchdog thread.
    pub fn start() -> Watchdog {
        let since = Arc::new(Mutex::new(None));
        let watched = since.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(INTERVAL);
                let since: Option<Instant> = *watched.lock().unwrap_or_else(PoisonError::into_inner);
                if since.is_some_and(|since| since.elapsed() > PATIENCE) {
                    complain(&format_args!("the database did not answer within {PATIENCE:?}"));
                    std::process::exit(TEMPFAIL.into());
                }
            }
        });
        Watchdog(since)
    }

    /// Runs a job that uses the database.
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let set = |since| *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
        set(Some(Instant::now()));
        let value = work();
        set(None);
        value
    }
}
