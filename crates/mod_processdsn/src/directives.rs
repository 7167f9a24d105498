//! The directives as one table, and what one section of the configuration says.
#![forbid(unsafe_code)]

use crate::ProcessDsn;
use httpd::{Command, Config, Context, Directive};
use std::sync::Arc;

type Arity = httpd::Arity<ProcessDsn>;

/// What one section says; `None` where it is silent.
#[derive(Clone, Debug, Default)]
pub struct DirConfig {
    enable: Option<bool>,
    location: Option<Arc<str>>,
    owner: Option<bool>,
}

impl Config for DirConfig {
    fn merge(outer: &Self, inner: &Self) -> Self {
        DirConfig {
            enable: inner.enable.or(outer.enable),
            location: inner.location.clone().or_else(|| outer.location.clone()),
            owner: inner.owner.or(outer.owner),
        }
    }
}

impl DirConfig {
    /// Whether this server has a database.
    pub fn enable(&self) -> bool {
        self.enable.unwrap_or(false)
    }

    /// The public base URL of the status service, without a slash at its end.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Whether a message is shown to its owner alone.
    pub fn owner(&self) -> bool {
        self.owner.unwrap_or(true)
    }
}

/// Every directive.
#[rustfmt::skip]
pub const DIRECTIVES: &[Directive<ProcessDsn>] = &[
    Directive { name: c"ProcessDSNEnable", arity: Arity::Flag(enable), context: Context::Server, help: c"On: the database of mod_dbd on this server holds delivery statuses (default: Off)" },
    Directive { name: c"ProcessDSNLocation", arity: Arity::One(location), context: Context::Section, help: c"public base URL of the status service (default: the path of the <Location>)" },
    Directive { name: c"ProcessDSNOwner", arity: Arity::Flag(owner), context: Context::Section, help: c"Off: a status is shown to everybody who may come here, not to the sender alone (default: On)" },
];

fn enable(config: &mut DirConfig, on: bool) -> Result<(), String> {
    config.enable = Some(on);
    Ok(())
}

fn location(config: &mut DirConfig, _: &Command<'_>, url: &str) -> Result<(), String> {
    tracking::status::url::check_base(url)?;
    config.location = Some(url.trim_end_matches('/').into());
    Ok(())
}

fn owner(config: &mut DirConfig, on: bool) -> Result<(), String> {
    config.owner = Some(on);
    Ok(())
}
