//! A message passes a policy server and a milter, with the Nth system call failing, for every N until one run succeeds: it is sent as both
//! have decided, or not at all. Run with `--features faults`.
#![cfg(feature = "faults")]
#![forbid(unsafe_code)]

use mail::address::Address;
use mailgate::checks::change::Rules;
use mailgate::checks::client::Client;
use mailgate::checks::endpoint::Endpoint;
use mailgate::checks::letter::Envelope;
use mailgate::checks::sequence::{Checks, OnFailure, Outcome, PolicyServer};
use mailgate::message::Message;
use mailgate::policy::Recipients;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use sys::calls;

/// One test at a time, since they count the descriptors of their process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn serve(answer: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + Clone + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || drop(answer(socket)));
        }
    });
    port
}

fn packet(code: u8, data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32 + 1).to_be_bytes()[..], &[code], data].concat()
}

/// A milter whose last word is `last`.
fn milter(last: Vec<u8>) -> u16 {
    serve(move |mut socket| {
        socket.set_nodelay(true)?;
        loop {
            let mut len = [0; 4];
            socket.read_exact(&mut len)?;
            let mut command = vec![0; u32::from_be_bytes(len) as usize];
            socket.read_exact(&mut command)?;
            let answer = match command[0] {
                b'O' => packet(b'O', &[6_u32, 0x17f, 0].map(u32::to_be_bytes).concat()),
                b'D' => Vec::new(),
                b'E' => last.clone(),
                b'Q' => return Ok(()),
                _ => packet(b'c', b""),
            };
            socket.write_all(&answer)?;
        }
    })
}

/// Accepts everything.
fn policy() -> u16 {
    serve(|mut socket| {
        socket.set_nodelay(true)?;
        let mut got = Vec::new();
        loop {
            let mut piece = [0; 4096];
            match socket.read(&mut piece)? {
                0 => return Ok(()),
                n => got.extend_from_slice(&piece[..n]),
            }
            if got.ends_with(b"\n\n") {
                got.clear();
                socket.write_all(b"action=PREPEND X-Policy: yes\n\n")?;
            }
        }
    })
}

/// Checks a message of so many octets; returns its octets if it may be sent.
fn look(milter: u16, policy: u16, octets: usize, default: OnFailure) -> Result<String, ()> {
    let at = |port| Endpoint::parse(&format!("inet:127.0.0.1:{port}")).unwrap();
    let (milters, policy) = ([at(milter)], PolicyServer { endpoint: at(policy), at_end: true });
    let allowed = Recipients::default();
    let checks = Checks {
        policy: Some(&policy),
        policy_default: OnFailure::Tempfail,
        clamd: None,
        milters: &milters,
        milter_default: default,
        shows_client: false,
        macros: &[],
        timeout: Duration::from_secs(30),
        rules: Rules { sender: true, recipients: true, allowed: &allowed, redirected: false },
        may_hold: false,
        max_body: 1 << 20,
    };
    let client = Client { queue_id: "q1".into(), ..Client::default() };
    let recipients = ["a@example.test", "b@example.test"].map(|text| Address::parse(text).unwrap()).to_vec();
    let mut envelope = Envelope { sender: None, recipients };
    let body = "a line of text\n".repeat(octets / 15);
    let text = format!("Received: ours\nSubject: a\n\n{body}");
    let marks = checks.before_body(&client, &mut envelope, 0).map_err(drop)?;
    let message = Message::compose(&std::env::temp_dir(), text.as_bytes(), |_| Ok(())).map_err(drop)?;
    match checks.after_body(&client, marks, message, true, envelope).map_err(drop)? {
        Outcome::Pass { message, envelope } => {
            let mut octets = Vec::new();
            message.reader().read_to_end(&mut octets).map_err(drop)?;
            assert_eq!(envelope.recipients.len(), 2);
            Ok(String::from_utf8(octets).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn whatever_call_fails_only_what_was_decided_goes_and_as_it_was_decided() {
    let _alone = alone();
    let accepts = milter([packet(b'h', b"X-Milter\0yes\0"), packet(b'b', b"new\r\n"), packet(b'c', b"")].concat());
    let (refuses, policy) = (milter(packet(b'r', b"")), policy());
    let changed = "Received: ours\nX-Policy: yes\nSubject: a\nX-Milter: yes\n\nnew\n";
    let (mut points, before) = (0, descriptors());
    for errno in [libc::EAGAIN, libc::EINTR, libc::EIO, libc::EMFILE, libc::ECONNRESET] {
        for (octets, port) in [(150, accepts), (150, refuses), (90_000, accepts), (90_000, refuses)] {
            for call in 1.. {
                calls::fail_nth(call, errno);
                let outcome = look(port, policy, octets, OnFailure::Tempfail);
                let hit = calls::fault_hit();
                calls::never_fail();
                let what = format!("errno {errno} at call {call}, {octets} octets, refuses {}", port == refuses);
                // The servers are threads of this process, and close their ends when they notice that ours are closed.
                let until = Instant::now() + Duration::from_secs(10);
                let settled = || {
                    std::thread::sleep(Duration::from_micros(200));
                    descriptors() == before
                };
                let _ = std::iter::repeat_with(settled).find(|same| *same || Instant::now() > until);
                assert!(Instant::now() < until, "{what}: {} descriptors, not {before}", descriptors());
                match &outcome {
                    Ok(text) => assert_eq!((text.as_str(), port), (changed, accepts), "{what}"),
                    Err(()) => assert!(hit || port == refuses, "{what}"),
                }
                if !hit {
                    break;
                }
                points += 1;
            }
        }
    }
    eprintln!("{points} calls failed in turn");
    assert!(points > 300, "only {points} calls");
}
