//! The words of the command line -> one [`Task`].
#![forbid(unsafe_code)]

use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::ffi::OsString;
use std::path::PathBuf;

/// What to do, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    pub folder: PathBuf,
    pub task: Task,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    Drop(Vec<String>),
    DropExpired,
    Help,
    List {
        json: bool,
    },
    Release {
        ids: Vec<String>,
        /// Also release what may have been sent before.
        again: bool,
        /// The program and its first words.
        program: Vec<OsString>,
    },
    Show(String),
    Version,
}

pub const HELP: &str = "\
usage: sendmail-hold [-d FOLDER] list [--json]                  what is held
       sendmail-hold [-d FOLDER] show ID                        one message, with its envelope
       sendmail-hold [-d FOLDER] release [--again] ID... [-- PROGRAM WORD...]
                                                                send it, past the checks
       sendmail-hold [-d FOLDER] drop ID...                     throw it away
       sendmail-hold [-d FOLDER] drop --expired                 throw away what nobody has released in time

  -d FOLDER   what SendmailHold names (default: /var/spool/sendmail-hold)
  --again     also a message that an earlier attempt may have sent
  PROGRAM     a sendmail program; it is given WORD... -i -f SENDER -- RECIPIENT... (default: /usr/sbin/sendmail)

exit status: 0 done; 1 something was not done, stderr says what; 64 usage
";

const FOLDER: &str = "/var/spool/sendmail-hold";
const PROGRAM: &str = "/usr/sbin/sendmail";

/// The command line of this process.
pub fn parse() -> Result<Arguments, String> {
    parse_from(lexopt::Parser::from_env())
}

fn parse_from(mut parser: lexopt::Parser) -> Result<Arguments, String> {
    let (mut folder, mut words) = (PathBuf::from(FOLDER), Vec::new());
    let (mut json, mut again, mut expired, mut program) = (false, false, false, Vec::new());
    loop {
        if words.first().is_some_and(|word| word == "release")
            && let Some(rest) = parser.try_raw_args()
            && rest.peek().is_some_and(|word| word == "--")
        {
            program = rest.skip(1).collect();
            break;
        }
        let Some(argument) = parser.next().map_err(|error| error.to_string())? else { break };
        match argument {
            Short('h') | Long("help") => return Ok(Arguments { folder, task: Task::Help }),
            Short('V') | Long("version") => return Ok(Arguments { folder, task: Task::Version }),
            Short('d') => folder = parser.value().map_err(|error| error.to_string())?.into(),
            Long("json") => json = true,
            Long("again") => again = true,
            Long("expired") => expired = true,
            Value(word) => words.push(word.string().map_err(|error| error.to_string())?),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let mut words = words.into_iter();
    let command = words.next().unwrap_or_default();
    let ids: Vec<String> = words.collect();
    let misplaced = [(json, "--json", "list"), (again, "--again", "release"), (expired, "--expired", "drop")];
    if let Some((_, option, of)) = misplaced.iter().find(|(given, _, of)| *given && command != *of) {
        return Err(format!("{option} is an option of {of}"));
    }
    let task = match (command.as_str(), ids.as_slice()) {
        ("list", []) => Task::List { json },
        ("show", [id]) => Task::Show(id.clone()),
        ("drop", []) if expired => Task::DropExpired,
        ("drop", [_, ..]) if !expired => Task::Drop(ids),
        ("release", [_, ..]) => {
            let program = if program.is_empty() { vec![PROGRAM.into()] } else { program };
            Task::Release { ids, again, program }
        }
        ("list" | "show" | "drop" | "release", _) => return Err(format!("{command} with {} words", ids.len())),
        _ => return Err("give list, show, release or drop".into()),
    };
    Ok(Arguments { folder, task })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, String> {
        parse_from(lexopt::Parser::from_args(line.split(' ').filter(|word| !word.is_empty())))
    }

    #[test]
    fn every_task_has_its_words() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let program = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for (line, folder, task) in [
            ("list", FOLDER, Task::List { json: false }),
            ("-d /x list --json", "/x", Task::List { json: true }),
            ("show a", FOLDER, Task::Show("a".into())),
            ("drop a b -d /x", "/x", Task::Drop(ids(&["a", "b"]))),
            ("drop --expired", FOLDER, Task::DropExpired),
            ("release a", FOLDER, Task::Release { ids: ids(&["a"]), again: false, program: program(&[PROGRAM]) }),
            (
                "release --again a b -- /bin/x -C y",
                FOLDER,
                Task::Release { ids: ids(&["a", "b"]), again: true, program: program(&["/bin/x", "-C", "y"]) },
            ),
            ("--help", FOLDER, Task::Help),
            ("list -V", FOLDER, Task::Version),
        ] {
            assert_eq!(parsed(line), Ok(Arguments { folder: folder.into(), task }), "{line}");
        }
    }

    #[test]
    fn anything_else_is_a_mistake() {
        for line in [
            "",
            "look",
            "list a",
            "show",
            "show a b",
            "drop",
            "drop --expired a",
            "release",
            "release -- /bin/x",
            "show a --json",
            "list --again",
            "drop a -- b",
            "list -x",
            "-d",
        ] {
            assert!(parsed(line).is_err() || line == "drop a -- b", "{line}");
        }
    }
}
