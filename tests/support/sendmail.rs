//! The recording sendmail of one test, and its records (the program: `tests/fake-sendmail`).

use super::artifacts::fake_sendmail;
use super::deadline::within;
use super::place::{Place, mode};
use super::process::run;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub struct Sendmail {
    place: Place,
}

/// The steps of a run, in order; [`Behaviour::default`] reads everything and exits 0. After the steps it exits 0 unless one has ended it.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    steps: Vec<String>,
}

impl Behaviour {
    pub fn new() -> Self {
        Self::default()
    }

    /// The usual program: reads everything, then exits with this code.
    pub fn reads_all_and_exits(code: u8) -> Self {
        Self::new().reads_all().exits(code)
    }

    pub fn reads_all(self) -> Self {
        self.step("read all")
    }

    pub fn reads(self, octets: u64) -> Self {
        self.step(format!("read {octets}"))
    }

    /// An octet a second until the end.
    pub fn reads_slowly(self) -> Self {
        self.step("read slowly")
    }

    /// Text on stdout; newlines and control characters unchanged.
    pub fn says(self, words: &str) -> Self {
        self.step(format!("out {}", escape(words)))
    }

    /// Text on stderr.
    pub fn complains(self, words: &str) -> Self {
        self.step(format!("err {}", escape(words)))
    }

    pub fn floods_stdout(self, octets: u64) -> Self {
        self.step(format!("flood out {octets}"))
    }

    pub fn floods_stderr(self, octets: u64) -> Self {
        self.step(format!("flood err {octets}"))
    }

    pub fn sleeps(self, time: Duration) -> Self {
        self.step(format!("sleep {}", time.as_millis()))
    }

    /// A process in the same group that keeps stderr open for this long.
    pub fn leaves_a_grandchild_holding_stderr(self, time: Duration) -> Self {
        self.step(format!("grandchild {}", time.as_millis()))
    }

    /// Moves to the group of its parent.
    pub fn leaves_its_group(self) -> Self {
        self.step("leave group")
    }

    pub fn ignores(self, signal: i32) -> Self {
        self.step(format!("ignore {signal}"))
    }

    /// From here on SIGTERM ends it with this code, and nothing is committed (sendmail.org exits 0 and has queued nothing).
    pub fn exits_on_term(self, code: u8) -> Self {
        self.step(format!("on-term {code}"))
    }

    pub fn hangs(self) -> Self {
        self.step("hang")
    }

    pub fn dies_by(self, signal: i32) -> Self {
        self.step(format!("die {signal}"))
    }

    pub fn exits(self, code: u8) -> Self {
        self.step(format!("exit {code}"))
    }

    fn step(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }
}

/// Backslash, control characters and non-ASCII, octet by octet as `\xNN`.
fn escape(words: &str) -> String {
    let escaped = |byte: u8| match byte {
        b' '..=b'[' | b']'..=b'~' => char::from(byte).to_string(),
        other => format!("\\x{other:02x}"),
    };
    words.bytes().map(escaped).collect()
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// One finished run.
#[derive(Clone)]
pub struct Recorded {
    pub argv: Vec<Vec<u8>>,
    pub environ: Vec<Vec<u8>>,
    pub descriptors: Vec<Descriptor>,
    /// /proc/self/status at the start.
    pub status: String,
    pub stdin: Vec<u8>,
    /// The path of stdin, until the next [`Sendmail::take`].
    pub file: PathBuf,
    /// Read to the end and exited 0.
    pub committed: bool,
    /// `exit 75`, `signal 9`.
    pub outcome: String,
    facts: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    pub number: u32,
    /// `pipe:[4711]`, `/path (deleted)`.
    pub target: String,
    /// As open(2) counts them, O_NONBLOCK among them.
    pub flags: u32,
    pub position: u64,
}

impl Recorded {
    /// `pid`, `ppid`, `pgid`, `sid`, `cwd`, `started` and `finished` (ns since 1970), `octets`, `end`, `grandchild`, `input-error`.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        self.fact(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no number {name} in {:?}", self.facts))
    }

    /// The arguments after the program's name, as text.
    pub fn arguments(&self) -> Vec<String> {
        self.argv.iter().skip(1).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    pub fn variable(&self, name: &str) -> Option<&[u8]> {
        self.environ.iter().find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }

    /// `SigBlk`, `SigIgn`, `SigCgt` as bits: signal N is bit N-1.
    #[track_caller]
    pub fn signals(&self, set: &str) -> u64 {
        let line = self.status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(':'));
        let digits = line.unwrap_or_else(|| panic!("no {set} in the status")).trim();
        u64::from_str_radix(digits, 16).expect("hexadecimal")
    }

    pub fn stdin_is_pipe(&self) -> bool {
        self.descriptors.first().is_some_and(|stdin| stdin.number == 0 && stdin.target.starts_with("pipe:"))
    }

    /// The message as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdin).into_owned()
    }
}

