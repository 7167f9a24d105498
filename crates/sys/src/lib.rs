//! What can fail at the kernel: system calls behind a seam that tests can break ([`calls`]), octets that wait in memory or in a file without a
//! name ([`spool`]), programs that are started and watched to their end ([`child`]), connections that give up at a deadline
//! ([`socket`], [`lookup`]), and files that hold secrets ([`secret`]). It knows nothing of mail. Its `unsafe` code stands in
//! `spawn`.
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

/// Tests that start programs or count descriptors go one after the other: both are shared by the whole process.
#[cfg(test)]
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
