//! A look at a message before it goes, by programs that others have written: milters ([`milter`]), a policy server ([`policy_server`]), clamd.
//! What they want changed is judged and made here ([`sequence`]); whoever does not answer, or talks nonsense, decides nothing. What is to be
//! looked at by a person waits in [`hold`].
#![forbid(unsafe_code)]

pub mod change;
pub mod clamd;
pub mod client;
pub mod endpoint;
pub mod field;
pub mod hold;
pub mod letter;
pub mod milter;
pub mod policy_server;
pub mod refused;
pub mod sequence;
