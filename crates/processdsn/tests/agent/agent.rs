//! One run of processdsn.

use std::io::Write;
use std::process::{Child, Command, Stdio};

pub struct Ended {
    /// `None`: by a signal.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn complains(self, part: &str) -> Self {
        assert!(self.err.contains(part), "'{part}' is not in: {}", self.err);
        self
    }
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_processdsn"));
    command.env_remove("RECIPIENT");
    command
}

pub fn run(command: &mut Command, mail: &[u8]) -> Ended {
    let child = start(command, mail);
    let output = child.wait_with_output().expect("a child can be waited for");
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    }
}

/// Started, and the mail written.
pub fn start(command: &mut Command, mail: &[u8]) -> Child {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Where it ends before it has read all, its exit status is what counts.
    let _ = stdin.write_all(mail);
    child
}

/// Runs with these words and nothing on stdin.
pub fn words(words: &[&str]) -> Ended {
    run(command().args(words), b"")
}
