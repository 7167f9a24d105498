//! A mail as octets (RFC 5322, RFC 2045-2047): its fields written and folded, its body encoded so that every MTA passes it on unchanged.
#![forbid(unsafe_code)]

pub mod body;
pub(crate) mod charset;
pub mod compose;
pub mod content_type;
pub mod date;
pub mod draft;
pub mod encode;
pub(crate) mod encoded_word;
pub(crate) mod fold;
pub mod mime;
pub(crate) mod parameters;
pub mod structured;
