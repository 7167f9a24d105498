//! sendmail-http as callers run it, against the test's own gateway on loopback, which answers by script: exit statuses, what arrives, what
//! stays in the queue. Nothing is lost, nothing is sent twice.
#![forbid(unsafe_code)]

mod callers;
mod cost;
mod disk;
mod drop_folder;
mod exits;
mod gateway;
mod jobs;
mod kills;
mod owners;
mod place;
mod programs;
mod queue;
mod reports;
mod settings;
mod shipped;
mod smtp;
mod stays;
mod surroundings;
mod tls;
