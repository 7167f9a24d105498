//! One connection to a test's mail server: the usual replies, unless a rule says otherwise.

use super::{Act, Shared, Taken};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// Whether these are the lines of one 250 reply, perhaps followed by a farewell.
fn accepts(words: &str) -> bool {
    let words = words.strip_suffix("421 bye\r\n").unwrap_or(words);
    let lines: Vec<&str> = words.split_inclusive("\r\n").collect();
    let continued = |line: &&str| line.starts_with("250-") && line.ends_with("\r\n");
    lines.split_last().is_some_and(|(last, others)| {
        last.starts_with("250 ") && last.ends_with("\r\n") && others.iter().all(continued)
    })
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

pub(super) struct Conversation<'s> {
    shared: &'s Shared,
    /// `None` while it changes.
    stream: Option<Stream>,
    ahead: Vec<u8>,
    number: usize,
}

impl Conversation<'_> {
    pub(super) fn serve(shared: &Shared, socket: TcpStream, number: usize) -> io::Result<()> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let mut conversation = Conversation { shared, stream: Some(Stream::Plain(socket)), ahead: Vec::new(), number };
        if shared.implicit {
            conversation.encrypt()?;
        }
        conversation.answer("connect", "", "220 mx.test ESMTP\r\n")?;
        conversation.talk()
    }

    fn talk(&mut self) -> io::Result<()> {
        let (mut mail, mut rcpts) = (String::new(), Vec::new());
        loop {
            let line = self.line()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            self.shared.state().commands.push(line.clone());
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.hello(&line)?,
                "STARTTLS" => {
                    if self.answer("STARTTLS", &line, "220 go ahead\r\n")?.starts_with("220") {
                        self.encrypt()?;
                    }
                }
                "AUTH" => self.auth(&line)?,
                "MAIL" => {
                    self.answer("MAIL", &line, "250 2.1.0 Ok\r\n")?;
                    (mail, rcpts) = (line, Vec::new());
                }
                "RCPT" => {
                    if self.answer("RCPT", &line, "250 2.1.5 Ok\r\n")?.starts_with("250") {
                        rcpts.push(line);
                    }
                }
                "DATA" => {
                    let usual = if rcpts.is_empty() { "554 5.5.1 no valid recipients\r\n" } else { "354 go ahead\r\n" };
                    if self.answer("DATA", &line, usual)?.starts_with("354") {
                        self.data(&mail, &rcpts)?;
                    }
                }
                "RSET" => drop(self.answer("RSET", &line, "250 2.0.0 Ok\r\n")?),
                "HELO" => drop(self.answer("HELO", &line, "250 mx.test\r\n")?),
                "QUIT" => return self.say(b"221 2.0.0 Bye\r\n"),
                _ => self.say(b"502 5.5.2 what\r\n")?,
            }
        }
    }

    fn hello(&mut self, line: &str) -> io::Result<()> {
        let encrypted = matches!(self.stream, Some(Stream::Tls(_)));
        let fits =
            |offer: &&String| !(encrypted && offer.starts_with("STARTTLS") || !encrypted && offer.starts_with("AUTH"));
        let offers: String =
            self.shared.state().offers.iter().filter(fits).map(|offer| format!("250-{offer}\r\n")).collect();
        self.answer("EHLO", line, &format!("250-mx.test\r\n{offers}250 HELP\r\n")).map(drop)
    }

    /// `me` with the password `geheim`.
    fn auth(&mut self, line: &str) -> io::Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        let mut given = words.get(2).map(|word| word.as_bytes().to_vec()).unwrap_or_default();
        let right = if words.get(1) == Some(&"LOGIN") {
            self.say(b"334 VXNlcm5hbWU6\r\n")?;
            given = self.line()?;
            self.say(b"334 UGFzc3dvcmQ6\r\n")?;
            given == STANDARD.encode("me").as_bytes() && self.line()? == STANDARD.encode("geheim").as_bytes()
        } else {
            if given.is_empty() {
                self.say(b"334 \r\n")?;
                given = self.line()?;
            }
            given == STANDARD.encode("\0me\0geheim").as_bytes()
        };
        let answer = if right { "235 2.7.0 welcome\r\n" } else { "535 5.7.8 no\r\n" };
        self.answer("AUTH", line, answer).map(drop)
    }

    fn data(&mut self, mail: &str, rcpts: &[String]) -> io::Result<()> {
        let mut octets = Vec::new();
        self.act("content", "")?;
        loop {
            let line = self.line()?;
            if line == b"." {
                break;
            }
            octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            octets.extend_from_slice(b"\r\n");
        }
        let (mail, rcpts) = (mail.to_owned(), rcpts.to_vec());
        let taken = Taken { mail, rcpts, octets, accepted: false, connection: self.number };
        let index = {
            let mut state = self.shared.state();
            state.taken.push(taken);
            state.taken.len() - 1
        };
        // Before the reply, since a client that reads it asks at once.
        let planned = self.planned(".", "");
        let accepts = match planned {
            None => true,
            Some(Act::Say(words) | Act::Drip(words) | Act::SayAndClose(words)) => accepts(words),
            Some(Act::Close | Act::Hang) => false,
        };
        self.shared.state().taken[index].accepted = accepts;
        match planned {
            Some(act) => self.perform(act)?,
            None => self.say(format!("250 2.0.0 Ok: queued as {index}\r\n").as_bytes())?,
        }
        self.act("idle", "")
    }

    /// The usual reply, or the rule's; returns what was sent.
    fn answer(&mut self, step: &str, about: &str, usual: &str) -> io::Result<String> {
        match self.planned(step, about) {
            None => {
                self.say(usual.as_bytes())?;
                Ok(usual.to_owned())
            }
            Some(act) => {
                self.perform(act)?;
                Ok(match act {
                    Act::Say(words) | Act::Drip(words) => words.to_owned(),
                    _ => String::new(),
                })
            }
        }
    }

    fn act(&mut self, step: &str, about: &str) -> io::Result<()> {
        self.planned(step, about).map_or(Ok(()), |act| self.perform(act))
    }

    fn planned(&self, step: &str, about: &str) -> Option<Act> {
        let mut state = self.shared.state();
        let rule =
            state.rules.iter_mut().find(|rule| rule.step == step && rule.times > 0 && about.contains(rule.about))?;
        rule.times = rule.times.saturating_sub(1);
        Some(rule.act)
    }

    fn perform(&mut self, act: Act) -> io::Result<()> {
        match act {
            Act::Say(words) => self.say(words.as_bytes()),
            Act::Drip(words) => words.bytes().try_for_each(|byte| {
                thread::sleep(Duration::from_millis(20));
                self.say(&[byte])
            }),
            Act::SayAndClose(words) => {
                self.say(words.as_bytes())?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Act::Close => Err(io::ErrorKind::ConnectionAborted.into()),
            Act::Hang => {
                while !self.shared.stopped.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    fn say(&mut self, words: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Some(Stream::Plain(socket)) => socket.write_all(words),
            Some(Stream::Tls(tls)) => tls.write_all(words).and_then(|()| tls.flush()),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn encrypt(&mut self) -> io::Result<()> {
        let Some(Stream::Plain(mut socket)) = self.stream.take() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let config = self.shared.tls.clone().ok_or_else(|| io::Error::other("no certificate"))?;
        let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            match connection.complete_io(&mut socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.is_over() => {}
                outcome => drop(outcome?),
            }
        }
        self.stream = Some(Stream::Tls(Box::new(StreamOwned::new(connection, socket))));
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.shared.stopped.load(Ordering::SeqCst)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|two| two == b"\r\n") {
                let line = self.ahead.drain(..end + 2).take(end).collect();
                return Ok(line);
            }
            let mut piece = [0; 16 * 1024];
            let read = match &mut self.stream {
                Some(Stream::Plain(socket)) => socket.read(&mut piece),
                Some(Stream::Tls(tls)) => tls.read(&mut piece),
                None => Ok(0),
            };
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.ahead.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.is_over() => {}
                Err(error) => return Err(error),
            }
        }
    }
}
