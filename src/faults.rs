//! Injected faults, in a build for tests (feature `faults`). The field `X-Fault: N:ERRNO` makes the Nth system call of the request fail,
//! `N:panic` makes it panic; `X-Fault-Hit` in the answer says whether there was such a call. `X-Panic` names a place in the handler that
//! panics. In every other build the functions are empty.
#![forbid(unsafe_code)]

use httpd::Request;

#[cfg(feature = "faults")]
mod on {
    use super::Request;
    use std::ffi::CStr;
    use sys::calls;

    fn field<'r>(request: &Request<'r>, name: &CStr) -> Option<&'r str> {
        std::str::from_utf8(request.headers_in().get(name)?).ok()
    }

    pub fn begin(request: &Request<'_>) {
        calls::never_fail();
        if let Some((call, errno)) = field(request, c"X-Fault").and_then(|fault| fault.split_once(':')) {
            let call = call.parse().expect("X-Fault: N:ERRNO");
            calls::fail_nth(
                call,
                if errno == "panic" { calls::PANIC } else { errno.parse().expect("X-Fault: N:ERRNO") },
            );
        }
        point(request, "start");
    }

    pub fn point(request: &Request<'_>, place: &str) {
        assert!(field(request, c"X-Panic") != Some(place), "injected at {place}");
    }

    pub fn end(request: &Request<'_>) {
        if calls::fault_hit() {
            request.err_headers_out().set(c"X-Fault-Hit", c"yes");
        }
        calls::never_fail();
    }
}

#[cfg(feature = "faults")]
pub use on::{begin, end, point};

#[cfg(not(feature = "faults"))]
pub fn begin(_: &Request<'_>) {}

#[cfg(not(feature = "faults"))]
pub fn point(_: &Request<'_>, _: &str) {}

#[cfg(not(feature = "faults"))]
pub fn end(_: &Request<'_>) {}
