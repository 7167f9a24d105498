//! A kind of place on this machine that takes messages, such as a Maildir: its names, what delivers into it, and what checks whether it can be
//! written. Each kind is a file beside this one and a name in [`STORES`](super::STORES).
#![forbid(unsafe_code)]

use super::health::{HealthError, Scope};
use super::{Accepted, Commit, Failure};
use crate::message::Message;
use std::path::Path;

/// A kind of place. It has no envelope.
#[derive(Debug)]
pub struct Store {
    /// The directive that sets its path.
    pub directive: &'static str,
    /// What people call it; in lower case, the word for programs.
    pub name: &'static str,
    /// Stores a message at a path, whole or not at all.
    pub deliver: fn(&Path, &Message, &mut Commit<'_>) -> Result<Accepted, Failure>,
    /// Checks whether a message could be stored at a path now.
    pub check: fn(&Path) -> Result<Scope, HealthError>,
}
