//! The parts of a mail as types that are valid once they exist: header fields and their text ([`header`], [`encode`]), addresses
//! ([`address`]), identifiers ([`message_id`]), dates ([`date`]), media types ([`content_type`]), transfer encodings
//! ([`transfer_encoding`]), requested reports ([`dsn`]). RFC 5322, RFC 2045 to 2047, RFC 2231, RFC 3461. Knows nothing of HTTP, of files or
//! of who may send.
#![forbid(unsafe_code)]

pub mod address;
mod charset;
pub mod content_type;
pub mod date;
pub mod dsn;
pub mod encode;
mod encoded_word;
mod fold;
pub mod header;
pub mod mask;
pub mod message_id;
pub mod mime;
pub mod parameters;
pub mod redact;
#[cfg(test)]
mod stopwatch;
pub mod structured;
pub mod text;
pub mod transfer_encoding;
pub mod xtext;
