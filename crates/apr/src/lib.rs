//! Safe wrappers of APR and APR-util: pools, tables, brigades, status codes. Needs only the two shared libraries and no httpd, so that a
//! command can use it too. Lifetimes are named after the pool that owns the memory.

pub mod brigade;
pub mod dbd;
pub mod pool;
pub mod status;
pub mod table;

pub use brigade::{Brigade, Bucket};
pub use dbd::Dbd;
pub use pool::{OwnPool, Pool};
pub use status::Status;
pub use table::Table;
