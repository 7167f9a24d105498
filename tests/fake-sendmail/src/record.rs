//! One run -> the folder `<dir>/messages/<id>/`: `argv` and `environ` (NUL between items), `descriptors` (number, target, flags), `status`
//! (from /proc), `facts` (name=value), `stdin`. While the program runs, the folder is called `<id>.running`; the rename at the end makes
//! the record valid. The start is recorded before anything else is opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Record {
    directory: PathBuf,
    id: String,
    facts: Vec<(&'static str, String)>,
    stdin: File,
    octets: u64,
    end: bool,
}

impl Record {
    /// Records the process as the caller started it.
    pub fn begin(directory: &Path) -> io::Result<Self> {
        let descriptors = descriptors()?;
        let started = now();
        let id = format!("{started}.{}", std::process::id());
        let folder = directory.join("messages").join(format!("{id}.running"));
        fs::create_dir(&folder)?;
        fs::write(folder.join("argv"), argv())?;
        fs::write(folder.join("environ"), fs::read("/proc/self/environ")?)?;
        fs::write(folder.join("descriptors"), descriptors)?;
        fs::write(folder.join("status"), fs::read("/proc/self/status")?)?;
        let facts = vec![
            ("pid", std::process::id().to_string()),
            ("ppid", std::os::unix::process::parent_id().to_string()),
            ("pgid", process_group().to_string()),
            ("sid", session().to_string()),
            ("cwd", std::env::current_dir()?.display().to_string()),
            ("started", started.to_string()),
        ];
        let stdin = File::create(folder.join("stdin"))?;
        Ok(Self { directory: directory.to_owned(), id, facts, stdin, octets: 0, end: false })
    }

    pub fn take(&mut self, octets: &[u8]) {
        self.stdin.write_all(octets).expect("the test's own folder takes the message");
        self.octets += octets.len() as u64;
    }

    pub fn end_of_input(&mut self) {
        self.end = true;
    }

    pub fn saw_end(&self) -> bool {
        self.end
    }

    pub fn input_failed(&mut self, error: &io::Error) {
        self.facts.push(("input-error", error.to_string()));
    }

    pub fn note_grandchild(&mut self, pid: i32) {
        self.facts.push(("grandchild", pid.to_string()));
    }

    /// Makes the record valid; a committed run also adds a line to COMMITS.
    pub fn finish(mut self, outcome: &str, committed: bool) {
        self.facts.push(("finished", now().to_string()));
        self.facts.push(("outcome", outcome.to_owned()));
        self.facts.push(("octets", self.octets.to_string()));
        self.facts.push(("end", self.end.to_string()));
        self.facts.push(("committed", committed.to_string()));
        let facts: String = self.facts.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let messages = self.directory.join("messages");
        let running = messages.join(format!("{}.running", self.id));
        fs::write(running.join("facts"), facts).expect("the test's own folder takes the facts");
        fs::rename(&running, messages.join(&self.id)).expect("the record is renamed inside its folder");
        if committed {
            let mut commits = OpenOptions::new().append(true).create(true).open(self.directory.join("COMMITS"));
            let line = format!("{} {}\n", self.id, self.octets);
            commits
                .as_mut()
                .ok()
                .and_then(|file| file.write_all(line.as_bytes()).ok())
                .expect("COMMITS can be appended to");
        }
    }
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos())
}

fn argv() -> Vec<u8> {
    let words: Vec<_> = std::env::args_os().collect();
    words.iter().flat_map(|word| word.as_bytes().iter().copied().chain([0])).collect()
}

fn process_group() -> i32 {
    // SAFETY: getpgrp(2) takes nothing and cannot fail.
    unsafe { libc::getpgrp() }
}

fn session() -> i32 {
    // SAFETY: getsid(2) of the calling process, no memory involved.
    unsafe { libc::getsid(0) }
}

/// `number TAB target TAB flags TAB position` per line, without the descriptor that reads the list.
fn descriptors() -> io::Result<String> {
    let own = format!("/proc/{}/fd", std::process::id());
    let mut lines = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let target = fs::read_link(entry.path())?.display().to_string();
        if target == own {
            continue;
        }
        let number = entry.file_name().display().to_string();
        let about = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let field = |name: &str| about.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned();
        lines.push(format!("{number}\t{target}\t{}\t{}\n", field("flags:"), field("pos:")));
    }
    lines.sort_by_key(|line| line.split('\t').next().and_then(|number| number.parse::<u32>().ok()));
    Ok(lines.concat())
}