impl Sendmail {
    pub fn new() -> Self {
        let place = Place::new("sendmail");
        mode(place.path(), 0o777); // written to by httpd's user
        place.folder("messages", 0o777);
        let program = place.path().join("sendmail");
        // A link, since a copy that is open for writing while another thread spawns would be "text file busy"; cp(1) across file systems.
        if fs::hard_link(fake_sendmail(), &program).is_err() {
            run(Command::new("cp").arg(fake_sendmail()).arg(&program));
        }
        Self { place }
    }

    pub fn behaving(behaviour: &Behaviour) -> Self {
        let sendmail = Self::new();
        sendmail.behave(behaviour);
        sendmail
    }

    /// For SendmailName.
    pub fn program(&self) -> PathBuf {
        self.place.path().join("sendmail")
    }

    pub fn folder(&self) -> &Path {
        self.place.path()
    }

    /// Applies from the next run on.
    pub fn behave(&self, behaviour: &Behaviour) {
        let new = self.place.write("behaviour.new", behaviour.to_string());
        fs::rename(new, self.place.path().join("behaviour")).expect("own folder");
    }

    /// The finished runs, oldest first.
    pub fn messages(&self) -> Vec<Recorded> {
        let mut folders = self.records(false);
        folders.sort();
        folders.iter().map(|folder| read(folder)).collect()
    }

    /// Like [`Self::messages`], and forgets them.
    pub fn take(&self) -> Vec<Recorded> {
        let messages = self.messages();
        for folder in messages.iter().filter_map(|message| message.file.parent()) {
            fs::remove_dir_all(folder).expect("root, or the user that wrote it");
        }
        messages
    }

    /// Runs that have started but not ended: alive, or killed.
    pub fn unfinished(&self) -> usize {
        self.records(true).len()
    }

    /// Programs started so far, whatever their outcome; [`Self::take`] forgets some.
    pub fn starts(&self) -> usize {
        self.records(true).len() + self.records(false).len()
    }

    /// Process ids of the runs that have not ended; some may be dead by now.
    pub fn unfinished_pids(&self) -> Vec<u32> {
        let names = self.records(true).into_iter().filter_map(|folder| Some(folder.file_stem()?.to_str()?.to_owned()));
        names.filter_map(|name| name.rsplit('.').next()?.parse().ok()).collect()
    }

    /// Runs that read to the end and exited 0, including those of [`Self::take`].
    pub fn commits(&self) -> usize {
        fs::read_to_string(self.place.path().join("COMMITS")).map_or(0, |text| text.lines().count())
    }

    /// Waits until at least `count` runs have ended.
    #[track_caller]
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Recorded> {
        let found = within(limit, || (self.records(false).len() >= count).then(|| self.messages()));
        found.unwrap_or_else(|| panic!("{} of {count} runs ended within {limit:?}", self.records(false).len()))
    }

    fn records(&self, running: bool) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.place.path().join("messages")).expect("own folder").flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "running") == running).collect()
    }
}

fn read(folder: &Path) -> Recorded {
    let file = |name: &str| fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name} of {folder:?}: {error}"));
    let text = |name: &str| String::from_utf8_lossy(&file(name)).into_owned();
    let items = |name: &str| {
        let octets = file(name);
        let terminated = octets.strip_suffix(b"\0").map(|octets| octets.split(|byte| *byte == 0));
        terminated.into_iter().flatten().map(<[u8]>::to_vec).collect()
    };
    let facts: BTreeMap<String, String> = text("facts")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    Recorded {
        argv: items("argv"),
        environ: items("environ"),
        descriptors: text("descriptors").lines().map(descriptor).collect(),
        status: text("status"),
        stdin: file("stdin"),
        file: folder.join("stdin"),
        committed: facts["committed"] == "true",
        outcome: facts["outcome"].clone(),
        facts,
    }
}

fn descriptor(line: &str) -> Descriptor {
    let fields: Vec<&str> = line.split('\t').collect();
    let number = |index: usize, radix: u32| u64::from_str_radix(fields[index], radix).expect("a number of fdinfo");
    Descriptor {
        number: fields[0].parse().expect("a descriptor"),
        target: fields[1].to_owned(),
        flags: number(2, 8) as u32,
        position: number(3, 10),
    }
}
