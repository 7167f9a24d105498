//! Checks the error log: after a test it holds no warning or error of ours other than those the test named (the habit of httpd's own
//! pyhttpd). Other modules also warn about the machine (mod_ssl about an OpenSSL older than the one it was built with), which says nothing
//! about ours: from them only errors count.

use std::sync::Mutex;

/// Lines that say nothing about the module, with the reason why they are allowed.
const ALWAYS_FINE: &[&str] = &[
    "AH00161", // MaxRequestWorkers reached: a test that wants one child has one
    "AH03092", // event at its stop: a connection closes after the pollset
];

/// What a test provokes on purpose.
#[derive(Default)]
pub struct Expectations {
    listed: Mutex<Vec<String>>,
    allowed: Mutex<Vec<String>>,
}

impl Expectations {
    pub fn add(&self, part: &str) {
        self.listed.lock().expect("no test panics while it lists").push(part.to_owned());
    }

    /// A line that may appear, depending on timing.
    pub fn allow(&self, part: &str) {
        self.allowed.lock().expect("no test panics while it lists").push(part.to_owned());
    }

    /// The offending lines, and the expected parts that are in no line.
    pub fn judge(&self, log: &str) -> Result<(), String> {
        let listed = self.listed.lock().expect("no test panics while it lists");
        let allowed = self.allowed.lock().expect("no test panics while it lists");
        let named = |line: &str| listed.iter().chain(allowed.iter()).any(|part| line.contains(part.as_str()));
        let unlisted = complaints(log).filter(|line| !named(line)).map(|line| format!("unlisted: {line}\n"));
        let missing =
            listed.iter().filter(|part| !log.contains(part.as_str())).map(|part| format!("missing: {part}\n"));
        let found: String = unlisted.chain(missing).collect();
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

/// The names of our modules in the log, and lines without a module name.
const OURS: &[&str] = &["sendmail", "processdsn", "-", ""];

/// Our lines at warn or above, those of others at error or above, deaths of children by signal, and lines that are not httpd's (a panic, a
/// message of glibc).
pub fn complaints(log: &str) -> impl Iterator<Item = &str> {
    let fine = |line: &&str| ALWAYS_FINE.iter().any(|fine| line.contains(fine));
    log.lines().filter(move |line| !line.is_empty() && is_complaint(line) && !fine(line))
}

fn is_complaint(line: &str) -> bool {
    match source(line) {
        Some((_, "emerg" | "alert" | "crit" | "error")) | None => true,
        Some((module, "warn")) => OURS.contains(&module) || line.contains("AH00045"), // a child that does not end
        Some(_) => line.contains("exit signal"),                                      // AH00051, AH00052: only a notice
    }
}

/// `[time] [module:level] [pid ...] ...` -> module and level.
fn source(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.strip_prefix('[')?.split_once("] [")?;
    rest.split_once(']')?.0.rsplit_once(':')
}

#[test]
fn support_log_is_judged_by_level_and_by_what_the_test_listed() {
    let quiet = "[Mon Jan 01 00:00:00 2024] [mpm_event:notice] [pid 1:tid 2] AH00489: resuming normal operations\n";
    let warning = "[Mon Jan 01 00:00:00 2024] [sendmail:warn] [pid 1:tid 2] SM0007: refused\n";
    let death = "[Mon Jan 01 00:00:00 2024] [core:notice] [pid 1] AH00052: child pid 9 exit signal Aborted (6)\n";
    assert_eq!(Expectations::default().judge(quiet), Ok(()));
    for bad in [warning, death, "thread '<unnamed>' panicked at src/lib.rs:1:1:\n"] {
        assert!(Expectations::default().judge(&format!("{quiet}{bad}")).is_err(), "{bad}");
    }
    for (module, level, is_finding) in [
        ("sendmail", "warn", true),
        ("sendmail", "info", false),
        ("processdsn", "warn", true),
        ("processdsn", "error", true),
        ("-", "warn", true),
        ("ssl", "warn", false), // AH01882
        ("ssl", "error", true),
        ("core", "warn", false),
        ("core", "crit", true),
        ("mpm_event", "emerg", true),
    ] {
        let line = format!("[Mon Jan 01 00:00:00 2024] [{module}:{level}] [pid 1:tid 2] AH01882: of the machine\n");
        assert_eq!(Expectations::default().judge(&line).is_err(), is_finding, "{line}");
    }
    let stuck = "[Mon Jan 01 00:00:00 2024] [core:warn] [pid 1] AH00045: child process 9 still did not exit\n";
    assert!(Expectations::default().judge(stuck).is_err(), "{stuck}");
    let expectations = Expectations::default();
    expectations.add("SM0007");
    assert_eq!(expectations.judge(warning), Ok(()));
    assert!(expectations.judge(quiet).is_err(), "a listed line that never came is a failure too");
    let expectations = Expectations::default();
    expectations.allow("SM0007");
    assert_eq!((expectations.judge(warning), expectations.judge(quiet)), (Ok(()), Ok(())));
}
