//! How many programs are running, over all processes of a server. Each process counts its own in its own place, so that the programs of a
//! killed process are not counted forever: the process that reaps it frees its place.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use zerocopy::FromZeros;

/// The place of one process. All zero is valid, and means free.
#[repr(C)]
#[derive(Debug, Default, FromZeros)]
pub struct Place {
    pid: AtomicU64,
    running: AtomicU64,
}

/// A running program, until dropped.
#[derive(Debug)]
pub struct Running<'a>(&'a Place);

/// The place of the process `pid`, or else a free one; `None` if all are taken.
pub fn claim(places: &[Place], pid: u64) -> Option<&Place> {
    let taken = |place: &&Place| place.pid.load(Ordering::Acquire) == pid;
    let free = |place: &&Place| place.pid.compare_exchange(0, pid, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    places.iter().find(taken).or_else(|| places.iter().find(free))
}

/// Frees the place of an ended process.
pub fn free(places: &[Place], pid: u64) {
    for place in places.iter().filter(|place| place.pid.load(Ordering::Acquire) == pid) {
        place.running.store(0, Ordering::Relaxed);
        place.pid.store(0, Ordering::Release);
    }
}

/// How many run in all processes together.
pub fn running(places: &[Place]) -> u64 {
    places.iter().map(|place| place.running.load(Ordering::Relaxed)).sum()
}

impl Place {
    /// Counts a program until the result is dropped, even by a panic.
    pub fn run(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(number: usize) -> Vec<Place> {
        (0..number).map(|_| Place::default()).collect()
    }

    #[test]
    fn each_process_has_one_place_and_all_are_counted_together() {
        let places = places(2);
        let (first, second) = (claim(&places, 10).unwrap(), claim(&places, 20).unwrap());
        assert!(!std::ptr::eq(first, second));
        assert!(std::ptr::eq(first, claim(&places, 10).unwrap()), "asked again, it is the same");
        assert!(claim(&places, 30).is_none(), "all are taken");
        let held = (first.run(), second.run(), second.run());
        assert_eq!(running(&places), 3);
        drop(held);
        assert_eq!(running(&places), 0);
    }

    #[test]
    fn the_programs_of_a_process_that_died_are_not_counted_and_its_place_is_used_again() {
        let places = places(1);
        std::mem::forget(claim(&places, 10).unwrap().run()); // SIGKILL drops nothing
        assert_eq!(running(&places), 1);
        free(&places, 11);
        assert_eq!((running(&places), claim(&places, 20).is_none()), (1, true), "that was another one");
        free(&places, 10);
        assert_eq!(running(&places), 0);
        let _held = claim(&places, 20).unwrap().run();
        assert_eq!(running(&places), 1);
    }

    #[test]
    fn a_panic_ends_the_count() {
        let places = places(1);
        let place = claim(&places, 10).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = place.run();
            panic!("on purpose");
        }));
        assert_eq!((panicked.is_err(), running(&places)), (true, 0));
    }

    #[test]
    fn processes_that_come_at_once_get_places_of_their_own() {
        let places = places(64);
        std::thread::scope(|scope| {
            for pid in 1..=64 {
                let places = &places;
                scope.spawn(move || assert!(claim(places, pid).is_some()));
            }
        });
        let mut pids: Vec<_> = places.iter().map(|place| place.pid.load(Ordering::Relaxed)).collect();
        pids.sort_unstable();
        assert_eq!(pids, (1..=64).collect::<Vec<_>>());
    }
}
