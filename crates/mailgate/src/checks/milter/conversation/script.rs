//! A milter that a test scripts, and a letter for it.
#![forbid(unsafe_code)]

use super::{Decision, MilterError, Stream, Told, converse};
use crate::checks::client::Client;
use crate::checks::letter::{Envelope, Letter};
use crate::checks::milter::packet::{Packets, push};
use crate::message::Message;
use mail::address::Address;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

/// It may ask for all that is offered but the names of macros.
pub const ALL: u32 = 0x7f;

/// A milter that answers each command by its code, and keeps what it was told.
#[derive(Clone, Default)]
pub struct Script(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// Code of a command, octets of the answer; the last row of a code counts. Without one: continue.
    answers: Vec<(u8, Vec<u8>)>,
    silent: Vec<u8>,
    unread: VecDeque<u8>,
    got: Packets,
    commands: Vec<(u8, Vec<u8>)>,
    /// The commands of each write.
    writes: Vec<String>,
    /// Most octets of one read; 0: no limit.
    at_a_time: usize,
}

impl Read for Script {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        let most = if state.at_a_time == 0 { into.len() } else { state.at_a_time.min(into.len()) };
        state.unread.read(&mut into[..most])
    }
}

impl Write for Script {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        state.got.push(octets);
        let before = state.commands.len();
        while let Some((code, data)) = state.got.next().unwrap() {
            let usual =
                if matches!(code, b'D' | b'Q') || state.silent.contains(&code) { Vec::new() } else { one(b'c', &[]) };
            let planned = state.answers.iter().rev().find(|(at, _)| *at == code).map(|(_, octets)| octets.clone());
            state.unread.extend(planned.unwrap_or(usual));
            state.commands.push((code, data));
        }
        let codes = state.commands[before..].iter().map(|(code, _)| char::from(*code)).collect();
        state.writes.push(codes);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Script {
    fn is_quiet(&self) -> io::Result<bool> {
        Ok(self.0.borrow().unread.is_empty())
    }

    fn write_last(&mut self, octets: &[u8]) {
        self.write_all(octets).unwrap();
    }
}

pub fn one(code: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    push(&mut packet, code, |to| to.extend_from_slice(data));
    packet
}

pub fn options(actions: u32, events: u32) -> Vec<u8> {
    one(b'O', &[6, actions, events].map(u32::to_be_bytes).concat())
}

impl Script {
    pub fn new(actions: u32, events: u32) -> Script {
        Script::default().on(b'O', options(actions, events))
    }

    pub fn on(self, code: u8, answer: impl AsRef<[u8]>) -> Script {
        self.0.borrow_mut().answers.push((code, answer.as_ref().to_vec()));
        self
    }

    pub fn silent_at(self, codes: &[u8]) -> Script {
        self.0.borrow_mut().silent.extend_from_slice(codes);
        self
    }

    pub fn in_pieces_of(self, octets: usize) -> Script {
        self.0.borrow_mut().at_a_time = octets;
        self
    }

    pub fn writes(&self) -> Vec<String> {
        self.0.borrow().writes.clone()
    }

    pub fn codes(&self) -> String {
        self.0.borrow().commands.iter().map(|(code, _)| char::from(*code)).collect()
    }

    pub fn told(&self, code: u8) -> Vec<Vec<u8>> {
        self.0.borrow().commands.iter().filter(|(at, _)| *at == code).map(|(_, data)| data.clone()).collect()
    }

    pub fn run(&self, letter: &Letter) -> Result<Decision, MilterError> {
        let client = Client { server_name: "gw.test".into(), queue_id: "q1".into(), ..Client::default() };
        let told = Told { client: &client, shows_client: false, macros: &[], max_body: 100_000 };
        converse(self.clone(), letter, &told)
    }
}

pub fn letter_of(header: &str, body: &[u8]) -> Letter {
    let directory = std::env::temp_dir();
    let address = |text: &str| Address::parse(text).unwrap();
    let envelope =
        Envelope { sender: Some(address("f@b.test")), recipients: ["a@b.test", "c@b.test"].map(address).to_vec() };
    let message = Message::compose(&directory, header.as_bytes(), |to| to.write_all(body)).unwrap();
    Letter::open(message, true, envelope).unwrap()
}

pub fn letter() -> Letter {
    letter_of("Received: ours\nFrom: f@b.test\nSubject: a\n b\n\n", b"one\ntwo\n")
}
