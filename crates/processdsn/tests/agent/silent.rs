//! A PostgreSQL that accepts and never answers.

use crate::agent::{self, command, run};
use crate::report::with_envid;
use apr::{Dbd, OwnPool};
use sql::Database;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Listens; accepts clients if `lets_in`, and says nothing more. `None`, with a note on stderr, without APR's driver.
fn silent(lets_in: bool) -> Option<String> {
    if agent::words(&["--driver", "pgsql", "--params", "host=/nonexistent", "--init"]).code != Some(75) {
        eprintln!("SKIPPED: needs libaprutil1-dbd-pgsql");
        return None;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            if lets_in {
                let mut length = [0; 4];
                stream.read_exact(&mut length).expect("a startup message");
                let mut words = vec![0; u32::from_be_bytes(length) as usize - 4];
                stream.read_exact(&mut words).expect("a startup message");
                // AuthenticationOk, ReadyForQuery (PostgreSQL's manual, message formats).
                stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").expect("a connection");
            }
            kept.push(stream);
        }
    });
    Some(format!("host=127.0.0.1 port={port} dbname=dsn user=httpd sslmode=disable gssencmode=disable"))
}

#[test]
fn a_report_goes_back_to_the_mail_system_in_time() {
    for lets_in in [false, true] {
        let Some(params) = silent(lets_in) else { return };
        let begun = Instant::now();
        let mail = with_envid("e").of("a@x.example", "failed", "5.0.0").mail();
        run(command().args(["--driver", "pgsql", "--params", &params]), &mail).exits(75).complains("did not answer");
        assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_call_that_waits_is_ended_by_the_end_of_its_socket() {
    let Some(params) = silent(true) else { return };
    let pool = OwnPool::new();
    let mut database = Dbd::open(pool.borrow(), "pgsql", &params).expect("let in");
    let socket = database.socket().expect("libpq tells its socket");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100)); // that it waits cannot be seen from outside
            UnixStream::from(socket).shutdown(Shutdown::Both).expect("connected");
        });
        let begun = Instant::now();
        database.execute(c"SELECT 1").expect_err("nobody answers");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    });
}
