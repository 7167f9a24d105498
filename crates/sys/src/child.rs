//! A running child -> how it ended and what it wrote. One loop watches stdout, stderr and a pidfd (pidfd_open(2), Linux 5.3; polling where
//! there is none), so a child that floods, hangs or leaves a grandchild behind blocks nobody. At the deadline the child and its group get
//! TERM, a second later KILL. Every child is reaped; one that does not end even on KILL is reaped by a later call.
#![forbid(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal, WaitIdOptions};

use crate::calls;
use crate::spawn::{self, Started};

/// How much of stdout and of stderr is kept.
const KEPT: usize = 8 * 1024;
/// The wait from TERM to KILL, from KILL to giving up, and from the exit to the end of a grandchild's stderr.
const GRACE: Duration = Duration::from_secs(1);
/// Poll interval where pidfd is not available.
const POLLING: Duration = Duration::from_millis(10);

/// Children that were killed and did not end within [`GRACE`]: in an uninterruptible sleep, or run by another user.
static ORPHANS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Reaps the orphans that have ended since.
pub fn reap_orphans() {
    let mut orphans = ORPHANS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    orphans.retain(|&pid| matches!(reap(pid), Ending::StillRunning));
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ending {
    /// As the kernel says.
    Exited(Exit),
    /// Somebody else took the status (ECHILD): SIGCHLD is ignored, or another part of the process waits for any child.
    Lost,
    /// It was killed and has not ended.
    StillRunning,
}

/// Everything known about a child that was watched to its end.
#[derive(Debug)]
pub struct Watched {
    /// How it ended.
    pub ending: Ending,
    /// Whether we killed it, because the deadline had passed.
    pub killed: bool,
    /// What it wrote to stdout.
    pub stdout: Outlet,
    /// What it wrote to stderr.
    pub stderr: Outlet,
}

/// A child that is killed and reaped when dropped.
#[derive(Debug)]
struct Child {
    pid: Pid,
    pidfd: Option<OwnedFd>,
    /// It has ended and is a zombie: its process and group numbers are still ours.
    ended: bool,
    /// How it ended, once reaped. Its number may belong to another process by now: send no signals.
    ending: Option<Ending>,
}

impl Child {
    fn new(Started { pid, pidfd }: Started) -> Child {
        let mut child = Child { pid, pidfd, ended: false, ending: None }; // killed and reaped on drop from here on
        if child.pidfd.is_none() {
            child.pidfd = calls::pidfd_open(pid).ok();
        }
        child
    }

    /// Runs until the child has ended, or has been killed after `deadline`; at most two seconds after that.
    fn watch(mut self, stdout: OwnedFd, stderr: OwnedFd, its_ends: [OwnedFd; 2], deadline: Instant) -> Watched {
        let mut outlets = [Outlet::new(stdout), Outlet::new(stderr)];
        // While we hold the child's ends too, only its exit wakes us, not three events. Without a pidfd we notice the exit by the closing
        // of both ends.
        let mut its_ends = self.pidfd.is_some().then_some(its_ends);
        let mut killed = false;
        let mut until = deadline;
        loop {
            self.wait_for_news(&mut outlets, until);
            if !killed && !self.ended && outlets.iter().all(Outlet::is_closed) {
                self.look_and_reap(); // nobody is left to signal
            } else if !self.ended && self.has_ended() {
                drop(its_ends.take());
                until = if killed { until } else { Instant::now() + GRACE };
                self.wait_for_news(&mut outlets, Instant::now()); // as a rule both are closed now
            }
            if self.ended && outlets.iter().all(Outlet::is_closed) {
                break;
            }
            if Instant::now() < until {
                continue;
            }
            if self.ended || killed {
                break;
            }
            self.signal(Signal::TERM);
            killed = true;
            until = Instant::now() + GRACE;
        }
        if killed {
            self.signal(Signal::KILL); // the group: also what the leader left behind
            let until = Instant::now() + GRACE;
            while !self.has_ended() && Instant::now() < until {
                self.wait_for_news(&mut outlets, until);
            }
        }
        let ending = self.finish();
        let [stdout, stderr] = outlets;
        Watched { ending, killed, stdout, stderr }
    }

    fn wait_for_news(&self, outlets: &mut [Outlet; 2], until: Instant) {
        let mut left = until.saturating_duration_since(Instant::now());
        let watches_exit = !self.ended && self.pidfd.is_some();
        if !self.ended && self.pidfd.is_none() {
            left = left.min(POLLING);
        }
        let pidfd = self.pidfd.as_ref().filter(|_| watches_exit);
        let watched = outlets.iter().filter_map(|outlet| outlet.fd.as_ref()).chain(pidfd);
        let mut fds: Vec<PollFd<'_>> = watched.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        if let Err(error) = calls::poll(&mut fds, left)
            && error.kind() != io::ErrorKind::Interrupted
        {
            std::thread::sleep(left.min(POLLING));
        }
        // If the wait failed, no descriptor is marked: the exit is looked for anyway, and the next round waits again.
        let news = fds.iter().map(PollFd::revents).collect::<Vec<_>>();
        let open = outlets.iter_mut().filter(|outlet| !outlet.is_closed());
        open.zip(news).filter(|(_, news)| !news.is_empty()).for_each(|(outlet, news)| outlet.take(news));
    }

    /// Looks without reaping, so that the group's number stays reserved for [`Child::signal`].
    fn has_ended(&mut self) -> bool {
        if !self.ended {
            match calls::wait_child(self.pid, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT) {
                Ok(None) => {}
                Ok(Some(_)) => self.ended = true,
                Err(error) if is_echild(&error) => (self.ended, self.ending) = (true, Some(Ending::Lost)),
                Err(_) => std::thread::sleep(POLLING),
            }
        }
        self.ended
    }

    fn look_and_reap(&mut self) {
        let ending = reap(self.pid);
        if ending != Ending::StillRunning {
            (self.ended, self.ending) = (true, Some(ending));
        }
    }

    fn signal(&mut self, signal: Signal) {
        if self.ending.is_some() {
            return;
        }
        // Signal both: the program may have left its group (setpgid(2)) while something else is still in it. If it has changed its user,
        // neither is allowed and nothing more can be done.
        let _ = calls::signal_group(self.pid, signal);
        let _ = calls::signal_process(self.pid, signal);
    }

    fn finish(&mut self) -> Ending {
        let ending = self.ending.unwrap_or_else(|| reap(self.pid));
        if ending == Ending::StillRunning {
            ORPHANS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(self.pid);
        }
        self.ending = Some(ending);
        ending
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ending.is_some() {
            return;
        }
        self.signal(Signal::KILL);
        let until = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.finish();
    }
}

fn reap(pid: Pid) -> Ending {
    for _ in 0..3 {
        match calls::wait_child(pid, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(None) => return Ending::StillRunning,
            Ok(Some(status)) => {
                let code = status.exit_status().map(Exit::Code);
                return code
                    .or_else(|| status.terminating_signal().map(Exit::Signal))
                    .map_or(Ending::Lost, Ending::Exited);
            }
            Err(error) if is_echild(&error) => return Ending::Lost,
            Err(_) => {}
        }
    }
    Ending::StillRunning
}

fn is_echild(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::CHILD.raw_os_error())
}

