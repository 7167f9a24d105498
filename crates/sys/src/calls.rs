//! The only place where files, pipes, sockets and processes are made. Each function is one system call; it sets close-on-exec where it
//! opens something, and is repeated on EINTR. With the feature `faults` the Nth call fails with a chosen errno, so that a test can walk
//! through every way a hand-over can break; without it the functions are the plain calls.
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, Timespec};
use rustix::fs::{Access, FlockOperation, Mode, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, ipproto, sockopt};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus};

use crate::spawn;

#[cfg(feature = "faults")]
pub use faults::{PANIC, count, fail_nth, fault_hit, never_fail};

/// A descriptor below this would be overwritten when the child's stdin, stdout and stderr are put in place.
const FIRST_FREE: i32 = 3;

fn call<T>(mut system_call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match turn().and_then(|()| system_call()) {
            Err(Errno::INTR) => continue,
            outcome => return outcome.map_err(io::Error::from),
        }
    }
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) fn turn() -> rustix::io::Result<()> {
    Ok(())
}

#[cfg(feature = "faults")]
pub(crate) use faults::turn;

/// An unnamed file in `dir` (open(2), O_TMPFILE; Linux 3.11).
pub fn open_unnamed(dir: &Path) -> io::Result<OwnedFd> {
    call(|| rustix::fs::open(dir, OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR))
}

/// A new file, 0600; an error if the name exists, even as a dangling link.
pub fn create_new(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    call(|| rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR))
}

/// Opens a file to read and append, 0600, and creates it if it is missing. An error if the name is a link. Never blocks, whatever the name
/// is.
pub fn open_or_create(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    call(|| rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)).and_then(above_stdio)
}

/// Opens a directory, for [`fsync`].
pub fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    call(|| rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()))
}

/// Opens the same file again, read-only and with its own offset, 0 (proc(5), /proc/self/fd).
pub fn reopen_read_only(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    call(|| rustix::fs::open(path.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())).and_then(above_stdio)
}

/// A second descriptor of the same open file, sharing its offset.
pub fn duplicate(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    call(|| rustix::io::fcntl_dupfd_cloexec(fd, FIRST_FREE))
}

/// Reads at most one buffer; 0 at the end (read(2)).
pub fn read(fd: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    call(|| rustix::io::read(fd, &mut *into))
}

/// Reads at this offset and leaves the file's own offset alone (pread(2)).
pub fn read_at(fd: BorrowedFd<'_>, into: &mut [u8], offset: u64) -> io::Result<usize> {
    call(|| rustix::io::pread(fd, &mut *into, offset))
}

/// Returns how many of the octets were written (write(2)).
pub fn write(fd: BorrowedFd<'_>, octets: &[u8]) -> io::Result<usize> {
    call(|| rustix::io::write(fd, octets))
}

/// Writes all of them, in as many calls as it takes.
pub fn write_all(fd: BorrowedFd<'_>, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        match write(fd, octets)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => octets = &octets[n..],
        }
    }
    Ok(())
}

/// Sets the offset to 0 (lseek(2)).
pub fn seek_to_start(fd: BorrowedFd<'_>) -> io::Result<()> {
    call(|| rustix::fs::seek(fd, SeekFrom::Start(0))).map(drop)
}

/// The offset of the open file, which all its descriptors share.
pub fn offset(fd: BorrowedFd<'_>) -> io::Result<u64> {
    call(|| rustix::fs::seek(fd, SeekFrom::Current(0)))
}

/// How many octets in a pipe are still unread.
pub fn unread(pipe: BorrowedFd<'_>) -> io::Result<u64> {
    call(|| rustix::io::ioctl_fionread(pipe))
}

/// A pipe, (read end, write end), neither of them 0, 1 or 2.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = call(|| rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC))?;
    Ok((above_stdio(reader)?, above_stdio(writer)?))
}

/// Makes room for at least this many octets (fcntl(2), F_SETPIPE_SZ); an error if the user's budget is used up (pipe(7),
/// pipe-user-pages-soft).
pub fn set_pipe_size(pipe: BorrowedFd<'_>, octets: usize) -> io::Result<()> {
    call(|| rustix::pipe::fcntl_setpipe_size(pipe, octets)).map(drop)
}

