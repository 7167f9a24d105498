//! A mail server of one test that takes messages, remembers everything, and at each step does what a mail server should or what its rules
//! say: other replies, slowness, silence, a closed connection. It speaks TLS with the certificates of the test.

mod conversation;

use super::certificates::Certificates;
use conversation::Conversation;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// The act at a step instead of the usual reply.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Sends these octets, line ends included.
    Say(&'static str),
    /// The same, an octet at a time.
    Drip(&'static str),
    /// Sends these, and closes the connection.
    SayAndClose(&'static str),
    Close,
    /// Never sends anything.
    Hang,
}

/// `step` is the verb, `connect`, `content` (a message has begun), `.` (it has ended), `idle` (after the reply to it).
#[derive(Clone, Copy, Debug)]
struct Rule {
    step: &'static str,
    /// Part of the command.
    about: &'static str,
    /// How often it has happened.
    times: usize,
    act: Act,
}

/// A message that reached its final dot.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The whole MAIL command.
    pub mail: String,
    /// The whole RCPT commands that were answered with 250.
    pub rcpts: Vec<String>,
    /// As on the wire, dots undoubled, without the final dot.
    pub octets: Vec<u8>,
    /// Whether it was answered with 250.
    pub accepted: bool,
    /// Counted from 0.
    pub connection: usize,
}

#[derive(Default)]
struct State {
    offers: Vec<String>,
    rules: Vec<Rule>,
    commands: Vec<String>,
    taken: Vec<Taken>,
}

struct Shared {
    state: Mutex<State>,
    connections: AtomicUsize,
    stopped: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
    implicit: bool,
}

pub struct Smtp {
    shared: Arc<Shared>,
    address: SocketAddr,
}

const OFFERS: [&str; 4] = ["PIPELINING", "SIZE 10000000", "8BITMIME", "DSN"];

impl Smtp {
    /// Without TLS.
    pub fn start() -> Self {
        Self::launch("127.0.0.1", None, false)
    }

    /// Offers STARTTLS, and AUTH after it.
    pub fn with_starttls(certificates: &Certificates) -> Self {
        Self::with_starttls_at("127.0.0.1", certificates)
    }

    /// Accepts only clients with a certificate of the same CA.
    pub fn demanding_certificate(certificates: &Certificates) -> Self {
        let smtp = Self::launch("127.0.0.1", Some(tls(certificates, true)), false);
        smtp.offer(&["STARTTLS"]);
        smtp
    }

    /// On another loopback address, for which the certificate is not valid.
    pub fn with_starttls_at(host: &str, certificates: &Certificates) -> Self {
        let smtp = Self::launch(host, Some(tls(certificates, false)), false);
        smtp.offer(&["STARTTLS", "AUTH PLAIN LOGIN"]);
        smtp
    }

    /// TLS from the first octet.
    pub fn with_tls(certificates: &Certificates) -> Self {
        let smtp = Self::launch("127.0.0.1", Some(tls(certificates, false)), true);
        smtp.offer(&["AUTH PLAIN LOGIN"]);
        smtp
    }

    fn launch(host: &str, tls: Option<Arc<ServerConfig>>, implicit: bool) -> Self {
        let listener = TcpListener::bind((host, 0)).expect("loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let state = State { offers: OFFERS.map(str::to_owned).to_vec(), ..State::default() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            connections: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            tls,
            implicit,
        });
        let server = shared.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                if server.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (server, number) = (server.clone(), server.connections.fetch_add(1, Ordering::SeqCst));
                thread::spawn(move || drop(Conversation::serve(&server, socket, number)));
            }
        });
        Self { shared, address }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Adds lines to the reply to EHLO.
    pub fn offer(&self, lines: &[&str]) {
        self.state().offers.extend(lines.iter().map(|&line| line.to_owned()));
    }

    /// Removes the lines that start like this.
    pub fn offer_no(&self, start: &str) {
        self.state().offers.retain(|line| !line.starts_with(start));
    }

    /// Always, from now on.
    pub fn rule(&self, step: &'static str, act: Act) {
        self.rule_about(step, "", usize::MAX, act);
    }

    /// Only the next time.
    pub fn once(&self, step: &'static str, act: Act) {
        self.rule_about(step, "", 1, act);
    }

    pub fn rule_about(&self, step: &'static str, about: &'static str, times: usize, act: Act) {
        self.state().rules.push(Rule { step, about, times, act });
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Messages that reached their dot since the last call.
    pub fn take(&self) -> Vec<Taken> {
        std::mem::take(&mut self.state().taken)
    }

    /// Every command so far.
    pub fn commands(&self) -> Vec<String> {
        self.state().commands.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the listener up
    }
}

fn tls(certificates: &Certificates, demand: bool) -> Arc<ServerConfig> {
    let identity = certificates.server();
    let certificate = CertificateDer::from_pem_file(&identity.certificate).expect("openssl wrote it");
    let key = PrivateKeyDer::from_pem_file(&identity.key).expect("openssl wrote it");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.expect("ring has TLS");
    let builder = if demand {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(certificates.authority()).expect("openssl wrote it");
        roots.add(authority).expect("it is a CA");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("it has a root"))
    } else {
        builder.with_no_client_auth()
    };
    Arc::new(builder.with_single_cert(vec![certificate], key).expect("they fit"))
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
