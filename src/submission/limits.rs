//! The number of sessions in all children of httpd together, and from each address. Without shared memory only httpd's own limits apply.
#![forbid(unsafe_code)]

use httpd::{Server, Shared};
use mailgate::tags;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest value of SubmissionMaxConnections.
pub const MOST_SESSIONS: usize = 4096;

/// A session: the process that serves it (0: the slot is free), and its client.
type Slot = [AtomicU64; 2];

static SLOTS: Shared<Slot> = Shared::new("mod_submission-sessions");
const LAYOUT: u64 = 1;

/// Makes the memory, in the parent.
pub fn start(server: &Server<'_>) {
    if let Err(error) = SLOTS.make(server, LAYOUT, MOST_SESSIONS) {
        tracing::error!("{}: SubmissionMaxConnections has no effect: {error}", tags::NO_SESSIONS);
    }
}

/// Frees the slots of an ended child, in the parent.
pub fn child_ended(pid: u64) {
    for [process, _] in SLOTS.items() {
        let _ = process.compare_exchange(pid, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// A place for one session, given back on drop.
pub struct Place(Option<&'static Slot>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some([process, _]) = self.0 {
            process.store(0, Ordering::Release);
        }
    }
}

/// Takes a slot of `most`, of which one address may have `each`; `None` if none is free.
pub fn enter(address: Option<IpAddr>, (most, each): (usize, usize)) -> Option<Place> {
    let slots = SLOTS.items();
    let slots = &slots[..most.min(slots.len())];
    if slots.is_empty() {
        return Some(Place(None));
    }
    let pid = std::process::id().into();
    let free = |slot: &&Slot| slot[0].compare_exchange(0, pid, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    let slot = slots.iter().find(free)?;
    let place = Place(Some(slot));
    let owner = owner(address);
    slot[1].store(owner, Ordering::Release);
    let taken = |[process, of]: &&Slot| process.load(Ordering::Acquire) != 0 && of.load(Ordering::Acquire) == owner;
    (slots.iter().filter(taken).count() <= each).then_some(place)
}

/// An IPv4 address, or the /64 of one IPv6 subscriber.
fn owner(address: Option<IpAddr>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match address {
        Some(IpAddr::V6(address)) => address.segments()[..4].hash(&mut hasher),
        other => other.hash(&mut hasher),
    }
    hasher.finish()
}
