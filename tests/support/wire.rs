//! HTTP/1.1 octet by octet over a TcpStream, with the errors that libraries refuse to make: RFC 9112.

use super::request::{Ending, Framing, Outcome, Request};
use super::response::Response;
use rustix::net::sockopt::set_socket_linger;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Sends the request on a connection of its own and reads one answer.
pub fn send(request: &Request, server: SocketAddr) -> Outcome {
    let stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(request.timeout))?;
    stream.set_write_timeout(Some(request.timeout))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (head, body) = octets(request, &server.to_string());
    let mut interim = Vec::new();
    if request.raw.is_none() && request.has("Expect") {
        (&stream).write_all(&head)?;
        let first = read_answer(&mut reader, &request.method, true)?;
        if first.status >= 200 {
            return Ok(first);
        }
        interim.push(first.status);
        deliver(&stream, &body, request.ending)?;
    } else {
        return exchange(&stream, &mut reader, request, [head, body].concat());
    }
    let mut response = read_answer(&mut reader, &request.method, false)?;
    response.interim.splice(0..0, interim);
    Ok(response)
}

/// Writes on a separate thread: an answer that comes before the last octet was read must not be missed.
fn exchange(stream: &TcpStream, reader: &mut impl BufRead, request: &Request, octets: Vec<u8>) -> Outcome {
    let writing = stream.try_clone()?;
    let ending = request.ending;
    let writer = std::thread::spawn(move || deliver(&writing, &octets, ending));
    let answer = if ending == Ending::Reset {
        Err(io::Error::new(ErrorKind::ConnectionAborted, "reset by this client"))
    } else {
        read_answer(reader, &request.method, false)
    };
    if ending != Ending::Reset {
        let _ = stream.shutdown(Shutdown::Both); // frees a writer that nobody reads from any more
    }
    let written = writer.join().expect("the writer does not panic");
    if ending == Ending::Reset { written.and(answer) } else { answer }
}

fn deliver(mut stream: &TcpStream, octets: &[u8], ending: Ending) -> io::Result<()> {
    stream.write_all(octets)?;
    match ending {
        Ending::Half => stream.shutdown(Shutdown::Write),
        Ending::Open | Ending::Stall => Ok(()),
        Ending::Reset => reset(stream),
    }
}

/// RST instead of FIN, once the last clone of the stream is dropped. It discards unsent octets, so these are sent first.
fn reset(stream: &TcpStream) -> io::Result<()> {
    std::thread::sleep(Duration::from_millis(100));
    Ok(set_socket_linger(stream, Some(Duration::ZERO))?)
}

fn octets(request: &Request, host: &str) -> (Vec<u8>, Vec<u8>) {
    if let Some(raw) = &request.raw {
        return (raw.clone(), Vec::new());
    }
    let (mut head, mut body) = (head(request, host), encoded(request));
    if let Some(sent) = request.sent {
        body.truncate(sent.saturating_sub(head.len()));
        head.truncate(sent);
    }
    (head, body)
}

/// Request line and fields; Host, Connection and framing are added if the test gave none.
pub fn head(request: &Request, host: &str) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    let mut line = |name: &str, value: &[u8]| head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    if !request.has("Host") {
        line("Host", host.as_bytes());
    }
    if !request.has("Connection") {
        line("Connection", b"close");
    }
    for (name, value) in &request.headers {
        line(name, value);
    }
    match &request.framing {
        Framing::Chunked(..) => line("Transfer-Encoding", b"chunked"),
        Framing::Length => line("Content-Length", request.body.len().to_string().as_bytes()),
        Framing::None => {}
    }
    head.extend(b"\r\n");
    head
}

fn encoded(request: &Request) -> Vec<u8> {
    let Framing::Chunked(size, trailers) = &request.framing else {
        return request.body.clone();
    };
    let mut body = Vec::with_capacity(request.body.len() + 64);
    for chunk in request.body.chunks((*size).max(1)) {
        body.extend(format!("{:x}\r\n", chunk.len()).bytes());
        body.extend_from_slice(chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n");
    for (name, value) in trailers {
        body.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    body.extend(b"\r\n");
    body
}

/// The final answer with its preceding 1xx; with `stop_at_interim` the first 1xx.
fn read_answer(reader: &mut impl BufRead, method: &str, stop_at_interim: bool) -> Outcome {
    let mut interim = Vec::new();
    loop {
        let mut response = read_head(reader)?;
        if (100..200).contains(&response.status) && !stop_at_interim {
            interim.push(response.status);
            continue;
        }
        if response.status >= 200 && method != "HEAD" && !matches!(response.status, 204 | 304) {
            response.body = read_body(reader, &response)?;
        }
        response.interim = interim;
        return Ok(response);
    }
}

fn read_head(reader: &mut impl BufRead) -> Outcome {
    let mut head = Vec::new();
    loop {
        let start = head.len();
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "closed without an answer"));
        }
        if !head.starts_with(b"HTTP/") {
            reader.read_to_end(&mut head)?; // HTTP/0.9: there is only the body
            return Ok(Response { body: head, ..Response::default() });
        }
        if matches!(&head[start..], b"\r\n" | b"\n") {
            head.truncate(start);
            let unreadable = || io::Error::new(ErrorKind::InvalidData, "no HTTP answer");
            return Response::parse_head(head.trim_ascii_end()).ok_or_else(unreadable);
        }
    }
}

fn read_body(reader: &mut impl BufRead, response: &Response) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if response.header("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        read_chunks(reader, &mut body)?;
    } else if let Some(length) = response.header("Content-Length").and_then(|length| length.parse().ok()) {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    } else {
        reader.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let digits = line.trim().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits, 16).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        reader.take(size as u64).read_to_end(body)?;
        line.clear();
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}
