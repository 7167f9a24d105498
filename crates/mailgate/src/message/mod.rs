//! placeholder
pub mod body;
