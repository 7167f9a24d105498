//! What came of a request -> the HTTP answer. The only place that knows which outcome is which status.
#![forbid(unsafe_code)]

pub mod dry_run;
pub mod health;
pub mod problem;
pub mod wadl;
