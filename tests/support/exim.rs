//! A private Exim, unpacked by `tools/exim`: all of it runs as httpd's user, reports for bounces@test.local go to a command through its pipe
//! transport. Its command line knows no DSN (no -V, and -N there means "do not deliver"): it reports failures and delays alone.

use super::deadline::within;
use super::place::{Place, am_root, free_port, give, mode, repository};
use super::process::{is_alive, run, signal};
use rustix::process::Signal;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const USER: &str = "www-data";

pub struct Exim {
    place: Place,
}

impl Exim {
    /// `None`, with a note on stderr, if this process is not root.
    #[track_caller]
    pub fn start_reporting(command: &str) -> Option<Self> {
        if !am_root() {
            super::skipped("a private Exim needs root");
            return None;
        }
        let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../exim");
        let program = run(Command::new(repository().join("tools/exim")).arg(unpacked));
        let program = String::from_utf8(program).expect("a path is UTF-8").trim().to_owned();
        let (exim, port) = (Self { place: Place::new("exim") }, free_port());
        for folder in ["spool", "log", "mail", "bin", "run"] {
            give(&exim.place.folder(folder, 0o755), USER);
        }
        let root = exim.root().display().to_string();
        // Exim refuses a configuration that users other than root may write.
        let configuration = CONFIGURATION.replace("@ROOT@", &root).replace("@PORT@", &port.to_string());
        let configuration =
            configuration.replace("@COMMAND@", command).replace("@EXIM@", &program).replace("@USER@", USER);
        let configuration = exim.place.write("exim.conf", configuration);
        mode(&configuration, 0o644);
        let wrapper = format!("#!/bin/sh\nexec {program} -C {} \"$@\"\n", configuration.display());
        run(Command::new("sh").args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &wrapper]).arg(exim.sendmail()));
        mode(&exim.sendmail(), 0o755);
        run(Command::new(program).arg("-C").arg(configuration).args(["-bd", "-q1s"]));
        let up = within(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).ok());
        assert!(up.is_some(), "Exim did not start:\n{}", exim.log());
        Some(exim)
    }

    /// For SendmailName.
    pub fn sendmail(&self) -> PathBuf {
        self.root().join("bin/sendmail")
    }

    fn root(&self) -> &Path {
        self.place.path()
    }

    fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.root().join("log").join(name)).unwrap_or_default();
        ["mainlog", "paniclog", "rejectlog"].map(read).concat()
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        let file = fs::read_to_string(self.root().join("run/exim.pid")).unwrap_or_default();
        if let Ok(pid) = file.trim().parse::<u32>() {
            signal(pid, Signal::TERM);
            within(Duration::from_secs(5), || (!is_alive(pid)).then_some(()));
        }
        if std::thread::panicking() {
            eprintln!("--- log of Exim\n{}---", self.log());
        }
    }
}

const CONFIGURATION: &str = "\
exim_user = @USER@
exim_group = @USER@
deliver_drop_privilege = true
exim_path = @EXIM@
spool_directory = @ROOT@/spool
log_file_path = @ROOT@/log/%slog
pid_file_path = @ROOT@/run/exim.pid
primary_hostname = mx.test.local
qualify_domain = test.local
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
untrusted_set_sender = *
local_from_check = false
host_lookup =
tls_advertise_hosts =
keep_environment =
delay_warning = 2s
begin routers
bounces:
  driver = accept
  domains = test.local
  local_parts = bounces
  local_part_suffix = +*
  local_part_suffix_optional
  transport = processdsn
delayed:
  driver = redirect
  domains = delay.test
  allow_defer
  data = :defer: deferred by the tests
local:
  driver = accept
  domains = test.local
  local_parts = alice
  transport = box
none:
  driver = redirect
  allow_fail
  data = :fail: unknown user or domain
begin transports
box:
  driver = appendfile
  directory = @ROOT@/mail/alice
  maildir_format
  create_directory
processdsn:
  driver = pipe
  # Data of a mail may not stand in the command (\"tainted\"): the address comes in RECIPIENT.
  command = @COMMAND@
  return_path_add
  temp_errors = 75
  return_fail_output
begin retry
*  *  F,60s,1s
";
