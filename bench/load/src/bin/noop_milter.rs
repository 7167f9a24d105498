//! noop_milter PORT: a milter at 127.0.0.1 that has everything shown to it and changes nothing, to measure what being looked at costs.

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).expect("usage: noop_milter PORT");
    for stream in TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let stream = stream?;
        std::thread::spawn(move || drop(serve(stream)));
    }
    Ok(())
}

/// Packets are a length of four octets, a command, and what belongs to it.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(1 << 17, stream.try_clone()?);
    let (mut length, mut packet) = ([0; 4], Vec::new());
    loop {
        reader.read_exact(&mut length)?;
        packet.resize(u32::from_be_bytes(length) as usize, 0);
        reader.read_exact(&mut packet)?;
        match packet.first() {
            // Version 6, no change, every step.
            Some(b'O') => stream.write_all(&[0, 0, 0, 13, b'O', 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0])?,
            Some(b'A' | b'D' | b'K') => {}
            Some(b'Q') | None => return Ok(()),
            Some(_) => stream.write_all(&[0, 0, 0, 1, b'c'])?,
        }
    }
}
