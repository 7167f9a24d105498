//! A message on stdin -> what goes to the gateway: [`input`] reads it, [`header`] holds its fields, [`recipients`] collects the recipients,
//! [`prepare`] adds and rewrites what a machine without a mail system leaves open.
#![forbid(unsafe_code)]

pub mod header;
pub mod input;
pub mod prepare;
pub mod recipients;
mod senders;
pub mod site;
#[cfg(test)]
mod tests;
