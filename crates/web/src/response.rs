//! An HTTP response.
#![forbid(unsafe_code)]

/// A response, complete before its first octet is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Fields other than Content-Type and Content-Length.
    pub fields: Vec<(&'static str, String)>,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}
