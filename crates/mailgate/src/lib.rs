//! Everything between an HTTP request and a mail that is neither httpd nor APR: the fields and the body of a request become a
//! [`input::Submission`], that becomes the octets of a message (RFC 5322), those go to a `sendmail` program, a Maildir or a relay, and what
//! came of it becomes an HTTP answer. Pure Rust; the one file with `unsafe` is `transport/spawn.rs`.
#![deny(unsafe_code)]

pub mod accept;
pub mod address;
pub mod audit;
pub mod dry_run;
pub mod dsn;
mod escape;
pub mod header;
pub mod input;
pub mod message;
pub mod message_id;
pub mod metrics;
pub mod origin;
pub mod policy;
pub mod redact;
pub mod reply;
pub mod seam;
pub mod spool;
pub mod status;
#[cfg(test)]
mod stopwatch;
pub mod store;
pub mod transport;
pub mod wadl;
