//! APR memory pools. What is allocated in a pool lives until the pool is cleared; nothing is freed on its own. So a reference with the
//! pool's lifetime stays valid even after the structure it came from changes.

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

/// A pool of our own, cleared when it is dropped.
#[derive(Debug)]
pub struct OwnPool(NonNull<sys::apr_pool_t>);

impl Default for OwnPool {
    fn default() -> Self {
        OwnPool::new()
    }
}

impl OwnPool {
    /// A pool without a parent. Initializes APR the first time; inside httpd that only increases a counter.
    pub fn new() -> Self {
        static INITIALIZED: std::sync::Once = std::sync::Once::new();
        INITIALIZED.call_once(|| {
            // SAFETY: may be called any number of times; never undone, since static data of APR lives as long as the process.
            let status = unsafe { sys::apr_initialize() };
            assert_eq!(status, 0, "APR cannot be initialized");
        });
        let mut raw = std::ptr::null_mut();
        // SAFETY: makes a pool without parent and sets raw; out of memory is the only error.
        unsafe {
            sys::apr_pool_create_ex(&mut raw, std::ptr::null_mut(), None, std::ptr::null_mut());
        }
        OwnPool(NonNull::new(raw).expect("memory for a pool"))
    }

    /// The pool, for as long as it is not dropped.
    pub fn borrow(&self) -> Pool<'_> {
        // SAFETY: live until drop, and OwnPool is not Send, so it stays with this thread.
        unsafe { Pool::from_raw(self.0) }
    }
}

impl Drop for OwnPool {
    fn drop(&mut self) {
        // SAFETY: made in new, destroyed once.
        unsafe { sys::apr_pool_destroy(self.0.as_ptr()) };
    }
}
