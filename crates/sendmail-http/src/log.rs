//! Log lines: to syslog (RFC 3164, as /dev/log takes it), to the configured file, and to stderr where a person may read it. A line that
//! cannot be written never costs a mail.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use mail::text::one_line;

use crate::clock;

const MAIL: u8 = 2 << 3;
const LONGEST: usize = 900;

/// Where lines go.
pub struct Log {
    tag: String,
    syslog: Option<UnixDatagram>,
    file: Option<PathBuf>,
    /// Whether stderr gets every line, or only what the caller must know.
    is_verbose: bool,
}

/// RFC 5424 6.2.1.
#[derive(Clone, Copy)]
enum Severity {
    Error = 3,
    Warning = 4,
    Info = 6,
}

impl Log {
    /// `tag` is our name in syslog; `is_verbose`: all lines also go to stderr.
    pub fn new(tag: Option<&str>, is_verbose: bool) -> Log {
        let syslog = UnixDatagram::unbound().ok().filter(|socket| socket.connect("/dev/log").is_ok());
        if let Some(socket) = &syslog {
            let _ = socket.set_nonblocking(true); // a log that hangs must not hang the mail
        }
        let clean =
            tag.unwrap_or("sendmail-http").replace(|c: char| !c.is_ascii_graphic() || c == '[' || c == ':', "_");
        Log { tag: clean, syslog, file: None, is_verbose }
    }

    /// Sets the log file.
    pub fn set_file(&mut self, file: Option<PathBuf>) {
        self.file = file;
    }

    /// Something that a person must fix.
    pub fn error(&self, words: &str) {
        self.write(Severity::Error, words);
        self.say(words);
    }

    /// Something that a person should know.
    pub fn warning(&self, words: &str) {
        self.write(Severity::Warning, words);
        self.say(words);
    }

    /// What happened.
    pub fn info(&self, words: &str) {
        self.write(Severity::Info, words);
        if self.is_verbose {
            self.say(words);
        }
    }

    fn write(&self, severity: Severity, words: &str) {
        let line = one_line(words.as_bytes(), LONGEST);
        if let Some(socket) = &self.syslog {
            let _ = socket
                .send(format!("<{}>{}[{}]: {line}", MAIL + severity as u8, self.tag, std::process::id()).as_bytes());
        }
        if let Some(path) = &self.file {
            let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
            let _ = file
                .and_then(|mut file| file.write_all(format!("{} {line}\n", mail::date::at(clock::now())).as_bytes()));
        }
    }

    /// One line on stderr.
    fn say(&self, words: &str) {
        let _ = writeln!(std::io::stderr(), "{}: {}", self.tag, one_line(words.as_bytes(), LONGEST));
    }
}
