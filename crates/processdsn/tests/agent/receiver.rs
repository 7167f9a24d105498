//! Receivers of webhooks on loopback, good ones and bad ones, and processdsn-deliver, which sends to them.

use crate::agent::{self, Ended};
use crate::databases::Store;
use crate::place::Place;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// The secret of the tests.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// An event that a receiver got.
#[derive(Clone, Debug, Default)]
pub struct Event {
    head: Vec<String>,
    pub body: String,
}

impl Event {
    /// The value of a field, by its name in lower case.
    pub fn field(&self, name: &str) -> String {
        let named = |line: &String| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        self.head.iter().find_map(named).unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// How a receiver reacts to an event.
pub enum Reaction {
    Answer(&'static str),
    /// Status 200 and a body of a gigabyte.
    Endless,
    /// No answer, until the other end gives up.
    Hang,
}

pub const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

pub struct Receiver {
    pub port: u16,
    events: Arc<Mutex<Vec<Event>>>,
    connections: Arc<AtomicUsize>,
    /// Octets of endless answers that the other end has read.
    pub written: Arc<AtomicUsize>,
}

impl Receiver {
    /// `react` decides about each event by its number, from 0.
    pub fn start(react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let receiver = Receiver { port, events: Arc::default(), connections: Arc::default(), written: Arc::default() };
        let (events, connections, written) =
            (receiver.events.clone(), receiver.connections.clone(), receiver.written.clone());
        let react = Arc::new(react);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                connections.fetch_add(1, Ordering::SeqCst);
                let (events, react, written) = (events.clone(), react.clone(), written.clone());
                std::thread::spawn(move || {
                    let Some(event) = read(&stream) else { return };
                    let number = {
                        let mut events = events.lock().expect("no panic");
                        events.push(event);
                        events.len() - 1
                    };
                    answer(stream, &react(number), &written);
                });
            }
        });
        receiver
    }

    pub fn taking() -> Receiver {
        Receiver::start(|_| Reaction::Answer(TAKEN))
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks", self.port)
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().expect("no panic").clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn read(stream: &TcpStream) -> Option<Event> {
    let (mut reader, mut event) = (BufReader::new(stream), Event::default());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => event.head.push(line.to_owned()),
        }
    }
    let mut body = vec![0; event.field("content-length").parse().ok()?];
    // A sender killed half way has sent nothing.
    reader.read_exact(&mut body).ok()?;
    event.body = String::from_utf8(body).ok()?;
    Some(event)
}

fn answer(mut stream: TcpStream, reaction: &Reaction, written: &AtomicUsize) {
    match reaction {
        Reaction::Answer(text) => drop(stream.write_all(text.as_bytes())),
        Reaction::Hang => drop(stream.read(&mut [0])),
        Reaction::Endless => {
            let piece = [b'x'; 64 << 10];
            let head = format!("HTTP/1.1 500 Large\r\nContent-Length: {}\r\n\r\n", 1 << 30);
            let _ = stream.write_all(head.as_bytes());
            for _ in 0..(1 << 30) / piece.len() {
                match stream.write_all(&piece) {
                    Ok(()) => written.fetch_add(piece.len(), Ordering::SeqCst),
                    Err(_) => return,
                };
            }
        }
    }
}

/// processdsn-deliver, built once per run, in this test's profile.
pub fn deliverer() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_processdsn")).parent().expect("a folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "processdsn-deliver", "--target-dir"]);
        cargo.arg(folder.parent().expect("the target folder")).current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success());
        folder.join("processdsn-deliver")
    })
}

pub fn sender(store: &dyn Store) -> Command {
    let mut command = Command::new(deliverer());
    command.args(store.connection());
    // Nobody listens there: the environment's proxies must not be used.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command
}

/// Sends what is due, once.
pub fn send(store: &dyn Store) -> Ended {
    agent::run(&mut sender(store), b"")
}

/// Makes deferred events due now, and frees claimed ones.
pub fn hurry(store: &dyn Store) {
    store.sql("UPDATE webhook SET paused_until = 0; UPDATE outbox SET due = 0 WHERE dead = 0");
}

pub fn secret_file(place: &Place, text: &str) -> PathBuf {
    let file = place.file("secret");
    fs::write(&file, format!("{text}\n")).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("own file");
    file
}

/// Adds a hook; returns its id.
pub fn add(store: &dyn Store, place: &Place, url: &str, options: &[&str]) -> String {
    let secret = secret_file(place, SECRET);
    let mut command = store.agent();
    command.args(["--webhook", "add", url, "--secret"]).arg(secret).args(options);
    let ended = agent::run(&mut command, b"").exits(0);
    ended.out.split(' ').next().expect("an id").to_owned()
}
