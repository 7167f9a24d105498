//! A PostgreSQL of one test, on a socket in its folder, with the tables of processdsn.

use super::artifacts::artifacts;
use super::deadline::eventually;
use super::place::{Place, am_root, give};
use super::process::{exit_of, run, signal};
use super::skipped;
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Postgres {
    place: Place,
    programs: PathBuf,
    server: Child,
}

impl Postgres {
    /// `None`, with a note on stderr, if it is not installed.
    pub fn start() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let programs = versions.map(|entry| entry.path().join("bin")).find(|path| path.join("postgres").exists());
        let mut driver = Command::new(&artifacts().processdsn);
        driver.args(["--driver", "pgsql", "--params", "host=/nonexistent", "--init"]).stderr(Stdio::null());
        let has_driver = driver.status().is_ok_and(|status| status.code() == Some(75));
        let Some(programs) = programs.filter(|_| has_driver) else {
            skipped("needs postgresql and libaprutil1-dbd-pgsql");
            return None;
        };
        let place = Place::new("postgres");
        if am_root() {
            give(place.path(), "postgres");
        }
        let data = place.path().join("data");
        let options = ["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C", "-D"];
        run(program(&programs, &place, "initdb").args(options).arg(&data));
        let mut server = program(&programs, &place, "postgres");
        server.arg("-D").arg(&data).args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"]).arg(place.path());
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres runs");
        let postgres = Postgres { place, programs, server };
        let seconds = Duration::from_secs(20);
        eventually("PostgreSQL answers", seconds, || {
            let asked = postgres.psql("postgres", "SELECT 1").output();
            asked.is_ok_and(|output| output.status.success()).then_some(())
        });
        run(&mut postgres.psql("postgres", "CREATE DATABASE dsn"));
        run(Command::new(&artifacts().processdsn).args([
            "--driver",
            "pgsql",
            "--params",
            &postgres.params(),
            "--init",
        ]));
        Some(postgres)
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut psql = program(&self.programs, &self.place, "psql");
        psql.args(["-X", "-q", "-A", "-t", "-U", "postgres", "-d", database, "-c", sql, "-h"]).arg(self.place.path());
        psql
    }

    /// For DBDParams.
    pub fn params(&self) -> String {
        format!("host={} user=postgres dbname=dsn", self.place.path().display())
    }

    /// The result of a statement.
    pub fn sql(&self, sql: &str) -> String {
        String::from_utf8(run(&mut self.psql("dsn", sql))).expect("UTF-8").trim().to_owned()
    }
}

fn program(programs: &std::path::Path, place: &Place, name: &str) -> Command {
    let program = programs.join(name);
    let mut command = if am_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(place.path());
    command
}

impl Drop for Postgres {
    fn drop(&mut self) {
        signal(self.server.id(), Signal::QUIT); // at once
        if exit_of(&mut self.server, Duration::from_secs(20)).is_none() {
            let _ = self.server.kill();
        }
    }
}
