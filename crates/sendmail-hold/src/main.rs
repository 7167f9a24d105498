//! sendmail-hold: an administrator's command for messages that a check has held (SendmailHold). A released message is sent by a sendmail
//! program, past the checks, once.
#![forbid(unsafe_code)]

mod arguments;
mod held;
mod release;
mod show;

use arguments::{Arguments, Task};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

const USAGE: u8 = 64;
/// Something was not done; stderr says what.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let outcome = match arguments::parse() {
        Ok(arguments) => run(&arguments),
        Err(complaint) => {
            complain(&format!("{complaint}; see sendmail-hold --help"));
            return ExitCode::from(USAGE);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

/// Returns whether all of it was done.
fn run(arguments: &Arguments) -> io::Result<bool> {
    let folder = &arguments.folder;
    match &arguments.task {
        Task::Help => print(arguments::HELP).map(|()| true),
        Task::Version => print(concat!("sendmail-hold ", env!("CARGO_PKG_VERSION"), "\n")).map(|()| true),
        Task::List { json } => {
            let messages = held::list(folder)?;
            print(&if *json { show::json(&messages)? } else { show::table(&messages)? }).map(|()| true)
        }
        Task::Show(id) => held::find(folder, id)?
            .map_or_else(|| Ok(missing(id)), |message| print(&show::whole(&message)?).map(|()| true)),
        Task::Drop(ids) => each(ids, |id| match held::find(folder, id)? {
            Some(message) => message.remove().map(|()| true),
            None => Ok(missing(id)),
        }),
        Task::DropExpired => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
            let expired = held::list(folder)?.into_iter().filter(|message| message.ticket.expires < now);
            expired.map(|message| message.remove()).collect::<io::Result<Vec<()>>>().map(|_| true)
        }
        Task::Release { ids, again, program } => each(ids, |id| match held::find(folder, id)? {
            Some(message) => Ok(released(id, release::release(folder, message, program, *again))),
            None => Ok(missing(id)),
        }),
    }
}

fn each(ids: &[String], mut act: impl FnMut(&str) -> io::Result<bool>) -> io::Result<bool> {
    let mut all = true;
    for id in ids {
        all &= act(id)?;
    }
    Ok(all)
}

fn released(id: &str, outcome: Result<(), release::NotReleased>) -> bool {
    match outcome {
        Ok(()) => print(&format!("{id}: sent\n")).is_ok(),
        Err(why) => {
            complain(&format!("{id}: {why}"));
            false
        }
    }
}

fn missing(id: &str) -> bool {
    complain(&format!("{id}: no such message; it may have been released or dropped"));
    false
}

fn complain(words: &str) {
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(io::stderr(), "sendmail-hold: {line}");
}

fn print(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()), // `| head`
        outcome => outcome,
    }
}
