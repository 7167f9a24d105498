//! What HTTP says of the body before it is read: its length, its codings, its type (RFC 9110 8, RFC 9112 6). A body that cannot become a
//! mail is refused here, so that `Expect: 100-continue` saves the upload.
#![forbid(unsafe_code)]

use super::InputError;
use mail::content_type::ContentType;
use web::fields::value_of;

/// What the server knows of how the body is transferred.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    /// The request is HTTP/1.0 or older.
    pub http10: bool,
    /// The request came over HTTP/2.
    pub http2: bool,
    /// A filter of the server runs before us and may decode the body.
    pub input_filter: bool,
    /// The largest accepted body, in octets.
    pub max_size: u64,
}

/// Refuses a body that need not be read.
pub fn check(fields: &[(&[u8], &[u8])], framing: Framing) -> Result<(), InputError> {
    let coding = value_of(fields, "transfer-encoding");
    let length = value_of(fields, "content-length");
    if coding.as_deref().is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("chunked")) {
        return Err(InputError::TransferCoding);
    }
    // mod_http2 2.0 ends the body of a stream that the client resets like a complete one (h2_stream.c, close_input), and reports the reset
    // a moment later: without a length they cannot be told apart. It sets `chunked` for a body without a length.
    let endless = framing.http10 && coding.is_none() || framing.http2 && coding.is_some();
    if endless && length.is_none() {
        return Err(InputError::LengthRequired);
    }
    if !framing.input_filter {
        encoding(fields)?;
        if length.and_then(|length| length.trim().parse::<u64>().ok()).is_some_and(|length| length > framing.max_size) {
            return Err(InputError::TooLarge { max: framing.max_size });
        }
    }
    if value_of(fields, "content-range").is_some() {
        return Err(InputError::ContentRange);
    }
    Ok(())
}

/// Refuses a Content-Encoding that was not decoded; called again once the body has passed the filters.
pub fn encoding(fields: &[(&[u8], &[u8])]) -> Result<(), InputError> {
    match value_of(fields, "content-encoding").as_deref().map(str::trim) {
        None | Some("") => Ok(()),
        Some(identity) if identity.eq_ignore_ascii_case("identity") => Ok(()),
        Some(_) => Err(InputError::ContentEncoding),
    }
}

/// Refuses types that would make a useless mail. `has_mail_fields`: the request itself has one of To, Cc, Bcc, From, Subject.
pub fn media_type(content_type: &ContentType, has_mail_fields: bool) -> Result<(), InputError> {
    match content_type.essence() {
        form @ ("application/x-www-form-urlencoded" | "multipart/form-data") => {
            Err(InputError::Form { essence: form.to_owned() })
        }
        "message/partial" => Err(InputError::Partial),
        "message/rfc822" if !has_mail_fields => Err(InputError::RawMessage),
        _ => Ok(()),
    }
}
