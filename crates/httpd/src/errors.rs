//! httpd's own error pages in a form that a module chooses: a body per status, and one media type for all.

use crate::{Module, Request, Status, guard};
use apache_sys as sys;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

/// The name of the filter that sets the media type, as httpd knows it.
const FILTER: &CStr = c"MODULE_ERROR_TYPE";

/// What httpd writes for an error.
pub struct ErrorPages {
    /// The media type.
    pub content_type: &'static CStr,
    /// The statuses and their bodies. A body must be neither a URL nor a path: httpd would redirect to it.
    pub bodies: &'static [(u16, CString)],
}

/// Chooses the error pages of a request; `None` for httpd's own. Asked once the sections of the location are merged, and, if it chose
/// nothing then, again before access and authentication, when those of the file are merged too: a location counts before a file.
pub type ChooseErrors<M> = for<'c> fn(&Request<'_>, &<M as Module>::Config<'c>) -> Option<ErrorPages>;

/// Registers the hooks.
///
/// # Safety
/// Called while httpd loads the module.
pub(crate) unsafe fn register<M: Module>() {
    // SAFETY: hooks and filters may be registered now; the functions live as long as the process.
    unsafe {
        let (first, middle) = (sys::APR_HOOK_REALLY_FIRST, sys::APR_HOOK_MIDDLE as c_int);
        sys::ap_hook_translate_name(Some(choose::<M>), ptr::null(), ptr::null(), first);
        sys::ap_hook_header_parser(Some(choose::<M>), ptr::null(), ptr::null(), middle);
        sys::ap_hook_insert_error_filter(Some(insert::<M>), ptr::null(), ptr::null(), middle);
        sys::ap_register_output_filter(FILTER.as_ptr(), Some(set_type), None, sys::AP_FTYPE_CONTENT_SET);
    }
}

/// Overrides the configuration's ErrorDocument for this request.
unsafe extern "C" fn choose<M: Module>(raw: *mut sys::request_rec) -> c_int {
    // SAFETY: httpd passes a live request, ours alone for the time of the call.
    let Some(request) = (unsafe { Request::from_raw(raw) }) else { return sys::DECLINED };
    // SAFETY: the settings were made by config::create or config::merge for M's record, in pools that outlive the hook.
    let config = unsafe {
        sys::ap_get_module_config((*raw).per_dir_config, M::record().as_ptr()).cast::<M::Config<'_>>().as_ref()
    };
    let (Some(choose), Some(config)) = (M::ERRORS, config) else { return sys::DECLINED };
    // A part of another request has no page of its own; and its guard would end that of the other.
    // SAFETY: the slot of this module in a live request; it holds NULL or what was chosen.
    let is_chosen = unsafe { !sys::ap_get_module_config((*raw).request_config, M::record().as_ptr()).is_null() };
    if !request.is_main() || is_chosen {
        return sys::DECLINED;
    }
    guard::answer::<M>(&request, || {
        if let Some(pages) = choose(&request, config) {
            for (status, body) in pages.bodies {
                // SAFETY: core copies the text into r->pool; it is neither a URL nor a path.
                unsafe { sys::ap_custom_response(raw, c_int::from(*status), body.as_ptr()) };
            }
            let content_type = pages.content_type.as_ptr().cast_mut().cast::<c_void>();
            // SAFETY: the slot of this module in a live request; the text is a constant, and is only read.
            unsafe { sys::ap_set_module_config((*raw).request_config, M::record().as_ptr(), content_type) };
        }
        Status::DECLINED
    })
    .code()
}

/// httpd's insert_error_filter: httpd is about to write its own page.
unsafe extern "C" fn insert<M: Module>(raw: *mut sys::request_rec) {
    // SAFETY: httpd passes a live request; the slot holds NULL or what `choose` has put there.
    unsafe {
        let content_type = sys::ap_get_module_config((*raw).request_config, M::record().as_ptr());
        if !content_type.is_null() {
            sys::ap_add_output_filter(FILTER.as_ptr(), content_type, raw, (*raw).connection);
        }
    }
}

/// Sets the media type after httpd, which sets HTML for all its own pages.
unsafe extern "C" fn set_type(
    filter: *mut sys::ap_filter_t,
    brigade: *mut sys::apr_bucket_brigade,
) -> sys::apr_status_t {
    // SAFETY: httpd passes a live filter of a live request, whose context `insert` gave; the next one is there until the request ends.
    unsafe {
        sys::ap_set_content_type((*filter).r, (*filter).ctx.cast::<c_char>());
        let next = (*filter).next;
        sys::ap_remove_output_filter(filter);
        sys::ap_pass_brigade(next, brigade)
    }
}
