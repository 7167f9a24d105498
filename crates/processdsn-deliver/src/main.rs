//! processdsn-deliver: sends the events that processdsn has written to the outbox of its database to webhooks. A separate command, since
//! only it needs TLS. Several may run at the same time; each event is sent by one of them, at least once.
#![forbid(unsafe_code)]

mod address;
mod options;
mod sender;
mod signature;
mod tls;
mod watchdog;

use apr::{Dbd, OwnPool};
use mail::message_id::Token;
use options::{Delivery, Task};
use sender::Sender;
use sql::{DatabaseError, ErrorKind};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use tracking::status::clean;
use tracking::store;
use tracking::store::outbox::queue::{self, Attempt, Next, Outcome};
use watchdog::Watchdog;

const USAGE: u8 = 64;
const TEMPFAIL: u8 = 75;
const CONFIG: u8 = 78;

/// How an unsuccessful run ends: the exit status and a line for stderr.
struct Failure(u8, String);

fn main() -> ExitCode {
    let outcome = options::parse().map_err(|words| Failure(USAGE, format!("{words}; see processdsn-deliver --help")));
    let outcome = outcome.and_then(|task| match task {
        Task::Help => print(options::HELP),
        Task::Version => print(concat!("processdsn-deliver ", env!("CARGO_PKG_VERSION"), "\n")),
        Task::Deliver(delivery) => deliver(&delivery),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, words)) => {
            complain(&words);
            ExitCode::from(code)
        }
    }
}

/// One line on stderr. A stderr that is closed changes nothing.
pub fn complain(words: &dyn Display) {
    let _ = writeln!(io::stderr(), "processdsn-deliver: {}", clean(&words.to_string()));
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| Failure(TEMPFAIL, format!("stdout: {error}")))
}

/// Sends what is due, once or repeatedly until it is stopped. It may be stopped at any moment; an event being sent then is sent again.
fn deliver(delivery: &Delivery) -> Result<(), Failure> {
    let sender = Sender::new(delivery.ca.as_deref()).map_err(|words| Failure(CONFIG, words))?;
    let runner = Token::random().map_err(|error| Failure(TEMPFAIL, error.to_string()))?;
    let watchdog = Watchdog::start();
    loop {
        let outcome = pass(delivery, &sender, runner.as_str(), &watchdog);
        match (outcome, delivery.every) {
            (Ok(count), None) => return print(&format!("{} taken, {} not\n", count.taken, count.others)),
            (Ok(_), Some(pause)) => std::thread::sleep(pause),
            (Err(failure), None) => return Err(failure),
            // A database comes back, and tables get created; the error is shown until then.
            (Err(Failure(_, words)), Some(pause)) => {
                complain(&words);
                std::thread::sleep(pause);
            }
        }
    }
}

/// How many events were accepted by their receivers, and how many were not.
#[derive(Default)]
struct Count {
    taken: u64,
    others: u64,
}

fn pass(delivery: &Delivery, sender: &Sender, runner: &str, watchdog: &Watchdog) -> Result<Count, Failure> {
    let (pool, mut count) = (OwnPool::new(), Count::default());
    let connect = || Dbd::connect(pool.borrow(), &delivery.driver, &delivery.params);
    let mut database = watchdog.watch(connect).map_err(database_failure)?;
    watchdog.watch(|| store::check(&mut database)).map_err(database_failure)?;
    loop {
        let attempt = watchdog.watch(|| queue::claim(&mut database, runner, store::now())).map_err(database_failure)?;
        let Some(attempt) = attempt else { return Ok(count) };
        let outcome = sender.send(&attempt);
        let settle = || queue::settle(&mut database, runner, &attempt, &outcome, store::now());
        let next = watchdog.watch(settle).map_err(database_failure)?;
        match next {
            Next::Done => count.taken += 1,
            _ => count.others += 1,
        }
        report(&attempt, &outcome, next);
    }
}

/// Reports a failure. The URL may hold a secret, so the hook is named by its id.
fn report(attempt: &Attempt, outcome: &Outcome, next: Next) {
    let words = match outcome {
        Outcome::Taken => return,
        Outcome::Gone => "410 Gone",
        Outcome::Refused(words, _) | Outcome::Unreachable(words) | Outcome::Untried(words) => words,
    };
    let next = match next {
        Next::Done => return,
        Next::Disabled => format!("disabled until processdsn --webhook enable {}", attempt.hook),
        Next::Again(due) => format!("again in {} s", due - store::now()),
        Next::Dead => format!("given up; processdsn --webhook retry {} sends it once more", attempt.hook),
    };
    complain(&format_args!("{}, event {}: {words}; {next}", attempt.hook, attempt.id));
}

fn database_failure(error: DatabaseError) -> Failure {
    let code = match error.kind {
        ErrorKind::Misconfigured | ErrorKind::NoSchema => CONFIG,
        ErrorKind::Unavailable => TEMPFAIL,
    };
    Failure(code, error.to_string())
}
