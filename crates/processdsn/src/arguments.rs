//! The words of the command line -> one [`Task`].
#![forbid(unsafe_code)]

use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    pub task: Task,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Forget messages older than so many seconds.
    Expire(Connection, i64),
    Help,
    Init(Connection),
    Json,
    Store {
        connection: Connection,
        copy: Option<PathBuf>,
        address: Option<String>,
    },
    Version,
}

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub driver: String,
    pub params: String,
    /// Whether a database that is missing may be made.
    pub create: bool,
}

pub const HELP: &str = "\
usage: processdsn --driver DRIVER --params PARAMS [-o FILE] [ADDRESS]   store the report on stdin
       processdsn --driver DRIVER --params PARAMS --init                create or upgrade the tables
       processdsn --driver DRIVER --params PARAMS --expire AGE          forget messages older than AGE (90d, 12h)
       processdsn --json                                                print what the report on stdin says

  --driver DRIVER   sqlite3, pgsql or another driver of APR DBD
  --params PARAMS   what the driver connects with: a file for sqlite3, \"host=... dbname=... user=...\" for pgsql
  -o FILE           append the mail as it came to FILE (mbox)
  ADDRESS           the address the report came to; RECIPIENT in the environment if missing

exit status: 0 stored, known already, or not a report; 75 try again later: always, where a mail system runs it;
             64 usage, 78 no tables or no such driver: at a terminal, and with --init, --expire or --json
";

/// Options that ask for something else than to store the mail on stdin.
const COMMANDS: [&str; 7] = ["--expire", "--help", "--init", "--json", "--version", "-V", "-h"];

/// Whether a mail system runs this process, for what a person does at a terminal or by a command: a mail comes on stdin, to be stored. That
/// must be known before the words make sense, since a wrong one may stand in the mail system's configuration.
pub fn is_delivery() -> bool {
    !io::stdin().is_terminal() && !has_command(std::env::args_os().skip(1))
}

fn has_command(words: impl Iterator<Item = OsString>) -> bool {
    let mut names = words.take_while(|word| word != "--").map(|word| word.to_string_lossy().into_owned());
    names.any(|word| COMMANDS.contains(&word.split('=').next().unwrap_or_default()))
}

/// The command line of this process.
pub fn parse() -> Result<Arguments, String> {
    // The token in it is ASCII, whatever stands around it.
    let address = std::env::var_os("RECIPIENT").map(|address| address.to_string_lossy().into_owned());
    let address = address.filter(|address| !address.is_empty());
    parse_from(lexopt::Parser::from_env(), address)
}

fn parse_from(mut parser: lexopt::Parser, recipient: Option<String>) -> Result<Arguments, String> {
    let (mut driver, mut params, mut copy, mut address) = (None, None, None, None);
    let (mut init, mut json, mut expire) = (false, false, None);
    let text = |parser: &mut lexopt::Parser| -> Result<String, String> {
        parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
    };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Arguments { task: Task::Help }),
            Short('V') | Long("version") => return Ok(Arguments { task: Task::Version }),
            Long("driver") => driver = Some(text(&mut parser)?),
            Long("params") => params = Some(text(&mut parser)?),
            Long("init") => init = true,
            Long("json") => json = true,
            Long("expire") => expire = Some(age(&text(&mut parser)?)?),
            Short('o') => copy = Some(PathBuf::from(parser.value().map_err(|error| error.to_string())?)),
            Value(value) if address.is_none() => address = Some(value.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if json {
        return Ok(Arguments { task: Task::Json });
    }
    let connection = Connection {
        driver: driver.ok_or("--driver is missing (sqlite3 or pgsql)")?,
        params: params.ok_or("--params is missing (the file of the database for sqlite3)")?,
        create: init,
    };
    let task = match (init, expire) {
        (true, Some(_)) => return Err("--init and --expire exclude each other".into()),
        (true, None) => Task::Init(connection),
        (false, Some(age)) => Task::Expire(connection, age),
        (false, None) => Task::Store { connection, copy, address: address.or(recipient) },
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
        for command in ["--init", "--nonsense --init", "--driver x --expire=soon", "--expire 1d", "--json", "-h", "-V"]
        {
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
        assert_eq!(task("--json"), Ok(Task::Json));
        for wrong in [
            "",
            "--driver sqlite3",
            "--nonsense",
            &format!("{both} --init --expire 1d"),
            &format!("{both} --expire x"),
            &format!("{both} a b"),
        ] {
            assert!(task(wrong).is_err(), "{wrong}");
        }
    }
}
