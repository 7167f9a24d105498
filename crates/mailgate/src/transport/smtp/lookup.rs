//! The host of a relay -> its addresses, before a deadline. An address is its own answer. A name is asked for by getent(1), which
//! looks where getaddrinfo(3) does (nsswitch.conf(5), resolv.conf(5)) and, being a process, can be ended: getaddrinfo itself knows no
//! deadline, and a thread that waits in it could outlive its request. Where there is no getent this thread asks, for as long as
//! resolv.conf lets it.
#![forbid(unsafe_code)]

use super::connection_error::ConnectionError;
use super::url::Server;
use crate::transport::{Exit, FailureKind, environment, kind_of};
use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::Instant;
use sys::calls;
use sys::child::{Ending, Outlets, reap_orphans};

/// Of glibc and of musl.
const GETENT: &CStr = c"/usr/bin/getent";

/// In the order in which they are to be tried (RFC 6724).
pub(super) fn addresses(server: &Server, deadline: Instant) -> Result<Vec<SocketAddr>, ConnectionError> {
    ask(GETENT, &server.host, server.port, deadline)
}

fn ask(program: &CStr, host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, ConnectionError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    match look_up(program, host, deadline) {
        Ok(answer) => answer.map(|addresses| addresses.into_iter().map(|address| (address, port).into()).collect()),
        Err(error) if kind_of(&error) == FailureKind::Misconfigured => Ok((host, port).to_socket_addrs()?.collect()),
        Err(error) => Err(ConnectionError::Io(error)),
    }
}

/// `Err`: the program was not started.
fn look_up(program: &CStr, host: &str, deadline: Instant) -> io::Result<Result<Vec<IpAddr>, ConnectionError>> {
    reap_orphans();
    let host = CString::new(host)?;
    let own = [&b"LOCALDOMAIN"[..], b"RES_OPTIONS"].map(|name| (name.to_vec(), None)); // resolv.conf(5)
    let (stdin, _) = calls::pipe()?; // empty
    let words = [program.to_owned(), c"ahosts".to_owned(), host];
    let watched = Outlets::new()?.run(program, &words, &environment(&own), stdin.as_fd(), deadline)?;
    Ok(match watched.ending {
        _ if watched.killed => Err(ConnectionError::Late),
        Ending::Exited(Exit::Code(0)) | Ending::Lost => Ok(read(&watched.stdout.kept)),
        _ => Ok(Vec::new()),
    })
}

/// An address and more on each line, several lines for each address. A last line without an end may be half an address.
fn read(text: &[u8]) -> Vec<IpAddr> {
    let whole = memchr::memrchr(b'\n', text).map_or(&[][..], |end| &text[..end]);
    let mut addresses = Vec::new();
    for line in whole.split(|byte| *byte == b'\n') {
        let word = line.split(|byte| *byte == b' ').next().and_then(|word| std::str::from_utf8(word).ok());
        if let Some(address) = word.and_then(|word| word.parse().ok())
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn within(program: &CStr, host: &str, limit: Duration) -> Result<Vec<SocketAddr>, ConnectionError> {
        ask(program, host, 25, Instant::now() + limit)
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_getent_says_is_read_in_its_order_and_whole_lines_alone() {
        let text = b"2001:db8::1     STREAM mx.test\n2001:db8::1     DGRAM\nfe80::1%eth0    STREAM\n192.0.2.1       STREAM\n192.0.2.2";
        assert_eq!(read(text), ["2001:db8::1", "192.0.2.1"].map(|address| address.parse::<IpAddr>().unwrap()));
        assert!(read(b"").is_empty() && read(b"192.0.2.1").is_empty());
    }

    #[test]
    fn names_are_found_and_addresses_not_looked_for() {
        let _alone = alone();
        let loopback = |address: &SocketAddr| address.ip().is_loopback() && address.port() == 25;
        for program in [GETENT, c"/nonexistent/getent"] {
            assert!(within(program, "localhost", MINUTE).unwrap().iter().any(loopback), "{program:?}");
        }
        for address in ["127.0.0.1", "::1"] {
            assert_eq!(within(c"/bin/false", address, Duration::ZERO).unwrap().len(), 1);
        }
        assert!(within(GETENT, "no-such-name.invalid", MINUTE).unwrap().is_empty());
    }

    #[test]
    fn a_lookup_ends_with_its_deadline() {
        let _alone = alone();
        let script = std::env::temp_dir().join(format!("mailgate-getent-{}", std::process::id()));
        let path = CString::new(script.to_str().unwrap()).unwrap();
        let write = |text: &str| {
            std::fs::write(&script, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        };
        write("echo 192.0.2.1 STREAM $1-$2");
        assert_eq!(within(&path, "mx.test", MINUTE).unwrap(), ["192.0.2.1:25".parse().unwrap()]);
        write("echo 192.0.2.1 STREAM; exec sleep 60");
        let began = Instant::now();
        let outcome = within(&path, "mx.test", Duration::from_millis(200));
        assert!(matches!(outcome, Err(ConnectionError::Late)), "{outcome:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        std::fs::remove_file(script).unwrap();
    }
}
