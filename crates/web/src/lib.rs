//! HTTP responses for every handler: [`Response`], the media type that the client prefers ([`accept`]), web origins ([`origin`]), request
//! fields ([`fields`]), HTML and XML ([`mod@markup`]), other text made safe ([`escape`]), the frame of a WADL ([`wadl`]). Knows nothing of
//! mail.
#![forbid(unsafe_code)]

pub mod accept;
pub mod escape;
pub mod fields;
pub mod markup;
pub mod origin;
mod response;
pub mod wadl;

pub use response::Response;
