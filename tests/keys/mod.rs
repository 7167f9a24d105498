//! SendmailIdempotency: a message with a key is sent once, whatever happens to the client, the connection, a child of httpd or all of
//! httpd.

mod answers;
mod full;
mod gateways;
mod kills;
mod restarts;

use crate::support::httpd_config::Builder;
use crate::support::place::Place;
use crate::support::{Request, Response, Sendmail};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const SECONDS: Duration = Duration::from_secs(20);

/// A directory for keys, owned by httpd's user.
pub struct Keys(Place);

impl Keys {
    pub fn new() -> Self {
        let place = Place::new("keys");
        place.folder("claims", 0o777);
        Keys(place)
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("claims")
    }

    /// The directive, with further words.
    pub fn directive(&self, more: &str) -> String {
        format!("SendmailIdempotency \"{}\" {more}", self.path().display())
    }

    /// The files that hold a key.
    pub fn files(&self) -> Vec<PathBuf> {
        let listed = |path: &Path| {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect::<Vec<_>>()
        };
        listed(&self.path()).iter().flat_map(|folder| listed(folder)).collect()
    }
}

/// `/mail` with keys.
pub fn with_keys(builder: Builder, sendmail: &Sendmail, keys: &Keys) -> Builder {
    builder.mail(sendmail, &keys.directive(""))
}

/// A message with this key and subject.
pub fn keyed(key: &str, subject: &str) -> Request {
    let request = Request::mail("/mail").without("Subject").header("Subject", subject).timeout(SECONDS);
    request.header("Idempotency-Key", format!("\"{key}\""))
}

pub fn is_replayed(response: &Response) -> bool {
    response.header("Idempotency-Replayed") == Some("true")
}