/// Our end of the child's stdout or stderr.
#[derive(Debug)]
pub struct Outlet {
    fd: Option<OwnedFd>,
    /// The first 8 KiB.
    pub kept: Vec<u8>,
    /// How many octets came after them.
    pub dropped: u64,
}

impl Outlet {
    /// `fd` does not block.
    fn new(fd: OwnedFd) -> Outlet {
        Outlet { fd: Some(fd), kept: Vec::new(), dropped: 0 }
    }

    fn is_closed(&self) -> bool {
        self.fd.is_none()
    }

    /// Reads at most one buffer, so that a flood does not keep us from looking at the clock.
    fn take(&mut self, news: PollFlags) {
        if news == PollFlags::HUP {
            self.fd = None; // closed and drained (poll(2))
        }
        let Some(fd) = &self.fd else { return };
        let mut buffer = [0; 4 * 1024];
        match calls::read(fd.as_fd(), &mut buffer) {
            Ok(0) => self.fd = None,
            Ok(n) => {
                let keep = n.min(KEPT - self.kept.len());
                self.kept.extend_from_slice(&buffer[..keep]);
                self.dropped += (n - keep) as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.fd = None,
        }
    }
}

/// The pipes for the stdout and stderr of a program that is still to be started.
pub struct Outlets {
    stdout: (OwnedFd, OwnedFd),
    stderr: (OwnedFd, OwnedFd),
}

impl Outlets {
    /// Made before the program is started, so that after this only the start can fail.
    pub fn new() -> io::Result<Outlets> {
        Ok(Outlets { stdout: outlet()?, stderr: outlet()? })
    }

    /// Starts the program and watches it as `Child::watch` does. `Err`: it was not started.
    pub fn run(
        self,
        path: &CStr,
        words: &[CString],
        environment: &[CString],
        stdin: BorrowedFd<'_>,
        deadline: Instant,
    ) -> io::Result<Watched> {
        let ((stdout, stdout_of_child), (stderr, stderr_of_child)) = (self.stdout, self.stderr);
        let started = calls::spawn(&spawn::Start {
            path,
            words,
            environment,
            stdin,
            stdout: stdout_of_child.as_fd(),
            stderr: stderr_of_child.as_fd(),
        })?;
        Ok(Child::new(started).watch(stdout, stderr, [stdout_of_child, stderr_of_child], deadline))
    }
}

/// Our end, which does not block, and the child's, which does.
fn outlet() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, child) = calls::pipe()?;
    calls::set_nonblocking(ours.as_fd())?;
    Ok((ours, child))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone;
    use rustix::process::WaitId;

    #[test]
    fn a_child_that_even_kill_did_not_end_is_reaped_later() {
        let _alone = alone();
        let mut child = std::process::Command::new("/bin/cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        ORPHANS.lock().unwrap().push(pid);
        reap_orphans();
        assert_eq!(*ORPHANS.lock().unwrap(), [pid], "still running");
        drop(child.stdin.take());
        let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::process::waitid(WaitId::Pid(pid), exited).unwrap();
        reap_orphans();
        assert!(ORPHANS.lock().unwrap().is_empty());
        assert!(child.wait().is_err(), "reaped");
    }

    #[test]
    fn a_panic_while_a_program_runs_kills_and_reaps_it() {
        let _alone = alone();
        let began = Instant::now();
        let null = std::fs::File::open("/dev/null").unwrap();
        let words = [c"/bin/sleep".to_owned(), c"100".to_owned()];
        let start = spawn::Start {
            path: c"/bin/sleep",
            words: &words,
            environment: &[],
            stdin: null.as_fd(),
            stdout: null.as_fd(),
            stderr: null.as_fd(),
        };
        let child = Child::new(calls::spawn(&start).unwrap());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _child = child;
            panic!("on purpose");
        }));
        assert!(panicked.is_err() && began.elapsed() < Duration::from_secs(60), "it sleeps for 100 seconds");
        let any = rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        assert_eq!(any.err(), Some(rustix::io::Errno::CHILD), "reaped");
    }
}
