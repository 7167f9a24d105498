//! Faults of the wrapper on demand, for tests (feature `panics`); in every other build the functions are empty.

/// Where a test may ask for a panic: `MOD_SENDMAIL_PANIC` in httpd's environment names the hook.
#[cfg(feature = "panics")]
pub(crate) fn injected(hook: &str) {
    assert!(std::env::var_os("MOD_SENDMAIL_PANIC").is_none_or(|wanted| wanted != hook), "injected in {hook}");
}

#[cfg(not(feature = "panics"))]
#[inline(always)]
pub(crate) fn injected(_: &str) {}

/// Whether a test wants this to fail: `MOD_SENDMAIL_FAIL` in httpd's environment names it.
pub(crate) fn fails(what: &str) -> bool {
    cfg!(feature = "panics") && std::env::var_os("MOD_SENDMAIL_FAIL").is_some_and(|wanted| wanted == what)
}
