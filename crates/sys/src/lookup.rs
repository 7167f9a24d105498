//! A host name -> its addresses, before a deadline. An address is its own answer. A name is looked up by getent(1), which uses the same
//! sources as getaddrinfo(3) (nsswitch.conf(5), resolv.conf(5)) and, as a process, can be killed. getaddrinfo itself takes no deadline, and
//! a thread waiting in it could outlive its request. Without getent this thread calls it, for as long as resolv.conf allows.
#![forbid(unsafe_code)]

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::time::Instant;

use crate::calls;
use crate::child::{Ending, Exit, Outlets, reap_orphans};

/// Its path with glibc and with musl.
const GETENT: &CStr = c"/usr/bin/getent";

/// The addresses in the order to try them (RFC 6724); none if the name does not exist. The error is TimedOut without an errno if, and only
/// if, the deadline has passed.
pub fn addresses(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    ask(GETENT, host, port, deadline)
}

fn ask(program: &CStr, host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    match look_up(program, host, deadline) {
        Ok(addresses) => Ok(addresses.into_iter().map(|address| (address, port).into()).collect()),
        Err(error) if is_unusable(&error) => Ok((host, port).to_socket_addrs()?.collect()),
        Err(error) => Err(error),
    }
}

/// Whether we have no getent that we may run, now or later.
fn is_unusable(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::EACCES | libc::EPERM | libc::ENOEXEC | libc::ENOTDIR | libc::ELOOP)
    )
}

fn look_up(program: &CStr, host: &str, deadline: Instant) -> io::Result<Vec<IpAddr>> {
    reap_orphans();
    let host = CString::new(host)?;
    let (stdin, _) = calls::pipe()?; // empty
    let words = [program.to_owned(), c"ahosts".to_owned(), host];
    let watched = Outlets::new()?.run(program, &words, &environment(), stdin.as_fd(), deadline)?;
    match watched.ending {
        _ if watched.killed => Err(io::ErrorKind::TimedOut.into()),
        Ending::Exited(Exit::Code(0)) | Ending::Lost => Ok(read(&watched.stdout.kept)),
        _ => Ok(Vec::new()),
    }
}

/// The variables of our environment that resolv.conf(5) names.
fn environment() -> Vec<CString> {
    let own = |name: &str| {
        let value = std::env::var_os(OsStr::new(name))?.into_vec();
        CString::new([name.as_bytes(), b"=", &value].concat()).ok()
    };
    ["LOCALDOMAIN", "RES_OPTIONS"].into_iter().filter_map(own).chain([c"LANG=C".to_owned()]).collect()
}

/// One address per line with more words after it, several lines per address. A last line without a newline may hold half an address.
fn read(text: &[u8]) -> Vec<IpAddr> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &text[..end]);
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
    use crate::alone;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn within(program: &CStr, host: &str, limit: Duration) -> io::Result<Vec<SocketAddr>> {
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
        let script = std::env::temp_dir().join(format!("sys-getent-{}", std::process::id()));
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
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (io::ErrorKind::TimedOut, None));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        std::fs::remove_file(script).unwrap();
    }
}
