//! Processes as /proc shows them, and external commands that must succeed.

use super::deadline::within;
use super::place::repository;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Runs a command to its end, and returns its stdout; its output is part of a failure.
#[track_caller]
pub fn run(command: &mut Command) -> Vec<u8> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("cannot run {shown}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}: {}\n{}{said}", output.status, String::from_utf8_lossy(&output.stdout));
    output.stdout
}

/// A program of this name in PATH or in the administrators' folders, which a Debian user's PATH lacks.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(administrators).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Like [`program`]; if it is missing, the test fails and names the Debian package to install.
#[track_caller]
pub fn required(name: &str, package: &str) -> PathBuf {
    program(name).unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}"))
}

/// The folder that `tools/<tool>` installs into, at most once per run; `None` if the registries cannot be reached.
pub fn installed(tool: &str) -> Option<PathBuf> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = repository().join("target").join(tool);
    let status = Command::new(repository().join("tools").join(tool)).arg(&folder).status();
    status.is_ok_and(|status| status.success()).then_some(folder)
}

/// Living processes (no zombies) whose parent is `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    listed(|stat| stat.parent == pid && stat.state != 'Z')
}

/// Zombies whose parent is `pid`.
pub fn zombies(pid: u32) -> Vec<u32> {
    listed(|stat| stat.parent == pid && stat.state == 'Z')
}

/// Living processes of a session, its leader included.
pub fn session(id: u32) -> Vec<u32> {
    listed(|stat| stat.session == id && stat.state != 'Z')
}

pub fn is_alive(pid: u32) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.state != 'Z')
}

/// Sends a signal; it is not an error if the process is already gone.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = pid_of(pid) {
        let _ = kill_process(pid, signal);
    }
}

pub fn signal_group(pgid: u32, signal: Signal) {
    if let Some(pid) = pid_of(pgid) {
        let _ = kill_process_group(pid, signal);
    }
}

/// Resident memory in KiB and the number of mappings.
pub fn memory(pid: u32) -> Option<(u64, usize)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    Some((resident.trim().trim_end_matches(" kB").parse().ok()?, maps.lines().count()))
}

/// Targets of the open descriptors of a process.
pub fn descriptors(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect()
}

/// Waits for a child; `None` once `limit` has passed.
pub fn exit_of(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    within(limit, || child.try_wait().expect("the child is ours"))
}

fn pid_of(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

struct Stat {
    state: char,
    parent: u32,
    session: u32,
}

impl Stat {
    /// proc(5): pid (comm) state ppid pgrp session; comm may hold anything, so read from the last `)`.
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut fields = text.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        Some(Self { state, parent, session: fields.nth(1)?.parse().ok()? })
    }
}

fn listed(wanted: impl Fn(&Stat) -> bool) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| Stat::of(*pid).is_some_and(|stat| wanted(&stat))).collect()
}
