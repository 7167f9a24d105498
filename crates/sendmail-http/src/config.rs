//! The settings: lines of `key value` in a file, or `SENDMAIL_HTTP_KEY` in the environment. Only one of the two is used, so that an
//! environment cannot send a file's password to another server.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mail::address::{Address, Domain};

mod settings;
#[cfg(test)]
mod tests;
mod url;

pub use url::Url;

/// The file of the machine. `*.conf` in the folder of the same name are read after it.
pub const FILE: &str = "/etc/sendmail-http.conf";
const FOLDER: &str = "/etc/sendmail-http.conf.d";
/// The file of a user, in the home folder.
const USER_FILE: &str = ".sendmail-http.conf";
/// The queue of the machine.
pub const QUEUE: &str = "/var/spool/sendmail-http";
/// The queue of a user with a file of their own, in the home folder.
const USER_QUEUE: &str = ".local/state/sendmail-http";
/// The largest message, unless `max_size` says otherwise.
pub const MAX_SIZE: u64 = 100 << 20;

/// Where settings come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `SENDMAIL_HTTP_*`.
    Environment,
    /// This file (and the machine's folder, if it is the machine's file).
    File(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Environment => f.write_str("the environment (SENDMAIL_HTTP_*)"),
            Source::File(path) => path.display().fmt(f),
        }
    }
}

/// How we authenticate to the gateway.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// RFC 7617.
    Basic {
        /// The user.
        user: String,
        /// Its password.
        password: String,
    },
    /// RFC 6750.
    Bearer(String),
}

/// The settings, valid once they exist.
#[derive(Clone)]
pub struct Config {
    /// Where they come from.
    pub source: Source,
    /// The gateways, tried in this order. Never empty.
    pub urls: Vec<Url>,
    /// Our credentials, if the gateway requires any.
    pub login: Option<Login>,
    /// PEM: the authorities accepted for the gateway, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM: our own certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The domain for names without one, instead of /etc/mailname and the name of the machine.
    pub domain: Option<Domain>,
    /// The file of aliases.
    pub aliases: PathBuf,
    /// The sender of all mail; replaces senders that a gateway would refuse.
    pub from: Option<Address>,
    /// Whether senders in `domain` are kept, despite `from`.
    pub allow_from: bool,
    /// The longest wait for an answer.
    pub timeout: Duration,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The queue; `None`: what cannot be sent at once is not kept.
    pub queue: Option<PathBuf>,
    /// Whether, without systemd, a background process retries what could not be sent at once.
    pub background: bool,
    /// How long a message is retried.
    pub expire: Duration,
    /// `http://host:port`: a proxy that supports CONNECT.
    pub proxy: Option<String>,
    /// A file that gets a line for each message, in addition to syslog.
    pub logfile: Option<PathBuf>,
    /// Who gets root's mail, and reports that have no other recipient.
    pub postmaster: Option<Address>,
    /// The largest message.
    pub max_size: u64,
    /// How many messages of one user may be queued.
    pub quota_messages: u64,
    /// How many octets of one user may be queued.
    pub quota_size: u64,
    /// The files that hold a password, a token or a key.
    pub secrets: Vec<PathBuf>,
}

/// The result of the search for settings.
pub enum Found {
    /// Settings were found.
    Config(Box<Config>),
    /// Settings were found, but they contain a mistake.
    Bad(String),
    /// No settings were found.
    Missing,
    /// Settings exist, but this user may not read them; the queue's runner may.
    Unreadable(PathBuf),
}

/// Finds the settings: `--config`, otherwise the environment, otherwise the user's file, otherwise the machine's.
pub fn find(named: Option<&Path>, home: Option<&Path>) -> Found {
    // With another user's rights (set-user-ID) nothing is taken from the caller. We never recommend that bit; if it is set, it must give
    // the caller nothing.
    let is_trusted = rustix::process::getuid() == rustix::process::geteuid()
        && rustix::process::getgid() == rustix::process::getegid();
    if let Some(path) = named.filter(|_| is_trusted) {
        return file(path, home);
    }
    if is_trusted && std::env::var_os("SENDMAIL_HTTP_URL").is_some() {
        return environment(home);
    }
    if let Some(path) = home.map(|home| home.join(USER_FILE)).filter(|path| is_trusted && path.exists()) {
        return file(&path, home);
    }
    file(Path::new(FILE), home)
}

