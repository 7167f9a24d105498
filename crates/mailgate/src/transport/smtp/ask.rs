//! A command and the answer to it.
#![forbid(unsafe_code)]

use super::connection::Connection;
use super::error::{SmtpError, Step};
use super::reply::Reply;

/// A command and its answer.
pub(super) fn ask(connection: &mut Connection, step: Step, command: &str) -> Result<Reply, SmtpError> {
    let asked = connection.write(format!("{command}\r\n").as_bytes()).and_then(|()| connection.reply());
    asked.map_err(|error| SmtpError::lost(step, &error))
}
