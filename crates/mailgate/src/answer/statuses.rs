//! Every HTTP status that the module answers with.
#![forbid(unsafe_code)]

/// The reason phrase of a status of [`STATUSES`].
pub fn reason(status: u16) -> &'static str {
    STATUSES.iter().find(|row| row.0 == status).map_or("Error", |row| row.1)
}

/// Every status that the module answers with: its number, its reason phrase, its meaning here.
#[rustfmt::skip]
pub const STATUSES: &[(u16, &str, &str)] = &[
    (200, "OK", "A dry run: what would have been sent, and to whom. Nothing was sent."),
    (202, "Accepted", "The mail system took the whole message."),
    (303, "See Other", "The mail system took the whole message; Location is its delivery status, or the page for those who sent a form."),
    (400, "Bad Request", "A field, an address or the body cannot become a mail, or the mail system refused it. Nothing was sent."),
    (403, "Forbidden", "The sender, a recipient or the origin is not allowed. Nothing was sent."),
    (405, "Method Not Allowed", "Only POST sends, and OPTIONS describes."),
    (408, "Request Timeout", "The body came too slowly. Nothing was sent."),
    (409, "Conflict", "This message was submitted before, and Link is its delivery status; or a request with this Idempotency-Key is still at work."),
    (411, "Length Required", "Over HTTP/1.0 and HTTP/2 a body needs Content-Length. Nothing was sent."),
    (413, "Content Too Large", "The body or the message is too large. Nothing was sent."),
    (415, "Unsupported Media Type", "The type or coding of the body cannot become a mail. Nothing was sent."),
    (422, "Unprocessable Content", "This Idempotency-Key was used for another message, or a form or JSON says what cannot become a mail. Nothing was sent."),
    (429, "Too Many Requests", "More than this client may send in this time; Retry-After says when. Nothing was sent."),
    (500, "Internal Server Error", "The server is not set up to send. Nothing was sent."),
    (502, "Bad Gateway", "It is not known whether the message was queued; or only a part of a batch was sent."),
    (503, "Service Unavailable", "The mail system is not available now. Send again later."),
    (504, "Gateway Timeout", "The mail system took too long. It is not known whether the message was queued."),
];
