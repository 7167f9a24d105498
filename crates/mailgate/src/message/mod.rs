//! A mail as octets (RFC 5322): a [`Submission`](crate::submission::Submission) and a body -> a [`Message`], encoded so that every MTA
//! passes it on unchanged.
#![forbid(unsafe_code)]

pub mod compose;
mod composed;
pub mod draft;
pub mod parts;
mod seven_bit;

pub use composed::Message;
pub use seven_bit::seven_bit;
