//! The record of a module: `LoadModule` looks it up by name, and httpd keeps its data about the module in it.

use apache_sys as sys;
use std::cell::UnsafeCell;

/// The record that httpd finds by the name in `LoadModule`, and writes its data about the module into.
#[repr(transparent)]
#[derive(Debug)]
pub struct ModuleRecord(UnsafeCell<sys::module>);

// SAFETY: httpd writes to the record only while it reads its configuration, on the only thread there is then.
unsafe impl Sync for ModuleRecord {}

impl ModuleRecord {
    /// A record that httpd has not seen yet.
    pub(crate) const fn from_raw(raw: sys::module) -> Self {
        ModuleRecord(UnsafeCell::new(raw))
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::module {
        self.0.get()
    }

    /// Whether httpd has loaded it; without an index it has no settings either.
    pub fn is_loaded(&self) -> bool {
        self.index() >= 0
    }

    /// The index that httpd gave the module when it loaded it; LogLevel uses it.
    pub(crate) fn index(&self) -> i32 {
        // SAFETY: httpd sets module_index before it calls any function of the module.
        unsafe { (*self.0.get()).module_index }
    }
}
