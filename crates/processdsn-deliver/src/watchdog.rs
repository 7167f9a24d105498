//! The drivers of databases wait without end for one that accepts and never answers: the process is then ended, and started again by whoever watches
//! it. What was not committed is undone with the connection.
#![forbid(unsafe_code)]

use crate::{TEMPFAIL, complain};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often is looked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Since when the database is waited for.
pub struct Watchdog(Arc<Mutex<Option<Instant>>>);

impl Watchdog {
    /// Starts the thread that looks.
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

    /// Runs what asks the database.
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let set = |since| *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
        set(Some(Instant::now()));
        let value = work();
        set(None);
        value
    }
}
