//! sendmail-http: a sendmail(1) for machines without a mail system. It sends messages to a gateway over HTTPS (mod_sendmail's
//! `message/rfc822`), and queues what cannot be sent now. It also acts as sendmail, mailq or newaliases when called by that name.
#![forbid(unsafe_code)]

mod account;
mod aliases;
mod background;
mod check;
mod clock;
mod config;
mod delivery;
mod exit;
mod gateway;
mod id;
mod log;
mod manage;
mod message;
mod options;
mod queue;
mod report;
mod send;
mod session;

use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use account::{Account, Host};
use config::Found;
use exit::{Failure, Status};
use log::Log;
use options::{HELP, Options, Task};
use send::Sender;

fn main() -> ExitCode {
    // The caller's umask might make the queue unreadable for its own runner.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_else(|| OsString::from("sendmail-http"));
    let name = Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let options = match options::parse(&name, words) {
        Ok(options) => options,
        Err(words) => {
            Log::new(None, false).error(&format!("{words}; see sendmail-http --help"));
            return ExitCode::from(Status::Usage as u8);
        }
    };
    let mut log = Log::new(options.tag.as_deref(), options.verbose);
    options.warnings.iter().for_each(|words| log.warning(words));
    // After a panic it is unknown how far the run got.
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&options, &mut log)));
    let fault = || Failure::new(Status::Unknown, "a fault of this program; the message may or may not have been sent");
    match outcome.unwrap_or_else(|_| Err(fault())) {
        Ok(status) => ExitCode::from(status as u8),
        Err(Failure { status, words, .. }) => {
            log.error(&words);
            ExitCode::from(status as u8)
        }
    }
}

fn run(options: &Options, log: &mut Log) -> Result<Status, Failure> {
    let account = Account::own();
    let find = || config::find(options.config.as_deref(), account.home.as_deref());
    match &options.task {
        Task::Check => return check::check(find(), &Host::own()),
        Task::Deliver => sender(options, log, &account, find()).stdin()?,
        Task::Help => print(HELP)?,
        Task::List => return manage::list(find(), account.uid, options.json),
        Task::NewAliases => manage::new_aliases(&find(), log),
        Task::Remove(id) => manage::remove(find(), id)?,
        Task::Retry(id) => manage::retry(find(), id)?,
        Task::Run(how) => background::run(find, log, *how)?,
        Task::Smtp { batch } => session::serve(sender(options, log, &account, find()), *batch)?,
        Task::Verify => manage::verify(find(), options)?,
        Task::Version => print(concat!("sendmail-http ", env!("CARGO_PKG_VERSION"), "\n"))?,
    }
    Ok(Status::Ok)
}

fn sender<'a>(options: &'a Options, log: &'a mut Log, account: &Account, found: Found) -> Sender<'a> {
    Sender { account: account.clone(), host: Host::own(), found, options, log, gateway: None }
}

/// A closed stdout is not an error.
fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::storage("stdout", error))
}
