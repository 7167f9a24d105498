//! The body of a request, from httpd's input filters to its true end.

use crate::Request;
use apache_sys as sys;
use apr::Brigade;
use std::fmt;

/// Asked of the filters at a time; a socket usually holds less.
const CHUNK: i64 = 64 * 1024;

/// Why a body could not be read to its end.
#[derive(Debug)]
pub enum BodyError<E> {
    /// The filters failed; the HTTP status that httpd maps it to (also when a filter has already answered).
    Filter(i32),
    /// The sink refused.
    Sink(E),
}

impl<E: fmt::Display> fmt::Display for BodyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Filter(status) => write!(f, "the body of the request broke off ({status})"),
            BodyError::Sink(error) => error.fmt(f),
        }
    }
}

impl Request<'_> {
    /// Passes the whole body to `sink`, piece by piece. `Ok` only after the end of stream: a broken connection, a truncated chunk and an
    /// exceeded limit are errors.
    pub fn read_body<E>(&self, mut sink: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), BodyError<E>> {
        let bad_request = sys::HTTP_BAD_REQUEST as i32;
        // SAFETY: the connection and its allocator outlive the request, and this thread serves it.
        let mut brigade = unsafe { Brigade::new(self.pool(), (*self.connection()).bucket_alloc) };
        loop {
            // SAFETY: the filter chain belongs to this live request; the brigade is empty.
            let rv = unsafe {
                sys::ap_get_brigade(
                    (*self.as_ptr()).input_filters,
                    brigade.as_ptr(),
                    sys::AP_MODE_READBYTES,
                    sys::APR_BLOCK_READ,
                    CHUNK,
                )
            };
            if rv != 0 {
                // SAFETY: a pure function of two numbers.
                return Err(BodyError::Filter(unsafe { sys::ap_map_http_request_error(rv, bad_request) }));
            }
            if brigade.first().is_none() {
                // A filter that returns success and no data would make this loop run forever.
                return Err(BodyError::Filter(bad_request));
            }
            while let Some(mut bucket) = brigade.first() {
                if bucket.is_eos() {
                    return Ok(());
                }
                // SAFETY: the bucket is live.
                let status = unsafe { sys::apache_sys_error_bucket_status(bucket.as_ptr()) };
                if status != 0 {
                    return Err(BodyError::Filter(status));
                }
                if !bucket.is_metadata() {
                    let data = bucket.read().map_err(|status| {
                        // SAFETY: a pure function of two numbers.
                        BodyError::Filter(unsafe { sys::ap_map_http_request_error(status.0, bad_request) })
                    })?;
                    sink(data).map_err(BodyError::Sink)?;
                }
                bucket.delete();
            }
        }
    }
}
