//! Everything that can fail in the kernel: system calls behind a seam that tests can break ([`calls`]), octets held in memory or in an
//! unnamed file ([`spool`]), programs started and watched to their end ([`child`]), connections with a deadline ([`socket`], [`lookup`]),
//! and files that hold secrets ([`secret`]). Knows nothing of mail. Its `unsafe` code is in `spawn`.
#![deny(unsafe_code)]

pub mod buffer;
pub mod calls;
pub mod child;
pub mod lookup;
pub mod secret;
pub mod socket;
pub mod spawn;
pub mod spool;

pub use rustix::process::Pid;

/// Tests that start programs or count descriptors run one at a time: the whole process shares both.
#[cfg(test)]
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
