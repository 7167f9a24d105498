//! processdsn as an MTA runs it: reports on stdin, an exit status, and what then stands in a real database. `states` is one table for
//! SQLite and PostgreSQL; PostgreSQL is a private server on a socket in the folder of the test.
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
