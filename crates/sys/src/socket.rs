//! A connection with a deadline, by TCP or to a Unix socket. Knows nothing of what is said over it.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::calls;

/// Retry interval for a server whose connection queue is full; the kernel does not tell when there is room (connect(2), EAGAIN).
const PATIENCE: Duration = Duration::from_millis(20);

/// Whether the error is the deadline of a [`Timed`] or of a [lookup](crate::lookup). A system call that times out has an errno.
pub fn is_past_deadline(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// Who has the first word on a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstWord {
    /// We have, and write it at once: a segment less goes, and a server is woken once and not twice.
    Ours,
    /// The server has.
    Theirs,
}

/// A socket that gives up at a deadline. It never blocks: what waits is poll(2). Past the deadline, and then alone, the error is TimedOut
/// without an errno.
#[derive(Debug)]
pub struct Timed {
    socket: OwnedFd,
    /// May be changed while the connection lives.
    pub deadline: Instant,
}

impl Timed {
    /// Tries the addresses one after the other, each for its share of what is left of the time.
    pub fn tcp(addresses: &[SocketAddr], first: FirstWord, deadline: Instant) -> io::Result<Timed> {
        let mut last = io::Error::other("the name has no address");
        for (tried, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / (addresses.len() - tried) as u32;
            match connect(address, first, Instant::now() + share) {
                Ok(socket) => return Ok(Timed { socket, deadline }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Connects to a Unix socket (unix(7)).
    pub fn unix(path: &Path, deadline: Instant) -> io::Result<Timed> {
        let socket = calls::unix_socket()?;
        loop {
            match calls::connect_unix(socket.as_fd(), path) {
                Ok(()) => return Ok(Timed { socket, deadline }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    std::thread::sleep(left.min(PATIENCE));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The address of our end; none for a Unix socket.
    pub fn local_address(&self) -> Option<IpAddr> {
        calls::local_address(self.socket.as_fd()).ok().map(|address| address.ip().to_canonical())
    }

    /// Whether there is data to read, or an end of file, now.
    pub fn is_readable(&self) -> io::Result<bool> {
        loop {
            match calls::poll(&mut [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)], Duration::ZERO) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome.map(|ready| ready > 0),
            }
        }
    }

    /// The last octets before the connection is closed, at once or not at all. They leave together with its end.
    pub fn write_with_end(&mut self, octets: &[u8]) -> io::Result<()> {
        match calls::send_more(self.socket.as_fd(), octets)? {
            n if n == octets.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn wait(&self, what: PollFlags) -> io::Result<()> {
        wait(self.socket.as_fd(), what, self.deadline)
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait(PollFlags::IN)?;
            match calls::read(self.socket.as_fd(), into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            match calls::send(self.socket.as_fd(), octets) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::OUT)?,
                outcome => return outcome,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn connect(address: &SocketAddr, first: FirstWord, until: Instant) -> io::Result<OwnedFd> {
    let socket = calls::tcp_socket(address)?;
    if first == FirstWord::Ours {
        let _ = calls::acknowledge_with_data(socket.as_fd()); // without it, it takes longer
    }
    if !calls::connect(socket.as_fd(), address)? {
        wait(socket.as_fd(), PollFlags::OUT, until)?;
        calls::socket_error(socket.as_fd())?;
    }
    calls::set_nodelay(socket.as_fd())?;
    Ok(socket)
}

/// Waits, never past `until`; not at all if that has passed.
fn wait(socket: BorrowedFd<'_>, what: PollFlags, until: Instant) -> io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match calls::poll(&mut [PollFd::from_borrowed_fd(socket, what)], left) {
            Ok(0) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_server_is_not_woken_before_our_first_word_where_that_opens_the_talk() {
        let _alone = alone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_known_before_a_word = |first| {
            let mut client = Timed::tcp(&[address], first, Instant::now() + Duration::from_secs(5)).unwrap();
            listener.set_nonblocking(true).unwrap();
            let early = listener.accept();
            listener.set_nonblocking(false).unwrap();
            client.write_all(b"a").unwrap();
            client.write_with_end(b"b").unwrap();
            drop(client);
            let is_early = early.is_ok();
            let (mut server, _) = early.or_else(|_| listener.accept()).unwrap();
            let mut octets = Vec::new();
            server.read_to_end(&mut octets).unwrap();
            assert_eq!(octets, b"ab", "{first:?}");
            is_early
        };
        assert!(is_known_before_a_word(FirstWord::Theirs));
        // The kernel acknowledges by itself after 200 ms: a thread that had to wait so long has not seen the difference.
        assert!((0..10).any(|_| !is_known_before_a_word(FirstWord::Ours)));
    }

    #[test]
    fn a_socket_of_the_file_system_is_connected_and_gives_up_at_its_deadline() {
        let _alone = alone();
        let path = std::env::temp_dir().join(format!("sys-socket-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let until = |limit| Instant::now() + Duration::from_millis(limit);
        let mut client = Timed::unix(&path, until(5000)).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"a").unwrap();
        let mut octet = [0];
        client.read_exact(&mut octet).unwrap();
        assert!(octet == *b"a" && !client.is_readable().unwrap() && client.local_address().is_none());
        client.deadline = until(50);
        let error = client.read(&mut octet).unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (io::ErrorKind::TimedOut, None));
        let began = Instant::now();
        // Nobody accepts: at some point the queue is full, and then the deadline counts.
        let waiting: Vec<_> = std::iter::from_fn(|| Timed::unix(&path, until(100)).ok()).take(10_000).collect();
        assert!(waiting.len() < 10_000 && began.elapsed() < Duration::from_secs(20));
        drop(listener);
        std::fs::remove_file(&path).unwrap();
        assert!(Timed::unix(&path, until(100)).is_err());
    }
}
