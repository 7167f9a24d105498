//! Bucket brigades, read from the front: what httpd's input filters deliver.

use crate::{Pool, Status};
use apache_sys as sys;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// A brigade of our own; its buckets are deleted with it.
#[derive(Debug)]
pub struct Brigade<'p> {
    raw: NonNull<sys::apr_bucket_brigade>,
    pool: PhantomData<Pool<'p>>,
}

/// The first bucket of a brigade, which stays there until [`Bucket::delete`].
#[derive(Debug)]
pub struct Bucket<'b> {
    raw: NonNull<sys::apr_bucket>,
    brigade: PhantomData<&'b mut ()>,
}

impl<'p> Brigade<'p> {
    /// An empty brigade.
    ///
    /// # Safety
    /// `allocator` is live until the pool is cleared and belongs to this thread.
    pub unsafe fn new(pool: Pool<'p>, allocator: *mut sys::apr_bucket_alloc_t) -> Self {
        // SAFETY: apr_brigade_create never returns NULL (out of memory ends the process); the caller vouches for the allocator.
        let raw = unsafe { sys::apr_brigade_create(pool.as_ptr(), allocator) };
        Brigade { raw: NonNull::new(raw).expect("APR ends the process when out of memory"), pool: PhantomData }
    }

    /// The brigade as C wants it.
    pub fn as_ptr(&mut self) -> *mut sys::apr_bucket_brigade {
        self.raw.as_ptr()
    }

    /// The first bucket, `None` when the brigade is empty.
    pub fn first(&mut self) -> Option<Bucket<'_>> {
        // SAFETY: the brigade is live until drop.
        let raw = unsafe { sys::apache_sys_brigade_first(self.raw.as_ptr()) };
        NonNull::new(raw).map(|raw| Bucket { raw, brigade: PhantomData })
    }

    /// Deletes every bucket, so that the brigade can be filled again.
    pub fn clear(&mut self) {
        // SAFETY: the brigade is live until drop.
        unsafe { sys::apr_brigade_cleanup(self.raw.as_ptr().cast()) };
    }
}

impl Drop for Brigade<'_> {
    fn drop(&mut self) {
        // SAFETY: destroyed once; apr_brigade_destroy also takes the pool's cleanup away.
        unsafe { sys::apr_brigade_destroy(self.raw.as_ptr()) };
    }
}

impl Bucket<'_> {
    /// The bucket as C wants it.
    pub fn as_ptr(&self) -> *const sys::apr_bucket {
        self.raw.as_ptr()
    }

    /// Whether this is the end of the stream.
    pub fn is_eos(&self) -> bool {
        // SAFETY: the bucket is live until deleted.
        unsafe { sys::apache_sys_bucket_is_eos(self.raw.as_ptr()) != 0 }
    }

    /// Whether this holds no data by its kind (EOS, FLUSH, errors).
    pub fn is_metadata(&self) -> bool {
        // SAFETY: the bucket is live until deleted.
        unsafe { sys::apache_sys_bucket_is_metadata(self.raw.as_ptr()) != 0 }
    }

    /// The data. Waits for it where the bucket is a socket or a pipe.
    pub fn read(&mut self) -> Result<&[u8], Status> {
        let (mut data, mut length) = (ptr::null(), 0);
        // SAFETY: apr_bucket_read sets both on success.
        Status(unsafe { sys::apache_sys_bucket_read(self.raw.as_ptr(), &mut data, &mut length) }).ok()?;
        if length == 0 {
            return Ok(b"");
        }
        // SAFETY: data holds length bytes that stay until the bucket is deleted, which takes self.
        Ok(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) })
    }

    /// Takes the bucket out of its brigade and frees it.
    pub fn delete(self) {
        // SAFETY: the bucket is live, and self is the only handle to it.
        unsafe { sys::apache_sys_bucket_delete(self.raw.as_ptr()) };
    }
}
