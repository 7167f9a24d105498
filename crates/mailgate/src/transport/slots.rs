//! How many programs run at a time in this process. There is one count, which each caller compares with its own limit: sections of a
//! configuration may have different limits.
#![forbid(unsafe_code)]

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

struct Gate {
    count: Mutex<Count>,
    freed: Condvar,
}

#[derive(Debug)]
struct Count {
    taken: usize,
    /// Threads to wake when a slot is returned; if there are none, that needs no system call.
    waiting: usize,
}

impl Gate {
    const fn new() -> Gate {
        Gate { count: Mutex::new(Count { taken: 0, waiting: 0 }), freed: Condvar::new() }
    }
}

static GATE: Gate = Gate::new();

/// Permission to run one program; released on drop.
#[derive(Debug)]
pub struct Slot(());

/// Takes a slot as soon as fewer than `limit` (0: no limit) are taken; `None` if that does not happen within `wait`.
pub fn acquire(limit: usize, wait: Duration) -> Option<Slot> {
    // Not then_some: a slot that is created and thrown away would return what was never taken.
    GATE.enter(limit, wait).then(|| Slot(()))
}

impl Drop for Slot {
    fn drop(&mut self) {
        GATE.leave();
    }
}

impl Gate {
    fn enter(&self, limit: usize, wait: Duration) -> bool {
        let mut count = self.lock();
        if limit > 0 && count.taken >= limit {
            let full = |count: &mut Count| count.taken >= limit;
            count.waiting += 1;
            let woken =
                self.freed.wait_timeout_while(count, wait, full).unwrap_or_else(|poisoned| poisoned.into_inner());
            count = woken.0;
            count.waiting -= 1;
            if count.taken >= limit {
                return false;
            }
        }
        count.taken += 1;
        true
    }

    fn leave(&self) {
        let mut count = self.lock();
        count.taken -= 1;
        if count.waiting > 0 {
            self.freed.notify_all(); // a waiter with a low limit must not hide one with a high limit
        }
    }

    /// Nothing between lock and unlock can panic, and the count is valid at any moment, so poisoning does not matter.
    fn lock(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    fn gate() -> &'static Gate {
        Box::leak(Box::new(Gate::new()))
    }

    #[test]
    fn over_the_limit_one_waits_and_then_gives_up() {
        let gate = gate();
        assert!(gate.enter(1, Duration::ZERO));
        let began = Instant::now();
        assert!(!gate.enter(1, Duration::from_millis(30)));
        assert!(began.elapsed() >= Duration::from_millis(30));
        assert!(gate.enter(2, Duration::ZERO), "a higher limit still has room");
        assert!(gate.enter(0, Duration::ZERO), "0 is no limit");
        (0..3).for_each(|_| gate.leave());
        assert!(gate.enter(1, Duration::ZERO));
    }

    #[test]
    fn a_freed_slot_wakes_the_one_who_waits() {
        let gate = gate();
        assert!(gate.enter(1, Duration::ZERO));
        let waiting = std::thread::spawn(|| gate.enter(1, Duration::from_secs(20)));
        std::thread::sleep(Duration::from_millis(20));
        gate.leave();
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn many_threads_with_different_limits_never_pass_theirs() {
        let gate = gate();
        let running = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for i in 0..24 {
                let running = &running;
                scope.spawn(move || {
                    let limit = 2 + i % 3;
                    for _ in 0..50 {
                        assert!(gate.enter(limit, Duration::from_secs(60)));
                        assert!(running.fetch_add(1, Ordering::SeqCst) < 4);
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        gate.leave();
                    }
                });
            }
        });
        assert_eq!(gate.lock().taken, 0);
    }

    #[test]
    fn a_slot_is_given_back_once_even_after_a_panic_and_never_by_one_who_got_none() {
        let taken = || GATE.lock().taken;
        let before = taken();
        let held = acquire(0, Duration::ZERO).unwrap();
        assert!(acquire(before + 1, Duration::ZERO).is_none());
        assert_eq!(taken(), before + 1, "who got none gives none back");
        drop(held);
        let slot = acquire(0, Duration::ZERO).unwrap();
        assert_eq!(taken(), before + 1);
        assert!(acquire(1, Duration::ZERO).is_none());
        assert_eq!(taken(), before + 1, "who got none gives none back");
        let panicked = std::thread::spawn(move || {
            let _held = slot;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert_eq!(taken(), before);
    }
}
