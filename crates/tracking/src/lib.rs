//! Was it delivered? A report of a mail system becomes a [`dsn::Report`] (RFC 3464 and what came before it), that becomes rows of a database
//! ([`store`]), and rows become pages ([`status`]). Pure Rust: whoever connects to a database implements [`sql::Database`].
#![forbid(unsafe_code)]

pub mod dsn;
pub mod secret;
pub mod status;
pub mod store;
