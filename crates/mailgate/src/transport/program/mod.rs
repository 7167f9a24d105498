//! A whole message -> the stdin of a `sendmail` program -> the outcome. Everything is complete before the program starts, and nothing is
//! written afterwards: end of file tells an MTA to send, and any way of dying causes it. A message in memory waits in a pipe; a longer one
//! is the file itself. Exit 0 is believed only if the program has read to the end.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod dsn;
pub mod mta;
pub mod quirks;
mod sysexits;

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Accepted, Commit, Exit, Failure, FailureKind, Program, deadline};
use crate::message::Message;
use mail::text::one_line;
use sys::child::{Ending, Outlet, Outlets, Watched, reap_orphans};
use sys::{calls, spool};

/// How many characters of the program's complaint may go into an answer, and of its whole output into the log.
const WORDS: usize = 400;
const LOGGED: usize = 2_000;

/// Runs `program` with `message` on its stdin until it has ended; `tmp_dir` is for a file, in case the message does not fit into a pipe.
pub fn hand_over(
    program: &Program<'_>,
    message: &Message,
    tmp_dir: &Path,
    commit: &mut Commit<'_>,
) -> Result<Accepted, Failure> {
    reap_orphans();
    let command = Command::new(program).map_err(|error| Failure::before_start(&name(program), &error))?;
    let ready = |error| Failure::before_start("no pipe or file for the program", &error);
    let stdin = Stdin::fill(message, tmp_dir).map_err(ready)?;
    let outlets = Outlets::new().map_err(ready)?;
    commit().map_err(Failure::not_recorded)?;

    let began = Instant::now();
    let deadline = deadline(began, program.timeout);
    let watched = outlets
        .run(&command.path, &command.words, program.environment, stdin.fd.as_fd(), deadline)
        .map_err(|error| not_started(&name(program), &error))?;
    verdict(program, &watched, &stdin, began.elapsed())
}

