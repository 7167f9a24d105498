//! The configuration as httpd read it (`ap_conftree`): sections with their arguments, directives and inner sections, for checks at
//! the start that must see what other modules were told.

use apache_sys as sys;
use mailgate::audit::Directive;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::NonNull;

/// The main server.
#[derive(Debug)]
pub struct Server<'s> {
    raw: &'s sys::server_rec,
}

impl<'s> Server<'s> {
    pub(crate) unsafe fn from_raw(raw: &'s sys::server_rec) -> Self {
        Server { raw }
    }

    pub(crate) fn as_ptr(&self) -> *const sys::server_rec {
        self.raw
    }
}

/// The most children that httpd has at one time (ServerLimit); a graceful restart adds some of the generation before.
pub fn most_children(_: &Server<'_>) -> usize {
    let mut most: c_int = 0;
    // SAFETY: only writes the number; the MPM knows it once the configuration is read, before there is a Server.
    unsafe { sys::ap_mpm_query(sys::AP_MPMQ_HARD_LIMIT_DAEMONS as c_int, &mut most) };
    usize::try_from(most).unwrap_or(0)
}

/// The whole configuration, in the order it was read. Empty but while httpd looks its configuration over.
pub fn configuration(_: &Server<'_>) -> Vec<Directive> {
    // SAFETY: a server exists inside hooks that run once the configuration is read, when the tree is complete; nobody changes it then.
    unsafe { siblings(sys::ap_conftree) }
}

/// # Safety
/// `node` is NULL or a node of a complete tree.
unsafe fn siblings(mut node: *const sys::ap_directive_t) -> Vec<Directive> {
    let mut sections = Vec::new();
    // SAFETY: the nodes of the tree are linked by next and first_child, both NULL at the end (http_config.h).
    while let Some(directive) = unsafe { node.as_ref() } {
        // SAFETY: the fields of a node are C strings in the pool of the configuration, or NULL.
        unsafe {
            sections.push(Directive {
                name: text(directive.directive),
                arguments: text(directive.args),
                place: format!("{}:{}", text(directive.filename), directive.line_num),
                children: siblings(directive.first_child),
            });
        }
        node = directive.next;
    }
    sections
}

/// # Safety
/// `text` is NULL or a C string.
unsafe fn text(text: *const c_char) -> String {
    NonNull::new(text.cast_mut())
        // SAFETY: not NULL, so a C string.
        .map(|text| unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
        .unwrap_or_default()
}
