//! Milters: programs that look at a message, and change it, by the protocol of Sendmail's libmilter (version 6, and 2 and up). The octets are
//! in `packet`, what both sides agree on in `options`, the order of things in `conversation`, a body that it writes in `body`.
#![forbid(unsafe_code)]

mod body;
mod conversation;
mod error;
mod line;
mod macros;
mod options;
mod packet;

pub use conversation::{Abilities, Decision, Told, converse, probe};
pub use error::MilterError;
pub use line::Stream;
pub use macros::{Custom, name as macro_name};
pub use packet::{Nonsense, Reply};
