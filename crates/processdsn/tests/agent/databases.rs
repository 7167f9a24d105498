//! The databases for the tests. They are read and filled by tools from outside the project: Python's sqlite3 module, psql.

use crate::agent::{self, Ended};
use crate::place::{Place, am_root, as_user};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub trait Store: Sync {
    /// `--driver` and `--params`.
    fn connection(&self) -> Vec<String>;
    /// Runs statements; returns the rows of the last one, NULL as `NULL`.
    fn sql(&self, sql: &str) -> Vec<Vec<String>>;

    fn agent(&self) -> Command {
        let mut command = agent::command();
        command.args(self.connection());
        command
    }

    fn deliver(&self, mail: &[u8]) -> Ended {
        agent::run(&mut self.agent(), mail)
    }

    fn init(&self) {
        agent::run(self.agent().arg("--init"), b"").exits(0);
    }

    /// A message as mod_sendmail writes it; an address in brackets is from Bcc.
    fn submitted(&self, envid: &str, message_id: &str, recipients: &[&str]) {
        let mut sql = format!(
            "INSERT INTO message (envid, token, message_id, owner, submitted) VALUES ('{envid}', 'token{envid}', '{message_id}', 'peter', {});",
            now() - 60
        );
        for recipient in recipients {
            let (address, hidden) = match recipient.strip_prefix('[') {
                Some(address) => (address.trim_end_matches(']'), 1),
                None => (*recipient, 0),
            };
            sql += &format!(
                "INSERT INTO recipient (envid, address, hidden, state, since, verified) VALUES ('{envid}', '{address}', {hidden}, 'queued', {}, 0);",
                now() - 60
            );
        }
        self.sql(&sql);
    }

    /// `address state verified` of the recipients of a message, in order.
    fn states(&self, envid: &str) -> Vec<String> {
        let rows = self
            .sql(&format!("SELECT address, state, verified FROM recipient WHERE envid = '{envid}' ORDER BY address"));
        rows.iter().map(|row| row.join(" ")).collect()
    }

    fn number(&self, sql: &str) -> u64 {
        self.sql(sql)[0][0].parse().expect("a number")
    }
}

pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs() as i64
}

pub struct Sqlite(pub PathBuf);

/// Runs the statements of its argument in one transaction; prints the rows of the last.
const PYTHON: &str = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=60)
rows = []
for statement in sys.argv[2].split(';'):
    if statement.strip():
        rows = c.execute(statement).fetchall()
c.commit()
for row in rows:
    print('\\x1f'.join('NULL' if v is None else str(v) for v in row))
";

impl Store for Sqlite {
    fn connection(&self) -> Vec<String> {
        ["--driver", "sqlite3", "--params", &self.0.display().to_string()].map(str::to_owned).into()
    }

    fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        rows(Command::new("python3").args(["-c", PYTHON]).arg(&self.0).arg(sql))
    }
}

fn rows(command: &mut Command) -> Vec<Vec<String>> {
    let output = command.output().expect("the reader of the database is installed");
    // A statement that a test ends on purpose.
    if output.stderr.windows(9).any(|words| words == b"canceling") {
        return Vec::new();
    }
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8 in the database");
    text.lines().map(|line| line.split('\x1f').map(str::to_owned).collect()).collect()
}

/// A PostgreSQL server on a socket in a folder.
pub struct Cluster {
    place: Place,
    programs: PathBuf,
    server: Option<Child>,
}

impl Cluster {
    /// `None`, with a note on stderr, if PostgreSQL or APR's driver is not installed.
    pub fn start(name: &str) -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let programs = versions.map(|entry| entry.path().join("bin")).find(|path| path.join("postgres").exists());
        let driver = agent::words(&["--driver", "pgsql", "--params", "host=/nonexistent", "--init"]).code == Some(75);
        let Some(programs) = programs.filter(|_| driver) else {
            eprintln!("SKIPPED: needs postgresql and libaprutil1-dbd-pgsql");
            return None;
        };
        let place = Place::new(name);
        if am_root() {
            let given = Command::new("chown").arg("postgres").arg(place.path()).status();
            assert!(given.is_ok_and(|status| status.success()), "the package postgresql makes the user");
        }
        let mut cluster = Cluster { place, programs, server: None };
        let made = cluster
            .program("initdb")
            .args(["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C", "-D"])
            .arg(cluster.place.file("data"))
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.up();
        Some(cluster)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = as_user("postgres", &self.programs.join(name));
        command.current_dir(self.place.path());
        command
    }

    pub fn up(&mut self) {
        let log = fs::File::create(self.place.file("log")).expect("a log");
        let server = self
            .program("postgres")
            .arg("-D")
            .arg(self.place.file("data"))
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100", "-k"])
            .arg(self.place.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres runs");
        self.server = Some(server);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.psql("postgres").args(["-c", "SELECT 1"]).output().is_ok_and(|output| output.status.success()) {
            assert!(Instant::now() < deadline, "{}", fs::read_to_string(self.place.file("log")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it at once; what was committed is still there at the next start.
    pub fn down(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let pid = rustix::process::Pid::from_child(&server);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = server.wait();
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-A", "-t", "-F", "\x1f", "-P", "null=NULL", "-U", "postgres", "-d", database, "-h"]);
        command.arg(self.place.path()).env("PGCLIENTENCODING", "UTF8");
        command
    }

    /// A new, empty database.
    pub fn database<'c>(&'c self, name: &'c str) -> Postgres<'c> {
        rows(self.psql("postgres").args(["-c", &format!("CREATE DATABASE {name}")]));
        Postgres { cluster: self, name }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.down();
    }
}

pub struct Postgres<'c> {
    pub cluster: &'c Cluster,
    pub name: &'c str,
}

impl Store for Postgres<'_> {
    fn connection(&self) -> Vec<String> {
        let params = format!("host={} user=postgres dbname={}", self.cluster.place.path().display(), self.name);
        vec!["--driver".into(), "pgsql".into(), "--params".into(), params]
    }

    fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        rows(self.cluster.psql(self.name).args(["-c", sql]))
    }
}
