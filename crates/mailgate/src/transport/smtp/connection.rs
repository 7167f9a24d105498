//! A TCP connection to a relay, plain or with TLS, with a deadline for every wait. It reads the replies of [`super::reply`];
//! [`super::session`] decides which commands to write.
#![forbid(unsafe_code)]

use super::connection_error::ConnectionError;
use super::reply::Reply;
use super::url::Server;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sys::lookup;
use sys::socket::{FirstWord, Timed};

/// Longest line of a server; RFC 5321 4.5.3.1.5 allows 512 octets.
const LONGEST_LINE: usize = 8 * 1024;

enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// An open connection.
pub(super) struct Connection {
    stream: Stream,
    /// Read, but not yet consumed.
    ahead: Vec<u8>,
}

impl Connection {
    /// Tries the addresses of the server one after the other, each for its share of the time left.
    pub fn open(server: &Server, deadline: Instant) -> Result<Connection, ConnectionError> {
        let addresses = lookup::addresses(&server.host, server.port, deadline)?;
        Ok(Connection {
            stream: Stream::Plain(Timed::tcp(&addresses, FirstWord::Theirs, deadline)?),
            ahead: Vec::new(),
        })
    }

    pub fn set_deadline(&mut self, deadline: Instant) {
        self.timed().deadline = deadline;
    }

    /// Moves the deadline closer.
    pub fn hurry(&mut self, limit: Duration) {
        let timed = self.timed();
        timed.deadline = timed.deadline.min(Instant::now() + limit);
    }

    fn timed(&mut self) -> &mut Timed {
        match &mut self.stream {
            Stream::Plain(timed) => timed,
            Stream::Tls(tls) => &mut tls.sock,
        }
    }

    /// From here on everything is encrypted. Unexpected octets that arrived earlier would later be taken for the server's own
    /// (CVE-2011-0411 and its kin), so a connection with any is closed.
    pub fn start_tls(self, server: &Server, config: &Arc<ClientConfig>) -> Result<Connection, ConnectionError> {
        let Stream::Plain(mut timed) = self.stream else { return Err(ConnectionError::Nonsense("TLS inside TLS")) };
        if !self.ahead.is_empty() {
            return Err(ConnectionError::Nonsense("octets in the clear behind its consent to TLS"));
        }
        let name = ServerName::try_from(String::from(server.host.clone())).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut timed)?;
        }
        Ok(Connection { stream: Stream::Tls(Box::new(StreamOwned::new(tls, timed))), ahead: Vec::new() })
    }

    /// `TLSv1_3 cipher=...`, if there is TLS.
    pub fn tls(&self) -> Option<String> {
        let Stream::Tls(tls) = &self.stream else { return None };
        let version = tls.conn.protocol_version().and_then(|version| version.as_str().map(str::to_owned));
        let suite = tls.conn.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str().map(str::to_owned));
        Some(format!("{} cipher={}", version.unwrap_or_default(), suite.unwrap_or_default()))
    }

    /// The address of our end.
    pub fn local_address(&mut self) -> Option<IpAddr> {
        self.timed().local_address()
    }

    /// Anything the server said before must not be taken for the reply to what is written now.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), ConnectionError> {
        if !self.ahead.is_empty() {
            return Err(ConnectionError::Nonsense("more than it was asked for"));
        }
        match &mut self.stream {
            Stream::Plain(timed) => timed.write_all(octets)?,
            Stream::Tls(tls) => {
                tls.write_all(octets)?;
                tls.flush()?;
            }
        }
        Ok(())
    }

    /// The next reply, with any number of lines.
    pub fn reply(&mut self) -> Result<Reply, ConnectionError> {
        let mut reply = Reply::default();
        loop {
            let line = self.line()?;
            if reply.add(&line).map_err(ConnectionError::Nonsense)? {
                return Ok(reply);
            }
        }
    }

    /// Whether nothing is waiting to be read: no end of file, no farewell, nothing else.
    pub fn is_quiet(&mut self) -> bool {
        self.take_in() && self.ahead.is_empty()
    }

    /// Whether more than a farewell, which may follow any reply (RFC 5321 3.8), arrived together with a reply.
    pub fn says_more(&mut self) -> bool {
        self.take_in();
        !self.ahead.is_empty() && !self.ahead.starts_with(b"421")
    }

    /// Reads what has arrived, without waiting for more. `false`: the connection has ended.
    fn take_in(&mut self) -> bool {
        while self.ahead.is_empty() {
            if let Stream::Tls(tls) = &mut self.stream {
                let mut piece = [0; 4096];
                match tls.conn.reader().read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => return false,
                    Ok(read) => {
                        self.ahead.extend(piece.iter().take(read));
                        return true;
                    }
                }
            }
            match self.timed().is_readable() {
                Ok(false) => return true,
                Ok(true) if self.read_ready() => {}
                _ => return false,
            }
        }
        true
    }

    /// Reads once from a socket that has data. TLS may carry no data for us: a ticket, a new key.
    fn read_ready(&mut self) -> bool {
        match &mut self.stream {
            Stream::Plain(timed) => {
                let mut piece = [0; 4096];
                let read = timed.read(&mut piece).unwrap_or(0);
                self.ahead.extend(piece.iter().take(read));
                read > 0
            }
            Stream::Tls(tls) => {
                let read = tls.conn.read_tls(&mut tls.sock).is_ok_and(|read| read > 0);
                read && tls.conn.process_new_packets().is_ok()
            }
        }
    }

    /// A line without its end. It ends with CRLF or LF; any other CR is text.
    fn line(&mut self) -> Result<Vec<u8>, ConnectionError> {
        let mut searched = 0;
        loop {
            if let Some(end) = memchr::memchr(b'\n', self.ahead.get(searched..).unwrap_or_default()) {
                let mut line: Vec<u8> = self.ahead.drain(..=searched + end).collect();
                line.pop();
                line.pop_if(|last| *last == b'\r');
                return if line.len() > LONGEST_LINE { Err(Self::too_long()) } else { Ok(line) };
            }
            searched = self.ahead.len();
            if searched > LONGEST_LINE {
                return Err(Self::too_long());
            }
            let mut piece = [0; 4096];
            let read = match &mut self.stream {
                Stream::Plain(timed) => timed.read(&mut piece)?,
                Stream::Tls(tls) => tls.read(&mut piece)?,
            };
            match piece.get(..read) {
                None | Some([]) => return Err(ConnectionError::Closed),
                Some(octets) => self.ahead.extend_from_slice(octets),
            }
        }
    }

    fn too_long() -> ConnectionError {
        ConnectionError::Nonsense("a line that does not end")
    }
}
