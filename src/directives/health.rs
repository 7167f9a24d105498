//! SendmailHealthProbe.
#![forbid(unsafe_code)]

use super::values::{absolute, long_time};
use httpd::Command;
use mailgate::transport::smtp::Server;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What is behind a program that queues everything, and how to ask it.
#[derive(Clone, Debug)]
pub enum Probe {
    /// A directory with waiting messages, and the longest time that one may wait.
    Queue(PathBuf, Duration),
    /// A mail server that must answer.
    Smtp(Arc<Server>),
}

/// If a message waits longer, nothing is being sent; a greylisted one waits some minutes.
const AGE: Duration = Duration::from_secs(60 * 60);

/// `smtp://127.0.0.1:25`, `/var/spool/nullmailer/queue`, `/var/spool/dma 2h`, `none`.
pub fn probe(command: &Command<'_>, words: &[&str]) -> Result<Option<Probe>, String> {
    match words {
        ["none"] => Ok(None),
        [url] if url.contains("://") => {
            let server = Server::parse(url)?;
            if server.credentials.is_some() || !url.to_ascii_lowercase().starts_with("smtp://") {
                return Err("no password and no TLS is needed for a greeting; write smtp://127.0.0.1:25".into());
            }
            Ok(Some(Probe::Smtp(Arc::new(server))))
        }
        [path] => Ok(Some(Probe::Queue(absolute(path)?, AGE))),
        [path, age] => {
            let age = long_time(command, age).filter(|age| !age.is_zero());
            let age = age.ok_or_else(|| format!("'{}' is not a time; write 30mi, 1h or 2d", words[1]))?;
            Ok(Some(Probe::Queue(absolute(path)?, age)))
        }
        _ => Err("takes smtp://host:port, or a directory and a time at most, or none".into()),
    }
}
