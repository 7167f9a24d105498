//! placeholder
pub(crate) mod encoded_word;
