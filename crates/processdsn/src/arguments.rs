//! The words of the command line -> one [`Task`].
#![forbid(unsafe_code)]

use crate::webhook::{Options, Order};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    pub task: Task,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Remove messages older than this many seconds.
    Expire(Connection, i64),
    /// Print everything stored about an address.
    Export(Connection, String),
    /// Remove an address.
    Forget(Connection, String),
    Help,
    Init(Connection),
    Json,
    Store {
        connection: Connection,
        copy: Option<PathBuf>,
        address: Option<String>,
    },
    /// Suppress an address, for one owner or for all.
    Suppress(Connection, String, Option<String>),
    /// Print the suppressed addresses of one owner, or of all.
    Suppressions(Connection, Option<String>),
    /// Stop suppressing an address.
    Unsuppress(Connection, String, Option<String>),
    Version,
    Webhook(Connection, Order),
}

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub driver: String,
    pub params: String,
    /// Whether a missing database may be created.
    pub create: bool,
}

pub const HELP: &str = "\
usage: processdsn --driver DRIVER --params PARAMS [-o FILE] [ADDRESS]   store the report on stdin
       processdsn --driver DRIVER --params PARAMS --init                create or upgrade the tables
       processdsn --driver DRIVER --params PARAMS --expire AGE          forget messages older than AGE (90d, 12h)
       processdsn --driver DRIVER --params PARAMS --webhook WHAT        who is told of changes: list, add, enable, disable, retry, remove
       processdsn --driver DRIVER --params PARAMS --suppress ADDRESS [--owner OWNER]
       processdsn --driver DRIVER --params PARAMS --unsuppress ADDRESS [--owner OWNER]
       processdsn --driver DRIVER --params PARAMS --suppressions [--owner OWNER]
                                                                        suppress ADDRESS, stop that, list suppressed addresses
       processdsn --driver DRIVER --params PARAMS --export ADDRESS      print everything stored about ADDRESS, as JSON lines
       processdsn --driver DRIVER --params PARAMS --forget ADDRESS      forget ADDRESS, except that it is suppressed
       processdsn --json                                                print what the report on stdin says

  --driver DRIVER   sqlite3, pgsql or another driver of APR DBD
  --params PARAMS   what the driver connects with: a file for sqlite3, \"host=... dbname=... user=...\" for pgsql
  --owner OWNER     only for the messages of this login; for everybody's if missing
  -o FILE           append the unchanged mail to FILE (mbox)
  ADDRESS           the address the report came to; RECIPIENT in the environment if missing

  --webhook list                             all of them, with what waits for each
  --webhook add URL --secret FILE            tell URL; FILE holds whsec_ and the base64 of 24 to 64 random octets
      [--events delivered,bounced,...]       only these events
      [--owner NAME]                         only about messages of this user
      [--unverified]                         also of unverified reports
      [--internal]                           the address may be a private one, http will do
  --webhook enable|disable|retry|remove ID   retry: send now what waits, and what was given up
  processdsn-deliver sends the events

exit status: 0 stored, known already, or not a report; 75 try again later: always, where a mail system runs it;
             64 usage, 78 no tables or no such driver: at a terminal, and with any other option than these
";

/// Options for tasks other than storing the mail on stdin.
const COMMANDS: [&str; 13] = [
    "--expire",
    "--export",
    "--forget",
    "--help",
    "--init",
    "--json",
    "--suppress",
    "--suppressions",
    "--unsuppress",
    "--version",
    "--webhook",
    "-V",
    "-h",
];

/// Whether a mail system runs this process to store a mail from stdin, and not a person with a command. This must be known before the
/// options are parsed, since a wrong one may be in the mail system's configuration.
pub fn is_delivery() -> bool {
    !io::stdin().is_terminal() && !has_command(std::env::args_os().skip(1))
}

fn has_command(words: impl Iterator<Item = OsString>) -> bool {
    let mut names = words.take_while(|word| word != "--").map(|word| word.to_string_lossy().into_owned());
    names.any(|word| COMMANDS.contains(&word.split('=').next().unwrap_or_default()))
}

