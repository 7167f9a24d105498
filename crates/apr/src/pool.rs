//! APR memory pools. Whatever is allocated in one lives until the pool is cleared; nothing is freed on its own, and so a reference
//! with the lifetime of the pool stays valid even after the thing it was taken from points elsewhere.

use apache_sys as sys;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A pool that somebody else clears, not before the end of `'p`. A pool belongs to one thread at a time.
///
/// What is allocated in it does not outlive it:
///
/// ```no_run
/// fn copy<'p>(pool: apr::Pool<'p>) -> &'p std::ffi::CStr {
///     pool.string(b"text")
/// }
/// ```
///
/// ```compile_fail,E0521
/// fn copy(pool: apr::Pool<'_>) -> &'static std::ffi::CStr {
///     let copy: &'static std::ffi::CStr = pool.string(b"text");
///     copy
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pool<'p> {
    raw: NonNull<sys::apr_pool_t>,
    lifetime: PhantomData<(&'p (), *mut ())>,
}

impl<'p> Pool<'p> {
    /// Wraps a pool that APR or httpd gave.
    ///
    /// # Safety
    /// `raw` is a live pool that no other thread uses and that is not cleared before the end of `'p`.
    pub unsafe fn from_raw(raw: NonNull<sys::apr_pool_t>) -> Self {
        Pool { raw, lifetime: PhantomData }
    }

    /// The pool as C wants it.
    pub fn as_ptr(self) -> *mut sys::apr_pool_t {
        self.raw.as_ptr()
    }

    /// A copy of `text` in the pool, cut at its first NUL byte: a C string cannot hold one.
    pub fn string(self, text: &[u8]) -> &'p CStr {
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        // SAFETY: apr_pstrmemdup reads text.len() bytes, adds a NUL and never returns NULL (out of memory ends the process).
        let copy = unsafe { sys::apr_pstrmemdup(self.as_ptr(), text.as_ptr().cast::<c_char>(), text.len()) };
        // SAFETY: the copy ends with NUL and lives as long as the pool.
        unsafe { CStr::from_ptr(copy) }
    }
}
