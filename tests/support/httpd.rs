//! A running httpd of one test: it serves when the handle exists, and its error log is checked when the handle is dropped.

use super::deadline::within;
use super::error_log::Expectations;
use super::httpd_config::Builder;
use super::place::Place;
use super::process::{self, exit_of};
use rustix::process::Signal;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Longest wait for httpd to start, restart or stop; valgrind needs most of it.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Httpd {
    place: Place,
    process: Child,
    port: u16,
    tls_port: u16,
    expectations: Expectations,
    stopped: bool,
}

/// The result of `httpd -t`.
#[derive(Debug)]
pub struct ConfigTest {
    pub passed: bool,
    pub output: String,
}

impl ConfigTest {
    pub(super) fn run(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().expect("httpd can be run");
        let words = [output.stdout, output.stderr].concat();
        Self { passed: output.status.success(), output: String::from_utf8_lossy(&words).into_owned() }
    }
}

impl Httpd {
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) fn launch(place: Place, mut command: Command, port: u16, tls_port: u16) -> Result<Self, String> {
        let said = place.path().join("logs/stderr");
        let stderr = File::create(&said).expect("the folder of the tests is writable");
        let process = command.arg("-DFOREGROUND").stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn();
        let process = process.map_err(|error| format!("{command:?}: {error}"))?;
        let expectations = Expectations::default();
        let mut httpd = Self { place, process, port, tls_port, expectations, stopped: false };
        let serving = within(PATIENCE, || {
            let exited = httpd.process.try_wait().expect("httpd is our child").is_some();
            (exited || httpd.generations() > 0).then_some(!exited)
        });
        if serving == Some(true) {
            return Ok(httpd);
        }
        httpd.end();
        Err(format!("{}{}", fs::read_to_string(said).unwrap_or_default(), httpd.error_log()))
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The processes that serve; under event and worker one of them for many threads.
    pub fn children(&self) -> Vec<u32> {
        process::children(self.pid())
    }

    /// ServerRoot: `htdocs/`, `logs/`, `run/`, `tmp/`.
    pub fn root(&self) -> &Path {
        self.place.path()
    }

    /// The files in its TMPDIR: none, between requests.
    pub fn stray_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root().join("tmp")).expect("tmp is ours").flatten();
        entries.map(|entry| entry.path()).collect()
    }

    pub fn error_log(&self) -> String {
        let log = fs::read(self.root().join("logs/error.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Names a warning or error that this test provokes: it must have appeared by the end, and no other may.
    pub fn expect_log(&self, part: &str) {
        self.expectations.add(part);
    }

    /// Names a warning or error that may appear.
    pub fn allow_log(&self, part: &str) {
        self.expectations.allow(part);
    }

    /// Like [`Httpd::allow_log`], chained after the start.
    pub fn allowing(self, part: &str) -> Self {
        self.allow_log(part);
        self
    }

    /// `httpd -t` over the configuration file as it is now.
    pub fn config_test(&self) -> ConfigTest {
        let file = self.root().join("httpd.conf");
        let mut command = Command::new(super::httpd_config::httpd_program());
        ConfigTest::run(command.arg("-t").arg("-d").arg(self.root()).arg("-f").arg(file))
    }

    /// Rewrites a piece of httpd.conf, for the next restart to read.
    #[track_caller]
    pub fn edit_config(&self, old: &str, new: &str) {
        let file = self.root().join("httpd.conf");
        let text = fs::read_to_string(&file).expect("httpd.conf is ours");
        assert!(text.contains(old), "httpd.conf holds no {old}");
        fs::write(file, text.replace(old, new)).expect("httpd.conf is ours");
    }

    /// Graceful restart (USR1); returns when the new generation serves.
    #[track_caller]
    pub fn graceful(&self) {
        self.next_generation(Signal::USR1);
    }

    /// Restart (HUP); returns when the new generation serves.
    #[track_caller]
    pub fn restart(&self) {
        self.next_generation(Signal::HUP);
    }

    /// Sends a signal to the parent, without waiting.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// SIGTERM, as in `apachectl stop`; returns how httpd ended.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.ends_by(Signal::TERM)
    }

    /// SIGWINCH: no new connections; current requests are completed.
    #[track_caller]
    pub fn graceful_stop(&mut self) -> ExitStatus {
        self.ends_by(Signal::WINCH)
    }

    /// Waits for httpd to end by itself, after a test has killed it.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let status = exit_of(&mut self.process, limit);
        self.stopped |= status.is_some();
        status
    }

    #[track_caller]
    fn ends_by(&mut self, signal: Signal) -> ExitStatus {
        self.wait_for_connections_to_close();
        self.signal(signal);
        let status = self.wait(PATIENCE);
        status.unwrap_or_else(|| panic!("httpd did not stop within {PATIENCE:?}:\n{}", self.error_log()))
    }

    #[track_caller]
    fn next_generation(&self, signal: Signal) {
        let before = self.generations();
        self.wait_for_connections_to_close();
        self.signal(signal);
        let served = within(PATIENCE, || (self.generations() > before).then_some(()));
        assert!(served.is_some(), "no restart within {PATIENCE:?}:\n{}", self.error_log());
    }

    /// AH00489, AH00292, AH00163: "resuming normal operations", once a start or restart, in every MPM.
    fn generations(&self) -> usize {
        self.error_log().matches("resuming normal operations").count()
    }

    /// The event MPM of httpd 2.4.71 dies of SIGSEGV in 2 of 100 stops and restarts within a few milliseconds of an answer (lingering
    /// close), even without a module of ours. Waits half a second for connections that stay open on purpose.
    fn wait_for_connections_to_close(&self) {
        let ports = [self.port, self.tls_port].map(|port| format!(":{port:04X}"));
        let open = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            let (local, _, state) = (words.next(), words.next(), words.next());
            let ours = ports.iter().any(|port| local.is_some_and(|local| local.ends_with(port.as_str())));
            ours && !matches!(state, Some("0A" | "06")) // LISTEN, TIME_WAIT
        };
        within(Duration::from_millis(500), || {
            let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
            (!sockets.lines().any(open)).then_some(())
        });
        std::thread::sleep(Duration::from_millis(5)); // what httpd does after close(2) cannot be seen from outside
    }

    /// Ends the rest of the session, first with TERM. Programs of the module lead groups but stay in the session.
    fn end(&mut self) {
        if !self.stopped {
            self.wait_for_connections_to_close();
            self.signal(Signal::TERM);
            if self.wait(Duration::from_secs(15)).is_none() {
                process::signal_group(self.pid(), Signal::KILL);
                let _ = self.process.wait(); // it is gone by SIGKILL; only the zombie is left
                self.stopped = true;
            }
        }
        for pid in process::session(self.pid()) {
            process::signal(pid, Signal::KILL);
        }
    }
}

impl Drop for Httpd {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("--- error log of the failing test\n{}---", self.error_log());
        } else if let Err(found) = self.expectations.judge(&self.error_log()) {
            panic!("the error log does not hold what it should:\n{found}");
        }
    }
}
