//! Warnings at the start: the configuration as httpd parsed it -> the error log.
#![forbid(unsafe_code)]

use conftree::Directive;
use mailgate::audit;

/// Logs what is risky in the configuration.
pub fn warn(tree: &[Directive]) {
    for warning in audit::warnings(tree) {
        tracing::warn!("{}: {}", warning.tag, warning.text);
    }
}
