//! The connections of this process that wait for the next message. No thread watches them: whenever one is taken or returned, those that
//! have waited too long are closed.
#![forbid(unsafe_code)]

use super::Relay;
use super::memory::AGE;
use super::session::Session;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Longest wait for the next message; most servers wait for five minutes (RFC 5321 4.5.3.2.7).
const IDLE: Duration = Duration::from_secs(30);
/// Most waiting connections per relay.
const MOST: usize = 16;

/// One relay as configured, and its connections; the most recently used is last.
struct Peer {
    relay: Relay,
    waiting: Vec<Waiting>,
}

struct Waiting {
    session: Session,
    since: Instant,
}

static PEERS: Mutex<Vec<Peer>> = Mutex::new(Vec::new());

/// Nothing between lock and unlock can panic half way, so poisoning does not matter.
fn lock() -> MutexGuard<'static, Vec<Peer>> {
    PEERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A connection that was quiet a moment ago.
pub(super) fn take(relay: &Relay, now: Instant) -> Option<Session> {
    loop {
        let (expired, taken) = {
            let mut peers = lock();
            let expired = sweep(&mut peers, now);
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
pub(super) fn give_back(relay: &Relay, mut session: Session, now: Instant) {
    if !session.is_quiet() {
        return;
    }
    let expired = {
        let mut peers = lock();
        let mut expired = sweep(&mut peers, now);
        let waiting = Waiting { session, since: now };
        match peers.iter_mut().find(|peer| peer.relay == *relay) {
            _ if waiting.session.age(now) > AGE => expired.push(waiting.session),
            Some(peer) if peer.waiting.len() < MOST => peer.waiting.push(waiting),
            Some(_) => expired.push(waiting.session),
            None => peers.push(Peer { relay: relay.clone(), waiting: vec![waiting] }),
        }
        expired
    };
    close(expired);
}

/// Takes out connections that have waited or lived too long.
fn sweep(peers: &mut [Peer], now: Instant) -> Vec<Session> {
    let over =
        |waiting: &mut Waiting| now.saturating_duration_since(waiting.since) > IDLE || waiting.session.age(now) > AGE;
    peers.iter_mut().flat_map(|peer| peer.waiting.extract_if(.., over)).map(|waiting| waiting.session).collect()
}

/// Called outside the lock, since it says goodbye.
fn close(sessions: Vec<Session>) {
    sessions.into_iter().for_each(Session::quit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::smtp::{Server, StartTls};
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Greets, accepts everything, and reports at the end whether the last command was QUIT.
    fn serve(socket: TcpStream, ended: &Sender<bool>) {
        let mut writer = socket.try_clone().unwrap();
        writer.write_all(b"220 mx\r\n").unwrap();
        let mut last = String::new();
        for line in BufReader::new(socket).lines().map_while(Result::ok) {
            last = line;
            let _ = writer.write_all(b"250 mx\r\n"); // a client that has said QUIT does not wait
        }
        let _ = ended.send(last == "QUIT");
    }

    /// A mail server, and how its connections end: with QUIT or without.
    fn server() -> (Relay, Receiver<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Arc::new(Server::parse(&listener.local_addr().unwrap().to_string()).unwrap());
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || serve(socket, &sender));
            }
        });
        let name = "gateway.test".to_owned();
        let starttls = StartTls::default();
        (Relay { server, credentials: None, authorities: None, identity: None, starttls, name }, ended)
    }

    fn open(relay: &Relay) -> Session {
        Session::open(relay, Instant::now() + Duration::from_secs(60)).unwrap()
    }

    fn waiting(relay: &Relay) -> usize {
        lock().iter().find(|peer| peer.relay == *relay).map_or(0, |peer| peer.waiting.len())
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// One test: the connections of all relays expire by the time that one of them is told.
    #[test]
    fn a_connection_is_kept_for_half_a_minute_and_five_at_most_and_sixteen_of_them() {
        let (relay, ended) = server();
        let end = || ended.recv_timeout(60 * SECOND).unwrap();
        let session = open(&relay);
        let begin = Instant::now();
        give_back(&relay, session, begin);
        let session = take(&relay, begin + IDLE).expect("it has waited for half a minute");
        give_back(&relay, session, begin + IDLE);
        assert!(take(&relay, begin + IDLE + IDLE + SECOND).is_none(), "and a second");
        assert!(end(), "it said goodbye");

        let mut session = open(&relay);
        let begin = Instant::now();
        for step in 0..=10 {
            give_back(&relay, session, begin + step * IDLE - SECOND.min(step * IDLE));
            session = take(&relay, begin + step * IDLE - SECOND.min(step * IDLE)).expect("it is not five minutes old");
        }
        give_back(&relay, session, begin + AGE - SECOND);
        assert!(take(&relay, begin + AGE + SECOND).is_none(), "it has waited for two seconds, and is too old");
        assert!(end());
        let session = open(&relay);
        give_back(&relay, session, Instant::now() + AGE + SECOND);
        assert_eq!(waiting(&relay), 0, "too old to be kept at all");
        assert!(end());

        let now = Instant::now();
        let sessions: Vec<Session> = (0..MOST + 3).map(|_| open(&relay)).collect();
        for session in sessions {
            give_back(&relay, session, now);
        }
        assert_eq!(waiting(&relay), MOST);
        assert!((0..3).all(|_| end()) && ended.try_recv().is_err(), "the three that are too many say goodbye");

        let (other, _) = server();
        assert!(take(&other, now + IDLE + SECOND).is_none());
        assert_eq!(waiting(&relay), 0, "whoever comes next closes those of all relays");
        assert!((0..MOST).all(|_| end()));
    }
}
