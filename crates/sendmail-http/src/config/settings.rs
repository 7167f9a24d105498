//! Pairs of key and value -> [`Config`]. One table lists the keys and the purpose of each.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mail::address::{Address, Domain};

use super::{Config, Login, MAX_SIZE, Source, Url, duration, size};

/// Every key, and what it is for; whether it may be given more than once.
#[rustfmt::skip]
pub const KEYS: &[(&str, &str)] = &[
    ("url", "where the gateway is, https://host/path; several: the next where one cannot be reached"),
    ("user", "the user of the gateway, with password or passwordfile"),
    ("password", "its password"),
    ("passwordfile", "a file with the password in its first line"),
    ("bearer", "a token, in place of user and password"),
    ("bearerfile", "a file with the token in its first line"),
    ("certificate", "our own certificate (PEM, chain included), with key"),
    ("key", "its key (PEM)"),
    ("ca", "the authorities that may vouch for the gateway (PEM); those of the system"),
    ("domain", "completes a name without a domain; /etc/mailname, else the name of the machine"),
    ("aliases", "the file of aliases; /etc/aliases"),
    ("from", "the sender of everything"),
    ("allow_from", "yes: senders of the domain are left as they are, in spite of from"),
    ("postmaster", "gets the mail of root where no alias does, and reports"),
    ("timeout", "the longest wait for an answer; 90s"),
    ("connect_timeout", "the longest wait for a connection; 10s"),
    ("queue", "the folder of the queue, or none; /var/spool/sendmail-http"),
    ("background", "no: without systemd no process is left behind to try again; yes"),
    ("expire", "how long a message is tried; 5d"),
    ("proxy", "http://host:port of a proxy"),
    ("logfile", "a file that gets a line for each message, beside syslog"),
    ("insecure", "yes: http without TLS to another machine"),
    ("max_size", "the largest message; 100M"),
    ("quota_messages", "how many messages of one user may wait; 1000"),
    ("quota_size", "how many octets of one user may wait; 500M"),
];

/// Why no [`Config`] could be made.
pub enum Mistake {
    /// A file that a setting names may not be read by this user.
    Unreadable(PathBuf),
    /// A mistake; names the key and the remedy.
    Words(String),
}

impl From<String> for Mistake {
    fn from(words: String) -> Mistake {
        Mistake::Words(words)
    }
}

/// Makes the settings; `queue` is the default queue.
pub fn build(source: Source, pairs: Vec<(String, String)>, queue: Option<PathBuf>) -> Result<Config, Mistake> {
    if let Some((key, _)) = pairs.iter().find(|(key, _)| KEYS.iter().all(|row| row.0 != key)) {
        return Err(format!("key '{}' is not known; see sendmail-http(1)", mail::text::excerpt(key)).into());
    }
    let pairs = Pairs(pairs);
    let urls = pairs.all("url").map(Url::parse).collect::<Result<Vec<_>, _>>()?;
    if urls.is_empty() {
        return Err("url is missing: add url https://host/path".to_owned().into());
    }
    let insecure = pairs.read("insecure", boolean)?.unwrap_or(false);
    if let Some(url) = urls.iter().find(|url| !url.is_tls() && !url.is_loopback() && !insecure) {
        return Err(format!("url {url} is not encrypted: write https, or add insecure yes").into());
    }
    let config = Config {
        login: login(&pairs)?,
        urls,
        ca: pairs.file("ca")?,
        certificate: match (pairs.file("certificate")?, pairs.file("key")?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("certificate and key need each other".to_owned().into()),
        },
        domain: pairs.read("domain", |text| Domain::parse(text).map_err(|error| error.to_string()))?,
        aliases: pairs.one("aliases")?.unwrap_or("/etc/aliases").into(),
        from: pairs.read("from", address)?,
        allow_from: pairs.read("allow_from", boolean)?.unwrap_or(false),
        timeout: pairs.read("timeout", positive)?.unwrap_or(Duration::from_secs(90)),
        connect_timeout: pairs.read("connect_timeout", positive)?.unwrap_or(Duration::from_secs(10)),
        queue: match pairs.one("queue")? {
            Some("none") => None,
            Some(path) if path.starts_with('/') => Some(path.into()),
            Some(path) => return Err(format!("queue '{path}' is neither an absolute path nor none").into()),
            None => queue,
        },
        background: pairs.read("background", boolean)?.unwrap_or(true),
        expire: pairs.read("expire", positive)?.unwrap_or(Duration::from_secs(5 * 86_400)),
        proxy: pairs.read("proxy", proxy)?,
        logfile: pairs.one("logfile")?.map(PathBuf::from),
        postmaster: pairs.read("postmaster", address)?,
        max_size: pairs.read("max_size", size)?.unwrap_or(MAX_SIZE),
        quota_messages: pairs.read("quota_messages", size)?.unwrap_or(1000),
        quota_size: pairs.read("quota_size", size)?.unwrap_or(500 << 20),
        secrets: Vec::new(),
        source,
    };
    Ok(config)
}

struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |pair| pair.0 == key).map(|pair| pair.1.as_str())
    }

    fn one(&self, key: &str) -> Result<Option<&str>, String> {
        let mut all = self.all(key);
        match (all.next(), all.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(format!("{key} is given twice")),
        }
    }

    fn read<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
        self.one(key)?.map(|value| parse(value).map_err(|words| format!("{key}: {words}"))).transpose()
    }

    /// A file that is needed for requests to the gateway.
    fn file(&self, key: &str) -> Result<Option<PathBuf>, Mistake> {
        let Some(path) = self.one(key)?.map(PathBuf::from) else { return Ok(None) };
        open(key, &path)?;
        Ok(Some(path))
    }
}

fn open(key: &str, path: &Path) -> Result<File, Mistake> {
    File::open(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Mistake::Unreadable(path.to_path_buf()),
        _ => Mistake::Words(format!("{key} {}: {error}", path.display())),
    })
}

fn login(pairs: &Pairs) -> Result<Option<Login>, Mistake> {
    let (user, bearer) = (pairs.one("user")?, secret(pairs, "bearer", "bearerfile")?);
    let password = secret(pairs, "password", "passwordfile")?;
    match (user, password, bearer) {
        (None, None, None) => Ok(None),
        (Some(user), Some(_), None) if user.contains(':') => {
            Err("user holds a colon, which ends it (RFC 7617)".to_owned().into())
        }
        (Some(user), Some(password), None) => Ok(Some(Login::Basic { user: user.to_owned(), password })),
        (None, None, Some(token)) if token.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(Login::Bearer(token))),
        (None, None, Some(_)) => Err("bearer holds what no token may hold".to_owned().into()),
        (Some(_), None, None) => Err("user needs password or passwordfile".to_owned().into()),
        (None, Some(_), None) => Err("password needs user".to_owned().into()),
        (_, _, Some(_)) => Err("bearer and user or password exclude each other".to_owned().into()),
    }
}

/// A value that may be in a file of its own.
fn secret(pairs: &Pairs, key: &str, file: &str) -> Result<Option<String>, Mistake> {
    let value = match (pairs.one(key)?, pairs.one(file)?) {
        (Some(_), Some(_)) => return Err(format!("{key} and {file} exclude each other").into()),
        (None, None) => return Ok(None),
        (Some(value), None) => value.to_owned(),
        (None, Some(path)) => {
            let mut text = String::new();
            let read = open(file, Path::new(path))?.take(64 * 1024).read_to_string(&mut text);
            read.map_err(|error| format!("{file} {path}: {error}"))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    match value.contains(char::is_control) || value.is_empty() {
        true => Err(format!("{key} is empty or holds a control character").into()),
        false => Ok(Some(value)),
    }
}

fn address(text: &str) -> Result<Address, String> {
    match Address::parse(text) {
        Ok(address) if address.domain().is_some() => Ok(address),
        Ok(_) => Err(format!("'{text}' has no domain: write user@example.org")),
        Err(error) => Err(error.to_string()),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" | "1" => Ok(true),
        "no" | "off" | "false" | "0" => Ok(false),
        _ => Err(format!("'{text}' is neither yes nor no")),
    }
}

fn positive(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("use a time above 0".into()),
        time => Ok(time),
    }
}

fn proxy(text: &str) -> Result<String, String> {
    match text.starts_with("http://") && ureq::Proxy::new(text).is_ok() {
        true => Ok(text.to_owned()),
        false => Err(format!("'{}' is not a proxy: write http://host:port", mail::text::excerpt(text))),
    }
}
