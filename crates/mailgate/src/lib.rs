//! From an HTTP request to a message handed over: the fields and the body of a request become a [`submission::Submission`] ([`input`]),
//! [`policy`] says whether it may be sent, [`message`] makes it octets (RFC 5322), [`transport`] hands them to a `sendmail` program, a
//! Maildir or a mail server, and [`answer`] reports the outcome. It links neither httpd nor APR.
#![forbid(unsafe_code)]

pub mod answer;
pub mod audit;
pub mod checks;
pub mod claim;
pub mod digest;
pub mod input;
pub mod message;
pub mod metrics;
pub mod policy;
pub mod rate;
pub mod submission;
pub mod tags;
pub mod transport;
