//! One run of processdsn.

use std::io::Write;
use std::process::{Child, Command, Stdio};

pub struct Ended {
    /// `None`: ended by a signal.
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

/// Started, with the mail written to stdin.
pub fn start(command: &mut Command, mail: &[u8]) -> Child {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stdin = child.stdin.take().expect("a pipe");
    // If it ends before it has read everything, its exit status counts.
    let _ = stdin.write_all(mail);
    child
}

/// Runs with these words at a terminal, where a person types `mail` and an end of file; stdout and stderr are the same there.
pub fn at_terminal(words: &[&str], mail: &[u8]) -> Ended {
    let script = "import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.environ.pop('RECIPIENT', None)
    os.execv(sys.argv[1], sys.argv[1:])
os.write(terminal, sys.stdin.buffer.read() + b'\\x04')
while True:
    try:
        octets = os.read(terminal, 4096)
    except OSError:
        break
    if not octets:
        break
    os.write(1, octets)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
    let mut python = Command::new("python3");
    python.args(["-c", script, env!("CARGO_BIN_EXE_processdsn")]).args(words);
    let ended = run(&mut python, mail);
    Ended { err: ended.out.clone() + &ended.err, ..ended }
}

/// Runs with these words and nothing on stdin.
pub fn words(words: &[&str]) -> Ended {
    run(command().args(words), b"")
}
