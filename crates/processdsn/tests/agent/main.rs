//! processdsn as an MTA runs it: a report on stdin, an exit status, and the resulting rows in a real database. `states` is one table of
//! cases for SQLite and PostgreSQL; PostgreSQL is a private server on a socket in the test's folder.
#![forbid(unsafe_code)]

mod agent;
mod command;
mod copy;
mod databases;
mod endure;
mod keys;
mod overview;
mod place;
mod receiver;
mod report;
mod signatures;
mod silent;
mod states;
mod submissions;
mod suppression;
mod webhooks;
