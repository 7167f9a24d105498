//! The directives of mod_submission; mod_sendmail's directives set what is sent, and where.
#![forbid(unsafe_code)]

use super::Submission;
use super::limits::MOST_SESSIONS;
use httpd::{Command, Config, Context, Directive};
use std::ffi::CStr;
use std::time::Duration;

type Arity = httpd::Arity<Submission>;

/// The settings of a virtual host; `None` if it does not set a value.
#[derive(Clone, Debug, Default)]
pub struct SubmissionConfig {
    enable: Option<bool>,
    loopback_auth: Option<bool>,
    sessions: Option<(usize, usize)>,
    timeout: Option<Timeouts>,
}

/// SubmissionTimeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a command, from the last reply to its line end.
    pub command: Duration,
    /// For a message, and for each pause in it.
    pub data: Duration,
    /// How many octets of a message add one second.
    pub min_rate: u32,
}

/// RFC 5321 4.5.3.2, and RequestReadTimeout's rate for a body.
const TIMEOUTS: Timeouts =
    Timeouts { command: Duration::from_secs(300), data: Duration::from_secs(180), min_rate: 500 };

impl Config for SubmissionConfig {
    fn merge(outer: &Self, inner: &Self) -> Self {
        SubmissionConfig {
            enable: inner.enable.or(outer.enable),
            loopback_auth: inner.loopback_auth.or(outer.loopback_auth),
            sessions: inner.sessions.or(outer.sessions),
            timeout: inner.timeout.or(outer.timeout),
        }
    }
}

impl SubmissionConfig {
    /// Whether the virtual host speaks SMTP.
    pub fn is_enabled(&self) -> bool {
        self.enable.unwrap_or(false)
    }

    /// Whether passwords are accepted without TLS from this machine.
    pub fn takes_loopback_auth(&self) -> bool {
        self.loopback_auth.unwrap_or(false)
    }

    /// Most sessions at a time, and most from one address.
    pub fn sessions(&self) -> (usize, usize) {
        self.sessions.unwrap_or((50, 10))
    }

    pub fn timeouts(&self) -> Timeouts {
        self.timeout.unwrap_or(TIMEOUTS)
    }
}

const fn row(name: &'static CStr, arity: Arity, help: &'static CStr) -> Directive<Submission> {
    Directive { name, arity, context: Context::Server, help }
}

/// Every directive, in the order of the manual.
#[rustfmt::skip]
pub const DIRECTIVES: &[Directive<Submission>] = &[
    row(c"SubmissionEnable", Arity::Flag(enable), c"On: this virtual host takes mail by SMTP (default: Off)"),
    row(c"SubmissionTimeout", Arity::Words(timeout), c"longest wait: command=5mi data=3mi,MinRate=500 (the default)"),
    row(c"SubmissionMaxConnections", Arity::Words(max_connections), c"most sessions at a time, and most of one address (default: 50 10)"),
    row(c"SubmissionLoopbackAuth", Arity::Flag(loopback_auth), c"On: passwords are taken from this machine without TLS (default: Off)"),
];

type Outcome = Result<(), String>;

fn enable(config: &mut SubmissionConfig, on: bool) -> Outcome {
    config.enable = Some(on);
    Ok(())
}

fn loopback_auth(config: &mut SubmissionConfig, on: bool) -> Outcome {
    config.loopback_auth = Some(on);
    Ok(())
}

fn timeout(config: &mut SubmissionConfig, command: &Command<'_>, words: &[&str]) -> Outcome {
    let mut timeouts = config.timeouts();
    for word in words {
        let complain = || format!("'{word}' does not fit; write command=5mi or data=3mi,MinRate=500");
        let (name, value) = word.split_once('=').ok_or_else(complain)?;
        let (time, rate) = value.split_once(',').map_or((value, None), |(time, rate)| (time, Some(rate)));
        let time = crate::directives::time(command, time)?;
        match (name.to_ascii_lowercase().as_str(), rate) {
            ("command", None) => timeouts.command = time,
            ("data", rate) => {
                timeouts.data = time;
                if let Some(rate) = rate {
                    let number = rate.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("MinRate"));
                    let number = number.and_then(|(_, number)| number.parse().ok()).filter(|number| *number > 0);
                    timeouts.min_rate = number.ok_or_else(complain)?;
                }
            }
            _ => return Err(complain()),
        }
    }
    config.timeout = Some(timeouts);
    Ok(())
}

fn max_connections(config: &mut SubmissionConfig, _: &Command<'_>, words: &[&str]) -> Outcome {
    let number = |word: &str| word.parse().ok().filter(|number| (1..=MOST_SESSIONS).contains(number));
    let numbers: Vec<usize> = words.iter().copied().filter_map(number).collect();
    config.sessions = match (numbers[..].len() == words.len(), &numbers[..]) {
        (true, [all]) => Some((*all, config.sessions().1.min(*all))),
        (true, [all, each]) => Some((*all, *each)),
        _ => {
            return Err(format!(
                "'{}' does not fit; write one number between 1 and {MOST_SESSIONS}, and perhaps another for each address",
                words.join(" ")
            ));
        }
    };
    Ok(())
}
