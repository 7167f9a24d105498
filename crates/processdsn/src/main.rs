//! processdsn: a delivery agent. An MTA gives it one delivery status notification on stdin; it stores the report, and its exit status
//! (sysexits) tells the MTA whether to try again: 0 done or nothing to do, 75 later. It never bounces a bounce. An MTA never gets the other
//! statuses, since it would give up the report, while a problem with the database or the command line can be fixed.
#![forbid(unsafe_code)]

mod arguments;
mod copy;
mod webhook;

use apr::{Dbd, OwnPool};
use arguments::{Arguments, Connection, Task};
use sql::{DatabaseError, ErrorKind};
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;
use tracking::dsn;
use tracking::status;
use tracking::store::suppression::{self, Scope, Suppression};
use tracking::store::{self, Heard, Owner, Recorded, personal};

const OK: u8 = 0;
const USAGE: u8 = 64;
const TEMPFAIL: u8 = 75;
const CONFIG: u8 = 78;

/// Longest wait for the database, much shorter than any MTA waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// How an unsuccessful run ends: the exit status and a line for stderr.
struct Failure(u8, String);

fn main() -> ExitCode {
    let delivery = arguments::is_delivery();
    // A panic must not cost a report: the MTA keeps it and tries again.
    let outcome = std::panic::catch_unwind(|| match arguments::parse() {
        Ok(arguments) => run(&arguments),
        Err(complaint) => Err(Failure(USAGE, format!("{complaint}; see processdsn --help"))),
    });
    let (code, words) = match outcome {
        Ok(Ok(())) => return ExitCode::from(OK),
        Ok(Err(Failure(code, words))) => (code, words),
        Err(_) => (TEMPFAIL, "a fault of this program; the report is still with the mail system".into()),
    };
    complain(&words);
    ExitCode::from(if delivery { TEMPFAIL } else { code })
}

/// One line on stderr, which the MTA logs. A closed stderr changes nothing.
fn complain(words: &dyn Display) {
    let _ = writeln!(io::stderr(), "processdsn: {}", status::clean(&words.to_string()));
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.task {
        Task::Help => print(arguments::HELP),
        Task::Version => print(concat!("processdsn ", env!("CARGO_PKG_VERSION"), "\n")),
        Task::Json => {
            let mail = read_mail()?;
            json(&mail)?;
            drain(&mail)
        }
        Task::Init(connection) => {
            let pool = OwnPool::new();
            let mut database = open(&pool, connection)?;
            let (before, now) = store::init(&mut database).map_err(database_failure)?;
            print(&if before == now {
                format!("version {now}, nothing to do\n")
            } else {
                format!("version {before} -> {now}\n")
            })
        }
        Task::Expire(connection, age) => {
            let pool = OwnPool::new();
            let mut database = open(&pool, connection)?;
            store::check(&mut database).map_err(database_failure)?;
            let forgotten = store::expire(&mut database, store::now() - age).map_err(database_failure)?;
            print(&format!("{forgotten} messages forgotten\n"))
        }
        Task::Export(connection, address) => with_tables(connection, |database| {
            let found = personal::export(database, address)?;
            Ok(found.iter().map(dsn::json::line).collect())
        }),
        Task::Forget(connection, address) => with_tables(connection, |database| {
            let forgotten = personal::forget(database, address)?;
            Ok(format!("forgotten as a recipient of {forgotten} messages, and as a sender\n"))
        }),
        Task::Suppress(connection, address, owner) => with_tables(connection, |database| {
            let scope = scope(owner.as_deref()).unwrap_or(Scope::Everybody);
            suppression::put(database, &scope, address)?;
            Ok("suppressed\n".into())
        }),
        Task::Unsuppress(connection, address, owner) => with_tables(connection, |database| {
            let removed = suppression::remove(database, scope(owner.as_deref()).as_ref(), address)?;
            Ok(format!("{removed} entries removed\n"))
        }),
        Task::Suppressions(connection, owner) => with_tables(connection, |database| {
            let (mut text, mut after, scope) = (String::new(), String::new(), scope(owner.as_deref()));
            loop {
                let page = suppression::list(database, scope.as_ref(), &after, PAGE)?;
                text.extend(page.iter().map(line));
                match page.last().filter(|_| page.len() >= PAGE) {
                    Some(last) => after.clone_from(&last.address),
                    None => return Ok(text),
                }
            }
        }),
        Task::Webhook(connection, order) => {
            let pool = OwnPool::new();
            let mut database = open(&pool, connection)?;
            store::check(&mut database).map_err(database_failure)?;
            webhook::carry_out(&mut database, order)
        }
        Task::Store { connection, copy, address } => {
            let mail = read_mail()?;
            store_report(connection, address.as_deref(), &mail)?;
            match copy {
                Some(file) => copy::append(file, mail.chain(rest(&mail)))
                    .map_err(|error| Failure(TEMPFAIL, format!("{}: {error}", file.display()))),
                None => drain(&mail),
            }
        }
    }
}

/// How many suppressed addresses are read at a time.
const PAGE: usize = 1000;

