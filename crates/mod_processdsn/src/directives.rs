//! The directives as one table, and the settings of one section.
#![forbid(unsafe_code)]

use crate::ProcessDsn;
use httpd::{Command, Condition, Config, Context, Directive};
use std::sync::Arc;

type Arity = httpd::Arity<ProcessDsn>;

/// The settings of one section; `None` if it does not set a value.
#[derive(Clone, Debug, Default)]
pub struct DirConfig<'c> {
    admin: Option<Arc<Condition<'c>>>,
    enable: Option<bool>,
    location: Option<Arc<str>>,
    owner: Option<bool>,
}

impl Config for DirConfig<'_> {
    fn merge(outer: &Self, inner: &Self) -> Self {
        DirConfig {
            admin: inner.admin.clone().or_else(|| outer.admin.clone()),
            enable: inner.enable.or(outer.enable),
            location: inner.location.clone().or_else(|| outer.location.clone()),
            owner: inner.owner.or(outer.owner),
        }
    }
}

impl<'c> DirConfig<'c> {
    /// The condition for seeing everybody's messages.
    pub fn admin(&self) -> Option<&Condition<'c>> {
        self.admin.as_deref()
    }

    /// Whether this server has a database.
    pub fn enable(&self) -> bool {
        self.enable.unwrap_or(false)
    }

    /// The public base URL of the status service, without a final slash.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Whether only its owner may see a message.
    pub fn owner(&self) -> bool {
        self.owner.unwrap_or(true)
    }
}

/// Every directive.
#[rustfmt::skip]
pub const DIRECTIVES: &[Directive<ProcessDsn>] = &[
    Directive { name: c"ProcessDSNAdmin", arity: Arity::One(admin), context: Context::Section, help: c"condition, as <If> has one, that holds for administrators, who see the messages of everybody (default: nobody)" },
    Directive { name: c"ProcessDSNEnable", arity: Arity::Flag(enable), context: Context::Server, help: c"On: the database of mod_dbd on this server holds delivery statuses (default: Off)" },
    Directive { name: c"ProcessDSNLocation", arity: Arity::One(location), context: Context::Section, help: c"public base URL of the status service (default: the path of the <Location>)" },
    Directive { name: c"ProcessDSNOwner", arity: Arity::Flag(owner), context: Context::Section, help: c"Off: a status is shown to everybody who may come here, not to the sender alone (default: On)" },
];

fn admin<'c>(config: &mut DirConfig<'c>, command: &Command<'c>, condition: &str) -> Result<(), String> {
    config.admin = Some(command.condition(condition)?.into());
    Ok(())
}

fn enable(config: &mut DirConfig<'_>, on: bool) -> Result<(), String> {
    config.enable = Some(on);
    Ok(())
}

fn location(config: &mut DirConfig<'_>, _: &Command<'_>, url: &str) -> Result<(), String> {
    tracking::status::url::check_base(url)?;
    config.location = Some(url.trim_end_matches('/').into());
    Ok(())
}

fn owner(config: &mut DirConfig<'_>, on: bool) -> Result<(), String> {
    config.owner = Some(on);
    Ok(())
}
