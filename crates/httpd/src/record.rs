//! The record of a module: what `LoadModule` looks up by name, and what httpd keeps its bookkeeping of the module in.

use apache_sys as sys;
use std::cell::UnsafeCell;

/// The record httpd finds by the name behind `LoadModule` and writes its bookkeeping into.
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

    /// Whether httpd has loaded it; without a number it has no settings either.
    pub fn is_loaded(&self) -> bool {
        self.index() >= 0
    }

    /// The number httpd gave the module when it was loaded; LogLevel knows it by that.
    pub(crate) fn index(&self) -> i32 {
        // SAFETY: httpd sets module_index before it calls any function of the module.
        unsafe { (*self.0.get()).module_index }
    }
}
