//! Checks through a real httpd: milters, policy servers and clamd, well-behaved and misbehaving ones, and the real programs. Nothing
//! undecided is sent.

mod aliases;
mod health;
mod hold;
mod infected;
mod milters;
mod misbehave;
mod policy;
mod real;
mod ways;

use crate::relay::{relaying, to};
use crate::support::httpd_config::Builder;
use crate::support::smtp::Taken;
use crate::support::{Milter, Smtp};

/// A location that sends through this server what this milter accepts.
fn checked(builder: Builder, path: &str, smtp: &Smtp, milter: &Milter, text: &str) -> Builder {
    relaying(builder, path, &to(smtp), &format!("SendmailMilter {}\n{text}", milter.endpoint()))
}

/// Header and body of what arrived, with LF.
fn text(taken: &Taken) -> String {
    String::from_utf8(taken.octets.clone()).expect("ASCII").replace("\r\n", "\n")
}

/// The one message that arrived.
#[track_caller]
fn only(smtp: &Smtp) -> Taken {
    let taken = smtp.take();
    let [message]: [Taken; 1] = taken.try_into().unwrap_or_else(|all: Vec<Taken>| panic!("{} messages", all.len()));
    message
}
