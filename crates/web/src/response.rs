//! An HTTP answer.
#![forbid(unsafe_code)]

/// An answer, whole before its first octet leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Fields beside Content-Type and Content-Length.
    pub fields: Vec<(&'static str, String)>,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}
