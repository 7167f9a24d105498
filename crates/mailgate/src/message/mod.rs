//! placeholder
pub mod content_type;
pub mod date;
pub mod encode;
pub(crate) mod encoded_word;
pub(crate) mod fold;
