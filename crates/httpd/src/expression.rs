//! httpd's expressions in string form (`ap_expr.h`): parsed while the configuration is read, evaluated for a request.

use crate::Request;
use apache_sys as sys;
use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// A parsed expression. It lives in the configuration's pool, and calls functions of modules that are unloaded together with it.
///
/// Settings may hold one, since they go with the configuration, too:
///
/// ```no_run
/// fn keep<'c>(command: &httpd::Command<'c>) -> Result<httpd::Expression<'c>, String> {
///     command.expression("%{REMOTE_USER}")
/// }
/// ```
///
/// What outlives a restart may not:
///
/// ```compile_fail,E0521
/// fn keep(command: &httpd::Command<'_>) -> Result<httpd::Expression<'static>, String> {
///     let kept: Result<httpd::Expression<'static>, String> = command.expression("%{REMOTE_USER}");
///     kept
/// }
/// ```
#[derive(Debug)]
pub struct Expression<'c>(NonNull<sys::ap_expr_info_t>, PhantomData<&'c ()>);

// SAFETY: evaluation only reads the parsed expression (ap_expr_str_exec takes it const); many threads of httpd share one.
unsafe impl Send for Expression<'_> {}
// SAFETY: as for Send.
unsafe impl Sync for Expression<'_> {}

/// A parsed condition, as in `<If>`: true or false. It lives as long as an [`Expression`].
#[derive(Debug)]
pub struct Condition<'c>(Expression<'c>);

impl<'c> Condition<'c> {
    pub(crate) fn parse(command: &'c sys::cmd_parms, text: &str) -> Result<Self, String> {
        Expression::parse_with(command, text, 0).map(Condition)
    }
}

impl<'c> Expression<'c> {
    pub(crate) fn parse(command: &'c sys::cmd_parms, text: &str) -> Result<Self, String> {
        Expression::parse_with(command, text, sys::AP_EXPR_FLAG_STRING_RESULT)
    }

    fn parse_with(command: &'c sys::cmd_parms, text: &str, kind: u32) -> Result<Self, String> {
        let source = CString::new(text).map_err(|_| "an expression cannot hold a NUL byte".to_owned())?;
        // The parser keeps pointers into its input, so the input goes into the pool of the configuration.
        // SAFETY: the command's pool is live; apr_pstrdup copies.
        let source = unsafe { sys::apr_pstrdup(command.pool, source.as_ptr()) };
        let mut error = ptr::null();
        let flags = kind | sys::AP_EXPR_FLAG_DONT_VARY;
        // SAFETY: command is the one httpd is reading; error is set when NULL is not what comes back; -1 is APLOG_NO_MODULE.
        let info = unsafe { sys::ap_expr_parse_cmd_mi(command, source, flags, &mut error, None, -1) };
        if !error.is_null() {
            // SAFETY: the message is a C string in the command's pool.
            let message = unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned();
            return Err(format!("'{text}' is not an expression of httpd: {message}"));
        }
        NonNull::new(info)
            .map(|info| Expression(info, PhantomData))
            .ok_or_else(|| format!("'{text}' is not an expression of httpd"))
    }
}

impl<'r> Request<'r> {
    /// Whether a condition holds for this request; `Err` is httpd's message why it cannot be evaluated.
    pub fn holds(&self, condition: &Condition<'_>) -> Result<bool, String> {
        let mut error = ptr::null();
        // SAFETY: the expression lives in the configuration's pool, which outlives requests.
        let value = unsafe { sys::ap_expr_exec(self.as_ptr(), condition.0.0.as_ptr(), &mut error) };
        match value {
            ..0 => {
                // SAFETY: NULL or a C string in r->pool.
                let words = (!error.is_null()).then(|| unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned());
                Err(words.unwrap_or("no value".to_owned()))
            }
            0 => Ok(false),
            _ => Ok(true),
        }
    }

    /// The value of an expression for this request; `Err` is httpd's message why there is none.
    pub fn evaluate(&self, expression: &Expression<'_>) -> Result<&'r [u8], String> {
        let mut error = ptr::null();
        // SAFETY: the expression lives in the configuration's pool, which outlives requests; the result is in r->pool or older.
        let value = unsafe { sys::ap_expr_str_exec(self.as_ptr(), expression.0.as_ptr(), &mut error) };
        if !error.is_null() {
            // SAFETY: the message is a C string in r->pool.
            return Err(unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned());
        }
        if value.is_null() {
            return Err("no value".to_owned());
        }
        // SAFETY: a C string in r->pool or older.
        Ok(unsafe { CStr::from_ptr(value) }.to_bytes())
    }
}
