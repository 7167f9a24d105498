//! Checks of a message before it is sent, by other programs: milters ([`milter`]), a policy server ([`policy_server`]), clamd. [`sequence`]
//! validates and makes the changes they ask for; a check that does not answer, or answers nonsense, decides nothing. Messages for a person
//! to decide wait in [`hold`].
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
