//! The statuses of the status service, for its answers and its description.
#![forbid(unsafe_code)]

/// Every status the service answers with: its number, its reason phrase, what it means.
#[rustfmt::skip]
pub const STATUSES: &[(u16, &str, &str)] = &[
    (200, "OK", "What is known of the message or the recipient. A message nothing was heard of yet is queued."),
    (204, "No Content", "The address is suppressed now, or is not any more."),
    (304, "Not Modified", "Nothing that the overview shows has changed since the answer with this ETag."),
    (400, "Bad Request", "A parameter of the query is not understood; the answer names it."),
    (403, "Forbidden", "This server does not answer to this host name (Host), or a page of another origin asks for a change."),
    (404, "Not Found", "No delivery status is known here under this address, or it is not yours to see."),
    (405, "Method Not Allowed", "GET and HEAD show a delivery status, PUT and DELETE change whether an address is suppressed, and OPTIONS describes the service."),
    (406, "Not Acceptable", "A delivery status comes as text/plain, text/html, text/xml, application/xml or application/json."),
    (503, "Service Unavailable", "The database of delivery statuses does not answer. Mail is not affected; ask again later."),
];
