//! Memory that is kept for the next message. Giving it back to the kernel interrupts every core that runs a thread of this process; getting
//! it again costs a page fault per page. The buffer used last is still in the caches.
#![forbid(unsafe_code)]

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

/// How many buffers are kept, and the largest size of each: 8 MiB in all. The rest goes back to the allocator.
const MOST: usize = 32;
const LARGEST: usize = 256 * 1024;

/// The buffers that are not in use: as many as were ever in use at once. A static, not a thread-local: a thread-local with a destructor
/// would keep the module mapped after httpd unloads it.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A `Vec` that starts empty and keeps the capacity of its last use.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer(KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop().unwrap_or_default())
    }
}

impl Buffer {
    /// Appends. Room grows to powers of two, so that a full one is not larger than `LARGEST`.
    pub fn append(&mut self, octets: &[u8]) {
        let needed = self.len() + octets.len();
        if needed > self.capacity() {
            let length = self.len();
            self.reserve_exact(needed.next_power_of_two() - length);
        }
        self.extend_from_slice(octets);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut octets = mem::take(&mut self.0);
        if octets.capacity() == 0 || octets.capacity() > LARGEST {
            return;
        }
        octets.clear();
        let mut kept = KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if kept.len() < MOST {
            kept.push(octets);
        }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone;

    fn kept() -> usize {
        KEPT.lock().unwrap().len()
    }

    #[test]
    fn a_buffer_is_used_again_and_is_empty_then() {
        let _alone = alone();
        let mut first = Buffer::default();
        first.extend_from_slice(b"of somebody else");
        let address = first.as_ptr();
        drop(first);
        let second = Buffer::default();
        assert_eq!((second.as_ptr(), second.len()), (address, 0));
        assert!(second.capacity() >= 16);
    }

    #[test]
    fn only_so_many_of_only_such_a_size_are_kept() {
        let _alone = alone();
        let filled = |size: usize| {
            let mut buffer = Buffer::default();
            buffer.resize(size, 1);
            buffer
        };
        drop((0..2 * MOST).map(|_| filled(10)).collect::<Vec<_>>());
        assert_eq!(kept(), MOST);
        let before = kept();
        drop(filled(LARGEST + 1)); // it was one of them, and has become too large
        assert_eq!(kept(), before - 1);
    }
}
