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

/// A socket with a deadline. It never blocks; poll(2) waits. The error is TimedOut without an errno if, and only if, the deadline has
/// passed.
#[derive(Debug)]
pub struct Timed {
    socket: OwnedFd,
    /// May be changed while the connection lives.
    pub deadline: Instant,
}

impl Timed {
    /// Tries the addresses one after the other, each for its share of the time left.
    pub fn tcp(addresses: &[SocketAddr], deadline: Instant) -> io::Result<Timed> {
        let mut last = io::Error::other("the name has no address");
        for (tried, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / (addresses.len() - tried) as u32;
            match connect(address, Instant::now() + share) {
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

fn connect(address: &SocketAddr, until: Instant) -> io::Result<OwnedFd> {
    let socket = calls::tcp_socket(address)?;
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
    use std::os::unix::net::UnixListener;

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
