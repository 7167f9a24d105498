//! The words of the command line -> a [`Task`].
#![forbid(unsafe_code)]

use lexopt::prelude::{Long, Short, ValueExt};
use std::path::PathBuf;
use std::time::Duration;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    Deliver(Delivery),
    Help,
    Version,
}

/// The source of events, and how to send them.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivery {
    pub driver: String,
    pub params: String,
    /// The pause between two queries of the database; `None`: one query.
    pub every: Option<Duration>,
    /// Authorities instead of the system's.
    pub ca: Option<PathBuf>,
}

pub const HELP: &str = "\
usage: processdsn-deliver --driver DRIVER --params PARAMS [--every TIME] [--ca FILE]

Sends the events that wait in the database of processdsn to webhooks; processdsn --webhook lists them.

  --driver DRIVER   sqlite3, pgsql or another driver of APR DBD
  --params PARAMS   what the driver connects with, as for processdsn
  --every TIME      look again every TIME (10s, 1m) until stopped; else once
  --ca FILE         trust the authorities in FILE (PEM), not those of the system
  -h, --help        print this
  -V, --version     print the version

exit status: 0 everything that was due has been tried; 64 usage, 75 the database is down, 78 no tables, no such driver or no certificates
";

/// The command line of this process.
pub fn parse() -> Result<Task, String> {
    parse_from(lexopt::Parser::from_env())
}

fn parse_from(mut parser: lexopt::Parser) -> Result<Task, String> {
    let (mut driver, mut params, mut every, mut ca) = (None, None, None, None);
    let text = |parser: &mut lexopt::Parser| -> Result<String, String> {
        parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
    };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Task::Help),
            Short('V') | Long("version") => return Ok(Task::Version),
            Long("driver") => driver = Some(text(&mut parser)?),
            Long("params") => params = Some(text(&mut parser)?),
            Long("every") => every = Some(time(&text(&mut parser)?)?),
            Long("ca") => ca = Some(PathBuf::from(text(&mut parser)?)),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Task::Deliver(Delivery {
        driver: driver.ok_or("--driver is missing (sqlite3 or pgsql)")?,
        params: params.ok_or("--params is missing (the file of the database for sqlite3)")?,
        every,
        ca,
    }))
}

/// `10s`, `1m`, `1h`: at least a second.
fn time(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let seconds =
        found.and_then(|(number, seconds)| number.parse::<u32>().ok().map(|number| u64::from(number) * seconds));
    let time = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    time.ok_or_else(|| format!("'{text}' is not a time; write 10s, 1m or 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_name_one_task() {
        let task = |words: &str| parse_from(lexopt::Parser::from_args(words.split_whitespace()));
        let both = "--driver sqlite3 --params f";
        let delivery = |every, ca: Option<&str>| {
            let ca = ca.map(PathBuf::from);
            Ok(Task::Deliver(Delivery { driver: "sqlite3".into(), params: "f".into(), every, ca }))
        };
        assert_eq!(task(both), delivery(None, None));
        assert_eq!(
            task(&format!("{both} --every 2m --ca c.pem")),
            delivery(Some(Duration::from_secs(120)), Some("c.pem"))
        );
        assert_eq!((task("-h"), task("--version")), (Ok(Task::Help), Ok(Task::Version)));
        for wrong in ["", "--driver sqlite3", "--params f", "--nonsense", "x"] {
            assert!(task(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0s", "5", "s", "-1s", "1d"] {
            assert!(task(&format!("{both} --every {wrong}")).is_err(), "{wrong}");
        }
    }
}
