//! What this process remembers of each relay, besides its connections: the TLS configuration, whether its STARTTLS works, whether it offers
//! DSN.
#![forbid(unsafe_code)]

use super::{Relay, tls};
use rustls::ClientConfig;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Longest life of a connection, and of what is remembered of a relay, so that changes of DNS and of certificates are noticed.
pub(super) const AGE: Duration = Duration::from_secs(300);

struct Known {
    relay: Relay,
    tls: Arc<ClientConfig>,
    /// STARTTLS is not used until then, since it did not work.
    no_starttls: Option<Instant>,
    /// Whether it offered DSN on the last connection.
    dsn: Option<bool>,
}

static RELAYS: Mutex<Vec<Known>> = Mutex::new(Vec::new());

/// Nothing between lock and unlock can panic half way, so poisoning does not matter.
fn lock() -> MutexGuard<'static, Vec<Known>> {
    RELAYS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The TLS configuration for this relay, made once.
pub(super) fn tls(relay: &Relay) -> Result<Arc<ClientConfig>, String> {
    if let Some(known) = lock().iter().find(|known| known.relay == *relay) {
        return Ok(known.tls.clone());
    }
    let tls = tls::configure(relay)?;
    let mut relays = lock();
    if !relays.iter().any(|known| known.relay == *relay) {
        relays.push(Known { relay: relay.clone(), tls: tls.clone(), no_starttls: None, dsn: None });
    }
    Ok(tls)
}

/// Whether STARTTLS of this relay failed a short while ago.
pub(super) fn is_starttls_broken(relay: &Relay, now: Instant) -> bool {
    let relays = lock();
    let known = relays.iter().find(|known| known.relay == *relay);
    known.is_some_and(|known| known.no_starttls.is_some_and(|until| now < until))
}

/// Remembers that it does not work: if it hangs, it would take half of the time of every new connection.
pub(super) fn starttls_is_broken(relay: &Relay, now: Instant) {
    if let Some(known) = lock().iter_mut().find(|known| known.relay == *relay) {
        known.no_starttls = Some(now + AGE);
    }
}

/// Whether this relay offered DSN on the last connection.
pub(super) fn offers_dsn(relay: &Relay) -> Option<bool> {
    lock().iter().find(|known| known.relay == *relay).and_then(|known| known.dsn)
}

/// Remembers whether it offers DSN.
pub(super) fn dsn_is_offered(relay: &Relay, offered: bool) {
    if let Some(known) = lock().iter_mut().find(|known| known.relay == *relay) {
        known.dsn = Some(offered);
    }
}
