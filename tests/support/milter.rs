//! A milter of one test: it accepts every message, remembers what it was told, and obeys its rules at each command.

use super::server::{Act, Connection, Life, Server};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// A packet of the protocol.
pub fn packet(code: char, data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    let len = u32::try_from(data.len() + 1).expect("a test is no longer");
    [&len.to_be_bytes()[..], &[code as u8], data].concat()
}

/// A packet that begins with a number.
pub fn numbered(code: char, number: u32, data: &str) -> Vec<u8> {
    packet(code, [&number.to_be_bytes()[..], data.as_bytes()].concat())
}

/// Code and data of a command.
pub type Command = (char, Vec<u8>);

#[derive(Default)]
struct State {
    rules: Vec<(char, Act)>,
    commands: Vec<Command>,
}

pub struct Milter {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// All but SMFIF_ADDRCPT_PAR.
pub const ALL: u32 = 0x17f;

impl Milter {
    pub fn start() -> Self {
        let (state, serve) = Self::parts();
        Self { server: Server::tcp(serve), state }
    }

    /// On a Unix socket.
    pub fn start_unix() -> Self {
        let (state, serve) = Self::parts();
        Self { server: Server::unix(serve), state }
    }

    #[allow(clippy::type_complexity, reason = "the two halves of one thing")]
    fn parts() -> (Arc<Mutex<State>>, impl Fn(&mut dyn Connection, &Life) -> io::Result<()>) {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        (state, move |connection: &mut dyn Connection, life: &Life| serve(connection, life, &shared))
    }

    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// The act at this command from now on; the last rule counts.
    pub fn rule(&self, code: char, act: Act) -> &Self {
        self.lock().rules.push((code, act));
        self
    }

    /// Answers with these packets instead of its consent.
    pub fn says(&self, code: char, packets: &[Vec<u8>]) -> &Self {
        self.rule(code, Act::Say(packets.concat()))
    }

    /// What it negotiates: its possible requests, and what it does not want (SMFIP_*).
    pub fn negotiates(&self, actions: u32, events: u32) -> &Self {
        let numbers = [6, actions, events].map(u32::to_be_bytes).concat();
        self.says('O', &[packet('O', numbers)])
    }

    /// What it was told since the last call.
    pub fn take(&self) -> Vec<Command> {
        std::mem::take(&mut self.lock().commands)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The data of each command of this code.
pub fn told(commands: &[Command], code: char) -> Vec<String> {
    commands.iter().filter(|(at, _)| *at == code).map(|(_, data)| String::from_utf8_lossy(data).into_owned()).collect()
}

fn serve(connection: &mut dyn Connection, life: &Life, state: &Mutex<State>) -> io::Result<()> {
    let lock = || state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut ahead = Vec::new();
    loop {
        let (code, data) = command(connection, life, &mut ahead)?;
        let planned = {
            let mut state = lock();
            state.commands.push((code, data));
            state.rules.iter().rev().find(|(at, _)| *at == code).map(|(_, act)| act.clone())
        };
        let usual = match code {
            'Q' => return Ok(()),
            'D' => Vec::new(),
            'O' => packet('O', [6, ALL, 0].map(u32::to_be_bytes).concat()),
            _ => packet('c', ""),
        };
        life.perform(connection, &planned.unwrap_or(Act::Say(usual)))?;
    }
}

fn command(connection: &mut dyn Connection, life: &Life, ahead: &mut Vec<u8>) -> io::Result<Command> {
    loop {
        if let Some(len) = ahead.first_chunk::<4>().map(|len| u32::from_be_bytes(*len) as usize)
            && ahead.len() >= 4 + len
        {
            let packet: Vec<u8> = ahead.drain(..4 + len).skip(4).collect();
            return Ok((char::from(packet[0]), packet[1..].to_vec()));
        }
        let mut piece = [0; 16 * 1024];
        let read = life.read(connection, &mut piece)?;
        ahead.extend_from_slice(&piece[..read]);
    }
}