/// An option for a task other than storing a mail.
enum Command {
    Expire(i64),
    Export(String),
    Forget(String),
    Init,
    Suppress(String),
    Suppressions,
    Unsuppress(String),
    Webhook(String),
}

/// A mail address, as far as its form shows.
fn one_address(text: &str) -> Result<String, String> {
    let is_one = text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let is_plain = !text.contains(|c: char| c.is_control() || matches!(c, ' ' | '<' | '>' | ','));
    (is_one && is_plain).then(|| text.to_owned()).ok_or_else(|| format!("'{text}' is not an address"))
}

/// The command line of this process.
pub fn parse() -> Result<Arguments, String> {
    // The token in it is ASCII, whatever is around it.
    let address = std::env::var_os("RECIPIENT").map(|address| address.to_string_lossy().into_owned());
    let address = address.filter(|address| !address.is_empty());
    parse_from(lexopt::Parser::from_env(), address)
}

fn parse_from(mut parser: lexopt::Parser, recipient: Option<String>) -> Result<Arguments, String> {
    let (mut driver, mut params, mut copy, mut address) = (None, None, None, None);
    let (mut json, mut owner, mut commands) = (false, None, Vec::new());
    let mut hook = Options::default();
    let text = |parser: &mut lexopt::Parser| -> Result<String, String> {
        parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
    };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Arguments { task: Task::Help }),
            Short('V') | Long("version") => return Ok(Arguments { task: Task::Version }),
            Long("driver") => driver = Some(text(&mut parser)?),
            Long("params") => params = Some(text(&mut parser)?),
            Long("json") => json = true,
            Long("init") => commands.push(Command::Init),
            Long("expire") => commands.push(Command::Expire(age(&text(&mut parser)?)?)),
            Long("export") => commands.push(Command::Export(one_address(&text(&mut parser)?)?)),
            Long("forget") => commands.push(Command::Forget(one_address(&text(&mut parser)?)?)),
            Long("suppress") => commands.push(Command::Suppress(one_address(&text(&mut parser)?)?)),
            Long("suppressions") => commands.push(Command::Suppressions),
            Long("unsuppress") => commands.push(Command::Unsuppress(one_address(&text(&mut parser)?)?)),
            Long("webhook") => commands.push(Command::Webhook(text(&mut parser)?)),
            Long("secret") => hook.secret_file = Some(text(&mut parser)?),
            Long("events") => hook.events = Some(text(&mut parser)?),
            Long("unverified") => hook.unverified = true,
            Long("internal") => hook.internal = true,
            Long("owner") => owner = Some(text(&mut parser)?),
            Short('o') => copy = Some(PathBuf::from(parser.value().map_err(|error| error.to_string())?)),
            Value(value) if address.is_none() => address = Some(value.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if json {
        return Ok(Arguments { task: Task::Json });
    }
    let command = commands.pop();
    if !commands.is_empty() {
        return Err("two options exclude each other: one task at a time".into());
    }
    let takes_owner = matches!(command, Some(Command::Suppress(_) | Command::Suppressions | Command::Unsuppress(_)));
    if let Some(Command::Webhook(_)) = &command {
        hook.owner = owner.take();
    }
    if owner.is_some() && !takes_owner {
        return Err("--owner goes with --suppress, --unsuppress, --suppressions and --webhook add".into());
    }
    if hook.are_given() && !matches!(&command, Some(Command::Webhook(what)) if what == "add") {
        return Err("--secret, --events, --owner, --unverified and --internal belong to --webhook add".into());
    }
    let connection = Connection {
        driver: driver.ok_or("--driver is missing (sqlite3 or pgsql)")?,
        params: params.ok_or("--params is missing (the file of the database for sqlite3)")?,
        create: matches!(command, Some(Command::Init)),
    };
    let task = match command {
        None => Task::Store { connection, copy, address: address.or(recipient) },
        Some(Command::Expire(age)) => Task::Expire(connection, age),
        Some(Command::Export(address)) => Task::Export(connection, address),
        Some(Command::Forget(address)) => Task::Forget(connection, address),
        Some(Command::Init) => Task::Init(connection),
        Some(Command::Suppress(address)) => Task::Suppress(connection, address, owner),
        Some(Command::Suppressions) => Task::Suppressions(connection, owner),
        Some(Command::Unsuppress(address)) => Task::Unsuppress(connection, address, owner),
        Some(Command::Webhook(what)) => Task::Webhook(connection, Order::parse(&what, address, hook)?),
    };
    Ok(Arguments { task })
}