/// Runs `work` if the tables are of this program's version, and prints its result.
fn with_tables(
    connection: &Connection,
    work: impl FnOnce(&mut Dbd<'_>) -> Result<String, DatabaseError>,
) -> Result<(), Failure> {
    let pool = OwnPool::new();
    let mut database = open(&pool, connection)?;
    store::check(&mut database).map_err(database_failure)?;
    print(&work(&mut database).map_err(database_failure)?)
}

/// Whose messages it applies to; `None`: everybody's.
fn scope(owner: Option<&str>) -> Option<Scope> {
    owner.map(|owner| Scope::Of(Some(Owner::login(owner.as_bytes()))))
}

/// One suppressed address for a terminal.
fn line(entry: &Suppression) -> String {
    let whose = entry.owner.as_deref().unwrap_or(if entry.is_for_all { "*" } else { "-" });
    let reason = entry.reason.map_or("-", |reason| reason.as_str());
    format!(
        "{}\t{}\t{reason}\t{}\t{}\n",
        status::clean(&entry.address),
        entry.cause.as_str(),
        entry.since,
        status::clean(whose)
    )
}

fn store_report(connection: &Connection, address: Option<&str>, mail: &[u8]) -> Result<(), Failure> {
    let report = match dsn::parse(mail) {
        Ok(report) => report,
        Err(dsn::Error::NotAReport(dsn::MailKind::Feedback)) => return store_feedback(connection, mail),
        Err(reason) => {
            // To return it to the MTA would bounce a bounce.
            complain(&format_args!("nothing stored: {reason}"));
            return Ok(());
        }
    };
    let _patience = limit_waiting();
    let pool = OwnPool::new();
    let mut database = open(&pool, connection)?;
    match store::record(&mut database, &report, address, store::now()).map_err(database_failure)? {
        Recorded::Known | Recorded::Stored { verified: true } => {}
        Recorded::Stored { verified: false } => {
            complain(&"stored, but nothing in it proves that it is about a message of ours")
        }
    }
    Ok(())
}

/// A recipient reports a message as spam, or as not spam.
fn store_feedback(connection: &Connection, mail: &[u8]) -> Result<(), Failure> {
    let feedback = match dsn::feedback::parse(mail) {
        Ok(feedback) => feedback,
        Err(reason) => {
            complain(&format_args!("nothing stored: {reason}"));
            return Ok(());
        }
    };
    let _patience = limit_waiting();
    let pool = OwnPool::new();
    let mut database = open(&pool, connection)?;
    match store::record_feedback(&mut database, &feedback, store::now()).map_err(database_failure)? {
        Heard::Known | Heard::Stored { verified: true } => {}
        Heard::Stored { verified: false } => {
            complain(&"stored, but nothing in it proves that it is about a message of ours")
        }
        Heard::Ignored(why) => complain(&format_args!("nothing stored: a feedback report ({}), {why}", feedback.kind)),
    }
    Ok(())
}

/// The drivers wait without limit for a database that accepts and never answers. Ends the process after the limit, so that the mail system
/// tries again, unless the result is dropped before; the lost connection rolls back what was not committed.
fn limit_waiting() -> mpsc::Sender<()> {
    let (sender, dropped) = mpsc::channel();
    std::thread::spawn(move || {
        if dropped.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            complain(&format_args!("the database did not answer within {PATIENCE:?}"));
            std::process::exit(TEMPFAIL.into());
        }
    });
    sender
}

fn json(mail: &[u8]) -> Result<(), Failure> {
    match dsn::parse(mail) {
        Ok(report) => print(&dsn::json::text(&report)),
        Err(reason) => {
            complain(&reason);
            print("null\n")
        }
    }
}

/// The mail on stdin, up to the largest size of a report; the parser says of a longer one that it is too large.
fn read_mail() -> Result<Vec<u8>, Failure> {
    let mut mail = Vec::new();
    let limit = dsn::MAX_SIZE as u64 + 1;
    let read = io::stdin().lock().take(limit).read_to_end(&mut mail);
    read.map_err(|error| Failure(TEMPFAIL, format!("stdin: {error}")))?;
    Ok(mail)
}

/// The unread rest of the mail. Reads no further from a terminal after its end.
fn rest(mail: &[u8]) -> impl Read {
    io::stdin().lock().take(if mail.len() > dsn::MAX_SIZE { u64::MAX } else { 0 })
}

/// Reads the rest: an MTA may treat a pipe that closes early as a failure.
fn drain(mail: &[u8]) -> Result<(), Failure> {
    let read = io::copy(&mut rest(mail), &mut io::sink());
    read.map(|_| ()).map_err(|error| Failure(TEMPFAIL, format!("stdin: {error}")))
}

fn open<'p>(pool: &'p OwnPool, connection: &Connection) -> Result<Dbd<'p>, Failure> {
    let connect = if connection.create { Dbd::create } else { Dbd::connect };
    connect(pool.borrow(), &connection.driver, &connection.params).map_err(database_failure)
}

fn database_failure(error: DatabaseError) -> Failure {
    let code = match error.kind {
        ErrorKind::Misconfigured | ErrorKind::NoSchema => CONFIG,
        ErrorKind::Unavailable => TEMPFAIL,
    };
    Failure(code, error.to_string())
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| Failure(TEMPFAIL, format!("stdout: {error}")))
}
