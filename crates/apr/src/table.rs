//! APR tables: ordered, keys ignore case and may repeat.

use apache_sys as sys;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A table in a pool that lives for `'p`.
///
/// ```no_run
/// fn host<'p>(table: apr::Table<'p>) -> Option<&'p [u8]> {
///     table.get(c"Host")
/// }
/// ```
///
/// ```compile_fail
/// fn host(table: apr::Table<'_>) -> Option<&'static [u8]> {
///     table.get(c"Host")
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Table<'p> {
    raw: NonNull<sys::apr_table_t>,
    lifetime: PhantomData<(&'p (), *mut ())>,
}

impl<'p> Table<'p> {
    /// Wraps a table that APR or httpd gave.
    ///
    /// # Safety
    /// `raw` is a live table of this thread; it and all its keys and values live in pools that are not cleared before the end of `'p`.
    pub unsafe fn from_raw(raw: NonNull<sys::apr_table_t>) -> Self {
        Table { raw, lifetime: PhantomData }
    }

    /// The value of the first entry with this key.
    pub fn get(self, key: &CStr) -> Option<&'p [u8]> {
        // SAFETY: apr_table_get reads the two C strings and returns NULL or a value of the table.
        let value = unsafe { sys::apr_table_get(self.raw.as_ptr(), key.as_ptr()) };
        // SAFETY: values are C strings that live as long as the table's pool (from_raw).
        (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_bytes())
    }

    /// Replaces every entry with this key by one; both strings are copied into the table's pool.
    pub fn set(self, key: &CStr, value: &CStr) {
        // SAFETY: apr_table_set copies both strings.
        unsafe { sys::apr_table_set(self.raw.as_ptr(), key.as_ptr(), value.as_ptr()) }
    }

    /// The same for Rust strings; what follows a NUL is dropped.
    pub fn set_text(self, key: &str, value: &str) {
        // SAFETY: apr_table_elts returns the array behind the table, which lives in the table's pool and names it.
        let pool = unsafe { (*sys::apr_table_elts(self.raw.as_ptr())).pool };
        // SAFETY: apr_pstrmemdup copies so many octets of a live str into the pool and puts a NUL behind them.
        let copy = |text: &str| unsafe { sys::apr_pstrmemdup(pool, text.as_ptr().cast(), text.len()) };
        // SAFETY: apr_table_setn keeps the two pointers, which live as long as the table.
        unsafe { sys::apr_table_setn(self.raw.as_ptr(), copy(key), copy(value)) }
    }

    /// Removes every entry with this key.
    pub fn unset(self, key: &CStr) {
        // SAFETY: apr_table_unset only reads the key.
        unsafe { sys::apr_table_unset(self.raw.as_ptr(), key.as_ptr()) }
    }

    /// All entries in order, as a copy, so that the table may change meanwhile.
    pub fn entries(self) -> Vec<(&'p [u8], &'p [u8])> {
        // SAFETY: apr_table_elts returns the array behind the table, never NULL.
        let array = unsafe { &*sys::apr_table_elts(self.raw.as_ptr()) };
        let length = usize::try_from(array.nelts).unwrap_or(0);
        if length == 0 {
            return Vec::new();
        }
        // SAFETY: elts points to nelts entries of type apr_table_entry_t (apr_tables.h).
        let entries = unsafe { std::slice::from_raw_parts(array.elts.cast::<sys::apr_table_entry_t>(), length) };
        let bytes = |text: *const std::ffi::c_char| -> &'p [u8] {
            if text.is_null() {
                return b"";
            }
            // SAFETY: keys and values are C strings that live as long as the table's pool (from_raw).
            unsafe { CStr::from_ptr(text) }.to_bytes()
        };
        entries.iter().map(|entry| (bytes(entry.key), bytes(entry.val))).collect()
    }
}