/// `90d`, `12h`, `30m`, in seconds.
fn age(text: &str) -> Result<i64, String> {
    let units = [('d', 86_400), ('h', 3600), ('m', 60)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let age = found.and_then(|(number, seconds)| number.parse::<u32>().ok().map(|number| i64::from(number) * seconds));
    age.ok_or_else(|| format!("'{text}' is not an age; write 90d, 12h or 30m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(words: &str) -> Result<Task, String> {
        parse_from(lexopt::Parser::from_args(words.split_whitespace()), Some("r@h".into()))
            .map(|arguments| arguments.task)
    }

    #[test]
    fn a_command_is_told_from_a_delivery_before_its_words_make_sense() {
        let has = |words: &str| has_command(words.split_whitespace().map(OsString::from));
        for command in [
            "--init",
            "--nonsense --init",
            "--driver x --expire=soon",
            "--expire 1d",
            "--forget x",
            "--suppressions",
            "--json",
            "--webhook list",
            "-h",
            "-V",
        ] {
            assert!(has(command), "{command}");
        }
        for delivery in ["", "--driver sqlite3 --params f", "-o x", "--nonsense", "a@b c@d", "-- --init"] {
            assert!(!has(delivery), "{delivery}");
        }
    }

    #[test]
    fn the_words_name_one_task() {
        let connection = |create| Connection { driver: "sqlite3".into(), params: "f".into(), create };
        let both = "--driver sqlite3 --params f";
        assert_eq!(task(&format!("{both} --init")), Ok(Task::Init(connection(true))));
        assert_eq!(task(&format!("{both} --expire 2d")), Ok(Task::Expire(connection(false), 172_800)));
        let store = |copy: Option<&str>, address: &str| Task::Store {
            connection: connection(false),
            copy: copy.map(PathBuf::from),
            address: Some(address.into()),
        };
        assert_eq!(task(both), Ok(store(None, "r@h")));
        assert_eq!(task(&format!("-o x {both} a@b")), Ok(store(Some("x"), "a@b")));
        let address = || "a@x".to_owned();
        assert_eq!(task(&format!("{both} --forget a@x")), Ok(Task::Forget(connection(false), address())));
        assert_eq!(
            task(&format!("{both} --suppress a@x --owner peter")),
            Ok(Task::Suppress(connection(false), address(), Some("peter".into())))
        );
        assert_eq!(task(&format!("{both} --suppressions")), Ok(Task::Suppressions(connection(false), None)));
        assert_eq!(task("--json"), Ok(Task::Json));
        let list = task(&format!("{both} --webhook list"));
        assert_eq!(list, Ok(Task::Webhook(connection(false), Order::List)));
        let retry = task(&format!("{both} --webhook retry wh_1"));
        assert_eq!(retry, Ok(Task::Webhook(connection(false), Order::Retry("wh_1".into()))));
        for wrong in [
            "",
            "--driver sqlite3",
            "--nonsense",
            &format!("{both} --init --expire 1d"),
            &format!("{both} --forget a@x --export a@x"),
            &format!("{both} --forget a"),
            &format!("{both} --owner peter"),
            &format!("{both} --expire 1d --owner peter"),
            &format!("{both} --expire x"),
            &format!("{both} a b"),
            &format!("{both} --webhook list --init"),
            &format!("{both} --webhook nonsense"),
            &format!("{both} --webhook list wh_1"),
            &format!("{both} --webhook remove"),
            &format!("{both} --webhook add https://x.example/ --events bounced"),
            &format!("{both} --webhook add --secret f"),
            &format!("{both} --webhook remove wh_1 --secret f"),
            &format!("{both} --internal"),
        ] {
            assert!(task(wrong).is_err(), "{wrong}");
        }
    }
}
