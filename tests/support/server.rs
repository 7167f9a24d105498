//! A server of one test on loopback, or on a Unix socket: one thread per connection, with acts that replace the usual answer at a step.

use super::place::Place;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The act at a step.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends these octets.
    Say(Vec<u8>),
    /// The same, an octet at a time.
    Drip(Vec<u8>),
    /// Sends these, and closes the connection.
    SayAndClose(Vec<u8>),
    /// Sends these again and again.
    Repeat(Vec<u8>),
    Close,
    /// Never sends anything.
    Hang,
}

/// A connection of either kind.
pub trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

enum Listener {
    Tcp(SocketAddr),
    Unix(PathBuf, #[allow(dead_code, reason = "the folder goes with it")] Place),
}

/// What all connections of a server share.
#[derive(Clone, Default)]
pub struct Life {
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

pub struct Server {
    listener: Listener,
    life: Life,
}

impl Server {
    /// On a loopback port.
    pub fn tcp(serve: impl Fn(&mut dyn Connection, &Life) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let (life, serve) = (Life::default(), Arc::new(serve));
        let all = life.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let _ = (socket.set_nodelay(true), socket.set_read_timeout(Some(Duration::from_millis(50))));
                let _ = socket.set_write_timeout(Some(Duration::from_millis(50)));
                if !all.takes(socket, &serve) {
                    break;
                }
            }
        });
        Self { listener: Listener::Tcp(address), life }
    }

    /// On a Unix socket, open to anybody.
    pub fn unix(serve: impl Fn(&mut dyn Connection, &Life) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let place = Place::new("server");
        let path = place.path().join("socket");
        let listener = UnixListener::bind(&path).expect("the folder of the tests is writable");
        super::place::mode(&path, 0o777);
        let (life, serve) = (Life::default(), Arc::new(serve));
        let all = life.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let _ = socket.set_read_timeout(Some(Duration::from_millis(50)));
                let _ = socket.set_write_timeout(Some(Duration::from_millis(50)));
                if !all.takes(socket, &serve) {
                    break;
                }
            }
        });
        Self { listener: Listener::Unix(path, place), life }
    }

    /// The server in the notation of directives.
    pub fn endpoint(&self) -> String {
        match &self.listener {
            Listener::Tcp(address) => format!("inet:127.0.0.1:{}", address.port()),
            Listener::Unix(path, _) => format!("unix:{}", path.display()),
        }
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.life.connections.load(Ordering::SeqCst)
    }
}

impl Life {
    fn takes<S: Connection + 'static>(
        &self,
        mut socket: S,
        serve: &Arc<impl Fn(&mut dyn Connection, &Life) -> io::Result<()> + Send + Sync + 'static>,
    ) -> bool {
        if self.is_over() {
            return false;
        }
        self.connections.fetch_add(1, Ordering::SeqCst);
        let (life, serve) = (self.clone(), serve.clone());
        thread::spawn(move || drop(serve(&mut socket, &life)));
        true
    }

    pub fn is_over(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Reads what is there; waits for it while the server lives.
    pub fn read(&self, from: &mut dyn Connection, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match from.read(into) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.is_over() => {}
                outcome => return outcome,
            }
        }
    }

    fn say(&self, to: &mut dyn Connection, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            match to.write(octets) {
                Ok(n) => octets = &octets[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.is_over() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn perform(&self, to: &mut dyn Connection, act: &Act) -> io::Result<()> {
        match act {
            Act::Say(octets) => self.say(to, octets),
            Act::Drip(octets) => octets.iter().try_for_each(|octet| {
                thread::sleep(Duration::from_millis(5));
                self.say(to, &[*octet])
            }),
            Act::SayAndClose(octets) => {
                self.say(to, octets)?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Act::Repeat(octets) => loop {
                self.say(to, octets)?;
            },
            Act::Close => Err(io::ErrorKind::ConnectionAborted.into()),
            Act::Hang => {
                while !self.is_over() {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.life.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        match &self.listener {
            Listener::Tcp(address) => drop(TcpStream::connect(address)),
            Listener::Unix(path, _) => drop(UnixStream::connect(path)),
        }
    }
}
