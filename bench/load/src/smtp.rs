//! The same mail by SMTP: a session, and one message after the other in it, as a mail server with many of them sends (RFC 5321, RFC 2920).

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A session that has been greeted.
pub struct Session(BufReader<TcpStream>);

impl Session {
    pub fn open(address: &str) -> io::Result<Session> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut session = Session(BufReader::new(stream));
        session.expect("220")?;
        session.0.get_mut().write_all(b"EHLO load.test\r\n")?;
        session.expect("250")?;
        Ok(session)
    }

    /// One message, whose header, body and final dot stand in `message`: whether it was taken.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(b"MAIL FROM:<user@test.local>\r\nRCPT TO:<alice@test.local>\r\nDATA\r\n")?;
        ["250", "250", "354"].iter().try_for_each(|code| self.expect(code))?;
        self.0.get_mut().write_all(message)?;
        self.expect("250")
    }

    /// Reads one reply, which must have this code.
    fn expect(&mut self, code: &str) -> io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return if line.starts_with(code) { Ok(()) } else { Err(io::Error::other(line)) };
            }
        }
    }
}
