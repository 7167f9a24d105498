//! The basis of the integration tests: a private httpd, an HTTP client that can misbehave, a recording sendmail, an independent reader of
//! messages, a mail server with rules, Postfix, slapd, certificates. Everything runs on 127.0.0.1 with ports from bind(0), in one folder
//! per test, and ends with its handle.

// Each handle is used by only some tests.
#![allow(dead_code)]

pub mod artifacts;
pub mod browser;
pub mod c_module;
pub mod certificates;
pub mod curl;
pub mod daemon;
pub mod deadline;
pub mod disk;
pub mod error_log;
pub mod exim;
pub mod h2;
pub mod hostile;
pub mod httpd;
pub mod httpd_config;
pub mod milter;
pub mod oracle;
pub mod place;
pub mod policy;
pub mod postfix;
pub mod postgres;
pub mod process;
pub mod request;
pub mod response;
pub mod sendmail;
pub mod server;
pub mod slapd;
pub mod smtp;
pub mod wire;

pub use certificates::Certificates;
pub use deadline::{eventually, within};
pub use httpd::Httpd;
pub use httpd_config::Mpm;
pub use milter::Milter;
pub use policy::Policy;
pub use postfix::Postfix;
pub use request::Request;
pub use response::Response;
pub use sendmail::{Behaviour, Recorded, Sendmail};
pub use slapd::Slapd;
pub use smtp::Smtp;

/// Notes on stderr, where `cargo test -- --nocapture` shows it, why a test was skipped.
pub fn skipped(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}
