//! The limit for waiting for the database, and the answer when it is down.
#![forbid(unsafe_code)]

use httpd::{Request, Status};
use sql::DatabaseError;
use std::time::Duration;
use tracking::status::answer;

/// Longest wait for the database.
pub const LIMIT: Duration = Duration::from_secs(3);

/// The answer when the database is down.
pub fn unreadable(request: &Request<'_>, error: &DatabaseError, accept: Option<&str>) -> Status {
    tracing::error!("SM0603: the status cannot be read: {error}");
    request.send(&answer::unavailable(accept))
}
