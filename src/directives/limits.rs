//! SendmailIdempotency and SendmailRateLimit.
#![forbid(unsafe_code)]

use super::DirConfig;
use super::values::{absolute, long_time};
use httpd::Command;
use mailgate::claim;
use mailgate::rate::Limit;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where keys are stored, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub store: KeyStore,
    pub lifetime: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStore {
    /// The database of mod_dbd.
    Dbd,
    Directory(PathBuf),
}

const MIN_LIFETIME: Duration = Duration::from_secs(60);
const MAX_LIFETIME: Duration = Duration::from_secs(366 * 86_400);

/// `/path`, `/path 30d`, `dbd 1d`, `off`.
pub fn idempotency(command: &Command<'_>, words: &[&str]) -> Result<Option<Idempotency>, String> {
    let (store, lifetime) = match words {
        ["off"] => return Ok(None),
        [store] => (store, claim::LIFETIME),
        [store, time] => {
            let lifetime = long_time(command, time).filter(|time| (MIN_LIFETIME..=MAX_LIFETIME).contains(time));
            (store, lifetime.ok_or_else(|| format!("'{time}' is not a time between 1mi and 366d; write 7d or 12h"))?)
        }
        _ => return Err("takes a directory or dbd, and a time at most: /var/lib/mod_sendmail/keys 7d".into()),
    };
    if *store == "dbd" {
        return Ok(Some(Idempotency { store: KeyStore::Dbd, lifetime }));
    }
    let path = absolute(store)?;
    if !path.is_dir() {
        return Err(format!(
            "'{store}' is not a directory; make it for httpd's user: install -d -m 700 -o www-data {store}"
        ));
    }
    Ok(Some(Idempotency { store: KeyStore::Directory(path), lifetime }))
}

/// `100/1h burst=20 per=address count=recipients`; each line of a section adds one. `none` removes those of outer sections.
pub fn rate_limit(config: &mut DirConfig<'_>, command: &Command<'_>, words: &[&str]) -> Result<(), String> {
    let mut limits = config.rate_limits.as_deref().cloned().unwrap_or_default();
    if words != ["none"] {
        limits.push(Limit::parse(words, &command.section(), |text| long_time(command, text))?);
    }
    config.rate_limits = Some(Arc::new(limits));
    Ok(())
}