fn environment(home: Option<&Path>) -> Found {
    let mut pairs = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix("SENDMAIL_HTTP_")) else { continue };
        let Some(value) = value.to_str() else { return Found::Bad(format!("SENDMAIL_HTTP_{name} is not UTF-8")) };
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            // One variable may hold several.
            "url" => pairs.extend(value.split_whitespace().map(|url| (name.clone(), url.to_owned()))),
            _ => pairs.push((name, value.to_owned())),
        }
    }
    finish(Source::Environment, pairs, Vec::new(), home)
}

fn file(path: &Path, home: Option<&Path>) -> Found {
    let mut files = vec![path.to_path_buf()];
    if path == Path::new(FILE) {
        let folder = fs::read_dir(FOLDER).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut more: Vec<_> = folder.filter(|path| path.extension().is_some_and(|end| end == "conf")).collect();
        more.sort();
        files.extend(more);
    }
    let (mut pairs, mut secrets, mut found) = (Vec::new(), Vec::new(), false);
    for path in files {
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Found::Unreadable(path),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Found::Bad(format!("{}: {error}", path.display())),
        };
        found = true;
        match lines(&text) {
            // The later file replaces a key as a whole; it does not extend a list of urls.
            Ok(new) => {
                if new.iter().any(|(key, _)| key == "password" || key == "bearer") {
                    secrets.push(path);
                }
                pairs.retain(|(key, _): &(String, String)| new.iter().all(|(new, _)| new != key));
                pairs.extend(new);
            }
            Err(words) => return Found::Bad(format!("{}: {words}", path.display())),
        }
    }
    match found {
        true => finish(Source::File(path.to_path_buf()), pairs, secrets, home),
        false => Found::Missing,
    }
}

/// Reads a small text file.
fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(1 << 20).read_to_string(&mut text)?;
    Ok(text)
}

/// `key value`, one per line; `#` begins a comment line. A hyphen in a key counts as an underscore.
fn lines(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once([' ', '\t']) else {
            return Err(format!("line {number}: '{}' has no value: write key value", mail::text::excerpt(line)));
        };
        let value = value.trim();
        let is_quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
        let value = if is_quoted { &value[1..value.len() - 1] } else { value };
        pairs.push((key.to_ascii_lowercase().replace('-', "_"), value.to_owned()));
    }
    Ok(pairs)
}

fn finish(source: Source, pairs: Vec<(String, String)>, mut secrets: Vec<PathBuf>, home: Option<&Path>) -> Found {
    let is_own = |home: &Path| source == Source::File(home.join(USER_FILE));
    let queue = match home {
        Some(home) if is_own(home) => home.join(USER_QUEUE),
        _ => PathBuf::from(QUEUE),
    };
    let named = pairs.iter().filter(|(key, _)| ["passwordfile", "bearerfile", "key"].contains(&key.as_str()));
    secrets.extend(named.map(|(_, path)| PathBuf::from(path)));
    match settings::build(source.clone(), pairs, Some(queue)) {
        Ok(config) => Found::Config(Box::new(Config { secrets, ..config })),
        Err(settings::Mistake::Unreadable(path)) if source != Source::Environment => Found::Unreadable(path),
        Err(settings::Mistake::Unreadable(path)) => Found::Bad(format!("{}: permission denied", path.display())),
        Err(settings::Mistake::Words(words)) => Found::Bad(format!("{source}: {words}")),
    }
}

/// `30s`, `500ms`, `10m`, `2h`, `5d`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "mi" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return Err(format!("'{text}' is not a time: write 30s, 10m, 2h or 5d")),
    };
    let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    milliseconds.map(Duration::from_millis).ok_or_else(|| format!("'{text}' is not a time: write 30s, 10m, 2h or 5d"))
}

/// `1000`, `64K`, `25M`, `1G`.
fn size(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    size.ok_or_else(|| format!("'{text}' is not a size: write 25M"))
}
