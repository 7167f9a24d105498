//! `--webhook`: who is told of changes by HTTP. The hooks are in the database, since every process that stores a report needs them;
//! processdsn-deliver sends the events.
#![forbid(unsafe_code)]

use crate::{Failure, TEMPFAIL, USAGE, database_failure, print};
use jiff::Timestamp;
use mail::message_id::Token;
use sql::Database;
use std::path::{Path, PathBuf};
use tracking::secret;
use tracking::status::clean;
use tracking::store::webhook::{self, Events, Hook, Listed, Url};
use tracking::store::{self, Owner};

/// What to do with hooks.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    Add(Box<Wanted>),
    Enable(String, bool),
    List,
    Remove(String),
    Retry(String),
}

/// A hook to add.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    url: Url,
    secret_file: PathBuf,
    events: Events,
    owner: Option<Owner>,
    unverified: bool,
    internal: bool,
}

/// The options of `--webhook add`, as written.
#[derive(Debug, Default)]
pub struct Options {
    pub secret_file: Option<String>,
    pub events: Option<String>,
    pub owner: Option<String>,
    pub unverified: bool,
    pub internal: bool,
}

impl Options {
    pub fn are_given(&self) -> bool {
        self.secret_file.is_some() || self.events.is_some() || self.owner.is_some() || self.unverified || self.internal
    }
}

impl Order {
    /// The words after `--webhook`.
    pub fn parse(what: &str, operand: Option<String>, options: Options) -> Result<Order, String> {
        let id =
            |operand: Option<String>| operand.ok_or(format!("--webhook {what} needs the id that --webhook list shows"));
        match what {
            "list" if operand.is_none() => Ok(Order::List),
            "list" => Err("--webhook list takes no operand".into()),
            "enable" | "disable" => Ok(Order::Enable(id(operand)?, what == "enable")),
            "remove" => Ok(Order::Remove(id(operand)?)),
            "retry" => Ok(Order::Retry(id(operand)?)),
            "add" => {
                let url = operand.ok_or("--webhook add needs a URL, as in https://app.example.org/hooks")?;
                let secret_file = options.secret_file.ok_or("--webhook add needs --secret FILE")?;
                let events = options.events.as_deref().unwrap_or_default();
                Ok(Order::Add(Box::new(Wanted {
                    url: Url::parse(&url, options.internal)?,
                    // The sender may run in another folder.
                    secret_file: std::path::absolute(&secret_file)
                        .map_err(|error| format!("{secret_file}: {error}"))?,
                    events: Events::parse(events)?,
                    owner: options.owner.map(|owner| Owner::login(owner.as_bytes())),
                    unverified: options.unverified,
                    internal: options.internal,
                })))
            }
            other => Err(format!("'{other}' is none of list, add, enable, disable, retry and remove")),
        }
    }
}

pub fn carry_out<D: Database>(database: &mut D, order: &Order) -> Result<(), Failure> {
    let found = |id: &str, found: bool, done: &str| match found {
        true => print(&format!("{id} {done}\n")),
        false => Err(Failure(USAGE, format!("there is no webhook {id}; --webhook list shows them"))),
    };
    match order {
        Order::Add(wanted) => add(database, wanted),
        Order::Enable(id, enabled) => {
            let is_there = webhook::enable(database, id, *enabled).map_err(database_failure)?;
            found(id, is_there, if *enabled { "is told again" } else { "is told no more" })
        }
        Order::List => {
            let listed = webhook::list(database).map_err(database_failure)?;
            print(&listed.iter().map(describe).collect::<Vec<_>>().join("\n"))
        }
        Order::Remove(id) => {
            let is_there = webhook::remove(database, id).map_err(database_failure)?;
            found(id, is_there, "is removed, with what waited for it")
        }
        Order::Retry(id) => {
            let is_there = webhook::list(database).map_err(database_failure)?.iter().any(|hook| hook.id == *id);
            let events = webhook::retry(database, id, store::now()).map_err(database_failure)?;
            found(id, is_there, &format!("is sent {events} events now"))
        }
    }
}

fn add<D: Database>(database: &mut D, wanted: &Wanted) -> Result<(), Failure> {
    secret::read(&wanted.secret_file).map_err(|words| Failure(USAGE, words))?;
    let file = path(&wanted.secret_file)?;
    let token = Token::random().map_err(|error| Failure(TEMPFAIL, error.to_string()))?;
    let hook = Hook {
        id: format!("wh_{}", &token.as_str()[..8]),
        url: wanted.url.clone(),
        secret_file: file.to_owned(),
        events: wanted.events.clone(),
        owner: wanted.owner.clone(),
        unverified: wanted.unverified,
        internal: wanted.internal,
    };
    webhook::add(database, &hook).map_err(database_failure)?;
    print(&format!("{} is told from now on; processdsn-deliver sends\n", hook.id))
}

fn path(file: &Path) -> Result<&str, Failure> {
    file.to_str().ok_or_else(|| Failure(USAGE, format!("{}: the name of the file must be UTF-8", file.display())))
}

fn describe(hook: &Listed) -> String {
    let complaint = hook.complaint.as_deref().map(clean);
    let state = match (hook.enabled, complaint) {
        (true, None) => "on".to_owned(),
        (true, Some(complaint)) => format!("on; the last attempt failed: {complaint}"),
        (false, None) => "off".to_owned(),
        (false, Some(complaint)) => format!("off: {complaint}"),
    };
    let time = |seconds| Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |time| time.to_string());
    let yes = |on: bool| if on { "yes" } else { "no" };
    format!(
        "{} {}\n  state: {state}\n  waiting: {}, given up: {}, last taken: {}\n  events: {}\n  owner: {}\n  unverified: {}, internal: {}\n  \
         secret: {}\n",
        hook.id,
        clean(&hook.url),
        hook.waiting,
        hook.dead,
        hook.answered.map_or("-".into(), time),
        if hook.events.is_empty() { "all" } else { &hook.events },
        hook.owner.as_deref().map_or("everybody".into(), clean),
        yes(hook.unverified),
        yes(hook.internal),
        clean(&hook.secret_file),
    )
}
