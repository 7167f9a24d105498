//! A policy server of one test: it answers `DUNNO`, or what its rules say about a question, and remembers every question.

use super::server::{Act, Connection, Life, Server};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// The attributes of a question.
pub type Question = BTreeMap<String, String>;

#[derive(Default)]
struct State {
    /// A line that a question must have, the act, and how often it has happened.
    rules: Vec<(String, Act, usize)>,
    questions: Vec<(usize, Question)>,
}

pub struct Policy {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Policy {
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        Self { server: Server::tcp(move |connection, life| serve(connection, life, &shared)), state }
    }

    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Gives this answer to every question from now on.
    pub fn answers(&self, action: &str) -> &Self {
        self.answers_about("", action)
    }

    /// The same for questions with this line: `recipient=a@example.test`.
    pub fn answers_about(&self, line: &str, action: &str) -> &Self {
        self.rule(line, Act::Say(format!("action={action}\n\n").into_bytes()), usize::MAX)
    }

    pub fn rule(&self, line: &str, act: Act, times: usize) -> &Self {
        self.lock().rules.push((line.to_owned(), act, times));
        self
    }

    pub fn forget_rules(&self) -> &Self {
        self.lock().rules.clear();
        self
    }

    /// Each question since the last call, with the number of its connection.
    pub fn take(&self) -> Vec<(usize, Question)> {
        std::mem::take(&mut self.lock().questions)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn serve(connection: &mut dyn Connection, life: &Life, state: &Mutex<State>) -> io::Result<()> {
    let lock = || state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let mut ahead = Vec::new();
    loop {
        let Some(end) = ahead.windows(2).position(|two| two == b"\n\n") else {
            let mut piece = [0; 4096];
            let read = life.read(connection, &mut piece)?;
            ahead.extend_from_slice(&piece[..read]);
            continue;
        };
        let text: Vec<u8> = ahead.drain(..end + 2).take(end).collect();
        let text = String::from_utf8_lossy(&text).into_owned();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let question: Question = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let planned = {
            let mut state = lock();
            state.questions.push((number, question));
            let fits = |rule: &&mut (String, Act, usize)| {
                rule.2 > 0 && (rule.0.is_empty() || text.lines().any(|line| line == rule.0))
            };
            state.rules.iter_mut().rev().find(fits).map(|rule| {
                rule.2 -= 1;
                rule.1.clone()
            })
        };
        life.perform(connection, &planned.unwrap_or_else(|| Act::Say(b"action=DUNNO\n\n".to_vec())))?;
    }
}
