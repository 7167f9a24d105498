//! The configuration as httpd read it (`ap_conftree`): sections with their arguments, directives and inner sections. For checks at the
//! start that depend on the settings of other modules.

use apache_sys as sys;
use apr::{OwnPool, Pool};
use conftree::Directive;
use std::ffi::{CStr, CString, c_char, c_int};
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

/// The most children that httpd runs at once (ServerLimit); a graceful restart adds some of the previous generation.
pub fn most_children(_: &Server<'_>) -> usize {
    let mut most: c_int = 0;
    // SAFETY: only writes the number; the MPM knows it once the configuration is read, before there is a Server.
    unsafe { sys::ap_mpm_query(sys::AP_MPMQ_HARD_LIMIT_DAEMONS as c_int, &mut most) };
    usize::try_from(most).unwrap_or(0)
}

/// The whole configuration, in the order it was read. Empty except while httpd checks its configuration.
pub fn configuration(_: &Server<'_>) -> Vec<Directive> {
    let pool = OwnPool::default();
    // SAFETY: a server exists inside hooks that run once the configuration is read, when the tree is complete; nobody changes it then.
    unsafe { siblings(sys::ap_conftree, pool.borrow()) }
}

/// # Safety
/// `node` is NULL or a node of a complete tree.
unsafe fn siblings(mut node: *const sys::ap_directive_t, pool: Pool<'_>) -> Vec<Directive> {
    let mut sections = Vec::new();
    // SAFETY: the nodes of the tree are linked by next and first_child, both NULL at the end (http_config.h).
    while let Some(directive) = unsafe { node.as_ref() } {
        // SAFETY: the fields of a node are C strings in the pool of the configuration, or NULL.
        unsafe {
            let name = text(directive.directive);
            sections.push(Directive {
                words: words(&name, directive.args, pool),
                place: format!("{}:{}", text(directive.filename), directive.line_num),
                children: siblings(directive.first_child, pool),
                name,
            });
        }
        node = directive.next;
    }
    sections
}

/// The words of a line as httpd splits them. A section's line ends at its last `>` (`ap_strrchr_c(arg, '>')` in core.c).
///
/// # Safety
/// `line` is NULL or a C string.
unsafe fn words(name: &str, line: *const c_char, pool: Pool<'_>) -> Vec<String> {
    let Some(line) = NonNull::new(line.cast_mut()) else { return Vec::new() };
    // SAFETY: not NULL, so a C string.
    let line = unsafe { CStr::from_ptr(line.as_ptr()) }.to_bytes();
    let end = if name.starts_with('<') { line.iter().rposition(|&byte| byte == b'>') } else { None };
    let line = CString::new(&line[..end.unwrap_or(line.len())]).expect("part of a C string");
    let (mut rest, mut words) = (line.as_ptr(), Vec::new());
    // SAFETY: rest points into line, at its end at last.
    while unsafe { *rest } != 0 {
        // SAFETY: rest is a C string, which ap_getword_conf moves within; the word is a copy in the pool, which outlives this call.
        words.push(unsafe { text(sys::ap_getword_conf(pool.as_ptr(), &mut rest)) });
    }
    words
}

/// # Safety
/// `text` is NULL or a C string.
unsafe fn text(text: *const c_char) -> String {
    NonNull::new(text.cast_mut())
        // SAFETY: not NULL, so a C string.
        .map(|text| unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Whether this directive with this first word stands somewhere.
pub(crate) fn is_set(directives: &[Directive], name: &str, word: &str) -> bool {
    directives
        .iter()
        .any(|directive| directive.is(name) && directive.first_is(word) || is_set(&directive.children, name, word))
}
