//! Was it delivered? A mail system's report becomes a [`dsn::Report`] (RFC 3464 and its predecessors), then rows of a database ([`store`]),
//! and rows become pages ([`status`]). Pure Rust: the caller's connection implements [`sql::Database`].
#![forbid(unsafe_code)]

pub mod dsn;
pub mod secret;
pub mod status;
pub mod store;
