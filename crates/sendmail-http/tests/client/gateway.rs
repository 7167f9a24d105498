//! A gateway on loopback: reads requests, answers by script, honours keys where told to, and remembers what it took.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a gateway does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Take the message: 202.
    Take,
    /// Answer like this, and take nothing.
    Answer(Answer),
    /// Answer like this without reading the body.
    Early(Answer),
    /// Answer like this after so many octets of the body; Expect is not known.
    Halfway(u64, Answer),
    /// Read nothing but the head, and close.
    CloseEarly,
    /// Read all, take nothing, and close.
    CloseLate,
    /// Take the message, and close without an answer.
    TakeAndClose,
    /// Take the message, and answer half a status line.
    TakeAndBreak,
    /// Take the message, and answer nothing for this long.
    TakeAndWait(Duration),
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    /// An answer in the gateway's own words (problem+json).
    pub fn problem(status: u16, again: &str, tag: &str) -> Act {
        let body = format!(
            "{{\"status\":{status},\"detail\":\"the gateway's word\",\"send_again\":\"{again}\",\"tag\":\"{tag}\"}}"
        );
        Act::Answer(Answer { status, fields: vec![("Content-Type", "application/problem+json".into())], body })
    }

    /// An answer from something else.
    pub fn html(status: u16) -> Act {
        let fields = vec![("Content-Type", "text/html".into()), ("Location", "http://127.0.0.1:9/login".into())];
        Act::Answer(Answer { status, fields, body: "<h1>Somebody else</h1>".into() })
    }

    pub fn with(act: Act, name: &'static str, value: &str) -> Act {
        match act {
            Act::Answer(mut answer) => {
                answer.fields.push((name, value.to_owned()));
                Act::Answer(answer)
            }
            other => other,
        }
    }
}

/// A request as received.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|field| field.0.eq_ignore_ascii_case(name));
        found.map(|field| field.1.as_str()).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

type Script = Box<dyn Fn(&Request, usize) -> Act + Send + Sync>;

struct Inner {
    script: Script,
    /// How long keys are honoured, in seconds; `None`: they are not.
    lifetime: Option<u64>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    posts: Vec<Request>,
    taken: Vec<Request>,
    keys: HashMap<String, u16>,
    connections: usize,
    options: usize,
}

pub struct Gateway {
    pub url: String,
    inner: Arc<Inner>,
}

impl Gateway {
    /// A gateway that honours keys; the script decides about the nth POST.
    pub fn new(script: impl Fn(&Request, usize) -> Act + Send + Sync + 'static) -> Gateway {
        Gateway::start(Some(604_800), script)
    }

    pub fn taking() -> Gateway {
        Gateway::new(|_, _| Act::Take)
    }

    /// A gateway that acts alike on each request.
    pub fn doing(act: Act) -> Gateway {
        Gateway::new(move |_, _| act.clone())
    }

    pub fn start(lifetime: Option<u64>, script: impl Fn(&Request, usize) -> Act + Send + Sync + 'static) -> Gateway {
        Gateway::listen(lifetime, None, Box::new(script))
    }

    /// A gateway with TLS that takes every message.
    pub fn with_tls(tls: ServerConfig) -> Gateway {
        Gateway::listen(Some(604_800), Some(Arc::new(tls)), Box::new(|_, _| Act::Take))
    }

    fn listen(lifetime: Option<u64>, tls: Option<Arc<ServerConfig>>, script: Script) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/mail", listener.local_addr().unwrap());
        let inner = Arc::new(Inner { script, lifetime, memory: Mutex::default() });
        let served = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (inner, tls) = (served.clone(), tls.clone());
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    match tls {
                        Some(tls) => serve(&inner, StreamOwned::new(ServerConnection::new(tls).unwrap(), stream)),
                        None => serve(&inner, stream),
                    }
                });
            }
        });
        Gateway { url, inner }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap()
    }

    /// Every POST received, whatever its outcome.
    pub fn posts(&self) -> Vec<Request> {
        self.memory().posts.clone()
    }

    /// The messages that were delivered to a mailbox.
    pub fn taken(&self) -> Vec<Request> {
        self.memory().taken.clone()
    }

    pub fn connections(&self) -> usize {
        self.memory().connections
    }

    pub fn options(&self) -> usize {
        self.memory().options
    }

    /// The one message that was taken.
    #[track_caller]
    pub fn only(&self) -> Request {
        let taken = self.taken();
        assert_eq!(taken.len(), 1, "{taken:?}");
        taken.into_iter().next().unwrap()
    }

    /// Waits until so many messages were taken.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Request> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.memory().taken.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} messages arrived", self.memory().taken.len());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.taken()
    }
}

