//! A folder for each test with settings, a queue and an aliases file; the command runs there.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::gateway::Gateway;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sendmail-http");

pub struct Place {
    path: PathBuf,
}

impl Place {
    pub fn new(name: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-{name}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(path.join("aliases"), "root: ops@example.org\n").unwrap();
        Place { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the settings: this gateway, and more lines.
    pub fn settings(&self, gateway: &Gateway, more: &str) -> &Place {
        self.configure(&format!("url {}\n{more}", gateway.url))
    }

    /// Writes settings that name the files of this place.
    pub fn configure(&self, lines: &str) -> &Place {
        let mut text = format!("domain example.org\naliases {}\nbackground no\n", self.file("aliases").display());
        if !lines.contains("queue ") {
            text.push_str(&format!("queue {}\n", self.file("queue").display()));
        }
        text.push_str(lines);
        fs::write(self.file("conf"), text).unwrap();
        self
    }

    /// The command with these words, not started; it gets nothing of the test's environment.
    pub fn command<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C");
        command.arg("--config").arg(self.file("conf")).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir("/");
        command
    }

    /// Runs it with this message on stdin.
    pub fn send(&self, words: &str, message: impl AsRef<[u8]>) -> Done {
        run(self.command(words.split_whitespace()), message.as_ref())
    }

    /// Runs the queue once.
    pub fn run_queue(&self) -> Done {
        self.send("-q", "")
    }

    /// The names in a folder of the queue.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.file("queue").join(folder)) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The queue as `mailq --json` shows it.
    pub fn queue(&self) -> Vec<serde_json::Value> {
        let done = self.send("-bp --json", "");
        serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"))
    }

    /// Makes every waiting message due, as time would.
    pub fn let_time_pass(&self) {
        for row in self.queue() {
            if row["folder"] == "new" {
                let done = self.send(&format!("--retry {}", row["id"].as_str().unwrap()), "");
                assert_eq!(done.status, 0, "{done:?}");
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept: {}", self.path.display());
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A run that has ended.
#[derive(Debug)]
pub struct Done {
    /// 128 plus the signal, if one ended it.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(mut command: Command, input: &[u8]) -> Done {
    let mut child = command.spawn().unwrap();
    // A program that does not read everything closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    ended(child)
}

pub fn ended(child: Child) -> Done {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let code =
        status.code().or_else(|| std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal));
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    Done { status: code.unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

pub fn am_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits until a condition holds.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come true");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether long runs are enabled.
pub fn is_long() -> bool {
    std::env::var_os("MOD_SENDMAIL_LONG").is_some_and(|value| value == "1")
}

/// A random number below `limit`.
pub fn random(limit: u64) -> u64 {
    use std::io::Read;
    let mut octets = [0; 8];
    fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut octets)).unwrap();
    u64::from_ne_bytes(octets) % limit
}
