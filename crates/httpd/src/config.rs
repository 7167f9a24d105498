//! The settings of a section of the configuration. httpd asks for an empty one per section and merges an inner over an outer one, at the
//! start and again for a request. Each lives in a Rust box that the section's pool drops.

use crate::{Module, guard, inject};
use apache_sys as sys;
use std::ffi::{c_char, c_void};
use std::ptr;

/// The settings of one section. A value that a section does not set must differ from a default, or merging hides it. Many threads of httpd
/// read one at the same time, and the thread that drops it may not be the one that made it. They live no longer than the configuration, and
/// so may hold what belongs to it (an [`Expression`](crate::Expression)).
pub trait Config: Default + Send + Sync {
    /// `inner` over `outer`.
    fn merge(outer: &Self, inner: &Self) -> Self;
}

/// httpd's create_dir_config. NULL after a panic, which [`crate::hooks`] turns into a refused start.
pub(crate) unsafe extern "C" fn create<M: Module>(pool: *mut sys::apr_pool_t, _: *mut c_char) -> *mut c_void {
    guard::setting_up(|| {
        inject::injected("create");
        // SAFETY: httpd gives the pool that the configuration lives in.
        unsafe { own(pool, <M::Config<'_> as Default>::default()) }
    })
    .unwrap_or(ptr::null_mut())
}

/// httpd's merge_dir_config, called while it reads its configuration and at least once for each request. NULL after a panic: that request
/// is answered with 500.
pub(crate) unsafe extern "C" fn merge<M: Module>(
    pool: *mut sys::apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    // SAFETY: both come from `create` or `merge` of the same M; httpd does not change them meanwhile.
    let (outer, inner) = unsafe { (outer.cast::<M::Config<'_>>().as_ref(), inner.cast::<M::Config<'_>>().as_ref()) };
    let (Some(outer), Some(inner)) = (outer, inner) else { return ptr::null_mut() };
    guard::setting_up(|| {
        inject::injected("merge");
        // SAFETY: httpd gives the pool that the merged settings live in.
        unsafe { own(pool, M::Config::merge(outer, inner)) }
    })
    .unwrap_or(ptr::null_mut())
}

/// Gives `value` to the pool, which drops it when it is cleared.
///
/// # Safety
/// `pool` is a live pool of this thread, and not outlived by what `value` borrows.
unsafe fn own<T>(pool: *mut sys::apr_pool_t, value: T) -> *mut c_void {
    let value: *mut c_void = Box::into_raw(Box::new(value)).cast();
    // SAFETY: the pool is live; the cleanup runs once, before the memory of the pool goes.
    unsafe { sys::apr_pool_cleanup_register(pool, value, Some(drop_box::<T>), Some(sys::apr_pool_cleanup_null)) };
    value
}

unsafe extern "C" fn drop_box<T>(value: *mut c_void) -> sys::apr_status_t {
    // SAFETY: `own` made the pointer from a box of T and APR runs a cleanup once.
    guard::setting_up(|| drop(unsafe { Box::from_raw(value.cast::<T>()) }));
    0
}
