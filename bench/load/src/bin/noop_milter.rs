//! noop_milter PORT|/PATH all|nothing: a milter at 127.0.0.1, or at a socket of the file system, that changes nothing, to measure what being
//! looked at costs. `all`: it has each step shown to it and answers each. `nothing`: it has no callback but that of the end, as libmilter says
//! it for a filter without one.

use std::fs::Permissions;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::thread;

/// Connections at a time; more than the load has.
const THREADS: usize = 64;

/// SMFIP_NOCONNECT, NOHELO, NOMAIL, NORCPT, NOBODY, NOHDRS, NOEOH, NOUNKNOWN, NODATA.
const NOTHING: u32 = 0x37f;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (place, unwanted) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [place, "all"] => (place, 0),
        [place, "nothing"] => (place, NOTHING),
        _ => panic!("usage: noop_milter PORT|/PATH all|nothing"),
    };
    if place.starts_with('/') {
        let listener = UnixListener::bind(place)?;
        std::fs::set_permissions(place, Permissions::from_mode(0o666))?;
        at_a_time(|| listener.incoming().flatten().for_each(|stream| drop(serve(stream, unwanted))));
    } else {
        let listener = TcpListener::bind(("127.0.0.1", place.parse().expect("a port or a path")))?;
        let serve = |stream: TcpStream| stream.set_nodelay(true).and_then(|()| serve(stream, unwanted));
        at_a_time(|| listener.incoming().flatten().for_each(|stream| drop(serve(stream))));
    }
    Ok(())
}

fn at_a_time(accept: impl Fn() + Sync) {
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(&accept))));
}

/// Packets are a length of four octets, a command, and what belongs to it.
fn serve(stream: impl Read + Write, unwanted: u32) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(1 << 16, stream);
    let (mut length, mut packet) = ([0; 4], Vec::new());
    loop {
        stream.read_exact(&mut length)?;
        packet.resize(u32::from_be_bytes(length) as usize, 0);
        stream.read_exact(&mut packet)?;
        match packet.first() {
            // Version 6, no change.
            Some(b'O') => {
                let numbers = [6, 0, unwanted].map(u32::to_be_bytes).concat();
                stream.get_mut().write_all(&[&[0, 0, 0, 13, b'O'], &numbers[..]].concat())?;
            }
            Some(b'A' | b'D' | b'K') => {}
            Some(b'Q') | None => return Ok(()),
            Some(_) => stream.get_mut().write_all(&[0, 0, 0, 1, b'c'])?,
        }
    }
}
