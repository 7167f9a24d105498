//! Every fault of a program, made by a real program behind a real httpd: the answer is the one in DESIGN.md section 4, in time, and nothing
//! is left behind: no process, no zombie, no descriptor, no file.

mod clean;
mod exits;
mod misbehave;
mod resources;
mod slots;
mod starts;

use crate::support::httpd_config::Builder;
use crate::support::{Httpd, Mpm, Response, Sendmail, eventually, process};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

pub const SECONDS: Duration = Duration::from_secs(10);

/// The module's notes for the access log, one line per request.
pub const NOTES: &str = "LogFormat \"%U %q %>s %{sendmail-status}n %{sendmail-exit}n %{sendmail-id}n %{sendmail-rcpts}n %{sendmail-bytes}n %{sendmail-usec}n\" notes\n\
     CustomLog \"${ROOT}/logs/notes\" notes";

/// A server whose children neither start nor end, so that their descriptors can be compared.
pub fn steady(mpm: Mpm) -> Builder {
    let settings = match mpm {
        Mpm::Event | Mpm::Worker => {
            "ServerLimit 1\nStartServers 1\nThreadsPerChild 32\nThreadLimit 32\nMinSpareThreads 1\nMaxSpareThreads 32\nMaxRequestWorkers 32\n"
        }
        Mpm::Prefork => {
            "ServerLimit 24\nStartServers 24\nMinSpareServers 1\nMaxSpareServers 24\nMaxRequestWorkers 24\n"
        }
    };
    Httpd::builder().mpm(mpm).mpm_settings(settings).config(NOTES)
}

/// A separate location for one program.
pub fn place(builder: Builder, path: &str, sendmail: &Sendmail, text: &str) -> Builder {
    let program = sendmail.program().display().to_string();
    builder.location(path, &format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{program}\"\n{text}"))
}

/// What the children of a server hold open, except connections, which close when the client does.
pub struct Holdings(BTreeMap<u32, Vec<PathBuf>>);

impl Holdings {
    pub fn of(httpd: &Httpd) -> Self {
        let now = || httpd.children().into_iter().map(|child| (child, held(child))).collect();
        let mut last: BTreeMap<_, _> = now();
        eventually("the children have done what they do at their start", SECONDS, || {
            std::thread::sleep(Duration::from_millis(50));
            let before = std::mem::replace(&mut last, now());
            (before == last).then_some(())
        });
        Self(last)
    }

    /// The same children hold the same things again, and no zombie, program or file is left.
    #[track_caller]
    pub fn assert_same(&self, httpd: &Httpd) {
        assert!(!self.0.is_empty());
        for (child, before) in &self.0 {
            assert!(process::is_alive(*child), "a child of httpd died:\n{}", httpd.error_log());
            eventually(&format!("the descriptors of before, {before:?}, not {:?}", held(*child)), SECONDS, || {
                (held(*child) == *before).then_some(())
            });
            assert_eq!((process::children(*child), process::zombies(*child)), (vec![], vec![]));
        }
        assert_eq!(httpd.stray_files(), Vec::<PathBuf>::new());
    }
}

fn held(pid: u32) -> Vec<PathBuf> {
    let mut targets = process::descriptors(pid);
    targets.retain(|target| !target.to_string_lossy().starts_with("socket:"));
    targets.sort();
    targets
}

/// The notes of the one request to `path` (with its query), in the order of [`NOTES`], after path and query.
#[track_caller]
pub fn notes(httpd: &Httpd, path: &str) -> Vec<String> {
    let start = path.split_once('?').map_or(format!("{path}  "), |(path, query)| format!("{path} ?{query} "));
    let line = eventually(&format!("a line of {start}"), SECONDS, || {
        let log = fs::read_to_string(httpd.root().join("logs/notes")).unwrap_or_default();
        log.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned))
    });
    line.split(' ').map(str::to_owned).collect()
}

/// The status of an answer, after checking what it says about sending again.
#[track_caller]
pub fn promised(response: &Response) -> u16 {
    let text = response.text();
    match response.status {
        502 | 504 => assert!(text.contains("may or may not have been sent"), "{text}"),
        503 if text.contains("some mail systems may then deliver twice") => {
            assert_eq!(response.header("Retry-After"), None);
        }
        400..=503 => assert!(text.contains("Nothing was sent"), "{text}"),
        _ => assert!(response.status == 202 && text.starts_with("Accepted: <"), "{} {text}", response.status),
    }
    response.status
}

/// Names the warnings and errors that a test provokes.
pub fn expect_logs(httpd: &Httpd, parts: &[&str]) {
    parts.iter().for_each(|part| httpd.expect_log(part));
}