/// A connection, plain or not.
trait Wire: Read + Write {
    /// Closes the sending side.
    fn finish(&mut self);
}

impl Wire for TcpStream {
    fn finish(&mut self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn finish(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
    }
}

fn serve(inner: &Inner, stream: impl Wire) {
    inner.memory.lock().unwrap().connections += 1;
    let mut stream = BufReader::new(stream);
    while converse(inner, &mut stream) == Some(true) {}
}

fn read_head(reader: &mut impl BufRead) -> Option<Request> {
    let mut request = Request::default();
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    request.method = words.next()?.to_owned();
    request.path = words.next()?.to_owned();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Some(request) };
        request.fields.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// Handles one request; returns whether the connection is kept.
fn converse(inner: &Inner, reader: &mut BufReader<impl Wire>) -> Option<bool> {
    let mut request = read_head(reader)?;
    if request.method == "OPTIONS" {
        inner.memory.lock().unwrap().options += 1;
        let fields = vec![("Content-Type", "application/vnd.sun.wadl+xml".into()), ("Allow", "POST, OPTIONS".into())];
        return answer(inner, reader.get_mut(), &Answer { status: 200, fields, body: "<application/>".into() });
    }
    let nth = inner.memory.lock().unwrap().posts.len();
    let act = (inner.script)(&request, nth);
    match &act {
        Act::Early(early) => {
            inner.memory.lock().unwrap().posts.push(request);
            answer(inner, reader.get_mut(), early)?;
            // As httpd does: reads what is still being sent, so that the answer is not lost in a reset.
            reader.get_mut().finish();
            let _ = std::io::copy(reader, &mut std::io::sink());
            return None;
        }
        Act::CloseEarly => {
            inner.memory.lock().unwrap().posts.push(request);
            return None;
        }
        Act::Halfway(octets, refusal) => {
            reader.by_ref().take(*octets).read_to_end(&mut request.body).ok()?;
            inner.memory.lock().unwrap().posts.push(request);
            answer(inner, reader.get_mut(), refusal)?;
            return None;
        }
        _ => {}
    }
    if request.field("expect").eq_ignore_ascii_case("100-continue") {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length: u64 = request.field("content-length").parse().unwrap_or(0);
    reader.by_ref().take(length).read_to_end(&mut request.body).ok()?;
    if (request.body.len() as u64) < length {
        return None;
    }
    let (key, is_dry) = (request.field("idempotency-key").to_owned(), request.field("prefer") == "sendmail-dry-run");
    let mut memory = inner.memory.lock().unwrap();
    memory.posts.push(request.clone());
    if inner.lifetime.is_some() && memory.keys.contains_key(&key) {
        drop(memory);
        let mut replayed = accepted();
        replayed.fields.push(("Idempotency-Replayed", "true".into()));
        return answer(inner, reader.get_mut(), &replayed);
    }
    let takes = matches!(act, Act::Take | Act::TakeAndClose | Act::TakeAndBreak | Act::TakeAndWait(_)) && !is_dry;
    if takes {
        memory.taken.push(request);
        memory.keys.insert(key, 202);
    }
    drop(memory);
    match act {
        Act::Take if is_dry => {
            let fields = vec![("Content-Type", "application/json".into()), ("X-Message-ID", "<dry@gateway>".into())];
            answer(inner, reader.get_mut(), &Answer { status: 200, fields, body: "{\"dry_run\":true}".into() })
        }
        Act::Take => answer(inner, reader.get_mut(), &accepted()),
        Act::Answer(given) => answer(inner, reader.get_mut(), &given),
        Act::TakeAndBreak => {
            let _ = reader.get_mut().write_all(b"HTTP/1.1 20");
            None
        }
        Act::TakeAndWait(pause) => {
            std::thread::sleep(pause);
            answer(inner, reader.get_mut(), &accepted())
        }
        Act::CloseLate | Act::TakeAndClose | Act::CloseEarly | Act::Early(_) | Act::Halfway(..) => None,
    }
}

fn accepted() -> Answer {
    Answer { status: 202, fields: vec![("X-Message-ID", "<taken@gateway>".into())], body: "Accepted".into() }
}

fn answer(inner: &Inner, writer: &mut impl Wire, answer: &Answer) -> Option<bool> {
    let mut text = format!("HTTP/1.1 {} Word\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(lifetime) = inner.lifetime {
        text.push_str(&format!("Idempotency-Key-Lifetime: {lifetime}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&answer.body);
    writer.write_all(text.as_bytes()).ok()?;
    Some(true)
}
