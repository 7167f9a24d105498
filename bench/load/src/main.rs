//! load ADDRESS CONNECTIONS OCTETS SECONDS WAY: POSTs a text mail of that size over kept connections, one after the other on each, for that
//! long, or so often on each (`20x` in place of the seconds), written in one of the ways that requests.rs knows; `smtp` sends it by SMTP. One line
//! out: messages, seconds, p50 and p99 in microseconds, errors (anything but 200, 202 or 303).

mod requests;
mod smtp;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, octets, seconds, way] = words.as_slice() else {
        eprintln!("usage: load ADDRESS CONNECTIONS OCTETS SECONDS WAY");
        std::process::exit(64);
    };
    let connections: usize = connections.parse().expect("a number of connections");
    let request = requests::of(way, octets.parse().expect("a number of octets"));
    let begin = Instant::now();
    let most = seconds.strip_suffix('x').map(|most| most.parse::<usize>().expect("a number of requests"));
    let seconds = most.map_or_else(|| seconds.parse().expect("a number of seconds"), |_| 3600.0);
    let until = begin + Duration::from_secs_f64(seconds);
    let mut took = Vec::new();
    let mut errors = 0;
    std::thread::scope(|scope| {
        let (address, request) = (address.as_str(), request.as_slice());
        let most = most.unwrap_or(usize::MAX);
        let is_smtp = way == "smtp";
        let work = || {
            move || match is_smtp {
                true => session(address, request, until, most),
                false => connection(address, request, until, most),
            }
        };
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work())).collect();
        for thread in threads {
            let (times, failed) = thread.join().expect("no panic");
            took.extend(times);
            errors += failed;
        }
    });
    let wall = begin.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).map_or(0, |time| time.as_micros());
    println!("{} {wall:.6} {} {} {errors}", took.len(), at(50), at(99));
}

fn connection(address: &str, request: &[u8], until: Instant, most: usize) -> (Vec<Duration>, usize) {
    let (mut times, mut errors, mut stream) = (Vec::new(), 0, None);
    while Instant::now() < until && times.len() + errors < most {
        let begin = Instant::now();
        match exchange(&mut stream, address, request) {
            Ok(200 | 202 | 303) => times.push(begin.elapsed()),
            Ok(_) => errors += 1,
            Err(_) => {
                errors += 1;
                stream = None;
            }
        }
    }
    (times, errors)
}

fn session(address: &str, message: &[u8], until: Instant, most: usize) -> (Vec<Duration>, usize) {
    let (mut times, mut errors, mut session) = (Vec::new(), 0, None);
    while Instant::now() < until && times.len() + errors < most {
        let begin = Instant::now();
        let opened = session.take().map_or_else(|| smtp::Session::open(address), Ok);
        match opened.and_then(|mut open| open.send(message).map(|()| open)) {
            Ok(open) => {
                times.push(begin.elapsed());
                session = Some(open);
            }
            Err(_) => errors += 1,
        }
    }
    (times, errors)
}

fn exchange(stream: &mut Option<TcpStream>, address: &str, request: &[u8]) -> io::Result<u16> {
    let stream = match stream {
        Some(stream) => stream,
        None => {
            let new = TcpStream::connect(address)?;
            new.set_nodelay(true)?;
            new.set_read_timeout(Some(Duration::from_secs(60)))?;
            stream.insert(new)
        }
    };
    stream.write_all(request)?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..n]);
        if let Some(status) = complete(&answer) {
            return Ok(status);
        }
    }
}

/// The status, once the answer is there in full; by Content-Length or the last chunk.
fn complete(answer: &[u8]) -> Option<u16> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let whole = match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => answer.len() >= end + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    };
    whole.then_some(status)
}
