//! `apr_status_t`: 0 is success, everything else an error with a text.

use apache_sys as sys;
use std::ffi::{CStr, c_char};
use std::fmt;

/// What an APR function returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub sys::apr_status_t);

impl Status {
    /// `Err` for everything but APR_SUCCESS.
    pub fn ok(self) -> Result<(), Status> {
        if self.0 == 0 { Ok(()) } else { Err(self) }
    }

    /// Whether there is nothing yet (APR_EAGAIN, which is the kernel's EAGAIN).
    pub fn is_again(self) -> bool {
        std::io::Error::from_raw_os_error(self.0).kind() == std::io::ErrorKind::WouldBlock
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0 as c_char; 200];
        // SAFETY: apr_strerror writes at most `text.len()` bytes with a final NUL and returns `text`.
        let message = unsafe { CStr::from_ptr(sys::apr_strerror(self.0, text.as_mut_ptr(), text.len())) };
        write!(f, "{} ({})", message.to_string_lossy(), self.0)
    }
}

impl std::error::Error for Status {}