/// For this end only: the flag belongs to the open file description, and `pipe2` would set it for the child's end too.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    call(|| rustix::fs::fcntl_setfl(fd, OFlags::NONBLOCK))
}

fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() >= FIRST_FREE { Ok(fd) } else { duplicate(fd.as_fd()) }
}

/// Waits for one of `fds`, at most for `wait` (poll(2)). EINTR is returned as an error.
pub fn poll(fds: &mut [PollFd<'_>], wait: Duration) -> io::Result<usize> {
    turn()?;
    let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
    Ok(rustix::event::poll(fds, Some(&timeout))?) // EINTR ends the wait: the caller looks at the clock anyway
}

/// A non-blocking TCP socket for this kind of address.
pub fn tcp_socket(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    call(|| rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))).and_then(above_stdio)
}

/// A non-blocking socket for [`connect_unix`].
pub fn unix_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    call(|| rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)).and_then(above_stdio)
}

/// Connects at once or fails; WouldBlock: the server's queue is full now (connect(2), EAGAIN).
pub fn connect_unix(socket: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let address = SocketAddrUnix::new(path)?;
    call(|| rustix::net::connect(socket, &address))
}

/// `false`: still connecting; poll(2) tells when to ask for the [`socket_error`].
pub fn connect(socket: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<bool> {
    match call(|| rustix::net::connect(socket, address)) {
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

/// How an attempt to connect has ended (connect(2), SO_ERROR).
pub fn socket_error(socket: BorrowedFd<'_>) -> io::Result<()> {
    call(|| sockopt::socket_error(socket)?)
}

/// The address of our end of a connection.
pub fn local_address(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    call(|| SocketAddr::try_from(rustix::net::getsockname(socket)?))
}

/// Sends small pieces at once (tcp(7), TCP_NODELAY).
pub fn set_nodelay(socket: BorrowedFd<'_>) -> io::Result<()> {
    call(|| sockopt::set_tcp_nodelay(socket, true))
}

/// The acknowledgement of the connection goes with the first octets, and not alone before them (tcp(7), TCP_QUICKACK).
pub fn acknowledge_with_data(socket: BorrowedFd<'_>) -> io::Result<()> {
    call(|| sockopt::set_tcp_quickack(socket, false))
}

/// EPIPE without SIGPIPE.
pub fn send(socket: BorrowedFd<'_>, octets: &[u8]) -> io::Result<usize> {
    call(|| rustix::net::send(socket, octets, SendFlags::NOSIGNAL))
}

/// The same, and a TCP segment that they do not fill waits for what follows, be it the end of the connection (send(2), MSG_MORE).
pub fn send_more(socket: BorrowedFd<'_>, octets: &[u8]) -> io::Result<usize> {
    call(|| rustix::net::send(socket, octets, SendFlags::NOSIGNAL | SendFlags::MORE))
}

/// Starts the program; the error is that of the child's own exec, too, and then nothing was started.
pub fn spawn(start: &spawn::Start<'_>) -> io::Result<spawn::Started> {
    spawn::start(start)
}

/// A descriptor that becomes readable when this child ends (pidfd_open(2), Linux 5.3).
pub fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    call(|| rustix::process::pidfd_open(pid, PidfdFlags::empty()))
}

/// How this child ended (waitid(2)); `None`: not yet, with NOHANG.
pub fn wait_child(pid: Pid, options: WaitIdOptions) -> io::Result<Option<WaitIdStatus>> {
    call(|| rustix::process::waitid(WaitId::Pid(pid), options))
}

/// A signal to the whole process group.
pub fn signal_group(leader: Pid, signal: Signal) -> io::Result<()> {
    call(|| rustix::process::kill_process_group(leader, signal))
}

/// A signal to this process alone.
pub fn signal_process(pid: Pid, signal: Signal) -> io::Result<()> {
    call(|| rustix::process::kill_process(pid, signal))
}

/// Waits until the file, or the directory, is on disk.
pub fn fsync(fd: BorrowedFd<'_>) -> io::Result<()> {
    call(|| rustix::fs::fsync(fd))
}

/// Waits until the octets of the file, and its length, are on disk.
pub fn fdatasync(fd: BorrowedFd<'_>) -> io::Result<()> {
    call(|| rustix::fs::fdatasync(fd))
}

/// Locks this open file until its last descriptor is closed, however the process dies; `false`: another process holds the lock (flock(2)).
pub fn try_lock(fd: BorrowedFd<'_>) -> io::Result<bool> {
    match call(|| rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

/// The file's type, identity and times (fstat(2)).
pub fn status(fd: BorrowedFd<'_>) -> io::Result<Stat> {
    call(|| rustix::fs::fstat(fd))
}

/// The same for a path; for a link, of the link itself (lstat(2)).
pub fn status_of(path: &Path) -> io::Result<Stat> {
    call(|| rustix::fs::lstat(path))
}

/// Truncates a file to no octets.
pub fn empty(fd: BorrowedFd<'_>) -> io::Result<()> {
    call(|| rustix::fs::ftruncate(fd, 0))
}

/// Renames a file (rename(2)).
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    call(|| rustix::fs::rename(from, to))
}

/// Removes a name (unlink(2)).
pub fn unlink(path: &Path) -> io::Result<()> {
    call(|| rustix::fs::unlink(path))
}

/// Whether this process may access `path` in this way, as its real user (access(2)). A server that has changed its user has only one.
pub fn access(path: &Path, wanted: Access) -> io::Result<()> {
    call(|| rustix::fs::access(path, wanted))
}

/// Makes a directory, 0700; `false` if the name exists.
pub fn mkdir(path: &Path) -> io::Result<bool> {
    match call(|| rustix::fs::mkdir(path, Mode::RWXU)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

#[cfg(feature = "faults")]
mod faults {
    use std::cell::Cell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::io::Errno;

    /// Instead of an errno: the call panics.
    pub const PANIC: i32 = -1;

    /// The plan of this thread: how many calls it made since the plan was set, which call fails, and with what.
    #[derive(Clone, Copy)]
    struct Plan {
        seen: u64,
        fail_at: u64,
        errno: i32,
    }

    thread_local! {
        static PLAN: Cell<Plan> = const { Cell::new(Plan { seen: 0, fail_at: 0, errno: 0 }) };
    }

    /// Makes the `n`th call of this thread from now on (the first is 1) fail once with `errno`; counts from 0.
    pub fn fail_nth(n: u64, errno: i32) {
        PLAN.set(Plan { seen: 0, fail_at: n, errno });
    }

    /// Cancels the plan of this thread.
    pub fn never_fail() {
        fail_nth(0, 0);
    }

    /// How many calls this thread has made since [`fail_nth`].
    pub fn count() -> u64 {
        PLAN.get().seen
    }

    /// Whether the planned call was reached, and so failed.
    pub fn fault_hit() -> bool {
        let plan = PLAN.get();
        plan.fail_at > 0 && plan.seen >= plan.fail_at
    }

    /// `MAILGATE_FAULT=N` or `N:ERRNO` (default 5, EIO): the Nth call of the whole process fails; for a server under
    /// test.
    fn environment() -> Option<(u64, i32)> {
        static FROM_ENVIRONMENT: OnceLock<Option<(u64, i32)>> = OnceLock::new();
        *FROM_ENVIRONMENT.get_or_init(|| {
            let value = std::env::var("MAILGATE_FAULT").ok()?;
            let (n, errno) = value.split_once(':').unwrap_or((&value, "5"));
            Some((n.parse().ok()?, errno.parse().ok()?))
        })
    }

    pub fn turn() -> rustix::io::Result<()> {
        static SEEN: AtomicU64 = AtomicU64::new(0);
        let mut plan = PLAN.get();
        plan.seen += 1;
        PLAN.set(plan);
        if plan.seen == plan.fail_at {
            assert!(plan.errno != PANIC, "injected at call {}", plan.seen);
            return Err(Errno::from_raw_os_error(plan.errno));
        }
        match environment() {
            Some((n, errno)) if SEEN.fetch_add(1, Ordering::Relaxed) + 1 == n => Err(Errno::from_raw_os_error(errno)),
            _ => Ok(()),
        }
    }
}
