//! The outcome of a request -> the HTTP answer. The only place with statuses and log tags.
#![forbid(unsafe_code)]

mod accepted;
pub mod dialect;
pub mod dry_run;
pub mod form;
pub mod health;
pub mod openapi;
mod problem;
mod refusals;
pub mod statuses;
pub mod wadl;

pub use accepted::{Accepted, Held};
pub use problem::{Details, Problem};
pub use refusals::{
    bad_key, batch_late, key_in_use, key_reused, no_reports, partly, spool_full, still_unknown, suppressed,
};