/// The program's environment: a PATH, `LANG=C`, our own TZ if set, then `extra`, where a name without a value takes the value from our own
/// environment, if set. A later name replaces an earlier one.
pub fn environment(extra: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<CString> {
    let fixed = [
        (b"PATH".to_vec(), Some(b"/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin".to_vec())),
        (b"LANG".to_vec(), Some(b"C".to_vec())),
        (b"TZ".to_vec(), None),
    ];
    let mut environment: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (name, value) in fixed.iter().chain(extra) {
        if name.is_empty() || name.contains(&b'=') || name.contains(&0) {
            continue;
        }
        let own = || std::env::var_os(std::ffi::OsStr::from_bytes(name)).map(OsStringExt::into_vec);
        if let Some(value) = value.clone().or_else(own).filter(|value| !value.contains(&0)) {
            environment.retain(|(known, _)| known != name);
            environment.push((name.clone(), value));
        }
    }
    let pairs = environment.into_iter().map(|(name, value)| [name, value].join(&b'='));
    pairs.filter_map(|pair| CString::new(pair).ok()).collect()
}

/// The words as posix_spawn needs them.
struct Command {
    path: CString,
    words: Vec<CString>,
}

impl Command {
    fn new(program: &Program<'_>) -> io::Result<Command> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_string());
        let word =
            |octets: Vec<u8>| CString::new(octets).map_err(|_| invalid("a NUL in path, argument or environment"));
        if !program.path.is_absolute() {
            return Err(invalid("the path of the program is not absolute"));
        }
        let path = word(program.path.as_os_str().as_bytes().to_vec())?;
        let words = program.arguments.iter().cloned().map(word);
        Ok(Command { words: std::iter::once(Ok(path.clone())).chain(words).collect::<io::Result<_>>()?, path })
    }
}

/// The whole message; nobody can write to it any more. The child's descriptor is a copy of `fd`, so what the child has read is missing here
/// (pipe), or has moved the offset here (file).
struct Stdin {
    fd: OwnedFd,
    is_pipe: bool,
    len: u64,
}

impl Stdin {
    fn fill(message: &Message, tmp_dir: &Path) -> io::Result<Stdin> {
        let len = message.len();
        if let Some(file) = message.file() {
            return Ok(Stdin { fd: from_start(file)?, is_pipe: false, len });
        }
        if let Some(fd) = filled_pipe(message.memory())? {
            return Ok(Stdin { fd, is_pipe: true, len });
        }
        let file = spool::unnamed_file(tmp_dir)?;
        message.memory().into_iter().try_for_each(|octets| calls::write_all(file.as_fd(), octets))?;
        Ok(Stdin { fd: from_start(file.as_fd())?, is_pipe: false, len })
    }

    /// How many octets the program has not read.
    fn left(&self) -> io::Result<u64> {
        if self.is_pipe {
            calls::unread(self.fd.as_fd())
        } else {
            Ok(self.len.saturating_sub(calls::offset(self.fd.as_fd())?))
        }
    }
}

/// The default capacity of a pipe (pipe(7)).
const PIPE_CAPACITY: usize = 65_536;

/// A pipe that holds everything, or `None`: a user over the pipe budget gets none larger than the default, and new ones of 8 or 4 KiB
/// (pipe(7), pipe-user-pages-soft).
fn filled_pipe(parts: [&[u8]; 2]) -> io::Result<Option<OwnedFd>> {
    let (reader, writer) = calls::pipe()?;
    let octets = parts.iter().map(|part| part.len()).sum();
    if octets > PIPE_CAPACITY && calls::set_pipe_size(writer.as_fd(), octets).is_err() {
        return Ok(None);
    }
    calls::set_nonblocking(writer.as_fd())?;
    for part in parts {
        if !fits(writer.as_fd(), part)? {
            return Ok(None);
        }
    }
    Ok(Some(reader))
}

/// Writes everything into a pipe, if it fits.
fn fits(pipe: BorrowedFd<'_>, mut octets: &[u8]) -> io::Result<bool> {
    while !octets.is_empty() {
        match calls::write(pipe, octets) {
            Ok(n) => octets = &octets[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Read-only, so that a program cannot change its input. Without /proc (in a chroot) the file itself.
fn from_start(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    if let Ok(fd) = calls::reopen_read_only(file) {
        return Ok(fd);
    }
    let fd = calls::duplicate(file)?;
    calls::seek_to_start(fd.as_fd())?;
    Ok(fd)
}

/// The program's name for the log.
fn name(program: &Program<'_>) -> String {
    one_line(program.path.as_os_str().as_bytes(), WORDS)
}

fn not_started(name: &str, error: &io::Error) -> Failure {
    let why = match error.raw_os_error() {
        Some(libc::ENOENT) => ", or the interpreter or loader it names",
        Some(libc::EACCES) => {
            ": not executable, or a directory above it not searchable, for the user that httpd runs as"
        }
        Some(libc::ENOEXEC) => ": made for another machine, or a script without #! in its first line",
        Some(libc::E2BIG) => ": arguments and environment are too long",
        _ => "",
    };
    Failure::before_start(&format!("{name} was not started"), error).because(why)
}

impl Failure {
    fn because(mut self, why: &str) -> Failure {
        self.detail.push_str(why);
        self
    }
}

fn verdict(program: &Program<'_>, watched: &Watched, stdin: &Stdin, elapsed: Duration) -> Result<Accepted, Failure> {
    let left = stdin.left();
    let said = said(&watched.stdout, &watched.stderr);
    let exit = match watched.ending {
        Ending::Exited(exit) => Some(exit),
        Ending::Lost | Ending::StillRunning => None,
    };
    let (kind, what) = match (watched.killed, watched.ending) {
        (true, Ending::StillRunning) => (
            FailureKind::DeadlinePassed,
            format!("not done after {elapsed:.1?}, and not ended by KILL: another user's?"),
        ),
        (true, _) => (FailureKind::DeadlinePassed, format!("not done after {elapsed:.1?}, killed")),
        (false, Ending::Exited(Exit::Code(0))) => match left {
            Ok(0) => {
                return Ok(Accepted {
                    exit: Some(0),
                    warning: (!said.is_empty()).then_some(said),
                    reply: None,
                    elapsed,
                });
            }
            Ok(left) if left == stdin.len && !stdin.is_pipe => (
                FailureKind::Unknown,
                "exit 0 without reading its stdin, unless it has opened /dev/stdin anew".to_string(),
            ),
            Ok(_) => (FailureKind::Unknown, "exit 0 before it had read the whole message".to_string()),
            Err(ref error) => (FailureKind::Unknown, format!("exit 0, but what it has read is not known: {error}")),
        },
        (false, Ending::Exited(Exit::Code(code))) => {
            let words = [&*watched.stderr.kept, &*watched.stdout.kept];
            (sysexits::kind(mta::identify(program.path), code, &words), format!("exit {code}"))
        }
        (false, Ending::Exited(exit)) => (FailureKind::Unknown, format!("ended by {exit}")),
        (false, Ending::Lost) => {
            (FailureKind::Unknown, "exit status not available: something in this process ignores SIGCHLD".to_string())
        }
        (false, Ending::StillRunning) => (FailureKind::Unknown, "exit status not available".to_string()),
    };
    let read = match left {
        Ok(left) => format!("{} of {} octets read", stdin.len.saturating_sub(left), stdin.len),
        Err(_) => "octets read: unknown".to_string(),
    };
    let mut detail = format!("{}: {what} ({read})", name(program));
    if !said.is_empty() {
        detail = format!("{detail}; {said}");
    }
    Err(Failure { kind, exit, detail, words: first_line(watched), recipient: None, unknown_user: false, started: true })
}

/// The program's whole output on one line.
fn said(stdout: &Outlet, stderr: &Outlet) -> String {
    let mut parts = Vec::new();
    for (name, outlet) in [("stderr", stderr), ("stdout", stdout)] {
        let words = one_line(&outlet.kept, LOGGED);
        if !words.is_empty() {
            let more =
                if outlet.dropped > 0 { format!(" (and {} octets more)", outlet.dropped) } else { String::new() };
            parts.push(format!("{name}: {words}{more}"));
        }
    }
    parts.join("; ")
}

fn first_line(watched: &Watched) -> Option<String> {
    [&watched.stderr, &watched.stdout]
        .into_iter()
        .filter_map(|outlet| outlet.kept.trim_ascii().split(|&b| b == b'\n').next())
        .find(|line| !line.is_empty())
        .map(|line| one_line(line, WORDS))
}

#[cfg(test)]
mod tests;
