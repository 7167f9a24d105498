//! sendmail-http against a real gateway: the module in httpd. The client alone is tested in `crates/sendmail-http/tests`.

mod access;
mod circle;
mod kills;
mod mailbox;
mod page;

use crate::support::artifacts::client;
use crate::support::place::Place;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A machine without a mail system, with its own settings, aliases and queue.
pub struct Machine(Place);

/// A run of the command that has ended.
#[derive(Debug)]
pub struct Done {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Machine {
    /// With these settings, in addition to those that name its files.
    pub fn new(settings: &str) -> Machine {
        client(); // built here, and not while a test measures or kills
        let machine = Machine(Place::new("client"));
        machine.0.write("aliases", "root: ops@example.test\n");
        machine.configure(settings);
        machine
    }

    pub fn configure(&self, settings: &str) {
        let (aliases, queue) = (self.file("aliases"), self.file("queue"));
        let usual = format!(
            "domain example.test\nbackground no\ntimeout 20s\naliases {}\nqueue {}\n",
            aliases.display(),
            queue.display()
        );
        self.0.write("conf", usual + settings);
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(client());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C");
        command.arg("--config").arg(self.file("conf")).args(words.split_whitespace());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, words: &str, message: &str) -> Done {
        let mut child = self.command(words).spawn().expect("the client starts");
        // A run that does not read its input closes it.
        let _ = child.stdin.take().expect("piped").write_all(message.as_bytes());
        ended(child)
    }

    /// Runs it; it must end with 0 and print nothing.
    #[track_caller]
    pub fn sends(&self, words: &str, message: &str) {
        let done = self.run(words, message);
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{words}");
    }

    /// The names in a folder of the queue.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.file("queue").join(folder)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Makes messages that were already tried due now.
    pub fn let_time_pass(&self) {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&self.run("-bp --json", "").stdout).unwrap_or_default();
        for row in rows.iter().filter(|row| row["folder"] == "new" && row["tries"] != 0) {
            self.run(&format!("--retry {}", row["id"].as_str().unwrap_or_default()), ""); // it may be gone by now
        }
    }
}

pub fn ended(child: Child) -> Done {
    let output = child.wait_with_output().expect("it is our child");
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Done { status: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
