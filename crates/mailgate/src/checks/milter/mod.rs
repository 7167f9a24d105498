//! Milters: programs that look at a message, and change it, by the protocol of Sendmail's libmilter (version 6, and 2 and up). The octets are
//! in `packet`, what both sides agree on in `options`, the order of things in `conversation`.
#![forbid(unsafe_code)]

mod conversation;
mod macros;
mod options;
mod packet;

pub use conversation::{Abilities, CheckError, Decision, Stream, Told, converse, probe};
pub use macros::{Custom, name as macro_name};
pub use packet::{Nonsense, Reply};
