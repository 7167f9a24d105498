//! What an HTTP answer is, for every handler: [`Response`], the media type a client likes best ([`accept`]), web origins ([`origin`]),
//! hosts ([`authority`]), request fields ([`fields`]), HTML and XML ([`mod@markup`]), other text made harmless ([`escape`]), the frame of a WADL ([`wadl`]). It knows
//! nothing of mail.
#![forbid(unsafe_code)]

pub mod accept;
pub mod authority;
pub mod escape;
pub mod fields;
pub mod markup;
pub mod origin;
mod response;
pub mod wadl;

pub use response::Response;
