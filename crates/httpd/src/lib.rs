//! Safe wrappers of Apache httpd 2.4's module API. Every function that httpd calls is here: [`module!`] makes a module record out of a
//! [`Module`], [`guard`] keeps panics on our side of the boundary, and a module's own code sees only safe types. httpd's exports (`ap_*`)
//! exist only in a running httpd, so nothing here links into a program or a test.

mod body;
mod config;
mod connection;
mod dbd;
mod deadline;
pub mod directives;
mod errors;
mod export;
mod expression;
pub mod guard;
mod hooks;
mod inject;
mod lender;
mod log;
mod module;
mod piece;
mod protocol;
mod record;
mod request;
mod shared;
mod together;
mod transaction;
mod tree;
mod workers;
mod writer;

pub use body::BodyError;
pub use config::Config;
pub use connection::{Activity, Connection, Gone, Read};
pub use dbd::limit_connecting;
pub use directives::{Arity, Command, Context, Directive, Set};
pub use errors::{ChooseErrors, ErrorPages};
pub use export::{Commands, record};
pub use expression::{Condition, Expression};
pub use module::{Fault, Handler, HeaderParser, LogFilter, Module, Protocol, StatusPage};
pub use piece::Begun;
pub use record::ModuleRecord;
pub use request::{Certificate, Request, Status, c_string};
pub use shared::{Shareable, Shared};
pub use transaction::Transaction;
pub use tree::{Server, configuration, most_children};
pub use writer::prepare_writers;

#[doc(hidden)]
pub use apache_sys as sys;
