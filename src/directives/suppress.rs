//! SendmailSuppress.
#![forbid(unsafe_code)]

use super::values::long_time;
use httpd::Command;
use std::time::Duration;

/// What happens to suppressed recipients, and when a recipient becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppress {
    pub mode: SuppressMode,
    /// After this many verified failures in a row.
    pub after: u32,
    /// For this long after the last failure.
    pub lasts: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressMode {
    /// The other recipients get the message.
    Drop,
    /// Nobody gets the message.
    Refuse,
    /// Everybody gets the message, with a warning in the log.
    Warn,
}

/// A mailbox that was missing a month ago may exist again.
const LASTS: Duration = Duration::from_secs(30 * 86_400);
const MAX_LASTS: Duration = Duration::from_secs(10 * 366 * 86_400);

/// `off`, `refuse`, `drop after=2 for=90d`.
pub fn read(command: &Command<'_>, words: &[&str]) -> Result<Option<Suppress>, String> {
    let [mode, options @ ..] = words else { return Err(REMEDY.into()) };
    let mode = match *mode {
        "off" if options.is_empty() => return Ok(None),
        "off" => return Err(format!("'off' stands alone; {REMEDY}")),
        "drop" => SuppressMode::Drop,
        "refuse" => SuppressMode::Refuse,
        "warn" => SuppressMode::Warn,
        other => return Err(format!("'{other}' is none of off, warn, refuse and drop; {REMEDY}")),
    };
    let mut suppress = Suppress { mode, after: 1, lasts: LASTS };
    for option in options {
        match option.split_once('=') {
            Some(("after", number)) => {
                let number = number.parse().ok().filter(|number| (1..=100).contains(number));
                suppress.after = number.ok_or_else(|| format!("'{option}' is not a number from 1 to 100"))?;
            }
            Some(("for", time)) => {
                let time = long_time(command, time).filter(|time| !time.is_zero() && *time <= MAX_LASTS);
                suppress.lasts = time.ok_or_else(|| format!("'{option}' is not a time; write for=30d"))?;
            }
            _ => return Err(format!("'{option}' is not known; {REMEDY}")),
        }
    }
    Ok(Some(suppress))
}

const REMEDY: &str = "write refuse, or drop after=2 for=90d";
