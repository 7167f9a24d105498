//! Memory that all processes of a server share: made once by the parent, inherited by every child, found again after a restart. It is never
//! freed before the process ends, so a reference into it stays valid, even in a thread that still runs while httpd clears its pools.

use crate::{Server, inject};
use apache_sys as sys;
use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use zerocopy::FromZeros;

/// What may be in shared memory: only atomic integers, and valid when all octets are zero.
pub trait Shareable: FromZeros + Sync + 'static {}

impl<T: FromZeros + Sync + 'static> Shareable for T {}

/// An array in shared memory, empty until it is made.
#[derive(Debug)]
pub struct Shared<T: Shareable> {
    block: AtomicPtr<Block>,
    name: &'static str,
    items: std::marker::PhantomData<fn() -> T>,
}

/// The start of a mapping; the items follow at [`OFFSET`].
#[repr(C)]
struct Block {
    length: usize,
}

/// A cache line, and at least the alignment of any item of atomic integers.
const OFFSET: usize = 64;

impl<T: Shareable> Shared<T> {
    /// The parent finds the memory again by `name` after a restart; the name changes with the layout of `T`.
    pub const fn new(name: &'static str) -> Self {
        const { assert!(align_of::<T>() <= OFFSET) };
        Shared { block: AtomicPtr::new(ptr::null_mut()), name, items: std::marker::PhantomData }
    }

    /// Finds the memory that an earlier start of this server made for `length` items of this `layout`, or makes it, all zero.
    pub fn make(&self, server: &Server<'_>, layout: u64, length: usize) -> Result<(), String> {
        // SAFETY: httpd makes server_rec.process and its pool before it reads any configuration; they live as long as the process.
        let pool = unsafe { (*(*server.as_ptr()).process).pool };
        let key = format!("{}-{layout:x}-{}-{length}", self.name, size_of::<T>());
        let key = CString::new(key).map_err(|error| error.to_string())?;
        let mut found: *mut c_void = ptr::null_mut();
        // SAFETY: writes NULL or what was set for this key, which is only ever done below.
        unsafe { sys::apr_pool_userdata_get(&mut found, key.as_ptr(), pool) };
        let block = match NonNull::new(found.cast::<Block>()) {
            Some(block) => block,
            None => {
                let block = map::<T>(length)?;
                // SAFETY: copies the key into the pool, which outlives this library (apr_pools.h on DSOs); no cleanup.
                unsafe { sys::apr_pool_userdata_set(block.as_ptr().cast(), key.as_ptr(), None, pool) };
                block
            }
        };
        self.block.store(block.as_ptr(), Ordering::Release);
        Ok(())
    }

    /// The items; none before [`Self::make`], or if that failed.
    pub fn items(&self) -> &'static [T] {
        let Some(block) = NonNull::new(self.block.load(Ordering::Acquire)) else { return &[] };
        // SAFETY: `make` stores blocks alone that `map` made for T, wrote the length into and nobody ever unmaps or writes to but through
        // atomics; the items lie behind it, within the mapping, zero at first, which is a value of T (FromZeros).
        unsafe {
            let items = block.as_ptr().byte_add(OFFSET).cast::<T>();
            std::slice::from_raw_parts(items, block.as_ref().length)
        }
    }
}

/// Memory for `length` items, all zero, inherited by children at fork(2).
fn map<T: Shareable>(length: usize) -> Result<NonNull<Block>, String> {
    if inject::fails("map") {
        return Err("injected".to_owned());
    }
    let size = length.checked_mul(size_of::<T>()).and_then(|size| size.checked_add(OFFSET)).ok_or("too many items")?;
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping that replaces none; no file is behind it.
    let memory = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return Err(format!("{size} octets of shared memory: {}", std::io::Error::last_os_error()));
    }
    let block = NonNull::new(memory.cast::<Block>()).ok_or("shared memory at address 0")?;
    // SAFETY: the mapping is larger than a Block, begins at a page, and nobody else knows it yet.
    unsafe { block.write(Block { length }) };
    Ok(block)
}
