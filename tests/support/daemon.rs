//! A server program of one test that stays in the foreground: it is ready when the handle exists, and ends with it, as does everything it
//! started.

use super::deadline::within;
use super::place::Place;
use super::process::{is_alive, program, signal, signal_group};
use rustix::process::Signal;
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Daemon {
    place: Place,
    process: Child,
    /// For one that leaves the foreground anyway.
    pid_file: Option<PathBuf>,
}

/// rspamd compiles its patterns first.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program; `None`, with a note, if its package is not installed.
pub fn installed(name: &str, package: &str) -> Option<PathBuf> {
    let found = program(name);
    if found.is_none() {
        super::skipped(&format!("{name} is missing: apt-get install {package}"));
    }
    found
}

impl Daemon {
    /// Runs in its own folder, which others may write to; `arguments` are made from it.
    #[track_caller]
    pub fn start(program: &Path, arguments: impl Fn(&Path) -> Vec<String>, is_ready: impl Fn(&Path) -> bool) -> Self {
        Self::launch(program, arguments, is_ready, None)
    }

    /// The same for one that writes its process id to this file of the folder and leaves the foreground.
    #[track_caller]
    pub fn start_forking(
        program: &Path,
        arguments: impl Fn(&Path) -> Vec<String>,
        is_ready: impl Fn(&Path) -> bool,
        pid_file: &str,
    ) -> Self {
        Self::launch(program, arguments, is_ready, Some(pid_file))
    }

    #[track_caller]
    fn launch(
        program: &Path,
        arguments: impl Fn(&Path) -> Vec<String>,
        is_ready: impl Fn(&Path) -> bool,
        pid_file: Option<&str>,
    ) -> Self {
        let place = Place::new("daemon");
        super::place::mode(place.path(), 0o777);
        let words = arguments(place.path());
        let said = File::create(place.path().join("said")).expect("the folder of the tests is writable");
        let errors = said.try_clone().expect("a descriptor is left");
        let mut command = Command::new(program);
        command.args(words).current_dir(place.path()).process_group(0);
        let process = command.stdin(Stdio::null()).stdout(said).stderr(errors).spawn();
        let process = process.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let pid_file = pid_file.map(|name| place.path().join(name));
        let mut daemon = Self { place, process, pid_file };
        let ready = within(PATIENCE, || {
            let stays = daemon.pid_file.is_none();
            let gone = stays && daemon.process.try_wait().expect("it is our child").is_some();
            (gone || is_ready(daemon.place.path())).then_some(!gone)
        });
        assert!(ready == Some(true), "{command:?} did not start:\n{}", daemon.said());
        daemon
    }

    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Its output on stdout and stderr.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.place.path().join("said")).unwrap_or_default()).into_owned()
    }
}

/// Whether somebody listens there.
pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let forked = self.pid_file.as_ref().and_then(|file| fs::read_to_string(file).ok()?.trim().parse::<u32>().ok());
        let pid = forked.unwrap_or(self.process.id());
        signal(pid, Signal::TERM);
        within(Duration::from_secs(5), || {
            let _ = self.process.try_wait();
            (!is_alive(pid)).then_some(())
        });
        signal_group(self.process.id(), Signal::KILL); // what it has started
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- what the daemon said\n{}---", self.said());
        }
    }
}
