//! The connections of this process that wait for the next message, and what each relay's TLS is made of. No thread looks after them:
//! whoever takes or gives back one closes those that have waited too long.
#![forbid(unsafe_code)]

use super::session::Session;
use super::{Relay, tls};
use rustls::ClientConfig;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Longest wait for the next message; most servers wait for five minutes (RFC 5321 4.5.3.2.7).
const IDLE: Duration = Duration::from_secs(30);
/// Longest life of a connection, so that changes of the DNS and of certificates are noticed.
const AGE: Duration = Duration::from_secs(300);
/// Most connections that wait, a relay.
const MOST: usize = 16;

/// One relay as the configuration says it, and its connections, the one used last at the end.
struct Peer {
    relay: Relay,
    tls: Arc<ClientConfig>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    session: Session,
    since: Instant,
}

static PEERS: Mutex<Vec<Peer>> = Mutex::new(Vec::new());

/// Nothing between lock and unlock can panic half way: poison means nothing here.
fn lock() -> MutexGuard<'static, Vec<Peer>> {
    PEERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What TLS to this relay needs, made once.
pub(super) fn tls(relay: &Relay) -> Result<Arc<ClientConfig>, String> {
    if let Some(peer) = lock().iter().find(|peer| peer.relay == *relay) {
        return Ok(peer.tls.clone());
    }
    let tls = tls::configure(relay)?;
    let mut peers = lock();
    if !peers.iter().any(|peer| peer.relay == *relay) {
        peers.push(Peer { relay: relay.clone(), tls: tls.clone(), waiting: Vec::new() });
    }
    Ok(tls)
}

/// A connection that was quiet a moment ago.
pub(super) fn take(relay: &Relay) -> Option<Session> {
    loop {
        let (expired, taken) = {
            let mut peers = lock();
            let expired = sweep(&mut peers);
            let peer = peers.iter_mut().find(|peer| peer.relay == *relay);
            (expired, peer.and_then(|peer| peer.waiting.pop()))
        };
        close(expired);
        let mut session = taken?.session;
        if session.is_quiet() {
            return Some(session);
        }
    }
}

/// Keeps a connection for the next message.
pub(super) fn give_back(relay: &Relay, mut session: Session) {
    if !session.is_quiet() {
        return;
    }
    let expired = {
        let mut peers = lock();
        let mut expired = sweep(&mut peers);
        match peers.iter_mut().find(|peer| peer.relay == *relay) {
            Some(peer) if peer.waiting.len() < MOST => peer.waiting.push(Waiting { session, since: Instant::now() }),
            _ => expired.push(session),
        }
        expired
    };
    close(expired);
}

/// Takes out what has waited or lived too long.
fn sweep(peers: &mut [Peer]) -> Vec<Session> {
    let over = |waiting: &mut Waiting| waiting.since.elapsed() > IDLE || waiting.session.age() > AGE;
    peers.iter_mut().flat_map(|peer| peer.waiting.extract_if(.., over)).map(|waiting| waiting.session).collect()
}

/// Outside the lock, since it says goodbye.
fn close(sessions: Vec<Session>) {
    sessions.into_iter().for_each(Session::quit);
}
